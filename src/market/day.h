/*-------------------------------------------------------------------------
 *
 * day.h
 *	  What belongs to which trading date.
 *
 * A board goes on showing the last match and the day's totals after the day is
 * over, while its trading date may have moved on; and exchanges correct totals.
 *
 * Plain C: no PostgreSQL headers, no I/O.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_MARKET_DAY_H
#define VNSTREAM_MARKET_DAY_H

#include "market/quote.h"

/*
 * Where the last match is of another date than the board's trading date, what
 * is the match's becomes unknown: price, volume, match_time, match_side, change
 * and change_percent.  On the trading date itself nothing was matched then, so
 * its range (open, highest, lowest) is unknown, and totals above 0 are those of
 * the match's date: they become unknown as well, with the foreigners' and the
 * negotiated ones.  Totals of 0 say that the board has begun its day, and what
 * stands beside them stays.
 *
 * A source that does not tell the time of the last match (KBS) may tell that its
 * row has last changed (source_time) before the trading date; and before that
 * date has begun (time) nothing was matched on it either.  Such a match is of
 * another date as well.  What else it may be cannot be known, and stays.
 *
 * Answers whether the match is of another date.  Does nothing where trading_date
 * is unknown.  Messages are read by it too (quote_from_message()), so whoever
 * wrote them, the table never has one day's match under another's date.  Any
 * thread may call it.
 */
extern bool day_forget_other_match(Quote *quote);

/*
 * The last totals of each ticker by each source on its trading date, to see
 * them fall.  At most DAY_TOTALS_MAX of them: what comes then is not watched.
 * (Two sources with all that is listed are 7,000.)
 */
#define DAY_TOTALS_MAX 16384

typedef struct DayTotals DayTotals;

/* NULL where memory is short.  128 bytes each, taken as they come. */
extern DayTotals *day_totals_create(void);
extern void day_totals_free(DayTotals *totals);

#define DAY_FLAG_VOLUME "total_volume_falls"
#define DAY_FLAG_VALUE "total_value_falls"

/*
 * Note the totals of a quote that the rules have accepted.  Where its
 * total_volume, or else its total_value, is below the last one of the same
 * trading date, the name of the flag is answered, and reason (QUOTE_ERROR_SIZE
 * bytes) has value and bound; else NULL.  The lower one is what counts from then
 * on: exchanges do correct totals, and one correction is one flag.  A quote that
 * is not later than the last one noted is passed over, as is one without source
 * or trading date.  One thread at a time.
 */
extern const char *day_totals_note(DayTotals *totals, const Quote *quote,
								   char *reason);

#endif							/* VNSTREAM_MARKET_DAY_H */
