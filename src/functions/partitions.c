/*-------------------------------------------------------------------------
 *
 * partitions.c
 *	  vnstream_partitions(): what realtime_quotes consists of.
 *
 * Rows are counted as the table's owner, restricted, so that pg_monitor may ask;
 * through the table in one query, by one snapshot.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "config.h"
#include "functions/columns.h"
#include "functions/worker_setting.h"
#include "shared_state.h"
#include "store/months.h"
#include "store/retention.h"
#include "store/role.h"

PG_FUNCTION_INFO_V1(vnstream_partitions);

#define PARTITIONS_COLUMNS 10

/* What is in a partition. */
typedef struct Content
{
	Oid			relation;		/* hash key */
	int64		rows;
	TimestampTz oldest;
	TimestampTz newest;			/* both unset where there are no rows */
} Content;

static void
add_contents(HTAB *contents, const char *query)
{
	int			code = SPI_execute(query, true, 0);

	if (code != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(code));
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[row];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		is_null;
		Oid			relation = DatumGetObjectId(SPI_getbinval(tuple, desc, 1, &is_null));
		Content    *content = hash_search(contents, &relation, HASH_ENTER, NULL);

		content->rows = DatumGetInt64(SPI_getbinval(tuple, desc, 2, &is_null));
		content->oldest = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 3, &is_null));
		content->newest = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 4, &is_null));
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Rows that realtime_quotes does not show any more.  Not those of somebody
 * else's table: it may only have the name, and code of its own.
 */
static bool
is_ours_to_count(const QuotesTable *table, const QuotesPartition *partition)
{
	AttrNumber	time = get_attnum(partition->relation, "time");

	return partition->state != PARTITION_ATTACHED && partition->owner == table->owner &&
		time != InvalidAttrNumber &&
		get_atttype(partition->relation, time) == TIMESTAMPTZOID;
}

static HTAB *
count_rows(const StoreCatalog *catalog, const QuotesTable *table,
		   const QuotesPartition *partitions, int count)
{
	HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(Content),
	.hcxt = CurrentMemoryContext};
	HTAB	   *contents = hash_create("vnstream partitions", 64, &control,
									   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	/* of those without rows no group comes back */
	for (int i = 0; i < count; i++)
	{
		Content    *content;

		if (partitions[i].state != PARTITION_ATTACHED)
			continue;
		content = hash_search(contents, &partitions[i].relation, HASH_ENTER, NULL);
		content->rows = 0;
	}
	add_contents(contents,
				 psprintf("SELECT tableoid, pg_catalog.count(*), pg_catalog.min(time), pg_catalog.max(time)"
						  " FROM %s." QUOTES_TABLE " GROUP BY tableoid", catalog->schema_name));
	for (int i = 0; i < count; i++)
	{
		const QuotesPartition *partition = &partitions[i];

		if (is_ours_to_count(table, partition))
			add_contents(contents,
						 psprintf("SELECT %u::pg_catalog.oid, pg_catalog.count(*), pg_catalog.min(time), pg_catalog.max(time) FROM ONLY %s.%s",
								  partition->relation,
								  pstrdup(quote_identifier(partition->schema)),
								  quote_identifier(partition->name)));
	}
	return contents;
}

static const char *
state_name(PartitionState state)
{
	switch (state)
	{
		case PARTITION_ATTACHED:
			return "attached";
		case PARTITION_DETACHING:
			return "detaching";
		case PARTITION_DETACHED:
			return "detached";
	}
	return NULL;				/* not reached */
}

static void
put_partition(ReturnSetInfo *result, const QuotesTable *table, const QuotesPartition *partition,
			  HTAB *contents, int retention)
{
	Datum		values[PARTITIONS_COLUMNS] = {0};
	bool		nulls[PARTITIONS_COLUMNS] = {false};
	const Content *content = contents == NULL ? NULL :
		hash_search(contents, &partition->relation, HASH_FIND, NULL);
	bool		is_empty = content == NULL || content->rows == 0;
	bool		is_known = content != NULL || (contents == NULL && partition->estimate >= 0);
	int			i = 0;

	values[i++] = CStringGetTextDatum(partition->name);
	nulls[i] = partition->month < 0;
	values[i++] = DateADTGetDatum(date2j(1970 + partition->month / 12, partition->month % 12 + 1, 1) -
								  POSTGRES_EPOCH_JDATE);
	nulls[i] = !partition->has_bounds;
	values[i++] = TimestampTzGetDatum(partition->from);
	nulls[i] = !partition->has_bounds;
	values[i++] = TimestampTzGetDatum(partition->to);
	nulls[i] = !is_known;
	values[i++] = Int64GetDatum(content != NULL ? content->rows : (int64) partition->estimate);
	values[i++] = DirectFunctionCall1(pg_total_relation_size, ObjectIdGetDatum(partition->relation));
	nulls[i] = is_empty;
	values[i++] = TimestampTzGetDatum(is_empty ? 0 : content->oldest);
	nulls[i] = is_empty;
	values[i++] = TimestampTzGetDatum(is_empty ? 0 : content->newest);
	values[i++] = CStringGetTextDatum(state_name(partition->state));
	column_time(&values[i], &nulls[i], retention_falls_due(table, partition, retention));
	i++;
	Assert(i == PARTITIONS_COLUMNS);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
vnstream_partitions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	StoreCatalog catalog;
	QuotesTable table;
	QuotesPartition *partitions;
	HTAB	   *contents = NULL;
	RoleScope	role;
	int			retention;
	int			count;

	shared_state_require();
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("exact must not be null"),
				 errhint("Use true to count rows, or false for the planner's estimates.")));
	InitMaterializedSRF(fcinfo, 0);

	store_catalog_get(&catalog);
	quotes_table_find(&catalog, &table);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	retention = worker_setting_number("vnstream.retention", GUC_UNIT_S);
	role_scope_enter(&role, table.owner);
	setting_pin("row_security", "off");
	PushActiveSnapshot(GetTransactionSnapshot());
	partitions = quotes_partitions(&catalog, &table, &count);
	if (PG_GETARG_BOOL(0))
		contents = count_rows(&catalog, &table, partitions, count);
	for (int i = 0; i < count; i++)
		put_partition(result, &table, &partitions[i], contents, retention);
	PopActiveSnapshot();
	role_scope_leave(&role);
	SPI_finish();
	return (Datum) 0;
}
