/*-------------------------------------------------------------------------
 *
 * sweeping.c
 *	  One sweep, from the beginning of its row to the end of it.
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

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "config.h"
#include "market/schedule.h"
#include "source/probe_symbols.h"
#include "source/sweep.h"
#include "store/outbox.h"
#include "workers/answer.h"
#include "workers/hot.h"
#include "workers/http_settings.h"
#include "workers/sources.h"
#include "workers/sweep_report.h"
#include "workers/sweeping.h"
#include "workers/symbol_book.h"
#include "workers/symbol_refresh.h"
#include "workers/tell.h"

#define STORE_TIMEOUT_MS 30000

/* How often rows of hot sweeps are looked at for deleting. */
#define FORGET_HOT_MS 600000

/* Why a hot sweep was made, in vnstream_sweeps. */
#define HOT_TRIGGER "hot"

typedef enum SweepPhase
{
	PHASE_IDLE,
	PHASE_LOOKUP,
	PHASE_SWEEP
} SweepPhase;

/* One sweep that is under way. */
typedef struct SweepRun
{
	int64		number;			/* in vnstream_sweeps; 0: none, at most a lookup */
	const char *trigger;		/* why it is made; a constant */
	bool		is_hot;
	bool		is_requested;	/* by somebody, now */
	bool		asks_all;		/* also symbols that rest */
	Sweep	   *sweep;
	bool		is_swept;		/* the sweep is done, its row is not yet */
	char		error[SOURCE_ERROR_SIZE];
	char		note[SOURCE_ERROR_SIZE];	/* what words of the setting lack */
	int64		asked;
	int64		missing;
	SweepTotals totals;
} SweepRun;

typedef struct Sweeping
{
	HttpClient *http;
	SweepPhase	phase;
	size_t		lookup_source;	/* that the list is asked of */
	uint32		lookup_tried;	/* a bit for each that was asked for it */
	Backoff		source_backoff;
	Backoff		store_backoff;
	bool		has_book;
	const char *trigger;		/* of the sweep started last, also when that has
								 * ended at once */
	SweepRun	run;
	SweepRun	paused;			/* a sweep of all, while a hot one goes on */
	bool		is_to_pause;	/* no new request: a hot one is to come in */
	TimestampTz hot_forgotten_at;
	char		told_refused[2][SOURCE_ERROR_SIZE]; /* of symbols, of hot_symbols */
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
	requested = sweeping.run.is_hot ? 0 : sweep_row_requested(&catalog);
	if (requested == 0 && trigger == NULL)
	{
		sweeping.run.number = 0;
		return;
	}
	sweeping.run.trigger = requested != 0 ? "request" : trigger;
	/* on the clock, and of a hot sweep: what is expected to be missing is not asked */
	sweeping.run.is_requested = requested != 0;
	sweeping.run.asks_all = requested != 0 ||
		(strcmp(trigger, "interval") != 0 && !sweeping.run.is_hot);
	sweeping.run.number = sweep_row_begin(&catalog, requested, sources_provider(0)->name,
										  sweeping.run.trigger);
}

static void
note_asked(void *argument)
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	sweep_row_asked(&catalog, sweeping.run.number, sweeping.run.asked);
}

static void
end_row(void *argument)
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	sweep_row_end(&catalog, sweeping.run.number, sweeping.run.asked, sweeping.run.missing,
				  sources_of_sweep(sweeping.run.sweep),
				  sweeping.run.error[0] != '\0' ? sweeping.run.error : NULL,
				  &sweeping.run.totals);
	symbol_book_store(&catalog, sources_provider(0)->name);
	if (sweeping.run.is_hot &&
		clock_passed(sweeping.hot_forgotten_at, GetCurrentTimestamp(), FORGET_HOT_MS))
		sweep_rows_forget_hot(&catalog);
}

/*
 * A sweep that failed: what the next one waits for.
 */
static void
note_source_failure(size_t source, HttpFault fault, const char *error)
{
	const char *hint = NULL;
	char		text[200];

	switch (fault)
	{
		case HTTP_TOO_MANY:
			hint = "Lower vnstream.requests_per_minute, or raise vnstream.interval.";
			break;
		case HTTP_REFUSED:
			snprintf(text, sizeof(text),
					 "The source may refuse this address; check vnstream.%s_url, vnstream.user_agent and vnstream.http_headers.",
					 sources_provider(source)->name);
			hint = text;
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
				 sources_provider(source)->name, error);
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
	StoreError	error;

	if (!backoff_is_over(&sweeping.store_backoff))
		return;
	(void) store_transaction(end_row, NULL, "ending a sweep", STORE_TIMEOUT_MS, &error);
	if (worker_store_failed(&error, &sweeping.store_backoff))
		return;
	symbol_book_settle();
	if (run->is_hot)
	{
		/* every few seconds: only its faults are news, and those have been told */
		if (clock_passed(sweeping.hot_forgotten_at, GetCurrentTimestamp(), FORGET_HOT_MS))
			sweeping.hot_forgotten_at = GetCurrentTimestamp();
		hot_ended();
	}
	else
		sweep_report(run->number, run->asked, run->missing, &run->totals, run->error);
	if (run->sweep != NULL)
		sweep_free(run->sweep);
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

static bool
is_for(SweepReason reason)
{
	return strcmp(sweeping.run.trigger, sweep_reason_name(reason)) == 0;
}

/* All that the settings ask for: what a refresh is to bring. */
static const char *
all_settings(void)
{
	static char *text = NULL;
	MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);

	if (text != NULL)
		pfree(text);
	text = psprintf("%s%s%s", config_symbols, config_hot_symbols[0] != '\0' ? "," : "",
					config_hot_symbols);
	MemoryContextSwitchTo(before);
	return text;
}

/*
 * Symbols that are named and that no sweep asks for; told once.
 */
static void
tell_refused(const UniverseNotes *notes, bool is_hot)
{
	char	   *told = sweeping.told_refused[is_hot];

	if (strcmp(notes->refused, told) == 0)
		return;
	strlcpy(told, notes->refused, SOURCE_ERROR_SIZE);
	if (notes->refused[0] != '\0')
		worker_error(WARNING, ERRCODE_FEATURE_NOT_SUPPORTED,
					 is_hot ? "Take them out of vnstream.hot_symbols." :
					 "Take them out of vnstream.symbols.",
					 "not asked for, as derivatives and bonds are not supported: %s",
					 notes->refused);
}

static size_t
requests_of(size_t symbols)
{
	return (symbols + config_symbols_per_request - 1) / config_symbols_per_request;
}

static void
begin_asking(void)
{
	SweepRun   *run = &sweeping.run;
	SweepOptions options;
	StoreError	error;
	Universe	universe;
	UniverseNotes notes;
	int			resting;

	if (!symbol_book_universe(run->is_hot ? config_hot_symbols : config_symbols, run->asks_all,
							  &universe, &notes, &resting))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	tell_refused(&notes, run->is_hot);
	if (notes.empty[0] != '\0')
		snprintf(run->note, sizeof(run->note), "no symbol is known of %.400s", notes.empty);
	if (is_for(SWEEP_AS_PROBE))
	{
		Universe	few;

		if (!probe_symbols(&universe, &few))
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
		universe_free(&universe);
		universe = few;
	}
	run->asked = (int64) universe.count;
	if (run->is_hot)
		hot_started(requests_of(universe.count));
	sweeping.phase = PHASE_SWEEP;
	if (universe.count == 0)
	{
		universe_free(&universe);
		conclude_sweep(0, 0, run->error[0] != '\0' ? run->error :
					   run->note[0] != '\0' ? run->note :
					   resting > 0 ? "" : "there is no symbol to ask for");
		return;
	}

	memset(&options, 0, sizeof(options));
	sources_for_sweep(&options);
	options.symbols_per_request = config_symbols_per_request;
	options.requests_in_flight = config_requests_in_flight;
	options.may_request = may_request;
	run->sweep = sweep_begin(&options, &universe);
	universe_free(&universe);
	if (run->sweep == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));

	/* so that the row says what is missing also when the sweep is interrupted */
	(void) store_transaction(note_asked, NULL, "asking the source", STORE_TIMEOUT_MS, &error);
	(void) worker_store_failed(&error, &sweeping.store_backoff);
}

/*
 * Ask for the list of symbols, where a list is due.
 */
static bool
start_lookup(bool only_requested)
{
	if (only_requested)
		sources_try_now();
	sweeping.lookup_tried = 0;
	if (!sources_ask(0, &sweeping.lookup_source))
		return false;
	sweeping.lookup_tried = UINT32_C(1) << sweeping.lookup_source;
	if (refresh_start(sources_provider(sweeping.lookup_source),
					  sources_url(sweeping.lookup_source), all_settings(), only_requested,
					  &sweeping.store_backoff))
		return true;
	sources_unasked(sweeping.lookup_source);
	return false;
}

/*
 * The list did not come from one source: is there another to ask?
 */
static bool
ask_elsewhere(const BreakerFailure *failure)
{
	if (failure->fault == HTTP_OK ||
		!sources_ask(sweeping.lookup_tried, &sweeping.lookup_source))
		return false;
	sweeping.lookup_tried |= UINT32_C(1) << sweeping.lookup_source;
	refresh_ask(sources_provider(sweeping.lookup_source), sources_url(sweeping.lookup_source));
	return true;
}

SweepStart
sweeping_start(const char *trigger)
{
	StoreError	error;

	if (!sweeping.has_book)
		sweeping.has_book = refresh_begin(&sweeping.store_backoff);
	if (!sweeping.has_book)
		return SWEEP_PUT_OFF;
	memset(&sweeping.run, 0, sizeof(SweepRun));
	sweeping.run.is_hot = trigger != NULL && strcmp(trigger, HOT_TRIGGER) == 0;
	(void) store_transaction(begin_row, unconstify(char *, trigger), "beginning a sweep",
							 STORE_TIMEOUT_MS, &error);
	if (worker_store_failed(&error, &sweeping.store_backoff))
		return SWEEP_PUT_OFF;
	if (sweeping.run.number == 0)
		return SWEEP_NOT_WANTED;
	sweeping.trigger = sweeping.run.trigger;

	if (sweeping.run.is_requested)
		sources_try_now();
	if (!sweeping.run.is_hot && refresh_is_due(all_settings()) && start_lookup(false))
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
		!start_lookup(true))
		return false;
	sweeping.phase = PHASE_LOOKUP;
	return true;
}

/* Is there a hot symbol to ask for?  A row about none every few seconds says nothing. */
static bool
has_hot_symbols(void)
{
	Universe	universe;
	UniverseNotes notes;
	int			resting;
	bool		answer;

	if (!symbol_book_universe(config_hot_symbols, false, &universe, &notes, &resting))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	answer = universe.count > 0;
	universe_free(&universe);
	return answer;
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
	if (!has_hot_symbols())
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
	BreakerFailure failure = {HTTP_OK, false, -1};
	char		error[SOURCE_ERROR_SIZE] = "";
	bool		is_well = !refresh_has_failed(&failure, error);

	if (is_well || failure.fault == HTTP_OK)
		sources_answered(sweeping.lookup_source);
	else
		sources_failed(sweeping.lookup_source, &failure, error);
	if (!is_well && ask_elsewhere(&failure))
		return;
	refresh_finish(&sweeping.store_backoff);
	if (!is_well)
		note_source_failure(sweeping.lookup_source, failure.fault, error);
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
						is_for(SWEEP_AT_CLOSING));
			board_free(&board);
		}
	}
	if (answer_is_pending() || sweeping.run.is_swept)
		return false;

	if (sweeping.phase == PHASE_LOOKUP)
	{
		refresh_drive(sweeping.http, may_request,
					  unconstify(SourceProvider *, sources_provider(sweeping.lookup_source)));
		if (refresh_is_done())
			finish_lookup();
	}
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
	HttpOptions options = http_settings(config_requests_in_flight);
	char		text[SOURCE_ERROR_SIZE];

	if (sources_begin(text))
		sweeping.http = http_client_create(&options, text);
	if (sweeping.http == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("could not set up the sources \"%s\": %s", config_sources, text),
				 errhint("Check vnstream.sources, vnstream.user_agent and vnstream.http_headers.")));
	end_interrupted();
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
	if (sweeping.run.sweep != NULL)
		sweep_free(sweeping.run.sweep);
	sweeping.run.sweep = NULL;
	if (sweeping.paused.sweep != NULL)
		sweep_free(sweeping.paused.sweep);
	sweeping.paused.sweep = NULL;
	refresh_release();
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
