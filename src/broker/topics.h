/*-------------------------------------------------------------------------
 *
 * topics.h
 *	  The topics of a cluster.
 *
 * A kind of question.  However many topics there are, it makes few requests: the
 * metadata of all, two a leader for the offsets, one for each 200 topics'
 * retention.
 *
 * Plain C with malloc.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_TOPICS_H
#define VNSTREAM_BROKER_TOPICS_H

#include "broker/question.h"

#define RETENTION_FOREVER (-1)
#define RETENTION_UNKNOWN (-2)	/* Kafka refuses to tell */

typedef struct ClusterTopic
{
	char	   *name;
	int			partitions;
	int			replication;	/* smallest of its partitions */
	int64_t		retention_ms;	/* or RETENTION_… */
	int64_t		messages;		/* offsets between the watermarks; -1: not all
								 * partitions have a leader */
	int			without_leader; /* partitions */
} ClusterTopic;

/*
 * All topics that are not internal (__…).  topic is the one that matters: that it
 * does not exist is told after a second of looking.  NULL with error where the
 * options are unusable.
 */
extern Question *topics_question(const BrokerOptions *options, const char *topic,
								 int timeout_ms, char *error);

/* The question's own, in the order of their names. */
extern const ClusterTopic *topics_question_answer(const Question *question,
												  int *count, bool *exists);

#endif							/* VNSTREAM_BROKER_TOPICS_H */
