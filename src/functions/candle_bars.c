/*-------------------------------------------------------------------------
 *
 * candle_bars.c
 *	  Candles from the sources' bars.
 *
 * One bar as long as the bucket is the candle.  Shorter ones make it up where
 * none is missing: where each stretch of the bucket in which orders are matched
 * has its bar, or a back-fill has asked for all of the bucket after it was over
 * (stretches without a trade have no bar then).  A candle is never made of
 * bars of two sources, or of adjusted and other prices; and of all bars of its
 * bucket or none, so that one which is not wanted leaves no part of a candle.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "config.h"
#include "functions/candle_rows.h"

typedef struct BarSize
{
	const char *name;
	int64		width;
} BarSize;

/* The longest first: it is what a source is surest of. */
static const BarSize bar_sizes[] = {
	{"1 day", MICROSECONDS_PER_DAY},
	{"1 hour", 60 * MICROSECONDS_PER_MINUTE},
	{"1 minute", MICROSECONDS_PER_MINUTE},
};

/* Of two sources the one that vnstream.sources names first comes first. */
static const char bars_query[] =
"SELECT starts, open, high, low, close, volume, value, fetched_at, adjusted, source"
" FROM %1$s.vnstream_bars WHERE ticker OPERATOR(pg_catalog.=) $1"
" AND bar OPERATOR(pg_catalog.=) $2::pg_catalog.text::pg_catalog.interval"
" AND starts OPERATOR(pg_catalog.>=) $3 AND starts OPERATOR(pg_catalog.<) $4 AND is_finished"
" ORDER BY pg_catalog.array_position(pg_catalog.regexp_split_to_array($5, '[ ,]+'), source::pg_catalog.text), source, starts";

/*
 * Back-fills that have asked for everything of the ticker, and refused nothing.
 * What ended less than a minute before they began was not finished then.
 */
static const char covered_query[] =
"SELECT \"from\", least(\"to\", started OPERATOR(pg_catalog.-) '1 minute'::pg_catalog.interval) FROM %1$s.vnstream_backfills"
" WHERE source OPERATOR(pg_catalog.=) $5 AND bar OPERATOR(pg_catalog.=) $2::pg_catalog.text::pg_catalog.interval"
" AND \"from\" OPERATOR(pg_catalog.<) $4 AND \"to\" OPERATOR(pg_catalog.>) $3"
" AND ended IS NOT NULL AND rejected OPERATOR(pg_catalog.=) 0::pg_catalog.int8"
" AND pg_catalog.array_position(tickers, $1) OPERATOR(pg_catalog.<=) done"
" AND $1 OPERATOR(pg_catalog.<>) ALL (failed)";

typedef struct SourceBar
{
	int64		starts;
	double		open;
	double		high;
	double		low;
	double		close;
	int64		volume;
	double		value;
	int64		fetched_at;
	Adjustment	adjusted;
	char		source[QUOTE_NAME_MAX + 1];
} SourceBar;

typedef struct Span
{
	int64		from;
	int64		until;
} Span;

typedef struct BarReader
{
	const MarketData *data;
	const CandleRequest *request;
	Exchange	exchange;
	const bool *takes;
	BarCandle  *candles;		/* in order of start */
	int			count;
	int			capacity;
	int64		left_out;
	Span	   *covered;		/* of the present size and source */
	int			covered_count;
} BarReader;

static Adjustment
adjustment(const char *name)
{
	return strcmp(name, "no") == 0 ? ADJUSTED_NO :
		strcmp(name, "yes") == 0 ? ADJUSTED_YES : ADJUSTED_UNKNOWN;
}

static void
bar_arguments(const BarReader *reader, const BarSize *size, const char *sources, Datum *values)
{
	values[0] = CStringGetTextDatum(reader->request->ticker);
	values[1] = CStringGetTextDatum(size->name);
	values[2] = TimestampTzGetDatum(TIMESTAMP_OF_UNIX(reader->request->from));
	values[3] = TimestampTzGetDatum(TIMESTAMP_OF_UNIX(reader->request->to));
	values[4] = CStringGetTextDatum(sources);
}

static Oid	argument_types[] = {TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID};

static SourceBar *
read_bars(const BarReader *reader, const BarSize *size, int *count)
{
	Datum		values[5];
	SourceBar  *bars;
	char		name[QUOTE_NAME_MAX + 1];

	bar_arguments(reader, size, config_sources, values);
	market_data_query_as_owner(reader->data, bars_query, lengthof(values), argument_types, values, NULL);
	*count = (int) SPI_processed;
	bars = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(SourceBar) * (SPI_processed + 1));
	for (int i = 0; i < *count; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;

		bars[i].starts = spi_time(row, desc, 1);
		bars[i].open = spi_double(row, desc, 2);
		bars[i].high = spi_double(row, desc, 3);
		bars[i].low = spi_double(row, desc, 4);
		bars[i].close = spi_double(row, desc, 5);
		bars[i].volume = spi_int64(row, desc, 6, 0);
		bars[i].value = spi_double(row, desc, 7);
		bars[i].fetched_at = spi_time(row, desc, 8);
		spi_name(row, desc, 9, name, sizeof(name));
		bars[i].adjusted = adjustment(name);
		spi_name(row, desc, 10, bars[i].source, sizeof(bars[i].source));
	}
	SPI_freetuptable(SPI_tuptable);
	return bars;
}

static void
read_covered(BarReader *reader, const BarSize *size, const char *source)
{
	Datum		values[5];

	bar_arguments(reader, size, source, values);
	market_data_query_as_owner(reader->data, covered_query, lengthof(values), argument_types, values, NULL);
	reader->covered_count = (int) SPI_processed;
	reader->covered = palloc(sizeof(Span) * (SPI_processed + 1));
	for (int i = 0; i < reader->covered_count; i++)
	{
		reader->covered[i].from = spi_time(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		reader->covered[i].until = spi_time(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Have the stretches of the bucket in which orders are matched a bar each? */
static bool
has_every_bar(const BarReader *reader, const BarSize *size, const SourceBar *bars, int count,
			  int64 start, int64 end)
{
	const Calendar *calendar = reader->data->calendar;
	int			next = 0;

	for (int32 day = calendar_day(start); calendar_time(day, 0) < end; day++)
	{
		TradingHours hours;
		int64		slot = Max(calendar_time(day, 0), start);
		int64		day_end = Min(calendar_time(day + 1, 0), end);

		if (!calendar_is_trading_day(calendar, reader->exchange, day))
			continue;
		trading_hours_set(&hours, calendar, reader->exchange, day);
		for (; slot < day_end; slot += size->width)
		{
			int64		slot_end = slot + size->width;

			while (next < count && bars[next].starts < slot)
				next++;
			/* matched continuously, or in an auction that ends within it */
			if (trading_hours_between(&hours, slot, slot_end) == 0 &&
				trading_hours_last(&hours, slot_end - 1) < slot)
				continue;
			if (trading_hours_between(&hours, slot, slot_end) == 0 &&
				trading_hours_between(&hours, calendar_time(day, 0), slot) == 0 &&
				trading_hours_last(&hours, slot_end - 1) == slot_end - 1)
				continue;		/* before the day's first */
			if (next >= count || bars[next].starts >= slot_end)
				return false;
		}
	}
	return true;
}

static bool
is_covered(const BarReader *reader, int64 start, int64 end)
{
	for (int i = 0; i < reader->covered_count; i++)
	{
		if (reader->covered[i].from <= start && end <= reader->covered[i].until)
			return true;
	}
	return false;
}

static int
find_place(const BarReader *reader, int64 start)
{
	int			low = 0;
	int			high = reader->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (reader->candles[middle].start < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Keeps a candle, unless one that is better is known: of longer bars, or surer prices. */
static void
keep(BarReader *reader, const BarCandle *candle)
{
	int			at = find_place(reader, candle->start);

	if (at < reader->count && reader->candles[at].start == candle->start)
	{
		if (candle->adjusted < reader->candles[at].adjusted)
			reader->candles[at] = *candle;
		return;
	}
	if (reader->count == reader->capacity)
	{
		reader->capacity *= 2;
		reader->candles = repalloc_huge(reader->candles, sizeof(BarCandle) * reader->capacity);
	}
	memmove(&reader->candles[at + 1], &reader->candles[at],
			sizeof(BarCandle) * (reader->count - at));
	reader->candles[at] = *candle;
	reader->count++;
}

static void
add_bucket(BarReader *reader, const BarSize *size, const SourceBar *bars, int count,
		   int64 start, int64 end)
{
	BarCandle	candle = {.start = start,.open = bars[0].open,.high = bars[0].high,
	.low = bars[0].low,.close = bars[count - 1].close,.bars = count,.adjusted = bars[0].adjusted};

	for (int i = 0; i < count; i++)
	{
		if (!reader->takes[bars[i].adjusted])
			return;
		/* who takes what may be adjusted takes it beside what is not */
		if ((bars[i].adjusted == ADJUSTED_YES) != (candle.adjusted == ADJUSTED_YES))
			return;
		candle.adjusted = Max(candle.adjusted, bars[i].adjusted);
		candle.high = Max(candle.high, bars[i].high);
		candle.low = Min(candle.low, bars[i].low);
		candle.volume += bars[i].volume;
		candle.value += bars[i].value;
	}
	/* the last one may go on behind the bucket, where a source has hours from 09:15 */
	if (end > unix_now() || bars[count - 1].starts + size->width > end)
		return;
	if (end - start != size->width && !is_covered(reader, start, end) &&
		!has_every_bar(reader, size, bars, count, start, end))
		return;
	strlcpy(candle.source, bars[0].source, sizeof(candle.source));
	keep(reader, &candle);
}

/* Bars of one source, in order of start. */
static void
add_source(BarReader *reader, const BarSize *size, const SourceBar *bars, int count)
{
	int64		left_out = 0;
	const Bucket *bucket = &reader->request->bucket;

	for (int i = 0; i < count; i++)
		left_out += !reader->takes[bars[i].adjusted];
	reader->left_out += left_out;
	if (left_out == count)
		return;
	read_covered(reader, size, bars[0].source);
	for (int i = 0; i < count;)
	{
		int64		start = bucket_start(bucket, bars[i].starts);
		int64		end = bucket_end(bucket, start);
		int			next = i;

		while (next < count && bars[next].starts < end)
			next++;
		add_bucket(reader, size, &bars[i], next - i, start, end);
		i = next;
		CHECK_FOR_INTERRUPTS();
	}
}

/* Do bars of that length make up whole buckets? */
static bool
divides(const BarSize *size, const Bucket *bucket)
{
	return bucket->time == 0 || (bucket->time >= size->width && bucket->time % size->width == 0);
}

BarCandle *
candles_from_bars(const MarketData *data, const CandleRequest *request, Exchange exchange,
				  const bool *takes, int *count, int64 *left_out)
{
	BarReader	reader = {.data = data,.request = request,.exchange = exchange,
	.takes = takes,.capacity = 64};

	reader.candles = palloc(sizeof(BarCandle) * reader.capacity);
	for (Size i = 0; i < lengthof(bar_sizes); i++)
	{
		int			bar_count;
		SourceBar  *bars;

		if (!divides(&bar_sizes[i], &request->bucket))
			continue;
		bars = read_bars(&reader, &bar_sizes[i], &bar_count);
		for (int from = 0; from < bar_count;)
		{
			int			next = from;

			while (next < bar_count && strcmp(bars[next].source, bars[from].source) == 0)
				next++;
			add_source(&reader, &bar_sizes[i], bars + from, next - from);
			from = next;
		}
		pfree(bars);
	}
	*count = reader.count;
	*left_out = reader.left_out;
	return reader.candles;
}
