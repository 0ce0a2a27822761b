/*-------------------------------------------------------------------------
 *
 * outbox_level.h
 *	  How full the outbox is, and what follows from that: an alert at half of
 *	  vnstream.outbox_limit, no more sweeps at the limit.
 *
 * Nothing is ever dropped.  Main thread of the producer, outside of a
 * transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_OUTBOX_LEVEL_H
#define VNSTREAM_WORKERS_OUTBOX_LEVEL_H

/* Once a round: tells of half, and of less again; health goes by it too. */
extern void outbox_level_round(void);

/* May no sweep begin?  The first time that it is so, or not any more, is told. */
extern bool outbox_level_is_full(void);

#endif							/* VNSTREAM_WORKERS_OUTBOX_LEVEL_H */
