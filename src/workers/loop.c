/*-------------------------------------------------------------------------
 *
 * loop.c
 *	  What producer and consumer share.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg_compat.h"
#include "workers/figures.h"
#include "workers/launcher.h"
#include "workers/loop.h"

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MAX_MS 60000

/* A worker that lived this long starts its back-off anew. */
#define HEALTHY_MS 60000

/* The same error is logged once in this time. */
#define REPEAT_LOG_MS 60000

#define RATE_SECONDS 60

WorkerSlot *worker_slot = NULL;
DatabaseEntry *worker_entry = NULL;

static uint64 worker_generation;
static uint64 restarts_seen;	/* the entry's count when this process began */
static bool ends_by_wish = false;
static bool extension_is_gone = false;
static bool settings_reloaded = false;

static TimestampTz sampled_at;
static int64 rate_messages[RATE_SECONDS];	/* counted in each second */
static int64 rate_second;		/* which second the newest count is of */
static int64 rate_first_second; /* when counting began */

static char repeated_text[WORKER_ERROR_SIZE];
static TimestampTz repeated_since;
static int	repeated_count;

static uint64
entry_restarts(void)
{
	return worker_slot->role == ROLE_PRODUCER ?
		worker_entry->restart_producer : worker_entry->restart_consumer;
}

long
backoff_ms(int failures)
{
	long		wait = BACKOFF_FIRST_MS;
	int			i;

	for (i = 1; i < failures && wait < BACKOFF_MAX_MS; i++)
		wait *= 2;
	wait = Min(wait, BACKOFF_MAX_MS);
	/* jitter of a quarter, so that servers do not all come back at once */
	return wait - wait / 4 +
		(long) pg_prng_uint64_range(&pg_global_prng_state, 0, wait / 2);
}

static void
worker_detach(int code, Datum argument)
{
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	if (worker_slot->generation == worker_generation)
	{
		worker_slot->pid = 0;
		worker_slot->since = now;
		worker_slot->rate = -1;
		worker_slot->waiting_for[0] = '\0';
		if (ends_by_wish)
		{
			worker_slot->state = WORKER_STOPPED;
			worker_slot->failures = 0;
			worker_slot->launch_after = 0;
		}
		else if (extension_is_gone)
		{
			worker_slot->state = WORKER_BACKING_OFF;
			worker_slot->launch_after = TimestampTzPlusMilliseconds(now, BACKOFF_MAX_MS);
			strlcpy(worker_slot->waiting_for, "CREATE EXTENSION", WORKER_TEXT_SIZE);
		}
		else
		{
			if (TimestampDifferenceExceeds(worker_slot->launched_at, now, HEALTHY_MS))
				worker_slot->failures = 0;
			worker_slot->failures++;
			worker_slot->state = WORKER_BACKING_OFF;
			worker_slot->launch_after =
				TimestampTzPlusMilliseconds(now, backoff_ms(worker_slot->failures));
			if (worker_slot->last_error_at < worker_slot->launched_at)
			{
				strlcpy(worker_slot->last_error, "the worker was terminated",
						WORKER_ERROR_SIZE);
				worker_slot->last_error_at = now;
			}
		}
		if (worker_slot->role == ROLE_PRODUCER)
			worker_entry->target[0] = '\0';
	}
	LWLockRelease(shared_state->lock);
	ConditionVariableBroadcast(&shared_state->changed);

	/*
	 * One that was terminated by DROP DATABASE … WITH (FORCE) must not be
	 * started again before somebody looked whether its database is still there.
	 */
	if (!ends_by_wish && !extension_is_gone)
		shared_request_scan(InvalidOid);
	else
	{
		int			launcher;

		LWLockAcquire(shared_state->lock, LW_SHARED);
		launcher = shared_state->launcher.pid;
		LWLockRelease(shared_state->lock);
		shared_wake(launcher);
	}
}

void
worker_pin_search_path(void)
{
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);
}

bool
worker_attach(const WorkerTicket *ticket)
{
	bool		ours;

	if (shared_state == NULL || ticket->entry >= shared_state->entry_count)
		return false;
	worker_entry = &shared_state->entries[ticket->entry];
	worker_slot = &worker_entry->workers[ticket->worker];
	worker_generation = ticket->generation;

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	ours = worker_slot->generation == ticket->generation && worker_slot->pid == 0 &&
		worker_entry->database == ticket->database;
	if (ours)
	{
		worker_slot->pid = MyProcPid;
		worker_slot->state = WORKER_STARTING;
		worker_slot->since = GetCurrentTimestamp();
		if (worker_slot->last_activity != 0)
			worker_slot->restarts++;
		worker_slot->last_activity = worker_slot->since;
		worker_slot->lag = -1;
		worker_slot->rate = -1;
		strlcpy(worker_slot->waiting_for, "the database", WORKER_TEXT_SIZE);
		restarts_seen = entry_restarts();
	}
	LWLockRelease(shared_state->lock);
	ConditionVariableBroadcast(&shared_state->changed);

	/*
	 * Before the connection is set up: exit callbacks run in reverse order, so
	 * that the slot is given up only when locks and the connection are gone.
	 */
	if (ours)
		before_shmem_exit(worker_detach, 0);
	return ours;
}

void
worker_end(void)
{
	ends_by_wish = true;
	proc_exit(0);
}

void
worker_restart(const char *because)
{
	ereport(LOG,
			(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
			 errmsg("%s starts anew: %s", MyBgworkerEntry->bgw_name, because)));
	worker_end();
}

void
worker_leave(void)
{
	ereport(LOG,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("%s ends: the extension is not in this database any more",
					MyBgworkerEntry->bgw_name)));
	extension_is_gone = true;
	proc_exit(0);
}

bool
worker_is_to_end(void)
{
	bool		ends;

	/* pg_cancel_backend(): between transactions there is nothing to cancel */
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
	settings_reloaded = ConfigReloadPending;
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}

	LWLockAcquire(shared_state->lock, LW_SHARED);
	ends = !shared_slot_is_wanted(worker_entry, worker_slot) ||
		worker_slot->generation != worker_generation ||
		entry_restarts() != restarts_seen;
	LWLockRelease(shared_state->lock);
	return ends;
}

bool
worker_reloaded(void)
{
	return settings_reloaded;
}

/*
 * Move the ring of seconds on to now, and answer the rate of the last minute.
 */
static double
current_rate(int64 add)
{
	int64		second = GetCurrentTimestamp() / USECS_PER_SEC;
	int64		sum = 0;
	int64		seconds;
	int			i;

	if (rate_first_second == 0)
		rate_first_second = rate_second = second;
	if (second - rate_second >= RATE_SECONDS || second < rate_second)
	{
		memset(rate_messages, 0, sizeof(rate_messages));
		rate_second = second;
	}
	while (rate_second < second)
		rate_messages[++rate_second % RATE_SECONDS] = 0;
	rate_messages[second % RATE_SECONDS] += add;

	for (i = 0; i < RATE_SECONDS; i++)
		sum += rate_messages[i];
	seconds = Min(second - rate_first_second + 1, RATE_SECONDS);
	return (double) sum / Max(seconds, 1);
}

/*
 * Once a second at most: figures that cost a system call.
 */
static void
sample(void)
{
	TimestampTz now = GetCurrentTimestamp();
	double		rate;

	if (!TimestampDifferenceExceeds(sampled_at, now, 1000))
		return;
	sampled_at = now;
	figures_update(worker_slot);
	rate = current_rate(0);

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	worker_slot->rate = rate;
	LWLockRelease(shared_state->lock);
}

void
worker_wait(WaitSource *sources, int count, long timeout_ms)
{
	sample();
	sockets_wait(sources, count, timeout_ms);
}

void
worker_set_state(WorkerState state, const char *waiting_for,...)
{
	char		text[WORKER_TEXT_SIZE];
	va_list		arguments;
	bool		changed;

	va_start(arguments, waiting_for);
	vsnprintf(text, sizeof(text), waiting_for, arguments);
	va_end(arguments);

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	changed = worker_slot->state != state;
	if (changed)
	{
		worker_slot->state = state;
		worker_slot->since = GetCurrentTimestamp();
	}
	if (strcmp(worker_slot->waiting_for, text) != 0)
		strlcpy(worker_slot->waiting_for, text, WORKER_TEXT_SIZE);
	LWLockRelease(shared_state->lock);
	if (changed)
		ConditionVariableBroadcast(&shared_state->changed);
}

void
worker_add(int64 messages, int64 rows)
{
	(void) current_rate(messages);
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	worker_slot->messages += messages;
	worker_slot->rows += rows;
	worker_slot->last_activity = GetCurrentTimestamp();
	LWLockRelease(shared_state->lock);
}

void
worker_set_lag(int64 lag)
{
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	worker_slot->lag = lag;
	LWLockRelease(shared_state->lock);
}

void
worker_error(int elevel, int sqlstate, const char *hint, const char *format,...)
{
	TimestampTz now = GetCurrentTimestamp();
	char		text[WORKER_ERROR_SIZE];
	va_list		arguments;
	int			repeats = 0;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	worker_slot->errors++;
	worker_slot->last_error_at = now;
	strlcpy(worker_slot->last_error, text, WORKER_ERROR_SIZE);
	LWLockRelease(shared_state->lock);

	if (strcmp(text, repeated_text) == 0)
	{
		repeated_count++;
		if (!TimestampDifferenceExceeds(repeated_since, now, REPEAT_LOG_MS))
			return;
		repeats = repeated_count;
	}
	strlcpy(repeated_text, text, sizeof(repeated_text));
	repeated_since = now;
	repeated_count = 0;

	ereport(elevel,
			(errcode(sqlstate),
			 errmsg("%s: %s", MyBgworkerEntry->bgw_name, text),
			 repeats > 0 ? errdetail("The same again, %d times since it was last logged.",
									 repeats) : 0,
			 hint != NULL && hint[0] != '\0' ? errhint("%s", hint) : 0));
}

void
worker_store_error(const StoreError *error)
{
	worker_error(LOG, error->sqlstate, error->hint, "%s", error->message);
}

bool
worker_store_failed(const StoreError *error, Backoff *backoff)
{
	if (error->outcome == STORE_DONE)
	{
		backoff_succeed(backoff);
		return false;
	}
	if (error->outcome == STORE_GONE)
		worker_leave();
	worker_store_error(error);
	backoff_fail(backoff, 0);
	return true;
}

bool
worker_take_notices(BrokerClient *client)
{
	BrokerNotice notice;
	bool		fatal = false;

	while (broker_client_notice(client, &notice))
	{
		fatal = fatal || notice.is_fatal;
		if (notice.code != RD_KAFKA_RESP_ERR_NO_ERROR)
			worker_error(LOG, ERRCODE_CONNECTION_FAILURE,
						 "Check vnstream.brokers, and whether the brokers are up.",
						 "Kafka: %s", notice.text);
		else
			ereport(notice.level <= 2 ? LOG : DEBUG1,
					(errcode(ERRCODE_CONNECTION_EXCEPTION),
					 errmsg("%s: librdkafka: %s", MyBgworkerEntry->bgw_name, notice.text)));
	}
	return fatal;
}

void
backoff_fail(Backoff *backoff, long at_least_ms)
{
	long		wait;

	backoff->failures++;
	wait = Max(backoff_ms(backoff->failures), at_least_ms);
	backoff->until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), wait);
}

void
backoff_succeed(Backoff *backoff)
{
	backoff->failures = 0;
	backoff->until = 0;
}

bool
backoff_is_over(const Backoff *backoff)
{
	return backoff_remaining(backoff) == 0;
}

long
backoff_remaining(const Backoff *backoff)
{
	return backoff->until == 0 ? 0 : ms_until(backoff->until);
}

long
sooner(long a, long b)
{
	if (a < 0)
		return b;
	if (b < 0)
		return a;
	return Min(a, b);
}

long
ms_until(TimestampTz then)
{
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), then);
}
