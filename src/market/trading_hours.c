/*-------------------------------------------------------------------------
 *
 * trading_hours.c
 *	  The hours of one day in which orders are matched.
 *
 *-------------------------------------------------------------------------
 */
#include "market/trading_hours.h"

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void
trading_hours_set(TradingHours *hours, const Calendar *calendar, Exchange exchange, int32_t day)
{
	CalendarSession sessions[CALENDAR_DAY_SESSIONS];
	int			count = calendar_sessions(calendar, exchange, day, sessions);

	hours->count = 0;
	for (int i = 0; i < count; i++)
	{
		int64_t		until = calendar_time(day, sessions[i].ends);

		if (!market_phase_is_open(sessions[i].phase))
			continue;
		hours->spans[hours->count].until = until;
		hours->spans[hours->count].from =
			sessions[i].phase == MARKET_ATO || sessions[i].phase == MARKET_ATC ? until :
			calendar_time(day, sessions[i].starts);
		hours->count++;
	}
}

int64_t
trading_hours_between(const TradingHours *hours, int64_t from, int64_t until)
{
	int64_t		sum = 0;

	for (int i = 0; i < hours->count; i++)
		sum += later(earlier(until, hours->spans[i].until) - later(from, hours->spans[i].from), 0);
	return sum;
}

int64_t
trading_hours_last(const TradingHours *hours, int64_t time)
{
	int64_t		last = INT64_MIN;

	for (int i = 0; i < hours->count; i++)
	{
		int64_t		from = hours->spans[i].from;
		int64_t		until = hours->spans[i].until;

		if (from > time)
			continue;
		/* the moment of an auction is in it, the end of a continuous session is not */
		last = later(last, from == until ? until : earlier(time, until - 1));
	}
	return last == INT64_MIN ? time : last;
}

int64_t
trading_hours_of_days(const Calendar *calendar, Exchange exchange, int64_t from, int64_t until)
{
	int64_t		sum = 0;
	TradingHours hours;

	for (int32_t day = calendar_day(from); from < until && calendar_time(day, 0) < until; day++)
	{
		if (!calendar_is_trading_day(calendar, exchange, day))
			continue;
		trading_hours_set(&hours, calendar, exchange, day);
		sum += trading_hours_between(&hours, from, until);
	}
	return sum;
}
