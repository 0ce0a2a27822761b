/*-------------------------------------------------------------------------
 *
 * source_rest.h
 *	  Until when a source that has said no is left alone, by the whole server.
 *
 * A breaker (source/breaker.h) is a process's own.  But a source that refuses, or
 * says when to come again, means whoever comes from this address: that stands in
 * shared memory, where a producer that is started anew finds it, and the producers
 * of other databases, and who asks for bars.  Failures that pass are no such thing.
 *
 * A source is one at the address that the settings give it now: at another one
 * nobody has said no yet.
 *
 * Any process that has shared memory, main thread.  Nothing is raised.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_SOURCE_REST_H
#define VNSTREAM_WORKERS_SOURCE_REST_H

#include "shared_state.h"
#include "source/source.h"

/* Is there one that is not over?  Then *rest is a copy of it. */
extern bool source_rest_get(const SourceProvider *provider, SourceRest *rest);
/* ms of it that are left; 0: none. */
extern long source_rest_left(const SourceProvider *provider);

/*
 * A longer one that is there already stays.  until: ms, http_clock_ms(), which all
 * processes of a machine share; openings: as in Breaker.
 */
extern void source_rest_set(const SourceProvider *provider, int64 until, int openings,
							const char *error);
/* The source is well, or somebody wants it tried now. */
extern void source_rest_end(const SourceProvider *provider);

#endif							/* VNSTREAM_WORKERS_SOURCE_REST_H */
