/*-------------------------------------------------------------------------
 *
 * rules_price.c
 *	  What cannot be true of a quote's prices.
 *
 * All are VND.  The sources' other services, and other sources, have thousand
 * VND, and that is the commonest way for a price to be wrong.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "market/json.h"
#include "market/rules_parts.h"

#define UNIT_HINT "(prices are in VND, not thousand VND)"

/*
 * Two prices of one day are VND and thousand VND where one is 1000 times the
 * other, give or take what lies between a floor and a ceiling: on a first day
 * 60 % and 140 % of the reference, 2.33 times.
 */
#define SCALE_MIN 400
#define SCALE_MAX 2500

/* Prices in thousand VND have fractions; in VND, a tick is never below 1. */
#define FRACTION_BELOW 1000.0

/* How far a change, in VND, and one in percent may be rounded. */
#define CHANGE_TOLERANCE 0.5
#define PERCENT_TOLERANCE 0.01

/*
 * A covered warrant, by its ticker: C, the share's three letters, year and
 * number (CVRE2501).  It may trade at 10 VND, one tick, under a ceiling of
 * thousands.
 */
static bool
is_warrant(const Quote *quote)
{
	size_t		i;

	if (!quote_knows(quote, QUOTE_TICKER) || strlen(quote->ticker) != 8 ||
		quote->ticker[0] != 'C')
		return false;
	for (i = 1; i < 8; i++)
	{
		bool		is_digit = quote->ticker[i] >= '0' && quote->ticker[i] <= '9';

		if (is_digit != (i >= 4))
			return false;
	}
	return true;
}

bool
judge_price_minimum(const Quote *quote, int64_t now, char *error)
{
	double		minimum = is_warrant(quote) ? RULE_WARRANT_MIN : RULE_PRICE_MIN;
	char		price[JSON_NUMBER_SIZE];

	(void) now;
	if (!quote_knows(quote, QUOTE_PRICE))
		return false;
	if (quote->price < minimum - RULE_BINARY_NOISE)
	{
		json_write_number(quote->price, price);
		rule_say(error, "price %s is below %.0f VND " UNIT_HINT, price, minimum);
	}
	return true;
}

bool
judge_price_range(const Quote *quote, int64_t now, char *error)
{
	bool		has_judged = false;
	int			id;

	(void) now;
	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		char		value[JSON_NUMBER_SIZE];
		double		price;

		if (quote_fields[id].kind != QUOTE_KIND_PRICE ||
			!quote_knows(quote, (QuoteFieldId) id))
			continue;
		has_judged = true;
		price = rule_number(quote, (QuoteFieldId) id);

		/* A last price below 0 is below price_minimum's bound as well. */
		if (price < 0 && id != QUOTE_PRICE)
		{
			json_write_number(price, value);
			rule_say(error, "%s %s is below 0 VND", quote_fields[id].name, value);
		}
		else if (price > RULE_PRICE_MAX)
		{
			json_write_number(price, value);
			rule_say(error, "%s %s is beyond %.0f VND", quote_fields[id].name,
					 value, RULE_PRICE_MAX);
		}
	}
	return has_judged;
}

bool
judge_price_scale(const Quote *quote, int64_t now, char *error)
{
	bool		has_judged = false;
	int			lowest = -1;
	int			highest = -1;
	double		lowest_price = 0;
	double		highest_price = 0;
	char		value[JSON_NUMBER_SIZE];
	char		bound[JSON_NUMBER_SIZE];
	int			id;

	(void) now;
	if (is_warrant(quote))
		return false;
	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		double		price;

		if (quote_fields[id].kind != QUOTE_KIND_PRICE ||
			!quote_knows(quote, (QuoteFieldId) id))
			continue;
		has_judged = true;
		price = rule_number(quote, (QuoteFieldId) id);
		if (price <= 0)
			continue;			/* price_range's */
		if (lowest < 0 || price < lowest_price)
		{
			lowest = id;
			lowest_price = price;
		}
		if (highest < 0 || price > highest_price)
		{
			highest = id;
			highest_price = price;
		}

		/* Below the minimum, the last price has a rule of its own. */
		if (price < RULE_PRICE_MIN - RULE_BINARY_NOISE && id != QUOTE_PRICE)
		{
			json_write_number(price, value);
			rule_say(error, "%s %s is below %.0f VND " UNIT_HINT,
					 quote_fields[id].name, value, RULE_PRICE_MIN);
		}
		else if (price >= RULE_PRICE_MIN && price < FRACTION_BELOW &&
				 fabs(price - round(price)) > RULE_BINARY_NOISE)
		{
			json_write_number(price, value);
			rule_say(error, "%s %s has a fraction of a VND " UNIT_HINT,
					 quote_fields[id].name, value);
		}
	}
	if (lowest >= 0 && highest_price > lowest_price * SCALE_MIN &&
		highest_price < lowest_price * SCALE_MAX)
	{
		json_write_number(lowest_price, value);
		json_write_number(highest_price, bound);
		rule_say(error, "%s %s is about 1/1000 of %s %s " UNIT_HINT,
				 quote_fields[lowest].name, value, quote_fields[highest].name,
				 bound);
	}
	return has_judged;
}

/*
 * Of the pairs of a rule each is judged alone: a source that knows one limit
 * only is held to that one.
 */
bool
judge_limits_order(const Quote *quote, int64_t now, char *error)
{
	bool		has_judged;

	(void) now;
	has_judged = rule_in_order(quote, QUOTE_FLOOR_PRICE, QUOTE_CEILING_PRICE, error);
	has_judged |= rule_in_order(quote, QUOTE_FLOOR_PRICE, QUOTE_REFERENCE_PRICE, error);
	has_judged |= rule_in_order(quote, QUOTE_REFERENCE_PRICE, QUOTE_CEILING_PRICE, error);
	return has_judged;
}

bool
judge_price_limits(const Quote *quote, int64_t now, char *error)
{
	bool		has_judged;

	(void) now;
	has_judged = rule_in_order(quote, QUOTE_FLOOR_PRICE, QUOTE_PRICE, error);
	has_judged |= rule_in_order(quote, QUOTE_PRICE, QUOTE_CEILING_PRICE, error);
	return has_judged;
}

bool
judge_day_range(const Quote *quote, int64_t now, char *error)
{
	bool		has_judged;

	(void) now;
	has_judged = rule_in_order(quote, QUOTE_LOWEST_PRICE, QUOTE_HIGHEST_PRICE, error);
	has_judged |= rule_in_order(quote, QUOTE_FLOOR_PRICE, QUOTE_LOWEST_PRICE, error);
	has_judged |= rule_in_order(quote, QUOTE_LOWEST_PRICE, QUOTE_PRICE, error);
	has_judged |= rule_in_order(quote, QUOTE_PRICE, QUOTE_HIGHEST_PRICE, error);
	has_judged |= rule_in_order(quote, QUOTE_HIGHEST_PRICE, QUOTE_CEILING_PRICE, error);
	return has_judged;
}

static bool
knows_change_from(const Quote *quote, QuoteFieldId field)
{
	return quote_knows(quote, field) && quote_knows(quote, QUOTE_PRICE) &&
		quote_knows(quote, QUOTE_REFERENCE_PRICE);
}

static void
say_change(const Quote *quote, QuoteFieldId field, double expected,
		   double tolerance, const char *unit, char *error)
{
	double		got = rule_number(quote, field);
	char		value[JSON_NUMBER_SIZE];
	char		bound[JSON_NUMBER_SIZE];
	char		price[JSON_NUMBER_SIZE];
	char		reference[JSON_NUMBER_SIZE];

	if (fabs(got - expected) <= tolerance + RULE_BINARY_NOISE)
		return;
	json_write_number(got, value);
	json_write_number(round(expected * 1e6) / 1e6 + 0.0, bound);
	json_write_number(quote->price, price);
	json_write_number(quote->reference_price, reference);
	rule_say(error, "%s %s is not %s %s, as price %s and reference_price %s make it",
			 quote_fields[field].name, value, bound, unit, price, reference);
}

bool
judge_change(const Quote *quote, int64_t now, char *error)
{
	(void) now;
	if (!knows_change_from(quote, QUOTE_CHANGE))
		return false;
	say_change(quote, QUOTE_CHANGE, quote->price - quote->reference_price,
			   CHANGE_TOLERANCE, "VND", error);
	return true;
}

bool
judge_change_percent(const Quote *quote, int64_t now, char *error)
{
	(void) now;
	if (!knows_change_from(quote, QUOTE_CHANGE_PERCENT) ||
		quote->reference_price <= 0)
		return false;
	say_change(quote, QUOTE_CHANGE_PERCENT,
			   (quote->price - quote->reference_price) / quote->reference_price * 100,
			   PERCENT_TOLERANCE, "percent", error);
	return true;
}
