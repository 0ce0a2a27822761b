/*-------------------------------------------------------------------------
 *
 * backfill.h
 *	  The worker of back-fills: asks a source for bars of the past.
 *
 * It comes when there is an order (store/backfills.h), carries out one after
 * another, and goes.  The launcher starts it, as any worker, and starts it once
 * after each start of the server, to look whether an order was left.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_BACKFILL_H
#define VNSTREAM_WORKERS_BACKFILL_H

/*
 * Of vnstream.requests_per_minute one in so many is for back-fills, and only
 * where others leave it: they go on while less than that share was used.
 */
#define BACKFILL_SHARE 2

/* Most tickers of one order. */
#define BACKFILL_TICKERS_MAX 10000

#endif							/* VNSTREAM_WORKERS_BACKFILL_H */
