/*-------------------------------------------------------------------------
 *
 * sweeping.c
 *	  Sweeps, one after the other: which one goes on, and its next step.
 *
 *	   IDLE --sweeping_start()--> LOOKUP --tickers--> SWEEP
 *		^							|					|
 *		+------ all answered, or given up --------------+
 *
 * LOOKUP is a refresh of the list of symbols, where one is due.  A hot sweep goes
 * from IDLE to SWEEP, or comes in between the requests of a sweep of all, which
 * is laid aside until the hot one has ended: two never ask at the same time.
 *
 * Each answer becomes quotes; what the rules accept and what is new is written
 * to the outbox and committed before anything of it goes to Kafka.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "config.h"
#include "source/sweep.h"
#include "workers/answer.h"
#include "workers/hot.h"
#include "workers/http_settings.h"
#include "workers/sources.h"
#include "workers/sweep_report.h"
#include "workers/sweep_run.h"
#include "workers/sweeping.h"
#include "workers/symbol_book.h"
#include "workers/symbol_lookup.h"
#include "workers/symbol_refresh.h"
#include "workers/tell.h"

typedef enum SweepPhase
{
	PHASE_IDLE,
	PHASE_LOOKUP,
	PHASE_SWEEP
} SweepPhase;

typedef struct Sweeping
{
	HttpClient *http;
	SweepPhase	phase;
	Backoff		source_backoff;
	Backoff		store_backoff;
	bool		has_book;
	const char *trigger;		/* of the sweep started last, also when that has
								 * ended at once */
	SweepRun	run;
	SweepRun	paused;			/* a sweep of all, while a hot one goes on */
	bool		is_to_pause;	/* no new request: a hot one is to come in */
} Sweeping;

static Sweeping sweeping;

/* context: the provider */
static long
may_request(void *context)
{
	const SourceProvider *provider = context;

	return shared_budget_take(provider->name, sweeping.run.is_hot ?
							  config_requests_per_minute : hot_budget_of_others());
}

/*
 * A source was at fault, so that the next sweep waits.
 */
static void
note_source_failure(size_t source, HttpFault fault, const char *error)
{
	sweep_report_fault(sources_provider(source)->name, fault, error);
	backoff_fail(&sweeping.source_backoff, sources_rest());
}

/*
 * The sweep is over, well or not: end its row, and go on with one that was laid
 * aside.
 */
static void
finish_sweep(void)
{
	SweepRun   *run = &sweeping.run;

	if (!backoff_is_over(&sweeping.store_backoff) ||
		!sweep_run_end(run, &sweeping.store_backoff))
		return;
	/* every few seconds: of a hot one only its faults are news, and those have been told */
	if (run->is_hot)
		hot_ended();
	else
		sweep_report(run);
	sweep_run_free(run);
	*run = sweeping.paused;
	memset(&sweeping.paused, 0, sizeof(SweepRun));
	sweeping.phase = run->number != 0 ? PHASE_SWEEP : PHASE_IDLE;
	ConditionVariableBroadcast(&shared_state->changed);
}

static void
conclude_sweep(int64 asked, int64 missing, const char *error)
{
	sweeping.run.asked = asked;
	sweeping.run.missing = missing;
	strlcpy(sweeping.run.error, error, sizeof(sweeping.run.error));
	sweeping.run.is_swept = true;
	finish_sweep();
}

static void
begin_asking(void)
{
	SweepRun   *run = &sweeping.run;

	sweep_run_choose(run, may_request, &sweeping.store_backoff);
	sweeping.phase = PHASE_SWEEP;
	if (run->sweep == NULL)
	{
		run->is_swept = true;
		finish_sweep();
	}
}

SweepStart
sweeping_start(const char *trigger)
{
	SweepRun   *run = &sweeping.run;

	if (!sweeping.has_book)
		sweeping.has_book = refresh_begin(&sweeping.store_backoff);
	if (!sweeping.has_book ||
		!sweep_run_begin(run, trigger, &sweeping.store_backoff))
		return SWEEP_PUT_OFF;
	if (run->number == 0)
		return SWEEP_NOT_WANTED;
	sweeping.trigger = run->trigger;

	if (run->is_requested)
		sources_try_now();
	if (!run->is_hot && symbol_lookup_is_due() &&
		symbol_lookup_start(false, &sweeping.store_backoff))
		sweeping.phase = PHASE_LOOKUP;
	else
		begin_asking();
	return SWEEP_STARTED;
}

bool
sweeping_start_refresh(void)
{
	if (!sweeping.has_book)
		sweeping.has_book = refresh_begin(&sweeping.store_backoff);
	/* that somebody wants the sources tried must be so */
	if (!sweeping.has_book || !refresh_has_request(&sweeping.store_backoff) ||
		!symbol_lookup_start(true, &sweeping.store_backoff))
		return false;
	sweeping.phase = PHASE_LOOKUP;
	return true;
}

bool
sweeping_start_hot(void)
{
	SweepRun   *run = &sweeping.run;

	/* what waits for an answer, or for the database, is not laid aside */
	if (sweeping.phase == PHASE_LOOKUP || run->is_hot || run->is_swept ||
		answer_is_pending())
		return false;
	if (sweeping.phase == PHASE_SWEEP && sweep_in_flight(run->sweep) > 0)
	{
		sweeping.is_to_pause = true;
		return false;
	}
	if (!sweep_run_has_hot_symbols())
	{
		hot_started(1);
		return false;
	}
	sweeping.paused = *run;
	if (sweeping_start(HOT_TRIGGER) == SWEEP_STARTED)
		return true;
	*run = sweeping.paused;
	memset(&sweeping.paused, 0, sizeof(SweepRun));
	return false;
}

static void
finish_lookup(void)
{
	size_t		source;
	HttpFault	fault;
	char		error[SOURCE_ERROR_SIZE];

	if (!symbol_lookup_finish(&sweeping.store_backoff, &source, &fault, error))
		return;
	if (error[0] != '\0')
		note_source_failure(source, fault, error);
	sweeping.phase = PHASE_IDLE;
	if (sweeping.run.number == 0)
		return;

	/*
	 * Yesterday's list is better than no quotes; but a source that refuses is
	 * left alone for as long as it wants.
	 */
	strlcpy(sweeping.run.error, error, sizeof(sweeping.run.error));
	if (sources_rest() > 0)
		conclude_sweep(0, 0, error);
	else
		begin_asking();
}

static void
finish_asking(void)
{
	const SweepCounts *counts = sweep_counts(sweeping.run.sweep);
	const SweepOutcome *outcome = sweep_outcome(sweeping.run.sweep);
	int64		missing = counts->asked - counts->answered;
	char		error[SOURCE_ERROR_SIZE];

	strlcpy(error, outcome->error, sizeof(error));
	if (error[0] == '\0' && counts->answered == 0 && counts->asked > 0)
		snprintf(error, sizeof(error), "none of the " INT64_FORMAT " symbols was answered",
				 counts->asked);

	/* it was not asked at all: what keeps it from that is news to who looks now */
	if (outcome->gave_up && outcome->fault == HTTP_OK)
		sources_why_resting(error);
	if (outcome->gave_up || (counts->answered == 0 && counts->asked > 0))
		note_source_failure(outcome->source, outcome->fault, error);
	else
	{
		if (error[0] != '\0')
			worker_error(LOG, ERRCODE_CONNECTION_EXCEPTION, NULL, "source %s: %s",
						 sources_provider(outcome->source)->name, error);
		backoff_succeed(&sweeping.source_backoff);
	}
	symbol_book_note_sweep(sweeping.run.sweep, !sweeping.run.is_hot);
	conclude_sweep(counts->asked, missing, error[0] != '\0' ? error : sweeping.run.note);
}

bool
sweeping_round(void)
{
	HttpResponse *response;

	if (sweeping.run.is_swept)
		finish_sweep();

	/* an answer is taken when the one before is safe */
	while (answer_flush(&sweeping.store_backoff) &&
		   (response = http_client_take(sweeping.http)) != NULL)
	{
		const SourceProvider *provider;
		Board		board;

		if (sweeping.phase == PHASE_LOOKUP)
			refresh_take(response);
		else if (sweeping.phase == PHASE_SWEEP && sweep_take(sweeping.run.sweep, response, &board, &provider))
		{
			symbol_book_note_board(&board, provider == sources_provider(0));
			answer_take(&board, provider->name, sweeping.run.number,
						sweeping.run.is_closing);
			board_free(&board);
		}
	}
	if (answer_is_pending() || sweeping.run.is_swept)
		return false;

	if (sweeping.phase == PHASE_LOOKUP && symbol_lookup_drive(sweeping.http, may_request))
		finish_lookup();
	if (sweeping.phase == PHASE_SWEEP && !sweeping.run.is_swept)
	{
		sources_learn();
		if (!sweeping.is_to_pause)
			sweep_drive(sweeping.run.sweep, sweeping.http);
		sources_tell(sweeping.run.sweep);
		if (sweep_is_done(sweeping.run.sweep))
			finish_asking();
	}
	sweeping.is_to_pause = false;
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

	if (answer_is_pending() || sweeping.run.is_swept)
		return sooner(timeout, backoff_remaining(&sweeping.store_backoff));
	if (sweeping.phase == PHASE_SWEEP && !sweeping.is_to_pause)
		return sooner(timeout, sweep_timeout(sweeping.run.sweep));
	if (sweeping.phase == PHASE_LOOKUP)
		return sooner(timeout, refresh_timeout());
	return timeout;
}

void
sweeping_begin(void)
{
	HttpOptions options = http_settings(config_requests_in_flight);
	char		text[SOURCE_ERROR_SIZE];

	if (sources_begin(text))
		sweeping.http = http_client_create(&options, text);
	if (sweeping.http == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("could not set up the sources \"%s\": %s", config_sources, text),
				 errhint("Check vnstream.sources, vnstream.user_agent and vnstream.http_headers.")));
	sweep_runs_interrupt(&sweeping.store_backoff);
	symbol_book_begin();
	hot_reconfigure();
	sweeping.has_book = refresh_begin(&sweeping.store_backoff);
}

void
sweeping_reconfigure(void)
{
	HttpOptions options = http_settings(config_requests_in_flight);
	char		error[SOURCE_ERROR_SIZE];

	if (!http_client_reconfigure(sweeping.http, &options, error))
		worker_error(LOG, ERRCODE_CONFIG_FILE_ERROR, NULL, "%s", error);
	hot_reconfigure();
	refresh_reconfigure();
}

void
sweeping_release(void)
{
	sweep_run_free(&sweeping.run);
	sweep_run_free(&sweeping.paused);
	refresh_release();
	if (sweeping.http != NULL)
		http_client_destroy(sweeping.http);
	sweeping.http = NULL;
}

void
sweeping_end(void)
{
	sweeping_release();
	sweep_runs_interrupt(&sweeping.store_backoff);
}
