/*-------------------------------------------------------------------------
 *
 * retention_work.c
 *	  When consumer 1 drops months that are older than vnstream.retention.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "config.h"
#include "market/quote.h"
#include "store/months.h"
#include "store/retention.h"
#include "workers/loop.h"
#include "workers/retention_work.h"
#include "workers/tell.h"

/* Looking for months that are due reads catalogs, and a few quotes. */
#define LOOK_TIMEOUT_MS 60000

/* Reading and dropping one: a month of the whole market is millions of rows. */
#define DROP_TIMEOUT_MS (10 * 60 * 1000)

#define RETRY_MS (5 * 60 * 1000)
#define DOUBT_MS (10 * 60 * 1000)

/* At night, when the market is closed: 02:00 in Vietnam. */
#define NIGHT (2 * USECS_PER_HOUR)

typedef struct RetentionWork
{
	TimestampTz now;
	int			retention;
	const Bitmapset *failed;	/* months that are left for the next time */
	QuotesPartition month;		/* to be dropped */
	bool		is_found;
	bool		is_in_doubt;	/* whether the clock is right */
	RetentionDrop drop;
} RetentionWork;

static TimestampTz next_look = 0;	/* at once */
static int	known_retention = 0;
static Bitmapset *failed_months = NULL;
static bool has_locked = false; /* one of them only because of a lock */

static TimestampTz
next_night(TimestampTz now)
{
	TimestampTz local = now + VIETNAM_UTC_OFFSET - NIGHT;
	TimestampTz day = local / USECS_PER_DAY;

	if (local % USECS_PER_DAY < 0)
		day--;
	return (day + 1) * USECS_PER_DAY + NIGHT - VIETNAM_UTC_OFFSET;
}

static void
look(void *argument)
{
	RetentionWork *work = argument;
	StoreCatalog catalog;
	QuotesPartition *due;
	int			count;

	store_catalog_get(&catalog);
	due = retention_due(&catalog, work->now, work->retention, &count);
	for (int i = 0; i < count && !work->is_found; i++)
	{
		if (bms_is_member(due[i].month, work->failed))
			continue;
		work->is_found = true;
		work->month = due[i];
	}
	work->is_in_doubt = work->is_found && !retention_believes(&catalog, work->now);
}

static void
drop_month(void *argument)
{
	RetentionWork *work = argument;
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	retention_drop(&catalog, &work->month, work->now, work->retention, &work->drop);
}

static void
leave_for_later(int month)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	failed_months = bms_add_member(failed_months, month);
	MemoryContextSwitchTo(old);
}

static void
end_run(TimestampTz now)
{
	next_look = has_locked ? TimestampTzPlusMilliseconds(now, RETRY_MS) : next_night(now);
	has_locked = false;
	bms_free(failed_months);
	failed_months = NULL;
}

static void
tell_failure(const char *what, const StoreError *error)
{
	const char *hint = error->hint;

	switch (error->sqlstate)
	{
		case ERRCODE_LOCK_NOT_AVAILABLE:
			hint = "A session uses " QUOTES_TABLE " for longer, pg_locks shows which; it is tried again in 5 minutes.";
			break;
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
			hint = "The owner of " QUOTES_TABLE " drops it, who must own the partition, and may read tables with a foreign key to it. It is tried again every night.";
			break;
		case ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST:
		case ERRCODE_FOREIGN_KEY_VIOLATION:
			hint = "Drop what depends on the month's partition or its rows, or let it depend on " QUOTES_TABLE "; it is tried again every night.";
			break;
		default:
			break;
	}
	tell(worker_database, WORKER_EVENT_LIST, EVENT_WARNING, WARNING, error->sqlstate, hint,
		 "%s: %s", what, error->message);
}

static void
tell_drop(const RetentionWork *work)
{
	char		size[64];

	if (work->drop.size < 10 * 1024 * 1024)
		snprintf(size, sizeof(size), INT64_FORMAT " kB", work->drop.size / 1024);
	else
		snprintf(size, sizeof(size), INT64_FORMAT " MB", work->drop.size / (1024 * 1024));
	worker_tell(EVENT_INFO, LOG, ERRCODE_SUCCESSFUL_COMPLETION,
				"dropped %s with " INT64_FORMAT " rows and %s, as vnstream.retention asks",
				work->month.name, work->drop.rows, size);
}

/* Answers whether there may be more. */
static bool
drop_next(RetentionWork *work)
{
	char		what[NAMEDATALEN + 32];
	StoreError	error;

	/* a month with many rows takes a while, which health is to allow for */
	worker_away(DROP_TIMEOUT_MS);
	(void) store_transaction(drop_month, work, "vnstream: dropping a month of " QUOTES_TABLE,
							 DROP_TIMEOUT_MS, &error);
	worker_away(0);
	if (error.outcome == STORE_GONE)
		worker_leave();
	if (error.outcome == STORE_DONE)
	{
		if (work->drop.is_done)
			tell_drop(work);
		return true;
	}
	snprintf(what, sizeof(what), "%s is not dropped", work->month.name);
	tell_failure(what, &error);
	leave_for_later(work->month.month);
	if (error.outcome == STORE_TRANSIENT)
		has_locked = true;

	/* who holds the table holds it for the other months, too */
	return error.outcome != STORE_TRANSIENT;
}

bool
retention_round(void)
{
	RetentionWork work = {.now = GetCurrentTimestamp(), .retention = config_retention,
	.failed = failed_months};
	StoreError	error;

	if (config_retention != known_retention)
	{
		known_retention = config_retention;
		next_look = 0;
	}
	if (config_retention == 0 || work.now < next_look)
		return false;

	(void) store_transaction(look, &work, "vnstream: looking for months to drop",
							 LOOK_TIMEOUT_MS, &error);
	if (error.outcome == STORE_GONE)
		worker_leave();
	if (error.outcome != STORE_DONE)
	{
		tell_failure("months that vnstream.retention drops were not looked for", &error);
		next_look = TimestampTzPlusMilliseconds(work.now, RETRY_MS);
		return false;
	}
	if (work.is_in_doubt)
	{
		tell(worker_database, WORKER_EVENT_LIST, EVENT_WARNING, WARNING,
			 ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			 "Check the server's clock; it goes on when quotes of these days are stored.",
			 "%s is not dropped: no quote of the last 40 days, with a trading date of them, says that it is this time",
			 work.month.name);
		next_look = TimestampTzPlusMilliseconds(work.now, DOUBT_MS);
		return false;
	}
	if (work.is_found && drop_next(&work))
		return true;
	end_run(work.now);
	return false;
}
