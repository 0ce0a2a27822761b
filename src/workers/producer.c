/*-------------------------------------------------------------------------
 *
 * producer.c
 *	  The producer worker: from the source into the outbox, and on to Kafka.
 *
 * A sweep goes
 *
 *	   IDLE --interval, start, or vnstream_sweep()--> LOOKUP --tickers--> SWEEP
 *		 ^												 |					 |
 *		 +-------------- all answered, or given up ------+-------------------+
 *
 * Each answer becomes quotes; what the rules accept and what is new is written
 * to the outbox and committed before anything of it goes to Kafka, which
 * delivery.c does beside the sweep.  Source and broker fail apart from each
 * other: while Kafka is away sweeps go on into the outbox, up to its limit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "config.h"
#include "source/sweep.h"
#include "workers/answer.h"
#include "workers/delivery.h"
#include "workers/launcher.h"
#include "workers/loop.h"
#include "workers/sweep_report.h"
#include "workers/target.h"
#include "workers/tell.h"
#include "workers/timing.h"
#include "workers/topic.h"

/* How long a list of symbols is good for. */
#define UNIVERSE_AGE_MS 86400000

#define STORE_TIMEOUT_MS 30000

typedef enum SweepPhase
{
	PHASE_IDLE,
	PHASE_LOOKUP,
	PHASE_SWEEP
} SweepPhase;

typedef struct Producer
{
	const SourceProvider *provider;
	HttpClient *http;
	SweepPhase	phase;
	TimestampTz next_sweep;
	Backoff		source_backoff;
	Backoff		store_backoff;
	uint64		requests_seen;	/* of the entry's sweep_requests */
	const char *trigger;		/* of the sweep that is due */
	bool		was_full;		/* the outbox, when last looked at */

	Universe	universe;
	TimestampTz universe_until;
	UniverseLookup *lookup;

	int64		sweep_number;
	Sweep	   *sweep;
	bool		is_swept;		/* the sweep is done, its row is not yet */
	char		sweep_error[SOURCE_ERROR_SIZE];
	int64		asked;
	int64		missing;
	SweepTotals totals;
} Producer;

static Producer producer;

static void
producer_cleanup(int code, Datum argument)
{
	delivery_end();
	if (producer.sweep != NULL)
		sweep_free(producer.sweep);
	producer.sweep = NULL;
	if (producer.lookup != NULL)
		universe_lookup_free(producer.lookup);
	producer.lookup = NULL;
	if (producer.http != NULL)
		http_client_destroy(producer.http);
	producer.http = NULL;
}

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
	return shared_budget_take(producer.provider->name, config_requests_per_minute);
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
	StoreCatalog catalog;
	int64		requested;

	store_catalog_get(&catalog);
	requested = sweep_row_requested(&catalog);
	if (requested == 0 && producer.trigger == NULL)
	{
		producer.sweep_number = 0;
		return;
	}
	producer.sweep_number = sweep_row_begin(&catalog, requested, producer.provider->name,
											requested != 0 ? "request" : producer.trigger);
}

static void
note_asked(void *argument)
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	sweep_row_asked(&catalog, producer.sweep_number, producer.universe.count);
}

static void
end_row(void *argument)
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	sweep_row_end(&catalog, producer.sweep_number, producer.asked, producer.missing,
				  producer.sweep_error[0] != '\0' ? producer.sweep_error : NULL,
				  &producer.totals);
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
				 producer.provider->name, error);
	backoff_fail(&producer.source_backoff, retry_after_ms);
}

/*
 * The sweep is over, well or not: end its row, plan the next.
 */
static void
finish_sweep(void)
{
	StoreError	error;

	if (!backoff_is_over(&producer.store_backoff))
		return;
	(void) store_transaction(end_row, NULL, "ending a sweep", STORE_TIMEOUT_MS, &error);
	if (worker_store_failed(&error, &producer.store_backoff))
		return;
	sweep_report(producer.sweep_number, producer.asked, producer.missing,
				 &producer.totals, producer.sweep_error);
	if (producer.sweep != NULL)
		sweep_free(producer.sweep);
	producer.sweep = NULL;
	producer.is_swept = false;
	producer.phase = PHASE_IDLE;
	ConditionVariableBroadcast(&shared_state->changed);
}

static void
conclude_sweep(int64 asked, int64 missing, const char *error)
{
	producer.asked = asked;
	producer.missing = missing;
	strlcpy(producer.sweep_error, error, sizeof(producer.sweep_error));
	producer.is_swept = true;
	finish_sweep();
}

static void
begin_asking(void)
{
	SweepOptions options;
	StoreError	error;

	memset(&options, 0, sizeof(options));
	options.provider = producer.provider;
	options.base_url = config_vci_url;
	options.symbols_per_request = config_symbols_per_request;
	options.requests_in_flight = config_requests_in_flight;
	options.may_request = may_request;
	producer.sweep = sweep_begin(&options, &producer.universe);
	if (producer.sweep == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	producer.phase = PHASE_SWEEP;

	/* so that the row says what is missing also when the sweep is interrupted */
	(void) store_transaction(note_asked, NULL, "asking the source", STORE_TIMEOUT_MS, &error);
	(void) worker_store_failed(&error, &producer.store_backoff);
}

/*
 * Begin the sweep of producer.trigger, or one that was requested.  False where
 * there is neither.
 */
static bool
begin_sweep(void)
{
	StoreError	error;
	char		text[SOURCE_ERROR_SIZE];

	(void) store_transaction(begin_row, NULL, "beginning a sweep", STORE_TIMEOUT_MS, &error);
	if (worker_store_failed(&error, &producer.store_backoff))
		return true;
	producer.trigger = NULL;
	if (producer.sweep_number == 0)
		return false;
	producer.next_sweep = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													  (int64) config_interval * 1000);

	if (producer.universe.count > 0 && ms_until(producer.universe_until) > 0)
	{
		begin_asking();
		return true;
	}
	producer.lookup = universe_lookup_begin(producer.provider, config_vci_url,
											config_symbols, text);
	producer.phase = PHASE_LOOKUP;
	if (producer.lookup == NULL)
	{
		note_source_failure(HTTP_OK, 0, text);
		conclude_sweep(0, 0, text);
	}
	return true;
}

/*
 * Sweeps pause while too much waits for Kafka; that is told aloud.
 */
static bool
outbox_is_full(void)
{
	bool		is_full = delivery_waiting_bytes() >= (int64) config_outbox_limit * 1024;

	if (is_full && !producer.was_full)
		worker_error(WARNING, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
					 "Check whether the brokers are up. Where there is room on the disk, raise vnstream.outbox_limit.",
					 "the outbox is full; no sweep begins until Kafka has acknowledged some of it");
	else if (!is_full && producer.was_full)
		worker_tell(EVENT_INFO, LOG, ERRCODE_SUCCESSFUL_COMPLETION,
					"the outbox has room again, sweeps go on");
	producer.was_full = is_full;
	return is_full;
}

static uint64
sweep_requests(void)
{
	uint64		requests;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	requests = worker_entry->sweep_requests;
	LWLockRelease(shared_state->lock);
	return requests;
}

/*
 * Is a sweep due, and may one begin?
 */
static void
consider_sweep(void)
{
	uint64		requests = sweep_requests();

	if (!backoff_is_over(&producer.store_backoff) || outbox_is_full())
		return;

	/*
	 * Somebody asked by vnstream_sweep(): now, also while backing off.  There
	 * may be several requests, so look until none is left.
	 */
	if (requests != producer.requests_seen)
	{
		if (!begin_sweep())
			producer.requests_seen = requests;
	}
	else if (backoff_is_over(&producer.source_backoff) && ms_until(producer.next_sweep) == 0)
	{
		if (producer.trigger == NULL)
			producer.trigger = "interval";
		(void) begin_sweep();
	}
}

static void
finish_lookup(void)
{
	HttpFault	fault;
	long		retry_after_ms;
	char		error[SOURCE_ERROR_SIZE];
	Universe	universe;

	if (universe_lookup_result(producer.lookup, &universe, &fault, &retry_after_ms, error))
	{
		universe_free(&producer.universe);
		producer.universe = universe;
		producer.universe_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
															  UNIVERSE_AGE_MS);
	}
	else
		note_source_failure(fault, retry_after_ms, error);
	universe_lookup_free(producer.lookup);
	producer.lookup = NULL;

	/*
	 * Yesterday's list is better than no quotes; but a source that refuses is
	 * left alone for as long as it wants.
	 */
	if (producer.universe.count > 0 && fault != HTTP_REFUSED && fault != HTTP_TOO_MANY)
		begin_asking();
	else
		conclude_sweep(0, 0, error);
}

static void
finish_asking(void)
{
	const SweepCounts *counts = sweep_counts(producer.sweep);
	const SweepOutcome *outcome = sweep_outcome(producer.sweep);
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
						 producer.provider->name, error);
		backoff_succeed(&producer.source_backoff);
	}
	conclude_sweep(counts->asked, missing, error);
}

/*
 * Carry the sweep on as far as it goes without waiting.
 */
static void
sweep_round(void)
{
	HttpResponse *response;

	if (producer.is_swept)
		finish_sweep();
	if (producer.phase == PHASE_IDLE)
		consider_sweep();

	/* an answer is taken when the one before is safe */
	while (answer_flush(&producer.store_backoff) && (response = http_client_take(producer.http)) != NULL)
	{
		Board		board;

		if (producer.phase == PHASE_LOOKUP)
			universe_lookup_take(producer.lookup, response);
		else if (producer.phase == PHASE_SWEEP && sweep_take(producer.sweep, response, &board))
		{
			answer_take(&board, producer.provider->name, producer.sweep_number);
			board_free(&board);
		}
	}
	if (answer_is_pending() || producer.is_swept)
		return;

	if (producer.phase == PHASE_LOOKUP)
	{
		universe_lookup_drive(producer.lookup, producer.http, may_request, NULL);
		if (universe_lookup_is_done(producer.lookup))
			finish_lookup();
	}
	if (producer.phase == PHASE_SWEEP)
	{
		sweep_drive(producer.sweep, producer.http);
		if (sweep_is_done(producer.sweep))
			finish_asking();
	}
}

static void
tell_state(void)
{
	char		when[CLOCK_TEXT_SIZE];

	clock_text(Max(producer.next_sweep, producer.source_backoff.until), when);

	if (!backoff_is_over(&producer.store_backoff))
		worker_back_off(producer.store_backoff.until, "the database");
	else if (delivery_store_is_failing())
		worker_back_off(delivery_retry_at(), "the database");
	else if (outbox_is_full())
		worker_set_state(WORKER_FAILED, "the broker: the outbox is full, sweeps pause");
	else if (delivery_is_failing())
		worker_back_off(delivery_retry_at(), "the broker; %lld messages in the outbox",
						(long long) delivery_waiting());
	else if (producer.source_backoff.failures > 0 && producer.phase == PHASE_IDLE)
		worker_set_state(WORKER_BACKING_OFF, "the source; next sweep at %s", when);
	else if (producer.source_backoff.failures > 0)
		worker_set_state(WORKER_BACKING_OFF, "the source: trying again");
	else if (producer.phase == PHASE_IDLE)
		worker_set_state(WORKER_RUNNING, "next sweep at %s", when);
	else
		worker_set_state(WORKER_RUNNING, "answers of the source");
}

static void
producer_wait(void)
{
	WaitSource	sources[HTTP_MAX_SOCKETS + 2];
	int			http_count = sockets_of_http(producer.http, sources);
	int			count;
	long		timeout;

	memset(&sources[http_count], 0, 2 * sizeof(WaitSource));
	count = http_count + delivery_sources(&sources[http_count]);

	timeout = sooner(http_client_timeout(producer.http), delivery_timeout());
	if (answer_is_pending() || producer.is_swept)
		timeout = sooner(timeout, backoff_remaining(&producer.store_backoff));
	else if (producer.phase == PHASE_SWEEP)
		timeout = sooner(timeout, sweep_timeout(producer.sweep));
	else if (producer.phase == PHASE_LOOKUP)
		timeout = sooner(timeout, universe_lookup_timeout(producer.lookup));
	else if (!outbox_is_full())
	{
		long		idle = Max(ms_until(producer.next_sweep),
							   backoff_remaining(&producer.source_backoff));

		if (sweep_requests() != producer.requests_seen)
			idle = 0;
		timeout = sooner(timeout, Max(idle, backoff_remaining(&producer.store_backoff)));
	}
	worker_wait(sources, count, timeout);
	sockets_drive_http(producer.http, sources, http_count);
}

/*
 * Settings that the running producer takes over, and those that it does not.
 */
static void
apply_settings(const char *fixed)
{
	HttpOptions options = http_options();
	char		error[SOURCE_ERROR_SIZE];
	char	   *now = psprintf("%s %s %s %s %s", config_brokers, config_topic, config_sources,
							   config_vci_url, config_node_name);
	bool		same = strcmp(now, fixed) == 0;

	pfree(now);
	if (!same || worker_broker_file_changed())
		worker_restart("where to read from or publish to has changed");
	if (!http_client_reconfigure(producer.http, &options, error))
		worker_error(LOG, ERRCODE_CONFIG_FILE_ERROR, NULL, "%s", error);
	/* vnstream.symbols may have changed */
	producer.universe_until = 0;
	producer.next_sweep = Min(producer.next_sweep,
							  TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
														  (int64) config_interval * 1000));
}

void
producer_main(void)
{
	HttpOptions options;
	char		text[SOURCE_ERROR_SIZE];
	StoreError	error;
	char	   *fixed;

	MemoryContextSwitchTo(AllocSetContextCreate(TopMemoryContext, "vnstream producer",
												ALLOCSET_DEFAULT_SIZES));
	answer_begin();
	before_shmem_exit(producer_cleanup, 0);

	while (!target_claim())
	{
		worker_wait(NULL, 0, -1);
		if (worker_is_to_end())
			return;
	}

	/* only now: a reload may have come while that was waited for */
	fixed = psprintf("%s %s %s %s %s", config_brokers, config_topic, config_sources,
					 config_vci_url, config_node_name);
	options = http_options();
	producer.provider = source_find(config_sources);
	producer.http = http_client_create(&options, text);
	if (producer.provider == NULL || producer.http == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("could not set up the source \"%s\": %s", config_sources,
						producer.provider == NULL ? "it does not exist" : text),
				 errhint("Check vnstream.sources, vnstream.user_agent and vnstream.http_headers.")));

	timing_begin(true);
	delivery_begin();
	(void) store_transaction(close_interrupted, NULL, "ending interrupted sweeps",
							 STORE_TIMEOUT_MS, &error);
	(void) worker_store_failed(&error, &producer.store_backoff);

	producer.trigger = "start";
	/* requests may have come before there was an entry to count them in */
	producer.requests_seen = PG_UINT64_MAX;
	while (!worker_is_to_end())
	{
		if (worker_reloaded())
			apply_settings(fixed);
		sweep_round();
		delivery_round();
		tell_state();
		producer_wait();
	}
	worker_set_state(WORKER_STOPPING, "acknowledgements");
	delivery_drain();
	producer_cleanup(0, 0);

	/* what the source had not answered by now is not asked again */
	(void) store_transaction(close_interrupted, NULL, "ending interrupted sweeps",
							 STORE_TIMEOUT_MS, &error);
}
