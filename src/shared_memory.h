/*-------------------------------------------------------------------------
 *
 * shared_memory.h
 *	  All shared memory of the extension, asked for and made.
 *
 * Each module beside shared_state keeps its own; this is the one place that
 * knows them all.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SHARED_MEMORY_H
#define VNSTREAM_SHARED_MEMORY_H

/* Hooks to reserve and make it.  From _PG_init while preloading only. */
extern void shared_memory_install(void);

#endif							/* VNSTREAM_SHARED_MEMORY_H */
