/*-------------------------------------------------------------------------
 *
 * delivery.h
 *	  From the outbox to Kafka: what the producer does with a stored response.
 *
 * Responses are published in the order of their numbers, so that a ticker's
 * quotes arrive in order.  When a message cannot be delivered, all that is not
 * acknowledged is given up and sent again, in order, by a new client (see
 * delivery_queue.h); realtime_quotes' primary key absorbs what had arrived.
 *
 * All functions: main thread of the producer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_DELIVERY_H
#define VNSTREAM_WORKERS_DELIVERY_H

#include "store/outbox.h"
#include "workers/loop.h"

extern void delivery_begin(void);

/* Frees the client.  Does not wait for Kafka; also an exit callback's work. */
extern void delivery_end(void);

/*
 * One round: create the topic and client where needed, load, send, take
 * reports, remove from the outbox what is acknowledged.
 */
extern void delivery_round(void);

/*
 * Before a wished end: wait, but not for long, until Kafka has acknowledged what
 * is under way.  What it has not stays in the outbox.
 */
extern void delivery_drain(void);

/*
 * A response that is in the outbox by now.  Copies it.
 */
extern void delivery_add(const OutboxResponse *response);

/*
 * What waits for Kafka: messages, and bytes of messages; and whether that is
 * known already of what an earlier process left.
 */
extern int64 delivery_waiting(void);
extern int64 delivery_waiting_bytes(void);
extern bool delivery_is_measured(void);

/* Is Kafka the trouble now? */
extern bool delivery_is_failing(void);
/* Or the database, when the outbox is read or settled? */
extern bool delivery_store_is_failing(void);
/* When it is tried again; past or 0 where that is under way. */
extern TimestampTz delivery_retry_at(void);

/* What to wait for; sources has room for 2.  Answers how many. */
extern int	delivery_sources(WaitSource *sources);
extern long delivery_timeout(void);

#endif							/* VNSTREAM_WORKERS_DELIVERY_H */
