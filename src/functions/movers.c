/*-------------------------------------------------------------------------
 *
 * movers.c
 *	  vnstream_movers(): what has risen, fallen and traded most.
 *
 * Of the newest trading date alone: a ticker whose last quote is of an earlier
 * one has not moved since.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "functions/market_data.h"

PG_FUNCTION_INFO_V1(vnstream_movers);

#define MOVERS_MAX 1000

/*
 * Without a trading date, the day of the quote in Vietnam counts.  Ties are in the order
 * of tickers.  Rows without a price, or that have not moved, are in no list.
 */
static const char movers_query[] =
"WITH newest AS (SELECT ticker, time, price, change, change_percent, total_volume, total_value, exchange,"
"  coalesce(trading_date, (time AT TIME ZONE 'Asia/Ho_Chi_Minh')::pg_catalog.date) AS day"
"  FROM %1$s.vnstream_latest()),"
" today AS (SELECT * FROM newest WHERE price IS NOT NULL"
"  AND day OPERATOR(pg_catalog.=) (SELECT pg_catalog.max(day) FROM newest)"
"  AND ($2 IS NULL OR exchange OPERATOR(pg_catalog.=) $2)),"
" list AS ("
"  SELECT 1 AS place, 'gainers' AS list, pg_catalog.row_number() OVER"
"   (ORDER BY change_percent DESC, ticker) AS rank, * FROM today WHERE change_percent OPERATOR(pg_catalog.>) 0"
"  UNION ALL"
"  SELECT 2, 'losers', pg_catalog.row_number() OVER"
"   (ORDER BY change_percent, ticker), * FROM today WHERE change_percent OPERATOR(pg_catalog.<) 0"
"  UNION ALL"
"  SELECT 3, 'volume', pg_catalog.row_number() OVER"
"   (ORDER BY total_volume DESC, ticker), * FROM today WHERE total_volume OPERATOR(pg_catalog.>) 0"
"  UNION ALL"
"  SELECT 4, 'value', pg_catalog.row_number() OVER"
"   (ORDER BY total_value DESC, ticker), * FROM today WHERE total_value OPERATOR(pg_catalog.>) 0)"
" SELECT list, rank::pg_catalog.int4, ticker, exchange, price, change, change_percent,"
"  total_volume, total_value, time FROM list WHERE rank OPERATOR(pg_catalog.<=) $1 ORDER BY place, rank";

static int32
number_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("n must not be null"),
				 errhint("Name how many tickers each list is to have, from 1 to %d.", MOVERS_MAX)));
	if (PG_GETARG_INT32(0) < 1 || PG_GETARG_INT32(0) > MOVERS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n must be from 1 to %d, not %d", MOVERS_MAX, PG_GETARG_INT32(0))));
	return PG_GETARG_INT32(0);
}

Datum
vnstream_movers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			types[] = {INT4OID, TEXTOID};
	Datum		arguments[2] = {Int32GetDatum(number_argument(fcinfo)), (Datum) 0};
	MarketData	data;

	if (!PG_ARGISNULL(1))
		arguments[1] = CStringGetTextDatum(exchange_name(exchange_argument(fcinfo, 1)));
	InitMaterializedSRF(fcinfo, 0);
	market_data_begin(&data);
	market_data_query(&data, movers_query, 2, types, arguments, PG_ARGISNULL(1) ? " n" : "  ");
	put_rows(result);
	market_data_end(&data);
	return (Datum) 0;
}
