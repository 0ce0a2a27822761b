/*-------------------------------------------------------------------------
 *
 * loop.h
 *	  What producer and consumer share: attaching to a slot, waiting on the
 *	  latch and on file descriptors at once, telling what they do, backing off.
 *
 * All functions: main thread of a worker, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_LOOP_H
#define VNSTREAM_WORKERS_LOOP_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "pg_compat.h"
#include "shared_state.h"
#include "store/transaction.h"
#include "workers/sockets.h"

/* PostgreSQL counts µs from 2000-01-01, everybody else from 1970-01-01. */
#define UNIX_FROM_TIMESTAMP(t) ((int64) (t) + INT64CONST(946684800000000))
#define TIMESTAMP_FROM_UNIX(t) ((TimestampTz) ((t) - INT64CONST(946684800000000)))

/* Another try after a failure: 1 s, doubling up to 60 s, with jitter. */
typedef struct Backoff
{
	int			failures;		/* in a row */
	TimestampTz until;			/* 0: not backing off */
} Backoff;

/* This process's own slot and entry; NULL before worker_attach(). */
extern WorkerSlot *worker_slot;
extern DatabaseEntry *worker_entry;
extern Oid	worker_database;

/*
 * Right after connecting: the database's own search_path must not decide what
 * a superuser's process runs.
 */
extern void worker_pin_search_path(void);

/*
 * Write into the slot which settings this process goes by: when it is connected,
 * for its database's own to be among them.  After a reload worker_is_to_end()
 * does it.
 */
extern void worker_tell_settings(void);

/*
 * Take the slot that the launcher's ticket names, until this process exits.
 * False where it is not ours any more, because the launcher gave us up.
 */
struct WorkerTicket;
extern bool worker_attach(const struct WorkerTicket *ticket);

/* End this process, as it was wished. */
pg_noreturn extern void worker_end(void);

/*
 * To be called once each round.  Handles interrupts and a reload of settings.
 * Answers whether the worker is to end: it is not wanted any more, or is to
 * start anew, also where the clock was set back.
 */
extern bool worker_is_to_end(void);

/*
 * Ends this process without it counting as a failure, to be started anew at
 * once: a setting changed that is only read at the start.
 */
pg_noreturn extern void worker_restart(const char *because);

/*
 * The extension is not in this database any more: ends this process, to be
 * started again rarely, or at once after a CREATE EXTENSION or vnstream_start().
 */
pg_noreturn extern void worker_leave(void);

/* Did this round's worker_is_to_end() reload the settings? */
extern bool worker_reloaded(void);

/*
 * sockets_wait(), and the figures of status brought up to date before.  Its
 * second at most is also what librdkafka needs, to be asked from time to time.
 */
extern void worker_wait(WaitSource *sources, int count, long timeout_ms);

/*
 * Work that keeps this process from its loop for so long at most, in ms, begins:
 * until then nobody takes it for stuck.  0: it has ended.
 */
extern void worker_away(long at_most_ms);

/*
 * Tell what goes on.  waiting_for is for a person, '' when at work.
 */
extern void worker_set_state(WorkerState state, const char *waiting_for,...)
			pg_attribute_printf(2, 3);
/* BACKING_OFF until then (0 or past: it tries again at this moment). */
extern void worker_back_off(TimestampTz until, const char *waiting_for,...)
			pg_attribute_printf(2, 3);
/* The state as it is, tried again then: for whoever knows only later. */
extern void worker_retry_at(TimestampTz until);
extern void worker_add(int64 messages, int64 rows);
extern void worker_add_dead_letters(int count);
extern void worker_set_partitions(int partitions);
extern void worker_set_lag(int64 lag);

/*
 * An error that the worker outlives: counted, shown in status, and told (see
 * tell.h).
 */
extern void worker_error(int elevel, int sqlstate, const char *hint,
						 const char *format,...) pg_attribute_printf(4, 5);
/*
 * The same of a transaction.  Where it failed since the extension's script is of
 * another version than it was when the work began, this process ends, and the
 * next one waits.
 */
extern void worker_store_error(const StoreError *error);

/* The tables are there, and the work begins. */
extern void worker_at_work(void);

/*
 * Did a transaction fail in a way that the worker outlives?  Tells it, and
 * keeps the back-off; ends the process where the extension is gone.
 */
extern bool worker_store_failed(const StoreError *error, Backoff *backoff);

/* How long to wait after so many failures in a row, ms. */
extern long backoff_ms(int failures);

/*
 * The process of a slot has failed once more, as failures says: when it is to be
 * started again, and what its state says until then.  From so many in a row on it
 * counts as failed, and is tried rarely.  Caller holds shared_state->lock.
 */
#define WORKER_MANY_FAILURES 10
extern void worker_rest(WorkerSlot *slot, TimestampTz now);
/* at_least_ms: the other side's wish, or 0. */
extern void backoff_fail(Backoff *backoff, long at_least_ms);
extern void backoff_succeed(Backoff *backoff);
extern bool backoff_is_over(const Backoff *backoff);
/* ms left; 0 where over. */
extern long backoff_remaining(const Backoff *backoff);

/* The sooner of two timeouts in ms, where -1 is none. */
extern long sooner(long a, long b);
/* ms until then, 0 where it is past. */
extern long ms_until(TimestampTz then);

#endif							/* VNSTREAM_WORKERS_LOOP_H */
