/*-------------------------------------------------------------------------
 *
 * sweep_run.h
 *	  One sweep that is under way: its row in vnstream_sweeps, and the symbols
 *	  that it asks for.
 *
 * Which one goes on, and from which step to the next, is sweeping.h's.
 *
 * All functions: main thread of the producer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_SWEEP_RUN_H
#define VNSTREAM_WORKERS_SWEEP_RUN_H

#include "source/sweep.h"
#include "store/outbox.h"
#include "workers/loop.h"

/* Why a hot sweep was made, in vnstream_sweeps. */
#define HOT_TRIGGER "hot"

typedef struct SweepRun
{
	int64		number;			/* in vnstream_sweeps; 0: none, at most a lookup */
	const char *trigger;		/* why it is made; a constant */
	bool		is_hot;
	bool		is_probe;		/* of a few symbols */
	bool		is_closing;		/* what says nothing new is published too */
	bool		is_requested;	/* by somebody, now */
	bool		asks_all;		/* also symbols that rest */
	Sweep	   *sweep;			/* NULL: it does not ask yet, or there is no symbol */
	bool		is_swept;		/* the sweep is done, its row is not yet */
	char		error[SOURCE_ERROR_SIZE];
	char		note[SOURCE_ERROR_SIZE];	/* what words of the setting lack */
	int64		asked;
	int64		missing;
	SweepTotals totals;			/* once its row has ended */
} SweepRun;

/*
 * Begin the row: of the oldest sweep that was requested, unless this is to be a
 * hot one, else of one for this reason (a constant; NULL: for none).  False where
 * the database cannot take it, which has been told.  Where nothing was to begin,
 * and where it answers false, run->number is 0.
 */
extern bool sweep_run_begin(SweepRun *run, const char *trigger, Backoff *store_backoff);

/*
 * Choose its symbols and make run->sweep.  Where there is nothing to ask for that
 * stays NULL, and run->error says why, if that is a fault.
 */
extern void sweep_run_choose(SweepRun *run, RequestBudget may_request,
							 Backoff *store_backoff);

/*
 * End the row, with what the sweep has told of its symbols.  False where the
 * database cannot take it, which has been told: to be called again.
 */
extern bool sweep_run_end(SweepRun *run, Backoff *store_backoff);
extern void sweep_run_free(SweepRun *run);

/* Is there a hot symbol to ask for?  A row about none every few seconds says nothing. */
extern bool sweep_run_has_hot_symbols(void);

/* End the rows that a process before this one has left open, or this one when it ends. */
extern void sweep_runs_interrupt(Backoff *store_backoff);

#endif							/* VNSTREAM_WORKERS_SWEEP_RUN_H */
