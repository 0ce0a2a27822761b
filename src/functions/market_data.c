/*-------------------------------------------------------------------------
 *
 * market_data.c
 *	  What the functions about quotes that are stored share.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/guc.h"
#include "utils/rls.h"

#include "functions/market_data.h"
#include "functions/ticker.h"
#include "store/calendar_rows.h"

void
market_data_begin(MarketData *data)
{
	memset(data, 0, sizeof(*data));
	store_catalog_get(&data->catalog);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	data->guc_level = NewGUCNestLevel();
	setting_pin("search_path", "pg_catalog, pg_temp");
	quotes_table_find(&data->catalog, &data->quotes);
	if (pg_class_aclcheck(data->quotes.relation, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, QUOTES_TABLE);
	data->calendar = calendar_rows_get(&data->catalog);
}

void
market_data_end(MarketData *data)
{
	AtEOXact_GUC(false, data->guc_level);
	SPI_finish();
}

bool
market_data_has_row_security(const MarketData *data)
{
	return check_enable_rls(data->quotes.relation, InvalidOid, true) == RLS_ENABLED;
}

void
market_data_query(const MarketData *data, const char *text, int count,
				  Oid *types, Datum *values, const char *nulls)
{
	int			code = SPI_execute_with_args(psprintf(text, data->catalog.schema_name),
											 count, types, values, nulls, true, 0);

	if (code != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(code));
}

void
market_data_query_as_owner(const MarketData *data, const char *text, int count,
						   Oid *types, Datum *values, const char *nulls)
{
	RoleScope	role;

	role_scope_enter(&role, data->catalog.owner);
	market_data_query(data, text, count, types, values, nulls);
	role_scope_leave(&role);
}

double
spi_double(HeapTuple row, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, desc, column, &isnull);

	return isnull ? NAN : DatumGetFloat8(value);
}

int64
spi_int64(HeapTuple row, TupleDesc desc, int column, int64 unknown)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, desc, column, &isnull);

	return isnull ? unknown : DatumGetInt64(value);
}

int64
spi_time(HeapTuple row, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, desc, column, &isnull);

	if (isnull || TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(value)))
		return NO_TIME;
	return UNIX_TIME(DatumGetTimestampTz(value));
}

int32
spi_date(HeapTuple row, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, desc, column, &isnull);

	if (isnull || DATE_NOT_FINITE(DatumGetDateADT(value)))
		return NO_DATE;
	return UNIX_DATE(DatumGetDateADT(value));
}

void
spi_name(HeapTuple row, TupleDesc desc, int column, char *name, Size size)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, desc, column, &isnull);

	name[0] = '\0';
	if (!isnull)
		text_to_cstring_buffer(DatumGetTextPP(value), name, size);
}

void
put_double(Datum *value, bool *isnull, double number)
{
	*isnull = isnan(number);
	*value = Float8GetDatum(*isnull ? 0 : number);
}

void
put_time(Datum *value, bool *isnull, int64 time)
{
	*isnull = time == NO_TIME;
	*value = TimestampTzGetDatum(*isnull ? 0 : TIMESTAMP_OF_UNIX(time));
}

char *
named_ticker(FunctionCallInfo fcinfo, int number, bool is_optional)
{
	if (!PG_ARGISNULL(number))
		return ticker_argument(PG_GETARG_TEXT_PP(number));
	if (is_optional)
		return NULL;
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("the ticker must not be null"),
			 errhint("Name one, such as 'VCB'.")));
}

int64
time_argument(FunctionCallInfo fcinfo, int number, const char *name, int64 missing)
{
	TimestampTz time;

	if (PG_ARGISNULL(number))
		return missing;
	time = PG_GETARG_TIMESTAMPTZ(number);
	if (TIMESTAMP_NOT_FINITE(time))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("\"%s\" must not be infinite", name),
				 errhint("Name a time, such as '2026-08-07 09:00+07'.")));
	/* a quote can be of no other time, and sums of these cannot overflow */
	if (time < TIMESTAMP_OF_UNIX(QUOTE_TIME_MIN))
		return QUOTE_TIME_MIN;
	if (time > GetCurrentTransactionStartTimestamp() + 100 * QUOTE_TIME_AHEAD)
		return unix_now() + 100 * QUOTE_TIME_AHEAD;
	return UNIX_TIME(time);
}

Exchange
exchange_argument(FunctionCallInfo fcinfo, int number)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(number));

	for (int i = 0; i < EXCHANGE_COUNT; i++)
	{
		if (pg_strcasecmp(name, exchange_name(i)) == 0)
			return i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no exchange \"%s\"", name),
			 errhint("There are 'HOSE', 'HNX' and 'UPCOM'; NULL is all of them.")));
}

void
put_rows(ReturnSetInfo *result)
{
	int			columns = result->setDesc->natts;
	Datum	   *values = palloc(sizeof(Datum) * columns);
	bool	   *nulls = palloc(sizeof(bool) * columns);

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

void
check_range(int64 from, int64 to)
{
	if (from >= to)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"from\" must be before \"to\""),
				 errhint("\"from\" is the first moment, \"to\" the first one that is not wanted any more.")));
}

int64
unix_now(void)
{
	return UNIX_TIME(GetCurrentTransactionStartTimestamp());
}

CandleSweep *
market_sweeps(const MarketData *data, int64 from, int64 to, int *count)
{
	/* sweeps of some symbols say nothing of the others */
	static const char query[] =
		"SELECT started, ended FROM %1$s.vnstream_sweeps"
		" WHERE started OPERATOR(pg_catalog.>=) $1 AND started OPERATOR(pg_catalog.<) $2"
		" AND ended IS NOT NULL AND answered OPERATOR(pg_catalog.>) 0"
		" AND answered OPERATOR(pg_catalog.*) 2::pg_catalog.int8 OPERATOR(pg_catalog.>=) asked"
		" AND trigger OPERATOR(pg_catalog.<>) ALL ('{hot,probe}'::pg_catalog.text[])"
		" ORDER BY ended";
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(TIMESTAMP_OF_UNIX(from - LONGEST_SWEEP)),
	TimestampTzGetDatum(TIMESTAMP_OF_UNIX(to))};
	CandleSweep *sweeps;

	market_data_query_as_owner(data, query, 2, types, values, NULL);
	*count = (int) SPI_processed;
	sweeps = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(CandleSweep) * (SPI_processed + 1));
	for (int i = 0; i < *count; i++)
	{
		sweeps[i].started = spi_time(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		sweeps[i].ended = spi_time(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);
	}
	SPI_freetuptable(SPI_tuptable);
	return sweeps;
}

void
newest_exchange(const MarketData *data, const char *ticker, char *name, Size size)
{
	static const char query[] =
		"SELECT exchange FROM %1$s." QUOTES_TABLE
		" WHERE ticker OPERATOR(pg_catalog.=) $1 ORDER BY time DESC LIMIT 1";
	static const char symbol_query[] =
		"SELECT exchange FROM %1$s.vnstream_symbols WHERE ticker OPERATOR(pg_catalog.=) $1";
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(ticker)};

	name[0] = '\0';
	market_data_query(data, query, 1, types, values, NULL);
	if (SPI_processed > 0)
		spi_name(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, name, size);
	SPI_freetuptable(SPI_tuptable);
	if (name[0] != '\0')
		return;
	market_data_query_as_owner(data, symbol_query, 1, types, values, NULL);
	if (SPI_processed > 0)
		spi_name(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, name, size);
	SPI_freetuptable(SPI_tuptable);
}

Exchange
exchange_or_widest(const char *name)
{
	int			exchange = exchange_from_name(name);

	return exchange < 0 ? EXCHANGE_UPCOM : (Exchange) exchange;
}
