/*-------------------------------------------------------------------------
 *
 * symbols.c
 *	  The rows of vnstream_symbols and vnstream_symbol_history.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "store/support.h"
#include "store/symbols.h"

static StorePlan load_plan;
static StorePlan list_plan;
static StorePlan group_plan;
static StorePlan sweep_plan;

/* ----------------------------------------------------------------
 *		Arrays of a column's values
 * ----------------------------------------------------------------
 */

typedef struct Column
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
} Column;

static Column
column_begin(int room)
{
	Column		column;

	column.values = palloc(sizeof(Datum) * Max(room, 1));
	column.nulls = palloc(sizeof(bool) * Max(room, 1));
	column.count = 0;
	return column;
}

static void
column_add(Column *column, Datum value, bool is_null)
{
	column->values[column->count] = value;
	column->nulls[column->count++] = is_null;
}

/* '' is NULL. */
static void
column_add_text(Column *column, const char *text)
{
	column_add(column, CStringGetTextDatum(text_for_reading(text)), text[0] == '\0');
}

static Datum
column_array(const Column *column, Oid type)
{
	int			dimension = column->count;
	int			lower_bound = 1;
	int16		length;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	return PointerGetDatum(construct_md_array(column->values, column->nulls, 1,
											  &dimension, &lower_bound, type,
											  length, by_value, align));
}

/* ----------------------------------------------------------------
 *		Reading
 * ----------------------------------------------------------------
 */

/* Text of a column in UTF-8, '' where it is NULL; in the present context. */
static const char *
row_text(int row, int column)
{
	char	   *text = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return text != NULL ? text_from_server(text) : "";
}

static Datum
row_value(int row, int column, bool *is_null)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, is_null);
}

static void
read_row(int i, SymbolRow *row)
{
	Datum		value;
	Datum	   *groups;
	bool		is_null;

	row->ticker = row_text(i, 1);
	row->exchange = row_text(i, 2);
	row->kind = row_text(i, 3);
	row->isin = row_text(i, 4);
	row->trading_status = row_text(i, 5);
	value = row_value(i, 6, &is_null);
	row->listed_shares = is_null ? 0 : DatumGetInt64(value);
	row->is_active = DatumGetBool(row_value(i, 7, &is_null));
	row->misses = DatumGetInt32(row_value(i, 8, &is_null));
	value = row_value(i, 9, &is_null);
	row->last_quote = is_null ? 0 : DatumGetTimestampTz(value);
	deconstruct_array(DatumGetArrayTypeP(row_value(i, 10, &is_null)), TEXTOID, -1, false,
					  TYPALIGN_INT, &groups, NULL, &row->group_count);
	row->groups = palloc(sizeof(char *) * Max(row->group_count, 1));
	for (int g = 0; g < row->group_count; g++)
		row->groups[g] = text_from_server(TextDatumGetCString(groups[g]));
}

int
symbol_rows_load(const StoreCatalog *catalog, MemoryContext context, SymbolRow **rows)
{
	MemoryContext before;
	int			count;

	/* the order is that of strcmp(): the column has the collation "C" */
	count = (int) store_execute(store_plan(&load_plan, catalog,
										   "SELECT ticker, exchange, kind, isin, trading_status, listed_shares,"
										   " active, misses, last_quote,"
										   " ARRAY(SELECT g FROM pg_catalog.unnest(groups) AS g WHERE g IS NOT NULL)"
										   " FROM %1$s.vnstream_symbols ORDER BY ticker",
										   0, NULL),
								NULL, NULL);
	before = MemoryContextSwitchTo(context);
	*rows = palloc(sizeof(SymbolRow) * Max(count, 1));
	for (int i = 0; i < count; i++)
		read_row(i, &(*rows)[i]);
	MemoryContextSwitchTo(before);
	return count;
}

/* ----------------------------------------------------------------
 *		A source's list
 * ----------------------------------------------------------------
 */

/*
 * What the list has beside what is known.  $7 overrules what is known, $8: what
 * the list does not have is not listed any more.  A doubtful row overrules
 * nothing.  What is unknown in the list stays as it is known.
 */
static const char list_query[] =
"WITH list AS (SELECT * FROM unnest($1, $2, $3, $4, $5, $6)"
"  AS l(ticker, exchange, kind, name, active, doubtful)),"
" merged AS (SELECT coalesce(s.ticker, l.ticker) AS ticker, s.ticker IS NULL AS is_new,"
"   s.exchange AS old_exchange, s.kind AS old_kind, s.name AS old_name, s.active AS old_active,"
"   CASE WHEN $7 AND NOT l.doubtful THEN coalesce(l.exchange, s.exchange)"
"        ELSE coalesce(s.exchange, l.exchange) END AS exchange,"
"   CASE WHEN $7 AND NOT l.doubtful THEN coalesce(l.kind, s.kind)"
"        ELSE coalesce(s.kind, l.kind) END AS kind,"
"   CASE WHEN $7 AND NOT l.doubtful THEN coalesce(l.name, s.name)"
"        ELSE coalesce(s.name, l.name) END AS name,"
"   CASE WHEN s.ticker IS NULL THEN l.active"
"        WHEN l.ticker IS NULL THEN s.active AND NOT $8"
"        WHEN $7 AND NOT l.doubtful THEN l.active"
"        ELSE s.active END AS active"
"  FROM list AS l FULL JOIN %1$s.vnstream_symbols AS s ON s.ticker = l.ticker),"
" changed AS (SELECT * FROM merged WHERE is_new OR"
"   (exchange, kind, name, active) IS DISTINCT FROM (old_exchange, old_kind, old_name, old_active)),"
" history AS (INSERT INTO %1$s.vnstream_symbol_history (ticker, changed_at, field, before, after)"
"  SELECT c.ticker, pg_catalog.now(), f.field, f.before, f.after FROM changed AS c"
"  CROSS JOIN LATERAL (VALUES ('active', c.old_active::text, c.active::text),"
"   ('exchange', c.old_exchange, c.exchange), ('kind', c.old_kind, c.kind),"
"   ('name', c.old_name, c.name)) AS f(field, before, after)"
"  WHERE f.before IS DISTINCT FROM f.after"
"   AND (f.before IS NOT NULL OR (c.is_new AND f.field = 'active'))),"
" stored AS (INSERT INTO %1$s.vnstream_symbols AS s"
"   (ticker, exchange, kind, name, active, source, first_seen, updated_at)"
"  SELECT ticker, exchange, kind, name, active, $9, pg_catalog.now(), pg_catalog.now() FROM changed"
"  ON CONFLICT (ticker) DO UPDATE SET exchange = excluded.exchange, kind = excluded.kind,"
"   name = excluded.name, active = excluded.active, updated_at = excluded.updated_at,"
"   source = CASE WHEN $7 OR s.source IS NULL THEN excluded.source ELSE s.source END)"
" SELECT pg_catalog.count(*) FILTER (WHERE is_new),"
"  pg_catalog.count(*) FILTER (WHERE NOT is_new AND active = old_active),"
"  pg_catalog.count(*) FILTER (WHERE old_active AND NOT active),"
"  pg_catalog.count(*) FILTER (WHERE NOT old_active AND active) FROM changed";

void
symbol_rows_take_list(const StoreCatalog *catalog, const ListedSymbol *list, int count,
					  const char *source, bool overrules, bool removes,
					  SymbolChanges *changes)
{
	Oid			types[] = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
	BOOLARRAYOID, BOOLARRAYOID, BOOLOID, BOOLOID, TEXTOID};
	Datum		values[lengthof(types)];
	Column		texts[4];
	Column		active = column_begin(count);
	Column		doubtful = column_begin(count);

	for (int c = 0; c < 4; c++)
		texts[c] = column_begin(count);
	for (int i = 0; i < count; i++)
	{
		column_add_text(&texts[0], list[i].ticker);
		column_add_text(&texts[1], list[i].exchange);
		column_add_text(&texts[2], list[i].kind);
		column_add_text(&texts[3], list[i].name);
		column_add(&active, BoolGetDatum(list[i].is_active), false);
		column_add(&doubtful, BoolGetDatum(list[i].is_doubtful), false);
	}
	for (int c = 0; c < 4; c++)
		values[c] = column_array(&texts[c], TEXTOID);
	values[4] = column_array(&active, BOOLOID);
	values[5] = column_array(&doubtful, BOOLOID);
	values[6] = BoolGetDatum(overrules);
	values[7] = BoolGetDatum(removes);
	values[8] = CStringGetTextDatum(source);
	(void) store_execute(store_plan(&list_plan, catalog, list_query, lengthof(types), types),
						 values, NULL);
	changes->added = DatumGetInt64(store_result(0, 1));
	changes->changed = DatumGetInt64(store_result(0, 2));
	changes->removed = DatumGetInt64(store_result(0, 3));
	changes->returned = DatumGetInt64(store_result(0, 4));
}

/*
 * Members that no list has are known by their group alone, and not active.
 */
static const char group_query[] =
"WITH members AS (SELECT m.ticker FROM pg_catalog.unnest($2) AS m(ticker)),"
" changed AS (SELECT coalesce(s.ticker, m.ticker) AS ticker, s.ticker IS NULL AS is_new,"
"   coalesce(s.groups, '{}') AS before,"
"   CASE WHEN m.ticker IS NULL THEN pg_catalog.array_remove(s.groups, $1)"
"        ELSE ARRAY(SELECT g FROM pg_catalog.unnest(pg_catalog.array_append(s.groups, $1)) AS g ORDER BY g)"
"   END AS after"
"  FROM members AS m FULL JOIN %1$s.vnstream_symbols AS s ON s.ticker = m.ticker"
"  WHERE (m.ticker IS NOT NULL) <> coalesce($1 = ANY (s.groups), false)),"
" history AS (INSERT INTO %1$s.vnstream_symbol_history (ticker, changed_at, field, before, after)"
"  SELECT ticker, pg_catalog.now(), 'groups', pg_catalog.array_to_string(before, ','),"
"   pg_catalog.array_to_string(after, ',') FROM changed)"
" INSERT INTO %1$s.vnstream_symbols (ticker, groups, active, source, first_seen, updated_at)"
" SELECT ticker, after, false, $3, pg_catalog.now(), pg_catalog.now() FROM changed"
" ON CONFLICT (ticker) DO UPDATE SET groups = excluded.groups, updated_at = excluded.updated_at";

void
symbol_rows_take_group(const StoreCatalog *catalog, const char *group,
					   const char *const *tickers, int count, const char *source)
{
	Oid			types[] = {TEXTOID, TEXTARRAYOID, TEXTOID};
	Datum		values[lengthof(types)];
	Column		members = column_begin(count);

	for (int i = 0; i < count; i++)
		column_add_text(&members, tickers[i]);
	values[0] = CStringGetTextDatum(group);
	values[1] = column_array(&members, TEXTOID);
	values[2] = CStringGetTextDatum(source);
	(void) store_execute(store_plan(&group_plan, catalog, group_query, lengthof(types), types),
						 values, NULL);
}

/* ----------------------------------------------------------------
 *		A sweep
 * ----------------------------------------------------------------
 */

static const char sweep_query[] =
"WITH news AS (SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)"
"  AS n(ticker, exchange, kind, isin, trading_status, listed_shares, misses, last_quote)),"
" merged AS (SELECT n.ticker, s.ticker IS NULL AS is_new, n.misses,"
"   coalesce(n.last_quote, s.last_quote) AS last_quote,"
"   s.isin AS old_isin, s.trading_status AS old_status, s.listed_shares AS old_shares,"
"   s.exchange AS old_exchange, s.kind AS old_kind,"
"   coalesce(s.exchange, n.exchange) AS exchange, coalesce(s.kind, n.kind) AS kind,"
"   coalesce(n.isin, s.isin) AS isin, coalesce(n.trading_status, s.trading_status) AS status,"
"   coalesce(n.listed_shares, s.listed_shares) AS shares, s.updated_at"
"  FROM news AS n LEFT JOIN %1$s.vnstream_symbols AS s ON s.ticker = n.ticker),"
" history AS (INSERT INTO %1$s.vnstream_symbol_history (ticker, changed_at, field, before, after)"
"  SELECT m.ticker, pg_catalog.now(), f.field, f.before, f.after FROM merged AS m"
"  CROSS JOIN LATERAL (VALUES ('isin', m.old_isin, m.isin),"
"   ('trading_status', m.old_status, m.status),"
"   ('listed_shares', m.old_shares::text, m.shares::text)) AS f(field, before, after)"
"  WHERE f.before IS NOT NULL AND f.before IS DISTINCT FROM f.after)"
" INSERT INTO %1$s.vnstream_symbols (ticker, exchange, kind, isin, trading_status, listed_shares,"
"  active, misses, last_quote, source, first_seen, updated_at)"
" SELECT ticker, exchange, kind, isin, status, shares, false, misses, last_quote, $9,"
"  pg_catalog.now(), CASE WHEN is_new OR (isin, status, shares, exchange, kind) IS DISTINCT FROM"
"   (old_isin, old_status, old_shares, old_exchange, old_kind) THEN pg_catalog.now() ELSE updated_at END"
" FROM merged ON CONFLICT (ticker) DO UPDATE SET exchange = excluded.exchange,"
"  kind = excluded.kind, isin = excluded.isin, trading_status = excluded.trading_status,"
"  listed_shares = excluded.listed_shares, misses = excluded.misses,"
"  last_quote = excluded.last_quote, updated_at = excluded.updated_at";

void
symbol_rows_take_sweep(const StoreCatalog *catalog, const SymbolRow *rows, int count,
					   const char *source)
{
	Oid			types[] = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
	INT8ARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID, TEXTOID};
	Datum		values[lengthof(types)];
	Column		texts[5];
	Column		shares = column_begin(count);
	Column		misses = column_begin(count);
	Column		quoted = column_begin(count);

	for (int c = 0; c < 5; c++)
		texts[c] = column_begin(count);
	for (int i = 0; i < count; i++)
	{
		column_add_text(&texts[0], rows[i].ticker);
		column_add_text(&texts[1], rows[i].exchange);
		column_add_text(&texts[2], rows[i].kind);
		column_add_text(&texts[3], rows[i].isin);
		column_add_text(&texts[4], rows[i].trading_status);
		column_add(&shares, Int64GetDatum(rows[i].listed_shares), rows[i].listed_shares == 0);
		column_add(&misses, Int32GetDatum(rows[i].misses), false);
		column_add(&quoted, TimestampTzGetDatum(rows[i].last_quote), rows[i].last_quote == 0);
	}
	for (int c = 0; c < 5; c++)
		values[c] = column_array(&texts[c], TEXTOID);
	values[5] = column_array(&shares, INT8OID);
	values[6] = column_array(&misses, INT4OID);
	values[7] = column_array(&quoted, TIMESTAMPTZOID);
	values[8] = CStringGetTextDatum(source);
	(void) store_execute(store_plan(&sweep_plan, catalog, sweep_query, lengthof(types), types),
						 values, NULL);
}
