/*-------------------------------------------------------------------------
 *
 * rules_time.c
 *	  What cannot be true of a quote's ticker and its times.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "market/rules_parts.h"

/* Messages cannot break it, as they are not read without a ticker. */
bool
judge_ticker_shape(const Quote *quote, int64_t now, char *error)
{
	(void) now;
	if (!quote_knows(quote, QUOTE_TICKER))
		return false;
	if (!ticker_is_valid(quote->ticker, strlen(quote->ticker)))
		rule_say(error, "ticker is not 1 to %d letters A-Z and digits", TICKER_MAX);
	return true;
}

static bool
is_before_market(const char *name, int64_t time, char *error)
{
	char		value[TIME_TEXT_SIZE];
	char		bound[TIME_TEXT_SIZE];

	if (time >= QUOTE_TIME_MIN)
		return false;
	time_to_text(time, value);
	time_to_text(QUOTE_TIME_MIN, bound);
	rule_say(error, "%s %s is before %s, the market's first day", name, value,
			 bound);
	return true;
}

bool
judge_time_range(const Quote *quote, int64_t now, char *error)
{
	char		time[TIME_TEXT_SIZE];
	char		bound[TIME_TEXT_SIZE];

	if (!quote_knows(quote, QUOTE_TIME))
		return false;
	if (!is_before_market("time", quote->time, error) &&
		quote->time - RULE_CLOCK_SKEW > now)
	{
		time_to_text(quote->time, time);
		time_to_text(now, bound);
		rule_say(error, "time %s is more than 5 minutes ahead of the clock, %s",
				 time, bound);
	}
	return true;
}

/* The source's times cannot be later than its answer, or no quote is. */
static void
judge_source_time(const Quote *quote, QuoteFieldId field, int64_t source_time,
				  int64_t arrival, char *error)
{
	const char *name = quote_fields[field].name;
	char		value[TIME_TEXT_SIZE];
	char		bound[TIME_TEXT_SIZE];

	if (!quote_knows(quote, field) ||
		is_before_market(name, source_time, error) ||
		source_time - RULE_CLOCK_SKEW <= arrival)
		return;
	time_to_text(source_time, value);
	time_to_text(arrival, bound);
	rule_say(error, "%s %s is more than 5 minutes after the quote's time, %s",
			 name, value, bound);
}

bool
judge_exchange_time(const Quote *quote, int64_t now, char *error)
{
	int64_t		arrival = quote_knows(quote, QUOTE_TIME) ? quote->time : now;
	int32_t		arrival_day = vietnam_date(arrival);
	char		value[DATE_TEXT_SIZE];
	char		bound[DATE_TEXT_SIZE];

	judge_source_time(quote, QUOTE_MATCH_TIME, quote->match_time, arrival, error);
	judge_source_time(quote, QUOTE_SOURCE_TIME, quote->source_time, arrival, error);
	if (quote_knows(quote, QUOTE_TRADING_DATE))
	{
		int32_t		first_day = vietnam_date(QUOTE_TIME_MIN);

		if (quote->trading_date < first_day)
		{
			date_to_text(quote->trading_date, value);
			date_to_text(first_day, bound);
			rule_say(error, "trading_date %s is before %s, the market's first day",
					 value, bound);
		}
		else if (quote->trading_date - RULE_TRADING_DATE_AHEAD > arrival_day)
		{
			date_to_text(quote->trading_date, value);
			date_to_text(arrival_day, bound);
			rule_say(error, "trading_date %s is more than %d days after the quote's time, %s",
					 value, RULE_TRADING_DATE_AHEAD, bound);
		}
	}
	return quote_knows(quote, QUOTE_MATCH_TIME) ||
		quote_knows(quote, QUOTE_SOURCE_TIME) ||
		quote_knows(quote, QUOTE_TRADING_DATE);
}
