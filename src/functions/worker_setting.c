/*-------------------------------------------------------------------------
 *
 * worker_setting.c
 *	  Settings as this database's workers get them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "functions/worker_setting.h"
#include "pg_compat.h"
#include "settings.h"

char *
database_setting(const char *name)
{
	Oid			types[2] = {OIDOID, TEXTOID};
	Datum		values[2] = {ObjectIdGetDatum(MyDatabaseId), CStringGetTextDatum(name)};
	char	   *value = NULL;

	if (SPI_execute_with_args("SELECT pg_catalog.substr(c, pg_catalog.length($2) + 2)"
							  " FROM pg_catalog.pg_db_role_setting s,"
							  " pg_catalog.unnest(s.setconfig) c"
							  " WHERE s.setdatabase = $1 AND s.setrole = 0"
							  " AND pg_catalog.starts_with(c, $2 || '=')",
							  2, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the database's settings");
	if (SPI_processed == 1)
		value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	return value;
}

static const struct config_string *
string_setting(const char *name)
{
	struct config_generic **settings;
	int			count;
	int			i;

	settings = settings_list(&count);
	for (i = 0; i < count; i++)
		if (pg_strcasecmp(settings[i]->name, name) == 0 &&
			settings[i]->vartype == PGC_STRING)
			return (const struct config_string *) settings[i];
	return NULL;
}

/*
 * What the session began with.  Not by GetConfigOptionResetString(), which
 * refuses a superusers' setting to an owner of the extension who is none.
 */
static const char *
reset_value(const char *name)
{
	const struct config_string *setting = string_setting(name);

	return setting != NULL ? setting->reset_val : GetConfigOptionResetString(name);
}

char *
worker_setting(const char *name, MemoryContext context)
{
	const char *value = database_setting(name);

	if (value == NULL)
		value = reset_value(name);
	return MemoryContextStrdup(context, value != NULL ? value : "");
}

bool
worker_setting_is_given(const char *name)
{
	const char *own = database_setting(name);
	const struct config_string *setting = string_setting(name);

	if (own != NULL)
		return own[0] != '\0';
	return setting != NULL && setting->gen.reset_source <= PGC_S_ARGV &&
		setting->reset_val != NULL && setting->reset_val[0] != '\0';
}

int
worker_setting_number(const char *name, int unit)
{
	char	   *own = database_setting(name);
	int			number;

	/* a value was checked when it was set, but by the library of that day */
	if (own != NULL && parse_int(own, &number, unit, NULL))
		return number;
	if (!parse_int(reset_value(name), &number, unit, NULL))
		elog(ERROR, "could not read \"%s\"", name);
	return number;
}

bool
worker_setting_bool(const char *name)
{
	char	   *own = database_setting(name);
	bool		value;

	if (own != NULL && parse_bool(own, &value))
		return value;
	if (!parse_bool(reset_value(name), &value))
		elog(ERROR, "could not read \"%s\"", name);
	return value;
}
