/*-------------------------------------------------------------------------
 *
 * recovery.c
 *	  Kafka is back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "workers/loop.h"
#include "workers/recovery.h"

static uint64 heard_before;		/* the entry's count when the try began */

static uint64
heard_now(void)
{
	uint64		heard;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	heard = worker_entry->broker_heard;
	LWLockRelease(shared_state->lock);
	return heard;
}

void
recovery_try(void)
{
	heard_before = heard_now();
}

bool
recovery_is_heard(void)
{
	return heard_now() != heard_before;
}

void
recovery_reached(bool after_outage)
{
	if (!after_outage)
	{
		/* what others heard up to here is no news at the next failure */
		heard_before = heard_now();
		return;
	}
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	heard_before = ++worker_entry->broker_heard;
	LWLockRelease(shared_state->lock);
	shared_wake_database(worker_database);
}
