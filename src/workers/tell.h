/*-------------------------------------------------------------------------
 *
 * tell.h
 *	  Telling what happens: to vnstream_log(), and to the server's log without
 *	  flooding it.
 *
 * Into the server's log goes the first of its kind at once, repetitions once a
 * minute with their number, and not more than a few lines a minute from one
 * process; event_log.h has what is the same kind.
 *
 * Any of the extension's background processes, main thread, also in its exit
 * callbacks; not while shared_state->lock is held.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_TELL_H
#define VNSTREAM_WORKERS_TELL_H

#include "postgres.h"

#include "event_log.h"

/*
 * An event of a list (see event_log_add()).  elevel: of the line in the
 * server's log, below ERROR; 0 for none.  hint may be NULL or ''.
 */
extern void tell(Oid database, int list, EventLevel level, int elevel, int sqlstate,
				 const char *hint, const char *format,...) pg_attribute_printf(7, 8);

/* The same of this process's own worker slot. */
#define WORKER_EVENT_LIST ((int) (worker_slot - worker_entry->workers))
extern void worker_tell(EventLevel level, int elevel, int sqlstate,
						const char *format,...) pg_attribute_printf(4, 5);

#endif							/* VNSTREAM_WORKERS_TELL_H */
