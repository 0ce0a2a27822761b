/*-------------------------------------------------------------------------
 *
 * warm.h
 *	  The latest quotes, read from realtime_quotes into shared memory.
 *
 * The first consumer does it when it starts, and again where a reader, a commit
 * or its own relation cache says that the table is not what it was.
 *
 * Main thread of a consumer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_WARM_H
#define VNSTREAM_WORKERS_WARM_H

#include "postgres.h"

/* At the consumer's start: what was warm before is read again. */
extern void warm_begin(void);

/* Once a round; nothing where nothing is due, or this is not the first consumer. */
extern void warm_round(void);

#endif							/* VNSTREAM_WORKERS_WARM_H */
