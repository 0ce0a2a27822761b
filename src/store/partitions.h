/*-------------------------------------------------------------------------
 *
 * partitions.h
 *	  What realtime_quotes consists of.
 *
 * Main thread of any process, inside a transaction and SPI, a snapshot pushed,
 * realtime_quotes found (quotes_table_find()) in the same transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_PARTITIONS_H
#define VNSTREAM_STORE_PARTITIONS_H

#include "datatype/timestamp.h"

#include "store/catalog.h"

typedef enum PartitionState
{
	PARTITION_ATTACHED,
	PARTITION_DETACHING,		/* DETACH ... CONCURRENTLY was begun */
	PARTITION_DETACHED			/* no part of the table: a table in its schema
								 * that has a month's name */
} PartitionState;

typedef struct QuotesPartition
{
	Oid			relation;
	Oid			owner;
	char		schema[NAMEDATALEN];
	char		name[NAMEDATALEN];
	char		kind;			/* RELKIND_* */
	PartitionState state;
	int			month;			/* as month_of_time(); -1 where its bounds are not
								 * exactly one month, or its name is another */
	bool		has_bounds;		/* a range of times */
	TimestampTz from;			/* DT_NOBEGIN where MINVALUE */
	TimestampTz to;				/* DT_NOEND where MAXVALUE */
	float4		estimate;		/* rows, as the planner believes; -1 unknown */
} QuotesPartition;

/*
 * Everything that has rows: the leaves of a partitioned table, or the table
 * itself, and then what is detached; by bounds, those without last.  palloc'd.
 */
extern QuotesPartition *quotes_partitions(const StoreCatalog *catalog,
										  const QuotesTable *table, int *count);

/* A partition that the pipeline may have made, so may drop? */
extern bool partition_is_whole_month(const QuotesPartition *partition);

#endif							/* VNSTREAM_STORE_PARTITIONS_H */
