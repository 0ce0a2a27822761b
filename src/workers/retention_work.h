/*-------------------------------------------------------------------------
 *
 * retention_work.h
 *	  When consumer 1 drops months that are older than vnstream.retention.
 *
 * Main thread of a consumer, outside of a transaction, without a batch in hand.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_RETENTION_WORK_H
#define VNSTREAM_WORKERS_RETENTION_WORK_H

/*
 * To be called each round of the consumer's loop.  Does one thing at most: looks
 * which months are due, or drops one.  It looks when the worker starts, when the
 * setting changes, and every night at 02:00 in Vietnam; what was locked is tried
 * again after five minutes, and what else failed in the next night.  Answers
 * whether there may be more to do at once.
 */
extern bool retention_round(void);

#endif							/* VNSTREAM_WORKERS_RETENTION_WORK_H */
