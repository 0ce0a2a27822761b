/*-------------------------------------------------------------------------
 *
 * vci_row.c
 *	  A row of Vietcap's price board as a quote.
 *
 * A row of the board has three groups: listingInfo (the symbol and its limits
 * of the day), bidAsk (three levels of the book) and matchPrice (the last
 * match and the totals).  Members are found by name, and any of them, or a
 * whole group, may be missing or null: fields came and went in 2025 (KRX), and
 * rows of delisted symbols are nearly empty.  A member of the wrong type
 * refuses its row, with a reason, and no other.
 *
 * Prices are VND and volumes single shares; accumulatedValue is million VND.
 *
 *-------------------------------------------------------------------------
 */
#include "source/vci.h"

#include <math.h>
#include <string.h>

#include "market/reason.h"
#include "source/reading.h"

#define BOOK_LEVELS 3

/* accumulatedValue's unit, in VND */
#define MILLION 1e6

typedef enum VciGroup
{
	VCI_LISTING,
	VCI_BOOK,
	VCI_MATCH,
	VCI_GROUP_COUNT
} VciGroup;

static const char *const group_names[VCI_GROUP_COUNT] = {
	[VCI_LISTING] = "listingInfo",
	[VCI_BOOK] = "bidAsk",
	[VCI_MATCH] = "matchPrice"
};

/*
 * Members that are a quote's field as they are.  Of several for one field the
 * first that says something counts: matchPrice repeats the limits, and is the
 * only one to have them where listingInfo is null.
 */
static const struct
{
	VciGroup	group;
	const char *name;
	QuoteFieldId field;
}			plain_members[] =
{
	{VCI_MATCH, "matchPrice", QUOTE_PRICE},
	{VCI_MATCH, "matchVol", QUOTE_VOLUME},
	{VCI_MATCH, "accumulatedVolume", QUOTE_TOTAL_VOLUME},
	{VCI_LISTING, "ceiling", QUOTE_CEILING_PRICE},
	{VCI_MATCH, "ceilingPrice", QUOTE_CEILING_PRICE},
	{VCI_LISTING, "floor", QUOTE_FLOOR_PRICE},
	{VCI_MATCH, "floorPrice", QUOTE_FLOOR_PRICE},
	{VCI_LISTING, "refPrice", QUOTE_REFERENCE_PRICE},
	{VCI_MATCH, "referencePrice", QUOTE_REFERENCE_PRICE},
	{VCI_MATCH, "highest", QUOTE_HIGHEST_PRICE},
	{VCI_MATCH, "lowest", QUOTE_LOWEST_PRICE},
	{VCI_MATCH, "openPrice", QUOTE_OPEN_PRICE},
	{VCI_MATCH, "foreignBuyVolume", QUOTE_FOREIGN_BUY_VOLUME},
	{VCI_MATCH, "foreignSellVolume", QUOTE_FOREIGN_SELL_VOLUME},
	{VCI_MATCH, "foreignBuyValue", QUOTE_FOREIGN_BUY_VALUE},
	{VCI_MATCH, "foreignSellValue", QUOTE_FOREIGN_SELL_VALUE},
	{VCI_MATCH, "currentRoom", QUOTE_FOREIGN_ROOM}
};

/* The fields of one side of the book, best level first. */
typedef struct BookSide
{
	const char *name;
	QuoteFieldId prices[BOOK_LEVELS];
	QuoteFieldId volumes[BOOK_LEVELS];
} BookSide;

static const BookSide bid_side = {
	"bidPrices",
	{QUOTE_BID_PRICE, QUOTE_BID_PRICE_2, QUOTE_BID_PRICE_3},
	{QUOTE_BID_VOLUME, QUOTE_BID_VOLUME_2, QUOTE_BID_VOLUME_3}
};

static const BookSide ask_side = {
	"askPrices",
	{QUOTE_ASK_PRICE, QUOTE_ASK_PRICE_2, QUOTE_ASK_PRICE_3},
	{QUOTE_ASK_VOLUME, QUOTE_ASK_VOLUME_2, QUOTE_ASK_VOLUME_3}
};

/* A row of the board on its way to a quote. */
typedef struct RowReader
{
	const cJSON *groups[VCI_GROUP_COUNT];	/* NULL where there is none */
	int64_t		group_times[VCI_GROUP_COUNT];	/* 0 where unknown */
	Quote	   *quote;
	char	   *reason;			/* QUOTE_ERROR_SIZE bytes */
} RowReader;

static bool
refuse_item(RowReader *row, const char *group, const char *name,
			const cJSON *item, const char *expected)
{
	char		description[JSON_DESCRIPTION_SIZE];

	reason_write(row->reason, QUOTE_ERROR_SIZE,
				 "\"%s.%s\" is %s, %s was expected", group, name,
				 json_describe_item(item, description), expected);
	return false;
}

/* The member, or NULL where it is missing or null. */
static const cJSON *
row_member(const RowReader *row, VciGroup group, const char *name)
{
	const cJSON *item;

	if (row->groups[group] == NULL)
		return NULL;
	item = json_member(row->groups[group], name);
	return cJSON_IsNull(item) ? NULL : item;
}

/* Takes the groups that are objects; wrong is why the first other one is not. */
static void
row_read_groups(RowReader *row, const cJSON *object, char *wrong)
{
	int			i;

	wrong[0] = '\0';

	for (i = 0; i < VCI_GROUP_COUNT; i++)
	{
		const cJSON *group = json_member(object, group_names[i]);
		char		description[JSON_DESCRIPTION_SIZE];

		row->groups[i] = NULL;
		row->group_times[i] = 0;
		if (group == NULL || cJSON_IsNull(group))
			continue;
		if (!cJSON_IsObject(group))
		{
			if (wrong[0] == '\0')
				reason_write(wrong, QUOTE_ERROR_SIZE,
							 "\"%s\" is %s, an object was expected", group_names[i],
							 json_describe_item(group, description));
			continue;
		}
		row->groups[i] = group;
	}
}

static bool
row_read_number(RowReader *row, const char *group, const char *name,
				const cJSON *item, bool *is_known, double *number)
{
	if (reading_number(item, is_known, number))
		return true;
	return refuse_item(row, group, name, item, "a number");
}

/* A member that is a price, a value or a number of shares. */
static bool
row_take_number(RowReader *row, const char *group, const char *name,
				const cJSON *item, QuoteFieldId field)
{
	const char *expected;
	bool		is_known;
	double		number;

	if (!row_read_number(row, group, name, item, &is_known, &number))
		return false;
	if (!is_known)
		return true;
	expected = reading_set_number(row->quote, field, number);
	if (expected != NULL)
		return refuse_item(row, group, name, item, expected);
	return true;
}

static bool
row_take_plain_members(RowReader *row)
{
	size_t		i;

	for (i = 0; i < sizeof(plain_members) / sizeof(plain_members[0]); i++)
	{
		VciGroup	group = plain_members[i].group;
		const char *name = plain_members[i].name;

		if (!quote_knows(row->quote, plain_members[i].field) &&
			!row_take_number(row, group_names[group], name,
							 row_member(row, group, name),
							 plain_members[i].field))
			return false;
	}
	return true;
}

/* A member that is a text, or NULL; false where it is something else. */
static bool
row_read_text(RowReader *row, VciGroup group, const char *name,
			  const char **text)
{
	const cJSON *item = row_member(row, group, name);

	*text = NULL;
	if (item == NULL)
		return true;
	if (!cJSON_IsString(item))
		return refuse_item(row, group_names[group], name, item, "a string");
	*text = item->valuestring;
	return true;
}

/*
 * The symbol that the row is of.  Where groups name different ones the row is
 * mixed up, and its prices would be stored for the wrong symbol.  Futures have
 * a second name, mappingSymbol.
 */
static bool
row_take_ticker(RowReader *row)
{
	const char *ticker = NULL;
	const char *mapped;
	char		excerpt[EXCERPT_SIZE];
	int			i;

	if (!row_read_text(row, VCI_LISTING, "mappingSymbol", &mapped))
		return false;
	for (i = 0; i < VCI_GROUP_COUNT; i++)
	{
		const char *symbol;

		if (!row_read_text(row, (VciGroup) i, "symbol", &symbol))
			return false;
		if (symbol == NULL)
			continue;
		if (ticker == NULL)
		{
			if (!ticker_is_valid(symbol, strlen(symbol)))
				return refuse_item(row, group_names[i], "symbol",
								   row_member(row, (VciGroup) i, "symbol"),
								   "a ticker of 1 to 20 letters A-Z and"
								   " digits");
			ticker = symbol;
			(void) quote_set_text(row->quote, QUOTE_TICKER, ticker);
		}
		else if (strcmp(symbol, ticker) != 0 &&
				 (mapped == NULL || strcmp(symbol, mapped) != 0))
		{
			reason_write(row->reason, QUOTE_ERROR_SIZE,
						 "\"%s\" is of %s in a row of \"%s\"", group_names[i],
						 reason_excerpt(symbol, strlen(symbol), excerpt),
						 ticker);
			return false;
		}
	}

	if (ticker == NULL)
	{
		reason_write(row->reason, QUOTE_ERROR_SIZE, "\"symbol\" is missing");
		return false;
	}
	return true;
}

/*
 * The groups, and whose row it is.  A group that is none refuses the row, which
 * is its ticker's all the same where another group has one.
 */
static bool
row_begin(RowReader *row, const cJSON *object)
{
	char		wrong[QUOTE_ERROR_SIZE];
	bool		has_ticker;

	row_read_groups(row, object, wrong);
	has_ticker = row_take_ticker(row);
	if (wrong[0] == '\0')
		return has_ticker;
	strcpy(row->reason, wrong);
	return false;
}

/*
 * When a group last changed.  The offset must be there: this source means UTC,
 * while a quote's time without one is Vietnam's.  Placeholders of year 1 or
 * 1970 mean unknown.
 */
static bool
row_read_group_time(RowReader *row, VciGroup group)
{
	const char *text;
	int64_t		time;

	if (!row_read_text(row, group, "time", &text))
		return false;
	if (text == NULL || text[0] == '\0')
		return true;
	if (!time_from_text(text, strlen(text), &time) ||
		strpbrk(text + strlen("2026-08-04T"), "Z+-") == NULL)
		return refuse_item(row, group_names[group], "time",
						   row_member(row, group, "time"),
						   "a time such as \"2026-08-04T04:29:57.692Z\"");
	if (time >= QUOTE_TIME_MIN)
		row->group_times[group] = time;
	return true;
}

/*
 * source_time is the newer of the match's and the book's time: a row has
 * changed when either of them has.  (receivedTime is no good: it moves when
 * the source sends the same row again.)  The session is what the group that
 * changed last says, as the other's label may be of an earlier session.
 */
static bool
row_take_times(RowReader *row)
{
	VciGroup	newer = VCI_MATCH;
	VciGroup	older = VCI_BOOK;
	const char *session;

	if (!row_read_group_time(row, VCI_MATCH) ||
		!row_read_group_time(row, VCI_BOOK))
		return false;
	if (row->group_times[VCI_BOOK] > row->group_times[VCI_MATCH])
	{
		newer = VCI_BOOK;
		older = VCI_MATCH;
	}
	if (row->group_times[newer] != 0)
		quote_set_integer(row->quote, QUOTE_SOURCE_TIME,
						  row->group_times[newer]);

	if (!row_read_text(row, newer, "session", &session) ||
		(session == NULL && !row_read_text(row, older, "session", &session)))
		return false;

	/* A label that does not fit is not worth a quote. */
	if (session != NULL)
		(void) quote_set_text(row->quote, QUOTE_SESSION, session);
	return true;
}

static bool
row_take_trading_date(RowReader *row)
{
	const char *text;
	int32_t		date;

	if (!row_read_text(row, VCI_LISTING, "tradingDate", &text))
		return false;
	if (text == NULL || text[0] == '\0')
		return true;
	if (!date_from_text(text, strlen(text), &date))
		return refuse_item(row, group_names[VCI_LISTING], "tradingDate",
						   row_member(row, VCI_LISTING, "tradingDate"),
						   "a date such as \"2026-08-04\"");
	quote_set_integer(row->quote, QUOTE_TRADING_DATE, date);
	return true;
}

static bool
row_take_exchange(RowReader *row)
{
	const char *board;

	if (!row_read_text(row, VCI_LISTING, "board", &board))
		return false;
	if (board != NULL)
		(void) quote_set_text(row->quote, QUOTE_EXCHANGE, reading_exchange(board));
	return true;
}

/*
 * One side of the book.  A level that is not there, as an element too few or
 * as zeros, has no price and a volume of 0.  A price of 0 with a volume is an
 * order at any price, in an auction: the volume stays.
 */
static bool
row_take_book_side(RowReader *row, const BookSide *side)
{
	const cJSON *levels = row_member(row, VCI_BOOK, side->name);
	const cJSON *level;
	int			i;

	if (levels == NULL)
		return true;
	if (!cJSON_IsArray(levels))
		return refuse_item(row, group_names[VCI_BOOK], side->name, levels,
						   "an array");

	level = levels->child;
	for (i = 0; i < BOOK_LEVELS; i++)
	{
		if (level == NULL || cJSON_IsNull(level))
			quote_set_integer(row->quote, side->volumes[i], 0);
		else if (!cJSON_IsObject(level))
			return refuse_item(row, group_names[VCI_BOOK], side->name, level,
							   "an array of objects");
		else if (!row_take_number(row, side->name, "price",
								  json_member(level, "price"),
								  side->prices[i]) ||
				 !row_take_number(row, side->name, "volume",
								  json_member(level, "volume"),
								  side->volumes[i]))
			return false;
		if (level != NULL)
			level = level->next;
	}
	return true;
}

static bool
row_take_total_value(RowReader *row)
{
	bool		is_known;
	double		millions;

	if (!row_read_number(row, group_names[VCI_MATCH], "accumulatedValue",
						 row_member(row, VCI_MATCH, "accumulatedValue"),
						 &is_known, &millions))
		return false;

	/* Whole VND: the rest is the noise of a decimal fraction in binary. */
	if (is_known)
		quote_set_number(row->quote, QUOTE_TOTAL_VALUE,
						 round(millions * MILLION));
	return true;
}

/* What there is only when something has been matched on the trading date. */
static bool
row_take_match(RowReader *row)
{
	Quote	   *quote = row->quote;
	const char *match_type;

	if (!row_read_text(row, VCI_MATCH, "matchType", &match_type))
		return false;
	if (!quote_knows(quote, QUOTE_PRICE))
	{
		quote_forget(quote, QUOTE_VOLUME);
		return true;
	}

	if (match_type != NULL &&
		(strcmp(match_type, "b") == 0 || strcmp(match_type, "s") == 0))
		(void) quote_set_text(quote, QUOTE_MATCH_SIDE, match_type);
	if (row->group_times[VCI_MATCH] != 0)
		quote_set_integer(quote, QUOTE_MATCH_TIME,
						  row->group_times[VCI_MATCH]);
	if (quote_knows(quote, QUOTE_REFERENCE_PRICE))
	{
		double		change = quote->price - quote->reference_price;
		double		percent = change / quote->reference_price * 100;

		quote_set_number(quote, QUOTE_CHANGE, change);
		quote_set_number(quote, QUOTE_CHANGE_PERCENT,
						 round(percent * 1e6) / 1e6);
	}
	return true;
}

/* Text of the listing, '' where it is missing, long, or no text. */
static void
row_copy_text(const RowReader *row, const char *name, char *text, size_t size)
{
	const cJSON *item = row_member(row, VCI_LISTING, name);

	if (cJSON_IsString(item) && strlen(item->valuestring) < size)
		strcpy(text, item->valuestring);
}

/*
 * What the row tells of the symbol.  Before May 2025 "code" was a number of the
 * source's own, since then it is the ISIN.
 */
static void
row_take_listing(const RowReader *row, BoardListing *listing)
{
	const cJSON *shares = row_member(row, VCI_LISTING, "listedShare");

	row_copy_text(row, "type", listing->kind, sizeof(listing->kind));
	row_copy_text(row, "code", listing->isin, sizeof(listing->isin));
	if (strlen(listing->isin) != ISIN_MAX)
		listing->isin[0] = '\0';
	row_copy_text(row, "tradingStatus", listing->trading_status,
				  sizeof(listing->trading_status));
	if (cJSON_IsNumber(shares) && shares->valuedouble >= 1 &&
		shares->valuedouble <= 0x1p53)
		listing->listed_shares = (int64_t) shares->valuedouble;
}

bool
vci_row_read(const char *text, size_t length, int64_t received_at,
			 Quote *quote, BoardListing *listing, char *reason)
{
	RowReader	row = {.quote = quote, .reason = reason};
	char		json_error[JSON_ERROR_SIZE];
	char		description[JSON_DESCRIPTION_SIZE];
	cJSON	   *object = json_parse(text, length, json_error);
	bool		is_good = false;

	memset(listing, 0, sizeof(*listing));
	quote_clear(quote);
	quote_set_integer(quote, QUOTE_TIME, received_at);
	(void) quote_set_text(quote, QUOTE_SOURCE, vci_provider.name);

	if (object == NULL)
		reason_write(reason, QUOTE_ERROR_SIZE, "row is not JSON: %s",
					 json_error);
	else if (!cJSON_IsObject(object))
		reason_write(reason, QUOTE_ERROR_SIZE,
					 "row is %s, an object was expected",
					 json_describe_item(object, description));
	else
		is_good = row_begin(&row, object) &&
			row_take_plain_members(&row) &&
			row_take_total_value(&row) &&
			row_take_times(&row) &&
			row_take_match(&row) &&
			row_take_trading_date(&row) &&
			row_take_exchange(&row) &&
			row_take_book_side(&row, &bid_side) &&
			row_take_book_side(&row, &ask_side);
	if (is_good)
		row_take_listing(&row, listing);
	cJSON_Delete(object);
	return is_good;
}
