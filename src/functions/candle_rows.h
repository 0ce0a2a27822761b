/*-------------------------------------------------------------------------
 *
 * candle_rows.h
 *	  What candles are made from: quotes of realtime_quotes, and bars of sources.
 *
 * Main thread of a session, between market_data_begin() and market_data_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_FUNCTIONS_CANDLE_ROWS_H
#define VNSTREAM_FUNCTIONS_CANDLE_ROWS_H

#include "functions/market_data.h"

typedef enum Adjustment
{
	ADJUSTED_NO,				/* prices as they were traded; quotes are that */
	ADJUSTED_UNKNOWN,
	ADJUSTED_YES				/* changed for a corporate action that came later */
} Adjustment;

typedef struct CandleRequest
{
	const char *ticker;
	Bucket		bucket;
	int64		from;			/* start of the first bucket, µs since 1970 */
	int64		to;				/* end of the last one */
} CandleRequest;

/* Candles from quotes; those of other buckets of the days read are among them. */
extern void candles_from_quotes(const MarketData *data, const CandleRequest *request,
								CandleList *list, Exchange *exchange);

/* One of bars; there is at least one bar in it. */
typedef struct BarCandle
{
	int64		start;
	double		open;
	double		high;
	double		low;
	double		close;
	int64		volume;
	double		value;			/* NAN where one of them has none */
	int			bars;
	Adjustment	adjusted;
	char		source[QUOTE_NAME_MAX + 1];
} BarCandle;

/*
 * Candles of the request's buckets that finished bars cover, in order: one bar
 * as long as the bucket, or shorter ones of one source where all of them are
 * there.  Only bars that takes[] allows; left_out counts those that it does not.
 */
extern BarCandle *candles_from_bars(const MarketData *data, const CandleRequest *request,
									Exchange exchange, const bool *takes,
									int *count, int64 *left_out);

#endif							/* VNSTREAM_FUNCTIONS_CANDLE_ROWS_H */
