/*-------------------------------------------------------------------------
 *
 * sweeping.h
 *	  One sweep, from the beginning of its row to the end of it.
 *
 * When one begins is agenda.h's; what becomes of its answers is answer.h's.
 *
 * All functions: main thread of the producer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_SWEEPING_H
#define VNSTREAM_WORKERS_SWEEPING_H

#include "workers/loop.h"

/*
 * Makes the client and ends the rows that an earlier process left open.  Raises
 * ERRCODE_CONFIG_FILE_ERROR where a setting is unusable.
 */
extern void sweeping_begin(void);
/* The settings have been reloaded. */
extern void sweeping_reconfigure(void);
/* Frees all; may be called twice, and while the process exits. */
extern void sweeping_release(void);
/* That, and what the source had not answered by now is not asked again. */
extern void sweeping_end(void);

typedef enum SweepStart
{
	SWEEP_STARTED,
	SWEEP_NOT_WANTED,			/* neither a trigger nor a request */
	SWEEP_PUT_OFF				/* the database cannot take its row; told */
} SweepStart;

/*
 * Start one, while sweeping_is_idle(): the oldest that was requested, else, for
 * this reason (vnstream_sweeps.trigger), one that is due; NULL: only a requested one.
 */
extern SweepStart sweeping_start(const char *trigger);

/*
 * Start a refresh of the symbols that somebody has asked for, while
 * sweeping_is_idle().  False where there was none, or it was put off, which is
 * told.
 */
extern bool sweeping_start_refresh(void);

/*
 * Start a hot sweep (workers/hot.h), also in between the requests of a sweep of
 * all, which then waits.  False where it cannot begin yet: to be called again
 * each round, until then the other one makes no new request.
 */
extern bool sweeping_start_hot(void);

/*
 * Carry the sweep on as far as it goes without waiting.  True where nothing goes
 * on, and another sweep may be started.
 */
extern bool sweeping_round(void);
extern bool sweeping_is_idle(void);
/* Why the sweep was made that was started last: vnstream_sweeps.trigger. */
extern const char *sweeping_trigger(void);

/* Why no sweep may be started for a while. */
extern const Backoff *sweeping_source_backoff(void);
extern const Backoff *sweeping_store_backoff(void);

/* What is waited for: room for HTTP_MAX_SOCKETS; and carrying on after it. */
extern int	sweeping_sources(WaitSource *sources);
extern void sweeping_drive(const WaitSource *sources, int count);
/* ms until sweeping_round() may go on though nothing arrived; -1: none. */
extern long sweeping_timeout(void);

#endif							/* VNSTREAM_WORKERS_SWEEPING_H */
