/*-------------------------------------------------------------------------
 *
 * query.h
 *	  Questions to a broker that librdkafka can only answer by blocking.
 *
 * Metadata, watermarks and the creation of a topic have no asynchronous form
 * in librdkafka 2.0.  They run on a thread of their own, plain C with every
 * signal blocked and with a client of its own, while the caller waits on its
 * latch and on broker_query_fd().  A caller that must not wait any longer (a
 * shutdown, Ctrl-C) abandons the query at once: the thread then frees what it
 * holds by itself.
 *
 * No question creates a topic by being asked, whatever the broker's
 * auto.create.topics.enable says.
 *
 * Plain C with malloc.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_QUERY_H
#define VNSTREAM_BROKER_QUERY_H

#include "broker/client.h"
#include "broker/question.h"

typedef struct BrokerQuery BrokerQuery;

/*
 * Watermarks are unknown (-1) only where they were not asked for or the
 * partition has no leader.
 */
typedef struct TopicPartition
{
	int32_t		partition;
	int32_t		leader;			/* -1: none */
	int64_t		low;			/* low watermark; -1 unknown */
	int64_t		high;			/* last stable offset: where a reader
								 * (read_committed) meets the end; the high
								 * watermark unless a transaction is open; -1
								 * unknown */
} TopicPartition;

typedef struct TopicDescription
{
	char		cluster_id[64];
	bool		exists;			/* false: denied for a whole second, since a
								 * broker that has just started may not know
								 * yet */
	int			partition_count;
	TopicPartition *partitions; /* malloc; in the order of their numbers */
} TopicDescription;

typedef struct TopicSpecification
{
	const char *topic;
	int			partitions;
	int			replication_factor; /* -1: the broker's default */
	int64_t		retention_ms;	/* -1: the broker's default */
} TopicSpecification;

/*
 * NULL with error where the thread or client cannot be made.  In less than
 * 2,000 ms a query cannot tell that a topic does not exist.
 */
extern BrokerQuery *broker_query_describe(const BrokerOptions *options,
										  const char *topic, bool watermarks,
										  int timeout_ms, char *error);

/* Creates the topic (that it exists already is no error), then describes it. */
extern BrokerQuery *broker_query_create(const BrokerOptions *options,
										const TopicSpecification *specification,
										bool watermarks, int timeout_ms,
										char *error);

/*
 * Any kind of question, which becomes the query's, also where it fails: NULL
 * with error.  A question of NULL (whose maker has set error) is fine.
 */
extern BrokerQuery *broker_query_begin(Question *question, char *error);

/* Readable once the query is done. */
extern int	broker_query_fd(const BrokerQuery *query);
extern bool broker_query_is_done(BrokerQuery *query);

/*
 * Take the answer of a query that is done, and free the query (and close its
 * descriptor: no longer wait on it).  False with a sentence in error where it
 * failed.  The caller frees the description.
 */
extern bool broker_query_finish(BrokerQuery *query, TopicDescription *answer,
								char *error);

/*
 * The same for any kind: the answered question, which the caller frees, or NULL
 * with error.
 */
extern Question *broker_query_take(BrokerQuery *query, char *error);
extern void topic_description_free(TopicDescription *description);

/* Leave the query alone; never waits.  Closes the descriptor too. */
extern void broker_query_abandon(BrokerQuery *query);

#endif							/* VNSTREAM_BROKER_QUERY_H */
