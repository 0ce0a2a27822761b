/*-------------------------------------------------------------------------
 *
 * agenda.c
 *	  Which sweep is due, and why.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "config.h"
#include "workers/agenda.h"
#include "workers/loop.h"

static struct
{
	TimestampTz next_sweep;
	uint64		requests_seen;	/* of the entry's sweep_requests */
	const char *trigger;		/* of the next sweep, where not the interval */
}			agenda;

static uint64
sweep_requests(void)
{
	uint64		requests;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	requests = worker_entry->sweep_requests;
	LWLockRelease(shared_state->lock);
	return requests;
}

static TimestampTz
after_interval(void)
{
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), (int64) config_interval * 1000);
}

void
agenda_begin(void)
{
	agenda.next_sweep = 0;
	agenda.trigger = "start";
	/* requests may have come before there was an entry to count them in */
	agenda.requests_seen = PG_UINT64_MAX;
}

void
agenda_reconfigure(void)
{
	agenda.next_sweep = Min(agenda.next_sweep, after_interval());
}

bool
agenda_due(bool source_rests, SweepOrder *order)
{
	order->requests = sweep_requests();
	order->trigger = agenda.trigger;

	/*
	 * Somebody asked by vnstream_sweep(): now, also while backing off.  There
	 * may be several requests, so look until none is left.
	 */
	if (order->requests != agenda.requests_seen)
		return true;
	if (order->trigger == NULL)
		order->trigger = "interval";
	return !source_rests && ms_until(agenda.next_sweep) == 0;
}

void
agenda_started(const SweepOrder *order, bool is_started)
{
	if (!is_started)
	{
		agenda.requests_seen = order->requests;
		return;
	}
	agenda.trigger = NULL;
	agenda.next_sweep = after_interval();
}

long
agenda_remaining(bool source_rests)
{
	if (sweep_requests() != agenda.requests_seen)
		return 0;
	/* a source that rests has a back-off of its own to wait for */
	return source_rests ? -1 : ms_until(agenda.next_sweep);
}

TimestampTz
agenda_next_sweep(void)
{
	return agenda.next_sweep;
}
