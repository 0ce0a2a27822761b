/*-------------------------------------------------------------------------
 *
 * rejects.c
 *	  Quotes that the rules refused or flagged before they were published.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "market/quote.h"
#include "store/rejects.h"
#include "store/support.h"

static StorePlan keep_plan;
static StorePlan remove_plan;
static StorePlan count_plan;

/* The members of rejects as arrays; a ticker may be NULL. */
typedef struct RejectArrays
{
	Datum		tickers;
	Datum		rules;
	Datum		are_flags;
	Datum		reasons;
	Datum		rows;
} RejectArrays;

char *
reject_row(const char *bytes, size_t length)
{
	char	   *row = palloc(length + 1);

	for (size_t i = 0; i < length; i++)
		row[i] = bytes[i] == '\0' ? '?' : bytes[i];
	row[length] = '\0';
	return row;
}

static Datum
text_array(Datum *elements, bool *nulls, int count)
{
	int			dimension = count;
	int			lower_bound = 1;

	return PointerGetDatum(construct_md_array(elements, nulls, 1, &dimension,
											  &lower_bound, TEXTOID, -1, false,
											  TYPALIGN_INT));
}

static void
make_arrays(RejectArrays *arrays, const Reject *rejects, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * count);
	bool	   *nulls = palloc0(sizeof(bool) * count);

	for (int i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(text_for_reading(rejects[i].rule));
	arrays->rules = text_array(elements, nulls, count);
	for (int i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(text_for_reading(rejects[i].reason));
	arrays->reasons = text_array(elements, nulls, count);
	for (int i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(text_for_reading(rejects[i].row));
	arrays->rows = text_array(elements, nulls, count);
	for (int i = 0; i < count; i++)
	{
		nulls[i] = rejects[i].ticker == NULL;
		elements[i] = nulls[i] ? (Datum) 0 :
			CStringGetTextDatum(text_for_reading(rejects[i].ticker));
	}
	arrays->tickers = text_array(elements, nulls, count);
	for (int i = 0; i < count; i++)
		elements[i] = BoolGetDatum(rejects[i].is_flag);
	arrays->are_flags = PointerGetDatum(construct_array(elements, count, BOOLOID, 1,
														true, TYPALIGN_CHAR));
}

static void
keep(const StoreCatalog *catalog, int64 sweep, const char *source,
	 int64 judged_at, const Reject *rejects, int count, int limit)
{
	Oid			types[] = {INT8OID, TEXTOID, TIMESTAMPTZOID, TEXTARRAYOID, TEXTARRAYOID,
	BOOLARRAYOID, TEXTARRAYOID, TEXTARRAYOID};
	Oid			limit_types[] = {INT8OID};
	Datum		values[lengthof(types)];
	RejectArrays arrays;
	int			kept = Min(count, limit);

	if (kept > 0)
	{
		make_arrays(&arrays, rejects + (count - kept), kept);
		values[0] = Int64GetDatum(sweep);
		values[1] = CStringGetTextDatum(text_for_reading(source));
		values[2] = TimestampTzGetDatum(timestamp_from_unix(judged_at));
		values[3] = arrays.tickers;
		values[4] = arrays.rules;
		values[5] = arrays.are_flags;
		values[6] = arrays.reasons;
		values[7] = arrays.rows;
		(void) store_execute(store_plan(&keep_plan, catalog,
										"INSERT INTO %1$s.vnstream_rejects (at, sweep, source, ticker, rule, verdict, reason, \"row\")"
										" SELECT $3, $1, $2, r.ticker, r.rule,"
										"  CASE WHEN r.is_flag THEN 'flagged' ELSE 'rejected' END, r.reason, r.\"row\""
										" FROM ROWS FROM (pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6),"
										"  pg_catalog.unnest($7), pg_catalog.unnest($8))"
										"  WITH ORDINALITY AS r(ticker, rule, is_flag, reason, \"row\", place)"
										" ORDER BY r.place",
										lengthof(types), types),
							 values, NULL);
	}

	/*
	 * By number, so that the index finds the few that go.  Numbers that a
	 * rollback has used up make it fewer rows than the limit, never more.
	 */
	values[0] = Int64GetDatum((int64) limit);
	(void) store_execute(store_plan(&remove_plan, catalog,
									"DELETE FROM %1$s.vnstream_rejects WHERE reject <="
									" (SELECT pg_catalog.max(reject) FROM %1$s.vnstream_rejects) - $1",
									lengthof(limit_types), limit_types),
						 values, NULL);
}

static void
count_all(const StoreCatalog *catalog, const char *source, int64 judged_at,
		  const Reject *rejects, int count)
{
	Oid			types[] = {DATEOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, BOOLARRAYOID};
	Datum		values[lengthof(types)];
	RejectArrays arrays;

	make_arrays(&arrays, rejects, count);
	values[0] = DateADTGetDatum(vietnam_date(judged_at) -
								(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE));
	values[1] = CStringGetTextDatum(text_for_reading(source));
	values[2] = arrays.tickers;
	values[3] = arrays.rules;
	values[4] = arrays.are_flags;
	(void) store_execute(store_plan(&count_plan, catalog,
									"INSERT INTO %1$s.vnstream_rule_counts AS c (day, source, rule, rejected, flagged, unnamed)"
									" SELECT $1, $2, r.rule,"
									"  pg_catalog.count(*) FILTER (WHERE NOT r.is_flag AND r.ticker IS NOT NULL),"
									"  pg_catalog.count(*) FILTER (WHERE r.is_flag),"
									"  pg_catalog.count(*) FILTER (WHERE NOT r.is_flag AND r.ticker IS NULL)"
									" FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5))"
									"  AS r(ticker, rule, is_flag)"
									" GROUP BY r.rule ORDER BY r.rule"
									" ON CONFLICT (day, source, rule) DO UPDATE"
									" SET rejected = c.rejected + EXCLUDED.rejected,"
									"  flagged = c.flagged + EXCLUDED.flagged,"
									"  unnamed = c.unnamed + EXCLUDED.unnamed",
									lengthof(types), types),
						 values, NULL);
}

void
rejects_add(const StoreCatalog *catalog, int64 sweep, const char *source,
			int64 judged_at, const Reject *rejects, int count, int limit)
{
	if (count == 0)
		return;
	count_all(catalog, source, judged_at, rejects, count);
	keep(catalog, sweep, source, judged_at, rejects, count, limit);
}
