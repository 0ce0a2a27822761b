/*-------------------------------------------------------------------------
 *
 * recovery.h
 *	  Kafka is back: who hears of it first lets the database's other workers
 *	  try at once, instead of waiting out back-offs of up to a minute.
 *
 * A count in the entry says how often Kafka came back.  A worker compares it
 * with what it was when its own try began: so a try that was under way, and
 * failed after another one succeeded, is repeated at once too.  Each return
 * ends one back-off; if the try fails again, the next back-off is waited out.
 *
 * All functions: main thread of a worker, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_RECOVERY_H
#define VNSTREAM_WORKERS_RECOVERY_H

#include "postgres.h"

/* A try to reach Kafka begins, early or not. */
extern void recovery_try(void);

/* Has Kafka come back for another worker since this one's try began? */
extern bool recovery_is_heard(void);

/*
 * Kafka answered this worker.  after_outage: which it had not done before for
 * a while, so the others are told.
 */
extern void recovery_reached(bool after_outage);

#endif							/* VNSTREAM_WORKERS_RECOVERY_H */
