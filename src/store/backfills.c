/*-------------------------------------------------------------------------
 *
 * backfills.c
 *	  The orders of back-fills.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/backfills.h"
#include "store/support.h"

static StorePlan next_plan;
static StorePlan begin_plan;
static StorePlan all_plan;
static StorePlan open_plan;
static StorePlan step_plan;
static StorePlan end_plan;

int64
backfill_row_request(const StoreCatalog *catalog, Datum tickers, int total,
					 TimestampTz from, TimestampTz until, BarLength length,
					 const char *source)
{
	Oid			types[] = {TEXTARRAYOID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID};
	Datum		values[lengthof(types)];
	char		nulls[lengthof(types) + 1] = "      ";
	RoleScope	role;
	int64		number;

	values[0] = tickers;
	values[1] = Int32GetDatum(total);
	if (tickers == (Datum) 0)
		nulls[0] = nulls[1] = 'n';
	values[2] = TimestampTzGetDatum(from);
	values[3] = TimestampTzGetDatum(until);
	values[4] = CStringGetTextDatum(bar_length_name(length));
	values[5] = (Datum) 0;
	if (source != NULL)
		values[5] = CStringGetTextDatum(source);
	else
		nulls[5] = 'n';

	/* no kept plan: this runs in any session, perhaps once in its life */
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	role_scope_enter(&role, catalog->owner);
	if (SPI_execute_with_args(psprintf("INSERT INTO %s.vnstream_backfills"
									   " (tickers, total, \"from\", \"to\", bar, source, requested)"
									   " VALUES ($1, $2, $3, $4, $5::pg_catalog.interval, $6,"
									   " pg_catalog.clock_timestamp()) RETURNING backfill",
									   catalog->schema_name),
							  lengthof(types), types, values, nulls, false, 0) != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "could not write the order");
	number = DatumGetInt64(store_result(0, 1));
	role_scope_leave(&role);
	SPI_finish();
	return number;
}

BackfillCancel
backfill_row_cancel(const StoreCatalog *catalog, int64 number)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(number)};
	BackfillCancel answer = BACKFILL_CANCELLED;
	RoleScope	role;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	role_scope_enter(&role, catalog->owner);
	if (SPI_execute_with_args(psprintf("UPDATE %s.vnstream_backfills SET ended = pg_catalog.clock_timestamp(),"
									   " error = 'cancelled' WHERE backfill OPERATOR(pg_catalog.=) $1 AND ended IS NULL",
									   catalog->schema_name),
							  lengthof(types), types, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write the order");
	if (SPI_processed == 0)
	{
		if (SPI_execute_with_args(psprintf("SELECT FROM %s.vnstream_backfills WHERE backfill OPERATOR(pg_catalog.=) $1",
										   catalog->schema_name),
								  lengthof(types), types, values, NULL, false, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not read the order");
		answer = SPI_processed == 0 ? BACKFILL_UNKNOWN : BACKFILL_ENDED;
	}
	role_scope_leave(&role);
	SPI_finish();
	return answer;
}

static void
begin_order(const StoreCatalog *catalog, int64 number, const char *source, bool wants_all)
{
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[] = {Int64GetDatum(number), CStringGetTextDatum(source)};

	(void) store_execute(store_plan(&begin_plan, catalog,
									"UPDATE %1$s.vnstream_backfills SET started = pg_catalog.clock_timestamp(),"
									" source = coalesce(source, $2) WHERE backfill OPERATOR(pg_catalog.=) $1",
									lengthof(types), types),
						 values, NULL);
	if (!wants_all)
		return;
	(void) store_execute(store_plan(&all_plan, catalog,
									"UPDATE %1$s.vnstream_backfills SET tickers = s.tickers,"
									" total = pg_catalog.cardinality(s.tickers)"
									" FROM (SELECT coalesce(pg_catalog.array_agg(ticker::pg_catalog.text ORDER BY ticker),"
									" '{}'::pg_catalog.text[]) FROM %1$s.vnstream_symbols WHERE active) AS s(tickers)"
									" WHERE backfill OPERATOR(pg_catalog.=) $1"
									" AND $2 IS NOT NULL",
									lengthof(types), types),
						 values, NULL);
}

bool
backfill_row_next(const StoreCatalog *catalog, const char *source, MemoryContext context,
				  BackfillOrder *order)
{
	SPIPlanPtr	plan = store_plan(&next_plan, catalog,
								  "SELECT backfill, started IS NOT NULL, \"from\", \"to\", "
								  " CASE bar WHEN '1 day' THEN '1 day' WHEN '1 hour' THEN '1 hour' ELSE '1 minute' END,"
								  " source, tickers, done, tickers IS NULL"
								  " FROM %1$s.vnstream_backfills WHERE ended IS NULL"
								  " ORDER BY backfill LIMIT 1 FOR UPDATE",
								  0, NULL);
	HeapTuple	tuple;
	TupleDesc	descriptor;
	Datum		tickers;
	Datum	   *elements;
	bool		is_null;

	memset(order, 0, sizeof(*order));
	if (store_execute(plan, NULL, NULL) == 0)
		return false;
	order->number = DatumGetInt64(store_result(0, 1));
	if (!DatumGetBool(store_result(0, 2)))
	{
		begin_order(catalog, order->number, source, DatumGetBool(store_result(0, 9)));
		if (store_execute(plan, NULL, NULL) == 0 ||
			DatumGetInt64(store_result(0, 1)) != order->number)
			elog(ERROR, "the order of a back-fill has gone");
	}

	tuple = SPI_tuptable->vals[0];
	descriptor = SPI_tuptable->tupdesc;
	order->from = unix_from_timestamp(DatumGetTimestampTz(store_result(0, 3)));
	order->until = unix_from_timestamp(DatumGetTimestampTz(store_result(0, 4)));
	order->done = DatumGetInt32(store_result(0, 8));
	(void) bar_length_from_name(SPI_getvalue(tuple, descriptor, 5), &order->length);
	order->source = MemoryContextStrdup(context, TextDatumGetCString(store_result(0, 6)));
	tickers = SPI_getbinval(tuple, descriptor, 7, &is_null);
	deconstruct_array(DatumGetArrayTypeP(tickers), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, &order->total);
	order->tickers = MemoryContextAlloc(context, sizeof(char *) * Max(order->total, 1));
	for (int i = 0; i < order->total; i++)
		order->tickers[i] = MemoryContextStrdup(context, TextDatumGetCString(elements[i]));
	return true;
}

bool
backfill_row_is_open(const StoreCatalog *catalog, int64 number)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(number)};

	return store_execute(store_plan(&open_plan, catalog,
									"SELECT FROM %1$s.vnstream_backfills"
									" WHERE backfill OPERATOR(pg_catalog.=) $1 AND ended IS NULL FOR UPDATE",
									lengthof(types), types),
						 values, NULL) == 1;
}

void
backfill_row_step(const StoreCatalog *catalog, int64 number, const BackfillStep *step)
{
	Oid			types[] = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT4OID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[lengthof(types)] = {0};
	char		nulls[lengthof(types) + 1] = "      nnn";

	values[0] = Int64GetDatum(number);
	values[1] = Int64GetDatum(step->bars);
	values[2] = Int64GetDatum(step->stored.changed);
	values[3] = Int64GetDatum(step->stored.kept);
	values[4] = Int64GetDatum(step->rejected);
	values[5] = Int32GetDatum(step->is_done ? 1 : 0);
	if (step->error != NULL)
	{
		values[6] = CStringGetTextDatum(text_for_reading(step->error));
		nulls[6] = ' ';
	}
	if (step->empty != NULL)
	{
		values[7] = CStringGetTextDatum(step->empty);
		nulls[7] = ' ';
	}
	if (step->failed != NULL)
	{
		values[8] = CStringGetTextDatum(step->failed);
		nulls[8] = ' ';
	}
	(void) store_execute(store_plan(&step_plan, catalog,
									"UPDATE %1$s.vnstream_backfills SET"
									" bars = bars OPERATOR(pg_catalog.+) $2,"
									" changed = changed OPERATOR(pg_catalog.+) $3,"
									" kept = kept OPERATOR(pg_catalog.+) $4,"
									" rejected = rejected OPERATOR(pg_catalog.+) $5,"
									" done = done OPERATOR(pg_catalog.+) $6,"
									" error = coalesce($7, error),"
									" empty = CASE WHEN $8 IS NULL THEN empty ELSE pg_catalog.array_append(empty, $8) END,"
									" failed = CASE WHEN $9 IS NULL THEN failed ELSE pg_catalog.array_append(failed, $9) END"
									" WHERE backfill OPERATOR(pg_catalog.=) $1",
									lengthof(types), types),
						 values, nulls);
}

void
backfill_row_end(const StoreCatalog *catalog, int64 number, const char *error)
{
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[lengthof(types)] = {Int64GetDatum(number)};
	char		nulls[lengthof(types) + 1] = " n";

	if (error != NULL)
	{
		values[1] = CStringGetTextDatum(text_for_reading(error));
		nulls[1] = ' ';
	}
	(void) store_execute(store_plan(&end_plan, catalog,
									"UPDATE %1$s.vnstream_backfills SET ended = pg_catalog.clock_timestamp(),"
									" error = coalesce($2, error)"
									" WHERE backfill OPERATOR(pg_catalog.=) $1 AND ended IS NULL",
									lengthof(types), types),
						 values, nulls);
}
