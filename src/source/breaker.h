/*-------------------------------------------------------------------------
 *
 * breaker.h
 *	  When a source is left alone, and when it is tried again.
 *
 *	  CLOSED --three failures in a row, a refusal or a 429--> OPEN
 *		^													  |   ^
 *		|									retry_at is there |   | the trial failed
 *		|													  v   |
 *		+------------------ the trial was good ------------ HALF_OPEN
 *
 * An open one lets no request through until retry_at.  Then one goes, the
 * trial, and no other until it has ended.  How long it stays open depends on
 * what happened:
 *
 *	 failures that pass (timeouts, 5xx, no connection)	1 s, doubling to 60 s
 *	 a refusal, or too many requests					60 s, doubling to 900 s
 *	 a block or a challenge								300 s, doubling to 900 s
 *
 * each time without a good answer between, and with up to a quarter more at
 * random, so that several servers do not come back at once.  A Retry-After
 * counts instead, from 5 s up to 900 s; the 5 s double likewise, as a source may
 * say 0, or a time that is over, each time.
 *
 * Answers of requests that were begun before the last change of state change
 * nothing but to lengthen an open state by their own Retry-After.
 *
 * Plain C, no clock and no chance of its own: the caller gives both.  Times are
 * ms of any clock that nobody sets.  One thread at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_BREAKER_H
#define VNSTREAM_SOURCE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "source/http.h"

/* So many failures without a good answer between them open it. */
#define BREAKER_FAILURES 3

typedef enum BreakerState
{
	BREAKER_CLOSED,
	BREAKER_OPEN,
	BREAKER_HALF_OPEN
} BreakerState;

typedef struct Breaker
{
	BreakerState state;
	uint32_t	era;			/* counts changes of state */
	int64_t		since;			/* when it came into this state */
	int64_t		retry_at;		/* OPEN: when a trial may go */
	int			failures;		/* in a row */
	int			openings;		/* without a good answer between */
	bool		is_told;		/* OPEN: the source said so, by a refusal or a
								 * Retry-After, and means all who come from here */
} Breaker;

/* What a request was answered that failed. */
typedef struct BreakerFailure
{
	HttpFault	fault;
	bool		is_blocked;		/* as in HttpResponse */
	long		retry_after_ms; /* -1: no wish */
} BreakerFailure;

/* All zero is a closed one; this says since when. */
extern void breaker_init(Breaker *breaker, int64_t now);

/* May a request go? */
extern bool breaker_allows(const Breaker *breaker, int64_t now);
/* Is one on its way that will say whether others may go? */
extern bool breaker_is_trying(const Breaker *breaker);
/* ms until breaker_allows() by itself; 0: now, -1: when the trial has ended. */
extern int64_t breaker_wait(const Breaker *breaker, int64_t now);

/*
 * A request goes, which it may.  Answers the era it belongs to, for one of the
 * three below to be told with.  breaker_abandon(): nobody waits for its answer
 * any more.
 */
extern uint32_t breaker_request(Breaker *breaker, int64_t now);
extern void breaker_succeed(Breaker *breaker, uint32_t era, int64_t now);
/* random: any number, for the quarter. */
extern void breaker_fail(Breaker *breaker, uint32_t era, int64_t now,
						 const BreakerFailure *failure, uint32_t random);
extern void breaker_abandon(Breaker *breaker, uint32_t era, int64_t now);

/*
 * Another one of the same source has been told to leave it alone until then, for
 * the openings-th time.  Of no meaning where a trial is under way.
 */
extern void breaker_learn(Breaker *breaker, int64_t retry_at, int openings, int64_t now);

/* Somebody wants it tried now. */
extern void breaker_try_now(Breaker *breaker, int64_t now);

/* "closed", "open", "half-open" */
extern const char *breaker_state_name(BreakerState state);

#endif							/* VNSTREAM_SOURCE_BREAKER_H */
