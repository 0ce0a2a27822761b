/*-------------------------------------------------------------------------
 *
 * sources.h
 *	  The sources of a producer in order of preference: which of them may be
 *	  asked, and what others see of that.
 *
 * Their breakers (source/breaker.h) live as long as the process, so that what
 * one sweep has learnt the next one knows; what a source itself has told outlives
 * it, and is known to other databases' producers (source_rest.h).  Each change of state is an event, and
 * stands in shared memory for vnstream_sources() and vnstream_health().
 *
 * A source is named by its place in vnstream.sources, from 0.  All functions:
 * main thread of the producer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_SOURCES_H
#define VNSTREAM_WORKERS_SOURCES_H

#include "postgres.h"

#include "source/sweep.h"

/* False, with error (SOURCE_ERROR_SIZE bytes), where vnstream.sources is unusable. */
extern bool sources_begin(char *error);

extern size_t sources_count(void);
extern const SourceProvider *sources_provider(size_t source);
extern const char *sources_url(size_t source);

/* Has another producer been told to leave one alone?  Before each round of a sweep. */
extern void sources_learn(void);

/* For a sweep over all of them; the context of its budget is the provider. */
extern void sources_for_sweep(SweepOptions *options);

/*
 * For requests that are no sweep's: the first source that may be asked and is not
 * in the set of those tried (a bit each), or false.  It is asked from here on,
 * until sources_answered() or sources_failed().
 */
extern bool sources_ask(uint32 tried, size_t *source);
extern void sources_answered(size_t source);
/* It was not asked after all. */
extern void sources_unasked(size_t source);
extern void sources_failed(size_t source, const BreakerFailure *failure,
						   const char *error);

/* ms until one of them may be asked; 0: now. */
extern long sources_rest(void);
/* Why the first one is left alone, with until when: SOURCE_ERROR_SIZE bytes. */
extern void sources_why_resting(char *text);
/* Somebody wants them tried now. */
extern void sources_try_now(void);

/* Tell what has changed; sweep: the one that is under way or over, or NULL. */
extern void sources_tell(const Sweep *sweep);

/* "vci, kbs": those that have answered in the sweep; NULL where none has. */
extern const char *sources_of_sweep(const Sweep *sweep);

#endif							/* VNSTREAM_WORKERS_SOURCES_H */
