/*-------------------------------------------------------------------------
 *
 * schedule.c
 *	  When the next sweep is due, and why.
 *
 *-------------------------------------------------------------------------
 */
#include "market/schedule.h"

#include <string.h>

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)

/* Around the sessions of a day. */
#define BEFORE_FIRST (15 * MINUTE)
#define AFTER_LAST (5 * MINUTE)
#define CLOSING_AFTER_LAST (45 * MINUTE)
#define PROBE_AFTER_FIRST (20 * MINUTE)
#define PROBE_AFTER_SECOND (10 * MINUTE)

/*
 * How late a sweep may begin that was due while the market was swept, and while
 * no other one went on: a process wakes up a little after its time.
 */
#define SWEEP_LATENESS MINUTE
#define PROBE_LATENESS (30 * MINUTE)

#define SEARCH_DAYS 731

#define DAY_WINDOWS (EXCHANGE_COUNT * CALENDAR_DAY_SESSIONS)
#define DAY_PROBES 2

/* What one day brings. */
typedef struct DayPlan
{
	CalendarWindow windows[DAY_WINDOWS];	/* in which sweeps are made; ends included */
	int			window_count;	/* 0: no exchange trades */
	int64_t		closing;		/* where there are windows */
	int64_t		probes[DAY_PROBES];
	int			probe_count;
} DayPlan;

void
schedule_begin(SweepHistory *history)
{
	history->last = SCHEDULE_NO_SWEEP;
	history->last_ended = SCHEDULE_NO_SWEEP;
	history->last_good = SCHEDULE_NO_SWEEP;
	history->last_full = SCHEDULE_NO_SWEEP;
	history->last_probe = SCHEDULE_NO_SWEEP;
	history->last_good_probe = SCHEDULE_NO_SWEEP;
	history->found_day = SCHEDULE_NO_DAY;
}

const char *
sweep_reason_name(SweepReason reason)
{
	static const char *const names[] = {"start", "interval", "closing", "probe"};

	return names[reason];
}

/* Insert a window in its place, and melt it with those that it touches. */
static void
add_window(DayPlan *plan, CalendarWindow window)
{
	int			from = 0;
	int			until;

	while (from < plan->window_count && plan->windows[from].until < window.from)
		from++;
	until = from;
	while (until < plan->window_count && plan->windows[until].from <= window.until)
	{
		if (plan->windows[until].from < window.from)
			window.from = plan->windows[until].from;
		if (plan->windows[until].until > window.until)
			window.until = plan->windows[until].until;
		until++;
	}
	memmove(&plan->windows[from + 1], &plan->windows[until],
			(size_t) (plan->window_count - until) * sizeof(CalendarWindow));
	plan->windows[from] = window;
	plan->window_count += from + 1 - until;
}

/*
 * The spans in which an exchange is open; on every day, or on trading days.
 */
static void
add_sessions(const Calendar *calendar, int32_t day, bool every_day, DayPlan *plan)
{
	Exchange	exchange;

	plan->window_count = 0;
	for (exchange = EXCHANGE_HOSE; exchange < EXCHANGE_COUNT; exchange++)
	{
		CalendarSession sessions[CALENDAR_DAY_SESSIONS];
		int			count = calendar_sessions(calendar, exchange, day, sessions);
		int			i;

		if (!every_day && !calendar_is_trading_day(calendar, exchange, day))
			continue;
		for (i = 0; i < count; i++)
		{
			CalendarWindow window = {
				calendar_time(day, sessions[i].starts), calendar_time(day, sessions[i].ends)
			};

			if (market_phase_is_open(sessions[i].phase))
				add_window(plan, window);
		}
	}
}

bool
schedule_is_doubtful_day(const Calendar *calendar, int32_t day)
{
	Exchange	exchange;

	if (calendar_is_weekend(day))
		return false;
	for (exchange = EXCHANGE_HOSE; exchange < EXCHANGE_COUNT; exchange++)
	{
		if (calendar_is_trading_day(calendar, exchange, day))
			return false;
	}
	return true;
}

static int64_t
sooner_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void
plan_day(const Calendar *calendar, int32_t day, int32_t found_day, DayPlan *plan)
{
	bool		is_doubtful = schedule_is_doubtful_day(calendar, day);
	/* whatever the sessions are, a day's sweeps are made on that day */
	int64_t		end_of_day = calendar_time(day + 1, 0) - SECOND;
	CalendarWindow *last;

	plan->closing = CALENDAR_NEVER;
	plan->probe_count = 0;
	add_sessions(calendar, day, is_doubtful, plan);
	if (plan->window_count == 0)
		return;
	if (is_doubtful && day != found_day)
	{
		plan->probes[plan->probe_count++] = plan->windows[0].from + PROBE_AFTER_FIRST;
		if (plan->window_count > 1)
			plan->probes[plan->probe_count++] = plan->windows[1].from + PROBE_AFTER_SECOND;
		plan->window_count = 0;
		return;
	}
	last = &plan->windows[plan->window_count - 1];
	plan->closing = sooner_of(last->until + CLOSING_AFTER_LAST, end_of_day);
	last->until = sooner_of(last->until + AFTER_LAST, end_of_day);
	plan->windows[0].from -= BEFORE_FIRST;
	if (plan->windows[0].from < calendar_time(day, 0))
		plan->windows[0].from = calendar_time(day, 0);
}

/*
 * The kinds of reasons, each given the earliest time at which it may count and
 * a day's plan: when on this day, or CALENDAR_NEVER.
 */
static int64_t
interval_on(const DayPlan *plan, int64_t earliest, int64_t last)
{
	int			i;

	for (i = 0; i < plan->window_count; i++)
	{
		const CalendarWindow *window = &plan->windows[i];

		if (earliest <= window->from)
			return window->from;
		if (earliest <= window->until)
			return earliest;
		/* the interval reaches over its end, which is swept too */
		if (last < window->until)
			return window->until;
	}
	return CALENDAR_NEVER;
}

static int64_t
probe_on(const DayPlan *plan, const SweepHistory *history, int64_t interval, int64_t now)
{
	int			i;

	for (i = 0; i < plan->probe_count; i++)
	{
		int64_t		due = plan->probes[i];

		if (history->last_good_probe >= due || now > due + PROBE_LATENESS)
			continue;
		/* one that failed: again */
		if (history->last_probe >= due && history->last_probe + interval > due)
			due = history->last_probe + interval;
		return due;
	}
	return CALENDAR_NEVER;
}

static bool
is_in_window(const DayPlan *plan, int64_t time)
{
	int			i;

	for (i = 0; i < plan->window_count; i++)
	{
		if (plan->windows[i].from <= time && time <= plan->windows[i].until)
			return true;
	}
	return false;
}

/* The first time from then on, of an interval. */
static int64_t
next_interval(const Calendar *calendar, const SweepHistory *history,
			  int64_t earliest, int64_t last)
{
	int32_t		day;
	/* the end of a window may lie before what the interval reaches to */
	int32_t		first = calendar_day(last < earliest ? last : earliest);

	for (day = first; day < first + SEARCH_DAYS; day++)
	{
		DayPlan		plan;
		int64_t		time;

		plan_day(calendar, day, history->found_day, &plan);
		time = interval_on(&plan, earliest, last);
		if (time != CALENDAR_NEVER)
			return time;
	}
	return CALENDAR_NEVER;
}

static int64_t
interval_due(const Calendar *calendar, int64_t interval, const SweepHistory *history,
			 int64_t now)
{
	int64_t		due = next_interval(calendar, history, history->last + interval, history->last);
	DayPlan		today;
	int			i;

	if (due > now)
		return due;
	plan_day(calendar, calendar_day(now), history->found_day, &today);
	for (i = 0; i < today.window_count; i++)
	{
		const CalendarWindow *window = &today.windows[i];

		int64_t		could = history->last_ended > window->until ?
			history->last_ended : window->until;

		if (window->from <= now && now - could <= SWEEP_LATENESS &&
			history->last < window->until)
			return due;
	}
	/* it was due while nobody could, and that time is over */
	return next_interval(calendar, history, now, now);
}

/* Days from today on: only what comes before a time is of interest. */
static bool
is_searched(int32_t day, int32_t today, int64_t before)
{
	return day < today + SEARCH_DAYS && calendar_time(day, 0) < before;
}

/*
 * The closing sweep that is due or the next one; CALENDAR_NEVER: none before a
 * time from which on it does not matter any more.
 */
static int64_t
closing_due(const Calendar *calendar, int64_t interval, const SweepHistory *history,
			int64_t now, int64_t before)
{
	int32_t		today = calendar_day(now);
	int32_t		day;
	DayPlan		plan;

	/* the last one that was to be, while the next day is not swept yet */
	for (day = today; day > today - SEARCH_DAYS; day--)
	{
		plan_day(calendar, day, history->found_day, &plan);
		if (plan.window_count == 0 || plan.windows[0].from > now)
			continue;
		if (plan.closing > now || history->last_full >= plan.closing)
			break;
		if (history->last >= plan.closing)
			return history->last + interval;	/* it failed: again */
		return plan.closing;
	}
	for (day = today; is_searched(day, today, before); day++)
	{
		plan_day(calendar, day, history->found_day, &plan);
		if (plan.window_count > 0 && plan.closing > now)
			return plan.closing;
	}
	return CALENDAR_NEVER;
}

static int64_t
probe_due(const Calendar *calendar, int64_t interval, const SweepHistory *history,
		  int64_t now, int64_t before)
{
	int32_t		today = calendar_day(now);
	int32_t		day;

	for (day = today; is_searched(day, today, before); day++)
	{
		DayPlan		plan;
		int64_t		time;

		plan_day(calendar, day, history->found_day, &plan);
		time = probe_on(&plan, history, interval, now);
		if (time != CALENDAR_NEVER)
			return time;
	}
	return CALENDAR_NEVER;
}

static void
take_sooner(ScheduledSweep *next, int64_t at, SweepReason reason)
{
	if (at < next->at)
	{
		next->at = at;
		next->reason = reason;
	}
}

void
schedule_next(const Calendar *calendar, SchedulePolicy policy, int64_t interval,
			  const SweepHistory *history, int64_t now, ScheduledSweep *next)
{
	int64_t		closing;

	next->reason = SWEEP_AT_START;
	next->at = now;
	if (history->last == SCHEDULE_NO_SWEEP)
		return;

	next->reason = SWEEP_AT_INTERVAL;
	next->at = history->last + interval;
	if (policy == SCHEDULE_ALWAYS)
		return;

	/* in this order: of two that are due, the one that is told */
	next->at = interval_due(calendar, interval, history, now);
	if (history->last_good == SCHEDULE_NO_SWEEP)
		take_sooner(next, history->last + interval, SWEEP_AT_START);
	closing = closing_due(calendar, interval, history, now, next->at);
	/* in the place of an interval's: all is published at it */
	if (closing != CALENDAR_NEVER && closing == next->at && next->reason == SWEEP_AT_INTERVAL)
		next->reason = SWEEP_AT_CLOSING;
	take_sooner(next, closing, SWEEP_AT_CLOSING);
	take_sooner(next, probe_due(calendar, interval, history, now, next->at),
				SWEEP_AS_PROBE);
}

bool
schedule_is_sweeping_time(const Calendar *calendar, int32_t found_day, int64_t now)
{
	DayPlan		today;

	plan_day(calendar, calendar_day(now), found_day, &today);
	return is_in_window(&today, now);
}

bool
schedule_market_is_closed(const Calendar *calendar, int64_t now, int64_t *opens)
{
	Exchange	exchange;

	*opens = CALENDAR_NEVER;
	for (exchange = EXCHANGE_HOSE; exchange < EXCHANGE_COUNT; exchange++)
	{
		MarketState state;

		calendar_state(calendar, exchange, now, &state);
		if (state.is_open)
			return false;
		if (state.next_open < *opens)
			*opens = state.next_open;
	}
	return true;
}
