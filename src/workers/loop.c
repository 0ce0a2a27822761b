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
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "health.h"
#include "pg_compat.h"
#include "settings.h"
#include "workers/figures.h"
#include "workers/launch_record.h"
#include "workers/launcher.h"
#include "workers/loop.h"
#include "workers/notices.h"
#include "workers/tell.h"

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MAX_MS 60000

/* How long a worker rests that has failed over and over. */
#define REST_MS 300000

#define RATE_SECONDS 60

WorkerSlot *worker_slot = NULL;
DatabaseEntry *worker_entry = NULL;
Oid			worker_database = InvalidOid;

static uint64 worker_generation;
static uint64 restarts_seen;	/* the entry's count when this process began */
static bool ends_by_wish = false;
static bool extension_is_gone = false;
static const char *end_reason = "its work is done";
static bool settings_reloaded = false;
static bool is_at_work = false;
static TimestampTz round_at;
static bool clock_is_back = false;

static TimestampTz sampled_at;
static int64 rate_messages[RATE_SECONDS];	/* counted in each second */
static int64 rate_second;		/* which second the newest count is of */
static int64 rate_first_second; /* when counting began */

static uint64
entry_restarts(void)
{
	return worker_slot->role == ROLE_CONSUMER ?
		worker_entry->restart_consumer : worker_entry->restart_producer;
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

void
worker_rest(WorkerSlot *slot, TimestampTz now)
{
	long		wait = backoff_ms(slot->failures);

	slot->state = WORKER_BACKING_OFF;
	slot->since = now;
	slot->waiting_for[0] = '\0';
	if (slot->failures >= WORKER_MANY_FAILURES)
	{
		wait = REST_MS / BACKOFF_MAX_MS * backoff_ms(WORKER_MANY_FAILURES);
		slot->state = WORKER_FAILED;
		snprintf(slot->waiting_for, WORKER_TEXT_SIZE,
				 "an administrator: it has failed %d times in a row", slot->failures);
	}
	slot->launch_after = TimestampTzPlusMilliseconds(now, wait);
}

/*
 * next: when the launcher starts it again, where nobody asked for the end.
 */
static void
tell_end(int failures, TimestampTz next)
{
	char		clock[CLOCK_TEXT_SIZE];

	if (ends_by_wish)
		worker_tell(EVENT_INFO, LOG, ERRCODE_SUCCESSFUL_COMPLETION, "ended: %s", end_reason);
	else if (extension_is_gone)
		worker_tell(EVENT_WARNING, LOG, ERRCODE_UNDEFINED_OBJECT,
					"ended: the extension is not in this database any more");
	else if (next != 0)
	{
		/* the server's log has it from the server */
		clock_text(next, clock);
		worker_tell(EVENT_WARNING, 0, ERRCODE_ADMIN_SHUTDOWN,
					"ended unasked, %d in a row; starts again at %s", failures, clock);
	}
}

static void
worker_detach(int code, Datum argument)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = 0;
	int			failures = 0;

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
			if (TimestampDifferenceExceeds(worker_slot->launched_at, now, WORKER_HEALTHY_MS))
				worker_slot->failures = 0;
			worker_slot->failures++;
			worker_rest(worker_slot, now);
			next = worker_slot->launch_after;
			failures = worker_slot->failures;
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
	tell_end(failures, next);

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

void
worker_tell_settings(void)
{
	uint32		hashes[SETTINGS_MAX];
	int			count = settings_hashes(hashes);

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	memcpy(worker_slot->settings, hashes, sizeof(uint32) * count);
	worker_slot->setting_count = count;
	LWLockRelease(shared_state->lock);
}

bool
worker_attach(const WorkerTicket *ticket)
{
	bool		ours;

	if (shared_state == NULL || ticket->entry >= shared_state->entry_count)
		return false;
	worker_entry = &shared_state->entries[ticket->entry];
	worker_slot = &worker_entry->workers[ticket->worker];
	worker_database = ticket->database;
	worker_generation = ticket->generation;

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	ours = worker_slot->generation == ticket->generation && worker_slot->pid == 0 &&
		worker_entry->database == ticket->database;
	if (ours)
	{
		worker_slot->pid = MyProcPid;
		worker_slot->state = WORKER_STARTING;
		worker_slot->since = GetCurrentTimestamp();
		/* one that comes for its work and goes is not restarted by that */
		if (worker_slot->last_activity != 0 &&
			(worker_slot->role != ROLE_BACKFILL || worker_slot->failures > 0))
			worker_slot->restarts++;
		worker_slot->last_activity = worker_slot->since;
		worker_slot->heartbeat = worker_slot->since;
		worker_slot->retry_at = 0;
		worker_slot->partitions = -1;
		worker_slot->lag = -1;
		worker_slot->rate = -1;
		worker_slot->setting_count = 0;
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
	{
		before_shmem_exit(worker_detach, 0);
		worker_tell(EVENT_INFO, LOG, ERRCODE_SUCCESSFUL_COMPLETION, "started, process %d",
					MyProcPid);
	}
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
	end_reason = because;
	worker_end();
}

void
worker_leave(void)
{
	extension_is_gone = true;
	proc_exit(0);
}

bool
worker_is_to_end(void)
{
	const char *reason = NULL;

	/* pg_cancel_backend(): between transactions there is nothing to cancel */
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
	settings_reloaded = ConfigReloadPending;
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		worker_tell_settings();
	}

	clock_is_back = clock_was_set_back(&round_at) || clock_is_back;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	if (worker_slot->generation != worker_generation)
		reason = "another process has its place";
	else if (!shared_slot_is_wanted(worker_entry, worker_slot))
		reason = config_enabled ? "not wanted any more" : "vnstream.enabled is off";
	else if (entry_restarts() != restarts_seen)
		reason = "to start anew, as asked or since settings have changed";
	else if (clock_is_back)
		/* what it waits for would come at the old time */
		reason = "the clock was set back";
	LWLockRelease(shared_state->lock);
	if (reason != NULL)
		end_reason = reason;
	return reason != NULL;
}

bool
worker_reloaded(void)
{
	return settings_reloaded;
}

/*
 * The count of a second, also of one before 2000.
 */
static int64 *
rate_place(int64 second)
{
	return &rate_messages[(second % RATE_SECONDS + RATE_SECONDS) % RATE_SECONDS];
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
		*rate_place(++rate_second) = 0;
	*rate_place(second) += add;

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

	if (!clock_passed(sampled_at, now, 1000))
		return;
	sampled_at = now;
	worker_tell_lines();
	figures_update(worker_slot);
	rate = current_rate(0);

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	worker_slot->rate = rate;
	worker_slot->heartbeat = now;
	LWLockRelease(shared_state->lock);
}

void
worker_wait(WaitSource *sources, int count, long timeout_ms)
{
	sample();
	sockets_wait(sources, count, timeout_ms);
}

void
worker_away(long at_most_ms)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), at_most_ms);

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	worker_slot->heartbeat = until;
	LWLockRelease(shared_state->lock);
}

static void set_state(WorkerState state, TimestampTz retry_at, const char *waiting_for,
					  va_list arguments) pg_attribute_printf(3, 0);

static void
set_state(WorkerState state, TimestampTz retry_at, const char *waiting_for,
		  va_list arguments)
{
	char		raw[WORKER_TEXT_SIZE];
	char		text[WORKER_TEXT_SIZE];
	bool		changed;

	/* another database's name may be in another encoding */
	vsnprintf(raw, sizeof(raw), waiting_for, arguments);
	one_line(text, sizeof(text), raw);

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	changed = worker_slot->state != state;
	if (changed)
	{
		worker_slot->state = state;
		worker_slot->since = GetCurrentTimestamp();
	}
	worker_slot->retry_at = retry_at;
	if (strcmp(worker_slot->waiting_for, text) != 0)
		strlcpy(worker_slot->waiting_for, text, WORKER_TEXT_SIZE);
	LWLockRelease(shared_state->lock);
	if (changed)
		ConditionVariableBroadcast(&shared_state->changed);
}

void
worker_set_state(WorkerState state, const char *waiting_for,...)
{
	va_list		arguments;

	va_start(arguments, waiting_for);
	set_state(state, 0, waiting_for, arguments);
	va_end(arguments);
}

void
worker_back_off(TimestampTz until, const char *waiting_for,...)
{
	va_list		arguments;

	va_start(arguments, waiting_for);
	set_state(WORKER_BACKING_OFF, until, waiting_for, arguments);
	va_end(arguments);
}

void
worker_retry_at(TimestampTz until)
{
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	worker_slot->retry_at = until;
	LWLockRelease(shared_state->lock);
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
worker_add_dead_letters(int count)
{
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	if (clock_passed(worker_slot->dead_letter_at, now, HEALTH_DEAD_LETTER_MS))
	{
		worker_slot->dead_letters = 0;
		worker_slot->dead_letters_since = now;
	}
	worker_slot->dead_letters += count;
	worker_slot->dead_letter_at = now;
	LWLockRelease(shared_state->lock);
}

void
worker_set_partitions(int partitions)
{
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	worker_slot->partitions = partitions;
	LWLockRelease(shared_state->lock);
}

void
worker_set_lag(int64 lag)
{
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	if (lag <= 0 || worker_slot->lag <= 0)
	{
		worker_slot->behind_since = GetCurrentTimestamp();
		worker_slot->behind_messages = worker_slot->messages;
	}
	worker_slot->lag = lag;
	LWLockRelease(shared_state->lock);
}

void
worker_error(int elevel, int sqlstate, const char *hint, const char *format,...)
{
	char		raw[WORKER_ERROR_SIZE];
	char		text[WORKER_ERROR_SIZE];
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(raw, sizeof(raw), format, arguments);
	va_end(arguments);
	one_line(text, sizeof(text), raw);

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	worker_slot->errors++;
	worker_slot->last_error_at = GetCurrentTimestamp();
	strlcpy(worker_slot->last_error, text, WORKER_ERROR_SIZE);
	LWLockRelease(shared_state->lock);

	tell(worker_database, WORKER_EVENT_LIST, EVENT_ERROR, elevel, sqlstate, hint,
		 "%s", text);
}

void
worker_at_work(void)
{
	is_at_work = true;
}

void
worker_store_error(const StoreError *error)
{
	if (is_at_work && error->sqlstate == ERRCODE_VNSTREAM_VERSION)
		worker_restart("the extension's script is of another version now");
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
