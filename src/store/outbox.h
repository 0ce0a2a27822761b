/*-------------------------------------------------------------------------
 *
 * outbox.h
 *	  Responses that Kafka has not acknowledged, and the sweeps they are of.
 *
 * The producer writes a response's messages here and commits before it
 * publishes the first of them; it removes the row when all are acknowledged.
 * What is in the table at a start is sent again, with its stored time, and the
 * primary key of realtime_quotes absorbs what had arrived.  The counts of
 * vnstream_sweeps move in the same transactions.
 *
 * All functions: main thread of the producer, inside store_transaction().
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_OUTBOX_H
#define VNSTREAM_STORE_OUTBOX_H

#include "store/catalog.h"

/* One response; palloc'd in the caller's context. */
typedef struct OutboxResponse
{
	int64		response;		/* number, in the order of arrival */
	int64		sweep;
	char	   *source;
	int64		fetched_at;		/* µs since 1970 UTC */
	int			count;
	char	  **tickers;
	char	  **messages;		/* JSON */
	int64		bytes;			/* of messages; filled in like the number */
} OutboxResponse;

/*
 * Adds the response (its number and size are filled in) where count > 0, and
 * counts it in its sweep: answered, unchanged and rejected symbols, and count
 * waiting.
 */
extern void outbox_add(const StoreCatalog *catalog, OutboxResponse *response,
					   int64 answered, int64 unchanged, int64 rejected);

/*
 * Up to max responses with numbers above after, in order; allocated in the
 * context given.  Answers how many.
 */
extern int	outbox_load(const StoreCatalog *catalog, int64 after, int max,
						MemoryContext context, OutboxResponse **responses);

/* The number of the newest response; 0 where there is none. */
extern int64 outbox_newest(const StoreCatalog *catalog);

/* These are acknowledged: removed, and counted as published in their sweeps. */
extern void outbox_settle(const StoreCatalog *catalog, const int64 *responses,
						  int count);

/* What waits: responses, messages, and bytes of messages. */
extern void outbox_size(const StoreCatalog *catalog, int64 *responses,
						int64 *messages, int64 *bytes);

/*
 * Sweeps.  sweep_row_begin() makes a row that is started now, or starts the
 * requested row of that number (sweep > 0).  sweep_row_asked() tells how many
 * symbols it is about.  sweep_row_end() ends it: source is who answered, NULL
 * leaves it as it was; error is NULL where all went well; totals, where not NULL, is what has become of it so far, all zero where
 * somebody has deleted the row.  sweep_row_request() makes a row for later (the
 * caller is SQL, in any transaction).  sweep_row_requested() is the oldest
 * request not yet started, or 0.  sweep_rows_interrupt() ends those that a crash
 * left open, with an error that says so; answers how many.
 * sweep_rows_forget_hot() deletes those of trigger 'hot' that ended more than a
 * day ago and whose quotes have all been acknowledged.
 */
typedef struct SweepTotals
{
	int64		answered;		/* symbols */
	int64		published;		/* of these, acknowledged by Kafka */
	int64		unchanged;
	int64		rejected;
	int64		waiting;		/* in the outbox */
	double		seconds;		/* from its start to its end */
} SweepTotals;

extern int64 sweep_row_begin(const StoreCatalog *catalog, int64 sweep,
							 const char *source, const char *trigger);
extern void sweep_row_asked(const StoreCatalog *catalog, int64 sweep, int64 asked);
extern void sweep_row_end(const StoreCatalog *catalog, int64 sweep,
						  int64 asked, int64 missing, const char *source,
						  const char *error, SweepTotals *totals);
extern int64 sweep_row_request(const StoreCatalog *catalog);
extern int64 sweep_row_requested(const StoreCatalog *catalog);
extern int	sweep_rows_interrupt(const StoreCatalog *catalog);
extern void sweep_rows_forget_hot(const StoreCatalog *catalog);

#endif							/* VNSTREAM_STORE_OUTBOX_H */
