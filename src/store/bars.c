/*-------------------------------------------------------------------------
 *
 * bars.c
 *	  The rows of vnstream_bars and vnstream_index_quotes.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/bars.h"
#include "store/support.h"

static StorePlan kept_plan;
static StorePlan store_bars_plan;
static StorePlan store_index_plan;

static const char *const length_names[] = {
	[BAR_MINUTE] = "1 minute",
	[BAR_HOUR] = "1 hour",
	[BAR_DAY] = "1 day"
};

static const char *const adjusted_names[] = {
	[BAR_ADJUSTED_UNKNOWN] = "unknown",
	[BAR_ADJUSTED_NO] = "no",
	[BAR_ADJUSTED_YES] = "yes"
};

const char *
bar_length_name(BarLength length)
{
	return length_names[length];
}

bool
bar_length_from_name(const char *name, BarLength *length)
{
	for (int i = 0; i < (int) lengthof(length_names); i++)
	{
		if (strcmp(name, length_names[i]) != 0)
			continue;
		*length = i;
		return true;
	}
	return false;
}

/* Arrays of the bars' columns, as arguments of a statement. */
typedef enum BarColumn
{
	BAR_STARTS,
	BAR_OPEN,
	BAR_HIGH,
	BAR_LOW,
	BAR_CLOSE,
	BAR_VOLUME,
	BAR_VALUE,
	BAR_ADJUSTED,
	BAR_FINISHED,
	BAR_COLUMNS
} BarColumn;

/* Before the arrays: ticker or index, source, time of fetching. */
#define BAR_ARGUMENTS (3 + BAR_COLUMNS)

#define INCOMING \
	" FROM ROWS FROM (pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6)," \
	" pg_catalog.unnest($7), pg_catalog.unnest($8), pg_catalog.unnest($9)," \
	" pg_catalog.unnest($10), pg_catalog.unnest($11), pg_catalog.unnest($12))" \
	" AS i(starts, open, high, low, close, volume, value, adjusted, is_finished)"

#define DIFFERENT(a, b, column) a "." column " IS DISTINCT FROM " b "." column

/* The prices, or the volume, that were traded. */
#define TRADED_DIFFERS(a, b) \
	"(" DIFFERENT(a, b, "open") " OR " DIFFERENT(a, b, "high") " OR " \
	DIFFERENT(a, b, "low") " OR " DIFFERENT(a, b, "close") " OR " \
	DIFFERENT(a, b, "volume") ")"

static Datum
array_of(Datum *values, bool *nulls, int count, Oid type, int length, bool by_value, char align)
{
	int			dimensions[1] = {count};
	int			bounds[1] = {1};

	return PointerGetDatum(construct_md_array(values, nulls, 1, dimensions, bounds, type,
											  length, by_value, align));
}

static void
fill_arguments(const char *name, const char *source, int64 fetched_at, const Bar *bars,
			   int count, Oid *types, Datum *values)
{
	Datum	   *columns[BAR_COLUMNS];
	bool	   *no_volume = palloc0(sizeof(bool) * count);
	bool	   *no_value = palloc0(sizeof(bool) * count);
	int			i;

	for (i = 0; i < BAR_COLUMNS; i++)
		columns[i] = palloc(sizeof(Datum) * count);
	for (i = 0; i < count; i++)
	{
		const Bar  *bar = &bars[i];

		columns[BAR_STARTS][i] = TimestampTzGetDatum(timestamp_from_unix(bar->starts));
		columns[BAR_OPEN][i] = Float8GetDatum(bar->open);
		columns[BAR_HIGH][i] = Float8GetDatum(bar->high);
		columns[BAR_LOW][i] = Float8GetDatum(bar->low);
		columns[BAR_CLOSE][i] = Float8GetDatum(bar->close);
		columns[BAR_VOLUME][i] = Int64GetDatum(bar->volume);
		no_volume[i] = bar->volume == BAR_VOLUME_UNKNOWN;
		columns[BAR_VALUE][i] = Float8GetDatum(bar->value);
		no_value[i] = isnan(bar->value);
		columns[BAR_ADJUSTED][i] = CStringGetTextDatum(adjusted_names[bar->adjusted]);
		columns[BAR_FINISHED][i] = BoolGetDatum(bar->is_finished);
	}

	types[0] = types[1] = TEXTOID;
	types[2] = TIMESTAMPTZOID;
	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(source);
	values[2] = TimestampTzGetDatum(timestamp_from_unix(fetched_at));
	for (i = 0; i < BAR_COLUMNS; i++)
	{
		Datum	   *column = columns[i];

		switch ((BarColumn) i)
		{
			case BAR_STARTS:
				types[3 + i] = TIMESTAMPTZARRAYOID;
				values[3 + i] = array_of(column, NULL, count, TIMESTAMPTZOID, sizeof(TimestampTz),
										 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
				break;
			case BAR_VOLUME:
				types[3 + i] = INT8ARRAYOID;
				values[3 + i] = array_of(column, no_volume, count, INT8OID, sizeof(int64),
										 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
				break;
			case BAR_ADJUSTED:
				types[3 + i] = TEXTARRAYOID;
				values[3 + i] = array_of(column, NULL, count, TEXTOID, -1, false, TYPALIGN_INT);
				break;
			case BAR_FINISHED:
				types[3 + i] = BOOLARRAYOID;
				values[3 + i] = array_of(column, NULL, count, BOOLOID, 1, true, TYPALIGN_CHAR);
				break;
			default:
				types[3 + i] = FLOAT8ARRAYOID;
				values[3 + i] = array_of(column, i == BAR_VALUE ? no_value : NULL, count,
										 FLOAT8OID, sizeof(double), FLOAT8PASSBYVAL,
										 TYPALIGN_DOUBLE);
				break;
		}
	}
}

void
bars_store(const StoreCatalog *catalog, const char *ticker, BarLength length,
		   const char *source, int64 fetched_at, const Bar *bars, int count,
		   BarsStored *stored)
{
	Oid			types[BAR_ARGUMENTS + 1];
	Datum		values[BAR_ARGUMENTS + 1];

	memset(stored, 0, sizeof(*stored));
	if (count == 0)
		return;
	fill_arguments(ticker, source, fetched_at, bars, count, types, values);
	types[BAR_ARGUMENTS] = TEXTOID;
	values[BAR_ARGUMENTS] = CStringGetTextDatum(length_names[length]);

	(void) store_execute(store_plan(&kept_plan, catalog,
									"SELECT count(*)" INCOMING
									" JOIN %1$s.vnstream_bars AS b"
									" ON b.ticker OPERATOR(pg_catalog.=) $1 AND b.source OPERATOR(pg_catalog.=) $2"
									" AND b.bar OPERATOR(pg_catalog.=) $13::pg_catalog.interval"
									" AND b.starts OPERATOR(pg_catalog.=) i.starts"
									" WHERE b.is_finished AND ((b.adjusted OPERATOR(pg_catalog.=) 'no'"
									" AND i.adjusted OPERATOR(pg_catalog.<>) 'no'"
									" AND " TRADED_DIFFERS("i", "b") ")"
									" OR (NOT i.is_finished AND " TRADED_DIFFERS("i", "b") "))"
									" AND $3 IS NOT NULL",
									lengthof(types), types),
						 values, NULL);
	stored->kept = DatumGetInt64(store_result(0, 1));

	stored->changed = (int64)
		store_execute(store_plan(&store_bars_plan, catalog,
								 "INSERT INTO %1$s.vnstream_bars AS b (ticker, bar, starts, source,"
								 " open, high, low, close, volume, value, fetched_at, adjusted, is_finished)"
								 " SELECT $1, $13::pg_catalog.interval, i.starts, $2, i.open, i.high, i.low,"
								 " i.close, i.volume, i.value, $3, i.adjusted, i.is_finished" INCOMING
								 " ON CONFLICT (ticker, bar, starts, source) DO UPDATE SET"
								 " open = excluded.open, high = excluded.high, low = excluded.low,"
								 " close = excluded.close, volume = excluded.volume,"
								 " value = coalesce(excluded.value,"
								 " CASE WHEN NOT " TRADED_DIFFERS("excluded", "b") " THEN b.value END),"
								 " fetched_at = excluded.fetched_at,"
								 " adjusted = CASE WHEN b.adjusted OPERATOR(pg_catalog.<>) 'unknown'"
								 " AND NOT " TRADED_DIFFERS("excluded", "b")
								 " THEN b.adjusted ELSE excluded.adjusted END,"
								 " is_finished = b.is_finished OR excluded.is_finished"
								 " WHERE (" TRADED_DIFFERS("excluded", "b")
								 " AND NOT (b.is_finished AND (NOT excluded.is_finished"
								 " OR (b.adjusted OPERATOR(pg_catalog.=) 'no'"
								 " AND excluded.adjusted OPERATOR(pg_catalog.<>) 'no'))))"
								 " OR (NOT " TRADED_DIFFERS("excluded", "b")
								 " AND ((excluded.is_finished AND NOT b.is_finished)"
								 " OR (b.adjusted OPERATOR(pg_catalog.=) 'unknown'"
								 " AND excluded.adjusted OPERATOR(pg_catalog.<>) 'unknown')"
								 " OR (excluded.value IS NOT NULL AND " DIFFERENT("excluded", "b", "value") ")))",
								 lengthof(types), types),
					  values, NULL);
}

int64
index_quotes_store(const StoreCatalog *catalog, const char *index_name, const char *source,
				   int64 fetched_at, const Bar *bars, int count)
{
	Oid			types[BAR_ARGUMENTS];
	Datum		values[BAR_ARGUMENTS];

	if (count == 0)
		return 0;
	fill_arguments(index_name, source, fetched_at, bars, count, types, values);
	return (int64)
		store_execute(store_plan(&store_index_plan, catalog,
								 "INSERT INTO %1$s.vnstream_index_quotes AS b (index_name, starts, source,"
								 " open, high, low, close, volume, value, fetched_at, is_finished)"
								 " SELECT $1, i.starts, $2, i.open, i.high, i.low, i.close, i.volume,"
								 " i.value, $3, i.is_finished" INCOMING
								 " ON CONFLICT (index_name, starts, source) DO UPDATE SET"
								 " open = excluded.open, high = excluded.high, low = excluded.low,"
								 " close = excluded.close, volume = excluded.volume, value = excluded.value,"
								 " fetched_at = excluded.fetched_at, is_finished = excluded.is_finished"
								 " WHERE " TRADED_DIFFERS("excluded", "b")
								 " OR " DIFFERENT("excluded", "b", "value")
								 " OR " DIFFERENT("excluded", "b", "is_finished"),
								 lengthof(types), types),
					  values, NULL);
}
