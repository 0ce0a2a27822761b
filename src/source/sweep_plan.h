/*-------------------------------------------------------------------------
 *
 * sweep_plan.h
 *	  Which symbols a sweep still has to ask for, and where: for sweep.c only.
 *
 * A symbol may be asked for twice at each source.  Each answer that leaves it
 * out, and each request of it that fails, takes one of the two; a failure that
 * will not pass (400, too large) takes both.  So a sweep ends, and the room that
 * it can ever need is known when it begins.
 *
 * There are rounds.  The first asks for every symbol.  When every request of a
 * round has ended, the next one asks for what has no row by then:
 *
 *	- the symbols that answers left out, regrouped into full requests
 *	- after them the requests that failed in a way that may pass, each on its
 *	  own again, so that a symbol that breaks its request breaks no other
 *
 * But a request that failed and can go to another source goes there within the
 * same round.
 *
 * Plain C with malloc.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_SWEEP_PLAN_H
#define VNSTREAM_SOURCE_SWEEP_PLAN_H

#include "source/universe.h"

#define NO_SOURCE SOURCES_MAX

typedef enum PlannedState
{
	PLANNED_WAITING,
	PLANNED_IN_FLIGHT,
	PLANNED_ANSWERED,
	PLANNED_FAILED,				/* worth repeating in the next round */
	PLANNED_OVER				/* repeated already, or not worth it */
} PlannedState;

typedef struct PlannedRequest
{
	PlannedState state;
	size_t		first;			/* in SweepPlan.asked */
	size_t		count;
	size_t		source;			/* that has it; NO_SOURCE: none yet */
	size_t		avoid;			/* that failed it last: rather another */
	uint32_t	era;			/* of that source's breaker */
	int64_t		not_before;		/* ms, http_clock_ms() */
} PlannedRequest;

typedef struct SweepPlan
{
	size_t		source_count;
	size_t		symbols_per_request;

	/* The universe in the order of its bytes, each ticker once. */
	char		(*tickers)[TICKER_MAX + 1];
	size_t		count;
	bool	   *has_row;
	uint8_t    *tries;			/* left at each source: tries[symbol *
								 * SOURCES_MAX + source] */
	uint8_t    *left_out;		/* likewise, how often an answer did so */

	size_t	   *asked;			/* places in tickers[], request by request */
	size_t		asked_count;
	size_t	   *open;			/* of the round that is being planned */
	PlannedRequest *requests;
	size_t		request_count;
	size_t		request_room;
	size_t		round_first;	/* the first request of the round that is on */
} SweepPlan;

/* Plans the first round.  False where memory is short; free it then, too. */
extern bool sweep_plan_begin(SweepPlan *plan, const Universe *universe,
							 size_t source_count, size_t symbols_per_request);
extern void sweep_plan_free(SweepPlan *plan);

/* Every request has ended: plan what is worth asking again, if anything. */
extern void sweep_plan_next_round(SweepPlan *plan);

/* May the request be made at the source once more? */
extern bool sweep_plan_may_ask(const SweepPlan *plan,
							   const PlannedRequest *request, size_t source);

/* What became of a request in flight at its source. */
extern void sweep_plan_answered(SweepPlan *plan, PlannedRequest *request);
extern void sweep_plan_failed(SweepPlan *plan, PlannedRequest *request,
							  bool may_pass);
/* One that failed, again in this round, rather at another source. */
extern void sweep_plan_repeat(SweepPlan *plan, PlannedRequest *request);

/* Place of a ticker that was asked and has no row yet, or plan->count. */
extern size_t sweep_plan_find_open(const SweepPlan *plan, const char *ticker);

#endif							/* VNSTREAM_SOURCE_SWEEP_PLAN_H */
