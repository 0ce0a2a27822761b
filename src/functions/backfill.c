/*-------------------------------------------------------------------------
 *
 * backfill.c
 *	  vnstream_backfill() and vnstream_cancel_backfill(): orders for the worker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "functions/control.h"
#include "shared_state.h"
#include "source/bars.h"
#include "store/backfills.h"
#include "workers/backfill.h"
#include "workers/bars_source.h"

PG_FUNCTION_INFO_V1(vnstream_backfill);
PG_FUNCTION_INFO_V1(vnstream_cancel_backfill);

#define UNIX_TO_TIMESTAMP(t) ((t) - INT64CONST(946684800000000))

/*
 * The tickers as the worker takes them, each once and in the order of the
 * argument; 0 where it is NULL.
 */
static Datum
tickers_argument(FunctionCallInfo fcinfo, int *count)
{
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;
	char	  **kept;
	int			total;
	int			i;
	int			j;

	*count = 0;
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	array = PG_GETARG_ARRAYTYPE_P(0);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("the tickers must be an array of one dimension"),
				 errhint("Write them as '{VCB,FPT}'.")));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &total);
	if (total == 0 || total > BACKFILL_TICKERS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there must be 1 to %d tickers, not %d", BACKFILL_TICKERS_MAX, total),
				 errhint("NULL stands for all active symbols of vnstream_symbols.")));
	kept = palloc(sizeof(char *) * total);
	for (i = 0; i < total; i++)
	{
		char	   *ticker = nulls[i] ? NULL : TextDatumGetCString(elements[i]);
		bool		is_there = false;

		if (ticker == NULL || !ticker_is_valid(ticker, strlen(ticker)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 ticker == NULL ? errmsg("a ticker must not be null") :
					 errmsg("\"%s\" is no ticker", ticker),
					 errhint("A ticker is 1 to %d letters A to Z and digits, such as VCB.",
							 TICKER_MAX)));
		for (j = 0; j < *count && !is_there; j++)
			is_there = strcmp(kept[j], ticker) == 0;
		if (is_there)
			continue;
		kept[*count] = ticker;
		elements[(*count)++] = elements[i];
	}
	return PointerGetDatum(construct_array(elements, *count, TEXTOID, -1, false, TYPALIGN_INT));
}

static BarLength
bar_argument(FunctionCallInfo fcinfo)
{
	int			length;

	for (length = BAR_MINUTE; !PG_ARGISNULL(3) && length <= BAR_DAY; length++)
	{
		Datum		interval = DirectFunctionCall3(interval_in,
												   CStringGetDatum(bar_length_name(length)),
												   ObjectIdGetDatum(InvalidOid),
												   Int32GetDatum(-1));

		if (DatumGetBool(DirectFunctionCall2(interval_eq, PG_GETARG_DATUM(3), interval)))
			return length;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there are no bars of that length"),
			 errhint("Use '1 minute', '1 hour' or '1 day'.")));
}

static const char *
source_argument(FunctionCallInfo fcinfo)
{
	const SourceProvider *provider;
	char	   *name;

	if (PG_ARGISNULL(4))
		return NULL;
	name = text_to_cstring(PG_GETARG_TEXT_PP(4));
	provider = source_find(name);
	if (provider == NULL || provider->bars_request == NULL || config_source_url(name) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no source \"%s\" of bars", name),
				 errhint("Leave it out for the first one of vnstream.sources.")));
	return name;
}

/* The beginning of the bar that a time is in. */
static TimestampTz
bar_before(TimestampTz time, BarLength length)
{
	int64		unix_time = time + INT64CONST(946684800000000);

	if (length == BAR_DAY)
		return UNIX_TO_TIMESTAMP(bar_day(unix_time));
	return UNIX_TO_TIMESTAMP(unix_time - unix_time % bar_duration(length));
}

Datum
vnstream_backfill(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz earliest = UNIX_TO_TIMESTAMP(QUOTE_TIME_MIN);
	StoreCatalog catalog;
	TimestampTz from;
	TimestampTz until = PG_ARGISNULL(2) ? now : PG_GETARG_TIMESTAMPTZ(2);
	BarLength	length = bar_argument(fcinfo);
	const char *source = source_argument(fcinfo);
	int			total;
	Datum		tickers = tickers_argument(fcinfo, &total);
	int64		number;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"from\" must not be null"),
				 errhint("It is the time of the first bar, such as '2026-08-04 09:00'.")));
	from = PG_GETARG_TIMESTAMPTZ(1);
	if (TIMESTAMP_NOT_FINITE(from) || TIMESTAMP_NOT_FINITE(until) || from < earliest)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("\"from\" and \"to\" must be times since the market began"),
				 errhint("The first session was on 2000-07-28.")));
	if (until <= from || from > now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 until <= from ? errmsg("\"from\" must be before \"to\"") :
				 errmsg("\"from\" is in the future"),
				 errhint("Bars that start at \"from\" or later, and before \"to\", are fetched.")));
	from = Max(bar_before(from, length), earliest);
	until = Min(until, now);

	shared_state_require();
	PreventCommandIfReadOnly("vnstream_backfill()");
	if (control_wanted_run(&catalog) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("nothing is to run in this database"),
				 errhint("Use vnstream_start() first.")));
	number = backfill_row_request(&catalog, tickers, total, from, until, length, source);
	control_look_for_backfills();
	PG_RETURN_INT64(number);
}

Datum
vnstream_cancel_backfill(PG_FUNCTION_ARGS)
{
	int64		number = PG_GETARG_INT64(0);
	StoreCatalog catalog;
	BackfillCancel answer;

	shared_state_require();
	PreventCommandIfReadOnly("vnstream_cancel_backfill()");
	store_catalog_get(&catalog);
	answer = backfill_row_cancel(&catalog, number);
	if (answer == BACKFILL_UNKNOWN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no back-fill " INT64_FORMAT, number),
				 errhint("vnstream_backfills has them all.")));
	if (answer == BACKFILL_CANCELLED)
		control_look_for_backfills();
	PG_RETURN_BOOL(answer == BACKFILL_CANCELLED);
}
