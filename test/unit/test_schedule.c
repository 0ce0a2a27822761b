/*-------------------------------------------------------------------------
 *
 * test_schedule.c
 *	  When sweeps are made: weeks stepped through, against lists by hand.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/schedule.h"
#include "test.h"

#define SECOND INT64_C(1000000)
#define HALF_HOUR (1800 * SECOND)

static Calendar calendar;
static SweepHistory history;
static SchedulePolicy policy;
static int64_t interval;

/* What the world does besides: which sweeps fail, and what probes find. */
static int	failures;			/* of the next sweeps */
static int	seconds_long;		/* each sweep; nothing is made meanwhile */
static int32_t trades_on;		/* a day that is called a holiday, and trades */

static int64_t
at(const char *text)
{
	int64_t		time;

	if (!time_from_text(text, strlen(text), &time))
		abort();
	return time;
}

static int32_t
day(const char *text)
{
	int32_t		date;

	if (!date_from_text(text, strlen(text), &date))
		abort();
	return date;
}

static void
fresh(int64_t of_interval)
{
	calendar_free(&calendar);
	if (!calendar_begin(&calendar))
		abort();
	schedule_begin(&history);
	policy = SCHEDULE_MARKET;
	interval = of_interval;
	failures = 0;
	seconds_long = 0;
	trades_on = SCHEDULE_NO_DAY;
}

static void
holiday(const char *date, bool is_holiday)
{
	CalendarHoliday row = {day(date), EXCHANGE_ALL, is_holiday, "a user's", CALENDAR_YOURS};
	char		error[QUOTE_ERROR_SIZE];

	if (!calendar_add_holiday(&calendar, &row, error))
		ok(false, "%s", error);
}

static void
session(Exchange exchange, MarketPhase phase, int starts, int ends, const char *date)
{
	CalendarSession row = {exchange, phase, starts * 60, ends * 60, day(date), day(date), CALENDAR_YOURS};
	char		error[QUOTE_ERROR_SIZE];

	if (!calendar_add_session(&calendar, &row, error))
		ok(false, "%s", error);
}

/* A sweep is made now. */
static void
make(SweepReason reason, int64_t now)
{
	bool		is_good = failures == 0;

	if (failures > 0)
		failures--;
	if (reason == SWEEP_AS_PROBE)
	{
		history.last_probe = now;
		if (is_good)
			history.last_good_probe = now;
	}
	else
	{
		history.last = now;
		history.last_ended = now + seconds_long * SECOND;
		if (is_good)
			history.last_good = now;
		if (is_good && (reason == SWEEP_AT_START || reason == SWEEP_AT_CLOSING))
			history.last_full = now;
	}
	if (is_good && calendar_day(now) == trades_on &&
		schedule_is_doubtful_day(&calendar, trades_on))
		history.found_day = trades_on;
}

/*
 * Step from second to second, and write down what is made: "Tue 09:00 interval".
 * Sweeps of one interval in a row become one entry, "08:45-11:15 interval x6".
 */
static const char *
stepped(const char *from, const char *until)
{
	static char got[8192];
	static const char *const names[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
	int64_t		now;
	int			in_row = 0;
	int64_t		last_of_row = 0;
	size_t		row_at = 0;
	char		clock[TIME_TEXT_SIZE];

	got[0] = '\0';
	for (now = at(from); now < at(until); now += SECOND)
	{
		ScheduledSweep next;

		if (now < history.last_ended)
			continue;
		schedule_next(&calendar, policy, interval, &history, now, &next);
		if (next.at > now)
		{
			/* nothing can come before that: most of the time is skipped */
			if (next.at - now > 4 * SECOND)
				now += (next.at - now) / (2 * SECOND) * SECOND - SECOND;
			continue;
		}
		make(next.reason, now);
		if (next.reason == SWEEP_AT_INTERVAL && in_row > 0 && now - last_of_row == interval)
		{
			in_row++;
			last_of_row = now;
			time_to_text(now, clock);
			sprintf(got + row_at, "-%.5s interval x%d", clock + 11, in_row);
			continue;
		}
		time_to_text(now, clock);
		sprintf(got + strlen(got), "%s%s %.*s", got[0] == '\0' ? "" : ", ",
				names[calendar_day(now) % 7], now / SECOND % 60 == 0 ? 5 : 8, clock + 11);
		row_at = strlen(got);
		sprintf(got + row_at, " %s", sweep_reason_name(next.reason));
		in_row = next.reason == SWEEP_AT_INTERVAL ? 1 : 0;
		last_of_row = now;
	}
	return got;
}

static void
week_is(const char *from, const char *until, const char *expected, const char *name)
{
	is_text(stepped(from, until), expected, "%s", name);
}

#define DAY(name) \
	name " 08:45-11:15 interval x6, " \
	name " 11:30 interval, " \
	name " 13:00-15:00 interval x5, " \
	name " 15:05 interval, " \
	name " 15:45 closing"

/*
 * Monday to the Monday after: the Tuesday a holiday (2026-11-24), a weekend.
 */
static void
test_week(void)
{
	fresh(HALF_HOUR);
	week_is("2026-11-23 06:00:00", "2026-11-30 09:00:00",
			"Mon 06:00 start, " DAY("Mon") ", "
			"Tue 09:20 probe, Tue 13:10 probe, "
			DAY("Wed") ", " DAY("Thu") ", " DAY("Fri") ", "
			"Mon 08:45 interval",
			"a week with a holiday, swept each half hour");

	/* by the minute, as it is by default */
	fresh(60 * SECOND);
	week_is("2026-11-20 08:00:00", "2026-11-23 08:46:30",
			"Fri 08:00 start, Fri 08:45-11:30 interval x166, Fri 13:00-15:05 interval x126, "
			"Fri 15:45 closing, Mon 08:45-08:46 interval x2",
			"a day and a weekend, swept each minute");

	/* one that does not divide the hour: each half's end all the same */
	fresh(7 * 60 * SECOND);
	week_is("2026-11-20 11:00:00", "2026-11-20 16:00:00",
			"Fri 11:00 start, Fri 11:07-11:28 interval x4, Fri 11:30 interval, "
			"Fri 13:00-14:59 interval x18, Fri 15:05 interval, Fri 15:45 closing",
			"an interval of seven minutes");
	fresh(86400 * SECOND);
	week_is("2026-08-07 06:00:00", "2026-08-11 16:00:00",
			"Fri 06:00 start, Fri 11:30 interval, Fri 15:05 interval, Fri 15:45 closing, "
			"Mon 08:45 interval, Mon 11:30 interval, Mon 15:05 interval, Mon 15:45 closing, "
			"Tue 11:30 interval, Tue 15:05 interval, Tue 15:45 closing",
			"an interval of a day: the ends of the halves, and the closing");
}

static void
test_always(void)
{
	fresh(HALF_HOUR);
	policy = SCHEDULE_ALWAYS;
	week_is("2026-11-21 22:10:30", "2026-11-23 09:00:00",
			"Sat 22:10:30 start, Sat 22:40:30-08:40 interval x69",
			"always: over a weekend and through the night");
}

static void
test_users_days(void)
{
	fresh(HALF_HOUR);
	holiday("2026-11-24", false);
	week_is("2026-11-23 16:00:00", "2026-11-24 18:00:00",
			"Mon 16:00 start, " DAY("Tue"), "a holiday that the user cancelled");

	fresh(HALF_HOUR);
	holiday("2026-11-25", true);
	week_is("2026-11-24 18:00:00", "2026-11-26 08:50:00",
			"Tue 18:00 start, Wed 09:20 probe, Wed 13:10 probe, Thu 08:45 interval",
			"a user's own holiday");

	fresh(HALF_HOUR);
	holiday("2026-11-28", false);
	week_is("2026-11-27 16:00:00", "2026-11-30 08:00:00",
			"Fri 16:00 start, " DAY("Sat"), "a Saturday that trades, by the user");

	/* a weekend is never probed, also where the user calls it a holiday */
	fresh(HALF_HOUR);
	holiday("2026-11-28", true);
	week_is("2026-11-27 16:00:00", "2026-11-30 08:00:00", "Fri 16:00 start", "a holiday on a Saturday");

	/* a half day: 9 to 11 o'clock on two exchanges, to 11:30 on the third */
	fresh(HALF_HOUR);
	session(EXCHANGE_HOSE, MARKET_CONTINUOUS, 9 * 60, 11 * 60, "2026-11-25");
	session(EXCHANGE_HNX, MARKET_CONTINUOUS, 9 * 60, 10 * 60, "2026-11-25");
	session(EXCHANGE_HNX, MARKET_ATC, 10 * 60, 11 * 60, "2026-11-25");
	session(EXCHANGE_UPCOM, MARKET_CONTINUOUS, 9 * 60, 11 * 60 + 30, "2026-11-25");
	week_is("2026-11-24 18:00:00", "2026-11-26 08:50:00",
			"Tue 18:00 start, Wed 08:45-11:15 interval x6, Wed 11:35 interval, "
			"Wed 12:15 closing, Thu 08:45 interval",
			"a half day with the user's sessions");

	/* one exchange without lunch: then there is none for sweeps */
	fresh(HALF_HOUR);
	session(EXCHANGE_UPCOM, MARKET_CONTINUOUS, 9 * 60, 15 * 60, "2026-11-25");
	week_is("2026-11-24 18:00:00", "2026-11-25 18:00:00",
			"Tue 18:00 start, Wed 08:45-14:45 interval x13, Wed 15:05 interval, Wed 15:45 closing",
			"the union over exchanges");

	/* nothing but lunch: a day without windows */
	fresh(HALF_HOUR);
	session(EXCHANGE_HOSE, MARKET_LUNCH, 9 * 60, 15 * 60, "2026-11-25");
	session(EXCHANGE_HNX, MARKET_LUNCH, 9 * 60, 15 * 60, "2026-11-25");
	session(EXCHANGE_UPCOM, MARKET_LUNCH, 9 * 60, 15 * 60, "2026-11-25");
	week_is("2026-11-24 18:00:00", "2026-11-26 08:50:00",
			"Tue 18:00 start, Thu 08:45 interval", "a day that is lunch");

	/* sessions around midnight: what is made for them stays within the day */
	fresh(HALF_HOUR);
	session(EXCHANGE_HOSE, MARKET_CONTINUOUS, 0, 60, "2026-11-25");
	session(EXCHANGE_HNX, MARKET_CONTINUOUS, 0, 60, "2026-11-25");
	session(EXCHANGE_UPCOM, MARKET_CONTINUOUS, 23 * 60, 24 * 60, "2026-11-25");
	week_is("2026-11-24 18:00:00", "2026-11-26 08:50:00",
			"Tue 18:00 start, Wed 00:00-01:00 interval x3, "
			"Wed 23:00-23:30 interval x2, Wed 23:59:59 closing, Thu 08:45 interval",
			"a night session");
}

static void
test_unknown_year(void)
{
	fresh(HALF_HOUR);
	week_is("2026-12-31 16:00:00", "2027-01-02 16:00:00",
			"Thu 16:00 start, " DAY("Fri"), "a year without a calendar: a weekday trades");
}

/* A probe finds a match of the day. */
static void
test_wrong_calendar(void)
{
	fresh(HALF_HOUR);
	trades_on = day("2026-11-24");
	week_is("2026-11-23 18:00:00", "2026-11-25 09:00:00",
			/* the sweep that follows a probe is a second later */
			"Mon 18:00 start, Tue 09:20 probe, Tue 09:20:01-11:20 interval x5, Tue 11:30 interval, "
			"Tue 13:00-15:00 interval x5, Tue 15:05 interval, Tue 15:45 closing, Wed 08:45 interval",
			"a holiday on which the market trades");

	/* a start on such a day sees it too */
	fresh(HALF_HOUR);
	trades_on = day("2026-11-24");
	week_is("2026-11-24 14:00:00", "2026-11-24 18:00:00",
			"Tue 14:00 start, Tue 14:30-15:00 interval x2, Tue 15:05 interval, Tue 15:45 closing",
			"started on such a day");
}

static void
test_failures(void)
{
	fresh(600 * SECOND);
	failures = 2;
	week_is("2026-11-21 10:00:00", "2026-11-22 10:00:00",
			"Sat 10:00 start, Sat 10:10 start, Sat 10:20 start",
			"a start that fails is made again until it does not");

	fresh(600 * SECOND);
	history.last = history.last_good = history.last_full = at("2026-11-20 15:05:00");
	failures = 1;
	week_is("2026-11-20 15:10:00", "2026-11-23 08:46:00",
			"Fri 15:45 closing, Fri 15:55 closing, Mon 08:45 interval",
			"a closing sweep that fails likewise");

	/* but not for ever: the next day's sweeps take over */
	fresh(HALF_HOUR);
	history.last = history.last_good = history.last_full = at("2026-11-19 15:05:00");
	failures = 1000;
	week_is("2026-11-20 07:50:00", "2026-11-20 10:00:00",
			"Fri 07:50 closing, Fri 08:20 closing, Fri 08:50-09:50 interval x3",
			"the next day's sweeps take over");

	fresh(600 * SECOND);
	history.last = history.last_good = history.last_full = at("2026-11-23 15:50:00");
	failures = 1;
	week_is("2026-11-24 09:00:00", "2026-11-24 18:00:00",
			"Tue 09:20 probe, Tue 09:30 probe, Tue 13:10 probe",
			"a probe that fails");
	fresh(600 * SECOND);
	history.last = history.last_good = history.last_full = at("2026-11-23 15:50:00");
	failures = 1000;
	week_is("2026-11-24 09:00:00", "2026-11-24 18:00:00",
			"Tue 09:20 probe, Tue 09:30 probe, Tue 09:40 probe, Tue 09:50 probe, "
			"Tue 13:10 probe, Tue 13:20 probe, Tue 13:30 probe, Tue 13:40 probe",
			"is not made again for long");
}

/* Where the clock, or the process, jumps. */
static void
test_jumps(void)
{
	fresh(HALF_HOUR);
	is_text(stepped("2026-11-20 14:00:00", "2026-11-20 15:00:00"),
			"Fri 14:00 start, Fri 14:30 interval", "on a Friday");
	week_is("2026-11-22 12:00:00", "2026-11-23 08:46:00",
			"Sun 12:00 closing, Mon 08:45 interval", "asleep until Sunday: the closing is caught up, once");
	week_is("2026-11-25 10:00:00", "2026-11-25 10:31:00",
			"Wed 10:00-10:30 interval x2", "asleep over a closing, until a session");
	week_is("2026-11-26 12:10:00", "2026-11-26 13:01:00",
			"Thu 13:00 interval", "asleep until a lunch: what was closed the day before is over");
	week_is("2026-11-26 15:30:00", "2026-11-27 08:40:00",
			"Thu 15:45 closing", "asleep until between end and closing");
	week_is("2026-11-27 15:46:00", "2026-11-27 23:00:00",
			"Fri 15:46 closing", "a minute late for the closing");

	/* late for the end of a half: a little is none, more is too late */
	fresh(HALF_HOUR);
	history.last = history.last_good = history.last_full = at("2026-11-20 11:15:00");
	week_is("2026-11-20 11:31:00", "2026-11-20 12:00:00", "Fri 11:31 interval", "a minute late");
	fresh(HALF_HOUR);
	history.last = history.last_good = history.last_full = at("2026-11-20 11:15:00");
	week_is("2026-11-20 11:31:01", "2026-11-20 12:00:00", "", "more than a minute late");

	history.last = history.last_good = history.last_full = at("2026-11-20 10:00:00");
	week_is("2026-11-20 11:31:00", "2026-11-20 12:00:00", "Fri 11:31 interval", "a minute late, after a long time");
	week_is("2026-11-20 11:31:01", "2026-11-20 13:00:01", "Fri 13:00 interval", "but once");

	/* late because of a sweep that took long, it is made after that */
	fresh(600 * SECOND);
	history.last = history.last_good = history.last_full = at("2026-11-20 11:15:00");
	seconds_long = 240;
	week_is("2026-11-20 11:20:00", "2026-11-20 15:47:00",
			"Fri 11:25 interval, Fri 11:30 interval, Fri 13:00-15:00 interval x13, "
			"Fri 15:05 interval, Fri 15:45 closing",
			"sweeps that take long");
	fresh(60 * SECOND);
	history.last = history.last_good = history.last_full = at("2026-11-20 11:20:30");
	seconds_long = 240;
	week_is("2026-11-20 11:21:00", "2026-11-20 13:00:10",
			"Fri 11:21:30 interval, Fri 11:25:30 interval, Fri 11:29:30 interval, "
			"Fri 11:33:30 interval, Fri 13:00 interval",
			"longer than the interval: one more when the half has ended");

	/* a requested one in the place of the closing leaves out what is unchanged */
	fresh(HALF_HOUR);
	history.last = history.last_good = at("2026-11-20 15:45:00");
	history.last_full = at("2026-11-20 08:00:00");
	week_is("2026-11-20 15:45:01", "2026-11-20 23:00:00", "Fri 16:15 closing", "requested just at the closing");

	/* a sweep in between, by vnstream_sweep(), moves the interval */
	fresh(HALF_HOUR);
	history.last = history.last_good = history.last_full = at("2026-11-20 10:10:00");
	week_is("2026-11-20 10:10:01", "2026-11-20 10:45:00", "Fri 10:40 interval", "the interval counts from the last");

	/* back by less than what restarts the workers */
	fresh(HALF_HOUR);
	history.last = history.last_good = history.last_full = at("2026-11-20 10:00:00");
	week_is("2026-11-20 09:59:30", "2026-11-20 10:31:00", "Fri 10:30 interval", "set back by half a minute");

	/* a start after the closing has what the closing would have had */
	fresh(HALF_HOUR);
	week_is("2026-11-20 16:00:00", "2026-11-21 16:00:00", "Fri 16:00 start", "started after the closing");
	fresh(HALF_HOUR);
	week_is("2026-11-20 15:30:00", "2026-11-21 16:00:00", "Fri 15:30 start, Fri 15:45 closing", "started before it");
}

static void
test_never(void)
{
	ScheduledSweep next;
	int64_t		opens;
	int32_t		date;

	/* nobody trades for years */
	fresh(HALF_HOUR);
	for (date = day("2026-11-01"); date < day("2029-11-01"); date++)
	{
		char		text[DATE_TEXT_SIZE];

		date_to_text(date, text);
		if (!calendar_is_weekend(date))
			holiday(text, true);
	}
	history.last = history.last_good = history.last_full = at("2026-11-20 16:00:00");
	history.last_good_probe = at("2026-11-20 16:00:00");
	schedule_next(&calendar, SCHEDULE_MARKET, interval, &history, at("2026-11-20 16:00:00"), &next);
	is_text(sweep_reason_name(next.reason), "probe", "a market that never opens is probed");
	is_integer(next.at, at("2026-11-23 09:20:00"), "on weekdays");
	ok(schedule_market_is_closed(&calendar, at("2026-11-20 16:00:00"), &opens), "it is closed");
	is_integer(opens, CALENDAR_NEVER, "for ever");
}

static void
test_closed(void)
{
	int64_t		opens;

	fresh(HALF_HOUR);
	ok(!schedule_market_is_closed(&calendar, at("2026-11-20 09:00:00"), &opens), "open at nine");
	ok(!schedule_market_is_closed(&calendar, at("2026-11-20 14:59:59"), &opens), "open until three");
	ok(schedule_market_is_closed(&calendar, at("2026-11-20 12:00:00"), &opens), "lunch is closed");
	is_integer(opens, at("2026-11-20 13:00:00"), "until one");
	ok(schedule_market_is_closed(&calendar, at("2026-11-20 15:00:00"), &opens), "closed from three");
	is_integer(opens, at("2026-11-23 09:00:00"), "until Monday");
	ok(schedule_is_doubtful_day(&calendar, day("2026-11-24")), "a holiday is doubtful");
	ok(!schedule_is_doubtful_day(&calendar, day("2026-11-23")), "a trading day is not");
	ok(!schedule_is_doubtful_day(&calendar, day("2026-11-22")), "nor is a Sunday");
}

int
main(void)
{
	test_week();
	test_always();
	test_users_days();
	test_unknown_year();
	test_wrong_calendar();
	test_failures();
	test_jumps();
	test_never();
	test_closed();
	calendar_free(&calendar);
	return done_testing();
}
