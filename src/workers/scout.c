/*-------------------------------------------------------------------------
 *
 * scout.c
 *	  Reads what the databases of the server want, and leaves at once.
 *
 * pg_db_role_setting is shared by all databases but can be read from within one
 * only.  The scout connects for some milliseconds, so that nothing of ours
 * stays in a database that does not run the pipeline.
 *
 * Signals: SIGTERM die; the others as a background worker has them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg_compat.h"
#include "shared_state.h"
#include "workers/loop.h"
#include "workers/launcher.h"
#include "workers/tell.h"

/* What one database's settings say. */
typedef struct Wish
{
	Oid			database;
	char		name[NAMEDATALEN];
	int			wanted;
	int			consumers;
	uint32		settings_hash;
} Wish;

/*
 * Settings that are looked at one by one; any other that changes makes the
 * workers of the database start anew.
 */
static void
read_setting(Wish *wish, const char *setting)
{
	static const char prefix[] = "vnstream.";
	const char *value = strchr(setting, '=');
	int			consumers;

	if (value == NULL || strncmp(setting, prefix, strlen(prefix)) != 0)
		return;
	value++;
	if (strncmp(setting, "vnstream.run=", strlen("vnstream.run=")) == 0)
		wish->wanted = config_run_from_text(value);
	else if (strncmp(setting, "vnstream.consumers=", strlen("vnstream.consumers=")) == 0)
	{
		/* as SET reads it, which takes 2.0 and 0x2 too */
		if (parse_int(value, &consumers, 0, NULL))
			wish->consumers = Min(Max(consumers, 1), MAX_CONSUMERS);
	}
	else
		wish->settings_hash = hash_combine(wish->settings_hash,
										   hash_bytes((const unsigned char *) setting,
													  strlen(setting)));
}

static Wish *
read_wishes(MemoryContext context, int *count)
{
	Wish	   *wishes;
	uint64		row;

	if (SPI_execute("SELECT s.setdatabase, d.datname, s.setconfig"
					" FROM pg_catalog.pg_db_role_setting s"
					" JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase"
					" WHERE s.setrole OPERATOR(pg_catalog.=) '0'::pg_catalog.oid AND d.datallowconn"
					" AND d.datconnlimit OPERATOR(pg_catalog.>=) '-1'::pg_catalog.int4",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the databases' settings");

	wishes = MemoryContextAllocZero(context, sizeof(Wish) * (SPI_processed + 1));
	*count = 0;
	for (row = 0; row < SPI_processed; row++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[row];
		TupleDesc	descriptor = SPI_tuptable->tupdesc;
		Wish	   *wish = &wishes[*count];
		bool		isnull;
		Datum	   *settings;
		int			setting_count;
		int			i;

		wish->database = DatumGetObjectId(SPI_getbinval(tuple, descriptor, 1, &isnull));
		strlcpy(wish->name, NameStr(*DatumGetName(SPI_getbinval(tuple, descriptor, 2, &isnull))),
				NAMEDATALEN);
		deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(tuple, descriptor, 3, &isnull)),
						  TEXTOID, -1, false, TYPALIGN_INT, &settings, NULL, &setting_count);
		for (i = 0; i < setting_count; i++)
			read_setting(wish, TextDatumGetCString(settings[i]));
		if (wish->wanted != 0)
			(*count)++;
		else
			memset(wish, 0, sizeof(*wish));
	}
	return wishes;
}

static bool
entry_is_idle(const DatabaseEntry *entry)
{
	int			i;

	for (i = 0; i < DATABASE_WORKERS; i++)
		if (entry->workers[i].pid != 0 || entry->workers[i].state == WORKER_STARTING)
			return false;
	return entry->wanted == 0;
}

/*
 * The entry for a database that has none: a free one, else one whose database
 * wants nothing any more.  Caller holds the lock.
 */
static DatabaseEntry *
entry_assign(const Wish *wish, TimestampTz now)
{
	DatabaseEntry *entry = shared_entry_find(InvalidOid);
	int			i;

	for (i = 0; entry == NULL && i < shared_state->entry_count; i++)
		if (entry_is_idle(&shared_state->entries[i]))
			entry = &shared_state->entries[i];
	if (entry == NULL)
		return NULL;

	memset(entry, 0, sizeof(*entry));
	entry->database = wish->database;
	event_log_assign(entry, wish->database);
	entry->settings_hash = wish->settings_hash;
	/* an order may have been left by an earlier life of the server */
	entry->backfill_requests = 1;
	for (i = 0; i < DATABASE_WORKERS; i++)
	{
		WorkerSlot *slot = &entry->workers[i];

		slot->role = i == 0 ? ROLE_PRODUCER :
			i == BACKFILL_WORKER ? ROLE_BACKFILL : ROLE_CONSUMER;
		slot->number = i;
		slot->since = now;
		slot->lag = -1;
		slot->rate = -1;
	}
	return entry;
}

/* What a scan has changed for a database. */
typedef struct Change
{
	Oid			database;
	int			wanted;
	bool		is_wanted_new;
	bool		is_settings_new;
} Change;

static void
tell_changes(const Change *changes, int count)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		const Change *change = &changes[i];

		if (change->is_wanted_new)
			tell(change->database, EVENT_LIST_LAUNCHER, EVENT_INFO, 0, 0, NULL,
				 "to run: %s", change->wanted == 0 ? "nothing" :
				 config_run_to_text(change->wanted));
		if (change->is_settings_new)
			tell(change->database, EVENT_LIST_LAUNCHER, EVENT_INFO, 0, 0, NULL,
				 "the database's settings have changed: its workers start anew");
	}
}

static void
apply_wishes(const Wish *wishes, int count, uint64 scan)
{
	TimestampTz now = GetCurrentTimestamp();
	const char *crowded = NULL;
	Change	   *changes = palloc0(sizeof(Change) * (shared_state->entry_count + count));
	int			change_count = 0;
	int			i;
	int			j;

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	for (i = 0; i < shared_state->entry_count; i++)
	{
		DatabaseEntry *entry = &shared_state->entries[i];
		bool		wished = false;

		for (j = 0; j < count; j++)
			wished = wished || wishes[j].database == entry->database;
		if (!wished && entry->wanted != 0)
		{
			entry->wanted = 0;
			changes[change_count].database = entry->database;
			changes[change_count++].is_wanted_new = true;
		}
	}
	for (j = 0; j < count; j++)
	{
		const Wish *wish = &wishes[j];
		DatabaseEntry *entry = shared_entry_find(wish->database);

		if (entry == NULL)
			entry = entry_assign(wish, now);
		if (entry == NULL)
		{
			crowded = wish->name;
			continue;
		}
		changes[change_count].database = wish->database;
		changes[change_count].wanted = wish->wanted;
		changes[change_count].is_wanted_new = entry->wanted != wish->wanted;
		changes[change_count++].is_settings_new = entry->settings_hash != wish->settings_hash;
		strlcpy(entry->name, wish->name, NAMEDATALEN);
		entry->wanted = wish->wanted;
		entry->consumers = wish->consumers;
		if (entry->settings_hash != wish->settings_hash)
		{
			entry->settings_hash = wish->settings_hash;
			entry->restart_producer++;
			entry->restart_consumer++;
		}
	}
	shared_state->scans_done = Max(shared_state->scans_done, scan);
	LWLockRelease(shared_state->lock);

	tell_changes(changes, change_count);
	for (j = 0; j < count; j++)
		shared_wake_database(wishes[j].database);

	if (crowded == NULL)
		return;
	/* all databases can read this list: it does not name one */
	(void) event_log_add(InvalidOid, 0, EVENT_ERROR, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
						 "a database cannot start: vnstream.max_databases run it already");
	ereport(LOG,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("vnstock_stream cannot start in database \"%s\": %d databases run it already",
					crowded, shared_state->entry_count),
			 errhint("Raise \"vnstream.max_databases\" and restart the server.")));
}

void
vnstream_scout_main(Datum argument)
{
	WorkerTicket ticket;
	Wish	   *wishes;
	int			count;

	memcpy(&ticket, MyBgworkerEntry->bgw_extra, sizeof(ticket));
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(ticket.database, InvalidOid, 0);
	pgstat_report_appname("vnstream scout");
	worker_pin_search_path();

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	PushActiveSnapshot(GetTransactionSnapshot());
	wishes = read_wishes(TopMemoryContext, &count);
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();

	apply_wishes(wishes, count, ticket.scan);
	proc_exit(0);
}
