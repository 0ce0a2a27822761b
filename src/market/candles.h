/*-------------------------------------------------------------------------
 *
 * candles.h
 *	  From the quotes of a trading date to candles.
 *
 * A quote tells the day's totals so far and the last match.  What was traded
 * between two quotes is the difference of their totals; which matches made it
 * up is not known, but that the last of them was the one that the later quote
 * tells.  From that:
 *
 *	* Volume and value of two quotes' difference belong to the bucket of the
 *	  later one's match (of its time, where it tells no match time, moved back
 *	  into trading hours).  A quote whose total has not risen repeats a match
 *	  that was counted, and does not count.
 *	* The price of one that counts, and a day's high or low that it is the
 *	  first to tell, enter the same candle.  A high or low that comes later
 *	  than its volume enters the candle of the match counted last.
 *	* The first quote of a date counts from 0, and brings the day's open.
 *	* Where the market was open for longer than the limit without anybody
 *	  looking, the difference is volume over a hole: it is told in the bucket
 *	  in which the hole ends, and is in no candle's volume; but where the hole
 *	  lies within one bucket, nothing is uncertain.
 *	* A total that falls is a correction: volume is taken back from the bucket
 *	  in which it was seen, as far as it has any.
 *	* Totals of different sources are never subtracted from each other while
 *	  one of them goes on: a date is read from the source with most quotes of
 *	  it.  Quotes of others count only in that one's holes, within the bounds
 *	  that its totals before and after set.
 *
 * Plain C: no PostgreSQL headers, no I/O, no memory of its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_MARKET_CANDLES_H
#define VNSTREAM_MARKET_CANDLES_H

#include <stdbool.h>
#include <stdint.h>

#include "market/bucket.h"
#include "market/quote.h"
#include "market/trading_hours.h"

/* Times are µs since 1970 UTC, prices and values VND, volumes shares. */

#define NO_TIME INT64_MIN
#define NO_VOLUME INT64_MIN

/* Room for the names of all sources of a candle. */
#define CANDLE_SOURCES_SIZE 64

/* What a quote says that is needed here; NAN, NO_TIME, NO_VOLUME: unknown. */
typedef struct CandleSample
{
	int64_t		time;			/* when it was fetched */
	int64_t		match_time;
	double		price;
	double		open;
	double		high;			/* of the day so far, likewise low */
	double		low;
	double		total_value;
	int64_t		total_volume;
	char		source[QUOTE_NAME_MAX + 1];

	/* candles_add_day()'s own */
	bool		counts;
	int64_t		counted_volume;
	double		counted_value;
} CandleSample;

/*
 * A look at the whole market that succeeded: of what it changed nothing of, it
 * told nothing.  That it asked for a ticker at all is believed as long as this
 * one has a quote now and then, if only a heartbeat.
 */
typedef struct CandleSweep
{
	int64_t		started;
	int64_t		ended;
} CandleSweep;

typedef struct CandleDay
{
	int32_t		date;			/* days since 1970 */
	CandleSample *samples;		/* of this date, in order of time */
	int			sample_count;
	const CandleSweep *sweeps;	/* in order of ended; may be of more dates */
	int			sweep_count;
	int64_t		hole_limit;		/* µs of trading that may pass between two looks */
	int64_t		silence_limit;	/* and between two quotes of a ticker that sweeps ask for */
	TradingHours hours;
} CandleDay;

typedef struct Candle
{
	int64_t		start;
	int64_t		open_time;		/* of the match that open is of; NO_TIME: no price yet */
	int64_t		close_time;
	double		open;
	double		high;
	double		low;
	double		close;
	int64_t		net_volume;		/* may be below 0: a correction of an earlier one */
	double		value;			/* NAN where one was unknown */
	int64_t		volume_over_hole;
	int64_t		corrected;		/* by how much totals fell, 0 or more */
	int			samples;		/* quotes that counted */
	char		sources[CANDLE_SOURCES_SIZE];	/* of those, "kbs, vci" */
} Candle;

typedef struct CandleList
{
	Candle	   *candles;		/* in order of start */
	int			count;
	int			capacity;		/* at least count + 2 * the next day's sample_count */
} CandleList;

/*
 * Adds a trading date to the candles; dates come in order.  Quotes whose
 * total_volume is unknown do not count.
 */
extern void candles_add_day(CandleList *list, const Bucket *bucket, const CandleDay *day);

/* A candle that nothing was traded in yet. */
extern void candle_begin(Candle *candle, int64_t start);

/* Adds what a shorter candle, which begins after those added before, has. */
extern void candle_append(Candle *candle, const Candle *later);

/* Has it a price? */
extern bool candle_has_price(const Candle *candle);

#endif							/* VNSTREAM_MARKET_CANDLES_H */
