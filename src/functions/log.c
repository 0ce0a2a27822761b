/*-------------------------------------------------------------------------
 *
 * log.c
 *	  vnstream_log(): the last events, like tail.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "event_log.h"
#include "functions/columns.h"

PG_FUNCTION_INFO_V1(vnstream_log);

#define LOG_COLUMNS 6

#define LINES_MAX 1000

#define ALL_WORKERS (-1)

typedef struct LogLine
{
	const Event *event;
	char		worker[NAMEDATALEN];
	int			place;			/* decides between events of one moment */
} LogLine;

static void
list_name(int list, char *name)
{
	WorkerSlot	slot;

	slot.role = list == EVENT_LIST_LAUNCHER ? ROLE_LAUNCHER :
		list == 0 ? ROLE_PRODUCER :
		list == BACKFILL_WORKER ? ROLE_BACKFILL : ROLE_CONSUMER;
	slot.number = list;
	worker_slot_name(&slot, name, NAMEDATALEN);
}

static int
lines_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0) || PG_GETARG_INT32(0) < 1 || PG_GETARG_INT32(0) > LINES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n must be between 1 and %d", LINES_MAX),
				 errhint("It is how many events are shown, the last ones.")));
	return PG_GETARG_INT32(0);
}

static int
worker_argument(FunctionCallInfo fcinfo)
{
	char	   *worker;
	char		name[NAMEDATALEN];
	int			list;

	if (PG_ARGISNULL(1))
		return ALL_WORKERS;
	worker = text_to_cstring(PG_GETARG_TEXT_PP(1));
	for (list = 0; list < EVENT_LISTS; list++)
	{
		list_name(list, name);
		if (pg_strcasecmp(name, worker) == 0)
			return list;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no worker \"%s\"", worker),
			 errhint("There are 'launcher', 'producer', 'consumer 1' to 'consumer %d', and 'backfill'.",
					 MAX_CONSUMERS)));
}

static EventLevel
level_argument(FunctionCallInfo fcinfo)
{
	char	   *level;
	int			i;

	if (PG_ARGISNULL(2))
		return EVENT_INFO;
	level = text_to_cstring(PG_GETARG_TEXT_PP(2));
	for (i = EVENT_INFO; i <= EVENT_ERROR; i++)
		if (pg_strcasecmp(event_level_name(i), level) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no level \"%s\"", level),
			 errhint("Use 'info', 'warning' or 'error': events of that level and above are shown.")));
}

/*
 * Adds a list's events to the lines; answers how many there are then.
 */
static int
collect(LogLine *lines, int count, Oid database, int list, const char *worker,
		EventLevel level)
{
	Event	   *events = palloc(sizeof(Event) * EVENT_LIST_SIZE);
	int			event_count = event_log_read(database, list, events);
	int			i;

	for (i = 0; i < event_count; i++)
	{
		if (events[i].level < level)
			continue;
		lines[count].event = &events[i];
		lines[count].place = count;
		strlcpy(lines[count].worker, worker, NAMEDATALEN);
		count++;
	}
	return count;
}

static int
compare_lines(const void *a, const void *b)
{
	const LogLine *left = a;
	const LogLine *right = b;

	if (left->event->last != right->event->last)
		return left->event->last < right->event->last ? -1 : 1;
	return left->place - right->place;
}

static void
put_line(ReturnSetInfo *result, const LogLine *line)
{
	const Event *event = line->event;
	Datum		values[LOG_COLUMNS];
	bool		nulls[LOG_COLUMNS];
	int			i = 0;

	memset(nulls, 0, sizeof(nulls));
	values[i++] = TimestampTzGetDatum(event->last);
	values[i++] = CStringGetTextDatum(line->worker);
	values[i++] = CStringGetTextDatum(event_level_name(event->level));
	values[i++] = Int32GetDatum(event->repeated);
	column_text(&values[i], &nulls[i],
				event->sqlstate == 0 ? "" : unpack_sql_state(event->sqlstate));
	i++;
	values[i++] = CStringGetTextDatum(event->text);
	Assert(i == LOG_COLUMNS);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
vnstream_log(PG_FUNCTION_ARGS)
{
	int			wanted;
	int			worker;
	EventLevel	level;
	LogLine    *lines;
	char		name[NAMEDATALEN];
	int			count = 0;
	int			list;
	int			i;

	shared_state_require();
	wanted = lines_argument(fcinfo);
	worker = worker_argument(fcinfo);
	level = level_argument(fcinfo);
	InitMaterializedSRF(fcinfo, 0);

	/* the launcher has one list more, about the whole server */
	lines = palloc(sizeof(LogLine) * (EVENT_LISTS + 1) * EVENT_LIST_SIZE);
	for (list = 0; list < EVENT_LISTS; list++)
	{
		if (worker != ALL_WORKERS && worker != list)
			continue;
		list_name(list, name);
		count = collect(lines, count, MyDatabaseId, list, name, level);
		if (list == EVENT_LIST_LAUNCHER)
			count = collect(lines, count, InvalidOid, 0, name, level);
	}
	qsort(lines, count, sizeof(LogLine), compare_lines);
	for (i = Max(count - wanted, 0); i < count; i++)
		put_line((ReturnSetInfo *) fcinfo->resultinfo, &lines[i]);
	return (Datum) 0;
}
