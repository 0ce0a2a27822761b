/*-------------------------------------------------------------------------
 *
 * launch_record.h
 *	  How often workers have failed, kept across a crash of the server.
 *
 * A process that crashes takes shared memory with it, and so what is known of
 * its failures: a worker that crashes each time it starts would be started at
 * once each time, and the whole server go down and up without an end.  So a file
 * in the data directory names the workers that have been started and are not well
 * yet.  Where the server comes back from a crash, each of them may have been the
 * cause, and has failed once more.
 *
 * The file is text: a line that says what it is and of which data directory, for
 * a base backup carries it along, then one line a worker:
 * "database worker failures running|waiting".  It is written by the launcher
 * alone, when one of these lines changes.  That it outlives a crash of the machine
 * is not wanted.
 *
 * All functions: the launcher, outside of a transaction; none raises an error.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_LAUNCH_RECORD_H
#define VNSTREAM_WORKERS_LAUNCH_RECORD_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "shared_state.h"

/* A worker that has lived for so long starts its back-off anew. */
#define WORKER_HEALTHY_MS 60000

/*
 * Before the first round in a new shared memory: read what the last one left.  A
 * file that is none of these is ignored, with a line in the log.
 */
extern void launch_record_read(void);

/*
 * Before the first start of a worker in this shared memory: where it was recorded,
 * its slot gets its failures, this crash among them where it was running, and
 * rests.  Once a worker.  Caller holds shared_state->lock.
 */
extern void launch_record_recall(DatabaseEntry *entry, int worker, TimestampTz now);

/* Write the file where it would be another one. */
extern void launch_record_write(TimestampTz now);

/* The server stops in an orderly way. */
extern void launch_record_remove(void);

#endif							/* VNSTREAM_WORKERS_LAUNCH_RECORD_H */
