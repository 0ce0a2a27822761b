/*-------------------------------------------------------------------------
 *
 * indices.h
 *	  The indices of vnstream.indices, by the minute, into vnstream_index_quotes.
 *
 * The producer asks for them beside its sweeps, one request at a time, with a
 * client of their own: while an exchange is open once a minute, else once an
 * hour, and at its start those of the last days.  A failure is told, and tried
 * again later; no sweep waits for it.
 *
 * Only KBS is known to have indices (index/VNINDEX/data_1P); where it is not
 * among vnstream.sources nothing is asked.
 *
 * All functions: main thread of the producer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_INDICES_H
#define VNSTREAM_WORKERS_INDICES_H

#include "workers/loop.h"

/* Raises ERRCODE_CONFIG_FILE_ERROR where a setting is unusable. */
extern void indices_begin(void);
/* The settings have been reloaded. */
extern void indices_reconfigure(void);
/* Frees all; may be called twice, and while the process exits. */
extern void indices_release(void);

/* Once a round: carry on as far as it goes without waiting. */
extern void indices_round(void);

/* What is waited for: room for HTTP_MAX_SOCKETS; and carrying on after it. */
extern int	indices_sources(WaitSource *sources);
extern void indices_drive(const WaitSource *sources, int count);
/* ms until indices_round() may go on though nothing arrived; -1: none. */
extern long indices_timeout(void);

#endif							/* VNSTREAM_WORKERS_INDICES_H */
