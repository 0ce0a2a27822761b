/*-------------------------------------------------------------------------
 *
 * consumer.h
 *	  What the files of the consumer worker share: consumer.c goes round,
 *	  claim.c decides which partitions are its own, batch.c takes and stores.
 *
 * Private to the consumer.  All functions: main thread, outside of a
 * transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_CONSUMER_H
#define VNSTREAM_WORKERS_CONSUMER_H

#include "postgres.h"

#include "broker/query.h"
#include "broker/reader.h"
#include "store/ingest.h"
#include "workers/loop.h"

/* Longest a transaction may take before it is tried again. */
#define BATCH_TIMEOUT_MS 60000

/* How often a worker that needs an administrator looks whether one was there. */
#define FAILED_RETRY_MS 30000

typedef struct Consumer
{
	BrokerQuery *query;			/* a question in flight */
	TimestampTz ask_at;
	uint64		topic_changes;	/* of the entry, when it was last asked */
	Backoff		broker_backoff;
	Backoff		store_backoff;

	/* what is claimed */
	Reader	   *reader;
	bool		is_claimed;
	char		cluster_id[64];
	int			shares;			/* consumers, when the partitions were divided */
	int			partition_total;
	int			position_count;
	Position   *positions;
	PositionAdvance *advances;
	int64	   *ends;			/* high watermarks, -1 unknown */
	int64	   *asked_offsets;	/* positions when the question in flight was asked */
	bool	   *is_unchecked;	/* not known yet whether it is the same log */
	bool		has_lost_offsets;	/* or may have: to be claimed anew */
	bool		has_damage;		/* Kafka has a message that cannot be read */
	bool		has_other_log;	/* the log is another one than its position's */
	Position	other_log;		/* that position, as it was claimed */
	bool		is_other_topic; /* by the broker's word, when last claimed */

	/* the batch */
	MemoryContext batch_context;
	IngestMessage *messages;
	ReaderEvent *events;		/* whose memory messages point to */
	int			capacity;
	int			count;
	size_t		bytes;
	TimestampTz taken_at;		/* when the batch was taken from the queue */
	bool		has_batch;
	bool		has_more;		/* taking stopped although there may be more */

	bool		commit_pending;
	TimestampTz commit_at;
} Consumer;

extern Consumer consumer;

/*
 * claim.c.  consumer_take_answer() takes the answer about the topic, and claims
 * what is this consumer's share where nothing is claimed so far or things have
 * changed.  consumer_unclaim() gives up what is assigned; the next answer claims
 * anew.
 */
extern void consumer_take_answer(void);
extern void consumer_unclaim(void);
extern int	consumer_wanted_shares(void);
/* Remember the positions of this moment: a question about the topic begins. */
extern void consumer_note_asked(void);
/* Index of the partition in consumer.positions, or -1. */
extern int	consumer_find_position(int32 partition);
extern void consumer_update_lag(void);

/*
 * batch.c.  batch_take() fills the batch with whatever is queued, batch_store()
 * stores it or leaves it for another try.
 */
extern void batch_resize(void);
extern void batch_take(void);
extern void batch_store(void);
extern void batch_drop(void);

#endif							/* VNSTREAM_WORKERS_CONSUMER_H */
