/*-------------------------------------------------------------------------
 *
 * backfill.c
 *	  The worker of back-fills.
 *
 * One request at a time, spread evenly: sources block who asks for charts in
 * bursts.  An answer is stored in a transaction together with the account of its
 * order, so whatever ends this process, another goes on with the same ticker.
 *
 * What is wrong with an answer, and then:
 *
 *	   the source refuses, is away, is slow, fails (5xx)	back off, ask again
 *	   the answer is of no use (4xx, HTML, too large)		ask again, thrice
 *	   thrice, and others before were of use				next ticker
 *	   thrice, and some tickers before went the same way	it is the source: back
 *															off, ask again
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "config.h"
#include "progress.h"
#include "source/bars.h"
#include "store/backfills.h"
#include "workers/backfill.h"
#include "workers/launcher.h"
#include "workers/loop.h"
#include "workers/bars_source.h"
#include "workers/http_settings.h"
#include "workers/source_rest.h"
#include "workers/tell.h"

#define STORE_TIMEOUT_MS 30000

/* Unusable answers to one question until its ticker is given up. */
#define TRIES_MAX 3
/* Tickers in a row given up until the source is to blame. */
#define GIVEN_UP_MAX 3

/* A source that refuses is left alone at least so long. */
#define REFUSED_MS 60000
/* How often it is looked whether a source is still to be left alone. */
#define REST_LOOK_MS 10000

/* Why a wait, or an order, is over. */
typedef enum Verdict
{
	GO_ON,
	ORDER_IS_CLOSED,			/* cancelled */
	WORKER_IS_TO_END
} Verdict;

typedef struct Backfill
{
	HttpClient *http;
	const SourceProvider *provider;
	MemoryContext context;		/* of the order */
	BackfillOrder order;
	bool		has_order;
	uint64		requests_seen;	/* of the entry's backfill_requests */
	TimestampTz next_request;
	Backoff		source_backoff;
	Backoff		store_backoff;
	int			given_up;		/* tickers in a row */
} Backfill;

static Backfill backfill;

static void
backfill_cleanup(int code, Datum argument)
{
	if (backfill.http != NULL)
		http_client_destroy(backfill.http);
	backfill.http = NULL;
}

static uint64
backfill_requests(void)
{
	uint64		requests;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	requests = worker_entry->backfill_requests;
	LWLockRelease(shared_state->lock);
	return requests;
}

/* ----------------------------------------------------------------
 *		Transactions
 * ----------------------------------------------------------------
 */

static void
next_order(void *argument)
{
	const SourceProvider *first = source_with_bars(false);
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	MemoryContextReset(backfill.context);
	backfill.has_order = backfill_row_next(&catalog, first != NULL ? first->name : "none",
										   backfill.context, &backfill.order);
}

static void
look_at_order(void *argument)
{
	bool	   *is_open = argument;
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	*is_open = backfill_row_is_open(&catalog, backfill.order.number);
}

/* What one answer, or giving up, leads to. */
typedef struct Outcome
{
	const char *ticker;
	int64		received_at;
	const BarList *list;		/* NULL: none */
	BackfillStep step;
	bool		is_open;
} Outcome;

static void
store_outcome(void *argument)
{
	Outcome    *outcome = argument;
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	outcome->is_open = backfill_row_is_open(&catalog, backfill.order.number);
	if (!outcome->is_open)
		return;
	if (outcome->list != NULL)
		bars_store(&catalog, outcome->ticker, backfill.order.length, backfill.provider->name,
				   outcome->received_at, outcome->list->bars, (int) outcome->list->count,
				   &outcome->step.stored);
	backfill_row_step(&catalog, backfill.order.number, &outcome->step);
}

static void
end_order(void *argument)
{
	const char *error = argument;
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	backfill_row_end(&catalog, backfill.order.number, error);
}

/* ----------------------------------------------------------------
 *		Waiting
 * ----------------------------------------------------------------
 */

static void
apply_settings(void)
{
	HttpOptions options = http_settings(1);
	char		error[SOURCE_ERROR_SIZE];

	if (!http_client_reconfigure(backfill.http, &options, error))
		worker_error(LOG, ERRCODE_CONFIG_FILE_ERROR, NULL, "%s", error);
}

/*
 * One wait, for the network too where a request is under way.
 */
static Verdict
wait_once(long timeout_ms)
{
	WaitSource	sources[HTTP_MAX_SOCKETS];
	int			count = sockets_of_http(backfill.http, sources);
	uint64		requests;

	worker_wait(sources, count, sooner(http_client_timeout(backfill.http), timeout_ms));
	sockets_drive_http(backfill.http, sources, count);
	if (worker_is_to_end())
		return WORKER_IS_TO_END;
	if (worker_reloaded())
		apply_settings();

	/* somebody asked for another one, or to cancel one: is it ours? */
	requests = backfill_requests();
	if (backfill.has_order && requests != backfill.requests_seen &&
		backoff_is_over(&backfill.store_backoff))
	{
		StoreError	error;
		bool		is_open = true;

		(void) store_transaction(look_at_order, &is_open, "looking at a back-fill",
								 STORE_TIMEOUT_MS, &error);
		if (worker_store_failed(&error, &backfill.store_backoff))
			return GO_ON;
		backfill.requests_seen = requests;
		if (!is_open)
			return ORDER_IS_CLOSED;
	}
	return GO_ON;
}

static Verdict
wait_until(TimestampTz then)
{
	Verdict		verdict = GO_ON;

	while (verdict == GO_ON && ms_until(then) > 0)
		verdict = wait_once(ms_until(then));
	return verdict;
}

/*
 * A transaction, as often as it takes.
 */
static Verdict
do_in_store(StoreWork work, void *argument, const char *activity)
{
	for (;;)
	{
		StoreError	error;
		Verdict		verdict;

		(void) store_transaction(work, argument, activity, STORE_TIMEOUT_MS, &error);
		if (!worker_store_failed(&error, &backfill.store_backoff))
			return GO_ON;
		if (error.outcome == STORE_DRIFT)
			worker_set_state(WORKER_FAILED, "an administrator: the tables are not as they must be");
		else
			worker_back_off(backfill.store_backoff.until, "the database");
		verdict = wait_until(backfill.store_backoff.until);
		if (verdict != GO_ON)
			return verdict;
	}
}

static void
tell_work(const char *what)
{
	worker_set_state(WORKER_RUNNING, "%s; back-fill " INT64_FORMAT ", %d of %d tickers done",
					 what, backfill.order.number, backfill.order.done, backfill.order.total);
}

/*
 * Until a request may go: the source's rest, its turn in the budget, and an even
 * pace.
 */
static Verdict
wait_for_turn(void)
{
	int			limit = Max(config_requests_per_minute / BACKFILL_SHARE, 1);
	Verdict		verdict;
	long		wait;

	if (!backoff_is_over(&backfill.source_backoff))
	{
		worker_back_off(backfill.source_backoff.until, "source %s; back-fill " INT64_FORMAT,
						backfill.provider->name, backfill.order.number);
		verdict = wait_until(backfill.source_backoff.until);
		if (verdict != GO_ON)
			return verdict;
	}
	verdict = wait_until(backfill.next_request);
	/* others may end it before its time */
	while (verdict == GO_ON && (wait = source_rest_left(backfill.provider)) > 0)
	{
		worker_back_off(TimestampTzPlusMilliseconds(GetCurrentTimestamp(), wait),
						"source %s, which is left alone; back-fill " INT64_FORMAT,
						backfill.provider->name, backfill.order.number);
		verdict = wait_until(TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
														 Min(wait, REST_LOOK_MS)));
	}
	while (verdict == GO_ON && (wait = shared_budget_take(backfill.provider->name, limit)) > 0)
	{
		tell_work("its turn: sweeps go first");
		verdict = wait_until(TimestampTzPlusMilliseconds(GetCurrentTimestamp(), Min(wait, 1000)));
	}
	backfill.next_request = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), 60000 / limit);
	return verdict;
}

/* ----------------------------------------------------------------
 *		Asking
 * ----------------------------------------------------------------
 */

/*
 * One request and its response.  *response is NULL unless the verdict is to go on.
 */
static Verdict
ask(const BarWindow *window, HttpResponse **response)
{
	SourceRequest request;
	char		error[SOURCE_ERROR_SIZE];
	Verdict		verdict = wait_for_turn();
	bool		is_started;

	*response = NULL;
	if (verdict != GO_ON)
		return verdict;
	if (!backfill.provider->bars_request(config_source_url(backfill.provider->name), window,
										 &request))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	is_started = http_client_request(backfill.http, &request, 0, error);
	source_request_free(&request);
	if (!is_started)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("could not ask source \"%s\": %s", backfill.provider->name, error),
				 errhint("Check the source's URL in the settings.")));

	tell_work("answers of the source");
	while (verdict == GO_ON && (*response = http_client_take(backfill.http)) == NULL)
		verdict = wait_once(-1);
	if (verdict != GO_ON)
	{
		http_client_cancel_all(backfill.http);
		http_response_free(*response);
		*response = NULL;
	}
	return verdict;
}

/*
 * An answer of no use.  Answers whether its ticker is to be given up.
 */
static bool
note_failure(const HttpResponse *response, const char *ticker, const char *error, int *tries)
{
	bool		is_answer = response->fault == HTTP_OK || response->fault == HTTP_TOO_LARGE ||
		(response->fault == HTTP_STATUS && response->status < 500);
	long		at_least = Max(response->retry_after_ms, 0);

	if (response->fault == HTTP_REFUSED || response->fault == HTTP_TOO_MANY)
		at_least = Max(at_least, REFUSED_MS);
	worker_error(LOG, ERRCODE_CONNECTION_EXCEPTION,
				 response->fault == HTTP_TOO_MANY ? "Lower vnstream.requests_per_minute." :
				 response->fault == HTTP_TOO_LARGE ? "Raise vnstream.http_max_response." : NULL,
				 "source %s, bars of %s: %s", backfill.provider->name, ticker, error);
	backoff_fail(&backfill.source_backoff, at_least);
	if (is_answer)
		(*tries)++;
	return is_answer && *tries >= TRIES_MAX && backfill.given_up < GIVEN_UP_MAX;
}

/*
 * A ticker's bars, piece by piece.
 */
static Verdict
fill_ticker(const char *ticker)
{
	BarWindow	window;
	int64		found = 0;
	int			tries = 0;

	memset(&window, 0, sizeof(window));
	strlcpy(window.ticker, ticker, sizeof(window.ticker));
	window.bar = backfill.order.length;
	window.from = backfill.order.from;
	window.until = backfill.order.until;

	for (;;)
	{
		HttpResponse *response;
		Outcome		outcome;
		BarList		list;
		char		error[SOURCE_ERROR_SIZE];
		Verdict		verdict = ask(&window, &response);
		int64		next = window.until;
		bool		is_good;

		if (verdict != GO_ON)
			return verdict;
		memset(&outcome, 0, sizeof(outcome));
		outcome.ticker = ticker;
		outcome.received_at = response->received_at;
		strlcpy(error, response->error, sizeof(error));
		is_good = response->fault == HTTP_OK &&
			backfill.provider->read_bars(response->body, response->length, &window,
										 response->received_at, &list, error);
		if (is_good)
		{
			backoff_succeed(&backfill.source_backoff);
			backfill.given_up = 0;
			tries = 0;
			next = backfill.provider->bars_next(&window, &list);
			found += list.count;
			outcome.list = &list;
			outcome.step.bars = list.count;
			outcome.step.rejected = list.rejected;
			if (list.rejected > 0)
				outcome.step.error = psprintf("%s: %s", ticker, list.reason);
			outcome.step.is_done = next <= window.from;
			if (outcome.step.is_done && found == 0)
				outcome.step.empty = ticker;
		}
		else
		{
			outcome.step.error = psprintf("%s: %s", ticker, error);
			if (note_failure(response, ticker, error, &tries))
			{
				backfill.given_up++;
				outcome.step.failed = ticker;
				outcome.step.is_done = true;
			}
		}
		http_response_free(response);

		verdict = do_in_store(store_outcome, &outcome, "storing bars");
		if (is_good)
			bar_list_free(&list);
		if (outcome.step.error != NULL)
			pfree(unconstify(char *, outcome.step.error));
		if (verdict != GO_ON)
			return verdict;
		if (!outcome.is_open)
			return ORDER_IS_CLOSED;
		worker_add(outcome.step.bars, outcome.step.stored.changed);
		if (outcome.step.is_done)
			return GO_ON;
		window.until = next;
	}
}

/*
 * Ends the order, which nothing more can be done of.
 */
static Verdict
conclude(const char *error)
{
	if (error != NULL)
		worker_error(LOG, ERRCODE_INVALID_PARAMETER_VALUE, NULL,
					 "back-fill " INT64_FORMAT ": %s", backfill.order.number, error);
	else
		worker_tell(EVENT_INFO, LOG, ERRCODE_SUCCESSFUL_COMPLETION,
					"back-fill " INT64_FORMAT " is done, %d tickers: see vnstream_backfills",
					backfill.order.number, backfill.order.total);
	return do_in_store(end_order, unconstify(char *, error), "ending a back-fill");
}

static Verdict
fill_order(void)
{
	BackfillOrder *order = &backfill.order;
	char		what[PROGRESS_TEXT_SIZE];
	Verdict		verdict = GO_ON;

	backfill.provider = source_find(order->source);
	if (backfill.provider == NULL || backfill.provider->bars_request == NULL ||
		config_source_url(backfill.provider->name) == NULL)
		return conclude(psprintf("source \"%s\" has no bars", order->source));
	if (order->total == 0)
		return conclude("no symbols are known yet: name the tickers");

	worker_tell(EVENT_INFO, LOG, ERRCODE_SUCCESSFUL_COMPLETION,
				"back-fill " INT64_FORMAT " %s: %d of %d tickers to go", order->number,
				order->done > 0 ? "goes on" : "begins", order->total - order->done, order->total);
	snprintf(what, sizeof(what), "back-fill " INT64_FORMAT, order->number);
	progress_begin(what, order->total);
	progress_add(order->done);
	backfill.given_up = 0;
	while (verdict == GO_ON && order->done < order->total)
	{
		const char *ticker = order->tickers[order->done];

		verdict = fill_ticker(ticker);
		if (verdict == GO_ON)
		{
			order->done++;
			progress_add(1);
		}
	}
	progress_end();
	if (verdict == GO_ON)
		verdict = conclude(NULL);
	else if (verdict == ORDER_IS_CLOSED)
		worker_tell(EVENT_INFO, LOG, ERRCODE_SUCCESSFUL_COMPLETION,
					"back-fill " INT64_FORMAT " was cancelled", order->number);
	return verdict;
}

void
backfill_main(void)
{
	HttpOptions options = http_settings(1);
	char		text[SOURCE_ERROR_SIZE];
	Verdict		verdict = GO_ON;

	MemoryContextSwitchTo(AllocSetContextCreate(TopMemoryContext, "vnstream backfill",
												ALLOCSET_DEFAULT_SIZES));
	backfill.context = AllocSetContextCreate(CurrentMemoryContext, "vnstream backfill order",
											 ALLOCSET_DEFAULT_SIZES);
	before_shmem_exit(backfill_cleanup, 0);
	backfill.http = http_client_create(&options, text);
	if (backfill.http == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("could not set up requests to the sources: %s", text),
				 errhint("Check vnstream.user_agent and vnstream.http_headers.")));
	worker_set_state(WORKER_RUNNING, "orders");

	while (verdict != WORKER_IS_TO_END && !worker_is_to_end())
	{
		backfill.has_order = false;
		/* before looking: what comes afterwards is a reason to look again */
		backfill.requests_seen = backfill_requests();
		verdict = do_in_store(next_order, NULL, "looking for back-fills");
		if (verdict == WORKER_IS_TO_END)
			break;
		if (!backfill.has_order)
		{
			LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
			worker_entry->backfills_seen = backfill.requests_seen;
			LWLockRelease(shared_state->lock);
			break;
		}
		verdict = fill_order();
	}
	backfill_cleanup(0, 0);
}
