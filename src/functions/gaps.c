/*-------------------------------------------------------------------------
 *
 * gaps.c
 *	  vnstream_gaps(): when the market was open and nobody looked.
 *
 * Somebody looked when a sweep of the whole market succeeded, or a quote was
 * stored, whoever had fetched it.  Where no sweep did for longer than the limit
 * (HOLE_INTERVALS), the quotes of that time are looked for; so where sweeps
 * are made by another database, all of its quotes' times are read.
 *
 * A ticker has been looked at when it had a quote; by a sweep only while it has
 * one at least every heartbeat: then a sweep that told nothing of it says that
 * nothing had changed.  What it was looked at and its total did not rise is
 * "no trade".
 *
 * Of a month whose quotes retention has dropped, nothing can be told but that:
 * "dropped".  Sweeps outlive it, so of exchanges they still tell.
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

#include "config.h"
#include "functions/columns.h"
#include "functions/market_data.h"

PG_FUNCTION_INFO_V1(vnstream_gaps);

#define GAP_COLUMNS 7
#define LONGEST_RANGE (366 * MICROSECONDS_PER_DAY)
#define ROWS_AT_ONCE 1000

/* When somebody looked; one moment, or the time that a sweep took. */
typedef struct Look
{
	int64		from;
	int64		until;
} Look;

typedef struct LookList
{
	Look	   *looks;
	int			count;
	int			capacity;
} LookList;

/* A sweep that did not succeed, in order of start. */
typedef struct FailedSweep
{
	int64		started;		/* or requested, where it never did */
	char	   *error;			/* '' where none is told */
} FailedSweep;

/* A month whose quotes are gone. */
typedef struct DroppedMonth
{
	int64		from;
	int64		until;
	char	   *why;
} DroppedMonth;

typedef struct Gap
{
	int64		from;
	int64		until;
	const char *kind;
	const char *why;			/* NULL: nothing to say */
	int			failed;
} Gap;

typedef struct GapFinder
{
	MarketData	data;
	ReturnSetInfo *result;
	int64		from;
	int64		to;
	int64		first;			/* midnights around them: whole days are looked at, */
	int64		end;			/* since a hole may have begun before */
	int64		limit;			/* µs between two looks */
	const char *ticker;
	CandleSweep *sweeps;
	int			sweep_count;
	FailedSweep *failed;
	int			failed_count;
	bool		has_sweeps;		/* at all in the time, also unsuccessful ones */
	DroppedMonth *dropped;
	int			dropped_count;
	Gap		   *gaps;			/* of the present window */
	int			gap_count;
	int			gap_capacity;
} GapFinder;

static void
add_look(LookList *list, int64 from, int64 until)
{
	if (list->count == list->capacity)
	{
		list->capacity = Max(2 * list->capacity, 256);
		list->looks = list->looks == NULL ? palloc(sizeof(Look) * list->capacity) :
			repalloc_huge(list->looks, sizeof(Look) * list->capacity);
	}
	list->looks[list->count].from = from;
	list->looks[list->count].until = until;
	list->count++;
}

static int
compare_looks(const void *a, const void *b)
{
	int64		left = ((const Look *) a)->from;
	int64		right = ((const Look *) b)->from;

	return left < right ? -1 : left > right ? 1 : 0;
}

static void
sort_looks(LookList *list)
{
	if (list->count > 1)
		qsort(list->looks, list->count, sizeof(Look), compare_looks);
}

/*-------------------------------------------------------------------------
 * What the tables know
 *-------------------------------------------------------------------------
 */

static void
read_failed_sweeps(GapFinder *finder)
{
	/* the negation of market_sweeps(), and those that have not begun */
	static const char query[] =
		"SELECT coalesce(started, requested), error FROM %1$s.vnstream_sweeps"
		" WHERE coalesce(started, requested) OPERATOR(pg_catalog.>=) $1"
		" AND coalesce(started, requested) OPERATOR(pg_catalog.<) $2"
		" AND (started IS NULL OR ended IS NOT NULL)"
		" AND NOT (ended IS NOT NULL AND answered OPERATOR(pg_catalog.>) 0"
		" AND answered OPERATOR(pg_catalog.*) 2::pg_catalog.int8 OPERATOR(pg_catalog.>=) asked)"
		" AND trigger OPERATOR(pg_catalog.<>) ALL ('{hot,probe}'::pg_catalog.text[])"
		" ORDER BY 1";
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(TIMESTAMP_OF_UNIX(finder->first)),
	TimestampTzGetDatum(TIMESTAMP_OF_UNIX(finder->end))};

	market_data_query_as_owner(&finder->data, query, 2, types, values, NULL);
	finder->failed_count = (int) SPI_processed;
	finder->failed = palloc(sizeof(FailedSweep) * (SPI_processed + 1));
	for (int i = 0; i < finder->failed_count; i++)
	{
		char	   *error = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);

		finder->failed[i].started = spi_time(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		finder->failed[i].error = error == NULL ? pstrdup("") : error;
	}
	SPI_freetuptable(SPI_tuptable);
}

static void
read_dropped_months(GapFinder *finder)
{
	static const char query[] =
		"SELECT from_time, to_time, pg_catalog.format('the quotes of %%s were dropped on %%s: %%s',"
		"  pg_catalog.to_char(month, 'YYYY-MM'),"
		"  pg_catalog.to_char(dropped_at AT TIME ZONE 'Asia/Ho_Chi_Minh', 'YYYY-MM-DD'), dropped_by)"
		" FROM %1$s.vnstream_dropped_months"
		" WHERE from_time OPERATOR(pg_catalog.<) $2 AND to_time OPERATOR(pg_catalog.>) $1 ORDER BY dropped";
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(TIMESTAMP_OF_UNIX(finder->first)),
	TimestampTzGetDatum(TIMESTAMP_OF_UNIX(finder->end))};

	market_data_query_as_owner(&finder->data, query, 2, types, values, NULL);
	finder->dropped_count = (int) SPI_processed;
	finder->dropped = palloc(sizeof(DroppedMonth) * (SPI_processed + 1));
	for (int i = 0; i < finder->dropped_count; i++)
	{
		finder->dropped[i].from = spi_time(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		finder->dropped[i].until = spi_time(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);
		finder->dropped[i].why = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 3);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Why a window, which is of one day, has no quotes any more; NULL: it should have them. */
static const char *
why_dropped(const GapFinder *finder, const CalendarWindow *window)
{
	const char *why = NULL;

	/* one that was imported again may have been dropped again */
	for (int i = 0; i < finder->dropped_count; i++)
	{
		if (finder->dropped[i].from <= window->from && window->until <= finder->dropped[i].until)
			why = finder->dropped[i].why;
	}
	return why;
}

/* The times at which quotes of an exchange, which may be any, were fetched. */
static void
read_quote_times(const GapFinder *finder, LookList *list, Exchange exchange, int64 from, int64 until)
{
	static const char query[] =
		"SELECT DISTINCT time FROM %1$s." QUOTES_TABLE
		" WHERE time OPERATOR(pg_catalog.>=) $1 AND time OPERATOR(pg_catalog.<) $2"
		" AND (exchange IS NULL OR exchange OPERATOR(pg_catalog.=) $3)";
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID};
	Datum		values[] = {TimestampTzGetDatum(TIMESTAMP_OF_UNIX(from)),
		TimestampTzGetDatum(TIMESTAMP_OF_UNIX(until)), CStringGetTextDatum(exchange_name(exchange))};

	market_data_query(&finder->data, query, 3, types, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		int64		time = spi_time(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);

		add_look(list, time, time);
	}
	SPI_freetuptable(SPI_tuptable);
}

/*-------------------------------------------------------------------------
 * Gaps
 *-------------------------------------------------------------------------
 */

/* Sweeps begun in the gap that failed; the last one's error, or what else is known. */
static void
explain(const GapFinder *finder, int64 from, int64 until, const char **why, int *failed)
{
	*failed = 0;
	*why = NULL;
	for (int i = 0; i < finder->failed_count; i++)
	{
		if (finder->failed[i].started < from || finder->failed[i].started >= until)
			continue;
		(*failed)++;
		if (finder->failed[i].error[0] != '\0')
			*why = finder->failed[i].error;
	}
	if (*why == NULL)
		*why = *failed > 0 ? "sweeps without enough answers" :
			finder->has_sweeps ? "no sweep was made: not running, or backing off" :
			"this database has made no sweep, and no quote came from elsewhere";
}

static void
add_gap(GapFinder *finder, int64 from, int64 until, const char *kind, const char *why, int failed)
{
	if (Max(from, finder->from) >= Min(until, finder->to))
		return;
	if (finder->gap_count == finder->gap_capacity)
	{
		finder->gap_capacity = Max(2 * finder->gap_capacity, 64);
		finder->gaps = finder->gaps == NULL ? palloc(sizeof(Gap) * finder->gap_capacity) :
			repalloc(finder->gaps, sizeof(Gap) * finder->gap_capacity);
	}
	finder->gaps[finder->gap_count++] = (Gap) {Max(from, finder->from), Min(until, finder->to), kind, why, failed};
}

static int
compare_gaps(const void *a, const void *b)
{
	int64		left = ((const Gap *) a)->from;
	int64		right = ((const Gap *) b)->from;

	return left < right ? -1 : left > right ? 1 : 0;
}

/* The gaps of a window, in order of time. */
static void
put_gaps(GapFinder *finder, Exchange exchange)
{
	if (finder->gap_count > 1)
		qsort(finder->gaps, finder->gap_count, sizeof(Gap), compare_gaps);
	for (int g = 0; g < finder->gap_count; g++)
	{
		const Gap  *gap = &finder->gaps[g];
		Datum		values[GAP_COLUMNS];
		bool		nulls[GAP_COLUMNS] = {false};
		int			i = 0;

		values[i++] = CStringGetTextDatum(exchange_name(exchange));
		column_text(&values[i], &nulls[i], finder->ticker == NULL ? "" : finder->ticker);
		i++;
		put_time(&values[i], &nulls[i], gap->from);
		i++;
		put_time(&values[i], &nulls[i], gap->until);
		i++;
		values[i++] = CStringGetTextDatum(gap->kind);
		column_text(&values[i], &nulls[i], gap->why == NULL ? "" : gap->why);
		i++;
		values[i++] = Int32GetDatum(gap->failed);
		Assert(i == GAP_COLUMNS);
		tuplestore_putvalues(finder->result->setResult, finder->result->setDesc, values, nulls);
	}
	finder->gap_count = 0;
}

/*
 * Stretches of a window without a look, longer than the limit; looks in order.
 * A look shortly before the window is one at its beginning only: orders were
 * not matched before.
 */
static void
find_dark(const LookList *list, const CalendarWindow *window, int64 limit, LookList *dark)
{
	int64		seen = window->from;

	for (int i = 0; i < list->count && seen < window->until; i++)
	{
		const Look *look = &list->looks[i];

		if (look->until < seen)
			continue;
		if (look->from >= window->until)
			break;
		if (look->from - seen > limit)
			add_look(dark, seen, look->from);
		seen = look->until;
	}
	if (window->until - seen > limit)
		add_look(dark, seen, window->until);
}

/* The windows of the days that the range touches, whole: a gap may have begun before it. */
static bool
next_window(const GapFinder *finder, Exchange exchange, CalendarWindow *window, int64 from)
{
	int64		until = Min(finder->end, unix_now());

	return from < until &&
		calendar_open_window(finder->data.calendar, exchange, from, until, window);
}

static void
gaps_of_exchange(GapFinder *finder, Exchange exchange)
{
	CalendarWindow window = {.until = finder->first};
	int			next = 0;

	while (next_window(finder, exchange, &window, window.until))
	{
		LookList	looks = {0};
		LookList	dark = {0};
		LookList	candidates = {0};
		const char *dropped = why_dropped(finder, &window);

		CHECK_FOR_INTERRUPTS();
		while (next < finder->sweep_count && finder->sweeps[next].ended < window.from)
			next++;
		for (int i = next; i < finder->sweep_count && finder->sweeps[i].started < window.until; i++)
			add_look(&looks, finder->sweeps[i].started, finder->sweeps[i].ended);
		sort_looks(&looks);
		find_dark(&looks, &window, finder->limit, &candidates);
		for (int i = 0; i < candidates.count; i++)
			read_quote_times(finder, &looks, exchange, candidates.looks[i].from, candidates.looks[i].until);
		sort_looks(&looks);
		find_dark(&looks, &window, finder->limit, &dark);
		for (int i = 0; i < dark.count; i++)
		{
			const char *why;
			int			failed;

			explain(finder, dark.looks[i].from, dark.looks[i].until, &why, &failed);
			/* without sweeps of its own, only the quotes knew who had looked */
			if (dropped != NULL && looks.count == 0 && failed == 0)
				add_gap(finder, dark.looks[i].from, dark.looks[i].until, "dropped", dropped, 0);
			else
				add_gap(finder, dark.looks[i].from, dark.looks[i].until, "no data", why, failed);
		}
		put_gaps(finder, exchange);
	}
}

/*-------------------------------------------------------------------------
 * Of one ticker
 *-------------------------------------------------------------------------
 */

/* A quote of the ticker. */
typedef struct Trace
{
	int64		time;
	bool		has_traded;		/* its total rose above the last one's */
} Trace;

typedef struct TraceList
{
	Trace	   *traces;
	int			count;
	int			capacity;
	char		exchange[QUOTE_NAME_MAX + 1];
} TraceList;

static void
read_traces(const GapFinder *finder, TraceList *list)
{
	/* a rise is one above all that any source has told of that date */
	static const char query[] =
		"SELECT time, coalesce(total_volume OPERATOR(pg_catalog.>) coalesce(pg_catalog.max(total_volume) OVER"
		"  (PARTITION BY coalesce(trading_date, (time AT TIME ZONE 'Asia/Ho_Chi_Minh')::pg_catalog.date)"
		"   ORDER BY time ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0::pg_catalog.int8), false),"
		" exchange FROM %1$s." QUOTES_TABLE
		" WHERE ticker OPERATOR(pg_catalog.=) $1 AND time OPERATOR(pg_catalog.>=) $2"
		" AND time OPERATOR(pg_catalog.<) $3 ORDER BY time";
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {CStringGetTextDatum(finder->ticker),
		TimestampTzGetDatum(TIMESTAMP_OF_UNIX(finder->first)),
	TimestampTzGetDatum(TIMESTAMP_OF_UNIX(finder->end))};

	market_data_query(&finder->data, query, 3, types, values, NULL);
	list->count = (int) SPI_processed;
	list->traces = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Trace) * (SPI_processed + 1));
	for (int i = 0; i < list->count; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		char		exchange[QUOTE_NAME_MAX + 1];

		list->traces[i].time = spi_time(row, desc, 1);
		list->traces[i].has_traded = DatumGetBool(SPI_getbinval(row, desc, 2, &isnull));
		spi_name(row, desc, 3, exchange, sizeof(exchange));
		if (exchange[0] != '\0')
			strlcpy(list->exchange, exchange, sizeof(list->exchange));
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * When the ticker was looked at in a window: its quotes, and sweeps between two
 * of them that are no longer apart than the heartbeat allows.
 */
static void
looks_at_ticker(const GapFinder *finder, const CalendarWindow *window, const TraceList *traces,
				int first, int end, LookList *looks)
{
	int64		patience = finder->limit + config_heartbeat * MICROSECONDS_PER_SECOND;
	int			sweep = 0;
	int64		before = first > 0 ? traces->traces[first - 1].time : window->from;

	before = Max(before, window->from);
	for (int i = first; i <= end; i++)
	{
		/* at the window's end, the next quote is of later: nobody knows of what */
		int64		next = i < end ? traces->traces[i].time :
			i < traces->count ? Min(traces->traces[i].time, window->until) : window->until;

		if (next - before <= patience)
		{
			while (sweep < finder->sweep_count && finder->sweeps[sweep].ended < before)
				sweep++;
			for (int s = sweep; s < finder->sweep_count && finder->sweeps[s].ended <= next; s++)
				add_look(looks, finder->sweeps[s].started, finder->sweeps[s].ended);
		}
		if (i < end)
			add_look(looks, next, next);
		before = next;
	}
	sort_looks(looks);
}

/* What of [from, until) is not dark was looked at, and nothing was traded. */
static void
add_quiet(GapFinder *finder, const LookList *dark, int64 from, int64 until)
{
	int64		at = from;

	for (int i = 0; i <= dark->count; i++)
	{
		int64		end = i < dark->count ? Min(dark->looks[i].from, until) : until;

		if (end - at > finder->limit)
			add_gap(finder, at, end, "no trade", NULL, 0);
		if (i < dark->count)
			at = Max(at, dark->looks[i].until);
	}
}

static void
add_dark(GapFinder *finder, const LookList *dark, bool has_quotes, const char *dropped)
{
	for (int i = 0; i < dark->count; i++)
	{
		int64		from = dark->looks[i].from;
		int64		until = dark->looks[i].until;
		const char *why;
		int			failed;
		int			swept = 0;

		for (int s = 0; s < finder->sweep_count; s++)
			swept += finder->sweeps[s].started >= from && finder->sweeps[s].ended <= until;
		explain(finder, from, until, &why, &failed);
		if (swept > 0 && failed == 0)
			why = has_quotes ? "swept, and no quote of it came" :
				"swept, and no quote of it came all day: not asked for, or unknown to the source";
		add_gap(finder, from, until, dropped == NULL ? "no data" : "dropped",
				dropped == NULL ? why : dropped, failed);
	}
}

static void
gaps_of_ticker(GapFinder *finder)
{
	TraceList	traces = {0};
	CalendarWindow window = {.until = finder->first};
	Exchange	exchange;
	int			first = 0;

	read_traces(finder, &traces);
	if (traces.exchange[0] == '\0')
		newest_exchange(&finder->data, finder->ticker, traces.exchange, sizeof(traces.exchange));
	exchange = exchange_or_widest(traces.exchange);
	while (next_window(finder, exchange, &window, window.until))
	{
		LookList	looks = {0};
		LookList	dark = {0};
		int			end;
		int64		quiet_since = window.from;

		CHECK_FOR_INTERRUPTS();
		while (first < traces.count && traces.traces[first].time < window.from)
			first++;
		end = first;
		while (end < traces.count && traces.traces[end].time < window.until)
			end++;
		looks_at_ticker(finder, &window, &traces, first, end, &looks);
		find_dark(&looks, &window, finder->limit, &dark);
		add_dark(finder, &dark, end > first, why_dropped(finder, &window));
		for (int i = first; i < end; i++)
		{
			if (!traces.traces[i].has_traded)
				continue;
			add_quiet(finder, &dark, quiet_since, traces.traces[i].time);
			quiet_since = traces.traces[i].time;
		}
		add_quiet(finder, &dark, quiet_since, window.until);
		put_gaps(finder, exchange);
		first = end;
	}
}

Datum
vnstream_gaps(PG_FUNCTION_ARGS)
{
	GapFinder	finder = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	int64		now = unix_now();

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"from\" must not be null"),
				 errhint("Name the time from which holes are to be looked for, such as now() - interval '1 day'.")));
	finder.from = time_argument(fcinfo, 0, "from", 0);
	finder.to = time_argument(fcinfo, 1, "to", Max(now, finder.from + 1));
	finder.ticker = named_ticker(fcinfo, 2, true);
	check_range(finder.from, finder.to);
	if (finder.from > now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"from\" is in the future"),
				 errhint("Holes can be told of the past only.")));
	if (finder.to - finder.from > LONGEST_RANGE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"from\" and \"to\" are more than a year apart"),
				 errhint("Ask for one year after the other.")));
	finder.to = Min(finder.to, now);
	InitMaterializedSRF(fcinfo, 0);

	market_data_begin(&finder.data);
	finder.limit = HOLE_INTERVALS * config_interval * MICROSECONDS_PER_SECOND;
	finder.first = calendar_time(calendar_day(finder.from), 0);
	finder.end = calendar_time(calendar_day(finder.to - 1) + 1, 0);
	finder.sweeps = market_sweeps(&finder.data, finder.first, finder.end, &finder.sweep_count);
	read_failed_sweeps(&finder);
	read_dropped_months(&finder);
	finder.has_sweeps = finder.failed_count > 0 ||
		(finder.sweep_count > 0 && finder.sweeps[finder.sweep_count - 1].ended > finder.first);
	if (finder.ticker != NULL)
		gaps_of_ticker(&finder);
	else
	{
		for (int exchange = 0; exchange < EXCHANGE_COUNT; exchange++)
			gaps_of_exchange(&finder, exchange);
	}
	market_data_end(&finder.data);
	return (Datum) 0;
}
