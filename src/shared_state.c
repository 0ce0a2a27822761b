/*-------------------------------------------------------------------------
 *
 * shared_state.c
 *	  What the processes of the extension know of each other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "miscadmin.h"
#include "pgtime.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "shared_state.h"

SharedState *shared_state = NULL;

#define TRANCHE_NAME "vnstock_stream"

/* Clocks that are kept right go back by less. */
#define SET_BACK_MS 60000

static Size
shared_state_size(void)
{
	return add_size(offsetof(SharedState, entries),
					mul_size(config_max_databases, sizeof(DatabaseEntry)));
}

void
shared_state_request(void)
{
	RequestAddinShmemSpace(shared_state_size());
	RequestNamedLWLockTranche(TRANCHE_NAME, 1);
}

void
shared_state_start(void)
{
	bool		found;

	shared_state = ShmemInitStruct("vnstock_stream", shared_state_size(), &found);
	if (found)
		return;
	memset(shared_state, 0, shared_state_size());
	shared_state->lock = &GetNamedLWLockTranche(TRANCHE_NAME)->lock;
	pg_atomic_init_u64(&shared_state->generation, 0);
	/* the first scan is due as soon as the launcher runs */
	pg_atomic_init_u64(&shared_state->scan_requests, 1);
	ConditionVariableInit(&shared_state->changed);
	shared_state->entry_count = config_max_databases;
	shared_state->default_consumers = config_consumers;
	shared_state->launcher.role = ROLE_LAUNCHER;
}

void
shared_state_require(void)
{
	if (shared_state == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("vnstock_stream is not loaded at server start"),
				 errhint("Add this line to postgresql.conf, then restart the server: "
						 "shared_preload_libraries = 'vnstock_stream'")));
}

DatabaseEntry *
shared_entry_find(Oid database)
{
	int			i;

	Assert(LWLockHeldByMe(shared_state->lock));
	for (i = 0; i < shared_state->entry_count; i++)
		if (shared_state->entries[i].database == database)
			return &shared_state->entries[i];
	return NULL;
}

int
shared_entry_consumers(const DatabaseEntry *entry)
{
	if (!(entry->wanted & RUN_CONSUMER))
		return 0;
	return entry->consumers > 0 ? entry->consumers : shared_state->default_consumers;
}

bool
shared_slot_is_wanted(const DatabaseEntry *entry, const WorkerSlot *slot)
{
	if (!config_enabled || !OidIsValid(entry->database))
		return false;
	if (slot->role == ROLE_PRODUCER)
		return (entry->wanted & RUN_PRODUCER) != 0;
	if (slot->role == ROLE_BACKFILL)
		return entry->wanted != 0 && entry->backfill_requests != entry->backfills_seen;
	return slot->number <= shared_entry_consumers(entry);
}

void
shared_wake(int pid)
{
	PGPROC	   *process = pid != 0 ? BackendPidGetProc(pid) : NULL;

	if (process != NULL)
		SetLatch(&process->procLatch);
}

void
shared_request_scan(Oid database)
{
	int			pid;

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	if (OidIsValid(database))
		shared_state->scan_database = database;
	pid = shared_state->launcher.pid;
	LWLockRelease(shared_state->lock);

	pg_atomic_fetch_add_u64(&shared_state->scan_requests, 1);
	shared_wake(pid);
}

void
shared_wake_database(Oid database)
{
	int			pids[DATABASE_WORKERS];
	DatabaseEntry *entry;
	int			i;

	memset(pids, 0, sizeof(pids));
	LWLockAcquire(shared_state->lock, LW_SHARED);
	entry = shared_entry_find(database);
	if (entry != NULL)
		for (i = 0; i < DATABASE_WORKERS; i++)
			pids[i] = entry->workers[i].pid;
	LWLockRelease(shared_state->lock);

	for (i = 0; i < DATABASE_WORKERS; i++)
		shared_wake(pids[i]);
}

void
shared_forget_backoff(Oid database)
{
	DatabaseEntry *entry;
	int			i;

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	entry = shared_entry_find(database);
	if (entry != NULL)
		for (i = 0; i < DATABASE_WORKERS; i++)
		{
			WorkerSlot *slot = &entry->workers[i];

			slot->launch_after = 0;
			if (slot->pid == 0 && slot->state != WORKER_STARTING)
				slot->failures = 0;
		}
	LWLockRelease(shared_state->lock);
}

/*
 * A clock that nobody sets, the same in all processes, in µs: one that is set
 * forward by a minute would make all requests of the last one forgotten.
 */
static int64
steady_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * USECS_PER_SEC + now.tv_nsec / 1000;
}

/* The budget of a source, or NULL; made where there is room.  Caller holds the lock. */
static SourceBudget *
find_budget(const char *source)
{
	int			i;

	for (i = 0; i < MAX_SOURCES; i++)
	{
		SourceBudget *budget = &shared_state->budgets[i];

		if (budget->name[0] == '\0')
			strlcpy(budget->name, source, sizeof(budget->name));
		if (strcmp(budget->name, source) == 0)
			return budget;
	}
	return NULL;
}

long
shared_budget_take(const char *source, int limit)
{
	SourceBudget *budget;
	long		wait = 1000;

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	budget = find_budget(source);
	/* the callers are plain C: nothing may be raised through them */
	Assert(budget != NULL);
	if (budget != NULL)
		wait = request_take(&budget->history, limit, steady_us());
	LWLockRelease(shared_state->lock);
	return wait;
}

int
shared_budget_used(const char *source)
{
	SourceBudget *budget;
	int			used = 0;

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	budget = find_budget(source);
	if (budget != NULL)
		used = request_count(&budget->history, steady_us());
	LWLockRelease(shared_state->lock);
	return used;
}

/*
 * A time to come counts too, but only so far: the clock may have been set back.
 */
static bool
is_of_late(TimestampTz then, TimestampTz now, int ms)
{
	return then != 0 && !TimestampDifferenceExceeds(then, now, ms) &&
		!TimestampDifferenceExceeds(now, then, ms);
}

bool
shared_other_is_seen(const OtherProducer *other, TimestampTz now)
{
	return is_of_late(other->seen, now, other->window_ms);
}

bool
shared_other_is_elder(const OtherProducer *other, TimestampTz now)
{
	return is_of_late(other->elder_seen, now, other->window_ms);
}

bool
clock_passed(TimestampTz then, TimestampTz now, int ms)
{
	return then > now || TimestampDifferenceExceeds(then, now, ms);
}

bool
clock_was_set_back(TimestampTz *last)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		was_set_back = *last != 0 &&
		TimestampDifferenceExceeds(now, *last, SET_BACK_MS);

	*last = now;
	return was_set_back;
}

const char *
worker_state_name(WorkerState state)
{
	switch (state)
	{
		case WORKER_STOPPED:
			return "stopped";
		case WORKER_STARTING:
			return "starting";
		case WORKER_RUNNING:
			return "running";
		case WORKER_BACKING_OFF:
			return "backing off";
		case WORKER_FAILED:
			return "failed";
		case WORKER_STOPPING:
			return "stopping";
	}
	return "?";
}

void
clock_text(TimestampTz time, char *text)
{
	pg_time_t	seconds = timestamptz_to_time_t(time);

	pg_strftime(text, CLOCK_TEXT_SIZE, "%H:%M:%S", pg_localtime(&seconds, session_timezone));
}

void
worker_waiting_text(const WorkerSlot *slot, TimestampTz now, char *text)
{
	TimestampTz until = slot->pid == 0 ? slot->launch_after : slot->retry_at;
	char		clock[CLOCK_TEXT_SIZE];

	strlcpy(text, slot->waiting_for, WAITING_TEXT_SIZE);
	/* a process that has failed looks again from time to time */
	if ((slot->state != WORKER_BACKING_OFF && (slot->state != WORKER_FAILED || slot->pid != 0)) ||
		until <= now)
		return;
	clock_text(until, clock);
	snprintf(text, WAITING_TEXT_SIZE, "%s%s%s %s", slot->waiting_for,
			 slot->waiting_for[0] != '\0' ? "; " : "",
			 slot->state == WORKER_FAILED ? "starts again at" : "backing off until", clock);
}

void
worker_slot_name(const WorkerSlot *slot, char *name, size_t size)
{
	switch (slot->role)
	{
		case ROLE_LAUNCHER:
			strlcpy(name, "launcher", size);
			break;
		case ROLE_PRODUCER:
			strlcpy(name, "producer", size);
			break;
		case ROLE_CONSUMER:
			snprintf(name, size, "consumer %d", slot->number);
			break;
		case ROLE_BACKFILL:
			strlcpy(name, "backfill", size);
			break;
	}
}
