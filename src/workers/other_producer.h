/*-------------------------------------------------------------------------
 *
 * other_producer.h
 *	  A second live producer on the topic: a copy of this server that was
 *	  started beside it, or another server with the same settings.
 *
 * Both would fetch and publish everything, and nobody would notice: the quotes
 * of the two differ by their times.  So each message says who made it, by two
 * headers: "node", what the producer calls itself, which a copy shares with its
 * original; and "instance", "<µs since 1970>-<16 hexadecimal digits>", when this
 * server began to produce, and chance.  Consumers look at some of the messages;
 * one of another instance that was fetched after this database began to produce
 * is a second producer's.  Older ones say nothing: they are of this server before
 * it was restarted, of the primary before the promotion, or from before a dump.
 *
 * Both then are failed for as long as they see the other, and the younger
 * instance begins no sweep, so one of the two goes on.  (But for a first one, for
 * the other to see.)  It begins again by itself when no older one has been seen
 * for three intervals, and two minutes (or twelve intervals, if that is less).
 * What it has in its outbox is published anyway.
 *
 * Main thread of the worker; the functions that may tell something are called
 * outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_OTHER_PRODUCER_H
#define VNSTREAM_WORKERS_OTHER_PRODUCER_H

#include "broker/reader.h"
#include "shared_state.h"

/*
 * Producer: it begins to produce, which makes an instance where the database has
 * none; it ends, which forgets the instance where no producer is wanted any more.
 */
extern void other_producer_begin(void);
extern void other_producer_end(void);

/*
 * What this database's producer calls itself, and which one it is: for headers,
 * of OTHER_NODE_SIZE and INSTANCE_TEXT_SIZE bytes.
 */
extern void producer_node_text(char *text);
extern void producer_instance_text(char *text);

/* Producer: Kafka has acknowledged a message that was fetched then (µs since 1970). */
extern void other_producer_published(int64 fetched_at);

/* Producer, once a round: tells when a second one appears or is gone. */
extern void other_producer_round(void);
/* As of the last round: is there one; one to which this one gives way? */
extern bool other_producer_is_seen(void);
extern bool other_producer_is_elder(void);

/*
 * Consumer: look at a message, before its release; index is its place in the
 * batch.  Cheap: most are passed over.
 */
extern void other_producer_look(const ReaderEvent *event, int index);

#endif							/* VNSTREAM_WORKERS_OTHER_PRODUCER_H */
