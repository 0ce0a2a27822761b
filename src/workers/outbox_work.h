/*-------------------------------------------------------------------------
 *
 * outbox_work.h
 *	  The transactions in which delivery.c reads and settles the outbox.
 *
 * Each is told where it fails, and then keeps the back-off.  Main thread of the
 * producer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_OUTBOX_WORK_H
#define VNSTREAM_WORKERS_OUTBOX_WORK_H

#include "store/outbox.h"
#include "workers/loop.h"

/* How long one may take. */
#define OUTBOX_TIMEOUT_MS 30000

/*
 * As outbox_load(): how many responses, in the order of their numbers and in
 * that context; -1 where it failed.
 */
extern int	outbox_work_load(int64 after, int max, MemoryContext context,
							 OutboxResponse **responses, Backoff *backoff);

/* As outbox_newest().  False where it failed. */
extern bool outbox_work_newest(int64 *response, Backoff *backoff);

/* As outbox_settle().  False where it failed. */
extern bool outbox_work_settle(const int64 *responses, int count, Backoff *backoff);

#endif							/* VNSTREAM_WORKERS_OUTBOX_WORK_H */
