/*-------------------------------------------------------------------------
 *
 * sweep_plan.c
 *	  Which symbols a sweep still has to ask for, and where.
 *
 *-------------------------------------------------------------------------
 */
#include "source/sweep_plan.h"

#include <stdlib.h>
#include <string.h>

#define TRIES 2

static int
compare_tickers(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
copy_universe(SweepPlan *plan, const Universe *universe)
{
	size_t		i;

	memcpy(plan->tickers, universe->tickers,
		   universe->count * sizeof(*plan->tickers));
	qsort(plan->tickers, universe->count, sizeof(*plan->tickers),
		  compare_tickers);
	for (i = 0; i < universe->count; i++)
	{
		if (plan->count > 0 &&
			strcmp(plan->tickers[i], plan->tickers[plan->count - 1]) == 0)
			continue;
		if (plan->count < i)
			memcpy(plan->tickers[plan->count], plan->tickers[i],
				   sizeof(*plan->tickers));
		plan->count++;
	}
}

static uint8_t *
tries_of(const SweepPlan *plan, size_t symbol)
{
	return &plan->tries[symbol * SOURCES_MAX];
}

static bool
may_be_asked(const SweepPlan *plan, size_t symbol)
{
	const uint8_t *tries = tries_of(plan, symbol);
	size_t		i;

	for (i = 0; i < plan->source_count; i++)
		if (tries[i] > 0)
			return true;
	return false;
}

/* Requests for asked[first .. asked_count), as full as they may be. */
static void
plan_requests(SweepPlan *plan, size_t first, size_t avoid, int64_t not_before)
{
	while (first < plan->asked_count)
	{
		PlannedRequest *request = &plan->requests[plan->request_count++];
		size_t		left = plan->asked_count - first;

		request->state = PLANNED_WAITING;
		request->first = first;
		request->count = left < plan->symbols_per_request ?
			left : plan->symbols_per_request;
		request->source = NO_SOURCE;
		request->avoid = avoid;
		request->era = 0;
		request->not_before = not_before;
		first += request->count;
	}
}

bool
sweep_plan_begin(SweepPlan *plan, const Universe *universe, size_t source_count,
				 size_t symbols_per_request)
{
	size_t		most_asked = TRIES * source_count * universe->count + 1;
	size_t		i;

	memset(plan, 0, sizeof(*plan));
	plan->source_count = source_count;
	plan->symbols_per_request = symbols_per_request;
	if (plan->symbols_per_request > universe->count)
		plan->symbols_per_request = universe->count;
	if (plan->symbols_per_request < 1)
		plan->symbols_per_request = 1;

	/* A request has one symbol at least, and each time takes a try from it. */
	plan->request_room = most_asked;
	plan->tickers = calloc(universe->count + 1, sizeof(*plan->tickers));
	plan->has_row = calloc(universe->count + 1, sizeof(bool));
	plan->tries = calloc(universe->count + 1, SOURCES_MAX);
	plan->left_out = calloc(universe->count + 1, SOURCES_MAX);
	plan->asked = calloc(most_asked, sizeof(size_t));
	plan->open = calloc(universe->count + 1, sizeof(size_t));
	plan->requests = calloc(plan->request_room, sizeof(PlannedRequest));
	if (plan->tickers == NULL || plan->has_row == NULL || plan->tries == NULL ||
		plan->left_out == NULL ||
		plan->asked == NULL || plan->open == NULL || plan->requests == NULL)
		return false;
	if (universe->count > 0)
		copy_universe(plan, universe);
	for (i = 0; i < plan->count; i++)
	{
		memset(tries_of(plan, i), TRIES, source_count);
		plan->asked[i] = i;
	}
	plan->asked_count = plan->count;
	plan_requests(plan, 0, NO_SOURCE, 0);
	return true;
}

void
sweep_plan_free(SweepPlan *plan)
{
	free(plan->tickers);
	free(plan->has_row);
	free(plan->tries);
	free(plan->left_out);
	free(plan->asked);
	free(plan->open);
	free(plan->requests);
	memset(plan, 0, sizeof(*plan));
}

/* What a request asked for, has no row yet and may be asked again. */
static void
ask_again(SweepPlan *plan, const PlannedRequest *request)
{
	size_t		end = request->first + request->count;
	size_t		i;

	for (i = request->first; i < end; i++)
	{
		size_t		symbol = plan->asked[i];

		if (!plan->has_row[symbol] && may_be_asked(plan, symbol))
			plan->asked[plan->asked_count++] = symbol;
	}
}

/*
 * The symbols of open[], each request's with the same tries left: what it may do
 * next it may do with all of them.
 */
static void
plan_open(SweepPlan *plan, size_t open_count)
{
	while (open_count > 0)
	{
		const uint8_t *tries = tries_of(plan, plan->open[0]);
		size_t		first = plan->asked_count;
		size_t		kept = 0;
		size_t		i;

		for (i = 0; i < open_count; i++)
		{
			size_t		symbol = plan->open[i];

			if (memcmp(tries_of(plan, symbol), tries, SOURCES_MAX) == 0)
				plan->asked[plan->asked_count++] = symbol;
			else
				plan->open[kept++] = symbol;
		}
		open_count = kept;
		plan_requests(plan, first, NO_SOURCE, 0);
	}
}

void
sweep_plan_next_round(SweepPlan *plan)
{
	size_t		begin = plan->round_first;
	size_t		end = plan->request_count;
	int64_t		not_before = http_clock_ms() + http_repeat_delay();
	size_t		open_count = 0;
	size_t		i;
	size_t		j;

	plan->round_first = end;
	for (i = begin; i < end; i++)
	{
		const PlannedRequest *request = &plan->requests[i];

		if (request->state != PLANNED_ANSWERED)
			continue;
		for (j = request->first; j < request->first + request->count; j++)
		{
			size_t		symbol = plan->asked[j];

			if (!plan->has_row[symbol] && may_be_asked(plan, symbol))
				plan->open[open_count++] = symbol;
		}
	}
	plan_open(plan, open_count);
	for (i = begin; i < end; i++)
	{
		const PlannedRequest *request = &plan->requests[i];
		size_t		first = plan->asked_count;

		if (request->state != PLANNED_FAILED)
			continue;
		ask_again(plan, request);
		plan_requests(plan, first, request->source, not_before);
	}
}

bool
sweep_plan_may_ask(const SweepPlan *plan, const PlannedRequest *request,
				   size_t source)
{
	/* all of a request's symbols have the same tries left */
	return tries_of(plan, plan->asked[request->first])[source] > 0;
}

/*
 * An answer that leaves a symbol out may be a partial one: it is asked for once
 * more.  But once another source has said twice that it has no such symbol, one
 * that says so too is believed.
 */
void
sweep_plan_answered(SweepPlan *plan, PlannedRequest *request)
{
	size_t		end = request->first + request->count;
	size_t		i;
	size_t		j;

	request->state = PLANNED_ANSWERED;
	for (i = request->first; i < end; i++)
	{
		size_t		symbol = plan->asked[i];
		uint8_t    *tries = tries_of(plan, symbol);
		uint8_t    *left_out = &plan->left_out[symbol * SOURCES_MAX];

		if (plan->has_row[symbol])
			continue;
		tries[request->source]--;
		left_out[request->source]++;
		for (j = 0; j < plan->source_count; j++)
			if (j != request->source && left_out[j] == TRIES)
				tries[request->source] = 0;
	}
}

void
sweep_plan_failed(SweepPlan *plan, PlannedRequest *request, bool may_pass)
{
	size_t		end = request->first + request->count;
	size_t		i;

	request->state = PLANNED_FAILED;
	for (i = request->first; i < end; i++)
	{
		uint8_t    *tries = tries_of(plan, plan->asked[i]);

		if (may_pass)
			tries[request->source]--;
		else
			tries[request->source] = 0;
	}
}

void
sweep_plan_repeat(SweepPlan *plan, PlannedRequest *request)
{
	size_t		first = plan->asked_count;

	request->state = PLANNED_OVER;
	ask_again(plan, request);
	plan_requests(plan, first, request->source, 0);
}

size_t
sweep_plan_find_open(const SweepPlan *plan, const char *ticker)
{
	const char	(*found)[TICKER_MAX + 1] =
		bsearch(ticker, plan->tickers, plan->count, sizeof(*plan->tickers),
				compare_tickers);
	size_t		place;

	if (found == NULL)
		return plan->count;
	place = (size_t) (found - (const char (*)[TICKER_MAX + 1]) plan->tickers);
	return plan->has_row[place] ? plan->count : place;
}
