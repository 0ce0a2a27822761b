/*-------------------------------------------------------------------------
 *
 * schedule.h
 *	  When the next sweep is due, and why.
 *
 * By 'market' a day's sweeps are derived from the sessions of all exchanges.
 * With the built-in ones:
 *
 *	   08:45 - 11:30, 13:00 - 15:05	each interval: from a quarter of an hour
 *					before the first session to five minutes after the last,
 *					without the time between (lunch).  The end of each half is
 *					always swept, so its last matches are not known only later
 *	   15:45		the closing sweep, 45 minutes after the last session; one
 *					that was missed is made until the next day's first sweep
 *	   09:20, 13:10	on a weekday called a holiday, where no exchange trades: a
 *					probe of a few symbols, 20 and 10 minutes after the sessions
 *					that would begin.  Whoever sees a match of that day says so
 *					in found_day, and the day is swept like any other
 *
 * and one when the process starts.  By 'always' there is only the start and the
 * interval.  A sweep that failed at the start, at closing or for a probe is
 * made again after the interval.
 *
 * Pure: the same arguments give the same answer, so a test can step through a
 * week.  Times and days as in calendar.h.
 *
 * Plain C: no PostgreSQL headers, no I/O.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_MARKET_SCHEDULE_H
#define VNSTREAM_MARKET_SCHEDULE_H

#include "market/calendar.h"

typedef enum SchedulePolicy
{
	SCHEDULE_MARKET,
	SCHEDULE_ALWAYS
} SchedulePolicy;

typedef enum SweepReason
{
	SWEEP_AT_START,
	SWEEP_AT_INTERVAL,
	SWEEP_AT_CLOSING,
	SWEEP_AS_PROBE
} SweepReason;

/* No such day; no sweep yet. */
#define SCHEDULE_NO_DAY INT32_MIN
#define SCHEDULE_NO_SWEEP INT64_MIN

/* What was swept so far.  Times are those of beginnings. */
typedef struct SweepHistory
{
	int64_t		last;			/* the last whole sweep, of whatever reason */
	int64_t		last_ended;		/* when that one ended */
	int64_t		last_good;		/* the last one that did not fail */
	int64_t		last_full;		/* of those, the last one at which all was published */
	int64_t		last_probe;
	int64_t		last_good_probe;
	int32_t		found_day;		/* called a holiday, but it trades */
} SweepHistory;

/* A due sweep: at is not after now.  CALENDAR_NEVER: none within two years. */
typedef struct ScheduledSweep
{
	int64_t		at;
	SweepReason reason;
} ScheduledSweep;

extern void schedule_begin(SweepHistory *history);

/* vnstream_sweeps.trigger */
extern const char *sweep_reason_name(SweepReason reason);

/*
 * The next sweep, given what was swept.  interval is in µs.
 */
extern void schedule_next(const Calendar *calendar, SchedulePolicy policy,
						  int64_t interval, const SweepHistory *history,
						  int64_t now, ScheduledSweep *next);

/*
 * Are sweeps made at the interval at this time, by 'market'?
 */
extern bool schedule_is_sweeping_time(const Calendar *calendar, int32_t found_day,
									  int64_t now);

/*
 * Is this a weekday on which no exchange trades though it could: one whose
 * matches would prove the calendar wrong?
 */
extern bool schedule_is_doubtful_day(const Calendar *calendar, int32_t day);

/*
 * Is no exchange open?  Then *opens is when the first one is again
 * (CALENDAR_NEVER: not within two years).
 */
extern bool schedule_market_is_closed(const Calendar *calendar, int64_t now, int64_t *opens);

#endif							/* VNSTREAM_MARKET_SCHEDULE_H */
