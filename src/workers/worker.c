/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  Where a producer, a consumer or a back-fill begins and ends.
 *
 * Signals: SIGHUP SignalHandlerForConfigReload; SIGTERM die, which
 * CHECK_FOR_INTERRUPTS() acts on (bgworker.c's own handler would ereport in the
 * handler); SIGINT StatementCancelHandler, which cancels the transaction of the
 * moment, to be tried again, and means nothing outside of one; SIGUSR1
 * procsignal_sigusr1_handler.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "store/catalog.h"
#include "workers/launcher.h"
#include "workers/loop.h"
#include "workers/tell.h"

/* Longest that looking for the tables may take, which others' locks hold up. */
#define LOOK_TIMEOUT_MS 30000

static void
look_for_tables(void *argument)
{
	StoreCatalog catalog;
	QuotesTable table;

	store_catalog_get(&catalog);
	quotes_table_find(&catalog, &table);
}

/*
 * Touch nothing before realtime_quotes can take quotes.  A dump that carries
 * vnstream.run (pg_dump -C, pg_dumpall) has its workers started while it is
 * being restored, and a row of theirs in a state table would keep the dump's
 * out; but the table gets its key only after all rows are there.  False where
 * the worker is to end.
 */
static bool
wait_for_tables(void)
{
	Backoff		backoff = {0};
	StoreError	failure;

	while (store_transaction(look_for_tables, NULL, "looking for the tables",
							 LOOK_TIMEOUT_MS, &failure) != STORE_DONE)
	{
		if (failure.outcome == STORE_GONE)
			worker_leave();
		worker_store_error(&failure);
		backoff_fail(&backoff, 0);
		if (failure.sqlstate == ERRCODE_VNSTREAM_VERSION)
			worker_set_state(WORKER_FAILED, "an administrator: %s", failure.hint);
		else if (failure.outcome == STORE_DRIFT)
			worker_set_state(WORKER_FAILED, "an administrator: " QUOTES_TABLE " cannot take quotes");
		else
			worker_back_off(backoff.until, "the database");
		while (!backoff_is_over(&backoff))
		{
			worker_wait(NULL, 0, backoff_remaining(&backoff));
			if (worker_is_to_end())
				return false;
		}
	}
	return true;
}

void
vnstream_worker_main(Datum argument)
{
	WorkerTicket ticket;
	char		name[NAMEDATALEN];

	memcpy(&ticket, MyBgworkerEntry->bgw_extra, sizeof(ticket));
	if (!worker_attach(&ticket))
		proc_exit(0);

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(ticket.database, InvalidOid, 0);

	worker_pin_search_path();
	worker_tell_settings();
	worker_slot_name(worker_slot, name, sizeof(name));
	pgstat_report_appname(psprintf("vnstream %s", name));

	PG_TRY();
	{
		if (wait_for_tables())
		{
			worker_at_work();
			if (worker_slot->role == ROLE_PRODUCER)
				producer_main();
			else if (worker_slot->role == ROLE_BACKFILL)
				backfill_main();
			else
				consumer_main();
		}
	}
	PG_CATCH();
	{
		/* the process ends; what for must outlive it */
		MemoryContext context = MemoryContextSwitchTo(TopMemoryContext);
		ErrorData  *error = CopyErrorData();
		char		text[WORKER_ERROR_SIZE];

		one_line(text, sizeof(text), error->message);
		LWLockReleaseAll();
		LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
		strlcpy(worker_slot->last_error, text, WORKER_ERROR_SIZE);
		worker_slot->last_error_at = GetCurrentTimestamp();
		worker_slot->errors++;
		LWLockRelease(shared_state->lock);
		worker_tell(EVENT_ERROR, 0, error->sqlerrcode, "%s", text);
		MemoryContextSwitchTo(context);
		PG_RE_THROW();
	}
	PG_END_TRY();

	worker_end();
}
