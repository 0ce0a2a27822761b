/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  vnstream_progress(): how far long work in this database has come.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "functions/columns.h"
#include "progress.h"
#include "shared_state.h"

PG_FUNCTION_INFO_V1(vnstream_progress);

#define PROGRESS_COLUMNS 9

/*
 * rate < 0: what the work did a second from its start.
 */
static void
put_progress(ReturnSetInfo *result, const char *worker, const ProgressRow *row, double rate)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		to_go = Max(row->total - row->done, 0);
	Datum		values[PROGRESS_COLUMNS];
	bool		nulls[PROGRESS_COLUMNS];
	int			i = 0;

	if (rate < 0 && now > row->started)
		rate = row->done / ((now - row->started) / (double) USECS_PER_SEC);

	memset(values, 0, sizeof(values));
	memset(nulls, 0, sizeof(nulls));
	values[i++] = CStringGetTextDatum(row->what);
	column_text(&values[i], &nulls[i], worker);
	i++;
	values[i++] = Int32GetDatum(row->pid);
	column_time(&values[i], &nulls[i], row->started);
	i++;
	values[i++] = Int64GetDatum(row->done);
	nulls[i] = row->total < 0;
	values[i++] = Int64GetDatum(row->total);
	nulls[i] = row->total < 0;
	values[i++] = Int64GetDatum(to_go);
	nulls[i] = rate < 0;
	values[i++] = Float8GetDatum(rint(rate * 10) / 10);
	column_time_left(&values[i], &nulls[i], row->total < 0 ? 0 : to_go, rate);
	i++;
	Assert(i == PROGRESS_COLUMNS);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * What a worker has before it, since its lag was last nothing.
 */
static void
put_worker(ReturnSetInfo *result, const WorkerSlot *slot)
{
	ProgressRow row;
	char		name[NAMEDATALEN];

	if (slot->pid == 0 || slot->lag <= 0 || slot->role == ROLE_BACKFILL)
		return;
	/* a consumer that stands still catches nothing up: vnstream_health() */
	if (slot->role == ROLE_CONSUMER && slot->rate <= 0)
		return;
	memset(&row, 0, sizeof(row));
	strlcpy(row.what, slot->role == ROLE_PRODUCER ? "sending the outbox" : "catching up",
			sizeof(row.what));
	row.pid = slot->pid;
	row.started = slot->behind_since;
	row.done = slot->messages - slot->behind_messages;
	row.total = row.done + slot->lag;
	worker_slot_name(slot, name, sizeof(name));
	put_progress(result, name, &row, Max(slot->rate, 0));
}

Datum
vnstream_progress(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ProgressRow rows[PROGRESS_SLOTS];
	WorkerSlot	workers[DATABASE_WORKERS];
	DatabaseEntry *entry;
	int			count;
	int			i;
	int			j;

	shared_state_require();
	InitMaterializedSRF(fcinfo, 0);

	memset(workers, 0, sizeof(workers));
	LWLockAcquire(shared_state->lock, LW_SHARED);
	entry = shared_entry_find(MyDatabaseId);
	if (entry != NULL)
		memcpy(workers, entry->workers, sizeof(workers));
	LWLockRelease(shared_state->lock);

	count = progress_read(MyDatabaseId, rows);
	for (i = 0; i < count; i++)
	{
		char		name[NAMEDATALEN] = "";

		for (j = 0; j < DATABASE_WORKERS; j++)
			if (workers[j].pid == rows[i].pid)
				worker_slot_name(&workers[j], name, sizeof(name));
		put_progress(result, name, &rows[i], -1);
	}
	for (j = 0; j < DATABASE_WORKERS; j++)
		put_worker(result, &workers[j]);
	return (Datum) 0;
}
