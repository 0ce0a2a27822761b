/*-------------------------------------------------------------------------
 *
 * acknowledged.h
 *	  The newest quote of each ticker that Kafka has, against which the next one
 *	  is unchanged or not.
 *
 * Only what Kafka acknowledged counts: a quote that is merely on its way may
 * still be lost with this process's memory of it.
 *
 * All functions: main thread of the producer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_ACKNOWLEDGED_H
#define VNSTREAM_WORKERS_ACKNOWLEDGED_H

#include "postgres.h"

#include "market/quote.h"

extern void acknowledged_begin(MemoryContext context);
/* By its message, which quote_to_json() wrote. */
extern void acknowledged_remember(const char *message);
/* NULL where none is known. */
extern const Quote *acknowledged_quote(const char *ticker);

#endif							/* VNSTREAM_WORKERS_ACKNOWLEDGED_H */
