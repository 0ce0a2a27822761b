/*-------------------------------------------------------------------------
 *
 * sweep_run.c
 *	  One sweep that is under way: its row in vnstream_sweeps, and the symbols
 *	  that it asks for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "config.h"
#include "market/schedule.h"
#include "source/probe_symbols.h"
#include "workers/hot.h"
#include "workers/sources.h"
#include "workers/sweep_run.h"
#include "workers/symbol_book.h"
#include "workers/tell.h"

#define STORE_TIMEOUT_MS 30000

/* How often rows of hot sweeps are looked at for deleting. */
#define FORGET_HOT_MS 600000

static TimestampTz hot_forgotten_at;
static char told_refused[2][SOURCE_ERROR_SIZE]; /* of symbols, of hot_symbols */

/* ----------------------------------------------------------------
 *		Its row; the functions with an argument are for store_transaction()
 * ----------------------------------------------------------------
 */

static bool
is_for(const SweepRun *run, SweepReason reason)
{
	return strcmp(run->trigger, sweep_reason_name(reason)) == 0;
}

static void
begin_row(void *argument)
{
	SweepRun   *run = argument;
	StoreCatalog catalog;
	int64		requested;

	store_catalog_get(&catalog);
	requested = run->is_hot ? 0 : sweep_row_requested(&catalog);
	if (requested != 0)
		run->trigger = "request";
	if (run->trigger == NULL)
		return;
	run->is_requested = requested != 0;
	run->number = sweep_row_begin(&catalog, requested, sources_provider(0)->name,
								  run->trigger);
}

bool
sweep_run_begin(SweepRun *run, const char *trigger, Backoff *store_backoff)
{
	StoreError	error;

	memset(run, 0, sizeof(SweepRun));
	run->trigger = trigger;
	run->is_hot = trigger != NULL && strcmp(trigger, HOT_TRIGGER) == 0;
	(void) store_transaction(begin_row, run, "beginning a sweep", STORE_TIMEOUT_MS, &error);
	if (worker_store_failed(&error, store_backoff))
	{
		/* it may have failed behind begin_row(): that row is not there */
		memset(run, 0, sizeof(SweepRun));
		return false;
	}
	if (run->number == 0)
		return true;
	run->is_probe = is_for(run, SWEEP_AS_PROBE);
	run->is_closing = is_for(run, SWEEP_AT_CLOSING);
	/* on the clock, and of a hot sweep: what is expected to be missing is not asked */
	run->asks_all = !run->is_hot && !is_for(run, SWEEP_AT_INTERVAL);
	return true;
}

static void
note_asked(void *argument)
{
	const SweepRun *run = argument;
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	sweep_row_asked(&catalog, run->number, run->asked);
}

static bool
forgets_hot(const SweepRun *run)
{
	return run->is_hot && clock_passed(hot_forgotten_at, GetCurrentTimestamp(), FORGET_HOT_MS);
}

static void
end_row(void *argument)
{
	SweepRun   *run = argument;
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	sweep_row_end(&catalog, run->number, run->asked, run->missing,
				  sources_of_sweep(run->sweep),
				  run->error[0] != '\0' ? run->error : NULL, &run->totals);
	symbol_book_store(&catalog, sources_provider(0)->name);
	if (forgets_hot(run))
		sweep_rows_forget_hot(&catalog);
}

bool
sweep_run_end(SweepRun *run, Backoff *store_backoff)
{
	StoreError	error;

	(void) store_transaction(end_row, run, "ending a sweep", STORE_TIMEOUT_MS, &error);
	if (worker_store_failed(&error, store_backoff))
		return false;
	symbol_book_settle();
	if (forgets_hot(run))
		hot_forgotten_at = GetCurrentTimestamp();
	return true;
}

void
sweep_run_free(SweepRun *run)
{
	if (run->sweep != NULL)
		sweep_free(run->sweep);
	memset(run, 0, sizeof(SweepRun));
}

static void
close_interrupted(void *argument)
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	(void) sweep_rows_interrupt(&catalog);
}

void
sweep_runs_interrupt(Backoff *store_backoff)
{
	StoreError	error;

	(void) store_transaction(close_interrupted, NULL, "ending interrupted sweeps",
							 STORE_TIMEOUT_MS, &error);
	(void) worker_store_failed(&error, store_backoff);
}

/* ----------------------------------------------------------------
 *		What it asks for
 * ----------------------------------------------------------------
 */

/*
 * Symbols that are named and that no sweep asks for; told once.
 */
static void
tell_refused(const UniverseNotes *notes, bool is_hot)
{
	char	   *told = told_refused[is_hot];

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

/* The symbols of the setting, of a probe a few of them.  The caller frees them. */
static void
choose_symbols(SweepRun *run, Universe *universe, int *resting)
{
	UniverseNotes notes;
	Universe	few;

	if (!symbol_book_universe(run->is_hot ? config_hot_symbols : config_symbols, run->asks_all,
							  universe, &notes, resting))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	tell_refused(&notes, run->is_hot);
	if (notes.empty[0] != '\0')
		snprintf(run->note, sizeof(run->note), "no symbol is known of %.400s", notes.empty);
	if (!run->is_probe)
		return;
	if (!probe_symbols(universe, &few))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	universe_free(universe);
	*universe = few;
}

static size_t
requests_of(size_t symbols)
{
	return (symbols + config_symbols_per_request - 1) / config_symbols_per_request;
}

void
sweep_run_choose(SweepRun *run, RequestBudget may_request, Backoff *store_backoff)
{
	SweepOptions options;
	StoreError	error;
	Universe	universe;
	int			resting;

	choose_symbols(run, &universe, &resting);
	run->asked = (int64) universe.count;
	if (run->is_hot)
		hot_started(requests_of(universe.count));
	if (universe.count == 0)
	{
		universe_free(&universe);
		if (run->error[0] == '\0')
			strlcpy(run->error, run->note[0] != '\0' ? run->note :
					resting > 0 ? "" : "there is no symbol to ask for", sizeof(run->error));
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
	(void) store_transaction(note_asked, run, "asking the source", STORE_TIMEOUT_MS, &error);
	(void) worker_store_failed(&error, store_backoff);
}

bool
sweep_run_has_hot_symbols(void)
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
