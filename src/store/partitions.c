/*-------------------------------------------------------------------------
 *
 * partitions.c
 *	  What realtime_quotes consists of.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/nodes.h"
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "market/quote.h"
#include "store/months.h"
#include "store/partitions.h"
#include "store/support.h"

/*
 * Leaves, whatever lies between them and the table, and tables of a month's
 * name that are nobody's partition.
 */
static const char tree_query[] =
"WITH RECURSIVE tree AS (SELECT %2$u::pg_catalog.oid AS relation, false AS is_detaching"
"  UNION ALL SELECT i.inhrelid, t.is_detaching OR i.inhdetachpending"
"  FROM tree AS t JOIN pg_catalog.pg_inherits AS i ON i.inhparent = t.relation),"
" all_of_them AS (SELECT relation, CASE WHEN is_detaching THEN 1 ELSE 0 END AS state FROM tree"
"  UNION ALL SELECT c.oid, 2 FROM pg_catalog.pg_class AS c"
"  WHERE c.relnamespace = %1$u AND NOT c.relispartition AND c.relkind = 'r'"
"  AND c.relname ~ '^" QUOTES_TABLE "_[0-9]{4}_[0-9]{2}$')"
" SELECT c.oid, a.state FROM all_of_them AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.relation"
"  WHERE c.relkind IN ('r', 'f')";

static TimestampTz
month_begin(int month)
{
	int			date = date2j(1970 + month / 12, month % 12 + 1, 1) - POSTGRES_EPOCH_JDATE;

	return (TimestampTz) date * USECS_PER_DAY - VIETNAM_UTC_OFFSET;
}

/* The time of one bound, which has a single column; false where it is none. */
static bool
bound_time(const List *datums, TimestampTz *time)
{
	const PartitionRangeDatum *datum;
	const Const *value;

	if (list_length(datums) != 1)
		return false;
	datum = linitial_node(PartitionRangeDatum, datums);
	switch (datum->kind)
	{
		case PARTITION_RANGE_DATUM_MINVALUE:
			*time = DT_NOBEGIN;
			return true;
		case PARTITION_RANGE_DATUM_MAXVALUE:
			*time = DT_NOEND;
			return true;
		case PARTITION_RANGE_DATUM_VALUE:
			break;
	}
	if (datum->value == NULL || !IsA(datum->value, Const))
		return false;
	value = (const Const *) datum->value;
	if (value->consttype != TIMESTAMPTZOID || value->constisnull)
		return false;
	*time = DatumGetTimestampTz(value->constvalue);
	return true;
}

static void
read_bounds(HeapTuple tuple, QuotesPartition *partition)
{
	bool		is_null;
	Datum		node = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relpartbound, &is_null);
	PartitionBoundSpec *bound;

	if (is_null)
		return;
	bound = castNode(PartitionBoundSpec, stringToNode(TextDatumGetCString(node)));
	partition->has_bounds = !bound->is_default &&
		bound->strategy == PARTITION_STRATEGY_RANGE &&
		bound_time(bound->lowerdatums, &partition->from) &&
		bound_time(bound->upperdatums, &partition->to);
}

/*
 * The month whose name it has, of a partition only where it is exactly its
 * bounds: rows of another time cannot be in it then.
 */
static void
read_month(QuotesPartition *partition)
{
	char		name[NAMEDATALEN];
	int			year;
	int			number;
	int			month;

	if (sscanf(partition->name, QUOTES_TABLE "_%4d_%2d", &year, &number) != 2)
		return;
	month = (year - 1970) * 12 + number - 1;
	month_name(name, sizeof(name), month);
	if (month < 0 || number < 1 || number > 12 || strcmp(name, partition->name) != 0)
		return;
	if (partition->state == PARTITION_DETACHED)
	{
		partition->month = month;
		return;
	}
	if (partition->has_bounds && partition->from == month_begin(month) &&
		partition->to == month_begin(month + 1))
		partition->month = month;
}

static bool
read_partition(Oid relation, PartitionState state, QuotesPartition *partition)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Form_pg_class form;
	char	   *schema;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_class) GETSTRUCT(tuple);
	memset(partition, 0, sizeof(*partition));
	partition->relation = relation;
	partition->owner = form->relowner;
	partition->kind = form->relkind;
	partition->state = state;
	partition->month = -1;
	partition->estimate = form->reltuples;
	strlcpy(partition->name, NameStr(form->relname), NAMEDATALEN);
	schema = get_namespace_name(form->relnamespace);
	if (schema != NULL)
		strlcpy(partition->schema, schema, NAMEDATALEN);
	read_bounds(tuple, partition);
	read_month(partition);
	ReleaseSysCache(tuple);
	return schema != NULL;
}

static int
compare_partitions(const void *a, const void *b)
{
	const QuotesPartition *left = a;
	const QuotesPartition *right = b;

	if ((left->state == PARTITION_DETACHED) != (right->state == PARTITION_DETACHED))
		return left->state == PARTITION_DETACHED ? 1 : -1;
	if (left->has_bounds != right->has_bounds)
		return left->has_bounds ? -1 : 1;
	if (left->has_bounds && left->from != right->from)
		return left->from < right->from ? -1 : 1;
	return strcmp(left->name, right->name);
}

QuotesPartition *
quotes_partitions(const StoreCatalog *catalog, const QuotesTable *table, int *count)
{
	char	   *query = psprintf(tree_query, catalog->schema, table->relation);
	QuotesPartition *partitions;
	int			found;
	int			code = SPI_execute(query, true, 0);

	if (code != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(code));
	found = (int) SPI_processed;
	partitions = palloc(sizeof(QuotesPartition) * Max(found, 1));
	*count = 0;
	for (int i = 0; i < found; i++)
	{
		/* one that is dropped at this moment is none any more */
		if (read_partition(DatumGetObjectId(store_result(i, 1)),
						   (PartitionState) DatumGetInt32(store_result(i, 2)),
						   &partitions[*count]))
			(*count)++;
	}
	SPI_freetuptable(SPI_tuptable);
	qsort(partitions, *count, sizeof(QuotesPartition), compare_partitions);
	pfree(query);
	return partitions;
}

bool
partition_is_whole_month(const QuotesPartition *partition)
{
	return partition->month >= 0 && partition->state == PARTITION_ATTACHED &&
		partition->kind == RELKIND_RELATION;
}
