/*-------------------------------------------------------------------------
 *
 * quote.c
 *	  The fields of a quote: setting and comparing them.
 *
 *-------------------------------------------------------------------------
 */
#include "market/quote.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define NAMED_FIELD(name, kind, member) \
	{name, QUOTE_KIND_##kind, offsetof(Quote, member), \
	 sizeof(((Quote *) 0)->member)}

#define FIELD(kind, member) NAMED_FIELD(#member, kind, member)

const QuoteField quote_fields[QUOTE_FIELD_COUNT] = {
	[QUOTE_TICKER] = FIELD(TEXT, ticker),
	[QUOTE_TIME] = FIELD(TIME, time),
	[QUOTE_PRICE] = FIELD(PRICE, price),
	[QUOTE_VOLUME] = FIELD(SHARES, volume),
	[QUOTE_TOTAL_VOLUME] = FIELD(SHARES, total_volume),
	[QUOTE_CHANGE] = FIELD(VALUE, change),
	[QUOTE_CHANGE_PERCENT] = FIELD(VALUE, change_percent),
	[QUOTE_CEILING_PRICE] = FIELD(PRICE, ceiling_price),
	[QUOTE_FLOOR_PRICE] = FIELD(PRICE, floor_price),
	[QUOTE_REFERENCE_PRICE] = FIELD(PRICE, reference_price),
	[QUOTE_HIGHEST_PRICE] = FIELD(PRICE, highest_price),
	[QUOTE_LOWEST_PRICE] = FIELD(PRICE, lowest_price),
	[QUOTE_BID_PRICE] = NAMED_FIELD("bid_price", PRICE, bid_price[0]),
	[QUOTE_ASK_PRICE] = NAMED_FIELD("ask_price", PRICE, ask_price[0]),
	[QUOTE_OPEN_PRICE] = FIELD(PRICE, open_price),
	[QUOTE_TOTAL_VALUE] = FIELD(VALUE, total_value),
	[QUOTE_MATCH_TIME] = FIELD(TIME, match_time),
	[QUOTE_MATCH_SIDE] = FIELD(TEXT, match_side),
	[QUOTE_SOURCE_TIME] = FIELD(TIME, source_time),
	[QUOTE_TRADING_DATE] = FIELD(DATE, trading_date),
	[QUOTE_SESSION] = FIELD(TEXT, session),
	[QUOTE_EXCHANGE] = FIELD(TEXT, exchange),
	[QUOTE_SOURCE] = FIELD(TEXT, source),
	[QUOTE_BID_VOLUME] = NAMED_FIELD("bid_volume", SHARES, bid_volume[0]),
	[QUOTE_BID_PRICE_2] = NAMED_FIELD("bid_price_2", PRICE, bid_price[1]),
	[QUOTE_BID_VOLUME_2] = NAMED_FIELD("bid_volume_2", SHARES, bid_volume[1]),
	[QUOTE_BID_PRICE_3] = NAMED_FIELD("bid_price_3", PRICE, bid_price[2]),
	[QUOTE_BID_VOLUME_3] = NAMED_FIELD("bid_volume_3", SHARES, bid_volume[2]),
	[QUOTE_ASK_VOLUME] = NAMED_FIELD("ask_volume", SHARES, ask_volume[0]),
	[QUOTE_ASK_PRICE_2] = NAMED_FIELD("ask_price_2", PRICE, ask_price[1]),
	[QUOTE_ASK_VOLUME_2] = NAMED_FIELD("ask_volume_2", SHARES, ask_volume[1]),
	[QUOTE_ASK_PRICE_3] = NAMED_FIELD("ask_price_3", PRICE, ask_price[2]),
	[QUOTE_ASK_VOLUME_3] = NAMED_FIELD("ask_volume_3", SHARES, ask_volume[2]),
	[QUOTE_FOREIGN_BUY_VOLUME] = FIELD(SHARES, foreign_buy_volume),
	[QUOTE_FOREIGN_SELL_VOLUME] = FIELD(SHARES, foreign_sell_volume),
	[QUOTE_FOREIGN_BUY_VALUE] = FIELD(VALUE, foreign_buy_value),
	[QUOTE_FOREIGN_SELL_VALUE] = FIELD(VALUE, foreign_sell_value),
	[QUOTE_FOREIGN_ROOM] = FIELD(SHARES, foreign_room),
	[QUOTE_PUT_THROUGH_VOLUME] = FIELD(SHARES, put_through_volume),
	[QUOTE_PUT_THROUGH_VALUE] = FIELD(VALUE, put_through_value),
	[QUOTE_LISTED_SHARES] = FIELD(SHARES, listed_shares)
};

/* What a later quote may have otherwise and still say nothing new. */
#define TIMES_OF_POLLING \
	((UINT64_C(1) << QUOTE_TIME) | (UINT64_C(1) << QUOTE_SOURCE_TIME))

static void
mark_known(Quote *quote, QuoteFieldId field)
{
	quote->known |= UINT64_C(1) << field;
}

void
quote_clear(Quote *quote)
{
	memset(quote, 0, sizeof(*quote));
}

void
quote_forget(Quote *quote, QuoteFieldId field)
{
	quote->known &= ~(UINT64_C(1) << field);
}

void
quote_set_number(Quote *quote, QuoteFieldId field, double value)
{
	QuoteFieldKind kind = quote_fields[field].kind;

	assert(kind == QUOTE_KIND_PRICE || kind == QUOTE_KIND_VALUE);
	if (!isfinite(value) || (kind == QUOTE_KIND_PRICE && value == 0))
	{
		quote_forget(quote, field);
		return;
	}

	/* No minus zero: it would be written as another number than it equals. */
	value += 0.0;
	memcpy((char *) quote + quote_fields[field].offset, &value, sizeof(value));
	mark_known(quote, field);
}

void
quote_set_integer(Quote *quote, QuoteFieldId field, int64_t value)
{
	char	   *member = (char *) quote + quote_fields[field].offset;

	if (quote_fields[field].kind == QUOTE_KIND_DATE)
	{
		int32_t		date = (int32_t) value;

		assert(date == value);
		memcpy(member, &date, sizeof(date));
	}
	else
	{
		assert(quote_fields[field].kind == QUOTE_KIND_SHARES ||
			   quote_fields[field].kind == QUOTE_KIND_TIME);
		memcpy(member, &value, sizeof(value));
	}
	mark_known(quote, field);
}

bool
quote_set_text(Quote *quote, QuoteFieldId field, const char *value)
{
	size_t		length = strlen(value);

	assert(quote_fields[field].kind == QUOTE_KIND_TEXT);
	quote_forget(quote, field);
	if (length >= quote_fields[field].size)
		return false;
	if (length > 0)
	{
		memcpy((char *) quote + quote_fields[field].offset, value, length + 1);
		mark_known(quote, field);
	}
	return true;
}

bool
ticker_is_valid(const char *ticker, size_t length)
{
	size_t		i;

	if (length == 0 || length > TICKER_MAX)
		return false;
	for (i = 0; i < length; i++)
	{
		if (!(ticker[i] >= 'A' && ticker[i] <= 'Z') &&
			!(ticker[i] >= '0' && ticker[i] <= '9'))
			return false;
	}
	return true;
}

static bool
field_is_equal(const QuoteField *field, const Quote *quote, const Quote *other)
{
	const char *member = (const char *) quote + field->offset;
	const char *other_member = (const char *) other + field->offset;

	if (field->kind == QUOTE_KIND_TEXT)
		return strcmp(member, other_member) == 0;

	/* Bytes are enough: the setters let no minus zero and no NaN in. */
	return memcmp(member, other_member, field->size) == 0;
}

bool
quote_is_unchanged(const Quote *earlier, const Quote *later)
{
	uint64_t	known = later->known & ~TIMES_OF_POLLING;
	int			id;

	if ((earlier->known & ~TIMES_OF_POLLING) != known)
		return false;
	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		if ((known >> id & 1) &&
			!field_is_equal(&quote_fields[id], earlier, later))
			return false;
	}
	return true;
}
