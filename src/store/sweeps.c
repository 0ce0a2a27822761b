/*-------------------------------------------------------------------------
 *
 * sweeps.c
 *	  The rows of vnstream_sweeps; declared in outbox.h, since what they count
 *	  moves with the outbox.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "store/outbox.h"
#include "store/support.h"

static StorePlan start_plan;
static StorePlan begin_plan;
static StorePlan asked_plan;
static StorePlan end_plan;
static StorePlan requested_plan;
static StorePlan interrupt_plan;
static StorePlan forget_plan;

int64
sweep_row_begin(const StoreCatalog *catalog, int64 sweep, const char *source,
				const char *trigger)
{
	Oid			start_types[] = {INT8OID, TEXTOID};
	Oid			begin_types[] = {TEXTOID, TEXTOID};
	Datum		values[2];

	if (sweep > 0)
	{
		values[0] = Int64GetDatum(sweep);
		values[1] = CStringGetTextDatum(text_for_reading(source));
		if (store_execute(store_plan(&start_plan, catalog,
									 "UPDATE %1$s.vnstream_sweeps SET source = $2, started = pg_catalog.clock_timestamp()"
									 " WHERE sweep = $1 AND started IS NULL",
									 lengthof(start_types), start_types),
						  values, NULL) == 1)
			return sweep;
	}

	/* Also where the requested row was deleted: the sweep takes place. */
	values[0] = CStringGetTextDatum(text_for_reading(source));
	values[1] = CStringGetTextDatum(trigger);
	(void) store_execute(store_plan(&begin_plan, catalog,
									"INSERT INTO %1$s.vnstream_sweeps (source, trigger, requested, started)"
									" SELECT $1, $2, t.now, t.now FROM pg_catalog.clock_timestamp() AS t(now)"
									" RETURNING sweep",
									lengthof(begin_types), begin_types),
						 values, NULL);
	return DatumGetInt64(store_result(0, 1));
}

void
sweep_row_asked(const StoreCatalog *catalog, int64 sweep, int64 asked)
{
	Oid			types[] = {INT8OID, INT8OID};
	Datum		values[lengthof(types)];

	values[0] = Int64GetDatum(sweep);
	values[1] = Int64GetDatum(asked);
	(void) store_execute(store_plan(&asked_plan, catalog,
									"UPDATE %1$s.vnstream_sweeps SET asked = $2 WHERE sweep = $1",
									lengthof(types), types),
						 values, NULL);
}

void
sweep_row_end(const StoreCatalog *catalog, int64 sweep, int64 asked,
			  int64 missing, const char *source, const char *error,
			  SweepTotals *totals)
{
	Oid			types[] = {INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID};
	Datum		values[lengthof(types)];
	char		nulls[lengthof(types) + 1] = "     ";
	bool		is_there;

	values[0] = Int64GetDatum(sweep);
	values[1] = Int64GetDatum(asked);
	values[2] = Int64GetDatum(missing);
	values[3] = (Datum) 0;
	if (error != NULL)
		values[3] = CStringGetTextDatum(text_for_reading(error));
	else
		nulls[3] = 'n';
	values[4] = (Datum) 0;
	if (source != NULL)
		values[4] = CStringGetTextDatum(text_for_reading(source));
	else
		nulls[4] = 'n';
	is_there = store_execute(store_plan(&end_plan, catalog,
										"UPDATE %1$s.vnstream_sweeps SET ended = pg_catalog.clock_timestamp(),"
										" asked = $2, missing = $3, error = $4,"
										" source = coalesce($5, source) WHERE sweep = $1"
										" RETURNING answered, published, unchanged, rejected, waiting,"
										" coalesce(extract(epoch FROM ended - started), 0)::pg_catalog.float8",
										lengthof(types), types),
							 values, nulls) == 1;
	if (totals == NULL)
		return;
	memset(totals, 0, sizeof(*totals));
	if (!is_there)
		return;
	totals->answered = DatumGetInt64(store_result(0, 1));
	totals->published = DatumGetInt64(store_result(0, 2));
	totals->unchanged = DatumGetInt64(store_result(0, 3));
	totals->rejected = DatumGetInt64(store_result(0, 4));
	totals->waiting = DatumGetInt64(store_result(0, 5));
	totals->seconds = DatumGetFloat8(store_result(0, 6));
}

int64
sweep_row_request(const StoreCatalog *catalog)
{
	RoleScope	role;
	int64		sweep;

	/* No kept plan: this runs in any session, perhaps once in its life. */
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	role_scope_enter(&role, catalog->owner);
	store_run(psprintf("INSERT INTO %s.vnstream_sweeps (trigger, requested)"
					   " VALUES ('request', pg_catalog.clock_timestamp()) RETURNING sweep",
					   catalog->schema_name));
	sweep = DatumGetInt64(store_result(0, 1));
	role_scope_leave(&role);
	SPI_finish();
	return sweep;
}

int64
sweep_row_requested(const StoreCatalog *catalog)
{
	(void) store_execute(store_plan(&requested_plan, catalog,
									"SELECT coalesce(pg_catalog.min(sweep), 0) FROM %1$s.vnstream_sweeps"
									" WHERE started IS NULL AND ended IS NULL",
									0, NULL),
						 NULL, NULL);
	return DatumGetInt64(store_result(0, 1));
}

int
sweep_rows_interrupt(const StoreCatalog *catalog)
{
	return (int) store_execute(store_plan(&interrupt_plan, catalog,
										  "UPDATE %1$s.vnstream_sweeps SET ended = pg_catalog.clock_timestamp(),"
										  " missing = greatest(asked - answered, 0),"
										  " error = 'interrupted: the producer ended during this sweep'"
										  " WHERE started IS NOT NULL AND ended IS NULL",
										  0, NULL),
							   NULL, NULL);
}

void
sweep_rows_forget_hot(const StoreCatalog *catalog)
{
	(void) store_execute(store_plan(&forget_plan, catalog,
									"DELETE FROM %1$s.vnstream_sweeps WHERE trigger = 'hot' AND waiting = 0"
									" AND ended < pg_catalog.now() - '1 day'::pg_catalog.interval",
									0, NULL),
						 NULL, NULL);
}
