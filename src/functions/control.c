/*-------------------------------------------------------------------------
 *
 * control.c
 *	  Starting, stopping and asking for things, from SQL.
 *
 * What a database wants to have running is its setting vnstream.run, written in
 * the caller's transaction.  When that commits, the launcher is told to look.
 * Restarts and sweeps have no setting: they are remembered with the
 * subtransaction that asked for them, and happen at COMMIT.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "event_log.h"
#include "functions/control.h"
#include "functions/worker_setting.h"
#include "latest.h"
#include "pg_compat.h"
#include "shared_state.h"
#include "store/catalog.h"
#include "store/outbox.h"
#include "store/role.h"
#include "store/symbols.h"

PG_FUNCTION_INFO_V1(vnstream_start);
PG_FUNCTION_INFO_V1(vnstream_stop);
PG_FUNCTION_INFO_V1(vnstream_restart);
PG_FUNCTION_INFO_V1(vnstream_sweep);
PG_FUNCTION_INFO_V1(vnstream_refresh_symbols);

/* What happens when the transaction commits. */
typedef struct PendingAction
{
	SubTransactionId asked_in;
	int			restart;		/* RUN_* bits */
	int			start;			/* likewise: what vnstream.run has more of */
	int			stop;			/* likewise: what it has no more of */
	bool		scan;
	bool		sweep;
	bool		refresh;
	bool		backfill;
	bool		is_dropped;		/* the extension */
	bool		is_noticed;		/* by the hook, in a command of anybody's */
} PendingAction;

static List *pending_actions = NIL; /* in TopTransactionContext */

static object_access_hook_type previous_object_access_hook = NULL;

static PendingAction *
add_action(int restart, bool scan, bool sweep)
{
	MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);
	PendingAction *action = palloc0(sizeof(PendingAction));

	action->asked_in = GetCurrentSubTransactionId();
	action->restart = restart;
	action->scan = scan;
	action->sweep = sweep;
	pending_actions = lappend(pending_actions, action);
	MemoryContextSwitchTo(before);
	return action;
}

bool
control_is_pending(void)
{
	ListCell   *cell;

	foreach(cell, pending_actions)
		if (!((PendingAction *) lfirst(cell))->is_noticed)
			return true;
	return false;
}

void
control_restart_consumers(void)
{
	add_action(RUN_CONSUMER, false, false);
}

void
control_look_for_backfills(void)
{
	add_action(0, false, false)->backfill = true;
}

void
control_topic_changed(void)
{
	DatabaseEntry *entry;

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	entry = shared_entry_find(MyDatabaseId);
	if (entry != NULL)
		entry->topic_changes++;
	LWLockRelease(shared_state->lock);
	shared_wake_database(MyDatabaseId);
}

/*
 * What this database does not want any more ends at once.  The scan that
 * follows would tell the same, but takes a worker slot, of which there may be
 * none until these workers have ended.
 */
static void
stop_components(int stop)
{
	DatabaseEntry *entry;
	char		text[32];
	int			wanted = 0;
	bool		is_new = false;

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	entry = shared_entry_find(MyDatabaseId);
	if (entry != NULL && (entry->wanted & stop) != 0)
	{
		entry->wanted &= ~stop;
		wanted = entry->wanted;
		is_new = true;
	}
	LWLockRelease(shared_state->lock);
	if (!is_new)
		return;
	snprintf(text, sizeof(text), "to run: %s",
			 wanted == 0 ? "nothing" : config_run_to_text(wanted));
	(void) event_log_add(MyDatabaseId, EVENT_LIST_LAUNCHER, EVENT_INFO, 0, text);
	shared_wake_database(MyDatabaseId);
}

static void
perform_actions(void)
{
	ListCell   *cell;
	int			restart = 0;
	int			stop = 0;
	bool		scan = false;
	bool		sweep = false;
	bool		refresh = false;
	bool		backfill = false;
	bool		is_dropped = false;

	foreach(cell, pending_actions)
	{
		PendingAction *action = lfirst(cell);

		restart |= action->restart;
		stop = (stop | action->stop) & ~action->start;
		scan |= action->scan;
		sweep |= action->sweep;
		refresh |= action->refresh;
		backfill |= action->backfill;
		is_dropped |= action->is_dropped;
	}

	/* what waited in its outbox will not be stored any more */
	if (is_dropped)
		latest_forget();

	if (restart != 0 || sweep || refresh || backfill)
	{
		DatabaseEntry *entry;
		int			launcher;

		LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
		entry = shared_entry_find(MyDatabaseId);
		if (entry != NULL)
		{
			if (restart & RUN_PRODUCER)
				entry->restart_producer++;
			if (restart & RUN_CONSUMER)
				entry->restart_consumer++;
			if (sweep)
				entry->sweep_requests++;
			if (refresh)
				entry->symbol_requests++;
			if (backfill)
				entry->backfill_requests++;
		}
		launcher = shared_state->launcher.pid;
		LWLockRelease(shared_state->lock);
		shared_wake_database(MyDatabaseId);
		/* who starts a worker that there is work for now */
		if (backfill)
			shared_wake(launcher);
	}
	if (stop != 0)
		stop_components(stop);
	if (scan || restart != 0)
	{
		shared_forget_backoff(MyDatabaseId);
		shared_request_scan(MyDatabaseId);
	}
}

static void
at_transaction_end(XactEvent event, void *argument)
{
	if (pending_actions == NIL)
		return;
	switch (event)
	{
		case XACT_EVENT_PRE_PREPARE:
			/* what the hook noticed is none of the user's business: a scan comes */
			if (!control_is_pending())
				break;
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot PREPARE a transaction that has changed what vnstock_stream runs"),
					 errhint("Use COMMIT.")));
			break;
		case XACT_EVENT_COMMIT:
			perform_actions();
			pending_actions = NIL;
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			pending_actions = NIL;
			break;
		default:
			break;
	}
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subtransaction,
					  SubTransactionId parent, void *argument)
{
	ListCell   *cell;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	foreach(cell, pending_actions)
	{
		PendingAction *action = lfirst(cell);

		if (action->asked_in != subtransaction)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			action->asked_in = parent;
		else
			pending_actions = foreach_delete_current(pending_actions, cell);
	}
}

static void
at_object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id,
				 void *argument)
{
	if (previous_object_access_hook)
		previous_object_access_hook(access, class_id, object_id, sub_id, argument);

	if (shared_state == NULL)
		return;
	if ((access == OAT_POST_ALTER && class_id == DbRoleSettingRelationId) ||
		(access == OAT_POST_CREATE && class_id == ExtensionRelationId))
		add_action(0, true, false)->is_noticed = true;

	/*
	 * Workers that start anew see that the extension is gone, and leave, or that
	 * its script is of their version now, or not any more.
	 */
	if ((access == OAT_DROP || access == OAT_POST_ALTER) && class_id == ExtensionRelationId)
	{
		char	   *name = get_extension_name(object_id);

		if (name != NULL && strcmp(name, VNSTREAM_EXTENSION_NAME) == 0)
		{
			PendingAction *action = add_action(RUN_ALL, false, false);

			action->is_noticed = true;
			action->is_dropped = access == OAT_DROP;
		}
	}
}

void
control_install_hooks(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	previous_object_access_hook = object_access_hook;
	object_access_hook = at_object_access;
}

/*
 * RUN_* bits of a function's argument.
 */
static int
component_argument(FunctionCallInfo fcinfo)
{
	char	   *component;
	int			bits;

	if (PG_ARGISNULL(0))
		return RUN_ALL;
	component = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bits = config_run_from_text(component);
	if (bits == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no component \"%s\"", component),
				 errhint("Use 'producer', 'consumer', or no argument for both.")));
	return bits;
}

static void
set_database_setting(const char *name, const char *value)
{
	char	   *command = psprintf("ALTER DATABASE %s SET %s = %s",
								   quote_identifier(get_database_name(MyDatabaseId)),
								   name, quote_literal_cstr(value));

	if (SPI_execute(command, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not set \"%s\"", name);
}

void
worker_slots_count(int run, WorkerSlots *slots)
{
	DatabaseEntry *entry;
	char	   *own_consumers = database_setting("vnstream.consumers");
	int			i;

	if (own_consumers == NULL || !parse_int(own_consumers, &slots->consumers, 0, NULL))
		slots->consumers = config_consumers;

	slots->needed = 1;			/* the scout */
	LWLockAcquire(shared_state->lock, LW_SHARED);
	if (shared_state->launcher.pid == 0)
		slots->needed++;
	if (run & RUN_PRODUCER)
		slots->needed++;
	if (run & RUN_CONSUMER)
		slots->needed += slots->consumers;
	entry = shared_entry_find(MyDatabaseId);
	for (i = 0; entry != NULL && i < DATABASE_WORKERS; i++)
		if (entry->workers[i].pid != 0 && entry->workers[i].role != ROLE_BACKFILL)
			slots->needed--;
	LWLockRelease(shared_state->lock);

	pgstat_clear_snapshot();
	slots->free = max_worker_processes;
	for (i = 1; i <= pgstat_fetch_stat_numbackends(); i++)
		if (backend_status_by_index(i)->backendStatus.st_backendType == B_BG_WORKER)
			slots->free--;
}

/*
 * Are there worker processes for what is asked?  A worker slot that another
 * extension takes at the same moment is seen by the launcher, which tells it in
 * vnstream_status().
 */
static void
check_worker_slots(int run)
{
	WorkerSlots slots;

	worker_slots_count(run, &slots);
	if (slots.free < slots.needed)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("not enough background worker slots: %d more are needed, %d are free",
						slots.needed, Max(slots.free, 0)),
				 errdetail("The pipeline needs a launcher, a short-lived scout, and in each database a producer and %d of \"vnstream.consumers\".",
						   slots.consumers),
				 errhint("Set \"max_worker_processes\" to at least %d in postgresql.conf and restart the server.",
						 max_worker_processes + slots.needed - slots.free)));
}

static void
check_database_room(void)
{
	bool		is_known;
	int			used = 0;
	int			i;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	is_known = shared_entry_find(MyDatabaseId) != NULL;
	for (i = 0; i < shared_state->entry_count; i++)
		if (OidIsValid(shared_state->entries[i].database) &&
			shared_state->entries[i].wanted != 0)
			used++;
	LWLockRelease(shared_state->lock);

	if (!is_known && used >= shared_state->entry_count)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("%d databases of this server run the pipeline already", used),
				 errhint("Set \"vnstream.max_databases\" to at least %d in postgresql.conf and restart the server.",
						 used + 1)));
}

static const char *
describe_run(int run)
{
	switch (run)
	{
		case RUN_ALL:
			return "producer and consumer";
		case RUN_PRODUCER:
			return "producer";
		case RUN_CONSUMER:
			return "consumer";
		default:
			return "nothing";
	}
}

/*
 * Change what this database wants to have running; answers the new bits.
 */
static int
change_run(int add, int remove)
{
	StoreCatalog catalog;
	RoleScope	role;
	PendingAction *action;
	char	   *value;
	int			run;

	shared_state_require();
	PreventCommandIfReadOnly(add != 0 ? "vnstream_start()" : "vnstream_stop()");
	store_catalog_get_any(&catalog);

	/*
	 * One change at a time.  Whoever had the lock may have dropped the
	 * extension, and the newest value is to be read.  To stop needs no table.
	 */
	LockDatabaseObject(ExtensionRelationId, catalog.extension, 0, ShareUpdateExclusiveLock);
	AcceptInvalidationMessages();
	if (add != 0)
		store_catalog_get(&catalog);
	else
		store_catalog_get_any(&catalog);
	role_scope_enter(&role, catalog.owner);
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());

	value = database_setting("vnstream.run");
	run = value != NULL ? config_run_from_text(value) : 0;
	run = (run | add) & ~remove;
	if (add != 0)
	{
		check_database_room();
		check_worker_slots(run);
		quotes_table_ensure(&catalog);
		if (!worker_setting_is_given("vnstream.group_id"))
			set_database_setting("vnstream.group_id",
								 psprintf("vnstock_stream." UINT64_FORMAT ".%u",
										  GetSystemIdentifier(), MyDatabaseId));
	}
	set_database_setting("vnstream.run", config_run_to_text(run));

	PopActiveSnapshot();
	SPI_finish();
	role_scope_leave(&role);
	action = add_action(0, true, false);
	action->start = add;
	action->stop = remove;
	/* orders that a restored dump has brought are seen at a start */
	action->backfill = add != 0;
	return run;
}

Datum
vnstream_start(PG_FUNCTION_ARGS)
{
	int			bits = component_argument(fcinfo);
	int			run = change_run(bits, 0);

	if (!config_enabled)
		ereport(NOTICE,
				(errcode(ERRCODE_WARNING),
				 errmsg("no worker will start while \"vnstream.enabled\" is off"),
				 errhint("Set it to on in postgresql.conf and reload.")));
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("to run: %s; see vnstream_status()",
											  describe_run(run))));
}

Datum
vnstream_stop(PG_FUNCTION_ARGS)
{
	int			bits = component_argument(fcinfo);
	int			run = change_run(0, bits);

	PG_RETURN_TEXT_P(cstring_to_text(psprintf("to run: %s", describe_run(run))));
}

/* What it has just started counts before the launcher knows of it. */
int
control_wanted_run(StoreCatalog *catalog)
{
	RoleScope	role;
	char	   *value;
	int			run;

	store_catalog_get(catalog);
	role_scope_enter(&role, catalog->owner);
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	value = database_setting("vnstream.run");
	run = value != NULL ? config_run_from_text(value) : 0;
	PopActiveSnapshot();
	SPI_finish();
	role_scope_leave(&role);
	return run;
}

Datum
vnstream_restart(PG_FUNCTION_ARGS)
{
	int			bits = component_argument(fcinfo);
	StoreCatalog catalog;
	int			wanted;

	shared_state_require();
	PreventCommandIfReadOnly("vnstream_restart()");
	wanted = control_wanted_run(&catalog);
	if ((wanted & bits) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the %s is not to run in this database",
						bits == RUN_ALL ? "pipeline" : describe_run(bits)),
				 errhint("Use vnstream_start() first.")));
	add_action(bits & wanted, false, false);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("to start anew: %s",
											  describe_run(bits & wanted))));
}

/* Whatever is asked of a producer needs one. */
static void
require_producer(const char *function, StoreCatalog *catalog)
{
	shared_state_require();
	PreventCommandIfReadOnly(function);
	if ((control_wanted_run(catalog) & RUN_PRODUCER) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the producer is not to run in this database"),
				 errhint("Use vnstream_start() or vnstream_start('producer') first.")));
}

Datum
vnstream_sweep(PG_FUNCTION_ARGS)
{
	StoreCatalog catalog;
	int64		sweep;

	require_producer("vnstream_sweep()", &catalog);
	sweep = sweep_row_request(&catalog);
	add_action(0, false, true);
	PG_RETURN_INT64(sweep);
}

Datum
vnstream_refresh_symbols(PG_FUNCTION_ARGS)
{
	StoreCatalog catalog;
	int64		refresh;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("accept_loss must not be null"),
				 errhint("Write true only where the market has really lost more than a fifth of its symbols.")));
	require_producer("vnstream_refresh_symbols()", &catalog);
	refresh = symbol_refresh_request(&catalog, PG_GETARG_BOOL(0));
	add_action(0, false, false)->refresh = true;
	PG_RETURN_INT64(refresh);
}
