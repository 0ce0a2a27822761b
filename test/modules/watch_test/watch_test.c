/*-------------------------------------------------------------------------
 *
 * watch_test.c
 *	  The modules beside shared_state, callable from SQL.
 *
 * They are compiled into this library once more, so that nothing of the real
 * one has to be visible, and find the server's shared memory by its name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "event_log.h"
#include "health.h"
#include "progress.h"
#include "workers/notice_text.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

PG_FUNCTION_INFO_V1(test_progress_begin);
PG_FUNCTION_INFO_V1(test_progress_add);
PG_FUNCTION_INFO_V1(test_progress_end);
PG_FUNCTION_INFO_V1(test_event);
PG_FUNCTION_INFO_V1(test_health);
PG_FUNCTION_INFO_V1(test_clock);
PG_FUNCTION_INFO_V1(test_notice);

/* The modules' GetCurrentTimestamp(), by the Makefile: ahead by so much. */
#undef GetCurrentTimestamp
extern TimestampTz GetCurrentTimestamp(void);
static int64 clock_ahead = 0;

TimestampTz
test_now(void)
{
	return GetCurrentTimestamp() + clock_ahead;
}

/*
 * test_clock(seconds): the modules' clock in this session is ahead
 */
Datum
test_clock(PG_FUNCTION_ARGS)
{
	clock_ahead = PG_GETARG_INT32(0) * USECS_PER_SEC;
	PG_RETURN_VOID();
}

/* src/config.c has them in the real library; the test leaves the defaults. */
bool		config_enabled = true;
int			config_max_databases = 4;
int			config_consumers = 1;

void
_PG_init(void)
{
	Size		size = add_size(offsetof(SharedState, entries),
								mul_size(config_max_databases, sizeof(DatabaseEntry)));
	bool		found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared_state = ShmemInitStruct("vnstock_stream", size, &found);
	if (!found)
		elog(FATAL, "vnstock_stream is not preloaded");
	progress_start();
	event_log_start();
	LWLockRelease(AddinShmemInitLock);
}

Datum
test_progress_begin(PG_FUNCTION_ARGS)
{
	progress_begin(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_INT64(1));
	PG_RETURN_VOID();
}

Datum
test_progress_add(PG_FUNCTION_ARGS)
{
	progress_add(PG_GETARG_INT64(0));
	PG_RETURN_VOID();
}

Datum
test_progress_end(PG_FUNCTION_ARGS)
{
	progress_end();
	PG_RETURN_VOID();
}

/*
 * test_event(database, list, level, text as bytea): what the server's log gets
 */
Datum
test_event(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(3);
	char	   *text = pnstrdup(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));

	PG_RETURN_INT32(event_log_add(PG_GETARG_OID(0), PG_GETARG_INT32(1), PG_GETARG_INT32(2),
								  0, text));
}

/*
 * A pipeline that is well, of a producer and two consumers.
 */
static void
make_well(HealthView *view, TimestampTz now)
{
	int			i;

	view->is_enabled = true;
	view->is_known = true;
	view->entry.wanted = RUN_ALL;
	view->launcher.pid = 1;
	view->launcher.last_activity = now;
	for (i = 0; i < 3; i++)
	{
		WorkerSlot *slot = &view->entry.workers[i];

		view->is_wanted[i] = true;
		slot->role = i == 0 ? ROLE_PRODUCER : ROLE_CONSUMER;
		slot->number = i;
		slot->pid = 10 + i;
		slot->state = WORKER_RUNNING;
		slot->partitions = 1;
		slot->since = slot->heartbeat = slot->last_activity = slot->launched_at = now;
	}
}

/*
 * test_health(case): the report of a pipeline that is well but for that, and
 * how many seconds ago it began.  "old" is 61 seconds.
 */
Datum
test_health(PG_FUNCTION_ARGS)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	HealthView *view = palloc0(sizeof(HealthView));
	HealthReport *report = palloc0(sizeof(HealthReport));
	WorkerSlot *producer = &view->entry.workers[0];
	WorkerSlot *consumer = &view->entry.workers[1];
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz old = now - 61 * USECS_PER_SEC;

	make_well(view, now);
	if (strcmp(name, "lag, old") == 0)
	{
		consumer->lag = 5;
		consumer->last_activity = consumer->behind_since = old;
	}
	else if (strcmp(name, "lag, new") == 0)
	{
		consumer->lag = 5;
		consumer->last_activity = old;
		consumer->behind_since = now;
	}
	else if (strncmp(name, "starting", 8) == 0)
	{
		consumer->state = WORKER_STARTING;
		consumer->since = strcmp(name, "starting, old") == 0 ? old : now;
		strlcpy(consumer->waiting_for, "the broker", sizeof(consumer->waiting_for));
	}
	else if (strncmp(name, "ended", 5) == 0)
	{
		consumer->state = WORKER_BACKING_OFF;
		consumer->pid = 0;
		consumer->failures = atoi(name + 6);
		consumer->launch_after = now + USECS_PER_SEC;
		strlcpy(consumer->last_error, "its error", sizeof(consumer->last_error));
		consumer->last_error_at = now;
	}
	else if (strncmp(name, "away", 4) == 0)
	{
		consumer->state = WORKER_BACKING_OFF;
		consumer->since = now - (strcmp(name, "away, long") == 0 ? 901 : 899) * USECS_PER_SEC;
		strlcpy(consumer->waiting_for, "the broker", sizeof(consumer->waiting_for));
	}
	else if (strcmp(name, "started again") == 0)
		consumer->failures = 3;
	else if (strcmp(name, "launcher stuck") == 0)
		view->launcher.last_activity = old;
	else if (strcmp(name, "stuck") == 0)
		producer->heartbeat = old;
	else if (strncmp(name, "locked", 6) == 0)
	{
		producer->heartbeat = strcmp(name, "locked, old") == 0 ? old : now;
		strlcpy(view->lock_wait[0], "a lock", sizeof(view->lock_wait[0]));
	}
	else if (strcmp(name, "worst first") == 0)
	{
		consumer->dead_letter_at = now;
		consumer->dead_letters_since = old - USECS_PER_SEC;
		view->entry.workers[2].heartbeat = old;
		view->entry.workers[2].state = WORKER_FAILED;
		view->entry.workers[2].since = now - 5 * USECS_PER_SEC;
	}
	else if (strcmp(name, "dead letters, set back") == 0)
		consumer->dead_letter_at = now + 601 * USECS_PER_SEC;
	else if (strcmp(name, "dead letters, old") == 0)
		consumer->dead_letter_at = now - 601 * USECS_PER_SEC;
	else if (strncmp(name, "other", 5) == 0)
	{
		OtherProducer *other = &view->entry.other;

		strlcpy(other->node, "1/db/", sizeof(other->node));
		other->since = old;
		other->window_ms = 120000;
		other->seen = strcmp(name, "other, set back") == 0 ? now + 121 * USECS_PER_SEC :
			strcmp(name, "other, gone") == 0 ? now - 121 * USECS_PER_SEC : old;
		other->elder_seen = strcmp(name, "other, elder") == 0 ? old : 0;
		other->is_copy = other->elder_seen != 0;
		producer->state = WORKER_FAILED;
		producer->since = now;
		view->is_wanted[0] = strcmp(name, "other, not wanted") != 0;
		if (other->seen != old)
			producer->state = WORKER_RUNNING;
	}
	else if (strcmp(name, "outbox half full") == 0)
	{
		view->entry.outbox_half_since = old;
		view->entry.outbox_bytes = 600 * 1024 + 1;
		view->entry.outbox_limit = 1024 * 1024;
	}
	else if (strcmp(name, "failed, not wanted") == 0)
	{
		consumer->state = WORKER_FAILED;
		view->is_wanted[1] = false;
	}
	else if (strcmp(name, "standby") == 0)
	{
		view->is_standby = true;
		view->launcher.pid = 0;
		view->server_start = old;
	}
	else if (strcmp(name, "well") != 0)
		elog(ERROR, "there is no case \"%s\"", name);

	health_judge(view, now, report);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%d %s", (int) ((now - report->since) / USECS_PER_SEC),
											  health_summary(report))));
}

/*
 * test_notice(line, error): the line as a worker tells it, NULL where it does
 * not, because it says nothing or the error says the same
 */
Datum
test_notice(PG_FUNCTION_ARGS)
{
	char	   *line = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *error = text_to_cstring(PG_GETARG_TEXT_PP(1));

	notice_shorten(line);
	notice_shorten(error);
	if (notice_is_noise(line) || notice_covers(error, line))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(line));
}
