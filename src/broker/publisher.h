/*-------------------------------------------------------------------------
 *
 * publisher.h
 *	  Messages to Kafka: idempotent, acks=all, counted at the delivery report.
 *
 * Every message that publisher_send() queued gets one report: acknowledged, or
 * failed once delivery_timeout_ms is over or the client is of no more use.  A
 * message reported as failed may have reached Kafka all the same (its
 * acknowledgement was lost); whoever sends it again may make a duplicate.
 *
 * A topic that does not exist is not created: after 30 s (librdkafka's
 * topic.metadata.propagation.max.ms), or the delivery timeout if that is
 * shorter, its messages are reported as failed.
 *
 * Plain C with malloc.  One thread at a time; no call waits.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_PUBLISHER_H
#define VNSTREAM_BROKER_PUBLISHER_H

#include "broker/client.h"

typedef struct Publisher Publisher;

typedef struct PublisherOptions
{
	BrokerOptions broker;
	const char *topic;
	long		delivery_timeout_ms;	/* when an unacknowledged message is
										 * given back as failed */
} PublisherOptions;

typedef struct PublisherHeader
{
	const char *name;
	const char *value;
} PublisherHeader;

typedef enum PublishResult
{
	PUBLISH_QUEUED,				/* a report will come */
	PUBLISH_FULL,				/* local queue is full: take reports, then
								 * again */
	PUBLISH_FAILED				/* never will be (too large, fatal error) */
} PublishResult;

/* What became of one message. */
typedef struct PublisherReport
{
	uint64_t	tag;			/* the caller's */
	bool		is_acknowledged;
	int32_t		partition;
	int64_t		offset;			/* -1: not acknowledged, or (rarely, for a
								 * repeated request) not told */
	int64_t		latency;		/* µs from publish to report, or -1 */
	rd_kafka_resp_err_t code;
	char		error[BROKER_ERROR_SIZE];
} PublisherReport;

extern Publisher *publisher_create(const PublisherOptions *options, char *error);
extern void publisher_destroy(Publisher *publisher);
extern BrokerClient *publisher_client(Publisher *publisher);

/*
 * Queue one message; key, value and headers are copied.  Partition by
 * murmur2_random of the key, as Java's clients do.  A key of NULL is none, a
 * value of NULL a tombstone.
 */
extern PublishResult publisher_send(Publisher *publisher,
									const char *key, const char *value,
									size_t length,
									const PublisherHeader *headers,
									int header_count, uint64_t tag,
									char *error);

/*
 * The next delivery report, or false where the queue is empty for now.  Keeps
 * logs and errors as notices of the client on the way.
 */
extern bool publisher_report(Publisher *publisher, PublisherReport *report);

/* Messages queued or in flight, without a report so far. */
extern int	publisher_pending(const Publisher *publisher);

#endif							/* VNSTREAM_BROKER_PUBLISHER_H */
