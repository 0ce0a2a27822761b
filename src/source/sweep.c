/*-------------------------------------------------------------------------
 *
 * sweep.c
 *	  One pass over all symbols, at one source or several.
 *
 * sweep_plan.c knows what is still to be asked; here is when a request may go
 * and to whom, and what its answer means.
 *
 *-------------------------------------------------------------------------
 */
#include "source/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/sweep_plan.h"

/*
 * With several sources, one that is left alone for so short a time is waited for
 * where no other may be asked: two that stumble in turn must not end a sweep.
 */
#define PATIENCE_MS 3000

typedef enum Choice
{
	CHOICE_MADE,
	CHOICE_LATER,				/* a trial under way will say, or time */
	CHOICE_NONE
} Choice;

struct Sweep
{
	SweepOptions options;
	char	   *base_urls[SOURCES_MAX];
	SweepPlan	plan;
	SweepCounts counts;
	SweepSourceCounts of_source[SOURCES_MAX];
	SweepOutcome outcome;

	char		(*batch)[TICKER_MAX + 1];	/* tickers of one request */
	size_t		next;			/* no request before this one is waiting */
	int			in_flight;
	int64_t		budget_until[SOURCES_MAX];	/* ms, http_clock_ms() */
	int64_t		wake_at;		/* when something may start; -1: not by itself */

	HttpClient *client;			/* of the last drive */
	uint64_t	first_tag;		/* 0: none reserved yet */
	size_t	   *missing;		/* places in plan.tickers[], filled at the end */
	size_t		missing_count;
	bool		is_done;
};

static void
finish(Sweep *sweep)
{
	size_t		i;

	for (i = 0; i < sweep->plan.count; i++)
		if (!sweep->plan.has_row[i])
			sweep->missing[sweep->missing_count++] = i;
	sweep->is_done = true;
}

static void
skip_begun(Sweep *sweep)
{
	while (sweep->next < sweep->plan.request_count &&
		   sweep->plan.requests[sweep->next].state != PLANNED_WAITING)
		sweep->next++;
}

/* After each request that ended. */
static void
advance(Sweep *sweep)
{
	skip_begun(sweep);
	if (sweep->is_done || sweep->in_flight > 0 ||
		sweep->next < sweep->plan.request_count)
		return;
	sweep_plan_next_round(&sweep->plan);
	skip_begun(sweep);
	if (sweep->next == sweep->plan.request_count)
		finish(sweep);
}

Sweep *
sweep_begin(const SweepOptions *options, const Universe *universe)
{
	Sweep	   *sweep = calloc(1, sizeof(Sweep));
	bool		is_whole;
	size_t		i;

	if (sweep == NULL)
		return NULL;
	sweep->options = *options;
	sweep->wake_at = 0;
	is_whole = sweep_plan_begin(&sweep->plan, universe, options->source_count,
								options->symbols_per_request);
	for (i = 0; i < options->source_count; i++)
	{
		sweep->base_urls[i] = strdup(options->sources[i].base_url);
		is_whole = is_whole && sweep->base_urls[i] != NULL;
	}

	/* Room for everything at once, so that nothing can fail for memory later. */
	sweep->batch = calloc(sweep->plan.symbols_per_request, sizeof(*sweep->batch));
	sweep->missing = calloc(universe->count + 1, sizeof(size_t));
	if (!is_whole || sweep->batch == NULL || sweep->missing == NULL)
	{
		sweep_free(sweep);
		return NULL;
	}
	sweep->counts.asked = (int64_t) sweep->plan.count;
	advance(sweep);
	return sweep;
}

static Breaker *
breaker_of(const Sweep *sweep, size_t source)
{
	return sweep->options.sources[source].breaker;
}

/* Nobody waits for what is in flight any more. */
static void
abandon_all(Sweep *sweep)
{
	size_t		i;

	for (i = 0; i < sweep->plan.request_count; i++)
	{
		const PlannedRequest *request = &sweep->plan.requests[i];

		if (request->state == PLANNED_IN_FLIGHT)
			breaker_abandon(breaker_of(sweep, request->source), request->era,
							http_clock_ms());
	}
	sweep->in_flight = 0;
}

static void
give_up(Sweep *sweep)
{
	sweep->outcome.gave_up = true;
	http_client_cancel_all(sweep->client);
	abandon_all(sweep);
	finish(sweep);
}

/* May it be asked soon: after a trial that is under way, or a short time? */
static bool
is_worth_waiting(const Sweep *sweep, size_t source)
{
	int64_t		wait = breaker_wait(breaker_of(sweep, source), http_clock_ms());

	return wait < 0 || (sweep->options.source_count > 1 && wait <= PATIENCE_MS);
}

/* May any source be asked, now or soon? */
static bool
has_usable_source(const Sweep *sweep)
{
	int64_t		now = http_clock_ms();
	size_t		i;

	for (i = 0; i < sweep->options.source_count; i++)
		if (breaker_allows(breaker_of(sweep, i), now) || is_worth_waiting(sweep, i))
			return true;
	return false;
}

/* The first source that may be asked; the one that failed it last only then. */
static Choice
choose_source(const Sweep *sweep, const PlannedRequest *request, size_t *source)
{
	int64_t		now = http_clock_ms();
	Choice		choice = CHOICE_NONE;
	size_t		i;

	for (i = 0; i <= sweep->options.source_count; i++)
	{
		size_t		candidate = i;

		if (i == request->avoid)
			continue;
		if (i == sweep->options.source_count)
		{
			candidate = request->avoid;
			if (candidate == NO_SOURCE)
				break;
		}
		if (!sweep_plan_may_ask(&sweep->plan, request, candidate))
			continue;
		if (breaker_allows(breaker_of(sweep, candidate), now))
		{
			*source = candidate;
			return CHOICE_MADE;
		}
		if (is_worth_waiting(sweep, candidate))
			choice = CHOICE_LATER;
	}
	return choice;
}

static void
wake_by(Sweep *sweep, int64_t when)
{
	if (sweep->wake_at < 0 || when < sweep->wake_at)
		sweep->wake_at = when;
}

/* When a source opens that the request may go to; a trial's answer wakes, too. */
static void
wake_for_sources(Sweep *sweep, const PlannedRequest *request)
{
	int64_t		now = http_clock_ms();
	size_t		i;

	for (i = 0; i < sweep->options.source_count; i++)
	{
		int64_t		wait = breaker_wait(breaker_of(sweep, i), now);

		if (wait >= 0 && sweep_plan_may_ask(&sweep->plan, request, i))
			wake_by(sweep, now + wait);
	}
}

static void
note_failure(Sweep *sweep, PlannedRequest *request, const BreakerFailure *failure,
			 bool may_pass, const char *error)
{
	size_t		source = request->source;
	SweepSourceCounts *of_source = &sweep->of_source[source];
	bool		is_refusal = failure->fault == HTTP_REFUSED ||
		failure->fault == HTTP_TOO_MANY;
	size_t		other = source;
	Choice		choice;

	sweep->counts.failed_requests++;
	of_source->failed_requests++;
	of_source->fault = failure->fault;
	snprintf(of_source->error, sizeof(of_source->error), "%s", error);
	sweep->outcome.source = source;
	sweep->outcome.fault = failure->fault;
	snprintf(sweep->outcome.error, sizeof(sweep->outcome.error), "%s", error);

	breaker_fail(breaker_of(sweep, source), request->era, http_clock_ms(),
				 failure, http_random());
	sweep_plan_failed(&sweep->plan, request, may_pass || is_refusal);
	if (!has_usable_source(sweep))
	{
		give_up(sweep);
		return;
	}

	/* Where another source may have it; else it waits for the next round. */
	request->avoid = source;
	choice = choose_source(sweep, request, &other);
	if (choice == CHOICE_LATER || (choice == CHOICE_MADE && other != source))
		sweep_plan_repeat(&sweep->plan, request);
	advance(sweep);
}

/* Starts a request that may go there. */
static void
start_request(Sweep *sweep, size_t place, size_t source)
{
	PlannedRequest *request = &sweep->plan.requests[place];
	const SourceProvider *provider = sweep->options.sources[source].provider;
	BreakerFailure failure = {HTTP_UNREACHABLE, false, -1};
	SourceRequest wire = {0};
	char		error[SOURCE_ERROR_SIZE] = "out of memory";
	bool		is_started = false;
	size_t		i;

	for (i = 0; i < request->count; i++)
		memcpy(sweep->batch[i],
			   sweep->plan.tickers[sweep->plan.asked[request->first + i]],
			   sizeof(*sweep->batch));
	sweep->counts.requests++;
	request->source = source;
	request->era = breaker_request(breaker_of(sweep, source), http_clock_ms());
	if (provider->board_request(sweep->base_urls[source],
								(const char (*)[TICKER_MAX + 1]) sweep->batch,
								request->count, &wire))
	{
		is_started = http_client_request(sweep->client, &wire,
										 sweep->first_tag + place, error);
		source_request_free(&wire);
	}
	if (is_started)
	{
		request->state = PLANNED_IN_FLIGHT;
		sweep->in_flight++;
	}
	else
		note_failure(sweep, request, &failure, false, error);
}

/* Starts a waiting request, or notes what it waits for, or drops it. */
static void
consider_request(Sweep *sweep, size_t place)
{
	PlannedRequest *request = &sweep->plan.requests[place];
	int64_t		now = http_clock_ms();
	size_t		source = 0;
	long		wait;

	if (now < request->not_before)
	{
		wake_by(sweep, request->not_before);
		return;
	}
	switch (choose_source(sweep, request, &source))
	{
		case CHOICE_MADE:
			break;
		case CHOICE_LATER:
			wake_for_sources(sweep, request);
			return;
		case CHOICE_NONE:
			request->state = PLANNED_OVER;
			return;
	}
	if (now >= sweep->budget_until[source])
	{
		wait = sweep->options.may_request == NULL ? 0 :
			sweep->options.may_request(sweep->options.sources[source].budget_context);
		if (wait == 0)
		{
			start_request(sweep, place, source);
			return;
		}
		sweep->budget_until[source] = now + wait;
	}
	wake_by(sweep, sweep->budget_until[source]);
}

void
sweep_drive(Sweep *sweep, HttpClient *client)
{
	size_t		place;

	sweep->client = client;
	sweep->wake_at = -1;
	if (sweep->is_done)
		return;
	if (sweep->first_tag == 0)
		sweep->first_tag = http_client_reserve_tags(client,
													sweep->plan.request_room);
	if (sweep->in_flight == 0 && !has_usable_source(sweep))
	{
		snprintf(sweep->outcome.error, sizeof(sweep->outcome.error),
				 "no source may be asked yet, after what it answered before");
		give_up(sweep);
		return;
	}
	for (place = sweep->next; place < sweep->plan.request_count; place++)
	{
		if (!http_client_has_room(client) ||
			sweep->in_flight >= sweep->options.requests_in_flight)
		{
			/* any response makes room */
			sweep->wake_at = -1;
			return;
		}
		if (sweep->plan.requests[place].state == PLANNED_WAITING)
			consider_request(sweep, place);
		if (sweep->is_done)
			return;
	}

	/* what was dropped may have been the last of its round */
	place = sweep->plan.request_count;
	advance(sweep);
	if (sweep->plan.request_count > place)
		wake_by(sweep, 0);
}

/* Notes the rows of a board and drops those that are not wanted. */
static void
keep_open_rows(Sweep *sweep, Board *board, SweepSourceCounts *of_source)
{
	SweepPlan  *plan = &sweep->plan;
	int64_t		answered = sweep->counts.answered;
	size_t		kept = 0;
	size_t		place;
	size_t		i;

	for (i = 0; i < board->count; i++)
	{
		place = sweep_plan_find_open(plan, board->quotes[i].ticker);
		if (place == plan->count)
			continue;
		plan->has_row[place] = true;
		sweep->counts.answered++;
		if (kept < i)
		{
			board->quotes[kept] = board->quotes[i];
			board->listings[kept] = board->listings[i];
		}
		kept++;
	}
	board->count = kept;

	kept = 0;
	for (i = 0; i < board->refusal_count; i++)
	{
		if (board->refusals[i].ticker[0] != '\0')
		{
			place = sweep_plan_find_open(plan, board->refusals[i].ticker);
			if (place == plan->count)
			{
				free(board->refusals[i].row);
				continue;
			}
			plan->has_row[place] = true;
			sweep->counts.answered++;
		}
		sweep->counts.refused++;
		if (kept < i)
			board->refusals[kept] = board->refusals[i];
		kept++;
	}
	board->refusal_count = kept;
	of_source->answered += sweep->counts.answered - answered;
}

static void
take_board(Sweep *sweep, PlannedRequest *request, const HttpResponse *response,
		   Board *board)
{
	SweepSourceCounts *of_source = &sweep->of_source[request->source];

	breaker_succeed(breaker_of(sweep, request->source), request->era,
					http_clock_ms());
	of_source->boards++;
	of_source->answered_at = response->received_at;
	keep_open_rows(sweep, board, of_source);
	sweep_plan_answered(&sweep->plan, request);
	advance(sweep);
}

bool
sweep_take(Sweep *sweep, HttpResponse *response, Board *board,
		   const SourceProvider **provider)
{
	uint64_t	place = response->tag - sweep->first_tag;
	PlannedRequest *request;
	BreakerFailure failure = {response->fault, response->is_blocked,
	response->retry_after_ms};
	char		reason[SOURCE_ERROR_SIZE] = "";
	char		error[SOURCE_ERROR_SIZE];
	bool		is_board = false;

	if (sweep->is_done || sweep->first_tag == 0 ||
		place >= sweep->plan.request_count ||
		sweep->plan.requests[place].state != PLANNED_IN_FLIGHT)
	{
		http_response_free(response);
		return false;
	}
	request = &sweep->plan.requests[place];
	*provider = sweep->options.sources[request->source].provider;
	sweep->in_flight--;
	sweep->counts.bytes += (int64_t) response->length;
	if (response->fault != HTTP_OK)
		note_failure(sweep, request, &failure,
					 http_may_pass(response->fault, response->status),
					 response->error);
	else if (!(*provider)->read_board(response->body, response->length,
									  response->received_at, board, reason))
	{
		snprintf(error, sizeof(error),
				 "source %s answered what is no board: %.400s",
				 (*provider)->name, reason);
		failure.fault = HTTP_UNREADABLE;
		note_failure(sweep, request, &failure, true, error);
	}
	else
	{
		is_board = true;
		take_board(sweep, request, response, board);
	}
	http_response_free(response);
	return is_board;
}

bool
sweep_is_done(const Sweep *sweep)
{
	return sweep->is_done;
}

long
sweep_timeout(const Sweep *sweep)
{
	int64_t		wait = sweep->wake_at - http_clock_ms();

	if (sweep->is_done || sweep->wake_at < 0)
		return -1;
	return wait > 0 ? (long) wait : 0;
}

const SweepCounts *
sweep_counts(const Sweep *sweep)
{
	return &sweep->counts;
}

const SweepOutcome *
sweep_outcome(const Sweep *sweep)
{
	return &sweep->outcome;
}

const SweepSourceCounts *
sweep_source_counts(const Sweep *sweep, size_t source)
{
	return &sweep->of_source[source];
}

const char *
sweep_missing(const Sweep *sweep, size_t i)
{
	return i < sweep->missing_count ?
		sweep->plan.tickers[sweep->missing[i]] : NULL;
}

const char *
sweep_symbol(const Sweep *sweep, size_t i, SymbolOutcome *outcome)
{
	const SweepPlan *plan = &sweep->plan;
	bool		is_left_out = false;
	size_t		source;

	if (i >= plan->count)
		return NULL;
	for (source = 0; source < plan->source_count; source++)
		if (plan->left_out[i * SOURCES_MAX + source] > 0)
			is_left_out = true;
	*outcome = plan->has_row[i] ? SYMBOL_HAS_ROW :
		is_left_out ? SYMBOL_LEFT_OUT : SYMBOL_NOT_ANSWERED;
	return plan->tickers[i];
}

int
sweep_in_flight(const Sweep *sweep)
{
	return sweep->in_flight;
}

void
sweep_free(Sweep *sweep)
{
	size_t		i;

	if (sweep == NULL)
		return;
	abandon_all(sweep);
	for (i = 0; i < SOURCES_MAX; i++)
		free(sweep->base_urls[i]);
	sweep_plan_free(&sweep->plan);
	free(sweep->batch);
	free(sweep->missing);
	free(sweep);
}
