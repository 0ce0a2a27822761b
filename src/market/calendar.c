/*-------------------------------------------------------------------------
 *
 * calendar.c
 *	  When the exchanges trade: sessions of a day, and holidays.
 *
 * A calendar is a few dozen rows, so everything walks them; nothing is kept
 * that could go stale when a row is added.
 *
 *-------------------------------------------------------------------------
 */
#include "market/calendar.h"

#include <stdlib.h>
#include <string.h>

#include "market/calendar_facts.h"
#include "market/reason.h"

#define SECOND INT64_C(1000000)
#define SECONDS_A_DAY INT64_C(86400)

/* How far a session is looked for: more than the longest user's holiday. */
#define SEARCH_DAYS 731

static const char *const exchange_names[EXCHANGE_COUNT] = {"HOSE", "HNX", "UPCOM"};

static const char *const phase_names[MARKET_PHASE_COUNT] = {
	"closed", "ATO", "continuous", "lunch", "ATC", "PLO"
};

static int
find_name(const char *const *names, int count, const char *name)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

int
exchange_from_name(const char *name)
{
	return find_name(exchange_names, EXCHANGE_COUNT, name);
}

const char *
exchange_name(Exchange exchange)
{
	return exchange < EXCHANGE_COUNT ? exchange_names[exchange] : "all exchanges";
}

int
market_phase_from_name(const char *name)
{
	return find_name(phase_names, MARKET_PHASE_COUNT, name);
}

const char *
market_phase_name(MarketPhase phase)
{
	return phase_names[phase];
}

bool
market_phase_is_open(MarketPhase phase)
{
	return phase != MARKET_CLOSED && phase != MARKET_LUNCH;
}

/*
 * Making one
 */

bool
calendar_begin(Calendar *calendar)
{
	int			i;

	memset(calendar, 0, sizeof(*calendar));
	calendar->sessions = calloc((size_t) session_fact_count, sizeof(CalendarSession));
	calendar->holidays = calloc((size_t) holiday_fact_count, sizeof(CalendarHoliday));
	if (calendar->sessions == NULL || calendar->holidays == NULL)
	{
		calendar_free(calendar);
		return false;
	}
	for (i = 0; i < session_fact_count; i++)
	{
		const SessionFact *fact = &session_facts[i];
		CalendarSession *session = &calendar->sessions[i];

		session->exchange = fact->exchange;
		session->phase = fact->phase;
		session->starts = fact->starts;
		session->ends = fact->ends;
		(void) date_from_text(fact->valid_from, strlen(fact->valid_from),
							  &session->valid_from);
		session->valid_until = CALENDAR_FOR_EVER;
		session->origin = CALENDAR_BUILT_IN;
	}
	calendar->session_count = session_fact_count;
	for (i = 0; i < holiday_fact_count; i++)
	{
		const HolidayFact *fact = &holiday_facts[i];
		CalendarHoliday *holiday = &calendar->holidays[i];

		(void) date_from_text(fact->day, strlen(fact->day), &holiday->day);
		holiday->exchange = EXCHANGE_ALL;
		holiday->is_holiday = true;
		strncpy(holiday->name, fact->name, HOLIDAY_NAME_SIZE - 1);
		holiday->origin = CALENDAR_BUILT_IN;
	}
	calendar->holiday_count = holiday_fact_count;
	return true;
}

void
calendar_free(Calendar *calendar)
{
	free(calendar->sessions);
	free(calendar->holidays);
	memset(calendar, 0, sizeof(*calendar));
}

/* 09:15; 24:00 is the end of the day */
static void
clock_of_day(int32_t second, char text[8])
{
	text[0] = (char) ('0' + second / 36000);
	text[1] = (char) ('0' + second / 3600 % 10);
	text[2] = ':';
	text[3] = (char) ('0' + second / 600 % 6);
	text[4] = (char) ('0' + second / 60 % 10);
	text[5] = '\0';
}

static void *
grown(void *rows, int count, size_t size, char *error)
{
	void	   *more;

	if (count >= CALENDAR_ROWS_MAX)
	{
		reason_write(error, QUOTE_ERROR_SIZE, "a calendar has at most %d rows",
					 CALENDAR_ROWS_MAX);
		return NULL;
	}
	more = realloc(rows, (size_t) (count + 1) * size);
	if (more == NULL)
		reason_write(error, QUOTE_ERROR_SIZE, "there is no memory for the calendar");
	return more;
}

bool
calendar_add_session(Calendar *calendar, const CalendarSession *session, char *error)
{
	CalendarSession *sessions;

	if ((int) session->exchange < 0 || session->exchange >= EXCHANGE_COUNT ||
		(int) session->phase <= MARKET_CLOSED || session->phase >= MARKET_PHASE_COUNT)
	{
		reason_write(error, QUOTE_ERROR_SIZE,
					 "a session needs one of the exchanges and a phase other than closed");
		return false;
	}
	if (session->starts < 0 || session->ends > SECONDS_A_DAY ||
		session->starts >= session->ends)
	{
		reason_write(error, QUOTE_ERROR_SIZE,
					 "a session of %s does not end after it starts, within the day",
					 exchange_name(session->exchange));
		return false;
	}
	if (session->valid_from > session->valid_until)
	{
		reason_write(error, QUOTE_ERROR_SIZE,
					 "a session of %s is valid until before it is valid from",
					 exchange_name(session->exchange));
		return false;
	}
	sessions = grown(calendar->sessions, calendar->session_count,
					 sizeof(CalendarSession), error);
	if (sessions == NULL)
		return false;
	calendar->sessions = sessions;
	sessions[calendar->session_count] = *session;
	sessions[calendar->session_count++].origin = CALENDAR_YOURS;
	return true;
}

bool
calendar_add_holiday(Calendar *calendar, const CalendarHoliday *holiday, char *error)
{
	CalendarHoliday *holidays;

	if ((int) holiday->exchange < 0 || holiday->exchange > EXCHANGE_ALL)
	{
		reason_write(error, QUOTE_ERROR_SIZE,
					 "a holiday needs one of the exchanges, or all");
		return false;
	}
	holidays = grown(calendar->holidays, calendar->holiday_count,
					 sizeof(CalendarHoliday), error);
	if (holidays == NULL)
		return false;
	calendar->holidays = holidays;
	holidays[calendar->holiday_count] = *holiday;
	holidays[calendar->holiday_count].name[HOLIDAY_NAME_SIZE - 1] = '\0';
	holidays[calendar->holiday_count++].origin = CALENDAR_YOURS;
	return true;
}

/*
 * Do they go together?
 */

static bool
is_one_set(const CalendarSession *a, const CalendarSession *b)
{
	return a->exchange == b->exchange && a->valid_from == b->valid_from &&
		a->origin == b->origin;
}

static bool
session_fits(const Calendar *calendar, int i, char *error)
{
	const CalendarSession *session = &calendar->sessions[i];
	int			in_set = 1;
	int			j;

	for (j = 0; j < i; j++)
	{
		const CalendarSession *other = &calendar->sessions[j];
		char		day[DATE_TEXT_SIZE];
		char		clocks[4][8];

		if (!is_one_set(session, other))
			continue;
		date_to_text(session->valid_from, day);
		if (++in_set > CALENDAR_DAY_SESSIONS)
		{
			reason_write(error, QUOTE_ERROR_SIZE,
						 "%s has more than %d sessions valid from %s",
						 exchange_name(session->exchange), CALENDAR_DAY_SESSIONS, day);
			return false;
		}
		if (session->starts >= other->ends || other->starts >= session->ends)
			continue;
		clock_of_day(other->starts, clocks[0]);
		clock_of_day(other->ends, clocks[1]);
		clock_of_day(session->starts, clocks[2]);
		clock_of_day(session->ends, clocks[3]);
		reason_write(error, QUOTE_ERROR_SIZE,
					 "sessions of %s valid from %s overlap: %s from %s to %s, and %s from %s to %s",
					 exchange_name(session->exchange), day,
					 market_phase_name(other->phase), clocks[0], clocks[1],
					 market_phase_name(session->phase), clocks[2], clocks[3]);
		return false;
	}
	return true;
}

bool
calendar_is_sound(const Calendar *calendar, char *error)
{
	int			i;
	int			j;

	for (i = 0; i < calendar->session_count; i++)
	{
		if (!session_fits(calendar, i, error))
			return false;
	}
	for (i = 0; i < calendar->holiday_count; i++)
	{
		for (j = 0; j < i; j++)
		{
			const CalendarHoliday *a = &calendar->holidays[i];
			const CalendarHoliday *b = &calendar->holidays[j];
			char		day[DATE_TEXT_SIZE];

			if (a->day != b->day || a->exchange != b->exchange || a->origin != b->origin)
				continue;
			date_to_text(a->day, day);
			reason_write(error, QUOTE_ERROR_SIZE, "%s has two rows for %s",
						 day, exchange_name(a->exchange));
			return false;
		}
	}
	return true;
}

/*
 * Days
 */

int32_t
calendar_day(int64_t time)
{
	int64_t		seconds = time / SECOND - (time % SECOND < 0 ? 1 : 0) +
		VIETNAM_UTC_OFFSET / SECOND;

	return (int32_t) (seconds / SECONDS_A_DAY - (seconds % SECONDS_A_DAY < 0 ? 1 : 0));
}

int64_t
calendar_time(int32_t day, int32_t second)
{
	return (day * SECONDS_A_DAY + second) * SECOND - VIETNAM_UTC_OFFSET;
}

bool
calendar_is_weekend(int32_t day)
{
	int			from_thursday = (int) (((int64_t) day % 7 + 7) % 7);

	return from_thursday == 2 || from_thursday == 3;
}

int
calendar_year(int32_t day)
{
	char		text[DATE_TEXT_SIZE];

	date_to_text(day, text);
	return atoi(text);
}

const CalendarHoliday *
calendar_holiday(const Calendar *calendar, Exchange exchange, int32_t day)
{
	const CalendarHoliday *best = NULL;
	int			i;

	for (i = 0; i < calendar->holiday_count; i++)
	{
		const CalendarHoliday *holiday = &calendar->holidays[i];

		if (holiday->day != day ||
			(holiday->exchange != exchange && holiday->exchange != EXCHANGE_ALL))
			continue;
		if (best == NULL || holiday->origin > best->origin ||
			(holiday->origin == best->origin && best->exchange == EXCHANGE_ALL))
			best = holiday;
	}
	return best;
}

bool
calendar_is_trading_day(const Calendar *calendar, Exchange exchange, int32_t day)
{
	const CalendarHoliday *holiday = calendar_holiday(calendar, exchange, day);

	if (holiday != NULL)
		return !holiday->is_holiday;
	return !calendar_is_weekend(day);
}

bool
calendar_knows_year(const Calendar *calendar, int32_t day)
{
	int			year = calendar_year(day);
	int			i;

	for (i = 0; i < calendar->holiday_count; i++)
	{
		if (calendar->holidays[i].is_holiday &&
			calendar_year(calendar->holidays[i].day) == year)
			return true;
	}
	return false;
}

/*
 * Sessions
 */

static bool
covers(const CalendarSession *session, Exchange exchange, int32_t day)
{
	return session->exchange == exchange && session->valid_from <= day &&
		day <= session->valid_until;
}

int
calendar_sessions(const Calendar *calendar, Exchange exchange, int32_t day,
				  CalendarSession sessions[CALENDAR_DAY_SESSIONS])
{
	const CalendarSession *of_set = NULL;
	int			count = 0;
	int			i;

	for (i = 0; i < calendar->session_count; i++)
	{
		const CalendarSession *session = &calendar->sessions[i];

		if (covers(session, exchange, day) &&
			(of_set == NULL || session->origin > of_set->origin ||
			 (session->origin == of_set->origin &&
			  session->valid_from > of_set->valid_from)))
			of_set = session;
	}
	for (i = 0; of_set != NULL && i < calendar->session_count; i++)
	{
		const CalendarSession *session = &calendar->sessions[i];
		int			place;

		if (!covers(session, exchange, day) || !is_one_set(session, of_set) ||
			count == CALENDAR_DAY_SESSIONS)
			continue;
		for (place = count++; place > 0 && sessions[place - 1].starts > session->starts; place--)
			sessions[place] = sessions[place - 1];
		sessions[place] = *session;
	}
	return count;
}

/* The sessions of a day; none on a day without trading. */
static int
trading_sessions(const Calendar *calendar, Exchange exchange, int32_t day,
				 CalendarSession sessions[CALENDAR_DAY_SESSIONS])
{
	if (!calendar_is_trading_day(calendar, exchange, day))
		return 0;
	return calendar_sessions(calendar, exchange, day, sessions);
}

/* When the last session ended before a time in which there is none. */
static int64_t
last_end(const Calendar *calendar, Exchange exchange, int64_t now)
{
	CalendarSession sessions[CALENDAR_DAY_SESSIONS];
	int32_t		today = calendar_day(now);
	int32_t		day;

	for (day = today; day > today - SEARCH_DAYS; day--)
	{
		int			i;

		for (i = trading_sessions(calendar, exchange, day, sessions) - 1; i >= 0; i--)
		{
			int64_t		end = calendar_time(day, sessions[i].ends);

			if (end <= now)
				return end;
		}
	}
	return CALENDAR_ALWAYS;
}

static int64_t
next_start(const Calendar *calendar, Exchange exchange, int64_t now)
{
	CalendarSession sessions[CALENDAR_DAY_SESSIONS];
	int32_t		today = calendar_day(now);
	int32_t		day;

	for (day = today; day < today + SEARCH_DAYS; day++)
	{
		int			count = trading_sessions(calendar, exchange, day, sessions);
		int			i;

		for (i = 0; i < count; i++)
		{
			int64_t		start = calendar_time(day, sessions[i].starts);

			if (start > now)
				return start;
		}
	}
	return CALENDAR_NEVER;
}

/* The first span that is open and ends after a time, whole. */
static bool
window_after(const Calendar *calendar, Exchange exchange, int64_t time,
			 int64_t before, CalendarWindow *window)
{
	CalendarSession sessions[CALENDAR_DAY_SESSIONS];
	int32_t		today = calendar_day(time);
	int32_t		day;

	for (day = today; day < today + SEARCH_DAYS; day++)
	{
		int			count;
		int			i;

		if (calendar_time(day, 0) >= before)
			return false;
		count = trading_sessions(calendar, exchange, day, sessions);
		for (i = 0; i < count; i++)
		{
			if (!market_phase_is_open(sessions[i].phase))
				continue;
			window->from = calendar_time(day, sessions[i].starts);
			while (i + 1 < count && sessions[i + 1].starts == sessions[i].ends &&
				   market_phase_is_open(sessions[i + 1].phase))
				i++;
			window->until = calendar_time(day, sessions[i].ends);
			if (window->until > time)
				return window->from < before;
		}
	}
	return false;
}

bool
calendar_open_window(const Calendar *calendar, Exchange exchange,
					 int64_t from, int64_t until, CalendarWindow *window)
{
	if (from >= until || !window_after(calendar, exchange, from, until, window))
		return false;
	if (window->from < from)
		window->from = from;
	if (window->until > until)
		window->until = until;
	return true;
}

static int64_t
next_opening(const Calendar *calendar, Exchange exchange, int64_t now)
{
	CalendarWindow window;

	if (!window_after(calendar, exchange, now, CALENDAR_NEVER, &window))
		return CALENDAR_NEVER;
	if (window.from > now)
		return window.from;
	/* open now: the opening after this one */
	return window_after(calendar, exchange, window.until, CALENDAR_NEVER, &window) ?
		window.from : CALENDAR_NEVER;
}

void
calendar_state(const Calendar *calendar, Exchange exchange, int64_t now,
			   MarketState *state)
{
	CalendarSession sessions[CALENDAR_DAY_SESSIONS];
	int32_t		day = calendar_day(now);
	const CalendarHoliday *holiday = calendar_holiday(calendar, exchange, day);
	int			count = trading_sessions(calendar, exchange, day, sessions);
	int			i;

	state->phase = MARKET_CLOSED;
	for (i = 0; i < count; i++)
	{
		state->since = calendar_time(day, sessions[i].starts);
		state->until = calendar_time(day, sessions[i].ends);
		if (state->since <= now && now < state->until)
		{
			state->phase = sessions[i].phase;
			break;
		}
	}
	if (state->phase == MARKET_CLOSED)
	{
		state->since = last_end(calendar, exchange, now);
		state->until = next_start(calendar, exchange, now);
	}
	state->is_open = market_phase_is_open(state->phase);
	state->next_open = next_opening(calendar, exchange, now);
	state->is_trading_day = calendar_is_trading_day(calendar, exchange, day);
	state->holiday = holiday != NULL && holiday->is_holiday ? holiday->name : NULL;
	state->is_year_known = calendar_knows_year(calendar, day);
}
