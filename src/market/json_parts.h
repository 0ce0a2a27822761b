/*-------------------------------------------------------------------------
 *
 * json_parts.h
 *	  What json_scan.c takes from json_string.c and json_number.c.
 *
 * Nobody else needs it: the functions trust text that the scan has passed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_MARKET_JSON_PARTS_H
#define VNSTREAM_MARKET_JSON_PARTS_H

#include "market/json.h"

/* An integer of so many digits is always exactly a double. */
#define JSON_EXACT_DIGITS 15

typedef struct JsonKey
{
	const char *text;			/* between its quotes, escapes unresolved */
	size_t		length;
	uint64_t	hash;			/* of the key with escapes resolved */
	bool		has_escape;
} JsonKey;

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The value of four hexadecimal digits, or -1. */
extern int	json_hex_escape(const char *at, const char *end);

extern uint64_t json_key_hash(const JsonKey *key);

/* Both have their hash. */
extern bool json_key_equals(const JsonKey *key, const JsonKey *other);

/* Is the integer of these digits exactly a double?  At most JSON_MAX_NUMBER. */
extern bool json_integer_is_exact(const char *digits, size_t length);

/*
 * A number of at most JSON_MAX_NUMBER characters as a double; infinite where
 * it is too large.  *is_zero: it is written as zero, not only too small.
 */
extern double json_number_value(const char *start, const char *end,
								bool *is_zero);

#endif							/* VNSTREAM_MARKET_JSON_PARTS_H */
