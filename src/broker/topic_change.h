/*-------------------------------------------------------------------------
 *
 * topic_change.h
 *	  Creating a topic, and changing one that is there.
 *
 * Kinds of question, for query.c.  Unlike what a worker asks (broker_query_create),
 * a topic that exists already is a refusal here.
 *
 * Plain C with malloc.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_TOPIC_CHANGE_H
#define VNSTREAM_BROKER_TOPIC_CHANGE_H

#include "broker/query.h"
#include "broker/question.h"
#include "broker/replicas.h"

#define RETENTION_FOR_EVER INT64_C(-1)	/* as Kafka's retention.ms has it */

typedef struct TopicChange
{
	const char *topic;
	int			partitions;		/* 0: leave as they are */
	int			replication;	/* 0: leave as it is */
	bool		has_retention;	/* false: leave as it is */
	int64_t		retention_ms;
} TopicChange;

typedef enum TopicFault
{
	TOPIC_FINE,
	TOPIC_REFUSED,				/* by Kafka, in its own words: reason */
	TOPIC_EXISTS,
	TOPIC_ABSENT,
	TOPIC_HAS_MORE_PARTITIONS,
	TOPIC_LACKS_BROKERS			/* for so many replicas */
} TopicFault;

/*
 * What went wrong for the request's sake is an answer too, as fault.  All that
 * can be known before is checked before anything is changed; has_… say what was
 * changed all the same when Kafka then refused the rest.
 */
typedef struct TopicChangeAnswer
{
	TopicFault	fault;
	char		reason[BROKER_ERROR_SIZE];
	bool		has_new_retention;
	bool		has_new_partitions;
	int			partitions_before;
	int			partitions;
	int64_t		retention_before;	/* ms; -2: the broker's default */
	int			broker_count;
	bool		has_plan;		/* replicas are to be moved, and how: */
	int			replica_count;	/* partitions */
	PartitionReplicas *replicas;
} TopicChangeAnswer;

/* By specification as broker_query_create() has it. */
extern Question *topic_creation_question(const BrokerOptions *options,
										 const TopicSpecification *specification,
										 int timeout_ms, char *error);

/*
 * Partitions can only be added.  Retention is set with every other setting of
 * the topic sent back, since librdkafka 2.0 can only replace them all: one that
 * somebody else changes at the same moment may be undone.  Replicas of a topic
 * that exists cannot be changed by librdkafka at all: a plan for Kafka's tool is
 * answered.
 */
extern Question *topic_change_question(const BrokerOptions *options,
									   const TopicChange *change,
									   int timeout_ms, char *error);

/* Of an answered question; lives as long as it does. */
extern const TopicChangeAnswer *topic_change_answer(const Question *question);

#endif							/* VNSTREAM_BROKER_TOPIC_CHANGE_H */
