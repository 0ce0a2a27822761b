/*-------------------------------------------------------------------------
 *
 * warm.c
 *	  The latest quotes, read from realtime_quotes into shared memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/timestamp.h"

#include "config.h"
#include "latest.h"
#include "store/newest.h"
#include "store/role.h"
#include "workers/loop.h"
#include "workers/tell.h"
#include "workers/warm.h"

/* Longest that reading the newest rows may take. */
#define WARM_TIMEOUT_MS 60000

/* The least time between two readings, whatever is said meanwhile. */
#define WARM_PAUSE_MS 1000

/*
 * After one that took too long: a table without an index that leads from ticker
 * to ticker is not to be read through again and again.
 */
#define WARM_PATIENCE_MS (10 * 60 * 1000)

typedef struct WarmWork
{
	bool		is_due;			/* whatever the table looks like */
	bool		is_done;		/* out: it was read, and the map is as told */
	uint64		table_state;	/* out */
	int			tickers;		/* out */
	double		ms;				/* out */
} WarmWork;

static bool is_due;
static uint64 warmed_state;
static TimestampTz next_try;
static Backoff backoff;

static void
read_newest(void *argument)
{
	WarmWork   *work = argument;
	TimestampTz start = GetCurrentTimestamp();
	StoreCatalog catalog;
	QuotesTable table;
	RoleScope	role;
	uint64		rows = 0;

	store_catalog_get(&catalog);
	quotes_table_find(&catalog, &table);
	work->table_state = quotes_table_state(table.relation);
	work->is_done = true;
	if (!work->is_due && work->table_state == warmed_state)
		return;

	/* Who commits from here on marks the map; who did before, this sees. */
	latest_warm_begin(catalog.extension, work->table_state);
	if (work->table_state != 0)
	{
		role_scope_enter(&role, table.owner);
		setting_pin("enable_seqscan", "off");
		setting_pin("enable_bitmapscan", "off");
		setting_pin("jit", "off");
		rows = newest_select(table.relation, catalog.schema_name, NULL, config_max_symbols + 1);
		for (uint64 i = 0; i < rows; i++)
		{
			Quote		quote;
			bool		is_exact = newest_quote(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, &quote);

			latest_warm_add(&quote, is_exact);
		}
		role_scope_leave(&role);
		work->tickers = (int) rows;
	}
	work->ms = (GetCurrentTimestamp() - start) / 1000.0;
	work->is_done = latest_warm_end(rows > (uint64) config_max_symbols, work->ms);
}

void
warm_begin(void)
{
	latest_claim();
	is_due = true;
	warm_round();
}

void
warm_round(void)
{
	WarmWork	work = {.is_due = is_due || latest_wants_warming()};
	StoreError	error;

	if (worker_slot->number != 1 || GetCurrentTimestamp() < next_try ||
		(!work.is_due && quotes_table_state_is_known()))
		return;
	next_try = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), WARM_PAUSE_MS);
	(void) store_transaction(read_newest, &work, "reading the latest quotes",
							 WARM_TIMEOUT_MS, &error);
	is_due = true;
	if (worker_store_failed(&error, &backoff))
	{
		next_try = error.sqlstate == ERRCODE_QUERY_CANCELED ?
			TimestampTzPlusMilliseconds(GetCurrentTimestamp(), WARM_PATIENCE_MS) :
			backoff.until;
		return;
	}
	warmed_state = work.table_state;
	is_due = !work.is_done;
	if (work.ms == 0 || !work.is_done)
		return;
	if (work.table_state != 0)
		worker_tell(EVENT_INFO, 0, ERRCODE_SUCCESSFUL_COMPLETION,
					"latest quotes of %d tickers were read from " QUOTES_TABLE " in %.0f ms",
					work.tickers, work.ms);
	else
		worker_tell(EVENT_INFO, 0, ERRCODE_SUCCESSFUL_COMPLETION,
					"latest quotes are not kept in memory: " QUOTES_TABLE
					" has triggers before insert, rules, or row security that is forced");
}
