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
#include "market/schedule.h"
#include "workers/agenda.h"
#include "workers/market_day.h"

/* A calendar in which no exchange opens any more. */
#define NO_SWEEP_TEXT "no sweep is due; see vnstream_sessions and vnstream_holidays"

static struct
{
	SweepHistory history;
	uint64		requests_seen;	/* of the entry's sweep_requests */
	const char *under_way;		/* trigger of a sweep whose end is not noted */
	int64		under_way_since;
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

static int64
unix_now(void)
{
	return UNIX_FROM_TIMESTAMP(GetCurrentTimestamp());
}

static void
look_ahead(ScheduledSweep *next)
{
	agenda.history.found_day = market_day_found();
	schedule_next(market_day_calendar(), config_schedule,
				  (int64) config_interval * USECS_PER_SEC, &agenda.history, unix_now(), next);
}

void
agenda_begin(void)
{
	memset(&agenda, 0, sizeof(agenda));
	schedule_begin(&agenda.history);
	/* requests may have come before there was an entry to count them in */
	agenda.requests_seen = PG_UINT64_MAX;
	market_day_begin();
}

void
agenda_reconfigure(void)
{
	market_day_reconfigure();
}

static bool
is_for(const char *trigger, SweepReason reason)
{
	return strcmp(trigger, sweep_reason_name(reason)) == 0;
}

static bool
is_probe(const char *trigger)
{
	return is_for(trigger, SWEEP_AS_PROBE);
}

/* The sweep that was under way has ended; the source's back-off says how. */
static void
note_end(const Backoff *source)
{
	bool		is_good = source->failures == 0;

	if (agenda.under_way == NULL)
		return;
	if (is_probe(agenda.under_way))
	{
		if (is_good)
			agenda.history.last_good_probe = agenda.under_way_since;
	}
	else
	{
		agenda.history.last_ended = unix_now();
		if (is_good)
			agenda.history.last_good = agenda.under_way_since;
		/* at a start nothing is known yet that could be unchanged */
		if (is_good && (is_for(agenda.under_way, SWEEP_AT_CLOSING) ||
						is_for(agenda.under_way, SWEEP_AT_START)))
			agenda.history.last_full = agenda.under_way_since;
	}
	agenda.under_way = NULL;
}

bool
agenda_due(const Backoff *source, SweepOrder *order)
{
	ScheduledSweep next;

	note_end(source);
	market_day_round();
	look_ahead(&next);
	order->requests = sweep_requests();
	order->trigger = NULL;
	if (backoff_is_over(source) && next.at <= unix_now())
		order->trigger = sweep_reason_name(next.reason);

	/*
	 * Somebody asked by vnstream_sweep(): now, also while backing off.  There
	 * may be several requests, so look until none is left.
	 */
	return order->trigger != NULL || order->requests != agenda.requests_seen;
}

void
agenda_started(const SweepOrder *order, const char *trigger)
{
	if (trigger == NULL)
	{
		agenda.requests_seen = order->requests;
		return;
	}
	agenda.under_way = trigger;
	agenda.under_way_since = unix_now();
	if (is_probe(trigger))
		agenda.history.last_probe = agenda.under_way_since;
	else
		agenda.history.last = agenda.under_way_since;
}

long
agenda_remaining(const Backoff *source)
{
	ScheduledSweep next;

	if (sweep_requests() != agenda.requests_seen)
		return 0;
	look_ahead(&next);
	if (next.at == CALENDAR_NEVER)
		return -1;
	return Max(backoff_remaining(source), ms_until(TIMESTAMP_FROM_UNIX(next.at)));
}

bool
agenda_is_sweeping_time(void)
{
	return config_schedule == SCHEDULE_ALWAYS ||
		schedule_is_sweeping_time(market_day_calendar(), market_day_found(), unix_now());
}

/* 2026-08-04 09:00:00+07: it may be another day, and another zone than the session's */
static void
vietnam_text(int64 time, char *text)
{
	time_to_text(time, text);
	text[10] = ' ';
	strcpy(text + 19, "+07");
}

/* The time of day, or, where that says too little, all of it. */
static void
next_sweep_text(int64 at, char *text)
{
	char		clock[CLOCK_TEXT_SIZE];
	char		moment[TIME_TEXT_SIZE];

	if (at == CALENDAR_NEVER)
		strlcpy(text, NO_SWEEP_TEXT, AGENDA_TEXT_SIZE);
	else if (at - unix_now() < USECS_PER_DAY / 2)
	{
		clock_text(TIMESTAMP_FROM_UNIX(at), clock);
		snprintf(text, AGENDA_TEXT_SIZE, "next sweep at %s", clock);
	}
	else
	{
		vietnam_text(at, moment);
		snprintf(text, AGENDA_TEXT_SIZE, "next sweep at %s", moment);
	}
}

void
agenda_retry_text(const Backoff *source, char *text)
{
	ScheduledSweep next;

	look_ahead(&next);
	next_sweep_text(Max(next.at, UNIX_FROM_TIMESTAMP(source->until)), text);
}

void
agenda_waiting_text(char *text)
{
	ScheduledSweep next;
	int64		opens;
	char		until[TIME_TEXT_SIZE] = "";
	char		at[TIME_TEXT_SIZE];

	look_ahead(&next);
	if (config_schedule == SCHEDULE_ALWAYS || agenda_is_sweeping_time() ||
		!schedule_market_is_closed(market_day_calendar(), unix_now(), &opens))
	{
		next_sweep_text(next.at, text);
		return;
	}
	if (opens != CALENDAR_NEVER)
		vietnam_text(opens, until);
	if (next.at == CALENDAR_NEVER)
	{
		strlcpy(text, "market closed; " NO_SWEEP_TEXT, AGENDA_TEXT_SIZE);
		return;
	}
	vietnam_text(next.at, at);
	snprintf(text, AGENDA_TEXT_SIZE, "market closed%s%s; next sweep at %s",
			 until[0] != '\0' ? " until " : "", until, at);
}
