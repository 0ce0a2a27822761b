/*-------------------------------------------------------------------------
 *
 * backfills.h
 *	  The orders of back-fills: rows of vnstream_backfills.
 *
 * An order is open from its request to its end; what is done of it moves in the
 * transactions that store its bars, so that it can be resumed after any crash.
 *
 * backfill_row_request() and backfill_row_cancel(): a session, in any transaction;
 * they take the extension owner's rights themselves.  The others: main thread of
 * the worker, inside store_transaction().
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_BACKFILLS_H
#define VNSTREAM_STORE_BACKFILLS_H

#include "datatype/timestamp.h"

#include "store/bars.h"

/* An order as it is carried out; palloc'd in the context that was given. */
typedef struct BackfillOrder
{
	int64		number;
	char	   *source;			/* NULL: none was named, and it was not begun */
	BarLength	length;
	int64		from;			/* µs since 1970 UTC; bars that start in [from, until) */
	int64		until;
	char	  **tickers;
	int			total;
	int			done;			/* of them, the first ones */
} BackfillOrder;

/* tickers: a text[], or 0 for all.  Answers the number. */
extern int64 backfill_row_request(const StoreCatalog *catalog, Datum tickers,
								  int total, TimestampTz from, TimestampTz until,
								  BarLength length, const char *source);

typedef enum BackfillCancel
{
	BACKFILL_CANCELLED,
	BACKFILL_ENDED,				/* before */
	BACKFILL_UNKNOWN
} BackfillCancel;

extern BackfillCancel backfill_row_cancel(const StoreCatalog *catalog, int64 number);

/*
 * The oldest open order, begun now where it was not: with this source where it
 * names none, and with the active symbols where it names no tickers.  False
 * where there is none.
 */
extern bool backfill_row_next(const StoreCatalog *catalog, const char *source,
							  MemoryContext context, BackfillOrder *order);

/* Is it open?  Locks the row, so that what is stored for it counts. */
extern bool backfill_row_is_open(const StoreCatalog *catalog, int64 number);

/* What one answer, or giving up, adds to an order. */
typedef struct BackfillStep
{
	int64		bars;
	BarsStored	stored;
	int64		rejected;
	const char *error;			/* NULL: none */
	const char *empty;			/* a ticker without bars, or NULL */
	const char *failed;			/* a ticker that was given up, or NULL */
	bool		is_done;		/* this ticker is */
} BackfillStep;

extern void backfill_row_step(const StoreCatalog *catalog, int64 number,
							  const BackfillStep *step);

/* error NULL: leaves what is there. */
extern void backfill_row_end(const StoreCatalog *catalog, int64 number, const char *error);

#endif							/* VNSTREAM_STORE_BACKFILLS_H */
