/*-------------------------------------------------------------------------
 *
 * market_data.h
 *	  What the functions about quotes that are stored share.
 *
 * Anybody may call them, and needs SELECT on realtime_quotes: its rows are read
 * with the caller's rights, row security included.  Tables of the extension's
 * own, such as sweeps and bars, are read as its owner.
 *
 * Main thread of a session, inside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_FUNCTIONS_MARKET_DATA_H
#define VNSTREAM_FUNCTIONS_MARKET_DATA_H

#include "postgres.h"

#include "fmgr.h"
#include "nodes/execnodes.h"
#include "utils/timestamp.h"

#include "market/calendar.h"
#include "market/candles.h"
#include "store/catalog.h"
#include "store/role.h"

/* So many intervals may pass between two looks at the market; more are a hole. */
#define HOLE_INTERVALS 3

/* µs since 1970, as market/ counts, and PostgreSQL's since 2000. */
#define UNIX_EPOCH_DISTANCE \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)
#define UNIX_TIME(timestamp) ((int64) (timestamp) + UNIX_EPOCH_DISTANCE)
#define TIMESTAMP_OF_UNIX(time) ((TimestampTz) ((time) - UNIX_EPOCH_DISTANCE))
#define UNIX_DATE(date) ((int32) (date) + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE))
#define DATE_OF_UNIX(day) ((DateADT) ((day) - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)))

typedef struct MarketData
{
	StoreCatalog catalog;
	QuotesTable quotes;
	const Calendar *calendar;
	int			guc_level;
} MarketData;

/*
 * Connects SPI, with search_path pinned and the caller's rights, finds
 * realtime_quotes and the calendar.  Raises what quotes_table_find() does,
 * and PostgreSQL's own "permission denied" where the caller may not read the
 * whole table.
 */
extern void market_data_begin(MarketData *data);
extern void market_data_end(MarketData *data);

/* The only rows that the caller is to see are those that policies let through. */
extern bool market_data_has_row_security(const MarketData *data);

/*
 * Runs a query, in which %1$s is the schema, and %2$s too if given; the rows are
 * in SPI_tuptable.  With the caller's rights, or the extension owner's.
 */
extern void market_data_query(const MarketData *data, const char *text, int count,
							  Oid *types, Datum *values, const char *nulls);
extern void market_data_query_as_owner(const MarketData *data, const char *text, int count,
									   Oid *types, Datum *values, const char *nulls);

/* Columns (from 1) of a row of SPI_tuptable, with what stands for NULL. */
extern double spi_double(HeapTuple row, TupleDesc desc, int column);	/* NAN */
extern int64 spi_int64(HeapTuple row, TupleDesc desc, int column, int64 unknown);
extern int64 spi_time(HeapTuple row, TupleDesc desc, int column);	/* NO_TIME */
extern int32 spi_date(HeapTuple row, TupleDesc desc, int column);	/* NO_DATE */
extern void spi_name(HeapTuple row, TupleDesc desc, int column, char *name, Size size); /* '' */

#define NO_DATE PG_INT32_MIN

/* The other way round, into a result row. */
extern void put_double(Datum *value, bool *isnull, double number);
extern void put_time(Datum *value, bool *isnull, int64 time);

/*
 * Arguments.  A ticker as the table has it, palloc'd; raises for what can be none.
 * NULL is refused unless optional (then the answer is NULL).
 */
extern char *named_ticker(FunctionCallInfo fcinfo, int number, bool is_optional);

/* A finite time in µs since 1970; missing where NULL.  Bounds are cut to what a quote may have. */
extern int64 time_argument(FunctionCallInfo fcinfo, int number, const char *name, int64 missing);

/* HOSE, HNX or UPCOM, in any case of letters; must not be NULL. */
extern Exchange exchange_argument(FunctionCallInfo fcinfo, int number);

/* The rows of SPI_tuptable as the function's result: columns of the same types. */
extern void put_rows(ReturnSetInfo *result);

/* Raises where from is not before to. */
extern void check_range(int64 from, int64 to);

/* Now, in µs since 1970: the beginning of the statement's transaction. */
extern int64 unix_now(void);

/*
 * Sweeps of the whole market that looked at most of it, begun in [from, to) or
 * up to LONGEST_SWEEP before, in order of their end; palloc'd.
 */
#define LONGEST_SWEEP (60 * MICROSECONDS_PER_MINUTE)
extern CandleSweep *market_sweeps(const MarketData *data, int64 from, int64 to, int *count);

/* The ticker's exchange by its newest quote, else by the list of symbols; '' where neither has it. */
extern void newest_exchange(const MarketData *data, const char *ticker, char *name, Size size);

/* The exchange of that name; UPCOM, whose hours contain all others', for ''. */
extern Exchange exchange_or_widest(const char *name);

#endif							/* VNSTREAM_FUNCTIONS_MARKET_DATA_H */
