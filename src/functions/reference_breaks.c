/*-------------------------------------------------------------------------
 *
 * reference_breaks.c
 *	  vnstream_reference_breaks(): days that do not go on where the day before
 *	  ended, such as ex-dates of dividends and splits.
 *
 * The reference price is the close of the trading day before (HOSE, HNX), or
 * its average price to the tick (UPCOM); where nothing was traded then, that
 * day's reference.  The last quote of each day tells its close, as far as it was
 * fetched after the last match can have been; else a source's daily bar does,
 * if it is known to be unadjusted.
 *
 * Not to be established: breaks of a ticker whose day before, by the calendar,
 * has neither; and those smaller than the tick on UPCOM, where the average
 * is not exactly the exchange's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "functions/market_data.h"

PG_FUNCTION_INFO_V1(vnstream_reference_breaks);

#define BREAK_COLUMNS 8
#define DEFAULT_DAYS 30
#define LONGEST_DAYS 366

/* Days before the first one in which its trading day before is looked for. */
#define LONGEST_BREAK_DAYS 31

/* Prices are whole VND; half of one is rounding. */
#define PRICE_TOLERANCE 0.5
#define UPCOM_TICK 100.0

typedef struct DayEnd
{
	char		ticker[TICKER_MAX + 1];
	char		exchange[QUOTE_NAME_MAX + 1];
	int32		day;
	int64		time;
	double		price;
	double		reference;
	double		total_value;
	int64		total_volume;
} DayEnd;

/* The last quote of each ticker on each day: one look into the primary key each. */
static const char days_query[] =
"WITH RECURSIVE known AS ("
"  (SELECT ticker FROM %1$s." QUOTES_TABLE " ORDER BY ticker LIMIT 1)"
"  UNION ALL"
"  SELECT (SELECT q.ticker FROM %1$s." QUOTES_TABLE " AS q"
"    WHERE q.ticker OPERATOR(pg_catalog.>) k.ticker ORDER BY q.ticker LIMIT 1)"
"  FROM known AS k WHERE k.ticker IS NOT NULL),"
" wanted AS (SELECT ticker FROM known WHERE ticker IS NOT NULL AND $3 IS NULL"
"  UNION ALL SELECT $3 WHERE $3 IS NOT NULL)"
" SELECT k.ticker, q.exchange, d.day, q.time, q.price, q.reference_price, q.total_value, q.total_volume"
" FROM wanted AS k CROSS JOIN"
"  (SELECT $1 OPERATOR(pg_catalog.+) n AS day, ($1 OPERATOR(pg_catalog.+) n)::pg_catalog.timestamp"
"   AT TIME ZONE 'Asia/Ho_Chi_Minh' AS midnight"
"   FROM pg_catalog.generate_series(0, $2 OPERATOR(pg_catalog.-) $1) AS n) AS d"
" CROSS JOIN LATERAL (SELECT r.exchange, r.time, r.price, r.reference_price, r.total_value, r.total_volume"
"  FROM %1$s." QUOTES_TABLE " AS r WHERE r.ticker OPERATOR(pg_catalog.=) k.ticker"
"  AND r.time OPERATOR(pg_catalog.>=) d.midnight"
"  AND r.time OPERATOR(pg_catalog.<) (d.midnight OPERATOR(pg_catalog.+) '24:00'::pg_catalog.interval)"
"  AND (r.trading_date IS NULL OR r.trading_date OPERATOR(pg_catalog.=) d.day)"
"  ORDER BY r.time DESC LIMIT 1) AS q"
" ORDER BY k.ticker COLLATE pg_catalog.\"C\", d.day";

static const char bar_query[] =
"SELECT close, value OPERATOR(pg_catalog./) nullif(volume, 0)::pg_catalog.float8 FROM %1$s.vnstream_bars"
" WHERE ticker OPERATOR(pg_catalog.=) $1 AND bar OPERATOR(pg_catalog.=) '1 day'::pg_catalog.interval"
" AND starts OPERATOR(pg_catalog.=) $2 AND is_finished AND adjusted OPERATOR(pg_catalog.=) 'no'"
" ORDER BY fetched_at DESC LIMIT 1";

typedef struct BreakFinder
{
	MarketData	data;
	ReturnSetInfo *result;
	int32		from;
	int32		to;
	bool		may_read_bars;
	int			unknown;		/* days whose break cannot be told */
} BreakFinder;

static int32
date_argument(FunctionCallInfo fcinfo, int number, const char *name, int32 missing)
{
	DateADT		date;

	if (PG_ARGISNULL(number))
		return missing;
	date = PG_GETARG_DATEADT(number);
	if (DATE_NOT_FINITE(date))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("\"%s\" must not be infinite", name),
				 errhint("Name a day, such as '2026-08-07'.")));
	/* neither is any quote before that, nor after tomorrow */
	if (date < DATE_OF_UNIX(calendar_day(QUOTE_TIME_MIN)))
		return calendar_day(QUOTE_TIME_MIN);
	return UNIX_DATE(Min(date, DATE_OF_UNIX(calendar_day(unix_now()) + LONGEST_DAYS)));
}

/* The trading day before; NO_DATE where the calendar has none near. */
static int32
trading_day_before(const BreakFinder *finder, Exchange exchange, int32 day)
{
	for (int32 before = day - 1; before >= day - LONGEST_BREAK_DAYS; before--)
	{
		if (calendar_is_trading_day(finder->data.calendar, exchange, before))
			return before;
	}
	return NO_DATE;
}

/* Was it fetched when the day's last match must have been over? */
static bool
is_of_evening(const BreakFinder *finder, Exchange exchange, const DayEnd *end)
{
	TradingHours hours;

	trading_hours_set(&hours, finder->data.calendar, exchange, end->day);
	return end->time >= trading_hours_last(&hours, calendar_time(end->day + 1, 0) - 1);
}

/* The price that the next day's reference should be; NAN where it cannot be told. */
static double
expected_price(const BreakFinder *finder, Exchange exchange, const DayEnd *before,
			   const char *ticker, int32 day, const char **basis)
{
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID};
	Datum		values[2];
	double		price = NAN;

	if (before != NULL && before->day == day && is_of_evening(finder, exchange, before))
	{
		if (before->total_volume == 0)
		{
			*basis = "no trade";
			return before->reference;
		}
		if (exchange != EXCHANGE_UPCOM)
		{
			*basis = "close";
			return before->price;
		}
		if (before->total_volume > 0 && !isnan(before->total_value))
		{
			*basis = "average price";
			return floor(before->total_value / before->total_volume / UPCOM_TICK + 0.5) * UPCOM_TICK;
		}
	}
	if (!finder->may_read_bars)
		return NAN;
	values[0] = CStringGetTextDatum(ticker);
	values[1] = TimestampTzGetDatum(TIMESTAMP_OF_UNIX(calendar_time(day, 0)));
	market_data_query_as_owner(&finder->data, bar_query, 2, types, values, NULL);
	if (SPI_processed > 0)
	{
		*basis = "source bar";
		price = spi_double(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
						   exchange == EXCHANGE_UPCOM ? 2 : 1);
		if (exchange == EXCHANGE_UPCOM)
			price = floor(price / UPCOM_TICK + 0.5) * UPCOM_TICK;
	}
	SPI_freetuptable(SPI_tuptable);
	return price;
}

static void
put_break(const BreakFinder *finder, const DayEnd *end, int32 previous_day, double expected,
		  const char *basis)
{
	Datum		values[BREAK_COLUMNS];
	bool		nulls[BREAK_COLUMNS] = {false};
	int			i = 0;

	values[i++] = CStringGetTextDatum(end->ticker);
	values[i++] = CStringGetTextDatum(end->exchange);
	values[i++] = DateADTGetDatum(DATE_OF_UNIX(end->day));
	values[i++] = Float8GetDatum(end->reference);
	values[i++] = DateADTGetDatum(DATE_OF_UNIX(previous_day));
	values[i++] = Float8GetDatum(expected);
	values[i++] = Float8GetDatum(end->reference / expected);
	values[i++] = CStringGetTextDatum(basis);
	Assert(i == BREAK_COLUMNS);
	tuplestore_putvalues(finder->result->setResult, finder->result->setDesc, values, nulls);
}

/* before: the ticker's last quote before that day; NULL where there is none. */
static void
judge(BreakFinder *finder, const DayEnd *end, const DayEnd *before)
{
	int			exchange = exchange_from_name(end->exchange);
	int32		previous_day;
	const char *basis = NULL;
	double		expected;

	if (end->day < finder->from || isnan(end->reference) || end->reference <= 0)
		return;
	previous_day = exchange < 0 ? NO_DATE : trading_day_before(finder, exchange, end->day);
	expected = previous_day == NO_DATE ? NAN :
		expected_price(finder, exchange, before, end->ticker, previous_day, &basis);
	if (isnan(expected) || expected <= 0)
		finder->unknown++;
	else if (fabs(end->reference - expected) >
			 (exchange == EXCHANGE_UPCOM && strcmp(basis, "no trade") != 0 ? UPCOM_TICK : 0) + PRICE_TOLERANCE)
		put_break(finder, end, previous_day, expected, basis);
}

static void
find_breaks(BreakFinder *finder, const char *ticker)
{
	Oid			types[] = {DATEOID, DATEOID, TEXTOID};
	Datum		values[] = {DateADTGetDatum(DATE_OF_UNIX(finder->from - LONGEST_BREAK_DAYS)),
		DateADTGetDatum(DATE_OF_UNIX(finder->to)),
	ticker == NULL ? (Datum) 0 : CStringGetTextDatum(ticker)};
	SPITupleTable *rows;
	uint64		count;
	DayEnd		ends[2];
	const DayEnd *before = NULL;

	market_data_query(&finder->data, days_query, 3, types, values, ticker == NULL ? "  n" : "   ");
	rows = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		HeapTuple	row = rows->vals[i];
		DayEnd	   *end = &ends[i % 2];

		spi_name(row, rows->tupdesc, 1, end->ticker, sizeof(end->ticker));
		spi_name(row, rows->tupdesc, 2, end->exchange, sizeof(end->exchange));
		end->day = spi_date(row, rows->tupdesc, 3);
		end->time = spi_time(row, rows->tupdesc, 4);
		end->price = spi_double(row, rows->tupdesc, 5);
		end->reference = spi_double(row, rows->tupdesc, 6);
		end->total_value = spi_double(row, rows->tupdesc, 7);
		end->total_volume = spi_int64(row, rows->tupdesc, 8, NO_VOLUME);
		if (before != NULL && strcmp(before->ticker, end->ticker) != 0)
			before = NULL;
		judge(finder, end, before);
		before = end;
		CHECK_FOR_INTERRUPTS();
	}
	SPI_freetuptable(rows);
}

Datum
vnstream_reference_breaks(PG_FUNCTION_ARGS)
{
	BreakFinder finder = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	char	   *ticker = named_ticker(fcinfo, 2, true);

	finder.to = date_argument(fcinfo, 1, "to", calendar_day(unix_now()));
	finder.from = date_argument(fcinfo, 0, "from", finder.to - DEFAULT_DAYS);
	if (finder.from > finder.to)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"from\" must not be after \"to\""),
				 errhint("Both days are looked at.")));
	if (finder.to - finder.from > LONGEST_DAYS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"from\" and \"to\" are more than a year apart"),
				 errhint("Ask for one year after the other.")));
	InitMaterializedSRF(fcinfo, 0);
	market_data_begin(&finder.data);
	finder.may_read_bars = !market_data_has_row_security(&finder.data);
	find_breaks(&finder, ticker);
	market_data_end(&finder.data);
	if (finder.unknown > 0)
		ereport(NOTICE,
				(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				 errmsg("%d days of tickers could not be judged: the trading day before has neither a quote of after its close nor an unadjusted daily bar",
						finder.unknown)));
	return (Datum) 0;
}
