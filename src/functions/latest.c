/*-------------------------------------------------------------------------
 *
 * latest.c
 *	  vnstream_latest(): the newest quote of each ticker.
 *
 * From shared memory where that is known to be all (latest.h), else from
 * realtime_quotes, with the caller's rights.  Who may not read all of the table,
 * for privileges or for row security, gets what a SELECT gives him and nothing
 * of shared memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/timestamp.h"

#include "functions/ticker.h"
#include "latest.h"
#include "latest_commit.h"
#include "shared_state.h"
#include "store/newest.h"

PG_FUNCTION_INFO_V1(vnstream_latest);
PG_FUNCTION_INFO_V1(vnstream_latest_of);

#define LATEST_COLUMNS (QUOTE_FIELD_COUNT + 1)

/* The table as this caller sees it, and where the rows go. */
typedef struct LatestQuery
{
	Oid			schema;
	Oid			relation;		/* locked */
	bool		may_use_memory; /* the caller may read every row and column */
	uint64		table_state;
	ReturnSetInfo *result;
} LatestQuery;

static void
begin_query(LatestQuery *query, FunctionCallInfo fcinfo)
{
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	query->result = (ReturnSetInfo *) fcinfo->resultinfo;
	if (query->result->setDesc->natts != LATEST_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the installed script of vnstock_stream is not of this library's version"),
				 errhint("ALTER EXTENSION vnstock_stream UPDATE.")));

	/* The extension cannot be moved, so its schema is this function's. */
	query->schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	query->relation = quotes_table_lock(query->schema);
	if (!OidIsValid(query->relation))
		quotes_table_missing(quote_identifier(get_namespace_name(query->schema)));
	query->may_use_memory =
		pg_class_aclcheck(query->relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		check_enable_rls(query->relation, InvalidOid, true) != RLS_ENABLED;
	query->table_state = query->may_use_memory ? quotes_table_state(query->relation) : 0;
}

static void
put_quote(const LatestQuery *query, const LatestEntry *entry)
{
	Datum		values[LATEST_COLUMNS];
	bool		nulls[LATEST_COLUMNS];

	newest_values(&entry->quote, values, nulls);
	values[QUOTE_FIELD_COUNT] = BoolGetDatum(entry->is_stored);
	nulls[QUOTE_FIELD_COUNT] = false;
	tuplestore_putvalues(query->result->setResult, query->result->setDesc, values, nulls);
}

static void
put_row(const LatestQuery *query, HeapTuple row, TupleDesc desc)
{
	Datum		values[LATEST_COLUMNS];
	bool		nulls[LATEST_COLUMNS];

	heap_deform_tuple(row, desc, values, nulls);
	values[QUOTE_FIELD_COUNT] = BoolGetDatum(true);
	nulls[QUOTE_FIELD_COUNT] = false;
	tuplestore_putvalues(query->result->setResult, query->result->setDesc, values, nulls);
}

static uint64
select_newest(const LatestQuery *query, const char *ticker)
{
	return newest_select(query->relation,
						 quote_identifier(get_namespace_name(query->schema)), ticker, 0);
}

/*
 * The newer of the table's row and of what memory has.  Memory can be newer: a
 * quote that is not stored yet, or a snapshot that is older.
 */
static void
put_newer(const LatestQuery *query, const LatestEntry *entry, const char *ticker)
{
	if (select_newest(query, ticker) == 0)
	{
		if (entry->has_quote)
			put_quote(query, entry);
	}
	else
	{
		HeapTuple	row = SPI_tuptable->vals[0];

		if (entry->has_quote && newest_is_older(row, SPI_tuptable->tupdesc, &entry->quote))
			put_quote(query, entry);
		else
			put_row(query, row, SPI_tuptable->tupdesc);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* The rows are taken as what the columns of quotes are, so they must be that. */
static void
begin_reading(void)
{
	StoreCatalog catalog;
	QuotesTable table;

	store_catalog_get(&catalog);
	quotes_table_find(&catalog, &table);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

Datum
vnstream_latest_of(PG_FUNCTION_ARGS)
{
	LatestEntry entry = {.has_quote = false};
	LatestQuery query;
	const char *ticker;

	begin_query(&query, fcinfo);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	ticker = ticker_argument(PG_GETARG_TEXT_PP(0));
	if (query.may_use_memory &&
		latest_read(ticker, query.table_state, &entry) && !latest_commit_has_gathered())
	{
		if (entry.has_quote)
			put_quote(&query, &entry);
		return (Datum) 0;
	}
	begin_reading();
	put_newer(&query, &entry, ticker);
	SPI_finish();
	return (Datum) 0;
}

static int
compare_entries(const void *a, const void *b)
{
	return strcmp(((const LatestEntry *) a)->quote.ticker,
				  ((const LatestEntry *) b)->quote.ticker);
}

/* All of the table, and what memory has newer.  Entries are in order of tickers. */
static void
put_all_newer(const LatestQuery *query, LatestEntry *entries, int count)
{
	uint64		rows = select_newest(query, NULL);
	bool	   *is_put = palloc0(sizeof(bool) * Max(count, 1));

	for (uint64 r = 0; r < rows; r++)
	{
		HeapTuple	row = SPI_tuptable->vals[r];
		LatestEntry key;
		LatestEntry *entry;
		bool		is_null;
		char	   *ticker = TextDatumGetCString(SPI_getbinval(row, SPI_tuptable->tupdesc,
															   QUOTE_TICKER + 1, &is_null));

		strlcpy(key.quote.ticker, ticker, sizeof(key.quote.ticker));
		entry = strlen(ticker) > TICKER_MAX || count == 0 ? NULL :
			bsearch(&key, entries, count, sizeof(LatestEntry), compare_entries);
		pfree(ticker);
		if (entry != NULL)
			is_put[entry - entries] = true;
		if (entry != NULL && entry->has_quote &&
			newest_is_older(row, SPI_tuptable->tupdesc, &entry->quote))
			put_quote(query, entry);
		else
			put_row(query, row, SPI_tuptable->tupdesc);
	}
	for (int i = 0; i < count; i++)
		if (entries[i].has_quote && !is_put[i])
			put_quote(query, &entries[i]);
	pfree(is_put);
	SPI_freetuptable(SPI_tuptable);
}

Datum
vnstream_latest(PG_FUNCTION_ARGS)
{
	LatestEntry *entries = NULL;
	LatestQuery query;
	bool		is_all = false;
	bool		has_spi = false;
	int			count = 0;

	begin_query(&query, fcinfo);
	if (query.may_use_memory)
		is_all = latest_read_all(query.table_state, &entries, &count) &&
			!latest_commit_has_gathered();
	if (count > 0)
		qsort(entries, count, sizeof(LatestEntry), compare_entries);
	if (!is_all)
	{
		begin_reading();
		put_all_newer(&query, entries, count);
		SPI_finish();
		return (Datum) 0;
	}
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!entries[i].must_read_table)
		{
			if (entries[i].has_quote)
				put_quote(&query, &entries[i]);
			continue;
		}
		if (!has_spi)
			begin_reading();
		has_spi = true;
		put_newer(&query, &entries[i], entries[i].quote.ticker);
	}
	if (has_spi)
		SPI_finish();
	return (Datum) 0;
}
