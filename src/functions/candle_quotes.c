/*-------------------------------------------------------------------------
 *
 * candle_quotes.c
 *	  Candles from realtime_quotes: which rows are read, and of which date they
 *	  are.
 *
 * A match is seen after it happened: normally within an interval, but a quote
 * of Friday may be fetched on Sunday.  So rows are read from the first trading
 * date's midnight, in the order of time, until a later date's rows begin.  The
 * primary key (ticker, time) has them in that order, and the bounds of time
 * leave other months' partitions out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "config.h"
#include "functions/candle_rows.h"

/* The longest time for which the market has been closed is ten days; thrice that. */
#define LONGEST_BREAK_DAYS 31

/* Sources need not turn to a new date at the same time. */
#define DATES_OVERLAP (60 * MICROSECONDS_PER_MINUTE)

#define ROWS_AT_ONCE 1000

/* s; a shorter one may have been set after the quotes were fetched. */
#define DEFAULT_HEARTBEAT 900

/* Of the days after, where the first rows mostly tell that there are no more. */
#define LATE_ROWS_AT_ONCE 50

#define QUOTE_COLUMNS_READ \
	"time, match_time, price, open_price, highest_price, lowest_price, total_value," \
	" total_volume, trading_date, source, exchange"

static const char quotes_query[] =
"SELECT " QUOTE_COLUMNS_READ " FROM %1$s." QUOTES_TABLE
" WHERE ticker OPERATOR(pg_catalog.=) $1 AND time OPERATOR(pg_catalog.>=) $2"
" AND time OPERATOR(pg_catalog.<) $3 ORDER BY time";

static const char quote_before_query[] =
"SELECT " QUOTE_COLUMNS_READ " FROM %1$s." QUOTES_TABLE
" WHERE ticker OPERATOR(pg_catalog.=) $1 AND time OPERATOR(pg_catalog.<) $2"
" AND time OPERATOR(pg_catalog.>=) $3 ORDER BY time DESC LIMIT 1";

/* The quotes of one trading date, as they come. */
typedef struct DayRows
{
	int32		date;			/* NO_DATE: unused */
	CandleSample *samples;
	int			count;
	int			capacity;
	char		exchange[QUOTE_NAME_MAX + 1];
} DayRows;

/* Two dates: the one that ends may still get rows of a slower source. */
#define OPEN_DATES 2

typedef struct QuoteReader
{
	const MarketData *data;
	const CandleRequest *request;
	CandleList *list;
	DayRows		days[OPEN_DATES];	/* in order of date */
	const CandleSweep *sweeps;
	int			sweep_count;
	int32		first_date;
	int32		last_date;
	int64		later_since;	/* the first row of a date after the last; NO_TIME */
	bool		has_previous;	/* the row before: date and totals of it */
	int32		previous_date;
	int64		previous_volume;
	char		exchange[QUOTE_NAME_MAX + 1];	/* the last one told */
} QuoteReader;

static void
read_sample(HeapTuple row, TupleDesc desc, CandleSample *sample, int32 *date, char *exchange)
{
	memset(sample, 0, sizeof(*sample));
	sample->time = spi_time(row, desc, 1);
	sample->match_time = spi_time(row, desc, 2);
	sample->price = spi_double(row, desc, 3);
	sample->open = spi_double(row, desc, 4);
	sample->high = spi_double(row, desc, 5);
	sample->low = spi_double(row, desc, 6);
	sample->total_value = spi_double(row, desc, 7);
	sample->total_volume = spi_int64(row, desc, 8, NO_VOLUME);
	*date = spi_date(row, desc, 9);
	spi_name(row, desc, 10, sample->source, sizeof(sample->source));
	spi_name(row, desc, 11, exchange, QUOTE_NAME_MAX + 1);
}

/* What a quote before the first one says of dates: rows without one need it. */
static void
read_previous(QuoteReader *reader, int64 before)
{
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {CStringGetTextDatum(reader->request->ticker),
		TimestampTzGetDatum(TIMESTAMP_OF_UNIX(before)),
	TimestampTzGetDatum(TIMESTAMP_OF_UNIX(before - LONGEST_BREAK_DAYS * MICROSECONDS_PER_DAY))};
	CandleSample sample;
	char		exchange[QUOTE_NAME_MAX + 1];

	reader->has_previous = true;
	reader->previous_date = NO_DATE;
	market_data_query(reader->data, quote_before_query, 3, types, values, NULL);
	if (SPI_processed > 0)
	{
		read_sample(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, &sample,
					&reader->previous_date, exchange);
		if (reader->previous_date == NO_DATE)
			reader->previous_date = calendar_day(sample.time);
		reader->previous_volume = sample.total_volume;
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * The trading date of a quote that does not tell it, such as one of an old
 * producer: its match's, or the day of its fetching; but a total that is the
 * previous quote's is of the previous date, and nothing is traded on a weekend.
 */
static int32
date_of(QuoteReader *reader, const CandleSample *sample)
{
	int32		date = calendar_day(sample->match_time != NO_TIME ? sample->match_time : sample->time);

	if (!reader->has_previous)
		read_previous(reader, sample->time);
	if (reader->previous_date != NO_DATE && reader->previous_date < date &&
		(sample->total_volume == reader->previous_volume || calendar_is_weekend(date)))
		return reader->previous_date;
	return date;
}

/* The sweeps between a date's midnight and the end of its last quote's sweep. */
static void
sweeps_of_day(const QuoteReader *reader, CandleDay *day)
{
	int64		first = calendar_time(day->date, 0);
	int64		last = day->samples[day->sample_count - 1].time;
	int			low = 0;
	int			high = reader->sweep_count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (reader->sweeps[middle].ended < first)
			low = middle + 1;
		else
			high = middle;
	}
	day->sweeps = reader->sweeps + low;
	while (low < reader->sweep_count && reader->sweeps[low].started <= last)
		low++;
	day->sweep_count = (int) (reader->sweeps + low - day->sweeps);
}

static void
finish_day(QuoteReader *reader, DayRows *rows)
{
	CandleList *list = reader->list;
	CandleDay	day = {.date = rows->date,.samples = rows->samples,.sample_count = rows->count};

	if (rows->date != NO_DATE && rows->count > 0)
	{
		int			needed = list->count + 2 * rows->count;

		if (needed > list->capacity)
		{
			list->capacity = Max(2 * list->capacity, needed);
			list->candles = repalloc_huge(list->candles, sizeof(Candle) * list->capacity);
		}
		trading_hours_set(&day.hours, reader->data->calendar,
						  exchange_or_widest(rows->exchange), day.date);
		sweeps_of_day(reader, &day);
		day.hole_limit = HOLE_INTERVALS * config_interval * MICROSECONDS_PER_SECOND;
		day.silence_limit = day.hole_limit +
			Max(config_heartbeat, DEFAULT_HEARTBEAT) * MICROSECONDS_PER_SECOND;
		/* without sweeps, only heartbeats tell that nothing has changed */
		if (day.sweep_count == 0)
			day.hole_limit += config_heartbeat * MICROSECONDS_PER_SECOND;
		candles_add_day(list, &reader->request->bucket, &day);
	}
	rows->date = NO_DATE;
	rows->count = 0;
	rows->exchange[0] = '\0';
}

/* The rows of that date; NULL where they were finished already. */
static DayRows *
rows_of(QuoteReader *reader, int32 date)
{
	DayRows		spare;

	for (int i = 0; i < OPEN_DATES; i++)
	{
		if (reader->days[i].date == date)
			return &reader->days[i];
	}
	/* the newest one is the last; unused ones, NO_DATE, are before all */
	if (date < reader->days[0].date)
		return NULL;
	finish_day(reader, &reader->days[0]);
	spare = reader->days[0];
	spare.date = date;
	if (date > reader->days[OPEN_DATES - 1].date)
	{
		memmove(&reader->days[0], &reader->days[1], sizeof(DayRows) * (OPEN_DATES - 1));
		reader->days[OPEN_DATES - 1] = spare;
		return &reader->days[OPEN_DATES - 1];
	}
	reader->days[0] = spare;
	return &reader->days[0];
}

/* False where no more rows are needed. */
static bool
add_row(QuoteReader *reader, HeapTuple row, TupleDesc desc)
{
	CandleSample sample;
	int32		date;
	char		exchange[QUOTE_NAME_MAX + 1];
	DayRows    *rows;

	read_sample(row, desc, &sample, &date, exchange);
	if (date == NO_DATE)
		date = date_of(reader, &sample);
	reader->has_previous = true;
	reader->previous_date = date;
	reader->previous_volume = sample.total_volume;
	if (exchange[0] != '\0')
		strlcpy(reader->exchange, exchange, sizeof(reader->exchange));

	if (date > reader->last_date)
	{
		if (reader->later_since == NO_TIME)
			reader->later_since = sample.time;
		return sample.time < reader->later_since + DATES_OVERLAP;
	}
	if (date < reader->first_date)
		return true;
	rows = rows_of(reader, date);
	if (rows == NULL)
		return true;
	if (rows->count == rows->capacity)
	{
		rows->capacity = Max(2 * rows->capacity, ROWS_AT_ONCE);
		rows->samples = rows->samples == NULL ?
			palloc(sizeof(CandleSample) * rows->capacity) :
			repalloc_huge(rows->samples, sizeof(CandleSample) * rows->capacity);
	}
	rows->samples[rows->count++] = sample;
	strlcpy(rows->exchange, reader->exchange, sizeof(rows->exchange));
	return true;
}

/*
 * Reads the ticker's rows of a time, some at once, until no more are needed.  A
 * part of them, from 0 to 1, is expected to be enough.
 */
static bool
read_rows(QuoteReader *reader, int64 from, int64 to, int at_once, const char *part)
{
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {CStringGetTextDatum(reader->request->ticker),
		TimestampTzGetDatum(TIMESTAMP_OF_UNIX(from)),
	TimestampTzGetDatum(TIMESTAMP_OF_UNIX(to))};
	Portal		portal;
	bool		goes_on = true;
	uint64		count;

	setting_pin("cursor_tuple_fraction", part);
	portal = SPI_cursor_open_with_args(NULL, psprintf(quotes_query, reader->data->catalog.schema_name),
									   3, types, values, NULL, true, CURSOR_OPT_NO_SCROLL);
	do
	{
		SPITupleTable *rows;

		SPI_cursor_fetch(portal, true, at_once);
		rows = SPI_tuptable;
		count = SPI_processed;
		/* a row without a date may ask for the one before it */
		for (uint64 i = 0; i < count && goes_on; i++)
			goes_on = add_row(reader, rows->vals[i], rows->tupdesc);
		SPI_freetuptable(rows);
		CHECK_FOR_INTERRUPTS();
	} while (goes_on && count > 0);
	SPI_cursor_close(portal);
	return goes_on;
}

void
candles_from_quotes(const MarketData *data, const CandleRequest *request,
					CandleList *list, Exchange *exchange)
{
	QuoteReader reader = {.data = data,.request = request,.list = list,.later_since = NO_TIME};
	int64		first;
	int64		end;

	reader.first_date = calendar_day(request->from);
	reader.last_date = calendar_day(request->to - 1);
	for (int i = 0; i < OPEN_DATES; i++)
		reader.days[i].date = NO_DATE;
	list->count = 0;
	list->capacity = ROWS_AT_ONCE;
	list->candles = palloc(sizeof(Candle) * list->capacity);

	first = calendar_time(reader.first_date, 0);
	end = calendar_time(reader.last_date + 1, 0);
	reader.sweeps = market_sweeps(data, first, end, &reader.sweep_count);
	if (read_rows(&reader, first, end, ROWS_AT_ONCE, "1.0"))
		(void) read_rows(&reader, end, end + LONGEST_BREAK_DAYS * MICROSECONDS_PER_DAY,
						 LATE_ROWS_AT_ONCE, "0.001");
	for (int i = 0; i < OPEN_DATES; i++)
		finish_day(&reader, &reader.days[i]);
	if (reader.exchange[0] == '\0')
		newest_exchange(data, request->ticker, reader.exchange, sizeof(reader.exchange));
	*exchange = exchange_or_widest(reader.exchange);
}
