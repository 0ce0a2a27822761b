/*-------------------------------------------------------------------------
 *
 * answer.h
 *	  An answer of the source, made messages of the outbox.
 *
 * What the rules refuse and what says nothing new is counted and left out;
 * what they refuse or flag is kept in vnstream_rejects besides.  The
 * answer is kept here until the database has it: nothing fetched is lost for an
 * error of the database that passes.
 *
 * All functions: main thread of the producer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_ANSWER_H
#define VNSTREAM_WORKERS_ANSWER_H

#include "source/source.h"
#include "workers/loop.h"

extern void answer_begin(void);

/*
 * Take a board; the one before must be flushed.  Copies what it needs.
 * publishes_all: also what says nothing new.
 */
extern void answer_take(const Board *board, const char *source, int64 sweep,
						bool publishes_all);

/*
 * Commit what is pending to the outbox and hand it to delivery.h.  True where
 * nothing is pending any more; false while the database cannot take it.
 */
extern bool answer_flush(Backoff *store_backoff);
extern bool answer_is_pending(void);

#endif							/* VNSTREAM_WORKERS_ANSWER_H */
