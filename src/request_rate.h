/*-------------------------------------------------------------------------
 *
 * request_rate.h
 *	  How many requests may go to a source: a minute's limit, and no more at
 *	  once than is polite.
 *
 * What went is remembered, and each who asks applies a limit of its own to it,
 * as databases of one server have different ones.  Two things have to hold:
 *
 *	- within any minute there are no more than limit requests
 *	- a bucket of a third of a minute's requests (of 10 at least) is not empty:
 *	  each request takes one out, and limit a minute flow in
 *
 * So a sweep of 33 requests at the default of 120 a minute goes at once, while
 * the minute's 120 do not: after 40, they follow at two a second.
 *
 * Plain C.  One process at a time: the caller holds the lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_REQUEST_RATE_H
#define VNSTREAM_REQUEST_RATE_H

#include <stdint.h>

/* Most requests a minute that may be allowed. */
#define MAX_REQUESTS_PER_MINUTE 6000

/* All zero is one of which nothing went yet. */
typedef struct RequestHistory
{
	int			next;			/* in the ring */
	int64_t		requested_at[MAX_REQUESTS_PER_MINUTE];	/* µs of any clock, in
														 * order; 0: none */
} RequestHistory;

/*
 * May one more request go now?  0: yes, and it is remembered; else ms until one
 * may.  limit is from 1 to MAX_REQUESTS_PER_MINUTE.  A clock that was set back
 * makes nobody wait for longer than a minute.
 */
extern long request_take(RequestHistory *history, int limit, int64_t now);

/* Requests of the last minute. */
extern int	request_count(const RequestHistory *history, int64_t now);

#endif							/* VNSTREAM_REQUEST_RATE_H */
