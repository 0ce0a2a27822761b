/*-------------------------------------------------------------------------
 *
 * position.c
 *	  Positions and segments: how far each partition is stored.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "store/position.h"
#include "store/support.h"
#include "store/transaction.h"

static StorePlan epoch_plan;
static StorePlan end_epoch_plan;
static StorePlan end_segments_plan;
static StorePlan last_partition_plan;
static StorePlan claim_plan;
static StorePlan close_plan;
static StorePlan open_plan;
static StorePlan advance_plan;
static StorePlan count_plan;
static StorePlan skip_plan;
static StorePlan skip_close_plan;
static StorePlan skip_open_plan;

#define KEY_IS(alias) \
	alias ".cluster_id = $1 AND " alias ".topic = $2 AND " alias ".epoch = $3"

static void
raise_fenced(const PositionKey *key)
{
	ereport(ERROR,
			(errcode(ERRCODE_VNSTREAM_FENCED),
			 errmsg("a position of topic \"%s\" is not this worker's any more",
					text_for_reading(key->topic)),
			 errdetail("Another consumer has claimed the partition, or its row in vnstream_positions was changed.")));
}

static Datum
text_datum(const char *text)
{
	return CStringGetTextDatum(text_for_reading(text));
}

/* A new partition of a topic belongs to the life that the topic is in. */
static int32
topic_epoch(const StoreCatalog *catalog, const PositionKey *key)
{
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[] = {text_datum(key->cluster_id), text_datum(key->topic)};

	(void) store_execute(store_plan(&epoch_plan, catalog,
									"SELECT coalesce(pg_catalog.max(epoch), 1) FROM %1$s.vnstream_positions"
									" WHERE cluster_id = $1 AND topic = $2",
									lengthof(types), types),
						 values, NULL);
	return DatumGetInt32(store_result(0, 1));
}

void
position_end_epoch(const StoreCatalog *catalog, const PositionKey *key, int32 epoch)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4OID};
	Datum		values[] = {text_datum(key->cluster_id), text_datum(key->topic), Int32GetDatum(epoch)};

	/* whoever still reads it is fenced, and claims in the next epoch */
	(void) store_execute(store_plan(&end_epoch_plan, catalog,
									"WITH locked AS (SELECT l.epoch, l.partition FROM %1$s.vnstream_positions AS l"
									"  WHERE l.cluster_id = $1 AND l.topic = $2 AND l.epoch <= $3"
									"  ORDER BY l.partition, l.epoch FOR NO KEY UPDATE)"
									" UPDATE %1$s.vnstream_positions AS p"
									" SET generation = p.generation + 1, updated_at = pg_catalog.now()"
									" FROM locked AS l WHERE p.cluster_id = $1 AND p.topic = $2"
									" AND p.epoch = l.epoch AND p.partition = l.partition",
									lengthof(types), types),
						 values, NULL);
	(void) store_execute(store_plan(&end_segments_plan, catalog,
									"WITH locked AS (SELECT l.segment FROM %1$s.vnstream_segments AS l"
									"  WHERE l.cluster_id = $1 AND l.topic = $2 AND l.epoch <= $3"
									"  AND l.closed_at IS NULL ORDER BY l.segment FOR NO KEY UPDATE)"
									" UPDATE %1$s.vnstream_segments AS s"
									" SET closed_at = pg_catalog.now(), updated_at = pg_catalog.now()"
									" FROM locked AS l WHERE s.segment = l.segment",
									lengthof(types), types),
						 values, NULL);
}

int32
position_last_partition(const StoreCatalog *catalog, const PositionKey *key)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4OID};
	Datum		values[] = {text_datum(key->cluster_id), text_datum(key->topic),
	Int32GetDatum(topic_epoch(catalog, key))};

	(void) store_execute(store_plan(&last_partition_plan, catalog,
									"SELECT coalesce(pg_catalog.max(p.partition), -1)"
									" FROM %1$s.vnstream_positions AS p WHERE " KEY_IS("p"),
									lengthof(types), types),
						 values, NULL);
	return DatumGetInt32(store_result(0, 1));
}

void
position_claim(const StoreCatalog *catalog, const PositionKey *key,
			   int32 least_epoch, Position *positions,
			   const int64 *low_watermarks, int count)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4OID, INT4ARRAYOID, INT8ARRAYOID};
	Datum		values[lengthof(types)];
	int32	   *partitions;
	int32		epoch;

	if (count == 0)
		return;
	partitions = palloc(sizeof(int32) * count);
	for (int i = 0; i < count; i++)
		partitions[i] = positions[i].partition;
	epoch = Max(topic_epoch(catalog, key), least_epoch);

	values[0] = text_datum(key->cluster_id);
	values[1] = text_datum(key->topic);
	values[2] = Int32GetDatum(epoch);
	values[3] = int4_array(partitions, count);
	values[4] = int8_array(low_watermarks, count);

	/* In order of partitions, so that two claims cannot deadlock. */
	if (store_execute(store_plan(&claim_plan, catalog,
								 "INSERT INTO %1$s.vnstream_positions AS p"
								 " (cluster_id, topic, epoch, partition, next_offset, generation, updated_at)"
								 " SELECT $1, $2, $3, a.partition, a.low, 1, pg_catalog.now()"
								 " FROM unnest($4, $5) AS a(partition, low) ORDER BY a.partition"
								 " ON CONFLICT (cluster_id, topic, epoch, partition)"
								 " DO UPDATE SET generation = p.generation + 1, updated_at = pg_catalog.now()"
								 " RETURNING partition, next_offset, generation,"
								 "  coalesce(last_offset, -1), coalesce(last_crc, 0)",
								 lengthof(types), types),
					  values, NULL) != (uint64) count)
		elog(ERROR, "claimed " UINT64_FORMAT " partitions instead of %d",
			 SPI_processed, count);
	for (int i = 0; i < count; i++)
	{
		for (int row = 0; row < count; row++)
		{
			if (DatumGetInt32(store_result(row, 1)) != positions[i].partition)
				continue;
			positions[i].epoch = epoch;
			positions[i].next_offset = DatumGetInt64(store_result(row, 2));
			positions[i].generation = DatumGetInt64(store_result(row, 3));
			positions[i].last_offset = DatumGetInt64(store_result(row, 4));
			positions[i].last_crc = (uint32) DatumGetInt64(store_result(row, 5));
			break;
		}
	}

	/*
	 * An open segment ends where its position stands, always; one that does
	 * not says that a person has moved the position.  The law of conservation
	 * holds again from here, in a segment of its own.
	 */
	(void) store_execute(store_plan(&close_plan, catalog,
									"UPDATE %1$s.vnstream_segments AS s"
									" SET closed_at = pg_catalog.now(), updated_at = pg_catalog.now()"
									" FROM %1$s.vnstream_positions AS p"
									" WHERE " KEY_IS("s") " AND s.partition = ANY ($4) AND s.closed_at IS NULL"
									" AND " KEY_IS("p") " AND p.partition = s.partition"
									" AND p.next_offset <> s.next_offset",
									lengthof(types) - 1, types),
						 values, NULL);
	(void) store_execute(store_plan(&open_plan, catalog,
									"INSERT INTO %1$s.vnstream_segments"
									" (cluster_id, topic, epoch, partition, from_offset, next_offset,"
									"  opened_because, opened_at, updated_at)"
									" SELECT p.cluster_id, p.topic, p.epoch, p.partition, p.next_offset, p.next_offset,"
									"  CASE WHEN p.generation = 1 THEN 'first claim' ELSE 'position was changed by hand' END,"
									"  pg_catalog.now(), pg_catalog.now()"
									" FROM %1$s.vnstream_positions AS p"
									" WHERE " KEY_IS("p") " AND p.partition = ANY ($4)"
									" AND NOT EXISTS (SELECT 1 FROM %1$s.vnstream_segments AS s"
									"  WHERE " KEY_IS("s") " AND s.partition = p.partition AND s.closed_at IS NULL)"
									" ORDER BY p.partition",
									lengthof(types) - 1, types),
						 values, NULL);
}

void
position_advance(const StoreCatalog *catalog, const PositionKey *key,
				 const Position *positions, const PositionAdvance *advances,
				 int count)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4ARRAYOID, INT4ARRAYOID,
	INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID};
	Datum		values[lengthof(types)];
	int32	   *partitions = palloc(sizeof(int32) * Max(count, 1));
	int32	   *epochs = palloc(sizeof(int32) * Max(count, 1));
	int64	   *generations = palloc(sizeof(int64) * Max(count, 1));
	int64	   *from_offsets = palloc(sizeof(int64) * Max(count, 1));
	int64	   *next_offsets = palloc(sizeof(int64) * Max(count, 1));
	int64	   *last_offsets = palloc(sizeof(int64) * Max(count, 1));
	int64	   *last_crcs = palloc(sizeof(int64) * Max(count, 1));

	for (int i = 0; i < count; i++)
	{
		if (positions[i].partition != advances[i].partition ||
			positions[i].next_offset != advances[i].from_offset)
			elog(ERROR, "advance of partition %d does not fit its position",
				 advances[i].partition);
		partitions[i] = positions[i].partition;
		epochs[i] = positions[i].epoch;
		generations[i] = positions[i].generation;
		from_offsets[i] = advances[i].from_offset;
		next_offsets[i] = advances[i].next_offset;
		last_offsets[i] = advances[i].last_offset;
		last_crcs[i] = advances[i].last_crc;
	}
	values[0] = text_datum(key->cluster_id);
	values[1] = text_datum(key->topic);
	values[2] = int4_array(partitions, count);
	values[3] = int4_array(epochs, count);
	values[4] = int8_array(generations, count);
	values[5] = int8_array(from_offsets, count);
	values[6] = int8_array(next_offsets, count);
	values[7] = int8_array(last_offsets, count);
	values[8] = int8_array(last_crcs, count);

	/* In order of partitions, as claims are: neither can deadlock the other. */
	if (store_execute(store_plan(&advance_plan, catalog,
								 "WITH locked AS (SELECT l.partition, l.epoch FROM %1$s.vnstream_positions AS l"
								 "  WHERE l.cluster_id = $1 AND l.topic = $2 AND l.partition = ANY ($3)"
								 "  ORDER BY l.partition, l.epoch FOR NO KEY UPDATE)"
								 " UPDATE %1$s.vnstream_positions AS p"
								 " SET next_offset = a.next_offset, updated_at = pg_catalog.now(),"
								 "  last_offset = CASE WHEN a.last_offset >= 0 THEN a.last_offset ELSE p.last_offset END,"
								 "  last_crc = CASE WHEN a.last_offset >= 0 THEN a.last_crc ELSE p.last_crc END"
								 " FROM unnest($3, $4, $5, $6, $7, $8, $9)"
								 "  AS a(partition, epoch, generation, from_offset, next_offset, last_offset, last_crc)"
								 " JOIN locked AS l USING (partition, epoch)"
								 " WHERE p.cluster_id = $1 AND p.topic = $2"
								 " AND p.partition = l.partition AND p.epoch = l.epoch"
								 " AND p.generation = a.generation AND p.next_offset = a.from_offset",
								 lengthof(types), types),
					  values, NULL) != (uint64) count)
		raise_fenced(key);
}

void
position_count(const StoreCatalog *catalog, const PositionKey *key,
			   const Position *positions, const PositionAdvance *advances,
			   int count)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4ARRAYOID, INT4ARRAYOID,
		INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
	INT8ARRAYOID};
	Datum		values[lengthof(types)];
	int32	   *partitions = palloc(sizeof(int32) * Max(count, 1));
	int32	   *epochs = palloc(sizeof(int32) * Max(count, 1));
	int64	   *figures[6];

	for (size_t f = 0; f < lengthof(figures); f++)
		figures[f] = palloc(sizeof(int64) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		partitions[i] = positions[i].partition;
		epochs[i] = positions[i].epoch;
		figures[0][i] = advances[i].from_offset;
		figures[1][i] = advances[i].next_offset;
		figures[2][i] = advances[i].stored;
		figures[3][i] = advances[i].duplicates;
		figures[4][i] = advances[i].dead_letters;
		figures[5][i] = advances[i].gaps;
	}
	values[0] = text_datum(key->cluster_id);
	values[1] = text_datum(key->topic);
	values[2] = int4_array(partitions, count);
	values[3] = int4_array(epochs, count);
	for (size_t f = 0; f < lengthof(figures); f++)
		values[4 + f] = int8_array(figures[f], count);

	/* In order of their numbers, as in a replay, a purge and a seek. */
	if (store_execute(store_plan(&count_plan, catalog,
								 "WITH locked AS (SELECT l.segment, l.partition, l.epoch FROM %1$s.vnstream_segments AS l"
								 "  WHERE l.cluster_id = $1 AND l.topic = $2 AND l.closed_at IS NULL"
								 "  AND l.partition = ANY ($3) ORDER BY l.segment FOR NO KEY UPDATE)"
								 " UPDATE %1$s.vnstream_segments AS s"
								 " SET next_offset = a.next_offset, stored = s.stored + a.stored,"
								 "  duplicates = s.duplicates + a.duplicates,"
								 "  dead_letters = s.dead_letters + a.dead_letters,"
								 "  gaps = s.gaps + a.gaps, updated_at = pg_catalog.now()"
								 " FROM unnest($3, $4, $5, $6, $7, $8, $9, $10)"
								 "  AS a(partition, epoch, from_offset, next_offset, stored, duplicates, dead_letters, gaps)"
								 " JOIN locked AS l USING (partition, epoch)"
								 " WHERE s.segment = l.segment AND s.closed_at IS NULL"
								 " AND s.next_offset = a.from_offset",
								 lengthof(types), types),
					  values, NULL) == (uint64) count)
		return;

	/* Claiming again puts this right, so it is told as being fenced is. */
	ereport(ERROR,
			(errcode(ERRCODE_VNSTREAM_FENCED),
			 errmsg("a partition of topic \"%s\" has no open segment at its position",
					text_for_reading(key->topic)),
			 errdetail("Rows of vnstream_segments were changed or removed.")));
}

void
position_skip(const StoreCatalog *catalog, const PositionKey *key,
			  Position *position, int64 new_offset, const char *because)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4OID, INT4OID, INT8OID, INT8OID,
	INT8OID};
	Oid			open_types[] = {TEXTOID, TEXTOID, INT4OID, INT4OID, INT8OID, TEXTOID};
	Datum		values[lengthof(types)];

	values[0] = text_datum(key->cluster_id);
	values[1] = text_datum(key->topic);
	values[2] = Int32GetDatum(position->epoch);
	values[3] = Int32GetDatum(position->partition);
	values[4] = Int64GetDatum(new_offset);
	values[5] = Int64GetDatum(position->next_offset);
	values[6] = Int64GetDatum(position->generation);
	if (store_execute(store_plan(&skip_plan, catalog,
								 "UPDATE %1$s.vnstream_positions AS p"
								 " SET next_offset = $5, updated_at = pg_catalog.now(),"
								 "  last_offset = NULL, last_crc = NULL"
								 " WHERE " KEY_IS("p") " AND p.partition = $4"
								 " AND p.next_offset = $6 AND p.generation = $7",
								 lengthof(types), types),
					  values, NULL) != 1)
		raise_fenced(key);

	/* A log that became shorter has lost nothing that was not stored. */
	(void) store_execute(store_plan(&skip_close_plan, catalog,
									"UPDATE %1$s.vnstream_segments AS s"
									" SET gaps = s.gaps + GREATEST($5 - s.next_offset, 0),"
									"  next_offset = GREATEST($5, s.next_offset),"
									"  closed_at = pg_catalog.now(), updated_at = pg_catalog.now()"
									" WHERE " KEY_IS("s") " AND s.partition = $4 AND s.closed_at IS NULL",
									5, types),
						 values, NULL);

	values[5] = text_datum(because);
	(void) store_execute(store_plan(&skip_open_plan, catalog,
									"INSERT INTO %1$s.vnstream_segments"
									" (cluster_id, topic, epoch, partition, from_offset, next_offset,"
									"  opened_because, opened_at, updated_at)"
									" VALUES ($1, $2, $3, $4, $5, $5, $6, pg_catalog.now(), pg_catalog.now())",
									lengthof(open_types), open_types),
						 values, NULL);
	position->next_offset = new_offset;
	position->last_offset = -1;
}
