/*-------------------------------------------------------------------------
 *
 * sweeping.c
 *	  One sweep, from the beginning of its row to the end of it.
 *
 *	   IDLE --sweeping_start()--> LOOKUP --tickers--> SWEEP
 *		^							|					|
 *		+------ all answered, or given up --------------+
 *
 * Each answer becomes quotes; what the rules accept and what is new is written
 * to the outbox and committed before anything of it goes to Kafka.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "config.h"
#include "market/schedule.h"
#include "source/probe_symbols.h"
#include "source/sweep.h"
#include "store/outbox.h"
#include "workers/answer.h"
#include "workers/sweep_report.h"
#include "workers/sweeping.h"

/* How long a list of symbols is good for. */
#define UNIVERSE_AGE_MS 86400000

#define STORE_TIMEOUT_MS 30000

typedef enum SweepPhase
{
	PHASE_IDLE,
	PHASE_LOOKUP,
	PHASE_SWEEP
} SweepPhase;

typedef struct Sweeping
{
	const SourceProvider *provider;
	HttpClient *http;
	SweepPhase	phase;
	Backoff		source_backoff;
	Backoff		store_backoff;

	Universe	universe;
	TimestampTz universe_until;
	UniverseLookup *lookup;

	int64		sweep_number;
	const char *trigger;
	Sweep	   *sweep;
	bool		is_swept;		/* the sweep is done, its row is not yet */
	char		sweep_error[SOURCE_ERROR_SIZE];
	int64		asked;
	int64		missing;
	SweepTotals totals;
} Sweeping;

static Sweeping sweeping;

static HttpOptions
http_options(void)
{
	HttpOptions options;

	memset(&options, 0, sizeof(options));
	options.user_agent = config_user_agent;
	options.headers = config_http_headers;
	options.timeout_ms = config_http_timeout;
	options.max_response = (size_t) config_http_max_response * 1024;
	options.allow_insecure = config_allow_insecure_source;
	options.max_in_flight = config_requests_in_flight;
	return options;
}

static long
may_request(void *context)
{
	return shared_budget_take(sweeping.provider->name, config_requests_per_minute);
}

/*
 * Rows of vnstream_sweeps, in store_transaction().
 */
static void
close_interrupted(void *argument)
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	(void) sweep_rows_interrupt(&catalog);
}

static void
begin_row(void *argument)
{
	const char *trigger = argument;
	StoreCatalog catalog;
	int64		requested;

	store_catalog_get(&catalog);
	requested = sweep_row_requested(&catalog);
	if (requested == 0 && trigger == NULL)
	{
		sweeping.sweep_number = 0;
		return;
	}
	sweeping.trigger = requested != 0 ? "request" : trigger;
	sweeping.sweep_number = sweep_row_begin(&catalog, requested, sweeping.provider->name,
											sweeping.trigger);
}

static void
note_asked(void *argument)
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	sweep_row_asked(&catalog, sweeping.sweep_number, sweeping.asked);
}

static void
end_row(void *argument)
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	sweep_row_end(&catalog, sweeping.sweep_number, sweeping.asked, sweeping.missing,
				  sweeping.sweep_error[0] != '\0' ? sweeping.sweep_error : NULL,
				  &sweeping.totals);
}

/*
 * A sweep that failed: what the next one waits for.
 */
static void
note_source_failure(HttpFault fault, long retry_after_ms, const char *error)
{
	const char *hint = NULL;

	switch (fault)
	{
		case HTTP_TOO_MANY:
			hint = "Lower vnstream.requests_per_minute, or raise vnstream.interval.";
			break;
		case HTTP_REFUSED:
			hint = "The source may refuse this address; check vnstream.vci_url, vnstream.user_agent and vnstream.http_headers.";
			break;
		case HTTP_TOO_LARGE:
			hint = "Raise vnstream.http_max_response, or lower vnstream.symbols_per_request.";
			break;
		case HTTP_TIMED_OUT:
			hint = "Raise vnstream.http_timeout, or lower vnstream.symbols_per_request.";
			break;
		default:
			break;
	}
	worker_error(LOG, ERRCODE_CONNECTION_EXCEPTION, hint, "source %s: %s",
				 sweeping.provider->name, error);
	backoff_fail(&sweeping.source_backoff, retry_after_ms);
}

/*
 * The sweep is over, well or not: end its row, plan the next.
 */
static void
finish_sweep(void)
{
	StoreError	error;

	if (!backoff_is_over(&sweeping.store_backoff))
		return;
	(void) store_transaction(end_row, NULL, "ending a sweep", STORE_TIMEOUT_MS, &error);
	if (worker_store_failed(&error, &sweeping.store_backoff))
		return;
	sweep_report(sweeping.sweep_number, sweeping.asked, sweeping.missing,
				 &sweeping.totals, sweeping.sweep_error);
	if (sweeping.sweep != NULL)
		sweep_free(sweeping.sweep);
	sweeping.sweep = NULL;
	sweeping.is_swept = false;
	sweeping.phase = PHASE_IDLE;
	ConditionVariableBroadcast(&shared_state->changed);
}

static void
conclude_sweep(int64 asked, int64 missing, const char *error)
{
	sweeping.asked = asked;
	sweeping.missing = missing;
	strlcpy(sweeping.sweep_error, error, sizeof(sweeping.sweep_error));
	sweeping.is_swept = true;
	finish_sweep();
}

static bool
is_for(SweepReason reason)
{
	return strcmp(sweeping.trigger, sweep_reason_name(reason)) == 0;
}

static void
begin_asking(void)
{
	SweepOptions options;
	StoreError	error;
	Universe	few = {NULL, 0};
	const Universe *universe = &sweeping.universe;

	if (is_for(SWEEP_AS_PROBE))
	{
		if (!probe_symbols(universe, &few))
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
		universe = &few;
	}

	memset(&options, 0, sizeof(options));
	options.provider = sweeping.provider;
	options.base_url = config_vci_url;
	options.symbols_per_request = config_symbols_per_request;
	options.requests_in_flight = config_requests_in_flight;
	options.may_request = may_request;
	sweeping.sweep = sweep_begin(&options, universe);
	sweeping.asked = (int64) universe->count;
	universe_free(&few);
	if (sweeping.sweep == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	sweeping.phase = PHASE_SWEEP;

	/* so that the row says what is missing also when the sweep is interrupted */
	(void) store_transaction(note_asked, NULL, "asking the source", STORE_TIMEOUT_MS, &error);
	(void) worker_store_failed(&error, &sweeping.store_backoff);
}

SweepStart
sweeping_start(const char *trigger)
{
	StoreError	error;
	char		text[SOURCE_ERROR_SIZE];

	(void) store_transaction(begin_row, unconstify(char *, trigger), "beginning a sweep",
							 STORE_TIMEOUT_MS, &error);
	if (worker_store_failed(&error, &sweeping.store_backoff))
		return SWEEP_PUT_OFF;
	if (sweeping.sweep_number == 0)
		return SWEEP_NOT_WANTED;

	if (sweeping.universe.count > 0 && ms_until(sweeping.universe_until) > 0)
	{
		begin_asking();
		return SWEEP_STARTED;
	}
	sweeping.lookup = universe_lookup_begin(sweeping.provider, config_vci_url,
											config_symbols, text);
	sweeping.phase = PHASE_LOOKUP;
	if (sweeping.lookup == NULL)
	{
		note_source_failure(HTTP_OK, 0, text);
		conclude_sweep(0, 0, text);
	}
	return SWEEP_STARTED;
}

static void
finish_lookup(void)
{
	HttpFault	fault;
	long		retry_after_ms;
	char		error[SOURCE_ERROR_SIZE];
	Universe	universe;

	if (universe_lookup_result(sweeping.lookup, &universe, &fault, &retry_after_ms, error))
	{
		universe_free(&sweeping.universe);
		sweeping.universe = universe;
		sweeping.universe_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
															  UNIVERSE_AGE_MS);
	}
	else
		note_source_failure(fault, retry_after_ms, error);
	universe_lookup_free(sweeping.lookup);
	sweeping.lookup = NULL;

	/*
	 * Yesterday's list is better than no quotes; but a source that refuses is
	 * left alone for as long as it wants.
	 */
	if (sweeping.universe.count > 0 && fault != HTTP_REFUSED && fault != HTTP_TOO_MANY)
		begin_asking();
	else
		conclude_sweep(0, 0, error);
}

static void
finish_asking(void)
{
	const SweepCounts *counts = sweep_counts(sweeping.sweep);
	const SweepOutcome *outcome = sweep_outcome(sweeping.sweep);
	int64		missing = counts->asked - counts->answered;
	char		error[SOURCE_ERROR_SIZE];

	strlcpy(error, outcome->error, sizeof(error));
	if (error[0] == '\0' && counts->answered == 0 && counts->asked > 0)
		snprintf(error, sizeof(error), "none of the " INT64_FORMAT " symbols was answered",
				 counts->asked);

	if (outcome->gave_up || (counts->answered == 0 && counts->asked > 0))
		note_source_failure(outcome->fault, Max(outcome->retry_after_ms, 0), error);
	else
	{
		if (error[0] != '\0')
			worker_error(LOG, ERRCODE_CONNECTION_EXCEPTION, NULL, "source %s: %s",
						 sweeping.provider->name, error);
		backoff_succeed(&sweeping.source_backoff);
	}
	conclude_sweep(counts->asked, missing, error);
}

bool
sweeping_round(void)
{
	HttpResponse *response;

	if (sweeping.is_swept)
		finish_sweep();

	/* an answer is taken when the one before is safe */
	while (answer_flush(&sweeping.store_backoff) &&
		   (response = http_client_take(sweeping.http)) != NULL)
	{
		Board		board;

		if (sweeping.phase == PHASE_LOOKUP)
			universe_lookup_take(sweeping.lookup, response);
		else if (sweeping.phase == PHASE_SWEEP && sweep_take(sweeping.sweep, response, &board))
		{
			answer_take(&board, sweeping.provider->name, sweeping.sweep_number,
						is_for(SWEEP_AT_CLOSING));
			board_free(&board);
		}
	}
	if (answer_is_pending() || sweeping.is_swept)
		return false;

	if (sweeping.phase == PHASE_LOOKUP)
	{
		universe_lookup_drive(sweeping.lookup, sweeping.http, may_request, NULL);
		if (universe_lookup_is_done(sweeping.lookup))
			finish_lookup();
	}
	if (sweeping.phase == PHASE_SWEEP)
	{
		sweep_drive(sweeping.sweep, sweeping.http);
		if (sweep_is_done(sweeping.sweep))
			finish_asking();
	}
	return sweeping.phase == PHASE_IDLE;
}

bool
sweeping_is_idle(void)
{
	return sweeping.phase == PHASE_IDLE;
}

const char *
sweeping_trigger(void)
{
	return sweeping.trigger;
}

const Backoff *
sweeping_source_backoff(void)
{
	return &sweeping.source_backoff;
}

const Backoff *
sweeping_store_backoff(void)
{
	return &sweeping.store_backoff;
}

int
sweeping_sources(WaitSource *sources)
{
	return sockets_of_http(sweeping.http, sources);
}

void
sweeping_drive(const WaitSource *sources, int count)
{
	sockets_drive_http(sweeping.http, sources, count);
}

long
sweeping_timeout(void)
{
	long		timeout = http_client_timeout(sweeping.http);

	if (answer_is_pending() || sweeping.is_swept)
		return sooner(timeout, backoff_remaining(&sweeping.store_backoff));
	if (sweeping.phase == PHASE_SWEEP)
		return sooner(timeout, sweep_timeout(sweeping.sweep));
	if (sweeping.phase == PHASE_LOOKUP)
		return sooner(timeout, universe_lookup_timeout(sweeping.lookup));
	return timeout;
}

/* What a process before this one has left open, or this one when it ends. */
static void
end_interrupted(void)
{
	StoreError	error;

	(void) store_transaction(close_interrupted, NULL, "ending interrupted sweeps",
							 STORE_TIMEOUT_MS, &error);
	(void) worker_store_failed(&error, &sweeping.store_backoff);
}

void
sweeping_begin(void)
{
	HttpOptions options = http_options();
	char		text[SOURCE_ERROR_SIZE];

	sweeping.provider = source_find(config_sources);
	sweeping.http = http_client_create(&options, text);
	if (sweeping.provider == NULL || sweeping.http == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("could not set up the source \"%s\": %s", config_sources,
						sweeping.provider == NULL ? "it does not exist" : text),
				 errhint("Check vnstream.sources, vnstream.user_agent and vnstream.http_headers.")));
	end_interrupted();
}

void
sweeping_reconfigure(void)
{
	HttpOptions options = http_options();
	char		error[SOURCE_ERROR_SIZE];

	if (!http_client_reconfigure(sweeping.http, &options, error))
		worker_error(LOG, ERRCODE_CONFIG_FILE_ERROR, NULL, "%s", error);
	/* vnstream.symbols may have changed */
	sweeping.universe_until = 0;
}

void
sweeping_release(void)
{
	if (sweeping.sweep != NULL)
		sweep_free(sweeping.sweep);
	sweeping.sweep = NULL;
	if (sweeping.lookup != NULL)
		universe_lookup_free(sweeping.lookup);
	sweeping.lookup = NULL;
	if (sweeping.http != NULL)
		http_client_destroy(sweeping.http);
	sweeping.http = NULL;
}

void
sweeping_end(void)
{
	sweeping_release();
	end_interrupted();
}
