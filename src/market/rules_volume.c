/*-------------------------------------------------------------------------
 *
 * rules_volume.c
 *	  What cannot be true of a quote's volumes and values.
 *
 * No rule asks for whole lots: foreigners' volumes have odd lots in them, and
 * so have all volumes on the days of corporate actions.
 *
 *-------------------------------------------------------------------------
 */
#include <inttypes.h>
#include <string.h>

#include "market/json.h"
#include "market/rules_parts.h"

/*
 * VCI tells the day's value in million VND with two decimals, so it may be off
 * by 10,000 VND, where they are cut; KBS tells whole VND.  Neither total has
 * negotiated deals in it, whose prices need not lie within the day's range, and
 * both have the auctions, whose prices do (KBS's totals agree with its tape of
 * matches to the share).
 */
#define VALUE_ROUNDING 10000.0

bool
judge_volume_range(const Quote *quote, int64_t now, char *error)
{
	bool		has_judged = false;
	int			id;

	(void) now;
	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		int64_t		shares;

		if (quote_fields[id].kind != QUOTE_KIND_SHARES ||
			!quote_knows(quote, (QuoteFieldId) id))
			continue;
		has_judged = true;
		memcpy(&shares, (const char *) quote + quote_fields[id].offset,
			   sizeof(shares));
		if (shares < 0)
			rule_say(error, "%s %" PRId64 " is below 0 shares",
					 quote_fields[id].name, shares);
		else if (shares > RULE_VOLUME_MAX)
			rule_say(error, "%s %" PRId64 " is beyond %" PRId64 " shares",
					 quote_fields[id].name, shares, RULE_VOLUME_MAX);
	}
	return has_judged;
}

bool
judge_value_range(const Quote *quote, int64_t now, char *error)
{
	static const QuoteFieldId values[] = {
		QUOTE_TOTAL_VALUE, QUOTE_FOREIGN_BUY_VALUE, QUOTE_FOREIGN_SELL_VALUE,
		QUOTE_PUT_THROUGH_VALUE
	};
	bool		has_judged = false;
	size_t		i;

	(void) now;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		char		text[JSON_NUMBER_SIZE];
		double		value;

		if (!quote_knows(quote, values[i]))
			continue;
		has_judged = true;
		value = rule_number(quote, values[i]);
		if (value >= 0 && value <= RULE_VALUE_MAX)
			continue;
		json_write_number(value, text);
		if (value < 0)
			rule_say(error, "%s %s is below 0 VND", quote_fields[values[i]].name,
					 text);
		else
			rule_say(error, "%s %s is beyond %.0f VND",
					 quote_fields[values[i]].name, text, RULE_VALUE_MAX);
	}
	return has_judged;
}

bool
judge_volume_total(const Quote *quote, int64_t now, char *error)
{
	(void) now;
	if (!quote_knows(quote, QUOTE_VOLUME) ||
		!quote_knows(quote, QUOTE_TOTAL_VOLUME))
		return false;
	if (quote->volume > quote->total_volume)
		rule_say(error, "volume %" PRId64 " is above total_volume %" PRId64,
				 quote->volume, quote->total_volume);
	return true;
}

/*
 * What was bought today cannot be sold today: no share trades twice a day.  A
 * count of 0 or less is no count, whoever wrote it.
 */
bool
judge_volume_listed(const Quote *quote, int64_t now, char *error)
{
	(void) now;
	if (!quote_knows(quote, QUOTE_TOTAL_VOLUME) ||
		!quote_knows(quote, QUOTE_LISTED_SHARES) || quote->listed_shares <= 0)
		return false;
	if (quote->total_volume > quote->listed_shares)
		rule_say(error, "total_volume %" PRId64 " is above listed_shares %" PRId64,
				 quote->total_volume, quote->listed_shares);
	return true;
}

/* One side of the average: the value against volume at the day's extreme price. */
static bool
judge_value_side(const Quote *quote, QuoteFieldId extreme, char *error)
{
	double		bound;
	bool		is_broken;
	char		value[JSON_NUMBER_SIZE];
	char		price[JSON_NUMBER_SIZE];

	if (!quote_knows(quote, extreme))
		return false;
	bound = rule_number(quote, extreme) * (double) quote->total_volume;
	is_broken = (extreme == QUOTE_LOWEST_PRICE) ?
		quote->total_value < bound - VALUE_ROUNDING :
		quote->total_value > bound + VALUE_ROUNDING;
	if (is_broken)
	{
		json_write_number(quote->total_value, value);
		json_write_number(rule_number(quote, extreme), price);
		rule_say(error, "total_value %s is %s total_volume %" PRId64 " at %s %s",
				 value, extreme == QUOTE_LOWEST_PRICE ? "below" : "above",
				 quote->total_volume, quote_fields[extreme].name, price);
	}
	return true;
}

bool
judge_average_price(const Quote *quote, int64_t now, char *error)
{
	bool		has_judged;
	char		value[JSON_NUMBER_SIZE];

	(void) now;
	if (!quote_knows(quote, QUOTE_TOTAL_VALUE) ||
		!quote_knows(quote, QUOTE_TOTAL_VOLUME))
		return false;
	if (quote->total_volume == 0)
	{
		if (quote->total_value > VALUE_ROUNDING)
		{
			json_write_number(quote->total_value, value);
			rule_say(error, "total_value %s is of total_volume 0", value);
		}
		return true;
	}
	has_judged = judge_value_side(quote, QUOTE_LOWEST_PRICE, error);
	has_judged |= judge_value_side(quote, QUOTE_HIGHEST_PRICE, error);
	return has_judged;
}
