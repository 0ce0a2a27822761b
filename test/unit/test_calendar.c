/*-------------------------------------------------------------------------
 *
 * test_calendar.c
 *	  When the exchanges trade, by the built-in facts and by a user's rows.
 *
 * What is expected is written by hand, from the exchanges' timetable.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/calendar.h"
#include "test.h"

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

/* 2026-08-04 09:00:00, or what there is no time for */
static const char *
shown(int64_t time)
{
	static char texts[8][TIME_TEXT_SIZE];
	static int	turn;
	char	   *text = texts[turn++ % 8];

	if (time == CALENDAR_NEVER)
		return "never";
	if (time == CALENDAR_ALWAYS)
		return "always";
	time_to_text(time, text);
	text[10] = ' ';
	text[19] = '\0';
	return text;
}

static Calendar calendar;

static void
fresh(void)
{
	calendar_free(&calendar);
	if (!calendar_begin(&calendar))
		abort();
}

static void
session(const char *exchange, const char *phase, int starts, int ends,
		const char *from, const char *until)
{
	CalendarSession row = {
		(Exchange) exchange_from_name(exchange),
		(MarketPhase) market_phase_from_name(phase),
		starts / 100 * 3600 + starts % 100 * 60,
		ends / 100 * 3600 + ends % 100 * 60,
		day(from), until == NULL ? CALENDAR_FOR_EVER : day(until), CALENDAR_BUILT_IN
	};
	char		error[QUOTE_ERROR_SIZE];

	if (!calendar_add_session(&calendar, &row, error))
		ok(false, "%s", error);
}

static void
holiday(const char *date, int exchange, bool is_holiday, const char *name)
{
	CalendarHoliday row = {day(date), (Exchange) exchange, is_holiday, "", CALENDAR_BUILT_IN};
	char		error[QUOTE_ERROR_SIZE];

	strcpy(row.name, name);
	if (!calendar_add_holiday(&calendar, &row, error))
		ok(false, "%s", error);
}

/* phase, since, until, next opening, each as text */
static void
is_state(Exchange exchange, const char *time, const char *phase, const char *since,
		 const char *until, const char *next_open)
{
	MarketState state;

	calendar_state(&calendar, exchange, at(time), &state);
	is_text(market_phase_name(state.phase), phase, "%s at %s", exchange_name(exchange), time);
	is_text(shown(state.since), since, "since");
	is_text(shown(state.until), until, "until");
	is_text(shown(state.next_open), next_open, "the next opening");
	ok(state.is_open == (strcmp(phase, "closed") != 0 && strcmp(phase, "lunch") != 0),
	   "open or not");
}

/* An ordinary Tuesday, at both ends of each phase. */
static void
test_phases(void)
{
	static const struct
	{
		Exchange	exchange;
		const char *phase;
		const char *starts;
		const char *ends;
		const char *next_open;
	}			phases[] = {
		{EXCHANGE_HOSE, "closed", "2026-08-03 14:45:00", "2026-08-04 09:00:00", "2026-08-04 09:00:00"},
		{EXCHANGE_HOSE, "ATO", "2026-08-04 09:00:00", "2026-08-04 09:15:00", "2026-08-04 13:00:00"},
		{EXCHANGE_HOSE, "continuous", "2026-08-04 09:15:00", "2026-08-04 11:30:00", "2026-08-04 13:00:00"},
		{EXCHANGE_HOSE, "lunch", "2026-08-04 11:30:00", "2026-08-04 13:00:00", "2026-08-04 13:00:00"},
		{EXCHANGE_HOSE, "continuous", "2026-08-04 13:00:00", "2026-08-04 14:30:00", "2026-08-05 09:00:00"},
		{EXCHANGE_HOSE, "ATC", "2026-08-04 14:30:00", "2026-08-04 14:45:00", "2026-08-05 09:00:00"},
		{EXCHANGE_HOSE, "closed", "2026-08-04 14:45:00", "2026-08-05 09:00:00", "2026-08-05 09:00:00"},
		{EXCHANGE_HNX, "continuous", "2026-08-04 09:00:00", "2026-08-04 11:30:00", "2026-08-04 13:00:00"},
		{EXCHANGE_HNX, "lunch", "2026-08-04 11:30:00", "2026-08-04 13:00:00", "2026-08-04 13:00:00"},
		{EXCHANGE_HNX, "continuous", "2026-08-04 13:00:00", "2026-08-04 14:30:00", "2026-08-05 09:00:00"},
		{EXCHANGE_HNX, "ATC", "2026-08-04 14:30:00", "2026-08-04 14:45:00", "2026-08-05 09:00:00"},
		{EXCHANGE_HNX, "PLO", "2026-08-04 14:45:00", "2026-08-04 15:00:00", "2026-08-05 09:00:00"},
		{EXCHANGE_HNX, "closed", "2026-08-04 15:00:00", "2026-08-05 09:00:00", "2026-08-05 09:00:00"},
		{EXCHANGE_UPCOM, "continuous", "2026-08-04 09:00:00", "2026-08-04 11:30:00", "2026-08-04 13:00:00"},
		{EXCHANGE_UPCOM, "lunch", "2026-08-04 11:30:00", "2026-08-04 13:00:00", "2026-08-04 13:00:00"},
		{EXCHANGE_UPCOM, "continuous", "2026-08-04 13:00:00", "2026-08-04 15:00:00", "2026-08-05 09:00:00"},
		{EXCHANGE_UPCOM, "closed", "2026-08-04 15:00:00", "2026-08-05 09:00:00", "2026-08-05 09:00:00"}
	};
	size_t		i;

	fresh();
	for (i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
	{
		char		last[TIME_TEXT_SIZE];

		is_state(phases[i].exchange, phases[i].starts, phases[i].phase,
				 phases[i].starts, phases[i].ends, phases[i].next_open);
		time_to_text(at(phases[i].ends) - 1, last);
		is_state(phases[i].exchange, last, phases[i].phase,
				 phases[i].starts, phases[i].ends, phases[i].next_open);
	}
}

static void
test_days(void)
{
	MarketState state;

	fresh();
	is_integer(day("1970-01-01"), 0, "days count from 1970");
	is_integer(calendar_day(at("2026-08-04 00:00:00")), day("2026-08-04"), "midnight is Vietnam's");
	is_integer(calendar_day(at("2026-08-03 23:59:59.999999")), day("2026-08-03"), "and so is the moment before");
	is_integer(calendar_day(-1), 0, "1970 began at 7 o'clock");
	is_integer(calendar_day(at("1969-12-31 23:59:59")), -1, "days before 1970");
	is_integer(calendar_time(day("2026-08-04"), 9 * 3600), at("2026-08-04T09:00:00+07:00"), "a time of a day");
	is_integer(calendar_year(day("2027-12-31")), 2027, "a year");
	ok(!calendar_is_weekend(day("2026-08-07")), "a Friday");
	ok(calendar_is_weekend(day("2026-08-08")), "a Saturday");
	ok(calendar_is_weekend(day("2026-08-09")), "a Sunday");
	ok(!calendar_is_weekend(day("2026-08-10")), "a Monday");
	ok(calendar_is_weekend(day("1969-12-28")), "a Sunday before 1970");

	/* over the weekend, and over Tet, which is a week between two */
	is_state(EXCHANGE_HOSE, "2026-08-08 12:00:00", "closed", "2026-08-07 14:45:00",
			 "2026-08-10 09:00:00", "2026-08-10 09:00:00");
	is_state(EXCHANGE_UPCOM, "2026-02-18 10:00:00", "closed", "2026-02-13 15:00:00",
			 "2026-02-23 09:00:00", "2026-02-23 09:00:00");
	is_state(EXCHANGE_HNX, "2026-02-13 14:50:00", "PLO", "2026-02-13 14:45:00",
			 "2026-02-13 15:00:00", "2026-02-23 09:00:00");

	calendar_state(&calendar, EXCHANGE_HOSE, at("2026-11-24 10:00:00"), &state);
	ok(!state.is_trading_day, "a holiday is no trading day");
	is_text(state.holiday, "Culture Day", "and has a name");
	ok(state.is_year_known, "in a year that is known");
	calendar_state(&calendar, EXCHANGE_HOSE, at("2026-08-08 10:00:00"), &state);
	ok(!state.is_trading_day, "nor is a Saturday");
	ok(state.holiday == NULL, "which is no holiday");

	/* nobody has announced 2027's yet */
	calendar_state(&calendar, EXCHANGE_HOSE, at("2027-01-01 10:00:00"), &state);
	ok(!state.is_year_known, "a year without a calendar");
	ok(state.is_trading_day, "where every weekday trades");
	is_text(market_phase_name(state.phase), "continuous", "as on any day");
	ok(!calendar_is_trading_day(&calendar, EXCHANGE_HOSE, day("2027-01-02")), "weekends do not");
	ok(!calendar_knows_year(&calendar, day("2023-12-31")), "2023 is not known");
	ok(calendar_knows_year(&calendar, day("2024-01-01")), "2024 is");

	/* before the market there was nothing */
	is_state(EXCHANGE_HOSE, "2000-07-27 10:00:00", "closed", "always",
			 "2000-07-28 09:00:00", "2000-07-28 09:00:00");
}

/* Each day of the list is a holiday, and no other weekday of these years. */
static void
test_built_in_holidays(void)
{
	size_t		length;
	char	   *list = read_fixture("market/holidays_2024_2026.json", &length);
	char	   *text = malloc(length + 1);
	int32_t		date;
	int			listed = 0;

	if (text == NULL)
		abort();
	memcpy(text, list, length);
	text[length] = '\0';
	fresh();
	for (date = day("2024-01-01"); date <= day("2026-12-31"); date++)
	{
		char		quoted[DATE_TEXT_SIZE + 2] = "\"";
		bool		is_listed;
		Exchange	exchange;

		date_to_text(date, quoted + 1);
		strcat(quoted, "\"");
		is_listed = strstr(text, quoted) != NULL;
		listed += is_listed;
		for (exchange = EXCHANGE_HOSE; exchange < EXCHANGE_COUNT; exchange++)
		{
			if (calendar_is_trading_day(&calendar, exchange, date) !=
				(!is_listed && !calendar_is_weekend(date)))
				ok(false, "%s on %s", exchange_name(exchange), quoted);
		}
	}
	is_integer(listed, 38, "holidays of the list");
	is_integer(calendar.holiday_count, 38, "and no others");
	free(text);
	free(list);
}

static void
test_yours(void)
{
	MarketState state;
	CalendarSession sessions[CALENDAR_DAY_SESSIONS];
	char		error[QUOTE_ERROR_SIZE];

	fresh();
	holiday("2026-04-27", EXCHANGE_ALL, false, "trades after all");
	holiday("2026-08-05", EXCHANGE_ALL, true, "a storm");
	holiday("2026-08-06", EXCHANGE_HOSE, true, "HOSE stands still");
	holiday("2026-08-07", EXCHANGE_ALL, true, "all stand still");
	holiday("2026-08-07", EXCHANGE_HNX, false, "but HNX");
	holiday("2026-08-08", EXCHANGE_ALL, false, "a Saturday that trades");
	holiday("2027-02-08", EXCHANGE_ALL, true, "T\xe1\xba\xbft");
	ok(calendar_is_sound(&calendar, error), "a user's holidays go together");
	ok(calendar_is_trading_day(&calendar, EXCHANGE_HOSE, day("2026-04-27")), "a built-in holiday cancelled");
	calendar_state(&calendar, EXCHANGE_HOSE, at("2026-04-27 09:05:00"), &state);
	is_text(market_phase_name(state.phase), "ATO", "trades");
	ok(state.holiday == NULL, "and is no holiday");
	ok(!calendar_is_trading_day(&calendar, EXCHANGE_UPCOM, day("2026-08-05")), "a holiday of one's own");
	ok(!calendar_is_trading_day(&calendar, EXCHANGE_HOSE, day("2026-08-06")), "one of one exchange");
	ok(calendar_is_trading_day(&calendar, EXCHANGE_HNX, day("2026-08-06")), "leaves others alone");
	ok(!calendar_is_trading_day(&calendar, EXCHANGE_HOSE, day("2026-08-07")), "all");
	ok(calendar_is_trading_day(&calendar, EXCHANGE_HNX, day("2026-08-07")), "but one");
	is_state(EXCHANGE_HOSE, "2026-08-06 10:00:00", "closed", "2026-08-04 14:45:00",
			 "2026-08-08 09:00:00", "2026-08-08 09:00:00");
	ok(calendar_knows_year(&calendar, day("2027-06-01")), "one holiday makes a year known");
	calendar_state(&calendar, EXCHANGE_HNX, at("2027-02-08 10:00:00"), &state);
	is_text(state.holiday, "T\xe1\xba\xbft", "by its name");

	/* a half day, and the hours of the future */
	fresh();
	session("HOSE", "continuous", 1000, 1200, "2026-12-31", "2026-12-31");
	session("HOSE", "ATO", 930, 1000, "2026-12-31", "2026-12-31");
	session("HNX", "continuous", 800, 1600, "2027-03-01", NULL);
	ok(calendar_is_sound(&calendar, error), "a user's sessions go together");
	is_state(EXCHANGE_HOSE, "2026-12-31 09:15:00", "closed", "2026-12-30 14:45:00",
			 "2026-12-31 09:30:00", "2026-12-31 09:30:00");
	is_state(EXCHANGE_HOSE, "2026-12-31 10:00:00", "continuous", "2026-12-31 10:00:00",
			 "2026-12-31 12:00:00", "2027-01-01 09:00:00");
	is_state(EXCHANGE_HOSE, "2026-12-31 13:30:00", "closed", "2026-12-31 12:00:00",
			 "2027-01-01 09:00:00", "2027-01-01 09:00:00");
	is_integer(calendar_sessions(&calendar, EXCHANGE_HOSE, day("2026-12-31"), sessions), 2, "two sessions");
	is_text(market_phase_name(sessions[0].phase), "ATO", "in the order of the day");
	is_integer(calendar_sessions(&calendar, EXCHANGE_HOSE, day("2026-12-30"), sessions), 5, "five the day before");
	is_integer(calendar_sessions(&calendar, EXCHANGE_HOSE, day("2027-01-01"), sessions), 5, "and the day after");
	is_integer(calendar_sessions(&calendar, EXCHANGE_HNX, day("2027-02-28"), sessions), 5, "old hours");
	is_integer(calendar_sessions(&calendar, EXCHANGE_HNX, day("2027-03-01"), sessions), 1, "new hours, lunch gone");

	/* of a user's sets that cover a day, the latest */
	session("HNX", "continuous", 900, 1100, "2027-05-03", "2027-05-04");
	is_integer(calendar_sessions(&calendar, EXCHANGE_HNX, day("2027-05-04"), sessions), 1, "a half day");
	is_integer(sessions[0].ends, 11 * 3600, "within one's own hours");
	is_integer(calendar_sessions(&calendar, EXCHANGE_HNX, day("2027-05-05"), sessions), 1, "and then");
	is_integer(sessions[0].ends, 16 * 3600, "they are back");
}

static void
refuses_session(const CalendarSession *row, const char *reason)
{
	char		error[QUOTE_ERROR_SIZE] = "";

	ok(!calendar_add_session(&calendar, row, error), "refused: %s", reason);
	is_text(error, reason, "and why");
}

static void
test_bad_rows(void)
{
	CalendarSession row = {EXCHANGE_HOSE, MARKET_CONTINUOUS, 3600, 7200, 0, CALENDAR_FOR_EVER,
	CALENDAR_YOURS};
	CalendarSession bad;
	CalendarHoliday free_day = {0, (Exchange) 7, true, "", CALENDAR_YOURS};
	char		error[QUOTE_ERROR_SIZE] = "";
	int			i;

	fresh();
	bad = row;
	bad.ends = bad.starts;
	refuses_session(&bad, "a session of HOSE does not end after it starts, within the day");
	bad.ends = 86401;
	refuses_session(&bad, "a session of HOSE does not end after it starts, within the day");
	bad = row;
	bad.starts = -1;
	refuses_session(&bad, "a session of HOSE does not end after it starts, within the day");
	bad = row;
	bad.valid_until = -1;
	refuses_session(&bad, "a session of HOSE is valid until before it is valid from");
	bad = row;
	bad.phase = MARKET_CLOSED;
	refuses_session(&bad, "a session needs one of the exchanges and a phase other than closed");
	bad.phase = (MarketPhase) exchange_from_name("NYSE");
	refuses_session(&bad, "a session needs one of the exchanges and a phase other than closed");
	bad = row;
	bad.exchange = EXCHANGE_ALL;
	refuses_session(&bad, "a session needs one of the exchanges and a phase other than closed");
	ok(!calendar_add_holiday(&calendar, &free_day, error), "a holiday of no exchange");
	is_text(error, "a holiday needs one of the exchanges, or all", "and why");

	/* sessions that touch are fine, those that overlap by a minute are not */
	session("HOSE", "continuous", 900, 1130, "2027-01-04", NULL);
	session("HOSE", "ATC", 1130, 1145, "2027-01-04", NULL);
	ok(calendar_is_sound(&calendar, error), "one ends where the next begins");
	session("HNX", "ATC", 1100, 1145, "2027-01-04", NULL);
	session("HOSE", "ATC", 1100, 1145, "2027-01-05", NULL);
	ok(calendar_is_sound(&calendar, error), "other exchanges and other sets may be at the same time");
	session("HOSE", "PLO", 1144, 1200, "2027-01-04", "2027-01-05");
	ok(!calendar_is_sound(&calendar, error), "these overlap");
	is_text(error, "sessions of HOSE valid from 2027-01-04 overlap: ATC from 11:30 to 11:45, "
			"and PLO from 11:44 to 12:00", "and why");

	fresh();
	for (i = 0; i < CALENDAR_DAY_SESSIONS; i++)
		session("UPCOM", "continuous", i * 100, i * 100 + 30, "2027-01-04", NULL);
	ok(calendar_is_sound(&calendar, error), "a day has many sessions");
	session("UPCOM", "lunch", 2300, 2400, "2027-01-04", NULL);
	ok(!calendar_is_sound(&calendar, error), "but not too many");
	is_text(error, "UPCOM has more than 16 sessions valid from 2027-01-04", "and why");

	fresh();
	holiday("2026-11-24", EXCHANGE_ALL, false, "once");
	holiday("2026-11-24", EXCHANGE_HNX, false, "once for HNX");
	ok(calendar_is_sound(&calendar, error), "a user's day beside the built-in one");
	holiday("2026-11-24", EXCHANGE_ALL, true, "twice");
	ok(!calendar_is_sound(&calendar, error), "twice the same day");
	is_text(error, "2026-11-24 has two rows for all exchanges", "and why");

	fresh();
	for (i = calendar.holiday_count; i < CALENDAR_ROWS_MAX; i++)
	{
		free_day.exchange = EXCHANGE_ALL;
		free_day.day = i;
		(void) calendar_add_holiday(&calendar, &free_day, error);
	}
	ok(!calendar_add_holiday(&calendar, &free_day, error), "too many rows");
	is_text(error, "a calendar has at most 10000 rows", "and why");

	is_integer(exchange_from_name("HSX"), -1, "no exchange");
	is_integer(market_phase_from_name("ato"), -1, "no phase");
	is_integer(exchange_from_name("UPCOM"), EXCHANGE_UPCOM, "an exchange");
	is_integer(market_phase_from_name("closed"), MARKET_CLOSED, "a phase");
}

/* Every open window of a span, as one text. */
static void
is_windows(Exchange exchange, const char *from, const char *until, const char *expected)
{
	CalendarWindow window;
	char		got[2048] = "";
	int64_t		place = at(from);

	while (calendar_open_window(&calendar, exchange, place, at(until), &window))
	{
		sprintf(got + strlen(got), "%s%s - %s", got[0] == '\0' ? "" : ", ",
				shown(window.from), shown(window.until) + 11);
		place = window.until;
	}
	is_text(got, expected, "%s from %s until %s", exchange_name(exchange), from, until);
}

static void
test_windows(void)
{
	fresh();
	is_windows(EXCHANGE_HOSE, "2026-08-04 00:00:00", "2026-08-05 00:00:00",
			   "2026-08-04 09:00:00 - 11:30:00, 2026-08-04 13:00:00 - 14:45:00");
	is_windows(EXCHANGE_HNX, "2026-08-04 09:10:00", "2026-08-04 13:05:00",
			   "2026-08-04 09:10:00 - 11:30:00, 2026-08-04 13:00:00 - 13:05:00");
	is_windows(EXCHANGE_HNX, "2026-08-04 11:30:00", "2026-08-04 13:00:00", "");
	is_windows(EXCHANGE_UPCOM, "2026-08-07 14:00:00", "2026-08-10 09:30:00",
			   "2026-08-07 14:00:00 - 15:00:00, 2026-08-10 09:00:00 - 09:30:00");
	is_windows(EXCHANGE_UPCOM, "2026-08-08 00:00:00", "2026-08-10 09:00:00", "");
	is_windows(EXCHANGE_UPCOM, "2026-02-13 15:00:00", "2026-02-23 09:00:00", "");
	is_windows(EXCHANGE_UPCOM, "2026-08-05 09:00:00", "2026-08-04 09:00:00", "");
	is_windows(EXCHANGE_HOSE, "2026-08-04 10:00:00", "2026-08-04 10:00:00", "");
}

int
main(void)
{
	test_phases();
	test_days();
	test_built_in_holidays();
	test_yours();
	test_bad_rows();
	test_windows();
	calendar_free(&calendar);
	calendar_free(&calendar);
	return done_testing();
}
