/*-------------------------------------------------------------------------
 *
 * test_quote.c
 *	  Messages of quotes in both directions, times, and comparing quotes.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/day.h"
#include "market/json.h"
#include "market/quote.h"
#include "test.h"

/* The fields that every message needs, and room for more. */
#define START "{\"ticker\":\"VCB\",\"time\":\"2026-08-04T11:29:58+07:00\""

static const char seed_sample[] =
"{\"ticker\": \"VIC\", \"time\": \"2025-10-12T14:12:50.804477\", "
"\"price\": 15.47, \"volume\": 9217126554917738496, \"total_volume\": 0, "
"\"change\": 0.0, \"change_percent\": 0.0, \"ceiling_price\": 0.0, "
"\"floor_price\": 0.0, \"reference_price\": 0.0, \"highest_price\": 0.0, "
"\"lowest_price\": 0.0, \"bid_price\": 0.0, \"ask_price\": 0.0}";

static bool
read_copy(const char *message, size_t length, Quote *quote, char *error)
{
	char	   *copy = exact_copy(message, length);
	bool		is_good = quote_from_message(copy, length, quote, error);

	free(copy);
	return is_good;
}

static bool
is_plain_sentence(const char *error)
{
	for (; *error != '\0'; error++)
	{
		if (*error < 0x20 || *error > 0x7e)
			return false;
	}
	return true;
}

static void
refuses_bytes(const char *message, size_t length, const char *reason)
{
	Quote		quote;
	char		error[QUOTE_ERROR_SIZE] = "";

	if (read_copy(message, length, &quote, error))
		ok(false, "refused: %s", reason);
	else
		is_text(error, reason, "refused: %s", reason);
	if (!is_plain_sentence(error))
		ok(false, "in plain ASCII");
}

static void
refuses(const char *message, const char *reason)
{
	refuses_bytes(message, strlen(message), reason);
}

static bool
reads(const char *message, Quote *quote)
{
	char		error[QUOTE_ERROR_SIZE];
	bool		is_good = read_copy(message, strlen(message), quote, error);

	ok(is_good, "read: %.60s", message);
	if (!is_good)
		diag("%s", error);
	return is_good;
}

static void
test_bad_messages(void)
{
	Quote		quote;
	char		error[QUOTE_ERROR_SIZE];
	char	   *big;
	size_t		i;

	/* What is no message at all. */
	ok(!quote_from_message(NULL, 0, &quote, error), "a tombstone is refused");
	is_text(error, "message has no value (a tombstone)", "as such");
	refuses("", "message is empty (0 bytes)");
	refuses("rubbish",
			"message is not JSON: a value was expected at offset 0, not \"rubbish\"");
	refuses("[]", "message is an array, an object was expected");
	refuses("\"VCB\"", "message is a string, an object was expected");
	refuses("42", "message is a number, an object was expected");
	refuses("null", "message is null, an object was expected");
	refuses("{}", "\"ticker\" is missing");

	big = malloc(1000000);
	memset(big, ' ', 1000000);
	refuses_bytes(big, 1000000, "message of 1000000 bytes is longer than 65536");
	memcpy(big, START, strlen(START));
	big[QUOTE_MESSAGE_MAX - 1] = '}';
	ok(read_copy(big, QUOTE_MESSAGE_MAX, &quote, error), "65536 bytes are not");
	memset(big, '[', 20000);
	refuses_bytes(big, 20000,
				  "message is not JSON: nested deeper than 32 levels, at offset 32");
	for (i = 0; i < 10000; i++)
		memcpy(big + i * 5, "{\"a\":", 5);
	refuses_bytes(big, 50000,
				  "message is not JSON: nested deeper than 32 levels, at offset 160");
	free(big);

	/* JSON that others read in different ways, or not at all. */
	refuses(START ",\"price\":NaN}",
			"message is not JSON: a value was expected at offset 59, not \"NaN\"");
	refuses(START ",\"price\":1e400}",
			"message is not JSON: number 1e400 of \"price\" at offset 59 is more than a double can hold");
	refuses(START ",\"volume\":9007199254740993}",
			"message is not JSON: number 9007199254740993 of \"volume\" at offset 60 would be changed by being read as a double");
	refuses(START ",\"session\":\"A\\u0000B\"}",
			"message is not JSON: zero character in a string at offset 63: \"\\\\u0000\"");
	refuses_bytes("{\"ticker\":\"VC\0B\"}", 17,
				  "message is not JSON: control character \\x00 in a string at offset 13");
	refuses("{\"ticker\":\"VC\xff\"}",
			"message is not JSON: invalid UTF-8 at offset 13 (byte \\xff)");
	refuses(START ",\"price\":1,\"price\":2}",
			"message is not JSON: key \"price\" is there twice, at offsets 51 and 61");
	refuses(START ",\"price\":1,\"pri\\u0063e\":2}",
			"message is not JSON: key \"price\" is there twice, at offsets 51 and 61");
	refuses(START "} {}",
			"message is not JSON: the end of the text was expected at offset 52, not \"{\"");
	refuses(START ",\"price\":007}",
			"message is not JSON: number 007 of \"price\" at offset 59 begins with a zero");
	refuses(START ",\"price\":60",
			"message is not JSON: the text ends at offset 61, where \",\" or \"}\" was expected");

	/* A bad member before bad JSON: the JSON is the reason. */
	refuses(START ",\"price\":\"15\",\"volume\":}",
			"message is not JSON: a value was expected at offset 73, not \"}\"");

	/* Of several bad members the first is the reason. */
	refuses(START ",\"price\":\"15\",\"volume\":\"7\",\"PRICE\":1}",
			"\"price\" is a string (\"15\"), a number was expected");

	/* Keys. */
	refuses(START ",\"PRICE\":15}", "key \"PRICE\" differs from \"price\" only by case");
	refuses(START ",\"Bid_Volume_2\":15}",
			"key \"Bid_Volume_2\" differs from \"bid_volume_2\" only by case");
	refuses("{\"Ticker\":\"VCB\",\"time\":\"2026-08-04T11:29:58\"}",
			"key \"Ticker\" differs from \"ticker\" only by case");
	refuses("{\"ticker\":\"VCB\"}", "\"time\" is missing");
	refuses("{\"time\":\"2026-08-04T11:29:58\"}", "\"ticker\" is missing");
	refuses("{\"ticker\":null,\"time\":\"2026-08-04T11:29:58\"}",
			"\"ticker\" is missing");
	refuses("{\"ticker\":\"VCB\",\"time\":null}", "\"time\" is missing");

	/* Types. */
	refuses(START ",\"price\":\"15\"}",
			"\"price\" is a string (\"15\"), a number was expected");
	refuses(START ",\"price\":true}", "\"price\" is true, a number was expected");
	refuses(START ",\"price\":[15]}",
			"\"price\" is an array, a number was expected");
	refuses(START ",\"change\":{\"a\":15}}",
			"\"change\" is an object, a number was expected");
	refuses(START ",\"volume\":\"200\"}",
			"\"volume\" is a string (\"200\"), a whole number of shares was expected");
	refuses(START ",\"volume\":1.5}",
			"\"volume\" is a number (1.5), a whole number of shares was expected");
	refuses(START ",\"volume\":1e300}",
			"\"volume\" is a number (1e+300), a number of 64 bits was expected");
	refuses(START ",\"volume\":9223372036854775808}",
			"\"volume\" is a number (9.223372036854776e+18), a number of 64 bits was expected");
	refuses(START ",\"volume\":-9223372036854777856}",
			"\"volume\" is a number (-9.223372036854778e+18), a number of 64 bits was expected");
	refuses(START ",\"session\":7}",
			"\"session\" is a number (7), a string was expected");
	refuses(START ",\"session\":\"A\\nB\\u001b[31m\"}",
			"\"session\" is a string (\"A\\\\nB\\\\u001b[31m\"), a string without control characters was expected");
	refuses(START ",\"session\":\"ABCDEFGHIJKLMNOPQRSTUVWXYZ789012\"}",
			"\"session\" is longer than 31 bytes: \"ABCDEFGHIJKLMNOPQRSTUVWXYZ789012\"");
	refuses(START ",\"exchange\":\"ABCDEFGHIJKLMNOP\"}",
			"\"exchange\" is longer than 15 bytes: \"ABCDEFGHIJKLMNOP\"");
	refuses(START ",\"match_side\":\"buy\"}",
			"\"match_side\" is a string (\"buy\"), \"b\" or \"s\" was expected");

	/* Tickers, times and dates. */
	refuses("{\"ticker\":\"vcb\"}",
			"\"ticker\" is a string (\"vcb\"), a ticker of 1 to 20 letters A-Z and digits was expected");
	refuses("{\"ticker\":\"\"}",
			"\"ticker\" is a string (\"\"), a ticker of 1 to 20 letters A-Z and digits was expected");
	refuses("{\"ticker\":\"\\\"; DROP TABLE\"}",
			"\"ticker\" is a string (\"\\\\\\\"; DROP TABLE\"), a ticker of 1 to 20 letters A-Z and digits was expected");
	refuses("{\"ticker\":\"V\xe1\xba\xa0\"}",
			"\"ticker\" is a string (\"V\\u1ea0\"), a ticker of 1 to 20 letters A-Z and digits was expected");
	refuses("{\"ticker\":\"ABCDEFGHIJKLMNOPQRSTU\"}",
			"\"ticker\" is a string (\"ABCDEFGHIJKLMNOPQRSTU\"), a ticker of 1 to 20 letters A-Z and digits was expected");
	refuses("{\"ticker\":436}",
			"\"ticker\" is a number (436), a string was expected");
	refuses("{\"ticker\":\"VCB\",\"time\":1785817797}",
			"\"time\" is a number (1785817797), a time such as \"2026-08-04T11:29:58.104512+07:00\" was expected");
	refuses("{\"ticker\":\"VCB\",\"time\":\"yesterday\"}",
			"\"time\" is a string (\"yesterday\"), a time that exists was expected");
	refuses("{\"ticker\":\"VCB\",\"time\":\"2025-02-30T11:29:58\"}",
			"\"time\" is a string (\"2025-02-30T11:29:58\"), a time that exists was expected");
	refuses(START ",\"trading_date\":\"2025-02-30\"}",
			"\"trading_date\" is a string (\"2025-02-30\"), a date that exists was expected");
	refuses(START ",\"trading_date\":20250228}",
			"\"trading_date\" is a number (20250228), a date such as \"2026-08-04\" was expected");
	refuses(START ",\"match_time\":\"\"}",
			"\"match_time\" is a string (\"\"), a time that exists was expected");
}

/* An object of 46 members, the last key being one of the others. */
static void
test_duplicate_of_46(void)
{
	char		message[4096];
	char	   *at = message + sprintf(message, "{");
	int			i;

	for (i = 0; i < QUOTE_FIELD_COUNT; i++)
		at += sprintf(at, "%s\"%s\":null", i == 0 ? "" : ",",
					  quote_fields[i].name);
	for (i = QUOTE_FIELD_COUNT; i < 45; i++)
		at += sprintf(at, ",\"extra_%d\":0", i);
	sprintf(at, ",\"ask_price_3\":1}");
	refuses(message, "message is not JSON: key \"ask_price_3\" is there twice, at offsets 558 and 845");
}

static void
test_seed_sample(void)
{
	Quote		quote;
	char		time[TIME_TEXT_SIZE];

	if (!reads(seed_sample, &quote))
		return;
	is_text(quote.ticker, "VIC", "the old sample's ticker");
	time_to_text(quote.time, time);
	is_text(time, "2025-10-12T14:12:50.804477+07:00", "its time is Vietnam's");
	is_number(quote.price, 15.47, "its price");
	is_integer(quote.volume, INT64_C(9217126554917738496), "its volume");
	ok(quote.known == ((UINT64_C(1) << QUOTE_TICKER) | (UINT64_C(1) << QUOTE_TIME) |
					   (UINT64_C(1) << QUOTE_PRICE) | (UINT64_C(1) << QUOTE_VOLUME) |
					   (UINT64_C(1) << QUOTE_TOTAL_VOLUME) |
					   (UINT64_C(1) << QUOTE_CHANGE) |
					   (UINT64_C(1) << QUOTE_CHANGE_PERCENT)),
	   "and its limits of 0.0 are unknown");
}

static void
test_good_messages(void)
{
	Quote		quote;
	char		json[QUOTE_JSON_SIZE];

	/* Integers may be written as floats, and the other way round. */
	reads(START ",\"price\":60000.0,\"volume\":200.0,\"total_volume\":2e2,\"change\":-8E2}",
		  &quote);
	is_number(quote.price, 60000, "a float price");
	is_integer(quote.volume, 200, "200.0 shares are 200");
	is_integer(quote.total_volume, 200, "2e2 too");
	is_number(quote.change, -800, "an integer change");

	/* In whatever order, with more keys, also nested ones, and nulls. */
	reads("{\"x\":{\"price\":1,\"PRICE\":2},\"volume\":5,\"gi\\u00e1\":[],\"price\":60000,"
		  "\"time\":\"2026-08-04T11:29:58Z\",\"change\":null,\"tick\\u0065r\":\"V\\u0043B\"}",
		  &quote);
	is_text(quote.ticker, "VCB", "escapes in key and value");
	is_number(quote.price, 60000, "nested keys are others");
	ok(!quote_knows(&quote, QUOTE_CHANGE), "null is unknown");

	/* Without a price there is no match, so nothing of it. */
	reads(START ",\"price\":0.0,\"volume\":0,\"total_volume\":0,\"change\":0.0,"
		  "\"change_percent\":0.0,\"bid_price\":0,\"bid_volume\":0}", &quote);
	ok(!quote_knows(&quote, QUOTE_PRICE) && !quote_knows(&quote, QUOTE_VOLUME) &&
	   !quote_knows(&quote, QUOTE_CHANGE) &&
	   !quote_knows(&quote, QUOTE_CHANGE_PERCENT),
	   "an inactive ticker's zeros are unknown");
	ok(quote_knows(&quote, QUOTE_TOTAL_VOLUME) &&
	   quote_knows(&quote, QUOTE_BID_VOLUME) && !quote_knows(&quote, QUOTE_BID_PRICE),
	   "but nothing traded and an empty book are facts");
	quote_to_json(&quote, json);
	is_text(json, "{\"ticker\":\"VCB\",\"time\":\"2026-08-04T11:29:58.000000+07:00\","
			"\"price\":null,\"volume\":null,\"total_volume\":0,\"change\":null,"
			"\"change_percent\":null,\"ceiling_price\":null,\"floor_price\":null,"
			"\"reference_price\":null,\"highest_price\":null,\"lowest_price\":null,"
			"\"bid_price\":null,\"ask_price\":null,\"bid_volume\":0}",
			"its message has the fourteen, and what else is known");

	/* Zero is a fact elsewhere; -0.0 is zero. */
	reads(START ",\"price\":60800,\"change\":-0.0,\"change_percent\":0,\"total_value\":0}",
		  &quote);
	ok(quote_knows(&quote, QUOTE_CHANGE) && !signbit(quote.change) &&
	   quote_knows(&quote, QUOTE_TOTAL_VALUE), "no change is a change of 0");
	reads(START ",\"price\":-0.0,\"session\":\"\"}", &quote);
	ok(!quote_knows(&quote, QUOTE_PRICE) && !quote_knows(&quote, QUOTE_SESSION),
	   "minus zero is no price, and nothing is no session");

	/* Form only: what the numbers may be is the rules' matter. */
	reads(START ",\"price\":-1,\"volume\":-5,\"bid_volume\":-9223372036854775808}",
		  &quote);
	is_integer(quote.bid_volume[0], INT64_MIN, "the least integer");

	/* The largest text of each field fits exactly. */
	reads("{\"ticker\":\"ABCDEFGHIJKLMNOPQRST\",\"time\":\"2026-08-04T11:29:58\","
		  "\"session\":\"ABCDEFGHIJKLMNOPQRSTUVWXYZ78901\",\"exchange\":\"ABCDEFGHIJKLMNO\","
		  "\"match_side\":\"b\"}", &quote);
	is_integer((int64_t) strlen(quote.session), SESSION_MAX, "a long session");
}

static void
reads_time(const char *text, int64_t expected)
{
	char	   *copy = exact_copy(text, strlen(text));
	int64_t		time = -1;

	ok(time_from_text(copy, strlen(text), &time), "time %s", text);
	is_integer(time, expected, "is right");
	free(copy);
}

static void
test_times(void)
{
	static const char *const bad[] = {
		"", "2026", "2026-08-04", "2026-08-04T", "2026-08-04T11", "2026-08-04T11:29",
		"2026-08-04T11:29:5", "2026-08-04T11:29:58.", "2026-08-04T11:29:58.1234567",
		"2026-08-04T11:29:58.12a", "2026-08-04T11:29:58+7", "2026-08-04T11:29:58+07",
		"2026-08-04T11:29:58+07:", "2026-08-04T11:29:58+07:0", "2026-08-04T11:29:58+07:60",
		"2026-08-04T11:29:58+16:00", "2026-08-04T11:29:58+07:00x", "2026-08-04T11:29:58 Z",
		"2026-08-04T11:29:58z", "2026-08-04t11:29:58Z", "2026-08-04T24:00:00Z",
		"2026-08-04T23:60:00Z", "2026-08-04T23:59:60Z", "2026-00-04T11:29:58Z",
		"2026-13-04T11:29:58Z", "2026-08-00T11:29:58Z", "2026-08-32T11:29:58Z",
		"2025-02-29T11:29:58Z", "1900-02-29T11:29:58Z", "2026-04-31T11:29:58Z",
		"0000-01-01T00:00:00Z", "12026-08-04T11:29:58Z", "26-08-04T11:29:58Z",
		" 2026-08-04T11:29:58Z", "2026-08-04T11:29:58Z ", "2026/08/04T11:29:58Z",
		"-026-08-04T11:29:58Z", "2026-8-4T11:29:58Z", "20260804 04:29:57.693",
		"2026-08-04T11:29:58,5", "2026-08-04T11:29:58.5.5", "2026-08-04  11:29:58"
	};
	char		text[TIME_TEXT_SIZE];
	int64_t		time;
	int32_t		date;
	size_t		i;

	reads_time("1970-01-01T00:00:00Z", 0);
	reads_time("1970-01-01T07:00:00", 0);
	reads_time("1970-01-01 07:00:00.000001", 1);
	reads_time("2026-08-04T11:29:58.104512+07:00", INT64_C(1785817798104512));
	reads_time("2026-08-04T04:29:58.104512Z", INT64_C(1785817798104512));
	reads_time("2026-08-04T00:29:58.104512-0400", INT64_C(1785817798104512));
	reads_time("2026-08-04 10:14:58.104512+0545", INT64_C(1785817798104512));
	reads_time("2026-08-04T11:29:58.1", INT64_C(1785817798100000));
	reads_time("2026-08-04T04:29:57.692Z", INT64_C(1785817797692000));
	reads_time("2025-04-18T00:30:05.000000Z", INT64_C(1744936205000000));
	reads_time("2000-02-29T00:00:00Z", INT64_C(951782400000000));
	reads_time("2000-07-28T00:00:00+07:00", QUOTE_TIME_MIN);
	reads_time("0001-01-01T00:00:00Z", INT64_C(-62135596800000000));
	reads_time("9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		char	   *copy = exact_copy(bad[i], strlen(bad[i]));

		ok(!time_from_text(copy, strlen(bad[i]), &time), "no time: %s", bad[i]);
		free(copy);
	}

	time_to_text(INT64_C(1785817798104512), text);
	is_text(text, "2026-08-04T11:29:58.104512+07:00", "a time as text");
	time_to_text(-1, text);
	is_text(text, "1970-01-01T06:59:59.999999+07:00", "one before 1970");
	time_to_text(INT64_C(-62135596800000000) - VIETNAM_UTC_OFFSET, text);
	is_text(text, "0001-01-01T00:00:00.000000+07:00", "one long before");
	time_to_text(INT64_MAX, text);
	is_text(text, "294247-01-10T04:00:54.775807+07:00", "the last that can be");
	time_to_text(INT64_MIN, text);
	is_text(text, "-290308-12-22T02:59:05.224192+07:00", "the first that can be");

	ok(!date_from_text("2026-08-04T", 11, &date), "a date has nothing after it");
	ok(!date_from_text("2026-08-0", 9, &date), "nor is it shorter");
	date_to_text(INT32_MAX, text);
	is_text(text, "5881580-07-11", "the last date that can be");
	date_to_text(INT32_MIN, text);
	is_text(text, "-5877641-06-23", "the first date that can be");
}

/* Each day of ten centuries, by the calendar's own rules. */
static void
test_dates(void)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int			year = 1600;
	int			month = 1;
	int			of_month = 1;
	int			good = 0;
	int32_t		day;

	for (day = -135140; day < 230000; day++)
	{
		bool		is_leap = year % 4 == 0 &&
			(year % 100 != 0 || year % 400 == 0);
		char		expected[64];
		char		text[DATE_TEXT_SIZE];
		int32_t		date;

		snprintf(expected, sizeof(expected), "%04d-%02d-%02d", year, month,
				 of_month);
		date_to_text(day, text);
		good += strcmp(text, expected) == 0 &&
			date_from_text(text, strlen(text), &date) && date == day;
		if (++of_month > days[month - 1] + (month == 2 && is_leap))
		{
			of_month = 1;
			if (++month > 12)
			{
				month = 1;
				year++;
			}
		}
	}
	is_integer(good, 135140 + 230000, "each day from 1600 to 2599");
}

static uint64_t random_state = 7;

static uint64_t
random_bits(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static double
random_number(void)
{
	uint64_t	bits = random_bits();
	double		number;

	switch (bits % 5)
	{
		case 0:
			return (double) (random_bits() % 2000) * 50;
		case 1:
			return (double) (int64_t) random_bits() / 1e6;
		case 2:
			return round((double) (int64_t) random_bits() / 1e18 * 1e6) / 1e6;
		case 3:
			return 0;
		default:
			bits = random_bits();
			memcpy(&number, &bits, sizeof(number));
			return isfinite(number) ? number : DBL_MAX;
	}
}

/* Printable text with quotes, backslashes and Vietnamese letters. */
static void
random_text(char *text, size_t size)
{
	static const char *const pieces[] = {
		"A", "z", "0", "_", "\"", "\\", "/", " ", "\xe1\xba\xa1", "\xc3\xa1"
	};
	size_t		length = random_bits() % size;

	text[0] = '\0';
	for (;;)
	{
		const char *piece = pieces[random_bits() % 10];

		if (strlen(text) + strlen(piece) > length)
			return;
		strcat(text, piece);
	}
}

static void
random_quote(Quote *quote)
{
	char		text[SESSION_MAX + 1];
	int			id;

	quote_clear(quote);
	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		QuoteFieldId field = (QuoteFieldId) id;

		if (field == QUOTE_TICKER)
			quote_set_text(quote, field, random_bits() % 2 ? "VCB" : "A32");
		else if (field != QUOTE_TIME && random_bits() % 3 == 0)
			continue;
		else if (field == QUOTE_MATCH_SIDE)
			quote_set_text(quote, field, random_bits() % 2 ? "b" : "s");
		else
		{
			switch (quote_fields[id].kind)
			{
				case QUOTE_KIND_TEXT:
					random_text(text, quote_fields[id].size);
					quote_set_text(quote, field, text);
					break;
				case QUOTE_KIND_PRICE:
				case QUOTE_KIND_VALUE:
					quote_set_number(quote, field, random_number());
					break;
				case QUOTE_KIND_SHARES:

					/* Beyond 2^53 only what a double holds is a message's. */
					quote_set_integer(quote, field,
									  (int64_t) random_bits() >> (11 + random_bits() % 53));
					break;
				case QUOTE_KIND_TIME:
					quote_set_integer(quote, field,
									  (int64_t) (random_bits() % UINT64_C(253402300799999999)) -
									  INT64_C(62135596800000000) * (int64_t) (random_bits() % 2));
					break;
				case QUOTE_KIND_DATE:
					quote_set_integer(quote, field,
									  (int64_t) (random_bits() % 2932896));
					break;
			}
		}
	}
	if (quote_knows(quote, QUOTE_TIME) && quote->time > INT64_C(253402275599999999))
		quote_set_integer(quote, QUOTE_TIME, 0);
	if (quote->match_time > INT64_C(253402275599999999))
		quote_forget(quote, QUOTE_MATCH_TIME);
	if (quote->source_time > INT64_C(253402275599999999))
		quote_forget(quote, QUOTE_SOURCE_TIME);
	if (!quote_knows(quote, QUOTE_PRICE))
	{
		quote_forget(quote, QUOTE_VOLUME);
		quote_forget(quote, QUOTE_CHANGE);
		quote_forget(quote, QUOTE_CHANGE_PERCENT);
	}

	/* Every other one on its trading date; of those that are not, readers forget the match. */
	if (random_bits() % 2 == 0)
		quote_set_integer(quote, QUOTE_TRADING_DATE, vietnam_date(quote->match_time));
	(void) day_forget_other_match(quote);
}

static bool
is_same(const Quote *quote, const Quote *other)
{
	return quote->known == other->known && quote->time == other->time &&
		(!quote_knows(quote, QUOTE_SOURCE_TIME) ||
		 quote->source_time == other->source_time) &&
		quote_is_unchanged(quote, other);
}

static void
test_round_trip(void)
{
	int			i;
	int			good = 0;

	for (i = 0; i < 20000; i++)
	{
		Quote		quote;
		Quote		read;
		char		json[QUOTE_JSON_SIZE];
		char		again[QUOTE_JSON_SIZE];
		char		error[QUOTE_ERROR_SIZE];
		size_t		length;

		random_quote(&quote);
		length = quote_to_json(&quote, json);
		if (length == strlen(json) && read_copy(json, length, &read, error) &&
			is_same(&quote, &read) && quote_to_json(&read, again) == length &&
			strcmp(json, again) == 0)
			good++;
		else if (i - good < 3)
			diag("%s\n%s", json, error);
	}
	is_integer(good, 20000, "random quotes survive being a message");
}

static void
test_longest(void)
{
	Quote		quote;
	Quote		read;
	char		json[QUOTE_JSON_SIZE];
	char		error[QUOTE_ERROR_SIZE];
	size_t		length;
	int			id;

	quote_clear(&quote);
	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		switch (quote_fields[id].kind)
		{
			case QUOTE_KIND_TEXT:
				quote_set_text(&quote, (QuoteFieldId) id,
							   id == QUOTE_TICKER ? "ABCDEFGHIJKLMNOPQRST" :
							   id == QUOTE_MATCH_SIDE ? "\x01" :
							   id == QUOTE_SESSION ?
							   "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
							   "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01" :
							   "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01");
				break;
			case QUOTE_KIND_PRICE:
			case QUOTE_KIND_VALUE:
				quote_set_number(&quote, (QuoteFieldId) id, -DBL_MAX);
				break;
			case QUOTE_KIND_SHARES:
				quote_set_integer(&quote, (QuoteFieldId) id, INT64_MIN);
				break;
			case QUOTE_KIND_TIME:
				quote_set_integer(&quote, (QuoteFieldId) id, INT64_MIN);
				break;
			case QUOTE_KIND_DATE:
				quote_set_integer(&quote, (QuoteFieldId) id, INT32_MIN);
				break;
		}
	}
	length = quote_to_json(&quote, json);
	ok(length < QUOTE_JSON_SIZE, "the longest message has %zu of %d bytes", length,
	   QUOTE_JSON_SIZE);
	is_integer((int64_t) strlen(json), (int64_t) length, "and an end");
	ok(json_check(json, length, error), "and is JSON");
	ok(!quote_from_message(json, length, &read, error),
	   "though not of times that anyone reads");
}

static void
test_setters(void)
{
	Quote		quote;

	quote_clear(&quote);
	ok(quote.known == 0, "nothing is known at first");
	quote_set_number(&quote, QUOTE_PRICE, 60000);
	ok(quote_knows(&quote, QUOTE_PRICE), "a price is known");
	quote_set_number(&quote, QUOTE_PRICE, 0);
	ok(!quote_knows(&quote, QUOTE_PRICE), "a price of 0 is not");
	quote_set_number(&quote, QUOTE_CHANGE, 0);
	ok(quote_knows(&quote, QUOTE_CHANGE), "a change of 0 is");
	quote_set_number(&quote, QUOTE_CHANGE, -0.0);
	ok(!signbit(quote.change), "minus zero is zero");
	quote_set_number(&quote, QUOTE_CHANGE, INFINITY);
	ok(!quote_knows(&quote, QUOTE_CHANGE), "infinity is not known");
	quote_set_number(&quote, QUOTE_CHANGE, NAN);
	ok(!quote_knows(&quote, QUOTE_CHANGE), "nor is NaN");
	quote_set_integer(&quote, QUOTE_VOLUME, 0);
	ok(quote_knows(&quote, QUOTE_VOLUME), "a volume of 0 is known");
	quote_forget(&quote, QUOTE_VOLUME);
	ok(!quote_knows(&quote, QUOTE_VOLUME), "until forgotten");
	quote_set_integer(&quote, QUOTE_TRADING_DATE, -1);
	is_integer(quote.trading_date, -1, "a date");
	ok(quote_set_text(&quote, QUOTE_SOURCE, "vci"), "a text");
	ok(quote_set_text(&quote, QUOTE_SOURCE, "") &&
	   !quote_knows(&quote, QUOTE_SOURCE), "an empty text is not known");
	quote_set_text(&quote, QUOTE_SOURCE, "vci");
	ok(!quote_set_text(&quote, QUOTE_SOURCE, "0123456789abcdef") &&
	   !quote_knows(&quote, QUOTE_SOURCE), "a long one neither");
	ok(quote_set_text(&quote, QUOTE_SOURCE, "0123456789abcde"), "one shorter is");

	ok(ticker_is_valid("A", 1) && ticker_is_valid("41I1G5000", 9) &&
	   ticker_is_valid("ABCDEFGHIJKLMNOPQRST", 20), "tickers");
	ok(!ticker_is_valid("", 0) && !ticker_is_valid("ABCDEFGHIJKLMNOPQRSTU", 21) &&
	   !ticker_is_valid("vcb", 3) && !ticker_is_valid("V B", 3) &&
	   !ticker_is_valid("V\0B", 3), "no tickers");
}

/* Each field that a message carries makes a difference, except the two. */
static void
test_unchanged(void)
{
	Quote		earlier;
	Quote		later;
	int			id;

	while (random_quote(&earlier), !quote_knows(&earlier, QUOTE_PRICE))
		;
	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		QuoteFieldId field = (QuoteFieldId) id;
		bool		expected = (id == QUOTE_TIME || id == QUOTE_SOURCE_TIME);

		switch (quote_fields[id].kind)
		{
			case QUOTE_KIND_TEXT:
				quote_set_text(&earlier, field, "A");
				later = earlier;
				quote_set_text(&later, field, "B");
				break;
			case QUOTE_KIND_PRICE:
			case QUOTE_KIND_VALUE:
				quote_set_number(&earlier, field, 60000);
				later = earlier;
				quote_set_number(&later, field, 60000.5);
				break;
			default:
				quote_set_integer(&earlier, field, 100);
				later = earlier;
				quote_set_integer(&later, field, 200);
				break;
		}
		ok(quote_is_unchanged(&earlier, &later) == expected,
		   "another %s is %s new", quote_fields[id].name,
		   expected ? "nothing" : "something");
		quote_forget(&later, field);
		ok(quote_is_unchanged(&earlier, &later) == expected,
		   "and so is none");
		quote_forget(&earlier, field);
		ok(quote_is_unchanged(&earlier, &later), "none twice is not");
	}
}

/* The table is what everything walks: names, order, places. */
static void
test_fields(void)
{
	uint64_t	taken[sizeof(Quote) / 64 + 1] = {0};
	char		names[2048] = "";
	int			id;
	int			overlaps = 0;

	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		const QuoteField *field = &quote_fields[id];
		size_t		byte;

		if (id < QUOTE_OLD_FIELD_COUNT)
			strcat(strcat(names, field->name), " ");
		for (byte = field->offset; byte < field->offset + field->size; byte++)
		{
			overlaps += (taken[byte / 64] >> (byte % 64)) & 1;
			taken[byte / 64] |= UINT64_C(1) << (byte % 64);
		}
		if (field->kind != QUOTE_KIND_TEXT &&
			field->size != (field->kind == QUOTE_KIND_DATE ? 4 : 8))
			ok(false, "size of %s", field->name);
	}
	is_text(names, "ticker time price volume total_volume change change_percent "
			"ceiling_price floor_price reference_price highest_price lowest_price "
			"bid_price ask_price ", "the old deployment's fields are the first");
	is_integer(overlaps, 0, "each field has its own place");
}

/* No change of a byte makes the reader crash or speak in riddles. */
static void
test_mutations(void)
{
	Quote		quote;
	Quote		read;
	char		json[QUOTE_JSON_SIZE];
	char		error[QUOTE_ERROR_SIZE];
	size_t		length;
	int			i;
	int			bad = 0;

	random_quote(&quote);
	length = quote_to_json(&quote, json);
	for (i = 0; i < 100000; i++)
	{
		size_t		at = random_bits() % length;
		char		was = json[at];

		json[at] = (char) random_bits();
		if (!read_copy(json, length, &read, error) &&
			(error[0] == '\0' || !is_plain_sentence(error)))
			bad++;
		json[at] = was;
	}
	is_integer(bad, 0, "each refusal has a plain sentence");
}

int
main(void)
{
	test_fields();
	test_setters();
	test_times();
	test_dates();
	test_bad_messages();
	test_duplicate_of_46();
	test_seed_sample();
	test_good_messages();
	test_longest();
	test_round_trip();
	test_unchanged();
	test_mutations();
	return done_testing();
}
