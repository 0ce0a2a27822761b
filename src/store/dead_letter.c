/*-------------------------------------------------------------------------
 *
 * dead_letter.c
 *	  Messages that could not be a row, kept whole.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/dead_letter.h"
#include "store/support.h"

static StorePlan keep_plan;

static Datum
bytea_datum(const char *bytes, size_t length)
{
	bytea	   *value = palloc(VARHDRSZ + length);

	SET_VARSIZE(value, VARHDRSZ + length);
	if (length > 0)
		memcpy(VARDATA(value), bytes, length);
	return PointerGetDatum(value);
}

/* A producer may claim any time; what is no time of PostgreSQL's is NULL. */
static bool
kafka_timestamp(int64 milliseconds, TimestampTz *time)
{
	if (milliseconds < 0 || milliseconds > PG_INT64_MAX / 1000)
		return false;
	*time = timestamp_from_unix(milliseconds * 1000);
	return IS_VALID_TIMESTAMP(*time);
}

bool
dead_letter_keep(const StoreCatalog *catalog, const PositionKey *key,
				 int32 epoch, const IngestMessage *message)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4OID, INT4OID, INT8OID, BYTEAOID,
	BYTEAOID, TEXTOID, TEXTOID, TIMESTAMPTZOID};
	Datum		values[lengthof(types)];
	char		nulls[lengthof(types) + 1] = "          ";
	TimestampTz kafka_time = 0;
	bool		is_new;

	values[0] = CStringGetTextDatum(text_for_reading(key->cluster_id));
	values[1] = CStringGetTextDatum(text_for_reading(key->topic));
	values[2] = Int32GetDatum(epoch);
	values[3] = Int32GetDatum(message->partition);
	values[4] = Int64GetDatum(message->offset);
	values[5] = (Datum) 0;
	values[6] = (Datum) 0;
	if (message->key != NULL)
		values[5] = bytea_datum(message->key, message->key_length);
	else
		nulls[5] = 'n';
	if (message->value != NULL)
		values[6] = bytea_datum(message->value, message->value_length);
	else
		nulls[6] = 'n';
	values[7] = CStringGetTextDatum(message->code);
	values[8] = CStringGetTextDatum(text_for_reading(message->reason ? message->reason : ""));
	if (!kafka_timestamp(message->kafka_time, &kafka_time))
		nulls[9] = 'n';
	values[9] = TimestampTzGetDatum(kafka_time);

	/*
	 * An offset names a message only as long as the log is the same: where the
	 * topic was made anew, another message has it.  Without an open segment there
	 * is no row; counting the batch tells.
	 */
	is_new = store_execute(store_plan(&keep_plan, catalog,
									  "INSERT INTO %1$s.vnstream_dead_letters"
									  " (segment, cluster_id, topic, epoch, kafka_partition, kafka_offset,"
									  "  key, value, code, reason, kafka_time, created_at)"
									  " SELECT s.segment, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, pg_catalog.now()"
									  " FROM %1$s.vnstream_segments AS s"
									  " WHERE s.cluster_id = $1 AND s.topic = $2 AND s.epoch = $3"
									  " AND s.partition = $4 AND s.closed_at IS NULL"
									  " AND NOT EXISTS (SELECT FROM %1$s.vnstream_dead_letters AS l"
									  "  WHERE l.cluster_id = $1 AND l.topic = $2 AND l.epoch = $3"
									  "  AND l.kafka_partition = $4 AND l.kafka_offset = $5"
									  "  AND l.key IS NOT DISTINCT FROM $6 AND l.value IS NOT DISTINCT FROM $7"
									  "  AND l.kafka_time IS NOT DISTINCT FROM $10)",
									  lengthof(types), types),
						   values, nulls) == 1;
	for (int i = 5; i <= 6; i++)
	{
		if (nulls[i] != 'n')
			pfree(DatumGetPointer(values[i]));
	}
	return is_new;
}

int64
dead_letters_purge(const StoreCatalog *catalog, Datum older_than)
{
	Oid			types[] = {INTERVALOID};
	char	   *query;
	int64		count;

	/*
	 * One statement: all letters are locked before the first segment, and
	 * segments in the order of their numbers, as in a replay.  A time that long
	 * ago might not exist, so ages are compared.
	 */
	query = psprintf("WITH gone AS (DELETE FROM %1$s.vnstream_dead_letters"
					 "  WHERE pg_catalog.now() - created_at > $1 RETURNING segment),"
					 " counts AS (SELECT segment, pg_catalog.count(*) AS letters FROM gone GROUP BY segment),"
					 " locked AS (SELECT s.segment, c.letters FROM %1$s.vnstream_segments AS s"
					 "  JOIN counts AS c USING (segment) ORDER BY s.segment FOR NO KEY UPDATE OF s),"
					 " counted AS (UPDATE %1$s.vnstream_segments AS s SET purged = s.purged + l.letters"
					 "  FROM locked AS l WHERE s.segment = l.segment)"
					 " SELECT coalesce(pg_catalog.sum(letters), 0)::pg_catalog.int8 FROM counts",
					 catalog->schema_name);
	if (SPI_execute_with_args(query, lengthof(types), types, &older_than, NULL,
							  false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not purge dead letters");
	count = DatumGetInt64(store_result(0, 1));
	SPI_freetuptable(SPI_tuptable);
	pfree(query);
	return count;
}
