/*-------------------------------------------------------------------------
 *
 * latency.c
 *	  vnstream_latency(): how long messages take, and how many pass.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "latency.h"

PG_FUNCTION_INFO_V1(vnstream_latency);

#define LATENCY_COLUMNS 10

/* Columns of one histogram: median, 99 of 100, the longest. */
#define FIGURES 3

/*
 * Four digits: more than a bucket knows, and no wider than a person reads.
 */
static double
four_digits(double value)
{
	double		scale;

	if (value < 0.001)
		return 0;
	scale = pow(10, Max(0, 3 - (int) floor(log10(value))));
	return rint(value * scale) / scale;
}

static void
put_figures(Datum *values, bool *nulls, const Histogram *histogram)
{
	int64		figures[FIGURES];
	int			i;

	figures[0] = histogram_percentile(histogram, 0.5);
	figures[1] = histogram_percentile(histogram, 0.99);
	figures[2] = histogram->max;
	for (i = 0; i < FIGURES; i++)
	{
		nulls[i] = histogram->count == 0;
		values[i] = Float8GetDatum(four_digits(figures[i] / 1000.0));
	}
}

/*
 * The hop's name in the database's encoding; "->" where that has no arrow.
 */
static Datum
hop_name(LatencyHop hop)
{
	static const char arrow[] = "→";
	const char *name = latency_hop_name(hop);
	const char *at = strstr(name, arrow);

	if (GetDatabaseEncoding() == PG_UTF8 || at == NULL)
		return CStringGetTextDatum(name);
	return CStringGetTextDatum(psprintf("%.*s->%s", (int) (at - name), name,
										at + strlen(arrow)));
}

Datum
vnstream_latency(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	LatencyFigures *figures;
	TimestampTz now = GetCurrentTimestamp();
	double		elapsed = 60 + (now % USECS_PER_MINUTE) / (double) USECS_PER_SEC;
	int			hop;

	shared_state_require();
	InitMaterializedSRF(fcinfo, 0);
	figures = palloc(sizeof(LatencyFigures) * LATENCY_HOPS);
	latency_read(MyDatabaseId, now, figures);

	for (hop = 0; hop < LATENCY_HOPS; hop++)
	{
		Datum		values[LATENCY_COLUMNS];
		bool		nulls[LATENCY_COLUMNS];

		memset(nulls, 0, sizeof(nulls));
		values[0] = hop_name(hop);
		put_figures(&values[1], &nulls[1], &figures[hop].minute);
		put_figures(&values[4], &nulls[4], &figures[hop].hour);
		values[7] = Float8GetDatum(four_digits(figures[hop].minute.count / elapsed));
		values[8] = Int64GetDatum((int64) figures[hop].hour.count);
		values[9] = Int64GetDatum((int64) figures[hop].day);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
