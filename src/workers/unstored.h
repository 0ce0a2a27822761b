/*-------------------------------------------------------------------------
 *
 * unstored.h
 *	  Quotes that are in the outbox and no rows yet, among the latest quotes.
 *
 * Main thread of the producer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_UNSTORED_H
#define VNSTREAM_WORKERS_UNSTORED_H

#include "store/outbox.h"

/*
 * At the start: those that a process before this one left in the outbox, the
 * newest responses of it.  Where the database cannot tell it is let be: the next
 * sweep brings newer ones.
 */
extern void unstored_begin(void);

/* A response that has just been committed to the outbox. */
extern void unstored_add(const OutboxResponse *response);

#endif							/* VNSTREAM_WORKERS_UNSTORED_H */
