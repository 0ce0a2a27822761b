/*-------------------------------------------------------------------------
 *
 * audit.c
 *	  What the tables say about the account.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "store/audit.h"
#include "store/position.h"
#include "store/relation.h"
#include "store/support.h"

/* Sweeps that add up, of which each has a row of its own. */
#define SWEEPS_SHOWN 20

/* Why a partition's first segment is opened; without it, none knows the first. */
#define FIRST_CLAIM "first claim"

/* Runs that were found and not told yet. */
struct AuditRuns
{
	Tuplestorestate *rows;
	TupleTableSlot *slot;
};

#define AUDIT_RUN_COLUMNS 4

/*
 * Offsets of segments before one that was opened because the log was truncated,
 * and of an earlier epoch, mean nothing in Kafka any more.  A segment that is open ends where its
 * position stands.  A segment lacks where one was deleted, or a position moved by
 * hand: what lies between two, before all where the first is gone, and before a
 * position without an open one, is counted by none.
 */
static const char segments_query[] =
"WITH life AS (SELECT cluster_id, topic, pg_catalog.max(epoch) AS last_epoch"
"  FROM %1$s.vnstream_positions GROUP BY cluster_id, topic),"
" letters AS (SELECT segment, pg_catalog.count(*) AS letters FROM %1$s.vnstream_dead_letters GROUP BY segment),"
" dropped AS (SELECT segment, pg_catalog.sum(next_offset - from_offset)::pg_catalog.int8 AS dropped"
"  FROM %1$s.vnstream_dropped_offsets GROUP BY segment),"
" span AS (SELECT cluster_id, topic, epoch, partition,"
"  pg_catalog.range_agg(pg_catalog.int8range(from_offset, next_offset)) AS counted,"
"  CASE WHEN pg_catalog.bool_or(opened_because = '" FIRST_CLAIM "') THEN pg_catalog.min(from_offset) ELSE 0 END AS low,"
"  pg_catalog.max(next_offset) AS high,"
"  pg_catalog.bool_or(closed_at IS NULL) AS is_open,"
"  coalesce(pg_catalog.max(segment) FILTER (WHERE opened_because = '" POSITION_LOG_TRUNCATED "'), 0) AS new_log"
"  FROM %1$s.vnstream_segments GROUP BY cluster_id, topic, epoch, partition),"
" uncounted AS (SELECT s.cluster_id, s.topic, s.epoch, s.partition,"
"  pg_catalog.unnest(pg_catalog.int8multirange(pg_catalog.int8range(s.low,"
"   CASE WHEN s.is_open THEN s.high ELSE greatest(s.high, p.next_offset) END)) - s.counted) AS r"
"  FROM span AS s LEFT JOIN %1$s.vnstream_positions AS p USING (cluster_id, topic, epoch, partition)"
"  UNION ALL"
"  SELECT p.cluster_id, p.topic, p.epoch, p.partition, pg_catalog.int8range(0, p.next_offset)"
"  FROM %1$s.vnstream_positions AS p LEFT JOIN span AS s USING (cluster_id, topic, epoch, partition)"
"  WHERE s.low IS NULL AND p.next_offset > 0),"
" account AS (SELECT s.segment, s.cluster_id, s.topic, s.epoch, s.partition,"
"  s.closed_at IS NULL AND s.epoch IS NOT DISTINCT FROM l.last_epoch AS is_open, s.from_offset, s.next_offset,"
"  CASE WHEN s.closed_at IS NULL THEN coalesce(p.next_offset, s.from_offset) ELSE s.next_offset END AS position,"
"  s.stored, s.duplicates, s.dead_letters, s.gaps, s.purged, coalesce(d.letters, 0) AS letters,"
"  s.segment >= n.new_log AND s.epoch IS NOT DISTINCT FROM l.last_epoch AS is_of_log, coalesce(g.dropped, 0) AS dropped"
"  FROM %1$s.vnstream_segments AS s LEFT JOIN life AS l USING (cluster_id, topic)"
"  LEFT JOIN %1$s.vnstream_positions AS p USING (cluster_id, topic, epoch, partition)"
"  LEFT JOIN letters AS d USING (segment) LEFT JOIN dropped AS g USING (segment)"
"  JOIN span AS n USING (cluster_id, topic, epoch, partition)"
"  UNION ALL"
"  SELECT 0, u.cluster_id, u.topic, u.epoch, u.partition, false, pg_catalog.lower(u.r), pg_catalog.upper(u.r),"
"  pg_catalog.upper(u.r), 0, 0, 0, 0, 0, 0, true, 0 FROM uncounted AS u WHERE NOT pg_catalog.isempty(u.r))"
" SELECT segment, cluster_id, topic, partition, is_open, from_offset, next_offset, position,"
"  stored, duplicates, dead_letters, gaps, purged, letters, is_of_log, dropped FROM account"
" ORDER BY cluster_id, topic, epoch, partition, segment = 0, segment, from_offset";

/*
 * The outbox as it is, beside what the sweeps say of it.  A sweep's row may
 * have been deleted while messages of it wait.
 */
static const char sweeps_query[] =
"WITH outbox AS (SELECT sweep, pg_catalog.sum(pg_catalog.cardinality(tickers)) AS messages"
"  FROM %1$s.vnstream_outbox GROUP BY sweep),"
" account AS (SELECT sweep, coalesce(s.answered, 0) AS answered, coalesce(s.published, 0) AS published,"
"  coalesce(s.unchanged, 0) AS unchanged, coalesce(s.rejected, 0) AS rejected,"
"  coalesce(s.waiting, o.messages) AS waiting,"
"  pg_catalog.abs(coalesce(s.answered - s.published - s.unchanged - s.rejected - s.waiting, 0))"
"  + pg_catalog.abs(coalesce(s.waiting, 0) - coalesce(o.messages, 0)) AS difference"
"  FROM %1$s.vnstream_sweeps AS s FULL JOIN outbox AS o USING (sweep)),"
" ranked AS (SELECT *, difference = 0 AND pg_catalog.row_number() OVER"
"  (PARTITION BY difference = 0 ORDER BY sweep DESC) > %2$d AS is_earlier FROM account)"
" SELECT CASE WHEN is_earlier THEN 'earlier sweeps' ELSE pg_catalog.concat('sweep ', pg_catalog.max(sweep)) END,"
"  pg_catalog.sum(answered)::pg_catalog.int8, pg_catalog.sum(published)::pg_catalog.int8,"
"  pg_catalog.sum(unchanged)::pg_catalog.int8, pg_catalog.sum(rejected)::pg_catalog.int8,"
"  pg_catalog.sum(waiting)::pg_catalog.int8, pg_catalog.sum(difference)::pg_catalog.int8"
" FROM ranked GROUP BY is_earlier, CASE WHEN NOT is_earlier THEN sweep END"
" ORDER BY is_earlier, pg_catalog.max(sweep) DESC";

/*
 * What a segment's offsets became, beside quotes: letters, and rows of months
 * that were dropped since; and its end behind them.
 */
#define POINTS_RELATION "vnstream_audit_points"

static const char points_query[] =
"SELECT s.segment, l.kafka_offset, l.kafka_offset + 1"
"  FROM %1$s.vnstream_dead_letters AS l JOIN %1$s.vnstream_segments AS s ON l.cluster_id = s.cluster_id"
"  AND l.topic = s.topic AND l.epoch = s.epoch AND l.kafka_partition = s.partition"
"  AND l.kafka_offset >= s.from_offset AND l.kafka_offset < s.next_offset"
"  JOIN " SEGMENTS_RELATION " AS o ON o.segment = s.segment AND l.created_at >= o.life"
"  UNION ALL"
"  SELECT segment, from_offset, next_offset FROM %1$s.vnstream_dropped_offsets"
"  UNION ALL"
"  SELECT segment, next_offset, next_offset FROM %1$s.vnstream_segments";

/*
 * Each segment's offsets that are accounted for, in order: what lies between one
 * and the end of those before it is a run.
 */
static const char runs_query[] =
"WITH points AS (SELECT s.segment, q.kafka_offset AS point, q.kafka_offset + 1 AS behind"
"  FROM %1$s." QUOTES_TABLE " AS q JOIN " SEGMENTS_RELATION " AS s ON q.kafka_partition = s.partition"
"  AND q.kafka_offset >= s.from_offset AND q.kafka_offset < s.next_offset AND q.created_at >= s.life"
"  UNION ALL SELECT segment, point, behind FROM " POINTS_RELATION
"  UNION ALL SELECT segment, from_offset, from_offset FROM " SEGMENTS_RELATION "),"
" steps AS (SELECT segment, point, pg_catalog.max(behind) OVER (PARTITION BY segment"
"  ORDER BY point, behind ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM points)"
" SELECT segment, before, point, pg_catalog.sum(point - before) OVER (PARTITION BY segment)::pg_catalog.int8"
" FROM steps WHERE point > before ORDER BY segment, before";

static void
run_query(const char *query, int count, Oid *types, Datum *values)
{
	int			code = SPI_execute_with_args(query, count, types, values, NULL, true, 0);

	if (code != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(code));
}

AuditSegment *
audit_segments(const StoreCatalog *catalog, int *count)
{
	AuditSegment *segments;

	run_query(psprintf(segments_query, catalog->schema_name), 0, NULL, NULL);
	*count = (int) SPI_processed;
	segments = palloc0(sizeof(AuditSegment) * Max(*count, 1));
	for (int i = 0; i < *count; i++)
	{
		AuditSegment *segment = &segments[i];

		segment->segment = DatumGetInt64(store_result(i, 1));
		segment->cluster_id = TextDatumGetCString(store_result(i, 2));
		segment->topic = TextDatumGetCString(store_result(i, 3));
		segment->partition = DatumGetInt32(store_result(i, 4));
		segment->is_open = DatumGetBool(store_result(i, 5));
		segment->from_offset = DatumGetInt64(store_result(i, 6));
		segment->next_offset = DatumGetInt64(store_result(i, 7));
		segment->position = DatumGetInt64(store_result(i, 8));
		segment->stored = DatumGetInt64(store_result(i, 9));
		segment->duplicates = DatumGetInt64(store_result(i, 10));
		segment->dead_letters = DatumGetInt64(store_result(i, 11));
		segment->gaps = DatumGetInt64(store_result(i, 12));
		segment->purged = DatumGetInt64(store_result(i, 13));
		segment->letters = DatumGetInt64(store_result(i, 14));
		segment->is_of_log = DatumGetBool(store_result(i, 15));
		segment->dropped = DatumGetInt64(store_result(i, 16));
	}
	SPI_freetuptable(SPI_tuptable);
	return segments;
}

int64
audit_stray_letters(const StoreCatalog *catalog)
{
	int64		count;

	run_query(psprintf("SELECT pg_catalog.count(*) FROM %1$s.vnstream_dead_letters AS l"
					   " WHERE NOT EXISTS (SELECT FROM %1$s.vnstream_segments AS s WHERE s.segment = l.segment)",
					   catalog->schema_name), 0, NULL, NULL);
	count = DatumGetInt64(store_result(0, 1));
	SPI_freetuptable(SPI_tuptable);
	return count;
}

AuditSweep *
audit_sweeps(const StoreCatalog *catalog, int *count)
{
	AuditSweep *sweeps;

	run_query(psprintf(sweeps_query, catalog->schema_name, SWEEPS_SHOWN), 0, NULL, NULL);
	*count = (int) SPI_processed;
	sweeps = palloc0(sizeof(AuditSweep) * Max(*count, 1));
	for (int i = 0; i < *count; i++)
	{
		sweeps[i].account = TextDatumGetCString(store_result(i, 1));
		sweeps[i].answered = DatumGetInt64(store_result(i, 2));
		sweeps[i].published = DatumGetInt64(store_result(i, 3));
		sweeps[i].unchanged = DatumGetInt64(store_result(i, 4));
		sweeps[i].rejected = DatumGetInt64(store_result(i, 5));
		sweeps[i].waiting = DatumGetInt64(store_result(i, 6));
		sweeps[i].difference = DatumGetInt64(store_result(i, 7));
	}
	SPI_freetuptable(SPI_tuptable);
	return sweeps;
}

AuditRuns *
audit_runs_open(const StoreCatalog *catalog)
{
	static const RelationColumn columns[] = {
		{"segment", INT8OID}, {"point", INT8OID}, {"behind", INT8OID}
	};
	AuditRuns  *runs = palloc(sizeof(AuditRuns));
	TupleDesc	desc = CreateTemplateTupleDesc(AUDIT_RUN_COLUMNS);
	Tuplestorestate *segments = relation_of_segments(catalog);
	Tuplestorestate *points = relation_rows(psprintf(points_query, catalog->schema_name),
											0, NULL, NULL);
	RoleScope	role;

	relation_register(POINTS_RELATION, points, columns, lengthof(columns));
	quotes_reader_enter(&role, catalog, NULL);
	runs->rows = relation_rows(psprintf(runs_query, catalog->schema_name), 0, NULL, NULL);
	role_scope_leave(&role);
	relation_drop(POINTS_RELATION, points);
	relation_drop(SEGMENTS_RELATION, segments);

	for (int i = 0; i < AUDIT_RUN_COLUMNS; i++)
		TupleDescInitEntry(desc, (AttrNumber) (i + 1), NULL, INT8OID, -1, 0);
	runs->slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	return runs;
}

int
audit_runs_next(AuditRuns *runs, AuditRun *next, int max)
{
	int			count = 0;

	while (count < max && tuplestore_gettupleslot(runs->rows, true, false, runs->slot))
	{
		AuditRun   *run = &next[count++];

		slot_getallattrs(runs->slot);
		run->segment = DatumGetInt64(runs->slot->tts_values[0]);
		run->from = DatumGetInt64(runs->slot->tts_values[1]);
		run->to = DatumGetInt64(runs->slot->tts_values[2]);
		run->of_segment = DatumGetInt64(runs->slot->tts_values[3]);
	}
	if (count == 0)
	{
		ExecDropSingleTupleTableSlot(runs->slot);
		tuplestore_end(runs->rows);
		pfree(runs);
	}
	return count;
}

void
audit_find_quotes(const StoreCatalog *catalog, char **tickers,
				  const int64 *times, bool *found, int count)
{
	Oid			types[] = {TEXTARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[lengthof(types)];
	Datum	   *ticker_datums;
	Datum	   *time_datums;
	int64		first = PG_INT64_MAX;
	int64		last = PG_INT64_MIN;
	RoleScope	role;

	if (count == 0)
		return;
	ticker_datums = palloc(sizeof(Datum) * count);
	time_datums = palloc(sizeof(Datum) * count);
	for (int i = 0; i < count; i++)
	{
		ticker_datums[i] = CStringGetTextDatum(tickers[i]);
		time_datums[i] = TimestampTzGetDatum(timestamp_from_unix(times[i]));
		first = Min(first, times[i]);
		last = Max(last, times[i]);
	}
	values[0] = PointerGetDatum(construct_array(ticker_datums, count, TEXTOID, -1, false,
												TYPALIGN_INT));
	values[1] = PointerGetDatum(construct_array(time_datums, count, TIMESTAMPTZOID,
												sizeof(TimestampTz), FLOAT8PASSBYVAL,
												TYPALIGN_DOUBLE));
	values[2] = TimestampTzGetDatum(timestamp_from_unix(first));
	values[3] = TimestampTzGetDatum(timestamp_from_unix(last));
	quotes_reader_enter(&role, catalog, NULL);
	run_query(psprintf("SELECT c.number, EXISTS (SELECT FROM %s." QUOTES_TABLE " AS q"
					   "  WHERE q.ticker = c.ticker AND q.time = c.time AND q.time BETWEEN $3 AND $4)"
					   " FROM unnest($1, $2) WITH ORDINALITY AS c(ticker, time, number)",
					   catalog->schema_name),
			  lengthof(types), types, values);
	role_scope_leave(&role);
	for (uint64 row = 0; row < SPI_processed; row++)
		found[DatumGetInt64(store_result((int) row, 1)) - 1] =
			DatumGetBool(store_result((int) row, 2));
	SPI_freetuptable(SPI_tuptable);
	pfree(ticker_datums);
	pfree(time_datums);
}

AuditDrop *
audit_drops(const StoreCatalog *catalog, int *count)
{
	AuditDrop  *drops;

	/* months are dropped again where an old topic is read once more */
	run_query(psprintf("SELECT DISTINCT from_time, to_time FROM %s.vnstream_dropped_months"
					   " ORDER BY from_time", catalog->schema_name), 0, NULL, NULL);
	*count = (int) SPI_processed;
	drops = palloc(sizeof(AuditDrop) * Max(*count, 1));
	for (int i = 0; i < *count; i++)
	{
		drops[i].from = unix_from_timestamp(DatumGetTimestampTz(store_result(i, 1)));
		drops[i].to = unix_from_timestamp(DatumGetTimestampTz(store_result(i, 2)));
	}
	SPI_freetuptable(SPI_tuptable);
	return drops;
}
