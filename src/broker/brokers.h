/*-------------------------------------------------------------------------
 *
 * brokers.h
 *	  The brokers of a cluster, and whether each answers.
 *
 * A kind of question, which fails for want of memory only.  A broker that does
 * not answer is told of with the reason; where none describes the cluster, that
 * is every address which was to be asked.
 *
 * Plain C with malloc.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_BROKERS_H
#define VNSTREAM_BROKER_BROKERS_H

#include "broker/question.h"

typedef struct ClusterBroker
{
	int32_t		id;				/* -1: an address; nothing but the next two
								 * and error is known */
	char	   *host;			/* NULL: known only as a replica's broker, since
								 * the cluster does not list it */
	int			port;
	bool		is_controller;	/* with KRaft the broker that Kafka names in its
								 * place, any of those that are up */
	int64_t		round_trip_us;	/* of one request on an open connection; -1: no
								 * answer */
	int			leaders;		/* partitions of all topics that it leads */
	int			under_replicated;	/* its replicas that are not in sync */
	char		error[BROKER_ERROR_SIZE];	/* why it has not answered, or '' */
} ClusterBroker;

/* NULL with error where the options are unusable. */
extern Question *brokers_question(const BrokerOptions *options, int timeout_ms,
								  char *error);

/*
 * The question's own, in the order of their ids.  failure is NULL, or says why
 * there are only addresses, in the order in which they were given.
 */
extern const ClusterBroker *brokers_question_answer(const Question *question,
													int *count,
													const char **failure);

#endif							/* VNSTREAM_BROKER_BROKERS_H */
