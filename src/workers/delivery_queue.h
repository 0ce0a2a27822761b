/*-------------------------------------------------------------------------
 *
 * delivery_queue.h
 *	  The responses that delivery.c has loaded from the outbox, and which of
 *	  their messages Kafka has acknowledged.
 *
 * That is known message by message, and outlives a client: a new one sends only
 * what is missing, e.g. of the one partition that has no leader.  Except where
 * the last client lost an older message of the same ticker and delivered a newer
 * one: the newer is sent again behind the older, so that the last message of a
 * ticker in Kafka is its newest.
 *
 * A response has at most 65,535 messages.  All functions: main thread of the
 * producer; none raises an error but for want of memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_DELIVERY_QUEUE_H
#define VNSTREAM_WORKERS_DELIVERY_QUEUE_H

#include "datatype/timestamp.h"

#include "store/outbox.h"

/* A message to be handed to the client. */
typedef struct QueuedMessage
{
	const OutboxResponse *response;
	int			index;			/* in the response */
	uint64		tag;			/* by which it is acknowledged */
} QueuedMessage;

extern void delivery_queue_begin(void);

/* A response behind all others.  Copies it. */
extern void delivery_queue_add(const OutboxResponse *response);
/* Is there room for another one of so many messages? */
extern bool delivery_queue_has_room(int messages);
/* Has so much been delivered that it is time to load more? */
extern bool delivery_queue_wants_more(void);
extern bool delivery_queue_is_empty(void);
/* The number of the response that was added last; 0: none yet. */
extern int64 delivery_queue_newest(void);

/*
 * The next message that is neither acknowledged nor handed to this client, in
 * the order of responses; and that it was handed over.
 */
extern bool delivery_queue_next(QueuedMessage *message);
extern void delivery_queue_sent(void);

/*
 * Kafka has that message.  Answers its response, and whether that is complete
 * now; NULL where it was known before.
 */
extern const OutboxResponse *delivery_queue_acknowledge(uint64 tag, bool *completed);

/* The client is gone: what is not acknowledged is to be sent by another one. */
extern void delivery_queue_rewind(void);

/* Since when the oldest message waits that the client was given; 0: none does. */
extern TimestampTz delivery_queue_waiting_since(void);

/*
 * The numbers of the responses of which all is acknowledged, palloc'd; answers
 * how many.  delivery_queue_drop() forgets them, once they have left the outbox,
 * and tells how many messages and bytes that was.
 */
extern int	delivery_queue_complete(int64 **responses);
extern void delivery_queue_drop(int64 *messages, int64 *bytes);

#endif							/* VNSTREAM_WORKERS_DELIVERY_QUEUE_H */
