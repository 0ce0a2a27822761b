/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  vnstream_settings(): each setting as the workers of this database get it.
 *
 * A worker starts with the server's value, unless pg_db_role_setting has one for
 * its database, for all roles, or for its own role, which is the bootstrap
 * superuser as of any background worker.  What the session that asks goes by is
 * something else: it may have used SET, its role may have settings, and what the
 * database's were when it began may be changed by now.  So the catalog is read
 * anew, and of the session's own values only those are taken that are the
 * server's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "pg_compat.h"
#include "settings.h"
#include "shared_state.h"
#include "store/role.h"

PG_FUNCTION_INFO_V1(vnstream_settings);

#define SETTINGS_COLUMNS 5

/* Rows of pg_db_role_setting that a worker obeys; the first found decides. */
typedef enum CatalogLevel
{
	LEVEL_ROLE_IN_DATABASE,
	LEVEL_ROLE,
	LEVEL_DATABASE,
	LEVEL_ALL_ROLES,
	LEVELS
} CatalogLevel;

static const char *const level_names[LEVELS] = {
	"role in database", "role", "database", "all roles"
};

typedef struct FileSetting
{
	char	   *name;
	char	   *value;
} FileSetting;

/* What is read before the settings are gone through. */
typedef struct Surroundings
{
	ArrayType  *catalog[LEVELS];	/* "name=value" each; NULL: none */
	FileSetting *file;			/* ours, in the order of reading */
	int			file_count;

	/* the workers that have told their settings, and the launcher's view */
	int			worker_count;
	int			hash_counts[DATABASE_WORKERS];
	uint32		hashes[DATABASE_WORKERS][SETTINGS_MAX];
	int			wanted;
	int			consumers;
} Surroundings;

/* One line of the answer. */
typedef struct Resolved
{
	char	   *value;			/* as SHOW prints it; NULL: not for this caller */
	const char *source;
} Resolved;

static void
read_catalog(Surroundings *around, MemoryContext context)
{
	Oid			types[2] = {OIDOID, OIDOID};
	Datum		arguments[2];
	uint64		row;

	arguments[0] = ObjectIdGetDatum(MyDatabaseId);
	arguments[1] = ObjectIdGetDatum(BOOTSTRAP_SUPERUSERID);
	if (SPI_execute_with_args("SELECT setdatabase, setrole, setconfig"
							  " FROM pg_catalog.pg_db_role_setting"
							  " WHERE (setdatabase OPERATOR(pg_catalog.=) $1"
							  " OR setdatabase OPERATOR(pg_catalog.=) '0'::pg_catalog.oid)"
							  " AND (setrole OPERATOR(pg_catalog.=) $2"
							  " OR setrole OPERATOR(pg_catalog.=) '0'::pg_catalog.oid)",
							  2, types, arguments, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the databases' settings");
	for (row = 0; row < SPI_processed; row++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[row];
		TupleDesc	descriptor = SPI_tuptable->tupdesc;
		bool		isnull;
		bool		of_database = OidIsValid(DatumGetObjectId(
																SPI_getbinval(tuple, descriptor, 1, &isnull)));
		bool		of_role = OidIsValid(DatumGetObjectId(
															SPI_getbinval(tuple, descriptor, 2, &isnull)));
		Datum		config = SPI_getbinval(tuple, descriptor, 3, &isnull);
		CatalogLevel level = of_role ?
			(of_database ? LEVEL_ROLE_IN_DATABASE : LEVEL_ROLE) :
			(of_database ? LEVEL_DATABASE : LEVEL_ALL_ROLES);
		MemoryContext before = MemoryContextSwitchTo(context);

		if (!isnull)
			around->catalog[level] = DatumGetArrayTypePCopy(config);
		MemoryContextSwitchTo(before);
	}
}

/*
 * An error of the files that keeps one of our settings, or all settings, from
 * being read?  Others' settings are not this function's; and what only a restart
 * changes is told as an error too.
 */
static bool
is_our_error(const char *name)
{
	int			count;
	struct config_generic **all;
	int			i;

	if (name == NULL)
		return true;
	all = guc_variables(&count);
	for (i = 0; i < count; i++)
		if (pg_strcasecmp(all[i]->name, name) == 0)
			return setting_is_ours(name) && all[i]->context != PGC_POSTMASTER;
	/* no such setting */
	return true;
}

static void
read_files(Surroundings *around, MemoryContext context)
{
	uint64		row;
	bool		is_told = false;

	if (SPI_execute("SELECT name, setting, error, sourcefile, sourceline"
					" FROM pg_catalog.pg_show_all_file_settings()",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the configuration files");
	around->file = MemoryContextAlloc(context, sizeof(FileSetting) * (SPI_processed + 1));
	for (row = 0; row < SPI_processed; row++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[row];
		TupleDesc	descriptor = SPI_tuptable->tupdesc;
		char	   *name = SPI_getvalue(tuple, descriptor, 1);
		char	   *value = SPI_getvalue(tuple, descriptor, 2);
		char	   *error = SPI_getvalue(tuple, descriptor, 3);

		if (error != NULL)
		{
			if (!is_told && is_our_error(name))
				ereport(WARNING,
						(errcode(ERRCODE_CONFIG_FILE_ERROR),
						 errmsg("the server's configuration files have an error; the server goes on with the values it had"),
						 errdetail("%s, line %s: %s%s%s.", SPI_getvalue(tuple, descriptor, 4),
								   SPI_getvalue(tuple, descriptor, 5),
								   name != NULL ? name : "", name != NULL ? ": " : "", error),
						 errhint("Correct it, then call pg_reload_conf(). The view pg_file_settings has all errors.")));
			is_told = is_told || is_our_error(name);
			continue;
		}
		if (name == NULL || value == NULL || !setting_is_ours(name))
			continue;
		around->file[around->file_count].name = MemoryContextStrdup(context, name);
		around->file[around->file_count++].value = MemoryContextStrdup(context, value);
	}
}

static void
read_workers(Surroundings *around)
{
	DatabaseEntry *entry;
	int			i;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	entry = shared_entry_find(MyDatabaseId);
	for (i = 0; entry != NULL && i < DATABASE_WORKERS; i++)
	{
		const WorkerSlot *slot = &entry->workers[i];

		/* one that is starting has told nothing, and will get what is now */
		if (slot->pid == 0 || slot->setting_count == 0)
			continue;
		around->hash_counts[around->worker_count] = slot->setting_count;
		memcpy(around->hashes[around->worker_count++], slot->settings,
			   sizeof(slot->settings));
	}
	if (entry != NULL)
	{
		around->wanted = entry->wanted;
		around->consumers = entry->consumers > 0 ? entry->consumers :
			shared_state->default_consumers;
	}
	LWLockRelease(shared_state->lock);
}

/*
 * The value as SHOW would print it, or NULL where no process would accept it.
 */
static char *
as_shown(const char *name, const char *value)
{
	int			level = NewGUCNestLevel();
	char	   *shown = NULL;

	if (set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE,
						  true, DEBUG2, false) > 0)
		shown = GetConfigOptionByName(name, NULL, false);
	AtEOXact_GUC(false, level);
	return shown;
}

static char *
default_value(const struct config_generic *setting)
{
	switch (setting->vartype)
	{
		case PGC_BOOL:
			return pstrdup(((const struct config_bool *) setting)->boot_val ? "on" : "off");
		case PGC_INT:
			return psprintf("%d", ((const struct config_int *) setting)->boot_val);
		case PGC_REAL:
			return psprintf("%.17g", ((const struct config_real *) setting)->boot_val);
		case PGC_STRING:
			{
				const char *value = ((const struct config_string *) setting)->boot_val;

				return pstrdup(value != NULL ? value : "");
			}
		case PGC_ENUM:
			{
				struct config_enum *choice = (struct config_enum *) setting;

				return pstrdup(config_enum_lookup_by_value(choice, choice->boot_val));
			}
	}
	return pstrdup("");
}

/*
 * Settings that the launcher reads for the workers, from the database's own row
 * and the server's value alone: a worker is not started anew for them.
 */
static bool
is_launchers(const char *name)
{
	return strcmp(name, "vnstream.run") == 0 || strcmp(name, "vnstream.consumers") == 0;
}

/*
 * The value that the array has for the setting, or NULL.
 */
static char *
array_value(ArrayType *array, const char *name)
{
	Datum	   *settings;
	int			count;
	size_t		length = strlen(name);
	int			i;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &settings, NULL, &count);
	for (i = 0; i < count; i++)
	{
		char	   *line = TextDatumGetCString(settings[i]);

		if (pg_strncasecmp(line, name, length) == 0 && line[length] == '=')
			return line + length + 1;
	}
	return NULL;
}

static Resolved
resolve(const struct config_generic *setting, const Surroundings *around)
{
	Resolved	resolved = {0};
	int			i;

	/* ALTER DATABASE and ALTER ROLE can set no others */
	if (setting->context >= PGC_SUSET)
		for (i = 0; i < LEVELS; i++)
		{
			char	   *text;

			if (around->catalog[i] == NULL ||
				(is_launchers(setting->name) && i != LEVEL_DATABASE))
				continue;
			text = array_value(around->catalog[i], setting->name);
			if (text == NULL)
				continue;
			resolved.source = level_names[i];
			resolved.value = as_shown(setting->name, text);
			/* one that is refused is passed over, as when a process starts */
			if (resolved.value != NULL)
				return resolved;
		}

	/* the server's value: this session's, or what RESET would give, or unknown */
	if (setting->source <= PGC_S_ARGV)
	{
		resolved.source = GucSource_Names[setting->source];
		resolved.value = GetConfigOptionByName(setting->name, NULL, false);
		return resolved;
	}
	if (setting->reset_source <= PGC_S_ARGV)
	{
		resolved.source = GucSource_Names[setting->reset_source];
		resolved.value = as_shown(setting->name, GetConfigOptionResetString(setting->name));
		return resolved;
	}

	/* hidden in this session by its role or an earlier setting of the database */
	for (i = around->file_count - 1; i >= 0; i--)
	{
		if (pg_strcasecmp(around->file[i].name, setting->name) != 0)
			continue;
		resolved.source = GucSource_Names[PGC_S_FILE];
		resolved.value = as_shown(setting->name, around->file[i].value);
		if (resolved.value != NULL)
			return resolved;
	}
	resolved.source = GucSource_Names[PGC_S_DEFAULT];
	resolved.value = as_shown(setting->name, default_value(setting));
	return resolved;
}

/*
 * Do all workers go by this value?
 */
static bool
is_in_use(const char *name, const char *value, const Surroundings *around)
{
	uint32		hash = setting_hash(name, value);
	int			i;
	int			j;

	if (strcmp(name, "vnstream.run") == 0)
		return around->wanted == config_run_from_text(value);
	if (strcmp(name, "vnstream.consumers") == 0)
		return around->consumers == pg_strtoint32(value);
	for (i = 0; i < around->worker_count; i++)
	{
		for (j = 0; j < around->hash_counts[i]; j++)
			if (around->hashes[i][j] == hash)
				break;
		if (j == around->hash_counts[i])
			return false;
	}
	return true;
}

static void
read_surroundings(Surroundings *around)
{
	MemoryContext context = CurrentMemoryContext;
	RoleScope	scope;

	memset(around, 0, sizeof(*around));
	/* pg_monitor may call us, and only superusers read the files */
	role_scope_enter(&scope, BOOTSTRAP_SUPERUSERID);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	read_catalog(around, context);
	read_files(around, context);
	SPI_finish();
	role_scope_leave(&scope);
	read_workers(around);
}

Datum
vnstream_settings(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		reads_all = has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_SETTINGS);
	Surroundings *around = palloc(sizeof(Surroundings));
	struct config_generic **settings;
	int			count;
	int			i;

	shared_state_require();
	InitMaterializedSRF(fcinfo, 0);
	read_surroundings(around);
	settings = settings_list(&count);

	for (i = 0; i < count; i++)
	{
		const struct config_generic *setting = settings[i];
		bool		is_secret = (setting->flags & GUC_SUPERUSER_ONLY) != 0;
		Resolved	resolved = {0};
		Datum		values[SETTINGS_COLUMNS];
		bool		nulls[SETTINGS_COLUMNS];

		if (!is_secret || reads_all)
			resolved = resolve(setting, around);
		memset(values, 0, sizeof(values));
		memset(nulls, 0, sizeof(nulls));
		values[0] = CStringGetTextDatum(setting->name);
		nulls[1] = resolved.value == NULL;
		if (!nulls[1])
			values[1] = CStringGetTextDatum(resolved.value);
		nulls[2] = resolved.source == NULL;
		if (!nulls[2])
			values[2] = CStringGetTextDatum(resolved.source);
		values[3] = BoolGetDatum(setting->context == PGC_POSTMASTER);
		nulls[4] = resolved.value == NULL || around->worker_count == 0 ||
			setting->context == PGC_POSTMASTER;
		if (!nulls[4])
			values[4] = BoolGetDatum(is_in_use(setting->name, resolved.value, around));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
