/*-------------------------------------------------------------------------
 *
 * test_replicas.c
 *	  Which brokers are to have a partition.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "broker/replicas.h"
#include "test.h"

#define PARTITIONS 6

static int32_t rooms[PARTITIONS][8];
static PartitionReplicas partitions[PARTITIONS];

/* Partition i is on count brokers from i on, of those from 1 to 3; led by the last. */
static void
place(int count)
{
	int			i;
	int			j;

	for (i = 0; i < PARTITIONS; i++)
	{
		partitions[i].partition = i;
		partitions[i].count = count;
		partitions[i].brokers = rooms[i];
		for (j = 0; j < count; j++)
			rooms[i][j] = (i + j) % 3 + 1;
		partitions[i].leader = rooms[i][count - 1];
	}
}

static int
shares(int32_t broker)
{
	int			found = 0;
	int			i;
	int			j;

	for (i = 0; i < PARTITIONS; i++)
	{
		for (j = 0; j < partitions[i].count; j++)
			found += partitions[i].brokers[j] == broker;
	}
	return found;
}

static bool
are_distinct(void)
{
	int			i;
	int			j;
	int			k;

	for (i = 0; i < PARTITIONS; i++)
	{
		for (j = 0; j < partitions[i].count; j++)
		{
			for (k = 0; k < j; k++)
			{
				if (partitions[i].brokers[j] == partitions[i].brokers[k])
					return false;
			}
		}
	}
	return true;
}

int
main(void)
{
	const int32_t brokers[] = {1, 2, 3, 7};

	place(1);
	replicas_plan(partitions, PARTITIONS, brokers, 4, 3);
	ok(partitions[0].count == 3 && partitions[5].count == 3 && are_distinct(),
	   "three different brokers each");
	ok(partitions[0].brokers[0] == 1 && partitions[1].brokers[0] == 2 &&
	   partitions[5].brokers[0] == 3, "who had it stays first");
	ok(shares(7) >= 4 && shares(7) <= 6 && shares(1) >= 4 && shares(1) <= 6,
	   "and all have their part: %d %d %d %d", shares(1), shares(2), shares(3), shares(7));

	place(3);
	replicas_plan(partitions, PARTITIONS, brokers, 4, 1);
	ok(partitions[0].count == 1 && partitions[0].brokers[0] == 3 &&
	   partitions[1].brokers[0] == 1, "of three one is left, the leader");
	place(3);
	partitions[0].leader = 2;
	partitions[1].leader = -1;
	partitions[2].leader = 7;
	replicas_plan(partitions, PARTITIONS, brokers, 4, 2);
	ok(partitions[0].count == 2 && partitions[0].brokers[0] == 1 &&
	   partitions[0].brokers[1] == 2, "the last goes");
	ok(partitions[1].brokers[0] == 2 && partitions[1].brokers[1] == 3 &&
	   partitions[2].brokers[0] == 3 && partitions[2].brokers[1] == 1,
	   "where there is no leader, or one that has no replica, too");
	place(2);
	replicas_plan(partitions, PARTITIONS, brokers, 4, 2);
	ok(partitions[3].brokers[0] == 1 && partitions[3].brokers[1] == 2, "nothing to do");
	place(1);
	rooms[0][0] = 9;
	replicas_plan(partitions, PARTITIONS, brokers, 4, 4);
	ok(partitions[0].count == 4 && partitions[0].brokers[0] == 9 && are_distinct() &&
	   partitions[1].count == 4, "a broker that is away keeps its part");
	return done_testing();
}
