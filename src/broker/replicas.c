/*-------------------------------------------------------------------------
 *
 * replicas.c
 *	  Which brokers are to have a partition, when there are to be more or fewer.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/replicas.h"

#include <stdbool.h>

static bool
has_replica(const PartitionReplicas *partition, int count, int32_t broker)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (partition->brokers[i] == broker)
			return true;
	}
	return false;
}

void
replicas_plan(PartitionReplicas *partitions, int partition_count,
			  const int32_t *brokers, int broker_count, int wanted)
{
	int			turn = 0;
	int			tries;
	int			i;

	for (i = 0; i < partition_count; i++)
	{
		PartitionReplicas *partition = &partitions[i];

		if (partition->count > wanted)
		{
			if (has_replica(partition, partition->count, partition->leader) &&
				!has_replica(partition, wanted, partition->leader))
				partition->brokers[wanted - 1] = partition->leader;
			partition->count = wanted;
		}
		for (tries = 0; partition->count < wanted && tries < broker_count; tries++)
		{
			int32_t		broker = brokers[turn++ % broker_count];

			if (!has_replica(partition, partition->count, broker))
				partition->brokers[partition->count++] = broker;
		}
	}
}
