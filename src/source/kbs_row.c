/*-------------------------------------------------------------------------
 *
 * kbs_row.c
 *	  A row of KB Securities' price board as a quote.
 *
 * A row is flat, its members have two letters or three.  Numbers come as
 * numbers, but the best price of either side and the listed shares as text.
 * Any member may be missing or null; one of the wrong type refuses its row, with
 * a reason, and no other.
 *
 * Prices and values are VND, volumes single shares.  TT and TV leave
 * put-throughs (PTQ, PTV) out and have the auctions in, by comparison with the
 * tape of a whole session.
 *
 * There is no time of the last match: "ts" ("t" until spring 2026) is when the
 * row last changed, which for a put-through is after the close.
 *
 *-------------------------------------------------------------------------
 */
#include "source/kbs.h"

#include <math.h>
#include <string.h>

#include "market/reason.h"
#include "source/reading.h"

/* Milliseconds since 1970 up to the year 9999. */
#define MILLISECONDS_MAX 253402300799999.0

/* Members that are a quote's field as they are. */
static const struct
{
	const char *name;
	QuoteFieldId field;
}			plain_members[] =
{
	{"CP", QUOTE_PRICE},
	{"CV", QUOTE_VOLUME},
	{"TT", QUOTE_TOTAL_VOLUME},
	{"CH", QUOTE_CHANGE},
	{"CHP", QUOTE_CHANGE_PERCENT},
	{"CL", QUOTE_CEILING_PRICE},
	{"FL", QUOTE_FLOOR_PRICE},
	{"RE", QUOTE_REFERENCE_PRICE},
	{"HI", QUOTE_HIGHEST_PRICE},
	{"LO", QUOTE_LOWEST_PRICE},
	{"OP", QUOTE_OPEN_PRICE},
	{"TV", QUOTE_TOTAL_VALUE},
	{"V1", QUOTE_BID_VOLUME},
	{"V2", QUOTE_BID_VOLUME_2},
	{"V3", QUOTE_BID_VOLUME_3},
	{"U1", QUOTE_ASK_VOLUME},
	{"U2", QUOTE_ASK_VOLUME_2},
	{"U3", QUOTE_ASK_VOLUME_3},
	{"FB", QUOTE_FOREIGN_BUY_VOLUME},
	{"FS", QUOTE_FOREIGN_SELL_VOLUME},
	{"FR", QUOTE_FOREIGN_ROOM},
	{"PTQ", QUOTE_PUT_THROUGH_VOLUME},
	{"PTV", QUOTE_PUT_THROUGH_VALUE}
};

static const struct
{
	const char *name;
	QuoteFieldId field;
}			book_prices[] =
{
	{"B1", QUOTE_BID_PRICE},
	{"B2", QUOTE_BID_PRICE_2},
	{"B3", QUOTE_BID_PRICE_3},
	{"S1", QUOTE_ASK_PRICE},
	{"S2", QUOTE_ASK_PRICE_2},
	{"S3", QUOTE_ASK_PRICE_3}
};

/* A row of the board on its way to a quote. */
typedef struct RowReader
{
	const cJSON *object;
	Quote	   *quote;
	char	   *reason;			/* QUOTE_ERROR_SIZE bytes */
} RowReader;

static bool
refuse_item(RowReader *row, const char *name, const cJSON *item,
			const char *expected)
{
	char		description[JSON_DESCRIPTION_SIZE];

	reason_write(row->reason, QUOTE_ERROR_SIZE, "\"%s\" is %s, %s was expected",
				 name, json_describe_item(item, description), expected);
	return false;
}

/* The member, or NULL where it is missing or null. */
static const cJSON *
row_member(const RowReader *row, const char *name)
{
	const cJSON *item = json_member(row->object, name);

	return cJSON_IsNull(item) ? NULL : item;
}

/* A member that is a text; NULL also where it is empty. */
static bool
row_read_text(RowReader *row, const char *name, const char **text)
{
	const cJSON *item = row_member(row, name);

	*text = NULL;
	if (item == NULL)
		return true;
	if (!cJSON_IsString(item))
		return refuse_item(row, name, item, "a string");
	if (item->valuestring[0] != '\0')
		*text = item->valuestring;
	return true;
}

static bool
row_take_number(RowReader *row, const char *name, QuoteFieldId field)
{
	const cJSON *item = row_member(row, name);
	const char *expected = "a number";
	bool		is_known;
	double		number;

	if (reading_number(item, &is_known, &number))
	{
		if (!is_known)
			return true;
		expected = reading_set_number(row->quote, field, number);
		if (expected == NULL)
			return true;
	}
	return refuse_item(row, name, item, expected);
}

static bool
row_take_plain_members(RowReader *row)
{
	size_t		i;

	for (i = 0; i < sizeof(plain_members) / sizeof(plain_members[0]); i++)
	{
		if (!row_take_number(row, plain_members[i].name, plain_members[i].field))
			return false;
	}
	return true;
}

/*
 * Prices of the book.  Before May 2025 boards showed an order at any price by
 * the name of its auction, which is why the best price still comes as text: it
 * has no price, and its volume stays.
 */
static bool
row_take_book(RowReader *row)
{
	size_t		i;

	for (i = 0; i < sizeof(book_prices) / sizeof(book_prices[0]); i++)
	{
		const cJSON *item = row_member(row, book_prices[i].name);

		if (cJSON_IsString(item) && (strcmp(item->valuestring, "ATO") == 0 ||
									 strcmp(item->valuestring, "ATC") == 0))
			continue;
		if (!row_take_number(row, book_prices[i].name, book_prices[i].field))
			return false;
	}
	return true;
}

static bool
row_take_ticker(RowReader *row)
{
	const char *ticker;

	if (!row_read_text(row, "SB", &ticker))
		return false;
	if (ticker == NULL)
	{
		reason_write(row->reason, QUOTE_ERROR_SIZE, "\"SB\" is missing");
		return false;
	}
	if (!ticker_is_valid(ticker, strlen(ticker)))
		return refuse_item(row, "SB", row_member(row, "SB"),
						   "a ticker of 1 to 20 letters A-Z and digits");
	(void) quote_set_text(row->quote, QUOTE_TICKER, ticker);
	return true;
}

/* The board's date, "07/08/2026". */
static bool
row_take_trading_date(RowReader *row)
{
	const char *text;
	char		iso[sizeof("2026-08-07")];
	int32_t		date;

	if (!row_read_text(row, "TD", &text))
		return false;
	if (text == NULL)
		return true;
	if (strlen(text) == strlen("07/08/2026") && text[2] == '/' && text[5] == '/')
	{
		memcpy(iso, text + 6, 4);
		iso[4] = '-';
		memcpy(iso + 5, text + 3, 2);
		iso[7] = '-';
		memcpy(iso + 8, text, 2);
		iso[10] = '\0';
		if (date_from_text(iso, strlen(iso), &date))
		{
			quote_set_integer(row->quote, QUOTE_TRADING_DATE, date);
			return true;
		}
	}
	return refuse_item(row, "TD", row_member(row, "TD"),
					   "a date such as \"07/08/2026\"");
}

/* Placeholders of 1970 mean unknown. */
static bool
row_take_source_time(RowReader *row)
{
	const char *name = row_member(row, "ts") != NULL ? "ts" : "t";
	const cJSON *item = row_member(row, name);
	bool		is_known;
	double		ms = 0;

	if (!reading_number(item, &is_known, &ms) ||
		(is_known && (ms != trunc(ms) || ms < 0 || ms > MILLISECONDS_MAX)))
		return refuse_item(row, name, item,
						   "a time in milliseconds since 1970");
	if (is_known && (int64_t) ms * 1000 >= QUOTE_TIME_MIN)
		quote_set_integer(row->quote, QUOTE_SOURCE_TIME, (int64_t) ms * 1000);
	return true;
}

static bool
row_take_labels(RowReader *row)
{
	const char *text;

	if (!row_read_text(row, "EX", &text))
		return false;
	if (text != NULL)
		(void) quote_set_text(row->quote, QUOTE_EXCHANGE, reading_exchange(text));
	if (!row_read_text(row, "MS", &text))
		return false;

	/* A label that does not fit is not worth a quote. */
	if (text != NULL)
		(void) quote_set_text(row->quote, QUOTE_SESSION, text);
	return true;
}

/*
 * What there is only when something has been matched.  The board's own change
 * counts; it is computed where the row has none.
 */
static void
row_complete_match(RowReader *row)
{
	Quote	   *quote = row->quote;
	double		change;

	if (!quote_knows(quote, QUOTE_PRICE))
	{
		quote_forget(quote, QUOTE_VOLUME);
		quote_forget(quote, QUOTE_CHANGE);
		quote_forget(quote, QUOTE_CHANGE_PERCENT);
		return;
	}
	if (!quote_knows(quote, QUOTE_REFERENCE_PRICE))
		return;
	change = quote->price - quote->reference_price;
	if (!quote_knows(quote, QUOTE_CHANGE))
		quote_set_number(quote, QUOTE_CHANGE, change);
	if (!quote_knows(quote, QUOTE_CHANGE_PERCENT))
		quote_set_number(quote, QUOTE_CHANGE_PERCENT,
						 round(change / quote->reference_price * 100 * 1e6) / 1e6);
}

/* What the row tells of the symbol: not its kind, nor its ISIN. */
static void
row_take_listing(const RowReader *row, BoardListing *listing)
{
	bool		is_known;
	double		shares;

	if (reading_number(row_member(row, "LS"), &is_known, &shares) && is_known &&
		shares >= 1 && shares <= 0x1p53)
		listing->listed_shares = (int64_t) shares;
}

bool
kbs_row_read(const char *text, size_t length, int64_t received_at,
			 Quote *quote, BoardListing *listing, char *reason)
{
	char		json_error[JSON_ERROR_SIZE];
	char		description[JSON_DESCRIPTION_SIZE];
	cJSON	   *object = json_parse(text, length, json_error);
	RowReader	row = {.object = object,.quote = quote,.reason = reason};
	bool		is_good = false;

	memset(listing, 0, sizeof(*listing));
	quote_clear(quote);
	quote_set_integer(quote, QUOTE_TIME, received_at);
	(void) quote_set_text(quote, QUOTE_SOURCE, kbs_provider.name);

	if (object == NULL)
		reason_write(reason, QUOTE_ERROR_SIZE, "row is not JSON: %s",
					 json_error);
	else if (!cJSON_IsObject(object))
		reason_write(reason, QUOTE_ERROR_SIZE,
					 "row is %s, an object was expected",
					 json_describe_item(object, description));
	else
		is_good = row_take_ticker(&row) &&
			row_take_plain_members(&row) &&
			row_take_book(&row) &&
			row_take_trading_date(&row) &&
			row_take_source_time(&row) &&
			row_take_labels(&row);
	if (is_good)
	{
		row_complete_match(&row);
		row_take_listing(&row, listing);
	}
	cJSON_Delete(object);
	return is_good;
}
