/*-------------------------------------------------------------------------
 *
 * bar.c
 *	  A bar: what can be true, and what is known of it.
 *
 *-------------------------------------------------------------------------
 */
#include "market/bar.h"

#include <math.h>
#include <string.h>

#include "market/reason.h"

#define MINUTE INT64_C(60000000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* How long after its end a source may still add to a minute or an hour. */
#define SETTLING MINUTE
/* Into its day: 15:15, a quarter after the last session of any exchange. */
#define DAY_IS_OVER (15 * HOUR + 15 * MINUTE)

/* The source's clock may be ahead of ours. */
#define CLOCK_SLACK MINUTE

/* VND.  No share costs less; what is below is in thousands. */
#define PRICE_MIN 100.0
#define PRICE_MAX 1e9
/* The largest company has 2e10 shares; 1e18 VND is four times the GDP. */
#define VOLUME_MAX INT64_C(1000000000000)
#define VALUE_MAX 1e18

/* Values are rounded. */
#define VALUE_SLACK 1.0001

/* Shares have three letters; ETFs, warrants and funds have more and other ticks. */
#define SHARE_TICKER_LENGTH 3

int64_t
bar_duration(BarLength length)
{
	switch (length)
	{
		case BAR_MINUTE:
			return MINUTE;
		case BAR_HOUR:
			return HOUR;
		case BAR_DAY:
			break;
	}
	return DAY;
}

/* The largest multiple of unit that is not after time; also before 1970. */
static int64_t
floor_to(int64_t time, int64_t unit)
{
	int64_t		rest = time % unit;

	return time - (rest < 0 ? rest + unit : rest);
}

int64_t
bar_day(int64_t time)
{
	return floor_to(time + VIETNAM_UTC_OFFSET, DAY) - VIETNAM_UTC_OFFSET;
}

bool
bar_begin(int64_t stamp, BarLength length, int64_t *starts)
{
	if (length == BAR_DAY)
	{
		*starts = bar_day(stamp);
		return true;
	}
	*starts = stamp;
	return stamp % MINUTE == 0;
}

static bool
time_is_possible(const Bar *bar, BarLength length, int64_t received_at, char *reason)
{
	char		text[TIME_TEXT_SIZE];

	if (bar->starts >= QUOTE_TIME_MIN &&
		bar->starts <= received_at + (length == BAR_DAY ? 0 : CLOCK_SLACK))
		return true;
	/* what cannot be written as a date is told as a number */
	if (bar->starts < -62135596800 * INT64_C(1000000) || bar->starts > received_at + 1000 * DAY)
		reason_write(reason, QUOTE_ERROR_SIZE, "the time is %lld s since 1970",
					 (long long) (bar->starts / 1000000));
	else
	{
		time_to_text(bar->starts, text);
		reason_write(reason, QUOTE_ERROR_SIZE, "the time %s is %s", text,
					 bar->starts < QUOTE_TIME_MIN ? "before the market began" : "in the future");
	}
	return false;
}

bool
bar_is_possible(const Bar *bar, BarLength length, bool is_index, int64_t received_at,
				char *reason)
{
	if (!time_is_possible(bar, length, received_at, reason))
		return false;
	if (!(bar->low > 0))
		reason_write(reason, QUOTE_ERROR_SIZE, "low %.15g is not positive", bar->low);
	else if (!(bar->low <= bar->high))
		reason_write(reason, QUOTE_ERROR_SIZE, "low %.15g is above high %.15g", bar->low, bar->high);
	else if (!(bar->open >= bar->low && bar->open <= bar->high))
		reason_write(reason, QUOTE_ERROR_SIZE, "open %.15g is not between low %.15g and high %.15g",
					 bar->open, bar->low, bar->high);
	else if (!(bar->close >= bar->low && bar->close <= bar->high))
		reason_write(reason, QUOTE_ERROR_SIZE, "close %.15g is not between low %.15g and high %.15g",
					 bar->close, bar->low, bar->high);
	else if (!is_index && bar->high < PRICE_MIN)
		reason_write(reason, QUOTE_ERROR_SIZE,
					 "high %.15g is below %.0f VND; is it in thousands?", bar->high, PRICE_MIN);
	else if (bar->high > PRICE_MAX)
		reason_write(reason, QUOTE_ERROR_SIZE, "high %.15g is above %.0f", bar->high, PRICE_MAX);
	else if (bar->volume != BAR_VOLUME_UNKNOWN && (bar->volume < 0 || bar->volume > VOLUME_MAX))
		reason_write(reason, QUOTE_ERROR_SIZE, "volume %lld is not between 0 and %lld",
					 (long long) bar->volume, (long long) VOLUME_MAX);
	else if (!isnan(bar->value) && !(bar->value >= 0 && bar->value <= VALUE_MAX))
		reason_write(reason, QUOTE_ERROR_SIZE, "value %.15g is not between 0 and %.0f",
					 bar->value, VALUE_MAX);
	else
		return true;
	return false;
}

/*
 * Can a share have been traded at this price?  The ticks of HOSE; those of HNX
 * and UPCOM (100 VND) are multiples of them.  Of what is no share, by its
 * ticker, only that there are no parts of a VND.
 */
static bool
is_on_tick(double price, bool is_share)
{
	double		tick = 1;

	if (is_share)
		tick = price < 10000 ? 10 : price < 50000 ? 50 : 100;
	return fmod(price, tick) == 0;
}

void
bar_settle(Bar *bar, BarLength length, const char *ticker, int64_t received_at)
{
	bool		is_share = strlen(ticker) == SHARE_TICKER_LENGTH;

	if (length == BAR_DAY)
		bar->is_finished = received_at >= bar->starts + DAY_IS_OVER;
	else
		bar->is_finished = received_at >= bar->starts + bar_duration(length) + SETTLING;

	if (bar_day(bar->starts) == bar_day(received_at))
		bar->adjusted = BAR_ADJUSTED_NO;
	else if (bar->value > bar->high * (double) bar->volume * VALUE_SLACK)
		bar->adjusted = BAR_ADJUSTED_YES;
	else if (is_on_tick(bar->open, is_share) && is_on_tick(bar->high, is_share) &&
			 is_on_tick(bar->low, is_share) && is_on_tick(bar->close, is_share))
		bar->adjusted = BAR_ADJUSTED_UNKNOWN;
	else
		bar->adjusted = BAR_ADJUSTED_YES;
}
