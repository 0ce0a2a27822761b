/*-------------------------------------------------------------------------
 *
 * ingest.h
 *	  The batch: messages of Kafka made rows, and the position, at once.
 *
 * One transaction moves the positions (first, by compare-and-set), inserts the
 * rows (insertion.h), keeps dead letters, and counts the segments.
 *
 * Main thread of a consumer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_INGEST_H
#define VNSTREAM_STORE_INGEST_H

#include "store/message.h"
#include "store/position.h"
#include "store/transaction.h"

/* How many dead letters are too many; all zero: never. */
typedef struct DeadLetterLimits
{
	int64		bytes;			/* that they may take; 0: any */
	bool		keeps_digests;	/* beyond that keep hashes instead of raising */
	int			percent;		/* of messages; 0 and 100: any */
} DeadLetterLimits;

typedef struct IngestBatch
{
	PositionKey key;
	DeadLetterLimits limits;
	MemoryContext context;		/* lives until the batch is done */
	IngestMessage *messages;	/* in the order of offsets within a partition */
	int			count;
	Position   *positions;		/* owned; next_offset moves when all is done */
	PositionAdvance *advances;	/* from_offset and next_offset given (so gaps
								 * before the first, between and after the
								 * last message are in), counts are filled */
	int			position_count;
} IngestBatch;

/*
 * Store the batch.  On STORE_DONE every message's fate, every advance's counts
 * and every position is filled in; else nothing changed, in the database or in
 * positions, and the same batch may be tried again (fates are reset).
 * Partitions of realtime_quotes that are lacking are made first, and next
 * month's after a batch; a failure of the latter is only logged.  What the limits
 * do not allow is STORE_DRIFT, with ERRCODE_VNSTREAM_LETTERS_FULL or
 * ERRCODE_VNSTREAM_TOO_MANY_LETTERS.
 */
extern StoreOutcome ingest_batch(IngestBatch *batch, int timeout_ms,
								 StoreError *error);

/* Drops kept plans, e.g. after drift; they are made again when needed. */
extern void ingest_forget_plans(void);

#endif							/* VNSTREAM_STORE_INGEST_H */
