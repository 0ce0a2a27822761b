/*-------------------------------------------------------------------------
 *
 * agenda.h
 *	  Which sweep is due, and why: market/schedule.h with this process's calendar,
 *	  settings and past.
 *
 * All functions: main thread of the producer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_AGENDA_H
#define VNSTREAM_WORKERS_AGENDA_H

#include "workers/loop.h"

/* A sweep that is due. */
typedef struct SweepOrder
{
	const char *trigger;		/* a constant; NULL: only what was requested */
	uint64		requests;		/* agenda.c's own */
} SweepOrder;

extern void agenda_begin(void);
/* The settings have been reloaded. */
extern void agenda_reconfigure(void);

/*
 * Is one due, while none is under way?  A source that rests (its back-off) is
 * asked only for who requested it.  Whoever tries to start it tells
 * agenda_started() what was started (vnstream_sweeps.trigger), or NULL where
 * there was nothing to start; a try that was put off is not told.
 */
extern bool agenda_due(const Backoff *source, SweepOrder *order);
extern void agenda_started(const SweepOrder *order, const char *trigger);

/* ms until one may be due; 0: one is. */
extern long agenda_remaining(const Backoff *source);

/*
 * Is it a time at which the schedule sweeps the market at the interval?  What is
 * more frequent than that keeps to it too.
 */
extern bool agenda_is_sweeping_time(void);

/*
 * What a worker waits for that waits for the next sweep, as a text: "next sweep
 * at 10:15:00"; where the schedule goes by the market and that is closed, also
 * until when.  AGENDA_TEXT_SIZE bytes.
 */
#define AGENDA_TEXT_SIZE 128
extern void agenda_waiting_text(char *text);

/*
 * When a source that rests is asked next: "next sweep at 10:15:00", with the date
 * where that is long from now, "no sweep is due" where there is none.
 */
extern void agenda_retry_text(const Backoff *source, char *text);

#endif							/* VNSTREAM_WORKERS_AGENDA_H */
