/*-------------------------------------------------------------------------
 *
 * health.c
 *	  vnstream_health(): is the pipeline of this database well?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "functions/columns.h"
#include "health.h"

PG_FUNCTION_INFO_V1(vnstream_health);

#define HEALTH_COLUMNS 3

Datum
vnstream_health(PG_FUNCTION_ARGS)
{
	HealthView *view;
	HealthReport *report;
	TupleDesc	descriptor;
	Datum	   *reasons;
	Datum		values[HEALTH_COLUMNS];
	bool		nulls[HEALTH_COLUMNS];
	int			i;

	shared_state_require();
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	view = palloc(sizeof(HealthView));
	report = palloc(sizeof(HealthReport));
	health_look(MyDatabaseId, view);
	health_judge(view, GetCurrentTimestamp(), report);
	health_remember(MyDatabaseId, report);

	reasons = palloc(sizeof(Datum) * (report->count + 1));
	for (i = 0; i < report->count; i++)
		reasons[i] = CStringGetTextDatum(report->reasons[i].text);
	memset(nulls, 0, sizeof(nulls));
	values[0] = CStringGetTextDatum(health_status_name(report->status));
	values[1] = PointerGetDatum(construct_array(reasons, report->count, TEXTOID, -1, false,
												TYPALIGN_INT));
	column_time(&values[2], &nulls[2], report->since);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
