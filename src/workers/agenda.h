/*-------------------------------------------------------------------------
 *
 * agenda.h
 *	  Which sweep is due, and why.
 *
 * All functions: main thread of the producer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_AGENDA_H
#define VNSTREAM_WORKERS_AGENDA_H

#include "postgres.h"

#include "datatype/timestamp.h"

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
 * Is one due?  A source that rests is asked only for who requested it.  Whoever
 * tries to start it tells agenda_started() whether there was anything to start;
 * a try that was put off is not told.
 */
extern bool agenda_due(bool source_rests, SweepOrder *order);
extern void agenda_started(const SweepOrder *order, bool is_started);

/* ms until one may be due; 0: one is. */
extern long agenda_remaining(bool source_rests);
/* When the next one is due by itself. */
extern TimestampTz agenda_next_sweep(void);

#endif							/* VNSTREAM_WORKERS_AGENDA_H */
