/*-------------------------------------------------------------------------
 *
 * health.c
 *	  Is the pipeline of a database well?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "lib/stringinfo.h"
#include "utils/timestamp.h"

#include "event_log.h"
#include "health.h"

/* A process that has not been round its loop for so long is stuck. */
#define STUCK_MS 60000

/* How long a worker may wait for a lock before that is worth a word. */
#define LOCK_WAIT_MS 10000

/* How long a start may take. */
#define START_MS 60000

/* How long messages may wait while none is stored. */
#define STALLED_MS 60000

/* What has not passed by itself after this long wants somebody. */
#define PASSING_MS 900000

/* Ends in a row from which on a worker counts as failed. */
#define FAILED_STARTS 3

void
health_look(Oid database, HealthView *view)
{
	DatabaseEntry *entry;
	int			i;

	memset(view, 0, sizeof(*view));
	view->is_standby = RecoveryInProgress();
	view->is_enabled = config_enabled;
	view->server_start = PgStartTime;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	view->launcher = shared_state->launcher;
	entry = shared_entry_find(database);
	if (entry != NULL)
	{
		view->is_known = true;
		view->entry = *entry;
		for (i = 0; i < DATABASE_WORKERS; i++)
			view->is_wanted[i] = shared_slot_is_wanted(entry, &entry->workers[i]);
	}
	LWLockRelease(shared_state->lock);

	for (i = 0; i < DATABASE_WORKERS; i++)
		(void) lock_wait_text(view->entry.workers[i].pid, view->lock_wait[i]);
}

static void
add_reason(HealthReport *report, HealthStatus status, TimestampTz since,
		   const char *format,...) pg_attribute_printf(4, 5);

static void
add_reason(HealthReport *report, HealthStatus status, TimestampTz since,
		   const char *format,...)
{
	HealthReason *reason = &report->reasons[report->count];
	char		text[WORKER_ERROR_SIZE + WAITING_TEXT_SIZE];
	va_list		arguments;

	if (report->count == HEALTH_REASONS)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	one_line(reason->text, sizeof(reason->text), text);
	reason->status = status;
	reason->since = since;
	report->count++;
}

static bool
is_older(TimestampTz then, TimestampTz now, int ms)
{
	return TimestampDifferenceExceeds(then, now, ms);
}

/*
 * What a worker's process says of itself, or does not.
 */
static void
judge_state(const WorkerSlot *slot, const char *name, TimestampTz now, HealthReport *report)
{
	const char *error = slot->last_error_at != 0 ? slot->last_error : "";
	const char *colon = error[0] != '\0' ? ": " : "";
	char		waiting[WAITING_TEXT_SIZE];
	char		clock[CLOCK_TEXT_SIZE];

	worker_waiting_text(slot, now, waiting);
	switch (slot->state)
	{
		case WORKER_FAILED:
			add_reason(report, HEALTH_FAILED, slot->since, "%s has failed, waits for %s%s%s",
					   name, waiting, colon, error);
			break;
		case WORKER_BACKING_OFF:
			if (slot->pid == 0 && slot->failures >= FAILED_STARTS)
			{
				clock_text(slot->launch_after, clock);
				add_reason(report, HEALTH_FAILED, slot->since,
						   "%s has ended unasked %d times in a row, starts again at %s%s%s",
						   name, slot->failures, clock, colon, error);
			}
			else
				add_reason(report, is_older(slot->since, now, PASSING_MS) ? HEALTH_FAILED : HEALTH_DEGRADED,
						   slot->since, "%s %s%s%s%s", name,
						   slot->waiting_for[0] != '\0' ? "waits for " : "is ", waiting,
						   colon, error);
			break;
		case WORKER_STARTING:
			if (is_older(slot->since, now, START_MS))
				add_reason(report, HEALTH_DEGRADED, slot->since,
						   "%s is starting for more than %d s, waits for %s",
						   name, START_MS / 1000, waiting);
			break;
		case WORKER_RUNNING:
		case WORKER_STOPPED:
		case WORKER_STOPPING:
			break;
	}
	if (slot->pid != 0 && slot->failures >= FAILED_STARTS &&
		slot->state != WORKER_FAILED && !is_older(slot->launched_at, now, START_MS))
		add_reason(report, HEALTH_DEGRADED, slot->launched_at,
				   "%s has just been started again, after %d ends in a row that nobody asked for",
				   name, slot->failures);
}

static void
judge_worker(const HealthView *view, int index, TimestampTz now, HealthReport *report)
{
	const WorkerSlot *slot = &view->entry.workers[index];
	TimestampTz stalled_since = Max(slot->last_activity, slot->behind_since);
	char		name[NAMEDATALEN];
	char		clock[CLOCK_TEXT_SIZE];

	worker_slot_name(slot, name, sizeof(name));
	/* what a second producer makes of this one has a reason of its own */
	if (slot->role != ROLE_PRODUCER || slot->state != WORKER_FAILED ||
		!shared_other_is_seen(&view->entry.other, now))
		judge_state(slot, name, now, report);

	if (slot->pid != 0 && view->lock_wait[index][0] != '\0')
	{
		if (is_older(slot->heartbeat, now, LOCK_WAIT_MS))
			add_reason(report, HEALTH_DEGRADED, slot->heartbeat, "%s waits for %s", name,
					   view->lock_wait[index]);
	}
	else if (slot->pid != 0 && is_older(slot->heartbeat, now, STUCK_MS))
	{
		clock_text(slot->heartbeat, clock);
		add_reason(report, HEALTH_FAILED, slot->heartbeat,
				   "%s, process %d, gives no sign of life since %s", name, slot->pid, clock);
	}

	if (slot->role != ROLE_CONSUMER)
		return;
	if (slot->state == WORKER_RUNNING && slot->lag > 0 && is_older(stalled_since, now, STALLED_MS))
	{
		clock_text(stalled_since, clock);
		add_reason(report, HEALTH_DEGRADED, stalled_since,
				   "%s has stored nothing since %s, though " INT64_FORMAT " messages wait",
				   name, clock, slot->lag);
	}
	if (slot->pid != 0 && slot->partitions == 0)
		add_reason(report, HEALTH_DEGRADED, slot->since,
				   "%s has nothing to do: there are more consumers than partitions", name);
	/* it may be a little after now, and far after it where the clock was set back */
	if (slot->dead_letter_at != 0 && !is_older(slot->dead_letter_at, now, HEALTH_DEAD_LETTER_MS) &&
		!is_older(now, slot->dead_letter_at, HEALTH_DEAD_LETTER_MS))
	{
		clock_text(slot->dead_letter_at, clock);
		add_reason(report, HEALTH_DEGRADED, slot->dead_letters_since,
				   "%s has made " INT64_FORMAT " dead letters, the last at %s: see vnstream_dead_letters",
				   name, slot->dead_letters, clock);
	}
}

/*
 * The source of first choice is left alone.  Where it is the only one, its worker
 * backs off and says so itself.
 */
static void
judge_sources(const DatabaseEntry *entry, HealthReport *report)
{
	const SourceView *first = &entry->sources[0];
	char		clock[CLOCK_TEXT_SIZE];

	if (entry->source_count < 2 || first->state == SOURCE_CLOSED)
		return;
	clock_text(first->retry_at != 0 ? first->retry_at : first->since, clock);
	add_reason(report, HEALTH_DEGRADED, first->since,
			   first->state == SOURCE_OPEN ? "source %s is not well, and left alone until %s: %s" :
			   "source %s is not well, and is tried since %s: %s",
			   first->name, clock, first->last_error);
}

/*
 * Two producers of one topic.
 */
static void
judge_other_producer(const OtherProducer *other, TimestampTz now, HealthReport *report)
{
	char		clock[CLOCK_TEXT_SIZE];

	if (!shared_other_is_seen(other, now))
		return;
	clock_text(other->seen, clock);
	add_reason(report, HEALTH_FAILED, other->since,
			   "a second producer, %s %s, publishes to this topic, last seen at %s; this one, the %s:"
			   " stop one of the two; on a copy of this server set vnstream.enabled = off",
			   other->is_copy ? "a copy of this server, node" : "node", other->node, clock,
			   shared_other_is_elder(other, now) ? "younger, pauses its sweeps" :
			   "older, goes on");
}

/*
 * Much waits for Kafka, and more may not.
 */
static void
judge_outbox(const DatabaseEntry *entry, HealthReport *report)
{
	if (entry->outbox_half_since == 0)
		return;
	add_reason(report, HEALTH_DEGRADED, entry->outbox_half_since,
			   "the outbox is more than half full: " INT64_FORMAT " of " INT64_FORMAT
			   " kB of vnstream.outbox_limit wait for Kafka; at the limit sweeps pause",
			   entry->outbox_bytes / 1024, entry->outbox_limit / 1024);
}

static void
judge_launcher(const HealthView *view, TimestampTz now, HealthReport *report)
{
	char		clock[CLOCK_TEXT_SIZE];

	if (view->launcher.pid == 0)
		add_reason(report, HEALTH_FAILED, view->launcher.since, "the launcher is not running");
	else if (is_older(view->launcher.last_activity, now, STUCK_MS))
	{
		clock_text(view->launcher.last_activity, clock);
		add_reason(report, HEALTH_FAILED, view->launcher.last_activity,
				   "the launcher, process %d, gives no sign of life since %s",
				   view->launcher.pid, clock);
	}
}

/*
 * Since when nothing runs.
 */
static TimestampTz
stopped_since(const DatabaseEntry *entry)
{
	TimestampTz since = 0;
	int			i;

	for (i = 0; i < DATABASE_WORKERS; i++)
		since = Max(since, entry->workers[i].since);
	return since;
}

/*
 * The worst decides, since its earliest reason, and is told first.
 */
static void
conclude(HealthReport *report)
{
	HealthReason *reasons = report->reasons;
	int			placed = 0;
	int			i;

	for (i = 0; i < report->count; i++)
		report->status = Max(report->status, reasons[i].status);
	for (i = 0; i < report->count; i++)
	{
		HealthReason reason = reasons[i];

		if (reason.status != report->status)
			continue;
		if (placed == 0 || reason.since < report->since)
			report->since = reason.since;
		memmove(&reasons[placed + 1], &reasons[placed], sizeof(reason) * (i - placed));
		reasons[placed++] = reason;
	}
}

void
health_judge(const HealthView *view, TimestampTz now, HealthReport *report)
{
	const DatabaseEntry *entry = &view->entry;
	int			i;

	report->status = HEALTH_OK;
	report->since = now;
	report->count = 0;

	if (view->is_standby)
	{
		report->since = view->server_start;
		return;
	}
	if (!view->is_known)
		add_reason(report, HEALTH_DEGRADED, 0,
				   "nothing is to run in this database: vnstream_start() starts the pipeline");
	else if (entry->wanted == 0)
		add_reason(report, HEALTH_DEGRADED, stopped_since(entry),
				   "the pipeline is stopped: vnstream_start() starts it");
	else if (!view->is_enabled)
		add_reason(report, HEALTH_DEGRADED, stopped_since(entry),
				   "vnstream.enabled is off: set it to on in postgresql.conf and reload");
	else
	{
		judge_launcher(view, now, report);
		for (i = 0; i < DATABASE_WORKERS; i++)
			if (view->is_wanted[i])
			{
				int			first = report->count;

				judge_worker(view, i, now, report);
				/* quotes come in without a back-fill */
				for (; entry->workers[i].role == ROLE_BACKFILL && first < report->count; first++)
					report->reasons[first].status = HEALTH_DEGRADED;
			}
		if (view->is_wanted[0] && entry->workers[0].pid != 0)
			judge_sources(entry, report);
		if (view->is_wanted[0])
		{
			judge_other_producer(&entry->other, now, report);
			judge_outbox(entry, report);
		}
		if (view->is_wanted[0] && entry->sweep_failing_since != 0)
			add_reason(report, HEALTH_DEGRADED, entry->sweep_failing_since,
					   "the last sweep was not well: %s", entry->sweep_error);
		if (view->is_wanted[0] && entry->symbols_failing_since != 0)
			add_reason(report, HEALTH_DEGRADED, entry->symbols_failing_since,
					   "there is no new list of symbols: %s", entry->symbols_error);
		if (view->is_wanted[0] && entry->calendar_fault[0] != '\0')
			add_reason(report, HEALTH_DEGRADED, entry->calendar_fault_since, "%s",
					   entry->calendar_fault);
	}
	conclude(report);
}

void
health_remember(Oid database, HealthReport *report)
{
	static const EventLevel levels[] = {EVENT_INFO, EVENT_WARNING, EVENT_ERROR};
	DatabaseEntry *entry;
	char		name[NAMEDATALEN];
	bool		changed = false;
	char	   *summary;
	char	   *text;

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	entry = shared_entry_find(database);
	if (entry != NULL)
	{
		changed = entry->health_since == 0 || entry->health != (int) report->status;
		if (changed)
		{
			/* a cause begins before it tells, but no status before the last one */
			entry->health = report->status;
			entry->health_since = Max(report->since, entry->health_since);
		}
		report->since = entry->health_since;
		strlcpy(name, entry->name, sizeof(name));
	}
	LWLockRelease(shared_state->lock);
	if (!changed)
		return;

	summary = health_summary(report);
	text = psprintf("health: %s", summary);
	if (event_log_add(database, EVENT_LIST_LAUNCHER, levels[report->status], 0, text) >= 0)
		ereport(LOG_SERVER_ONLY,
				(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				 errmsg("vnstock_stream in database \"%s\" is %s", name, summary)));
	pfree(text);
	pfree(summary);
}

char *
health_summary(const HealthReport *report)
{
	StringInfoData text;
	int			i;

	initStringInfo(&text);
	appendStringInfoString(&text, health_status_name(report->status));
	for (i = 0; i < report->count; i++)
		appendStringInfo(&text, "%s%s", i == 0 ? ": " : "; ", report->reasons[i].text);
	return text.data;
}

const char *
health_status_name(HealthStatus status)
{
	switch (status)
	{
		case HEALTH_OK:
			return "ok";
		case HEALTH_DEGRADED:
			return "degraded";
		case HEALTH_FAILED:
			return "failed";
	}
	return "?";
}
