/*-------------------------------------------------------------------------
 *
 * audit.c
 *	  vnstream_audit(): does the account add up?
 *
 * The tables are read first, by one snapshot, and Kafka is asked afterwards: so
 * its end can only be at or behind the positions, as long as its log is the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "functions/audit_offsets.h"
#include "shared_state.h"
#include "store/role.h"

PG_FUNCTION_INFO_V1(vnstream_audit);

#define AUDIT_COLUMNS 11

/* One row; -1 is NULL in gaps, pending and dropped. */
typedef struct AuditRow
{
	const char *account;
	int64		total;
	int64		delivered;
	int64		repeated;
	int64		refused;
	int64		gaps;
	int64		pending;
	int64		difference;
	char		in_kafka[64];	/* a range; '': NULL */
	Datum		missing;		/* 0: NULL */
	int64		dropped;
} AuditRow;

static Datum
range_datum(const char *text)
{
	Oid			input;
	Oid			parameter;

	getTypeInputInfo(INT8RANGEOID, &input, &parameter);
	return OidInputFunctionCall(input, unconstify(char *, text), parameter, -1);
}

static void
put_row(ReturnSetInfo *result, const AuditRow *row)
{
	Datum		values[AUDIT_COLUMNS] = {0};
	bool		nulls[AUDIT_COLUMNS] = {false};
	int			i = 0;

	values[i++] = CStringGetTextDatum(row->account);
	values[i++] = Int64GetDatum(row->total);
	values[i++] = Int64GetDatum(row->delivered);
	values[i++] = Int64GetDatum(row->repeated);
	values[i++] = Int64GetDatum(row->refused);
	nulls[i] = row->gaps < 0;
	values[i++] = Int64GetDatum(row->gaps);
	nulls[i] = row->pending < 0;
	values[i++] = Int64GetDatum(row->pending);
	values[i++] = Int64GetDatum(row->difference);
	nulls[i] = row->in_kafka[0] == '\0';
	if (!nulls[i])
		values[i] = range_datum(row->in_kafka);
	i++;
	nulls[i] = row->missing == (Datum) 0;
	values[i++] = row->missing;
	nulls[i] = row->dropped < 0;
	values[i++] = Int64GetDatum(row->dropped);
	Assert(i == AUDIT_COLUMNS);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static int64
distance(int64 a, int64 b)
{
	return a > b ? a - b : b - a;
}

static char *
segment_account(const AuditSegment *segment, bool has_clusters)
{
	StringInfoData name;

	initStringInfo(&name);
	if (has_clusters)
		appendStringInfo(&name, "%s/", segment->cluster_id);
	appendStringInfo(&name, "%s/%d ", segment->topic, segment->partition);
	if (segment->segment > 0)
		appendStringInfo(&name, "segment " INT64_FORMAT, segment->segment);
	else
		appendStringInfoString(&name, "in no segment");
	return name.data;
}

static void
put_segment(ReturnSetInfo *result, const AuditSegment *segment, bool has_clusters,
			const TopicPartition *partition, const MissingOffsets *missing)
{
	int64		sum = segment->stored + segment->duplicates + segment->dead_letters + segment->gaps;
	int64		end = segment->position;
	AuditRow	row = {.delivered = segment->stored, .repeated = segment->duplicates,
	.refused = segment->dead_letters, .gaps = segment->gaps, .dropped = segment->dropped};

	row.account = segment_account(segment, has_clusters);
	row.difference = distance(segment->position - segment->from_offset, sum);
	if (segment->is_open)
		row.pending = -1;
	if (segment->is_open && partition != NULL)
	{
		/*
		 * What is gone before it was read is in the total and not pending; so
		 * is, the other way round, what Kafka has had and has no more.
		 */
		int64		read_from = Max(segment->position, partition->low);

		end = Max(segment->position, partition->high);
		row.pending = Max(partition->high - read_from, 0);
		row.difference = Max(row.difference, segment->position - partition->high);
		row.difference += end - segment->position - row.pending;
	}
	row.difference += distance(segment->dead_letters - segment->purged, segment->letters);
	if (partition != NULL)
	{
		int64		low = Max(segment->from_offset, partition->low);
		int64		high = Min(end, partition->high);

		snprintf(row.in_kafka, sizeof(row.in_kafka), "[" INT64_FORMAT "," INT64_FORMAT ")",
				 low, Max(low, high));
	}
	row.total = end - segment->from_offset;

	/* a seek from where nothing was read yet leaves one */
	if (!segment->is_open && row.total == 0 && row.difference == 0 && segment->segment > 0)
		return;
	if (missing != NULL)
	{
		row.missing = missing->offsets;
		row.difference += missing->count;
	}
	if (segment->segment == 0)
		row.missing = offsets_datum(psprintf("{[" INT64_FORMAT "," INT64_FORMAT ")}",
											 segment->from_offset, segment->next_offset));
	put_row(result, &row);
}

/*
 * A row of realtime_quotes has partition and offset, and not the topic: one of
 * another topic may stand where this one's is gone.
 */
static void
tell_shared_offsets(const AuditSegment *segments, int count)
{
	for (int i = 0; i < count; i++)
		for (int j = i + 1; j < count; j++)
		{
			const AuditSegment *a = &segments[i];
			const AuditSegment *b = &segments[j];

			if (a->partition != b->partition ||
				Max(a->from_offset, b->from_offset) >= Min(a->next_offset, b->next_offset) ||
				(strcmp(a->topic, b->topic) == 0 && strcmp(a->cluster_id, b->cluster_id) == 0))
				continue;
			ereport(NOTICE,
					(errcode(ERRCODE_WARNING),
					 errmsg("several topics or clusters have the same partitions and offsets in this table: a row that is missing of one may be hidden by another's"),
					 errdetail("For example \"%s\" and \"%s\", partition %d.",
							   a->topic, b->topic, a->partition)));
			return;
		}
}

static void
put_segments(ReturnSetInfo *result, const StoreCatalog *catalog, bool deep)
{
	int			count;
	AuditSegment *segments = audit_segments(catalog, &count);
	MissingOffsets *missing = palloc0(sizeof(MissingOffsets) * Max(count, 1));
	bool		has_clusters = false;
	AuditKafka *kafka;

	if (count == 0)
		return;
	kafka = audit_kafka_ask(segments, count);
	if (deep)
	{
		tell_shared_offsets(segments, count);
		audit_offsets(catalog, kafka, segments, count, missing);
	}
	for (int i = 1; i < count; i++)
	{
		if (strcmp(segments[i].cluster_id, segments[0].cluster_id) != 0)
			has_clusters = true;
	}
	for (int i = 0; i < count; i++)
		put_segment(result, &segments[i], has_clusters,
					audit_kafka_partition(kafka, &segments[i]),
					deep ? &missing[i] : NULL);
}

static void
put_stray_letters(ReturnSetInfo *result, const StoreCatalog *catalog)
{
	AuditRow	row = {.account = "dead letters in no segment", .gaps = -1, .dropped = -1};

	row.difference = audit_stray_letters(catalog);
	row.refused = row.difference;
	if (row.difference > 0)
		put_row(result, &row);
}

static void
put_sweeps(ReturnSetInfo *result, const StoreCatalog *catalog)
{
	int			count;
	AuditSweep *sweeps = audit_sweeps(catalog, &count);

	for (int i = 0; i < count; i++)
	{
		AuditRow	row = {.account = sweeps[i].account, .total = sweeps[i].answered,
			.delivered = sweeps[i].published, .repeated = sweeps[i].unchanged,
			.refused = sweeps[i].rejected, .gaps = -1, .pending = sweeps[i].waiting,
		.difference = sweeps[i].difference, .dropped = -1};

		put_row(result, &row);
	}
}

Datum
vnstream_audit(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	StoreCatalog catalog;
	RoleScope	role;

	shared_state_require();
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("deep must not be null"),
				 errhint("Use true to compare every offset, or false for counts only.")));
	InitMaterializedSRF(fcinfo, 0);

	store_catalog_get(&catalog);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	role_scope_enter(&role, catalog.owner);
	PushActiveSnapshot(GetTransactionSnapshot());
	put_segments(result, &catalog, PG_GETARG_BOOL(0));
	put_stray_letters(result, &catalog);
	put_sweeps(result, &catalog);
	PopActiveSnapshot();
	role_scope_leave(&role);
	SPI_finish();
	return (Datum) 0;
}
