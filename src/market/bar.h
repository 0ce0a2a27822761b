/*-------------------------------------------------------------------------
 *
 * bar.h
 *	  A bar: what a symbol or an index did in a minute, an hour or a day.
 *
 * Plain C: no PostgreSQL headers, no I/O.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_MARKET_BAR_H
#define VNSTREAM_MARKET_BAR_H

#include <stdbool.h>
#include <stdint.h>

#include "market/quote.h"

typedef enum BarLength
{
	BAR_MINUTE,
	BAR_HOUR,
	BAR_DAY
} BarLength;

/* Are the prices changed for a corporate action that came later? */
typedef enum BarAdjusted
{
	BAR_ADJUSTED_UNKNOWN,
	BAR_ADJUSTED_NO,
	BAR_ADJUSTED_YES
} BarAdjusted;

/* Volume where the source tells none, as some indices' bars. */
#define BAR_VOLUME_UNKNOWN INT64_MIN

typedef struct Bar
{
	int64_t		starts;			/* µs since 1970 UTC; a day begins at 00:00 in
								 * Vietnam */
	double		open;			/* VND, or points of an index */
	double		high;
	double		low;
	double		close;
	int64_t		volume;			/* shares */
	double		value;			/* VND; NAN: unknown */
	bool		is_finished;	/* of these two see bar_settle() */
	BarAdjusted adjusted;
} Bar;

/* µs; a day of the calendar in Vietnam, which has no summer time. */
extern int64_t bar_duration(BarLength length);

/* 00:00 in Vietnam of the day that a time is in. */
extern int64_t bar_day(int64_t time);

/*
 * When a bar that covers this time begins, as it is stored: a day's at 00:00 in
 * Vietnam, whatever hour the source stamps it with.  Others as the source has
 * them, which must be a whole minute: false where it is none.
 */
extern bool bar_begin(int64_t stamp, BarLength length, int64_t *starts);

/*
 * Can this be true?  False with a sentence in reason (QUOTE_ERROR_SIZE bytes)
 * that names what is wrong, and the value: prices that are not positive or not
 * in order (low <= open, close <= high), below what a share costs (thousands of
 * VND; not judged of an index), negative or absurd volumes and values, a time
 * before the market began or after received_at.
 */
extern bool bar_is_possible(const Bar *bar, BarLength length, bool is_index,
							int64_t received_at, char *reason);

/*
 * Fill is_finished and adjusted.
 *
 * A bar is finished when it was received some time after its end: a minute after
 * a minute or an hour, for a day 15:15 of it, when all exchanges are closed.
 *
 * What was received on its own day is not adjusted: sources change the past.  A
 * price that cannot be traded, between two ticks, is, and so is a bar whose value
 * is more than its volume at its highest price: turnover is left as it was, and
 * volume has what was matched at least.  Where none is so, nothing can be told
 * from the bar alone.
 */
extern void bar_settle(Bar *bar, BarLength length, const char *ticker,
					   int64_t received_at);

#endif							/* VNSTREAM_MARKET_BAR_H */
