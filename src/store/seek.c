/*-------------------------------------------------------------------------
 *
 * seek.c
 *	  Positions that a person moves.
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

static StorePlan list_plan;
static StorePlan unread_plan;
static StorePlan lock_plan;
static StorePlan move_plan;
static StorePlan close_plan;
static StorePlan open_plan;

#define KEY_IS(alias) \
	alias ".cluster_id = $1 AND " alias ".topic = $2 AND " alias ".epoch = $3" \
	" AND " alias ".partition = $4"

#define KEY_COLUMNS 4

/* Why there is a segment that nobody has read. */
#define PASSED_OVER "passed over by vnstream_seek()"

static void
set_key(Datum *values, const PositionKey *key, const Position *position)
{
	values[0] = CStringGetTextDatum(text_for_reading(key->cluster_id));
	values[1] = CStringGetTextDatum(text_for_reading(key->topic));
	values[2] = Int32GetDatum(position->epoch);
	values[3] = Int32GetDatum(position->partition);
}

int
position_list(const StoreCatalog *catalog, const char *topic, KnownPosition **positions)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(text_for_reading(topic))};
	int			count;

	count = (int) store_execute(store_plan(&list_plan, catalog,
										   "SELECT p.cluster_id, p.partition, p.next_offset"
										   " FROM %1$s.vnstream_positions AS p"
										   " WHERE p.topic = $1 AND p.epoch ="
										   "  (SELECT pg_catalog.max(e.epoch) FROM %1$s.vnstream_positions AS e"
										   "   WHERE e.cluster_id = p.cluster_id AND e.topic = p.topic)",
										   lengthof(types), types),
								values, NULL);
	*positions = palloc(sizeof(KnownPosition) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		(*positions)[i].cluster_id = TextDatumGetCString(store_result(i, 1));
		(*positions)[i].partition = DatumGetInt32(store_result(i, 2));
		(*positions)[i].next_offset = DatumGetInt64(store_result(i, 3));
	}
	return count;
}

int64
position_unread(const StoreCatalog *catalog, const PositionKey *key,
				const Position *position, int64 new_offset)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4OID, INT4OID, INT8OID, INT8OID};
	Datum		values[lengthof(types)];

	if (new_offset <= position->next_offset)
		return 0;
	set_key(values, key, position);
	values[KEY_COLUMNS] = Int64GetDatum(position->next_offset);
	values[KEY_COLUMNS + 1] = Int64GetDatum(new_offset);
	(void) store_execute(store_plan(&unread_plan, catalog,
									"SELECT $6 - $5 - COALESCE(pg_catalog.sum(pg_catalog.upper(r) - pg_catalog.lower(r)), 0)::int8"
									" FROM pg_catalog.unnest((SELECT pg_catalog.range_agg(pg_catalog.int8range(s.from_offset, s.next_offset))"
									"  FROM %1$s.vnstream_segments AS s"
									"  WHERE " KEY_IS("s") " AND s.opened_because <> '" PASSED_OVER "'"
									"  AND s.segment >= COALESCE((SELECT pg_catalog.max(t.segment) FROM %1$s.vnstream_segments AS t"
									"   WHERE " KEY_IS("t") " AND t.opened_because = '" POSITION_LOG_TRUNCATED "'), 0))"
									" * pg_catalog.int8multirange(pg_catalog.int8range($5, $6))) AS r",
									lengthof(types), types),
						 values, NULL);
	return DatumGetInt64(store_result(0, 1));
}

void
position_seek_begin(const StoreCatalog *catalog, const PositionKey *key,
					const Position *positions, int count)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4OID, INT4ARRAYOID};
	Datum		values[KEY_COLUMNS];
	int32	   *partitions = palloc(sizeof(int32) * Max(count, 1));

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
		partitions[i] = positions[i].partition;
	set_key(values, key, &positions[0]);
	values[KEY_COLUMNS - 1] = int4_array(partitions, count);
	(void) store_execute(store_plan(&lock_plan, catalog,
									"SELECT s.segment FROM %1$s.vnstream_segments AS s"
									" WHERE s.cluster_id = $1 AND s.topic = $2 AND s.epoch = $3"
									" AND s.partition = ANY ($4) AND s.closed_at IS NULL"
									" ORDER BY s.segment FOR NO KEY UPDATE",
									lengthof(types), types),
						 values, NULL);
}

static void
open_segment(const StoreCatalog *catalog, Datum *values, int64 from, int64 to,
			 bool is_closed, const char *because)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4OID, INT4OID, INT8OID, INT8OID, BOOLOID, TEXTOID};

	values[KEY_COLUMNS] = Int64GetDatum(from);
	values[KEY_COLUMNS + 1] = Int64GetDatum(to);
	values[KEY_COLUMNS + 2] = BoolGetDatum(is_closed);
	values[KEY_COLUMNS + 3] = CStringGetTextDatum(because);
	(void) store_execute(store_plan(&open_plan, catalog,
									"INSERT INTO %1$s.vnstream_segments"
									" (cluster_id, topic, epoch, partition, from_offset, next_offset, gaps,"
									"  opened_because, opened_at, updated_at, closed_at)"
									" VALUES ($1, $2, $3, $4, $5, $6, $6 - $5, $8, pg_catalog.now(), pg_catalog.now(),"
									"  CASE WHEN $7 THEN pg_catalog.now() END)",
									lengthof(types), types),
						 values, NULL);
}

void
position_seek(const StoreCatalog *catalog, const PositionKey *key,
			  Position *position, int64 new_offset, const char *because)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4OID, INT4OID, INT8OID, INT8OID};
	Datum		values[KEY_COLUMNS + 4];

	set_key(values, key, position);
	values[KEY_COLUMNS] = Int64GetDatum(new_offset);
	values[KEY_COLUMNS + 1] = Int64GetDatum(position->generation);
	if (store_execute(store_plan(&move_plan, catalog,
								 "UPDATE %1$s.vnstream_positions AS p"
								 " SET next_offset = $5, updated_at = pg_catalog.now(),"
								 "  last_offset = NULL, last_crc = NULL"
								 " WHERE " KEY_IS("p") " AND p.generation = $6",
								 lengthof(types), types),
					  values, NULL) != 1)
		elog(ERROR, "the position of partition %d is not claimed", position->partition);
	(void) store_execute(store_plan(&close_plan, catalog,
									"UPDATE %1$s.vnstream_segments AS s"
									" SET closed_at = pg_catalog.now(), updated_at = pg_catalog.now()"
									" WHERE " KEY_IS("s") " AND s.closed_at IS NULL",
									KEY_COLUMNS, types),
						 values, NULL);
	if (new_offset > position->next_offset)
		open_segment(catalog, values, position->next_offset, new_offset, true,
					 PASSED_OVER);
	open_segment(catalog, values, new_offset, new_offset, false, because);
	position->next_offset = new_offset;
	position->last_offset = -1;
}
