/*-------------------------------------------------------------------------
 *
 * replicas.h
 *	  Which brokers are to have a partition, when there are to be more or fewer.
 *
 * Plain C, no I/O.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_REPLICAS_H
#define VNSTREAM_BROKER_REPLICAS_H

#include <stdint.h>

typedef struct PartitionReplicas
{
	int32_t		partition;
	int32_t		leader;			/* -1: none */
	int			count;
	int32_t    *brokers;		/* in Kafka's order: the first is the preferred
								 * leader; room for the count that is wanted */
} PartitionReplicas;

/*
 * Makes count of every partition wanted, in place.  What is there stays, as far
 * as it can, so that little is copied: the last ones go, but not the leader; new
 * ones are taken from brokers (ids, ascending, at least wanted of them) in
 * turn.
 */
extern void replicas_plan(PartitionReplicas *partitions, int partition_count,
						  const int32_t *brokers, int broker_count, int wanted);

#endif							/* VNSTREAM_BROKER_REPLICAS_H */
