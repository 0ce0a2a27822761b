/*-------------------------------------------------------------------------
 *
 * sweep.c
 *	  One pass over all symbols of a source.
 *
 * There are two rounds.  The first asks for every symbol once.  The second
 * begins when every request of the first has ended, and asks once more for
 * what has no row by then:
 *
 *	- the symbols that answers left out, regrouped into full requests
 *	- after them the requests that failed in a way that may pass, each on its
 *	  own again, so that a symbol that breaks its request breaks no other
 *
 * A request that failed in a way that will not pass (400, too large) is not
 * repeated.  What has no row after the second round is missing.
 *
 * Failures in the first round put off the second by a fraction of a second.
 *
 *-------------------------------------------------------------------------
 */
#include "source/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many failed requests without a good one between them end a sweep. */
#define FAILURES_TO_GIVE_UP 3

typedef enum RequestState
{
	REQUEST_WAITING,
	REQUEST_IN_FLIGHT,
	REQUEST_ANSWERED,
	REQUEST_FAILED_PASSING,		/* worth repeating */
	REQUEST_FAILED
} RequestState;

typedef struct SweepRequest
{
	RequestState state;
	size_t		first;			/* in Sweep.asked */
	size_t		count;
} SweepRequest;

struct Sweep
{
	SweepOptions options;
	char	   *base_url;
	SweepCounts counts;
	SweepOutcome outcome;

	/* The universe in the order of its bytes, each ticker once. */
	char		(*tickers)[TICKER_MAX + 1];
	size_t		count;
	bool	   *has_row;
	bool	   *is_left_out;	/* by a good answer; filled at the end */

	/* Places in tickers[]: all for the first round, some for the second. */
	size_t	   *asked;
	size_t		asked_count;
	char		(*batch)[TICKER_MAX + 1];	/* tickers of one request */

	SweepRequest *requests;
	size_t		request_count;
	size_t		next;			/* the first that is waiting */
	bool		is_second_round;
	int			in_flight;
	int			failures_in_row;
	int64_t		not_before;		/* ms, http_clock_ms() */
	bool		waits_for_room;

	HttpClient *client;			/* of the last drive */
	uint64_t	first_tag;		/* 0: none reserved yet */
	size_t	   *missing;		/* places in tickers[], filled at the end */
	size_t		missing_count;
	bool		is_done;
};

static int
compare_tickers(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
copy_universe(Sweep *sweep, const Universe *universe)
{
	size_t		i;

	memcpy(sweep->tickers, universe->tickers,
		   universe->count * sizeof(*sweep->tickers));
	qsort(sweep->tickers, universe->count, sizeof(*sweep->tickers),
		  compare_tickers);
	for (i = 0; i < universe->count; i++)
	{
		if (sweep->count > 0 &&
			strcmp(sweep->tickers[i], sweep->tickers[sweep->count - 1]) == 0)
			continue;
		if (sweep->count < i)
			memcpy(sweep->tickers[sweep->count], sweep->tickers[i],
				   sizeof(*sweep->tickers));
		sweep->count++;
	}
}

/* Requests for asked[first .. asked_count), as full as they may be. */
static void
plan_requests(Sweep *sweep, size_t first)
{
	while (first < sweep->asked_count)
	{
		SweepRequest *request = &sweep->requests[sweep->request_count++];
		size_t		left = sweep->asked_count - first;

		request->state = REQUEST_WAITING;
		request->first = first;
		request->count = left < sweep->options.symbols_per_request ?
			left : sweep->options.symbols_per_request;
		first += request->count;
	}
}

/* What of a request of the first round has no row yet is asked again. */
static void
ask_again(Sweep *sweep, const SweepRequest *request)
{
	size_t		i;

	for (i = 0; i < request->count; i++)
	{
		size_t		symbol = sweep->asked[request->first + i];

		if (!sweep->has_row[symbol])
			sweep->asked[sweep->asked_count++] = symbol;
	}
}

static void
plan_second_round(Sweep *sweep)
{
	size_t		first_round = sweep->request_count;
	size_t		first = sweep->asked_count;
	size_t		i;

	sweep->is_second_round = true;
	for (i = 0; i < first_round; i++)
		if (sweep->requests[i].state == REQUEST_ANSWERED)
			ask_again(sweep, &sweep->requests[i]);
	plan_requests(sweep, first);
	for (i = 0; i < first_round; i++)
	{
		if (sweep->requests[i].state != REQUEST_FAILED_PASSING)
			continue;
		first = sweep->asked_count;
		ask_again(sweep, &sweep->requests[i]);
		plan_requests(sweep, first);
		sweep->not_before = http_clock_ms() + http_repeat_delay();
	}
}

static void
finish(Sweep *sweep)
{
	size_t		i;
	size_t		j;

	for (i = 0; i < sweep->request_count; i++)
	{
		const SweepRequest *request = &sweep->requests[i];

		for (j = 0; request->state == REQUEST_ANSWERED && j < request->count; j++)
			sweep->is_left_out[sweep->asked[request->first + j]] = true;
	}
	for (i = 0; i < sweep->count; i++)
		if (!sweep->has_row[i])
			sweep->missing[sweep->missing_count++] = i;
	sweep->is_done = true;
}

/* After each request that ended. */
static void
advance(Sweep *sweep)
{
	if (sweep->in_flight > 0 || sweep->next < sweep->request_count)
		return;
	if (!sweep->is_second_round)
		plan_second_round(sweep);
	if (sweep->next == sweep->request_count)
		finish(sweep);
}

Sweep *
sweep_begin(const SweepOptions *options, const Universe *universe)
{
	Sweep	   *sweep = calloc(1, sizeof(Sweep));
	size_t		most_requests;
	size_t		i;

	if (sweep == NULL)
		return NULL;
	sweep->options = *options;
	if (sweep->options.symbols_per_request > universe->count)
		sweep->options.symbols_per_request = universe->count;
	if (sweep->options.symbols_per_request < 1)
		sweep->options.symbols_per_request = 1;
	sweep->base_url = strdup(options->base_url);
	sweep->outcome.retry_after_ms = -1;

	/*
	 * Room for everything at once, so that nothing can fail for memory later:
	 * a symbol is asked twice at most, and the second round has no more
	 * regrouped and no more repeated requests than the first has requests.
	 */
	most_requests = 3 * (universe->count / sweep->options.symbols_per_request + 1);
	sweep->tickers = calloc(universe->count + 1, sizeof(*sweep->tickers));
	sweep->has_row = calloc(universe->count + 1, sizeof(bool));
	sweep->is_left_out = calloc(universe->count + 1, sizeof(bool));
	sweep->asked = calloc(2 * universe->count + 1, sizeof(size_t));
	sweep->batch = calloc(sweep->options.symbols_per_request,
						  sizeof(*sweep->batch));
	sweep->requests = calloc(most_requests, sizeof(SweepRequest));
	sweep->missing = calloc(universe->count + 1, sizeof(size_t));
	if (sweep->base_url == NULL || sweep->tickers == NULL ||
		sweep->has_row == NULL || sweep->is_left_out == NULL ||
		sweep->asked == NULL ||
		sweep->batch == NULL || sweep->requests == NULL ||
		sweep->missing == NULL)
	{
		sweep_free(sweep);
		return NULL;
	}
	if (universe->count > 0)
		copy_universe(sweep, universe);
	for (i = 0; i < sweep->count; i++)
		sweep->asked[i] = i;
	sweep->asked_count = sweep->count;
	sweep->counts.asked = (int64_t) sweep->count;
	plan_requests(sweep, 0);
	advance(sweep);
	return sweep;
}

static void
give_up(Sweep *sweep)
{
	sweep->outcome.gave_up = true;
	http_client_cancel_all(sweep->client);
	sweep->in_flight = 0;
	finish(sweep);
}

static void
note_failure(Sweep *sweep, SweepRequest *request, HttpFault fault, bool may_pass,
			 const char *error)
{
	request->state = may_pass ? REQUEST_FAILED_PASSING : REQUEST_FAILED;
	sweep->counts.failed_requests++;
	sweep->outcome.fault = fault;
	snprintf(sweep->outcome.error, sizeof(sweep->outcome.error), "%s", error);
	if (fault == HTTP_REFUSED || fault == HTTP_TOO_MANY ||
		++sweep->failures_in_row == FAILURES_TO_GIVE_UP)
		give_up(sweep);
	else
		advance(sweep);
}

/* Starts the next request. */
static void
start_request(Sweep *sweep)
{
	size_t		place = sweep->next++;
	SweepRequest *request = &sweep->requests[place];
	SourceRequest wire = {0};
	char		error[SOURCE_ERROR_SIZE] = "out of memory";
	bool		is_started = false;
	size_t		i;

	for (i = 0; i < request->count; i++)
		memcpy(sweep->batch[i],
			   sweep->tickers[sweep->asked[request->first + i]],
			   sizeof(*sweep->batch));
	sweep->counts.requests++;
	if (sweep->options.provider->board_request(sweep->base_url,
											   (const char (*)[TICKER_MAX + 1]) sweep->batch,
											   request->count, &wire))
	{
		is_started = http_client_request(sweep->client, &wire,
										 sweep->first_tag + place, error);
		source_request_free(&wire);
	}
	if (is_started)
	{
		request->state = REQUEST_IN_FLIGHT;
		sweep->in_flight++;
	}
	else
		note_failure(sweep, request, HTTP_UNREACHABLE, false, error);
}

void
sweep_drive(Sweep *sweep, HttpClient *client)
{
	sweep->client = client;
	sweep->waits_for_room = false;
	if (sweep->first_tag == 0)
		sweep->first_tag = http_client_reserve_tags(client,
													3 * (uint64_t) sweep->request_count);
	while (!sweep->is_done && sweep->next < sweep->request_count &&
		   sweep->in_flight < sweep->options.requests_in_flight)
	{
		int64_t		now = http_clock_ms();
		long		wait = 0;

		if (!http_client_has_room(client))
		{
			sweep->waits_for_room = true;
			return;
		}
		if (now < sweep->not_before)
			return;
		if (sweep->options.may_request != NULL)
			wait = sweep->options.may_request(sweep->options.budget_context);
		if (wait > 0)
		{
			sweep->not_before = now + wait;
			return;
		}
		start_request(sweep);
	}
}

/* Place of a ticker that was asked and has no row yet, or sweep->count. */
static size_t
find_open(const Sweep *sweep, const char *ticker)
{
	const char	(*found)[TICKER_MAX + 1] =
		bsearch(ticker, sweep->tickers, sweep->count, sizeof(*sweep->tickers),
				compare_tickers);
	size_t		place;

	if (found == NULL)
		return sweep->count;
	place = (size_t) (found - (const char (*)[TICKER_MAX + 1]) sweep->tickers);
	return sweep->has_row[place] ? sweep->count : place;
}

/* Notes the rows of a board and drops those that are not wanted. */
static void
keep_open_rows(Sweep *sweep, Board *board)
{
	size_t		kept = 0;
	size_t		place;
	size_t		i;

	for (i = 0; i < board->count; i++)
	{
		place = find_open(sweep, board->quotes[i].ticker);
		if (place == sweep->count)
			continue;
		sweep->has_row[place] = true;
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
			place = find_open(sweep, board->refusals[i].ticker);
			if (place == sweep->count)
			{
				free(board->refusals[i].row);
				continue;
			}
			sweep->has_row[place] = true;
			sweep->counts.answered++;
		}
		sweep->counts.refused++;
		if (kept < i)
			board->refusals[kept] = board->refusals[i];
		kept++;
	}
	board->refusal_count = kept;
}

bool
sweep_take(Sweep *sweep, HttpResponse *response, Board *board)
{
	const SourceProvider *provider = sweep->options.provider;
	uint64_t	place = response->tag - sweep->first_tag;
	SweepRequest *request;
	char		reason[SOURCE_ERROR_SIZE] = "";
	char		error[SOURCE_ERROR_SIZE];
	bool		is_board = false;

	if (sweep->is_done || sweep->first_tag == 0 ||
		place >= sweep->request_count ||
		sweep->requests[place].state != REQUEST_IN_FLIGHT)
	{
		http_response_free(response);
		return false;
	}
	request = &sweep->requests[place];
	sweep->in_flight--;
	sweep->counts.bytes += (int64_t) response->length;
	if (response->fault != HTTP_OK)
	{
		if (response->retry_after_ms >= 0)
			sweep->outcome.retry_after_ms = response->retry_after_ms;
		note_failure(sweep, request, response->fault,
					 http_may_pass(response->fault, response->status),
					 response->error);
	}
	else if (!provider->read_board(response->body, response->length,
								   response->received_at, board, reason))
	{
		snprintf(error, sizeof(error),
				 "source %s answered what is no board: %.400s",
				 provider->name, reason);
		note_failure(sweep, request, HTTP_UNREADABLE, true, error);
	}
	else
	{
		is_board = true;
		request->state = REQUEST_ANSWERED;
		sweep->failures_in_row = 0;
		keep_open_rows(sweep, board);
		advance(sweep);
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
	int64_t		wait = sweep->not_before - http_clock_ms();

	if (sweep->is_done || sweep->waits_for_room ||
		sweep->next == sweep->request_count ||
		sweep->in_flight >= sweep->options.requests_in_flight)
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

const char *
sweep_missing(const Sweep *sweep, size_t i)
{
	return i < sweep->missing_count ? sweep->tickers[sweep->missing[i]] : NULL;
}

const char *
sweep_symbol(const Sweep *sweep, size_t i, SymbolOutcome *outcome)
{
	if (i >= sweep->count)
		return NULL;
	*outcome = sweep->has_row[i] ? SYMBOL_HAS_ROW :
		sweep->is_left_out[i] ? SYMBOL_LEFT_OUT : SYMBOL_NOT_ANSWERED;
	return sweep->tickers[i];
}

int
sweep_in_flight(const Sweep *sweep)
{
	return sweep->in_flight;
}

void
sweep_free(Sweep *sweep)
{
	if (sweep == NULL)
		return;
	free(sweep->base_url);
	free(sweep->tickers);
	free(sweep->has_row);
	free(sweep->is_left_out);
	free(sweep->asked);
	free(sweep->batch);
	free(sweep->requests);
	free(sweep->missing);
	free(sweep);
}
