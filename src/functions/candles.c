/*-------------------------------------------------------------------------
 *
 * candles.c
 *	  vnstream_candles(): open, high, low, close, volume and value of a ticker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "functions/candle_rows.h"
#include "functions/columns.h"

PG_FUNCTION_INFO_V1(vnstream_candles);

#define CANDLE_COLUMNS 14

static const char *const adjustment_names[] = {"no", "unknown", "yes"};

/* Which prices a caller wants. */
typedef struct Wish
{
	bool		quotes;			/* they are as they were traded */
	bool		bars[lengthof(adjustment_names)];
} Wish;

/* What a candle is made of. */
typedef struct Basis
{
	bool		has_quotes;
	Adjustment	adjusted;
} Basis;

static Wish
adjusted_argument(FunctionCallInfo fcinfo)
{
	char	   *name = PG_ARGISNULL(4) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(4));

	if (name == NULL || strcmp(name, "no") == 0)
		return (Wish) {true, {true, false, false}};
	if (strcmp(name, "unknown") == 0)
		return (Wish) {true, {true, true, false}};
	if (strcmp(name, "yes") == 0)
		return (Wish) {false, {false, false, true}};
	if (strcmp(name, "any") == 0)
		return (Wish) {true, {true, true, true}};
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("adjusted cannot be \"%s\"", name),
			 errhint("'no': prices as they were traded. 'unknown': also bars that may be adjusted. "
					 "'yes': adjusted bars only. 'any': all, which mixes prices of different scale.")));
}

static Bucket
bucket_argument(FunctionCallInfo fcinfo)
{
	static const char hint[] =
		"Use a number of minutes that divides the day ('1 min', '5 min', '15 min', '1 hour' ...), "
		"'1 day' or more whole days, '1 week' or '1 month'.";
	Interval   *interval;
	Bucket		bucket;
	const char *why;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("bucket must not be null"),
				 errhint("%s", hint)));
	interval = PG_GETARG_INTERVAL_P(1);
	if (!bucket_set(&bucket, interval->month, interval->day, interval->time, &why))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bucket cannot be \"%s\": %s",
						DatumGetCString(DirectFunctionCall1(interval_out, PG_GETARG_DATUM(1))), why),
				 errhint("%s", hint)));
	return bucket;
}

static void
put_candle(ReturnSetInfo *result, const char *ticker, const Candle *candle, const Basis *basis)
{
	Datum		values[CANDLE_COLUMNS];
	bool		nulls[CANDLE_COLUMNS] = {false};
	bool		has_price = candle_has_price(candle);
	int			i = 0;

	values[i++] = CStringGetTextDatum(ticker);
	put_time(&values[i], &nulls[i], candle->start);
	i++;
	put_double(&values[i], &nulls[i], candle->open);
	i++;
	put_double(&values[i], &nulls[i], has_price ? candle->high : NAN);
	i++;
	put_double(&values[i], &nulls[i], has_price ? candle->low : NAN);
	i++;
	put_double(&values[i], &nulls[i], candle->close);
	i++;
	values[i++] = Int64GetDatum(Max(candle->net_volume, 0));
	put_double(&values[i], &nulls[i], candle->value < 0 ? 0 : candle->value);
	i++;
	values[i++] = Int32GetDatum(candle->samples);
	values[i++] = CStringGetTextDatum(basis->has_quotes ? "sampled" : "source bar");
	column_text(&values[i], &nulls[i], candle->sources);
	i++;
	values[i++] = CStringGetTextDatum(adjustment_names[basis->adjusted]);
	values[i++] = Int64GetDatum(candle->volume_over_hole);
	values[i++] = Int64GetDatum(candle->corrected);
	Assert(i == CANDLE_COLUMNS);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
put_bar(ReturnSetInfo *result, const char *ticker, const BarCandle *candle)
{
	Datum		values[CANDLE_COLUMNS];
	bool		nulls[CANDLE_COLUMNS] = {false};
	int			i = 0;

	values[i++] = CStringGetTextDatum(ticker);
	put_time(&values[i], &nulls[i], candle->start);
	i++;
	values[i++] = Float8GetDatum(candle->open);
	values[i++] = Float8GetDatum(candle->high);
	values[i++] = Float8GetDatum(candle->low);
	values[i++] = Float8GetDatum(candle->close);
	values[i++] = Int64GetDatum(candle->volume);
	put_double(&values[i], &nulls[i], candle->value);
	i++;
	values[i++] = Int32GetDatum(candle->bars);
	values[i++] = CStringGetTextDatum("source bar");
	column_text(&values[i], &nulls[i], candle->source);
	i++;
	values[i++] = CStringGetTextDatum(adjustment_names[candle->adjusted]);
	values[i++] = Int64GetDatum(0);
	values[i++] = Int64GetDatum(0);
	Assert(i == CANDLE_COLUMNS);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static bool
is_longer_than_a_day(const Bucket *bucket)
{
	return bucket->months > 0 || bucket->days > 1;
}

/*
 * Makes candles of days to those of longer buckets, and tells what each is made
 * of.  A day that has a bar is the bar's, also one without a quote: so a day on
 * which nobody looked is in its month once it is filled.  A bucket without any
 * quote is left to candles_from_bars(), which wants all of it.
 */
static Basis *
merge_days(const Bucket *bucket, CandleList *list, const BarCandle *bars, int bar_count)
{
	Basis	   *basis = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Basis) * (list->count + 1));
	int			count = 0;
	int			bar = 0;

	for (int day = 0; day < list->count; count++)
	{
		int64		start = bucket_start(bucket, list->candles[day].start);
		int64		end = bucket_end(bucket, start);
		Candle		sum;

		candle_begin(&sum, start);
		basis[count] = (Basis) {false, ADJUSTED_NO};
		while (bar < bar_count && bars[bar].start < start)
			bar++;
		for (;;)
		{
			bool		has_day = day < list->count && list->candles[day].start < end;
			bool		has_bar = bar < bar_count && bars[bar].start < end;

			if (has_bar && (!has_day || bars[bar].start <= list->candles[day].start))
			{
				Candle		of_bar = {.start = bars[bar].start,.open_time = bars[bar].start,
					.close_time = bars[bar].start,.open = bars[bar].open,.high = bars[bar].high,
					.low = bars[bar].low,.close = bars[bar].close,.net_volume = bars[bar].volume,
				.value = bars[bar].value,.samples = bars[bar].bars};

				strlcpy(of_bar.sources, bars[bar].source, sizeof(of_bar.sources));
				candle_append(&sum, &of_bar);
				basis[count].adjusted = Max(basis[count].adjusted, bars[bar].adjusted);
				if (has_day && bars[bar].start == list->candles[day].start)
					day++;
				bar++;
			}
			else if (has_day)
			{
				candle_append(&sum, &list->candles[day++]);
				basis[count].has_quotes = true;
			}
			else
				break;
		}
		/* at least one day made it, so its place is free */
		list->candles[count] = sum;
	}
	list->count = count;
	return basis;
}

/* Candles of quotes, of which days may be bars'; what they are made of. */
static Basis *
read_quotes(const MarketData *data, const CandleRequest *request, const Wish *wish,
			CandleList *list, Exchange *exchange)
{
	CandleRequest days = *request;
	const bool	takes[lengthof(adjustment_names)] = {wish->bars[ADJUSTED_NO], wish->bars[ADJUSTED_UNKNOWN], false};
	BarCandle  *bars = NULL;
	int			bar_count = 0;
	int64		left_out = 0;	/* told of whole buckets */
	const char *why;
	Basis	   *basis;

	if (is_longer_than_a_day(&request->bucket))
	{
		(void) bucket_set(&days.bucket, 0, 1, 0, &why);
		candles_from_quotes(data, &days, list, exchange);
		if (list->count > 0 && wish->quotes && !market_data_has_row_security(data))
			bars = candles_from_bars(data, &days, *exchange, takes, &bar_count, &left_out);
		return merge_days(&request->bucket, list, bars, bar_count);
	}
	candles_from_quotes(data, request, list, exchange);
	basis = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Basis) * (list->count + 1));
	for (int i = 0; i < list->count; i++)
		basis[i] = (Basis) {true, ADJUSTED_NO};
	return basis;
}

static void
tell_left_out(const Wish *wish, int64 left_out)
{
	if (left_out == 0 || !wish->quotes)
		return;
	ereport(NOTICE,
			(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
			 errmsg("%lld source bars were left out, since their prices are adjusted for corporate actions or may be",
					(long long) left_out),
			 errhint("adjusted => 'unknown' takes those that may be, 'yes' only those that are, 'any' takes all.")));
}

Datum
vnstream_candles(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MarketData	data;
	CandleRequest request = {0};
	CandleList	list = {0};
	Basis	   *basis;
	BarCandle  *bars = NULL;
	int			bar_count = 0;
	int64		left_out = 0;
	Exchange	exchange;
	int64		now = unix_now();
	int64		from;
	int64		to;
	Wish		wish;
	int			bar = 0;

	request.ticker = named_ticker(fcinfo, 0, false);
	request.bucket = bucket_argument(fcinfo);
	to = time_argument(fcinfo, 3, "to", now + 1);
	from = time_argument(fcinfo, 2, "from", calendar_time(calendar_day(Min(now, to - 1)), 0));
	check_range(from, to);
	wish = adjusted_argument(fcinfo);
	request.from = bucket_start(&request.bucket, from);
	request.to = bucket_end(&request.bucket, bucket_start(&request.bucket, to - 1));
	InitMaterializedSRF(fcinfo, 0);

	market_data_begin(&data);
	basis = read_quotes(&data, &request, &wish, &list, &exchange);
	/* bars know no policies */
	if (!market_data_has_row_security(&data))
		bars = candles_from_bars(&data, &request, exchange, wish.bars, &bar_count, &left_out);
	for (int i = 0; i < list.count; i++)
	{
		const Candle *candle = &list.candles[i];

		if (!wish.quotes || candle->start < request.from || candle->start >= request.to)
			continue;
		while (bar < bar_count && bars[bar].start < candle->start)
			put_bar(result, request.ticker, &bars[bar++]);
		if (bar < bar_count && bars[bar].start == candle->start)
			continue;
		put_candle(result, request.ticker, candle, &basis[i]);
	}
	while (bar < bar_count)
		put_bar(result, request.ticker, &bars[bar++]);
	tell_left_out(&wish, left_out);
	market_data_end(&data);
	return (Datum) 0;
}
