/*-------------------------------------------------------------------------
 *
 * day.c
 *	  What belongs to which trading date.
 *
 *-------------------------------------------------------------------------
 */
#include "market/day.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "market/json.h"
#include "market/reason.h"

/* A value of the same total may be rounded otherwise; see rules_volume.c. */
#define VALUE_ROUNDING 10000.0

/* Chains of the table of totals; a power of two. */
#define CHAINS 4096

typedef struct DayTotal
{
	struct DayTotal *next;		/* of the same chain */
	char		ticker[TICKER_MAX + 1];
	char		source[QUOTE_NAME_MAX + 1];
	int32_t		trading_date;
	int64_t		time;			/* of the quote */
	bool		has_volume;
	bool		has_value;
	int64_t		total_volume;
	double		total_value;
} DayTotal;

struct DayTotals
{
	DayTotal   *chains[CHAINS];
	size_t		count;
};

static void
forget(Quote *quote, const QuoteFieldId *fields, size_t count)
{
	size_t		i;

	for (i = 0; i < count; i++)
		quote_forget(quote, fields[i]);
}

/* Is the last match surely not of the board's trading date? */
static bool
is_of_other_date(const Quote *quote)
{
	if (!quote_knows(quote, QUOTE_TRADING_DATE))
		return false;
	if (quote_knows(quote, QUOTE_MATCH_TIME))
		return vietnam_date(quote->match_time) != quote->trading_date;
	return (quote_knows(quote, QUOTE_SOURCE_TIME) &&
			vietnam_date(quote->source_time) < quote->trading_date) ||
		(quote_knows(quote, QUOTE_TIME) &&
		 vietnam_date(quote->time) < quote->trading_date);
}

bool
day_forget_other_match(Quote *quote)
{
	static const QuoteFieldId of_match[] = {
		QUOTE_PRICE, QUOTE_VOLUME, QUOTE_CHANGE, QUOTE_CHANGE_PERCENT,
		QUOTE_MATCH_TIME, QUOTE_MATCH_SIDE,
		QUOTE_OPEN_PRICE, QUOTE_HIGHEST_PRICE, QUOTE_LOWEST_PRICE
	};
	static const QuoteFieldId of_day[] = {
		QUOTE_TOTAL_VOLUME, QUOTE_TOTAL_VALUE,
		QUOTE_FOREIGN_BUY_VOLUME, QUOTE_FOREIGN_SELL_VOLUME,
		QUOTE_FOREIGN_BUY_VALUE, QUOTE_FOREIGN_SELL_VALUE,
		QUOTE_PUT_THROUGH_VOLUME, QUOTE_PUT_THROUGH_VALUE
	};

	if (!is_of_other_date(quote))
		return false;
	forget(quote, of_match, sizeof(of_match) / sizeof(of_match[0]));
	if (!quote_knows(quote, QUOTE_TOTAL_VOLUME) || quote->total_volume != 0)
		forget(quote, of_day, sizeof(of_day) / sizeof(of_day[0]));
	return true;
}

DayTotals *
day_totals_create(void)
{
	return calloc(1, sizeof(DayTotals));
}

void
day_totals_free(DayTotals *totals)
{
	size_t		i;

	if (totals == NULL)
		return;
	for (i = 0; i < CHAINS; i++)
	{
		while (totals->chains[i] != NULL)
		{
			DayTotal   *total = totals->chains[i];

			totals->chains[i] = total->next;
			free(total);
		}
	}
	free(totals);
}

/* FNV-1a over ticker and source. */
static size_t
chain_of(const Quote *quote)
{
	const char *texts[] = {quote->ticker, quote->source};
	uint64_t	hash = UINT64_C(14695981039346656037);
	int			i;

	for (i = 0; i < 2; i++)
	{
		const char *c;

		for (c = texts[i]; *c != '\0'; c++)
			hash = (hash ^ (unsigned char) *c) * UINT64_C(1099511628211);
	}
	return (size_t) (hash ^ hash >> 32) & (CHAINS - 1);
}

/* The ticker's entry, made where there is none; NULL where there is no room. */
static DayTotal *
find_total(DayTotals *totals, const Quote *quote, bool *is_new)
{
	DayTotal  **chain = &totals->chains[chain_of(quote)];
	DayTotal   *total;

	*is_new = false;
	for (total = *chain; total != NULL; total = total->next)
	{
		if (strcmp(total->ticker, quote->ticker) == 0 &&
			strcmp(total->source, quote->source) == 0)
			return total;
	}
	if (totals->count >= DAY_TOTALS_MAX)
		return NULL;
	total = calloc(1, sizeof(DayTotal));
	if (total == NULL)
		return NULL;
	strcpy(total->ticker, quote->ticker);
	strcpy(total->source, quote->source);
	total->next = *chain;
	*chain = total;
	totals->count++;
	*is_new = true;
	return total;
}

static const char *
judge_fall(const DayTotal *total, const Quote *quote, char *reason)
{
	char		value[JSON_NUMBER_SIZE];
	char		bound[JSON_NUMBER_SIZE];
	char		date[DATE_TEXT_SIZE];

	date_to_text(quote->trading_date, date);
	if (total->has_volume && quote_knows(quote, QUOTE_TOTAL_VOLUME) &&
		quote->total_volume < total->total_volume)
	{
		reason_write(reason, QUOTE_ERROR_SIZE,
					 "total_volume %" PRId64 " is below %" PRId64
					 ", which it was before on %s",
					 quote->total_volume, total->total_volume, date);
		return DAY_FLAG_VOLUME;
	}
	if (total->has_value && quote_knows(quote, QUOTE_TOTAL_VALUE) &&
		quote->total_value < total->total_value - VALUE_ROUNDING)
	{
		json_write_number(quote->total_value, value);
		json_write_number(total->total_value, bound);
		reason_write(reason, QUOTE_ERROR_SIZE,
					 "total_value %s is below %s, which it was before on %s",
					 value, bound, date);
		return DAY_FLAG_VALUE;
	}
	return NULL;
}

const char *
day_totals_note(DayTotals *totals, const Quote *quote, char *reason)
{
	const char *flag = NULL;
	DayTotal   *total;
	bool		is_new;

	reason[0] = '\0';
	if (!quote_knows(quote, QUOTE_TICKER) || !quote_knows(quote, QUOTE_SOURCE) ||
		!quote_knows(quote, QUOTE_TRADING_DATE))
		return NULL;
	total = find_total(totals, quote, &is_new);
	if (total == NULL || (!is_new && quote->time <= total->time))
		return NULL;
	if (!is_new && total->trading_date == quote->trading_date)
		flag = judge_fall(total, quote, reason);
	else
	{
		total->trading_date = quote->trading_date;
		total->has_volume = false;
		total->has_value = false;
	}
	total->time = quote->time;
	if (quote_knows(quote, QUOTE_TOTAL_VOLUME))
	{
		total->total_volume = quote->total_volume;
		total->has_volume = true;
	}
	if (quote_knows(quote, QUOTE_TOTAL_VALUE))
	{
		total->total_value = quote->total_value;
		total->has_value = true;
	}
	return flag;
}
