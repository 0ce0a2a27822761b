/*-------------------------------------------------------------------------
 *
 * calendar.h
 *	  When the exchanges trade: sessions of a day, and holidays.
 *
 * A calendar has the facts that are built in, and those of a user, which win:
 *
 *	 sessions	of an exchange on a day are the user's rows that cover the day
 *				and have the latest valid_from among those; where the user has
 *				none that covers it, the built-in rows of the latest valid_from.
 *				So a user's set replaces the whole day, never a part of it.
 *	 a day		is a holiday or not by the user's row for that exchange, else by
 *				the user's row for all exchanges, else by the built-in list, else
 *				by the weekday.  A user's "no holiday" makes any day a trading
 *				day, a Saturday too.
 *
 * Times are µs since 1970-01-01 UTC, days are counted from 1970-01-01 as in
 * quote.h, and both mean days in Vietnam (UTC+7 all year).  Times of a day are
 * seconds after its midnight there.  Spans contain their beginning and not
 * their end.
 *
 * Plain C: no PostgreSQL headers, no I/O.  Any thread may read a calendar that
 * nobody changes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_MARKET_CALENDAR_H
#define VNSTREAM_MARKET_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#include "market/quote.h"

typedef enum Exchange
{
	EXCHANGE_HOSE,
	EXCHANGE_HNX,
	EXCHANGE_UPCOM,
	EXCHANGE_COUNT
} Exchange;

/* Of a holiday: every exchange. */
#define EXCHANGE_ALL EXCHANGE_COUNT

typedef enum MarketPhase
{
	MARKET_CLOSED,
	MARKET_ATO,					/* the opening auction */
	MARKET_CONTINUOUS,
	MARKET_LUNCH,				/* a phase of the day, but nothing trades */
	MARKET_ATC,					/* the closing auction */
	MARKET_PLO,					/* orders at the closing price */
	MARKET_PHASE_COUNT
} MarketPhase;

typedef enum CalendarOrigin
{
	CALENDAR_BUILT_IN,
	CALENDAR_YOURS
} CalendarOrigin;

typedef struct CalendarSession
{
	Exchange	exchange;
	MarketPhase phase;			/* not MARKET_CLOSED: that is what no row covers */
	int32_t		starts;			/* seconds of the day */
	int32_t		ends;			/* up to 86400 */
	int32_t		valid_from;		/* first day */
	int32_t		valid_until;	/* last day; CALENDAR_FOR_EVER */
	CalendarOrigin origin;
} CalendarSession;

#define CALENDAR_FOR_EVER INT32_MAX
#define HOLIDAY_NAME_SIZE 256	/* bytes, with the final zero: 60 characters and more */

typedef struct CalendarHoliday
{
	int32_t		day;
	Exchange	exchange;		/* or EXCHANGE_ALL */
	bool		is_holiday;		/* false, a user's only: it is a trading day */
	char		name[HOLIDAY_NAME_SIZE];	/* UTF-8; the built-in ones are ASCII */
	CalendarOrigin origin;
} CalendarHoliday;

/* Most sessions that one exchange may have on one day. */
#define CALENDAR_DAY_SESSIONS 16

/* Most rows of either kind in one calendar. */
#define CALENDAR_ROWS_MAX 10000

typedef struct Calendar
{
	CalendarSession *sessions;
	int			session_count;
	CalendarHoliday *holidays;
	int			holiday_count;
} Calendar;

/* A span in which an exchange is open without a break. */
typedef struct CalendarWindow
{
	int64_t		from;
	int64_t		until;
} CalendarWindow;

/* No such time, for example no next opening within two years. */
#define CALENDAR_NEVER INT64_MAX
#define CALENDAR_ALWAYS INT64_MIN

typedef struct MarketState
{
	MarketPhase phase;
	bool		is_open;		/* orders are matched, or gathered for an auction */
	int64_t		since;			/* beginning of the phase; or CALENDAR_ALWAYS */
	int64_t		until;			/* its end; or CALENDAR_NEVER */
	int64_t		next_open;		/* the first opening after now; or CALENDAR_NEVER */
	bool		is_trading_day;
	const char *holiday;		/* its name, of the calendar's memory; or NULL */
	bool		is_year_known;	/* the calendar has holidays of that year */
} MarketState;

/* HOSE, HNX, UPCOM; -1 for another name. */
extern int	exchange_from_name(const char *name);
extern const char *exchange_name(Exchange exchange);

/* closed, ATO, continuous, lunch, ATC, PLO; -1 for another name. */
extern int	market_phase_from_name(const char *name);
extern const char *market_phase_name(MarketPhase phase);
extern bool market_phase_is_open(MarketPhase phase);

/*
 * A calendar of the built-in facts.  False where there is no memory.  What is
 * begun is freed by calendar_free(), which may be called again.
 */
extern bool calendar_begin(Calendar *calendar);
extern void calendar_free(Calendar *calendar);

/*
 * Add a user's row, whose origin becomes CALENDAR_YOURS.  False, with a
 * sentence in error (QUOTE_ERROR_SIZE bytes, ASCII), for what makes no sense
 * by itself (ends before it starts, a day that is over before it begins), for
 * too many rows, and where there is no memory.
 */
extern bool calendar_add_session(Calendar *calendar, const CalendarSession *session,
								 char *error);
extern bool calendar_add_holiday(Calendar *calendar, const CalendarHoliday *holiday,
								 char *error);

/*
 * Do the rows go together?  False, with a sentence that names two of them, if
 * sessions of one set overlap, a set has more than CALENDAR_DAY_SESSIONS, or a
 * day has two rows of a user for the same exchange.  To be asked once, after
 * the last addition; the functions below want a calendar that is sound.
 */
extern bool calendar_is_sound(const Calendar *calendar, char *error);

/* The day in Vietnam, and a time of that day. */
extern int32_t calendar_day(int64_t time);
extern int64_t calendar_time(int32_t day, int32_t second);

/* Saturday or Sunday? */
extern bool calendar_is_weekend(int32_t day);

/*
 * The row that decides about a day of an exchange besides the weekday; NULL
 * where there is none.  It may say "no holiday".
 */
extern const CalendarHoliday *calendar_holiday(const Calendar *calendar,
											   Exchange exchange, int32_t day);

extern bool calendar_is_trading_day(const Calendar *calendar, Exchange exchange,
									int32_t day);

/*
 * Has the year of the day a calendar: at least one holiday, built in or a
 * user's?  In a year without one every weekday counts as a trading day.
 */
extern bool calendar_knows_year(const Calendar *calendar, int32_t day);
extern int	calendar_year(int32_t day);

/*
 * The sessions that are in force on a day, in the order of the day, as if it
 * were a trading day.  The answer is their number.
 */
extern int	calendar_sessions(const Calendar *calendar, Exchange exchange, int32_t day,
							  CalendarSession sessions[CALENDAR_DAY_SESSIONS]);

/* What the calendar says of an exchange at a time. */
extern void calendar_state(const Calendar *calendar, Exchange exchange, int64_t now,
						   MarketState *state);

/*
 * The first span of [from, until) in which the exchange is open, cut to it;
 * false where there is none.  The next one: the same with from = window->until.
 */
extern bool calendar_open_window(const Calendar *calendar, Exchange exchange,
								 int64_t from, int64_t until, CalendarWindow *window);

#endif							/* VNSTREAM_MARKET_CALENDAR_H */
