/*-------------------------------------------------------------------------
 *
 * topic.h
 *	  What a broker knows of a topic, asked with calls that block.
 *
 * For query.c, whose thread does the waiting; nobody else may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_TOPIC_H
#define VNSTREAM_BROKER_TOPIC_H

#include "broker/query.h"

typedef struct TopicQuestion
{
	TopicSpecification specification;	/* without is_creation its name only */
	bool		is_creation;
	bool		watermarks;
	int			timeout_ms;
	bool		is_cancelled;	/* atomic: set by another thread */

	BrokerClient *client;
	rd_kafka_topic_t *handle;
	char	   *brokers;
	char	   *topic;
	int64_t		deadline;
	int			slice;			/* the next call's time */
	int64_t		absent_since;	/* the topic was denied since; 0: was not */
	char		trouble[BROKER_ERROR_SIZE]; /* what the client last complained
											 * of */
	TopicDescription answer;
	char		error[BROKER_ERROR_SIZE];
} TopicQuestion;

/* Fill in the first five fields, zero the rest.  Does not block. */
extern bool topic_question_open(TopicQuestion *question,
								const BrokerOptions *options, char *error);

/* True with the answer, or false with the error. */
extern bool topic_question_ask(TopicQuestion *question);

/* End the client; answer and error stay. */
extern void topic_question_disconnect(TopicQuestion *question);
extern void topic_question_close(TopicQuestion *question);

#endif							/* VNSTREAM_BROKER_TOPIC_H */
