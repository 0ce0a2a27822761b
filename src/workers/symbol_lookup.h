/*-------------------------------------------------------------------------
 *
 * symbol_lookup.h
 *	  From which source the list of symbols is asked, and from which next.
 *
 * What is asked and what becomes of it is symbol_refresh.h's.
 *
 * All functions: main thread of the producer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_SYMBOL_LOOKUP_H
#define VNSTREAM_WORKERS_SYMBOL_LOOKUP_H

#include "source/universe.h"
#include "workers/loop.h"

/*
 * Start what refresh_start() has, from the first source that may be asked.  False
 * where there is nothing to start, no source may be asked, or the database cannot
 * take its row, which has been told.
 */
extern bool symbol_lookup_start(bool only_requested, Backoff *store_backoff);

/* Is a list due before the next sweep? */
extern bool symbol_lookup_is_due(void);

/* Sends what may be sent.  True once it is done. */
extern bool symbol_lookup_drive(HttpClient *http, RequestBudget may_request);

/*
 * What is done is taken over; false where another source is asked instead, and
 * it goes on.  error (SOURCE_ERROR_SIZE bytes) is '' where the source was well;
 * else failed_source is the one that was asked last, and fault what was wrong.
 */
extern bool symbol_lookup_finish(Backoff *store_backoff, size_t *failed_source,
								 HttpFault *fault, char *error);

#endif							/* VNSTREAM_WORKERS_SYMBOL_LOOKUP_H */
