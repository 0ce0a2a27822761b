/*-------------------------------------------------------------------------
 *
 * check_server.c
 *	  Steps of vnstream_check() about this server: library, workers, settings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "config.h"
#include "functions/check.h"
#include "functions/control.h"
#include "shared_state.h"
#include "source/http.h"
#include "store/role.h"

/* Kafka deletes what no consumer has stored when all are down for longer. */
#define SHORT_RETENTION_S 3600

static bool
has_library(CheckResult *result)
{
	if (shared_state != NULL)
		return true;
	check_say(result, CHECK_SKIPPED, "the library is not preloaded");
	return false;
}

void
check_library(Check *check, CheckResult *result)
{
	const char *present;

	if (shared_state != NULL)
	{
		check_say(result, CHECK_OK, "preloaded");
		return;
	}
	check_say(result, CHECK_FAILED, "vnstock_stream is not among shared_preload_libraries, or the server has not been restarted since");
	if (!check->shows_paths)
	{
		check_advise(result, "Add vnstock_stream to shared_preload_libraries in postgresql.conf and restart the server.");
		return;
	}
	present = GetConfigOption("shared_preload_libraries", true, false);
	check_advise(result, "Put shared_preload_libraries = '%s%svnstock_stream' into postgresql.conf and restart the server.",
				 present != NULL ? present : "", present != NULL && present[0] != '\0' ? ", " : "");
}

void
check_versions(Check *check, CheckResult *result)
{
	if (strcmp(check->catalog.version, VNSTREAM_VERSION) == 0)
	{
		check_say(result, CHECK_OK, "script and library are %s", VNSTREAM_VERSION);
		return;
	}
	check_say(result, CHECK_FAILED, "the script is of version %s, the library of version %s",
			  check->catalog.version, VNSTREAM_VERSION);
	check_advise(result, "ALTER EXTENSION vnstock_stream UPDATE; after that, and after an installation, restart the server.");
}

void
check_slots(Check *check, CheckResult *result)
{
	RoleScope	role;
	WorkerSlots slots;
	int			run = check->run != 0 ? check->run : RUN_ALL;

	if (!has_library(result))
		return;
	role_scope_enter(&role, check->catalog.owner);
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	worker_slots_count(run, &slots);
	PopActiveSnapshot();
	SPI_finish();
	role_scope_leave(&role);

	check_say(result, slots.free >= slots.needed ? CHECK_OK : CHECK_FAILED,
			  "%d free, %d more %s", Max(slots.free, 0), Max(slots.needed, 0),
			  check->run != 0 ? "needed" : "needed once it is started");
	check_advise(result, "Set max_worker_processes to at least %d in postgresql.conf and restart the server.",
				 max_worker_processes + slots.needed - slots.free);
}

/* The worst of this database's workers that are to run. */
static void
judge_workers(CheckResult *result, const WorkerSlot *slots, int count)
{
	const WorkerSlot *worst = NULL;
	int			running = 0;
	char		name[NAMEDATALEN];
	int			i;

	for (i = 0; i < count; i++)
	{
		if (slots[i].pid != 0 && slots[i].state == WORKER_RUNNING)
			running++;
		else if (worst == NULL || slots[i].state == WORKER_FAILED ||
				 (slots[i].state == WORKER_BACKING_OFF && worst->state != WORKER_FAILED))
			worst = &slots[i];
	}
	if (worst == NULL)
	{
		check_say(result, CHECK_OK, "%d of %d running", running, count);
		return;
	}
	worker_slot_name(worst, name, sizeof(name));
	check_say(result, worst->state == WORKER_FAILED ? CHECK_FAILED : CHECK_WARNING,
			  "%d of %d running; %s: %s%s%s", running, count, name,
			  worker_state_name(worst->state), worst->waiting_for[0] != '\0' ? ", waits for " : "",
			  worst->waiting_for);
	check_advise(result, "%s", worst->state == WORKER_STARTING ? "Wait a moment." :
				 "vnstream_status() has its last error; the steps below may say why.");
}

void
check_workers(Check *check, CheckResult *result)
{
	WorkerSlot *slots = palloc(sizeof(WorkerSlot) * DATABASE_WORKERS);
	DatabaseEntry *entry;
	int			count = 0;
	int			i;

	if (!has_library(result))
		return;
	if (check->is_standby || check->run == 0)
	{
		check_say(result, CHECK_SKIPPED, check->is_standby ? "no worker runs on a standby" :
				  "nothing is to run in this database; vnstream_start() would change that");
		return;
	}
	LWLockAcquire(shared_state->lock, LW_SHARED);
	entry = shared_entry_find(MyDatabaseId);
	for (i = 0; entry != NULL && i < DATABASE_WORKERS; i++)
		if (shared_slot_is_wanted(entry, &entry->workers[i]) &&
			entry->workers[i].role != ROLE_BACKFILL)
			slots[count++] = entry->workers[i];
	LWLockRelease(shared_state->lock);

	if (!config_enabled)
	{
		check_say(result, CHECK_FAILED, "\"vnstream.enabled\" is off");
		check_advise(result, "Set it to on in postgresql.conf and reload.");
	}
	else if (count == 0)
	{
		check_say(result, CHECK_WARNING, "the launcher does not know yet what is to run");
		check_advise(result, "Wait a moment; if it stays so, look for the launcher in vnstream_status().");
	}
	else
		judge_workers(result, slots, count);
}

/*
 * The first of this database's own settings that a session cannot have, such as
 * one made before the library was there, or one of the whole server.  Palloc'd.
 */
static char *
find_bad_setting(const Check *check)
{
	MemoryContext context = CurrentMemoryContext;
	RoleScope	role;
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(MyDatabaseId)};
	char	   *bad = NULL;
	uint64		i;

	role_scope_enter(&role, check->catalog.owner);
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute_with_args("SELECT c FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) c"
							  " WHERE s.setdatabase OPERATOR(pg_catalog.=) $1 AND s.setrole OPERATOR(pg_catalog.=) 0::pg_catalog.oid"
							  " AND pg_catalog.starts_with(c, 'vnstream.')",
							  1, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the database's settings");
	for (i = 0; i < SPI_processed && bad == NULL; i++)
	{
		char	   *name = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		char	   *value = strchr(name, '=');

		if (value == NULL)
			continue;
		*value++ = '\0';
		if (set_config_option(name, value, PGC_SUSET, PGC_S_DATABASE, GUC_ACTION_SET,
							  false, DEBUG2, false) == 0)
			bad = MemoryContextStrdup(context, name);
	}
	PopActiveSnapshot();
	SPI_finish();
	role_scope_leave(&role);
	return bad;
}

/* A source whose address cannot be used, with why; or NULL. */
static const CheckSource *
find_bad_source(const Check *check, char *error)
{
	size_t		i;

	for (i = 0; i < check->source_count; i++)
		if (!http_check_base_url(check->sources[i].url,
								 check->settings.allow_insecure_source, error))
			return &check->sources[i];
	return NULL;
}

void
check_settings(Check *check, CheckResult *result)
{
	const CheckSettings *settings = &check->settings;
	char	   *bad = find_bad_setting(check);
	const CheckSource *source;
	char		error[SOURCE_ERROR_SIZE];
	double		free_bytes;
	double		all_bytes;

	if (bad != NULL)
	{
		check_say(result, CHECK_FAILED, "\"%s\" cannot be what ALTER DATABASE has set it to, so it is not", bad);
		check_advise(result, "Look at it with \\drds, then ALTER DATABASE ... SET or RESET it.");
	}
	else if ((source = find_bad_source(check, error)) != NULL)
	{
		check_say(result, CHECK_FAILED, "%s: %s", source->url_setting, error);
		check_advise(result, "Use an https:// address, or set vnstream.allow_insecure_source where network and source are trusted.");
	}
	else if (settings->topic_retention >= 0 && settings->topic_retention < SHORT_RETENTION_S)
	{
		check_say(result, CHECK_WARNING, "vnstream.topic_retention is %d s: what consumers have not stored by then is lost",
				  settings->topic_retention);
		check_advise(result, "Set it to longer than consumers may ever be down.");
	}
	else if (settings->topic_retention >= 0 && settings->interval > settings->topic_retention)
	{
		check_say(result, CHECK_WARNING, "vnstream.interval is longer than vnstream.topic_retention");
		check_advise(result, "Set a longer vnstream.topic_retention.");
	}
	else if (check_file_system(DataDir, &free_bytes, &all_bytes) &&
			 settings->outbox_limit * 1024.0 > free_bytes / 2)
	{
		check_say(result, CHECK_WARNING, "vnstream.outbox_limit is %d MB, and the data directory has %.0f MB free",
				  settings->outbox_limit / 1024, free_bytes / 1048576);
		check_advise(result, "Set it to less than half of what is free: while Kafka is away the outbox grows to it.");
	}
	else
		check_say(result, CHECK_OK, "they go together");
}
