/*-------------------------------------------------------------------------
 *
 * audit_kafka.h
 *	  What an audit asks Kafka: where partitions begin and end, and what is at
 *	  some offsets.
 *
 * That Kafka does not answer is no error of an audit but a NOTICE, once; what
 * depends on the answer is unknown then.
 *
 * Main thread of a session, inside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_FUNCTIONS_AUDIT_KAFKA_H
#define VNSTREAM_FUNCTIONS_AUDIT_KAFKA_H

#include "broker/peek.h"
#include "functions/ask.h"
#include "store/audit.h"

typedef struct AuditTopic
{
	const char *name;
	char		cluster_id[64];
	int			partition_count;
	TopicPartition *partitions;
} AuditTopic;

typedef struct AuditKafka
{
	AskTarget	target;
	int			topic_count;
	AuditTopic *topics;			/* those that have answered */
	bool		is_away;		/* it is not asked again */
} AuditKafka;

/* Asks about the topics of all open segments; palloc'd. */
extern AuditKafka *audit_kafka_ask(const AuditSegment *segments, int count);

/* NULL where nothing is known of the segment's partition. */
extern const TopicPartition *audit_kafka_partition(const AuditKafka *kafka,
												   const AuditSegment *segment);

/*
 * The messages in these ranges of the segment's partition, which have at most
 * span offsets, in no order; NULL where there is no answer.  Fault PEEK_TOO_LARGE
 * asks for fewer; all others have been told.
 */
extern const PeekAnswer *audit_kafka_look(AuditKafka *kafka, const AuditSegment *segment,
										  const PeekRange *ranges, int count, int span);

#endif							/* VNSTREAM_FUNCTIONS_AUDIT_KAFKA_H */
