/*-------------------------------------------------------------------------
 *
 * ingest.h
 *	  The batch: messages of Kafka made rows, and the position, at once.
 *
 * One transaction moves the positions (first, by compare-and-set), inserts the
 * rows from an ephemeral named relation through SPI, keeps dead letters, and
 * counts the segments.  Rows go in by a plain INSERT in a subtransaction; only
 * when it meets a unique violation, again with ON CONFLICT DO NOTHING, which
 * costs a quarter and is needed only after a replay.  A row that PostgreSQL
 * refuses for its own sake (SQLSTATE class 22 or 23) is found by halving, and
 * only that one becomes a dead letter.
 *
 * Main thread of a consumer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_INGEST_H
#define VNSTREAM_STORE_INGEST_H

#include "market/quote.h"
#include "store/position.h"
#include "store/transaction.h"

/* What becomes, or became, of one message. */
typedef enum MessageFate
{
	MESSAGE_IS_QUOTE,			/* in: to be stored */
	MESSAGE_IS_DEAD,			/* in and out: a dead letter; code and reason say why */
	MESSAGE_STORED,				/* out */
	MESSAGE_DUPLICATE			/* out: the same quote was there already */
} MessageFate;

typedef struct IngestMessage
{
	MessageFate fate;
	int32		partition;
	int64		offset;
	int64		kafka_time;		/* ms since 1970 UTC, -1: none */
	const char *key;			/* NULL: none; not zero-terminated */
	size_t		key_length;
	const char *value;			/* NULL: tombstone; not zero-terminated */
	size_t		value_length;
	Quote		quote;			/* where fate was MESSAGE_IS_QUOTE */
	char		code[32];		/* where dead: "form", a rule's name, "conflict",
								 * or an SQLSTATE */
	char	   *reason;			/* where dead: in the batch's memory context */
} IngestMessage;

typedef struct IngestBatch
{
	PositionKey key;
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
 * month's after a batch; a failure of the latter is only logged.
 */
extern StoreOutcome ingest_batch(IngestBatch *batch, int timeout_ms,
								 StoreError *error);

/* Drops kept plans, e.g. after drift; they are made again when needed. */
extern void ingest_forget_plans(void);

#endif							/* VNSTREAM_STORE_INGEST_H */
