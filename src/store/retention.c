/*-------------------------------------------------------------------------
 *
 * retention.c
 *	  Whole months that are older than vnstream.retention go.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "market/quote.h"
#include "store/months.h"
#include "store/relation.h"
#include "store/retention.h"
#include "store/support.h"

/*
 * How long any lock is waited for.  Longer than deadlock_timeout's second, after
 * which an autovacuum of the partition gives way.
 */
#define RETENTION_LOCK_TIMEOUT "2s"

/* Sorting a month's offsets. */
#define RETENTION_WORK_MEM "64MB"

/* Quotes that are as young show that the clock is right: no market closes longer. */
#define RECENT_DAYS 40

#define RUNS_RELATION "vnstream_dropped_runs"

/*
 * Without DISTINCT: rows of two topics may share an offset, so dense_rank(), which
 * keeps the difference of neighbours one and of equals none.
 */
static const char runs_query[] =
"WITH points AS (SELECT s.segment, q.kafka_offset AS point"
"  FROM ONLY %1$s.%2$s AS q JOIN " SEGMENTS_RELATION " AS s ON q.kafka_partition = s.partition"
"  AND q.kafka_offset >= s.from_offset AND q.kafka_offset < s.next_offset AND q.created_at >= s.life),"
" ranked AS (SELECT segment, point, point - pg_catalog.dense_rank() OVER (PARTITION BY segment ORDER BY point) AS run FROM points)"
" SELECT segment, pg_catalog.min(point), pg_catalog.max(point) + 1 FROM ranked GROUP BY segment, run";

TimestampTz
retention_falls_due(const QuotesTable *table, const QuotesPartition *partition, int retention)
{
	if (retention <= 0 || !table->is_managed || !partition_is_whole_month(partition))
		return 0;
	return partition->to + (TimestampTz) retention * USECS_PER_SEC;
}

static bool
is_due(const QuotesTable *table, const QuotesPartition *partition, TimestampTz now, int retention)
{
	TimestampTz falls_due = retention_falls_due(table, partition, retention);

	return falls_due != 0 && falls_due <= now &&
		partition->month < month_of_time(unix_from_timestamp(now));
}

QuotesPartition *
retention_due(const StoreCatalog *catalog, TimestampTz now, int retention, int *count)
{
	QuotesTable table;
	QuotesPartition *partitions;
	int			all;

	*count = 0;
	quotes_table_find(catalog, &table);
	partitions = quotes_partitions(catalog, &table, &all);
	for (int i = 0; i < all; i++)
	{
		if (is_due(&table, &partitions[i], now, retention))
			partitions[(*count)++] = partitions[i];
	}
	return partitions;
}

/*
 * What our own producer fetched has this clock's time, and the board's date alone
 * says more; messages of other programs may have none.
 */
bool
retention_believes(const StoreCatalog *catalog, TimestampTz now)
{
	TimestampTz recent = now - RECENT_DAYS * USECS_PER_DAY;
	Oid			types[] = {TIMESTAMPTZOID, DATEOID};
	Datum		values[] = {TimestampTzGetDatum(recent),
	DateADTGetDatum((DateADT) (recent / USECS_PER_DAY))};
	char	   *query = psprintf("SELECT EXISTS (SELECT FROM %s." QUOTES_TABLE
								 " WHERE time >= $1 AND (trading_date >= $2 OR trading_date IS NULL AND source IS NULL))",
								 catalog->schema_name);
	RoleScope	role;
	bool		answer;
	int			code;

	quotes_reader_enter(&role, catalog, NULL);
	code = SPI_execute_with_args(query, lengthof(types), types, values, NULL, true, 0);
	if (code != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(code));
	answer = DatumGetBool(store_result(0, 1));
	SPI_freetuptable(SPI_tuptable);
	role_scope_leave(&role);
	return answer;
}

/*
 * Those who use the table now, each until its transaction ends: they are waited
 * for one by one, not in the queue for a lock, where everybody else would come
 * to stand behind us.
 */
static void
wait_for_users(Oid relation)
{
	LOCKTAG		tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relation);
	WaitForLockers(tag, AccessExclusiveLock, false);
}

/* Is it still what it was when nobody held it? */
static bool
find_again(const StoreCatalog *catalog, const QuotesTable *table, Oid relation,
		   TimestampTz now, int retention, QuotesPartition *found)
{
	int			count;
	QuotesPartition *partitions = quotes_partitions(catalog, table, &count);
	bool		answer = false;

	for (int i = 0; i < count && !answer; i++)
	{
		answer = partitions[i].relation == relation &&
			is_due(table, &partitions[i], now, retention);
		if (answer)
			*found = partitions[i];
	}
	pfree(partitions);
	return answer;
}

static int64
one_number(const char *query)
{
	int64		number;
	int			code = SPI_execute(query, true, 0);

	if (code != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(code));
	number = DatumGetInt64(store_result(0, 1));
	SPI_freetuptable(SPI_tuptable);
	return number;
}

/* What the account will need to know; all by the snapshot that is pushed. */
static void
record_drop(const StoreCatalog *catalog, const QuotesPartition *month, RetentionDrop *drop)
{
	static const RelationColumn columns[] = {
		{"segment", INT8OID}, {"from_offset", INT8OID}, {"next_offset", INT8OID}
	};
	Oid			types[] = {DATEOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT8OID};
	Datum		values[lengthof(types)];
	char	   *schema = pstrdup(quote_identifier(month->schema));
	char	   *name = pstrdup(quote_identifier(month->name));
	Tuplestorestate *segments = relation_of_segments(catalog);
	Tuplestorestate *runs;
	RoleScope	role;
	int64		number;
	int			code;

	quotes_reader_enter(&role, catalog, NULL);
	setting_pin("work_mem", RETENTION_WORK_MEM);
	drop->rows = one_number(psprintf("SELECT pg_catalog.count(*) FROM ONLY %s.%s", schema, name));
	drop->size = one_number(psprintf("SELECT pg_catalog.pg_total_relation_size(%u::pg_catalog.regclass)",
									 month->relation));
	runs = relation_rows(psprintf(runs_query, schema, name), 0, NULL, NULL);
	role_scope_leave(&role);
	relation_drop(SEGMENTS_RELATION, segments);

	values[0] = DateADTGetDatum((DateADT) ((month->from + VIETNAM_UTC_OFFSET) / USECS_PER_DAY));
	values[1] = CStringGetTextDatum(month->name);
	values[2] = TimestampTzGetDatum(month->from);
	values[3] = TimestampTzGetDatum(month->to);
	values[4] = Int64GetDatum(drop->rows);
	values[5] = Int64GetDatum(drop->size);
	code = SPI_execute_with_args(psprintf("INSERT INTO %s.vnstream_dropped_months"
										  " (month, partition, from_time, to_time, rows, size, dropped_at, dropped_by)"
										  " VALUES ($1, $2, $3, $4, $5, $6, pg_catalog.now(), 'retention') RETURNING dropped",
										  catalog->schema_name),
								 lengthof(types), types, values, NULL, false, 0);
	if (code != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(code));
	number = DatumGetInt64(store_result(0, 1));
	SPI_freetuptable(SPI_tuptable);

	relation_register(RUNS_RELATION, runs, columns, lengthof(columns));
	store_run(psprintf("INSERT INTO %s.vnstream_dropped_offsets (segment, from_offset, next_offset, dropped)"
					   " SELECT segment, from_offset, next_offset, " INT64_FORMAT " FROM " RUNS_RELATION,
					   catalog->schema_name, number));
	relation_drop(RUNS_RELATION, runs);
}

void
retention_drop(const StoreCatalog *catalog, const QuotesPartition *due, TimestampTz now,
			   int retention, RetentionDrop *drop)
{
	QuotesTable table;
	QuotesPartition month;
	RoleScope	role;

	memset(drop, 0, sizeof(*drop));
	quotes_table_find(catalog, &table);
	role_scope_enter(&role, table.owner);
	setting_pin("lock_timeout", RETENTION_LOCK_TIMEOUT);
	wait_for_users(table.relation);
	LockRelationOid(due->relation, ShareLock);

	/* nobody writes into it any more: what is seen from here on is all of it */
	PushActiveSnapshot(GetTransactionSnapshot());
	if (find_again(catalog, &table, due->relation, now, retention, &month))
	{
		RoleScope	owner;

		role_scope_enter(&owner, catalog->owner);
		record_drop(catalog, &month, drop);
		role_scope_leave(&owner);

		wait_for_users(table.relation);
		store_run(psprintf("ALTER TABLE %s." QUOTES_TABLE " DETACH PARTITION %s.%s",
						   catalog->schema_name, pstrdup(quote_identifier(month.schema)),
						   quote_identifier(month.name)));
		store_run(psprintf("DROP TABLE %s.%s", pstrdup(quote_identifier(month.schema)),
						   quote_identifier(month.name)));
		drop->is_done = true;
	}
	PopActiveSnapshot();
	role_scope_leave(&role);
	months_forget();
}
