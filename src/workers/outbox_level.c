/*-------------------------------------------------------------------------
 *
 * outbox_level.c
 *	  How full the outbox is, and what follows from that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "config.h"
#include "workers/delivery.h"
#include "workers/outbox_level.h"
#include "workers/tell.h"

static bool was_full;			/* the outbox, when last looked at */

static int64
limit_bytes(void)
{
	return (int64) config_outbox_limit * 1024;
}

void
outbox_level_round(void)
{
	int64		bytes = delivery_waiting_bytes();
	int64		limit = limit_bytes();
	bool		was_half;
	bool		is_half;

	if (!delivery_is_measured())
		return;
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	was_half = worker_entry->outbox_half_since != 0;
	/* over half, until it is under two fifths: a sweep more or less is no news */
	is_half = bytes > (was_half ? limit / 5 * 2 : limit / 2);
	if (is_half != was_half)
		worker_entry->outbox_half_since = is_half ? GetCurrentTimestamp() : 0;
	worker_entry->outbox_bytes = bytes;
	worker_entry->outbox_limit = limit;
	LWLockRelease(shared_state->lock);

	if (is_half && !was_half)
		tell(worker_database, WORKER_EVENT_LIST, EVENT_WARNING, WARNING,
			 ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
			 "Check whether the brokers are up. Where there is room on the disk, raise vnstream.outbox_limit.",
			 "the outbox is more than half full: " INT64_FORMAT " of " INT64_FORMAT
			 " kB wait for Kafka; at the limit sweeps pause",
			 bytes / 1024, limit / 1024);
	else if (!is_half && was_half)
		worker_tell(EVENT_INFO, LOG, ERRCODE_SUCCESSFUL_COMPLETION,
					"the outbox is less than half full again");
}

bool
outbox_level_is_full(void)
{
	bool		is_full = delivery_waiting_bytes() >= limit_bytes();

	if (is_full && !was_full)
		worker_error(WARNING, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
					 "Check whether the brokers are up. Where there is room on the disk, raise vnstream.outbox_limit.",
					 "the outbox is full; no sweep begins until Kafka has acknowledged some of it");
	else if (!is_full && was_full)
		worker_tell(EVENT_INFO, LOG, ERRCODE_SUCCESSFUL_COMPLETION,
					"the outbox has room again, sweeps go on");
	was_full = is_full;
	return is_full;
}
