/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  The one static worker: starts what databases want to have running.
 *
 * It has no database, so it can never be in the way of DROP DATABASE.  What
 * databases want stands in pg_db_role_setting, which cannot be read without
 * one: a short-lived scout reads it and leaves the answer in shared memory.
 * From there on all is level-triggered: each round compares what is wanted
 * with what runs, so that no lost message can leave a worker down.
 *
 * States of a worker's slot:
 *
 *	   STOPPED --wanted--> STARTING --attaches, connects--> RUNNING
 *		  ^					  |									|
 *		  |					  | dies, or no slot		trouble |
 *		  |					  v									v
 *		  |			   BACKING_OFF, or FAILED	  BACKING_OFF or FAILED,
 *		  |			   after ten in a row,		  alive: tries again by itself
 *		  |			   no process
 *		  +--- not wanted ----+--- launch_after is over --> STARTING
 *
 * Signals: SIGHUP SignalHandlerForConfigReload; SIGTERM die; SIGUSR1
 * procsignal_sigusr1_handler (bgworker.c sets it for a worker with the flag of
 * a database connection, as this one has): barriers of DROP DATABASE are
 * answered.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "health.h"
#include "pg_compat.h"
#include "shared_state.h"
#include "workers/figures.h"
#include "workers/launch_record.h"
#include "workers/launcher.h"
#include "workers/loop.h"
#include "workers/tell.h"

/* How often settings are read although nobody said that they changed. */
#define SCAN_INTERVAL_MS 180000

/* How long after a scan that failed the next one is tried. */
#define SCAN_RETRY_MS 5000

/* How long a scout may take. */
#define SCOUT_TIMEOUT_MS 30000

/* How long a registered worker may take to attach before it counts as lost. */
#define ATTACH_TIMEOUT_MS 60000

/* How soon to look again at a worker that has not attached yet. */
#define ATTACH_CHECK_MS 1000

/* How often the health of databases that want something is judged. */
#define HEALTH_INTERVAL_MS 5000

/* How soon another try after the postmaster had no slot for a worker. */
#define NO_SLOT_RETRY_MS 5000

StaticAssertDecl(sizeof(WorkerTicket) <= BGW_EXTRALEN,
				 "a worker's ticket must fit into bgw_extra");

typedef struct Launcher
{
	BackgroundWorkerHandle *scout;
	uint64		scout_scan;		/* what the running scout covers */
	TimestampTz scout_sent;
	TimestampTz scan_at;		/* when the next scan is due at the latest */
	BackgroundWorkerHandle *(*workers)[DATABASE_WORKERS];
	MemoryContext health_context;	/* emptied after each database */
} Launcher;

static Launcher launcher;

static void
fill_worker(BackgroundWorker *worker, const char *function, const char *type)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	/* nothing on standbys; starts at promotion */
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	snprintf(worker->bgw_library_name, BGW_MAXLEN, "vnstock_stream");
	snprintf(worker->bgw_function_name, BGW_MAXLEN, "%s", function);
	snprintf(worker->bgw_type, BGW_MAXLEN, "%s", type);
	snprintf(worker->bgw_name, BGW_MAXLEN, "%s", type);
}

void
launcher_register(void)
{
	BackgroundWorker worker;

	fill_worker(&worker, "vnstream_launcher_main", "vnstream launcher");
	worker.bgw_restart_time = 5;
	RegisterBackgroundWorker(&worker);
}

/*
 * A database that the scout can connect to, when none that uses the extension
 * is known: "postgres" first, which is there for utilities, else any that is
 * no template.
 */
static Oid
find_any_database(void)
{
	Relation	relation;
	TableScanDesc scan;
	HeapTuple	tuple;
	Oid			found = InvalidOid;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		/* below -1: a DROP DATABASE was interrupted */
		if (!database->datallowconn || database->datconnlimit < -1)
			continue;
		if (strcmp(NameStr(database->datname), "postgres") == 0)
		{
			found = database->oid;
			break;
		}
		if (!database->datistemplate || !OidIsValid(found))
			found = database->oid;
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	return found;
}

static bool
handle_is_alive(BackgroundWorkerHandle *handle)
{
	pid_t		pid;
	BgwHandleStatus status = GetBackgroundWorkerPid(handle, &pid);

	return status == BGWH_STARTED || status == BGWH_NOT_YET_STARTED;
}

/*
 * Start a scout when there is a reason to, and none runs.
 */
static void
send_scout(TimestampTz now)
{
	BackgroundWorker worker;
	WorkerTicket ticket;
	uint64		requests;
	uint64		done;
	Oid			database;

	if (launcher.scout != NULL && handle_is_alive(launcher.scout))
	{
		/* its database may be locked, e.g. as the template of another */
		if (TimestampDifferenceExceeds(launcher.scout_sent, now, SCOUT_TIMEOUT_MS))
			TerminateBackgroundWorker(launcher.scout);
		launcher.scan_at = TimestampTzPlusMilliseconds(now, SCAN_RETRY_MS);
		return;
	}

	requests = pg_atomic_read_u64(&shared_state->scan_requests);
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	done = shared_state->scans_done;
	if (launcher.scout != NULL && done < launcher.scout_scan)
	{
		/* it ended without an answer: its database may be gone */
		shared_state->scan_database = InvalidOid;
		launcher.scan_at = TimestampTzPlusMilliseconds(now, SCAN_RETRY_MS);
	}
	database = shared_state->scan_database;
	LWLockRelease(shared_state->lock);

	if (launcher.scout != NULL)
	{
		bool		failed = done < launcher.scout_scan;

		pfree(launcher.scout);
		launcher.scout = NULL;
		if (failed && launcher.scout_scan == requests)
			return;
	}
	if (now < launcher.scan_at && (done >= requests || launcher.scout_scan == requests))
		return;

	if (!OidIsValid(database))
		database = find_any_database();

	launcher.scan_at = TimestampTzPlusMilliseconds(now, SCAN_RETRY_MS);
	if (!OidIsValid(database))
		return;

	fill_worker(&worker, "vnstream_scout_main", "vnstream scout");
	worker.bgw_notify_pid = MyProcPid;
	memset(&ticket, 0, sizeof(ticket));
	ticket.scan = requests;
	ticket.database = database;
	memcpy(worker.bgw_extra, &ticket, sizeof(ticket));
	launcher.scout_scan = requests;
	launcher.scout_sent = now;
	if (!RegisterDynamicBackgroundWorker(&worker, &launcher.scout))
	{
		launcher.scout = NULL;
		tell(InvalidOid, 0, EVENT_ERROR, LOG, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
			 "Raise \"max_worker_processes\" and restart the server.",
			 "there is no free background worker slot to read the databases' settings");
		return;
	}
	launcher.scan_at = TimestampTzPlusMilliseconds(now, SCAN_INTERVAL_MS);
}

/*
 * Register the worker of a slot.  Caller holds no lock; only the launcher
 * starts workers, so the slot stays as it was seen.
 */
static void
launch(int entry_index, int worker_index, TimestampTz now)
{
	DatabaseEntry *entry = &shared_state->entries[entry_index];
	WorkerSlot *slot = &entry->workers[worker_index];
	BackgroundWorkerHandle **handle = &launcher.workers[entry_index][worker_index];
	BackgroundWorker worker;
	WorkerTicket ticket;
	char		name[NAMEDATALEN];

	if (*handle != NULL)
	{
		pfree(*handle);
		*handle = NULL;
	}

	memset(&ticket, 0, sizeof(ticket));
	ticket.generation = pg_atomic_add_fetch_u64(&shared_state->generation, 1);
	ticket.entry = entry_index;
	ticket.worker = worker_index;

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	ticket.database = entry->database;
	slot->generation = ticket.generation;
	slot->state = WORKER_STARTING;
	slot->since = now;
	slot->launched_at = now;
	strlcpy(slot->waiting_for, "a process", sizeof(slot->waiting_for));
	worker_slot_name(slot, name, sizeof(name));
	fill_worker(&worker, "vnstream_worker_main",
				slot->role == ROLE_PRODUCER ? "vnstream producer" :
				slot->role == ROLE_BACKFILL ? "vnstream backfill" : "vnstream consumer");
	snprintf(worker.bgw_name, BGW_MAXLEN, "vnstream %s %s", name, entry->name);
	LWLockRelease(shared_state->lock);

	/* before there is a process that may crash */
	launch_record_write(now);
	worker.bgw_notify_pid = MyProcPid;
	memcpy(worker.bgw_extra, &ticket, sizeof(ticket));
	if (RegisterDynamicBackgroundWorker(&worker, handle))
		return;

	*handle = NULL;
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	slot->state = WORKER_BACKING_OFF;
	slot->since = now;
	slot->launch_after = TimestampTzPlusMilliseconds(now, NO_SLOT_RETRY_MS);
	strlcpy(slot->waiting_for, "a background worker slot", sizeof(slot->waiting_for));
	strlcpy(slot->last_error,
			"no free background worker slot; raise max_worker_processes and restart the server",
			sizeof(slot->last_error));
	slot->last_error_at = now;
	slot->errors++;
	LWLockRelease(shared_state->lock);
	tell(ticket.database, EVENT_LIST_LAUNCHER, EVENT_ERROR, LOG,
		 ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
		 "Raise \"max_worker_processes\" and restart the server.",
		 "there is no free background worker slot for the %s", name);
}

/*
 * Was the worker registered and never attached: fork failed, or it ended
 * before it could say anything?
 */
static bool
attach_failed(int entry_index, int worker_index, const WorkerSlot *slot,
			  TimestampTz now)
{
	BackgroundWorkerHandle *handle = launcher.workers[entry_index][worker_index];

	if (handle != NULL)
		return !handle_is_alive(handle);
	/* an earlier launcher registered it, and took its handle along */
	return TimestampDifferenceExceeds(slot->launched_at, now, ATTACH_TIMEOUT_MS);
}

/*
 * What is to be done about one slot: launch its worker, wake the process, look
 * again in so many ms (-1: not by time), or tell that it was lost.  Caller holds
 * the lock.
 */
static bool
slot_is_due(int entry_index, int worker_index, TimestampTz now, int *wake, long *wait,
			bool *lost)
{
	DatabaseEntry *entry = &shared_state->entries[entry_index];
	WorkerSlot *slot = &entry->workers[worker_index];

	*wake = 0;
	*wait = -1;
	*lost = false;

	if (!shared_slot_is_wanted(entry, slot))
	{
		if (slot->pid != 0)
			*wake = slot->pid;
		else if (slot->state == WORKER_STARTING &&
				 !attach_failed(entry_index, worker_index, slot, now))
			*wait = ATTACH_CHECK_MS;
		else
		{
			if (slot->state != WORKER_STOPPED)
				slot->since = now;
			slot->state = WORKER_STOPPED;
			slot->waiting_for[0] = '\0';
			slot->failures = 0;
			slot->launch_after = 0;
		}
		return false;
	}

	if (slot->pid != 0)
		return false;

	if (slot->state == WORKER_STARTING)
	{
		*wait = ATTACH_CHECK_MS;
		if (!attach_failed(entry_index, worker_index, slot, now))
			return false;
		*lost = true;
		slot->failures++;
		worker_rest(slot, now);
		slot->errors++;
		slot->last_error_at = now;
		strlcpy(slot->last_error, "the worker process did not start; see the server log",
				sizeof(slot->last_error));
		return false;
	}

	launch_record_recall(entry, worker_index, now);
	if (now >= slot->launch_after)
		return true;
	*wait = TimestampDifferenceMilliseconds(now, slot->launch_after) + 1;
	return false;
}

static void
tell_lost(Oid database, const WorkerSlot *slot)
{
	char		name[NAMEDATALEN];

	worker_slot_name(slot, name, sizeof(name));
	tell(database, EVENT_LIST_LAUNCHER, EVENT_ERROR, LOG, ERRCODE_INTERNAL_ERROR, NULL,
		 "the process of the %s did not start; see the server log", name);
}

/*
 * Judge the databases that want something, and remember it.  Answers whether
 * there are any.
 */
static bool
judge_health(TimestampTz now)
{
	MemoryContext before = MemoryContextSwitchTo(launcher.health_context);
	bool		any = false;
	int			i;

	for (i = 0; i < shared_state->entry_count; i++)
	{
		HealthView *view = palloc(sizeof(HealthView));
		HealthReport *report = palloc(sizeof(HealthReport));
		Oid			database;

		LWLockAcquire(shared_state->lock, LW_SHARED);
		database = shared_state->entries[i].database;
		any = any || shared_state->entries[i].wanted != 0;
		LWLockRelease(shared_state->lock);
		if (OidIsValid(database))
		{
			health_look(database, view);
			health_judge(view, now, report);
			health_remember(database, report);
		}
		MemoryContextReset(launcher.health_context);
	}
	MemoryContextSwitchTo(before);
	return any;
}

/*
 * Compare what is wanted with what runs.  Answers ms until the next thing to
 * do by time, or -1.
 */
static long
reconcile(TimestampTz now)
{
	long		soonest = -1;
	int			i;
	int			j;

	for (i = 0; i < shared_state->entry_count; i++)
	{
		for (j = 0; j < DATABASE_WORKERS; j++)
		{
			bool		due = false;
			bool		lost = false;
			Oid			database;
			int			wake = 0;
			long		wait = -1;

			LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
			database = shared_state->entries[i].database;
			if (OidIsValid(database))
				due = slot_is_due(i, j, now, &wake, &wait, &lost);
			LWLockRelease(shared_state->lock);

			if (due)
				launch(i, j, now);
			if (lost)
				tell_lost(database, &shared_state->entries[i].workers[j]);
			shared_wake(wake);
			if (wait >= 0 && (soonest < 0 || wait < soonest))
				soonest = wait;
		}
	}
	ConditionVariableBroadcast(&shared_state->changed);
	return soonest;
}

/*
 * The clock was set back: what was to be done at some time is done now.
 */
static void
forget_times(TimestampTz now)
{
	int			i;
	int			j;

	launcher.scan_at = launcher.scout_sent = now;
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	for (i = 0; i < shared_state->entry_count; i++)
		for (j = 0; j < DATABASE_WORKERS; j++)
		{
			WorkerSlot *slot = &shared_state->entries[i].workers[j];

			slot->launched_at = Min(slot->launched_at, now);
			slot->launch_after = Min(slot->launch_after, now);
		}
	LWLockRelease(shared_state->lock);
	tell(InvalidOid, 0, EVENT_WARNING, LOG, ERRCODE_WARNING, NULL,
		 "the clock was set back: all workers start anew");
}

/*
 * Only here is the server's own value seen; and a round is what this worker does.
 */
static void
publish_settings(void)
{
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	shared_state->default_consumers = config_consumers;
	shared_state->launcher.last_activity = GetCurrentTimestamp();
	LWLockRelease(shared_state->lock);
}

static void
launcher_detach(int code, Datum argument)
{
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	shared_state->launcher.pid = 0;
	shared_state->launcher.state = WORKER_STOPPED;
	shared_state->launcher.since = GetCurrentTimestamp();
	LWLockRelease(shared_state->lock);
	/* nothing has crashed, and the next launcher writes it anew */
	launch_record_remove();
}

static void
launcher_attach(void)
{
	WorkerSlot *slot = &shared_state->launcher;

	if (slot->launched_at == 0)
		launch_record_read();
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	slot->pid = MyProcPid;
	slot->state = WORKER_RUNNING;
	slot->since = GetCurrentTimestamp();
	if (slot->launched_at != 0)
		slot->restarts++;
	slot->launched_at = slot->since;
	slot->lag = -1;
	slot->rate = -1;
	strlcpy(slot->waiting_for, "changes", sizeof(slot->waiting_for));
	LWLockRelease(shared_state->lock);
}

void
vnstream_launcher_main(Datum argument)
{
	TimestampTz round_at = 0;

	/*
	 * Before the connection is set up: exit callbacks run in reverse order, so
	 * the slot is given up after everything else of this process is.
	 */
	before_shmem_exit(launcher_detach, 0);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("vnstream launcher");

	launcher_attach();
	launcher.workers = MemoryContextAllocZero(TopMemoryContext,
											  shared_state->entry_count *
											  sizeof(*launcher.workers));
	launcher.health_context = AllocSetContextCreate(TopMemoryContext, "vnstream health",
													ALLOCSET_DEFAULT_SIZES);
	tell(InvalidOid, 0, EVENT_INFO, 0, 0, NULL,
		 "started, process %d", MyProcPid);

	for (;;)
	{
		TimestampTz now;
		long		timeout;
		long		until_scan;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			tell(InvalidOid, 0, EVENT_INFO, 0, 0, NULL, "the server's settings were read again");
		}
		publish_settings();

		if (clock_was_set_back(&round_at))
			forget_times(round_at);
		now = GetCurrentTimestamp();
		send_scout(now);
		timeout = reconcile(now);
		launch_record_write(now);
		figures_update(&shared_state->launcher);
		if (judge_health(now) && (timeout < 0 || timeout > HEALTH_INTERVAL_MS))
			timeout = HEALTH_INTERVAL_MS;

		until_scan = TimestampDifferenceMilliseconds(now, launcher.scan_at) + 1;
		if (timeout < 0 || timeout > until_scan)
			timeout = until_scan;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 timeout, wait_event_idle());
	}
}
