/*-------------------------------------------------------------------------
 *
 * outgoing.h
 *	  The newest quote of each ticker that is in the outbox or went through it,
 *	  against which the next one is unchanged or not.
 *
 * The outbox is where a quote counts from: it is delivered, whatever happens.
 * To compare with what Kafka has acknowledged would be wrong while something
 * waits: a price that goes from 100 to 101 and back to 100 meanwhile would leave
 * 101 as the newest.
 *
 * All functions: main thread of the producer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_OUTGOING_H
#define VNSTREAM_WORKERS_OUTGOING_H

#include "postgres.h"

#include "market/quote.h"

extern void outgoing_begin(MemoryContext context);
/* By its message, which quote_to_json() wrote. */
extern void outgoing_remember(const char *message);
/* NULL where none is known. */
extern const Quote *outgoing_quote(const char *ticker);

#endif							/* VNSTREAM_WORKERS_OUTGOING_H */
