/*-------------------------------------------------------------------------
 *
 * quote.h
 *	  What a quote is: one symbol at one moment, and its JSON message.
 *
 * One table, quote_fields[], describes every field once: its name in JSON and
 * in realtime_quotes, its kind and its place in the struct.  Writing messages,
 * reading them, comparing quotes and making table rows all walk that table,
 * so a new field is one new line.
 *
 * Plain C: no PostgreSQL headers, no I/O.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_MARKET_QUOTE_H
#define VNSTREAM_MARKET_QUOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TICKER_MAX 20			/* characters: ^[A-Z0-9]{1,20}$ */
#define SESSION_MAX 31			/* characters of the board's session label */
#define QUOTE_NAME_MAX 15		/* characters of exchange and source names */

/* Room for the text of why a quote or message is refused. */
#define QUOTE_ERROR_SIZE 512

/* The longest JSON that quote_to_json() writes, with its final zero byte. */
#define QUOTE_JSON_SIZE 2048

/*
 * The longest message that is read.  Ours are below 1,100 bytes, the old
 * deployment's below 400; what is longer was not meant for this topic.
 */
#define QUOTE_MESSAGE_MAX (64 * 1024)

/* The version of the message, sent as header "schema". */
#define QUOTE_SCHEMA_VERSION "1"

/* Days and seconds outside of this range are no quote: DESIGN's partitions. */
#define QUOTE_TIME_MIN INT64_C(964717200000000)	/* 2000-07-28 00:00 +07 */
#define QUOTE_TIME_AHEAD INT64_C(86400000000)	/* one day, in µs */

/* Vietnam's offset from UTC in µs: +07:00 all year, no daylight saving. */
#define VIETNAM_UTC_OFFSET INT64_C(25200000000)

typedef enum QuoteFieldId
{
	QUOTE_TICKER,
	QUOTE_TIME,
	QUOTE_PRICE,
	QUOTE_VOLUME,
	QUOTE_TOTAL_VOLUME,
	QUOTE_CHANGE,
	QUOTE_CHANGE_PERCENT,
	QUOTE_CEILING_PRICE,
	QUOTE_FLOOR_PRICE,
	QUOTE_REFERENCE_PRICE,
	QUOTE_HIGHEST_PRICE,
	QUOTE_LOWEST_PRICE,
	QUOTE_BID_PRICE,
	QUOTE_ASK_PRICE,
	QUOTE_OPEN_PRICE,
	QUOTE_TOTAL_VALUE,
	QUOTE_MATCH_TIME,
	QUOTE_MATCH_SIDE,
	QUOTE_SOURCE_TIME,
	QUOTE_TRADING_DATE,
	QUOTE_SESSION,
	QUOTE_EXCHANGE,
	QUOTE_SOURCE,
	QUOTE_BID_VOLUME,
	QUOTE_BID_PRICE_2,
	QUOTE_BID_VOLUME_2,
	QUOTE_BID_PRICE_3,
	QUOTE_BID_VOLUME_3,
	QUOTE_ASK_VOLUME,
	QUOTE_ASK_PRICE_2,
	QUOTE_ASK_VOLUME_2,
	QUOTE_ASK_PRICE_3,
	QUOTE_ASK_VOLUME_3,
	QUOTE_FOREIGN_BUY_VOLUME,
	QUOTE_FOREIGN_SELL_VOLUME,
	QUOTE_FOREIGN_BUY_VALUE,
	QUOTE_FOREIGN_SELL_VALUE,
	QUOTE_FOREIGN_ROOM,
	QUOTE_PUT_THROUGH_VOLUME,
	QUOTE_PUT_THROUGH_VALUE,
	QUOTE_LISTED_SHARES,
	QUOTE_FIELD_COUNT
} QuoteFieldId;

/* The first fourteen are the old deployment's message, always written. */
#define QUOTE_OLD_FIELD_COUNT 14

typedef enum QuoteFieldKind
{
	QUOTE_KIND_TEXT,			/* char array, UTF-8, zero-terminated */
	QUOTE_KIND_PRICE,			/* double, VND; 0 from outside means unknown */
	QUOTE_KIND_VALUE,			/* double: VND or percent; 0 is a fact */
	QUOTE_KIND_SHARES,			/* int64_t, shares; 0 is a fact */
	QUOTE_KIND_TIME,			/* int64_t, µs since 1970-01-01 UTC */
	QUOTE_KIND_DATE				/* int32_t, days since 1970-01-01 */
} QuoteFieldKind;

typedef struct Quote
{
	uint64_t	known;			/* bit QuoteFieldId: the field has a value */
	char		ticker[TICKER_MAX + 1];
	char		match_side[2];	/* "b" or "s": who took the other's price */
	char		session[SESSION_MAX + 1];
	char		exchange[QUOTE_NAME_MAX + 1];	/* HOSE, HNX, UPCOM */
	char		source[QUOTE_NAME_MAX + 1]; /* vci, kbs */
	int64_t		time;			/* when the response's last byte arrived here */
	int64_t		match_time;		/* the exchange's time of the last match */
	int64_t		source_time;	/* when the source last changed its row */
	int32_t		trading_date;	/* the board's own date */
	double		price;			/* last match */
	double		change;			/* price - reference_price */
	double		change_percent;
	double		ceiling_price;
	double		floor_price;
	double		reference_price;
	double		highest_price;
	double		lowest_price;
	double		open_price;
	double		bid_price[3];	/* best first */
	double		ask_price[3];	/* best first */
	double		total_value;	/* order-matching value of the trading date */
	double		foreign_buy_value;
	double		foreign_sell_value;
	double		put_through_value;
	int64_t		volume;			/* last match */
	int64_t		total_volume;	/* order-matching volume of the trading date */
	int64_t		bid_volume[3];
	int64_t		ask_volume[3];
	int64_t		foreign_buy_volume;
	int64_t		foreign_sell_volume;
	int64_t		foreign_room;
	int64_t		put_through_volume;
	int64_t		listed_shares;	/* of a company; unknown for what is no share */
} Quote;

typedef struct QuoteField
{
	const char *name;			/* key in JSON and column of realtime_quotes */
	QuoteFieldKind kind;
	size_t		offset;			/* in Quote */
	size_t		size;			/* of the member; for text, its array */
} QuoteField;

/* Indexed by QuoteFieldId, in the order of the table's columns. */
extern const QuoteField quote_fields[QUOTE_FIELD_COUNT];

static inline bool
quote_knows(const Quote *quote, QuoteFieldId field)
{
	return (quote->known >> field) & 1;
}

/* An empty quote: nothing known. */
extern void quote_clear(Quote *quote);

/*
 * Setters for those who fill a quote from a board.  They mark the field as
 * known, except: a price of 0, a number that is not finite and an empty text
 * leave it unknown.  Minus zero becomes zero.  Field and kind must fit
 * (asserted), and text be UTF-8.  quote_set_text() answers false, and leaves
 * the field unknown, where the text is longer than the field.
 */
extern void quote_set_number(Quote *quote, QuoteFieldId field, double value);
extern void quote_set_integer(Quote *quote, QuoteFieldId field, int64_t value);
extern bool quote_set_text(Quote *quote, QuoteFieldId field, const char *value);
extern void quote_forget(Quote *quote, QuoteFieldId field);

/* ^[A-Z0-9]{1,20}$ */
extern bool ticker_is_valid(const char *ticker, size_t length);

/*
 * The message of a quote: one JSON object, the old deployment's fourteen
 * fields first and always there (null where unknown), the others only where
 * known.  Prices and values are written with the fewest digits that read
 * back as the same double; times as ISO 8601 with six digits and +07:00.
 * Needs ticker and time.  buffer has QUOTE_JSON_SIZE bytes; the answer is the
 * length without the final zero byte.
 */
extern size_t quote_to_json(const Quote *quote, char *buffer);

/*
 * Read a message: ours, or one of the old deployment's.  Strict about types
 * (a number in quotes, 1.5 shares, 2025-02-30, TICKER for ticker are refused),
 * tolerant of additional keys and of missing ones except ticker and time.
 * 0 in a price means unknown, and volume, change and change_percent, which are
 * the match's, are unknown where price is; a match of another date than
 * trading_date is unknown too (day_forget_other_match()).  A time without an offset is
 * Asia/Ho_Chi_Minh, as the old producer wrote it; year to second are needed,
 * 'T' or a blank between, 0 to 6 digits of a fraction, 'Z' or +hh:mm, +hhmm or
 * -hh:mm.
 *
 * message may be NULL (a tombstone).  On refusal, false and a sentence for a
 * person, as reason.h has them, in error (QUOTE_ERROR_SIZE bytes).  Only the
 * form is judged here; what the numbers may be is rules.h's.  No memory is
 * asked for, so a refusal is always for what the message says.
 */
extern bool quote_from_message(const char *message, size_t length,
							   Quote *quote, char *error);

/*
 * Does the later quote say nothing new?  Equal in every field that a message
 * carries except time and source_time; unknown equals unknown.
 */
extern bool quote_is_unchanged(const Quote *earlier, const Quote *later);

/*
 * Times.  time_from_text() reads what quote_from_message() accepts as time;
 * date_from_text() reads YYYY-MM-DD.  Both answer false for what is no real
 * date or time.  time_to_text() writes 2026-08-04T11:29:58.104512+07:00 (33
 * bytes with the final zero), date_to_text() 2026-08-04 (11 bytes).
 */
#define TIME_TEXT_SIZE 40
#define DATE_TEXT_SIZE 16
extern bool time_from_text(const char *text, size_t length, int64_t *time);
extern void time_to_text(int64_t time, char *text);
extern bool date_from_text(const char *text, size_t length, int32_t *date);
extern void date_to_text(int32_t date, char *text);

/* The day in Vietnam, as days since 1970-01-01, of a time in µs. */
extern int32_t vietnam_date(int64_t time);

#endif							/* VNSTREAM_MARKET_QUOTE_H */
