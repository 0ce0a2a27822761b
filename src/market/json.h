/*-------------------------------------------------------------------------
 *
 * json.h
 *	  Strict reading of JSON that comes from outside.
 *
 * cJSON alone accepts 1e400, duplicate keys, invalid UTF-8, 007 and text after
 * the value, and rounds integers beyond 2^53 without a word (each measured with
 * cJSON 1.7.15).  json_parse() scans the text first and names what is wrong
 * and where; only text that passes reaches cJSON.
 *
 * A message is one flat object, and json_scan() alone gives out its members:
 * four times as fast as with cJSON after it, and without asking for memory, so
 * that a message is never refused for the want of it.
 *
 * Plain C: no PostgreSQL headers, no I/O.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_MARKET_JSON_H
#define VNSTREAM_MARKET_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

/* Deepest nesting accepted; the boards need 5, a message needs 1. */
#define JSON_MAX_DEPTH 32

/*
 * Most keys of one object, counting those of the objects around it.  Finding
 * duplicates compares each key with those before it, so the bound also bounds
 * that work; the largest object of the boards has 46.
 */
#define JSON_MAX_KEYS 512

/*
 * Most values of one text, with the arrays and objects themselves.  cJSON takes
 * 80 bytes for one that may have been written in two ("1,"), so this bounds its
 * tree to 8 MB; the longest answer of bars has 7,000.
 */
#define JSON_MAX_VALUES 100000

/*
 * The longest number, in characters: cJSON reads no longer ones, and a double
 * has 17 digits.
 */
#define JSON_MAX_NUMBER 63

/* Room that callers provide for the text of what is wrong. */
#define JSON_ERROR_SIZE 256

/*
 * Is text[0 .. length) exactly one JSON value by RFC 8259, and one whose
 * meaning does not depend on who reads it?  Refused besides bad grammar:
 * invalid UTF-8, \u0000 and lone surrogates, duplicate keys in one object,
 * numbers that a double cannot hold (1e400, 1e-400) or would silently change
 * (an integer that is not exactly a double, such as 2^53 + 1), numbers longer
 * than JSON_MAX_NUMBER, nesting deeper than JSON_MAX_DEPTH, more than
 * JSON_MAX_KEYS keys or JSON_MAX_VALUES values, text after the value.
 *
 * On refusal writes a sentence (as reason.h has them) into error
 * (JSON_ERROR_SIZE bytes), with the offset in bytes from 0 and, for numbers,
 * the key.
 */
extern bool json_check(const char *text, size_t length, char *error);

/*
 * The same, giving out each member of the outermost object on the way: its
 * name with escapes resolved, and its value, of which the parts that do not
 * belong to its kind are not set.  What was given out counts for nothing when
 * the text is refused afterwards.  *kind is the outermost value's; member may
 * be NULL.  Members with names of JSON_NAME_SIZE bytes or more, when written
 * with escapes, are not given out.
 */
#define JSON_NAME_SIZE 64

typedef enum JsonKind
{
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
} JsonKind;

typedef struct JsonValue
{
	JsonKind	kind;
	double		number;
	const char *text;			/* of a string, without quotes, as written */
	size_t		length;
	bool		has_escape;
} JsonValue;

typedef void (*JsonMemberCallback) (void *context, const char *name,
									size_t length, const JsonValue *value);

extern bool json_scan(const char *text, size_t length,
					  JsonMemberCallback member, void *context,
					  JsonKind *kind, char *error);

/*
 * A scanned string with its escapes resolved.  Writes what fits and a zero
 * byte; the answer is the whole length, as snprintf()'s.
 */
extern size_t json_unescape(const char *text, size_t length,
							char *buffer, size_t size);

/*
 * json_check(), then cJSON.  The caller frees the result with cJSON_Delete().
 * NULL with error filled where the text is refused or memory is short.
 */
extern cJSON *json_parse(const char *text, size_t length, char *error);

/*
 * Member of an object by its exact, case-sensitive name; NULL where absent.
 */
extern const cJSON *json_member(const cJSON *object, const char *name);

/*
 * What a value is, as part of a sentence: a string ("15"), a number (1.5), an
 * object, null; of a kind alone, without the value.  description has
 * JSON_DESCRIPTION_SIZE bytes and is returned.
 */
#define JSON_DESCRIPTION_SIZE 128
extern const char *json_describe_kind(JsonKind kind);
extern const char *json_describe(const JsonValue *value, char *description);
extern const char *json_describe_item(const cJSON *item, char *description);

/*
 * The elements of an array, found by brackets and quotes only and not judged:
 * so a row that json_parse() refuses does not take its whole board with it.
 * The array is BROKEN, with a sentence in error (JSON_ERROR_SIZE bytes), where
 * it is cut off or followed by text; elements before that were given out.
 * json_array_begin() is false where the text does not begin an array;
 * json_array_begin_member() where it is no object with exactly one member of
 * that name, or that is no array.  What follows such an array in its object is
 * not judged but for its brackets.
 */
typedef struct JsonArray
{
	const char *start;
	const char *end;
	const char *at;
	bool		is_first;
} JsonArray;

typedef enum JsonStep
{
	JSON_STEP_ELEMENT,
	JSON_STEP_END,
	JSON_STEP_BROKEN
} JsonStep;

extern bool json_array_begin(JsonArray *array, const char *text, size_t length);
extern bool json_array_begin_member(JsonArray *array, const char *text,
									size_t length, const char *name);
extern JsonStep json_array_next(JsonArray *array, const char **element,
								size_t *length, char *error);

/*
 * Write a number: a whole one up to 2^53 without point or exponent, any other
 * with the fewest digits, from 15 to 17 significant ones, that read back as
 * the same double; in any locale.  It must be finite.  text has
 * JSON_NUMBER_SIZE bytes; the answer points at the final zero byte.
 */
#define JSON_NUMBER_SIZE 32
extern char *json_write_number(double value, char *text);
extern char *json_write_integer(int64_t value, char *text);

#endif							/* VNSTREAM_MARKET_JSON_H */
