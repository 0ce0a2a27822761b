/*-------------------------------------------------------------------------
 *
 * symbol_refreshes.c
 *	  The rows of vnstream_symbol_refreshes; declared in symbols.h.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/support.h"
#include "store/symbols.h"

static StorePlan requested_plan;
static StorePlan start_plan;
static StorePlan begin_plan;
static StorePlan end_plan;
static StorePlan forget_plan;
static StorePlan interrupt_plan;
static StorePlan refreshed_plan;

int64
symbol_refresh_request(const StoreCatalog *catalog, bool accept_loss)
{
	RoleScope	role;
	int64		refresh;

	/* No kept plan: this runs in any session, perhaps once in its life. */
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	role_scope_enter(&role, catalog->owner);
	store_run(psprintf("INSERT INTO %s.vnstream_symbol_refreshes (trigger, accept_loss, requested)"
					   " VALUES ('request', %s, pg_catalog.clock_timestamp()) RETURNING refresh",
					   catalog->schema_name, accept_loss ? "true" : "false"));
	refresh = DatumGetInt64(store_result(0, 1));
	role_scope_leave(&role);
	SPI_finish();
	return refresh;
}

int64
symbol_refresh_requested(const StoreCatalog *catalog, bool *accepts_loss)
{
	(void) store_execute(store_plan(&requested_plan, catalog,
									"SELECT coalesce(pg_catalog.min(refresh), 0),"
									" coalesce(pg_catalog.bool_or(accept_loss), false)"
									" FROM %1$s.vnstream_symbol_refreshes"
									" WHERE started IS NULL AND ended IS NULL",
									0, NULL),
						 NULL, NULL);
	*accepts_loss = DatumGetBool(store_result(0, 2));
	return DatumGetInt64(store_result(0, 1));
}

int64
symbol_refresh_begin(const StoreCatalog *catalog, const char *trigger,
					 const char *source, bool *accepts_loss)
{
	Oid			start_types[] = {INT8OID, TEXTOID};
	Oid			begin_types[] = {TEXTOID, TEXTOID};
	Datum		values[2];
	int64		refresh;

	refresh = symbol_refresh_requested(catalog, accepts_loss);
	if (refresh != 0)
	{
		/* one answer serves all who have asked for it by now */
		values[0] = Int64GetDatum(refresh);
		values[1] = CStringGetTextDatum(source);
		(void) store_execute(store_plan(&start_plan, catalog,
										"UPDATE %1$s.vnstream_symbol_refreshes SET source = $2,"
										" started = pg_catalog.clock_timestamp()"
										" WHERE refresh >= $1 AND started IS NULL AND ended IS NULL",
										lengthof(start_types), start_types),
							 values, NULL);
		return refresh;
	}
	if (trigger == NULL)
		return 0;
	values[0] = CStringGetTextDatum(trigger);
	values[1] = CStringGetTextDatum(source);
	(void) store_execute(store_plan(&begin_plan, catalog,
									"INSERT INTO %1$s.vnstream_symbol_refreshes (trigger, source, requested, started)"
									" SELECT $1, $2, t.now, t.now FROM pg_catalog.clock_timestamp() AS t(now)"
									" RETURNING refresh",
									lengthof(begin_types), begin_types),
						 values, NULL);
	return DatumGetInt64(store_result(0, 1));
}

void
symbol_refresh_end(const StoreCatalog *catalog, int64 refresh,
				   const char *source, int64 listed,
				   const SymbolChanges *changes, const char *error)
{
	Oid			types[] = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID};
	Datum		values[lengthof(types)];
	char		nulls[lengthof(types) + 1] = "        ";

	values[0] = Int64GetDatum(refresh);
	values[1] = Int64GetDatum(listed);
	values[2] = Int64GetDatum(changes->added);
	values[3] = Int64GetDatum(changes->changed);
	values[4] = Int64GetDatum(changes->removed);
	values[5] = Int64GetDatum(changes->returned);
	values[6] = (Datum) 0;
	if (error != NULL)
		values[6] = CStringGetTextDatum(text_for_reading(error));
	else
		nulls[6] = 'n';
	values[7] = CStringGetTextDatum(text_for_reading(source));
	(void) store_execute(store_plan(&end_plan, catalog,
									"UPDATE %1$s.vnstream_symbol_refreshes SET ended = pg_catalog.clock_timestamp(),"
									" listed = $2, added = $3, changed = $4, removed = $5, returned = $6, error = $7, source = $8"
									" WHERE refresh >= $1 AND started IS NOT NULL AND ended IS NULL",
									lengthof(types), types),
						 values, nulls);

	/* two or three a day, so years; a source that is down adds one an hour */
	(void) store_execute(store_plan(&forget_plan, catalog,
									"DELETE FROM %1$s.vnstream_symbol_refreshes WHERE refresh <="
									" (SELECT pg_catalog.max(refresh) - 1000 FROM %1$s.vnstream_symbol_refreshes)",
									0, NULL),
						 NULL, NULL);
}

void
symbol_refreshes_interrupt(const StoreCatalog *catalog)
{
	(void) store_execute(store_plan(&interrupt_plan, catalog,
									"UPDATE %1$s.vnstream_symbol_refreshes SET ended = pg_catalog.clock_timestamp(),"
									" error = 'interrupted: the producer ended during this refresh'"
									" WHERE started IS NOT NULL AND ended IS NULL",
									0, NULL),
						 NULL, NULL);
}

TimestampTz
symbol_refreshed_at(const StoreCatalog *catalog)
{
	(void) store_execute(store_plan(&refreshed_plan, catalog,
									"SELECT coalesce(pg_catalog.max(ended), '-infinity')"
									" FROM %1$s.vnstream_symbol_refreshes"
									" WHERE ended IS NOT NULL AND error IS NULL",
									0, NULL),
						 NULL, NULL);
	return TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(store_result(0, 1))) ? 0 :
		DatumGetTimestampTz(store_result(0, 1));
}
