/*-------------------------------------------------------------------------
 *
 * check_table.c
 *	  Steps of vnstream_check() about realtime_quotes and the disk under it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/statvfs.h>

#include "access/htup_details.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_tablespace.h"
#include "commands/tablespace.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "config.h"
#include "functions/check.h"
#include "latest.h"
#include "store/months.h"
#include "store/retention.h"
#include "store/role.h"
#include "workers/loop.h"

/*
 * Free space: what is told as a warning and what as a failure.  A data directory
 * that is full stops the whole server.
 */
#define WARN_DAYS 14
#define FAIL_DAYS 2
#define WARN_SHARE 0.10
#define FAIL_SHARE 0.05

bool
check_file_system(const char *path, double *free_bytes, double *all_bytes)
{
	struct statvfs status;

	if (statvfs(path, &status) != 0)
		return false;
	*free_bytes = (double) status.f_bavail * status.f_frsize;
	*all_bytes = (double) status.f_blocks * status.f_frsize;
	return *all_bytes > 0;
}

void
check_table(Check *check, CheckResult *result)
{
	char	   *owner;

	quotes_table_find(&check->catalog, &check->table);
	check->has_table = true;
	owner = GetUserNameFromId(check->table.owner, false);
	if (pg_class_aclcheck(check->table.relation, check->table.owner, ACL_INSERT) != ACLCHECK_OK)
	{
		check_say(result, CHECK_FAILED, "its owner %s may not insert into it", owner);
		check_advise(result, "GRANT INSERT ON %s." QUOTES_TABLE " TO %s.", check->catalog.schema_name,
					 quote_identifier(owner));
	}
	else if (superuser_arg(check->table.owner))
	{
		check_say(result, CHECK_WARNING, "its owner %s is a superuser: triggers on it run with a superuser's rights", owner);
		check_advise(result, "ALTER TABLE %s." QUOTES_TABLE " OWNER TO pg_database_owner, or another role.",
					 check->catalog.schema_name);
	}
	else
		check_say(result, CHECK_OK, "it can take quotes; its owner is %s", owner);
}

/* Nights that pass before it is remarkable that a month was not dropped. */
#define OVERDUE_DAYS 2

/* Months that vnstream.retention should have dropped by now; the oldest's name. */
static int
count_overdue(const Check *check, char **oldest)
{
	TimestampTz then = GetCurrentTimestamp() - OVERDUE_DAYS * USECS_PER_DAY;
	MemoryContext context = CurrentMemoryContext;
	QuotesPartition *due;
	RoleScope	role;
	int			count;

	role_scope_enter(&role, check->catalog.owner);
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	due = retention_due(&check->catalog, then, check->settings.retention, &count);
	if (count > 0)
		*oldest = MemoryContextStrdup(context, due[0].name);
	PopActiveSnapshot();
	SPI_finish();
	role_scope_leave(&role);
	return count;
}

void
check_partitions(Check *check, CheckResult *result)
{
	int64		now = UNIX_FROM_TIMESTAMP(GetCurrentTimestamp());
	int			month = month_of_time(now);
	char		name[NAMEDATALEN];
	bool		has_this;
	bool		has_next;
	char	   *oldest = NULL;
	int			overdue;

	if (!check->has_table)
	{
		check_say(result, CHECK_SKIPPED, "there is no table that can take quotes");
		return;
	}
	if (!check->table.is_managed)
	{
		check_say(result, CHECK_SKIPPED, "the pipeline does not partition this table");
		if (check->settings.retention > 0)
		{
			check_say(result, CHECK_WARNING, "the pipeline does not partition this table, so vnstream.retention drops nothing");
			check_advise(result, "Delete old quotes by your own means, and reset vnstream.retention; or rename the table, start anew, and take its rows over with vnstream_import().");
		}
		return;
	}
	has_this = month_exists(&check->catalog, &check->table, month);
	has_next = month_exists(&check->catalog, &check->table, month + 1);
	overdue = count_overdue(check, &oldest);
	if (overdue > 0)
	{
		if (overdue > 1)
			check_say(result, CHECK_WARNING, "%s and %d more are older than vnstream.retention", oldest, overdue - 1);
		else
			check_say(result, CHECK_WARNING, "%s is older than vnstream.retention", oldest);
		check_advise(result, "Consumer 1 drops them when it starts and every night; SELECT * FROM vnstream_log(level => 'warning') says why it did not.");
		return;
	}
	if (has_this && has_next)
	{
		check_say(result, CHECK_OK, "this and the next month's are there");
		return;
	}
	month_name(name, sizeof(name), has_this ? month + 1 : month);
	check_say(result, CHECK_WARNING, "there is no %s", name);
	check_advise(result, "A consumer makes it with the next batch; where none runs, SELECT vnstream_start('consumer').");
}

void
check_latest(Check *check, CheckResult *result)
{
	LatestFigures figures;

	latest_figures(&figures);
	if (check->is_standby)
		check_say(result, CHECK_SKIPPED, "a standby reads them from the table");
	else if (!figures.is_warm && (figures.is_kept || figures.warmed_at == 0))
		check_say(result, CHECK_SKIPPED, "they are read from the table until consumer 1 has read them into shared memory");
	else if (!figures.is_kept)
	{
		check_say(result, CHECK_WARNING, "each is read from the table, since triggers, rules or forced row security of it may change rows");
		check_advise(result, "Make triggers of " QUOTES_TABLE " run AFTER INSERT, for latest quotes to come from shared memory.");
	}
	else if (figures.is_full)
	{
		check_say(result, CHECK_WARNING, "there is room in shared memory for %d tickers, and there are more; these are read from the table",
				  config_max_symbols);
		check_advise(result, "Raise vnstream.max_symbols and restart the server.");
	}
	else
		check_say(result, CHECK_OK, "%d tickers are in shared memory, %d of them with a quote that is not stored yet; reading them took %.0f ms",
				  figures.tickers, figures.unstored, figures.warming_ms);
}

/* Where new rows of the table go: its tablespace's path, and a name for it. */
static const char *
table_path(const Check *check, const char **name)
{
	Oid			tablespace = InvalidOid;

	if (check->has_table)
		tablespace = get_rel_tablespace(check->table.relation);
	if (!OidIsValid(tablespace))
		tablespace = MyDatabaseTableSpace;
	if (tablespace == DEFAULTTABLESPACE_OID || tablespace == GLOBALTABLESPACE_OID)
	{
		*name = "the data directory";
		return DataDir;
	}
	*name = psprintf("tablespace \"%s\"", get_tablespace_name(tablespace));
	return psprintf("%s/pg_tblspc/%u", DataDir, tablespace);
}

/*
 * Bytes that a day adds.  Rows are what sweeps published, and what a consumer
 * stored where this database makes no sweeps; bytes a row are those of the
 * partitions whose rows have been counted by ANALYZE or VACUUM.  < 0: unknown.
 */
static double
bytes_a_day(const Check *check, double *rows_a_day)
{
	const char *schema = check->catalog.schema_name;
	double		bytes_a_row;

	*rows_a_day = check_query(check, psprintf("SELECT pg_catalog.sum(published)::pg_catalog.float8 FROM %s.vnstream_sweeps"
											  " WHERE requested OPERATOR(pg_catalog.>) (pg_catalog.now() OPERATOR(pg_catalog.-) '24 h'::pg_catalog.interval)",
											  schema), -1);
	if (*rows_a_day < 0)
		*rows_a_day = check_query(check, psprintf("SELECT pg_catalog.sum(stored OPERATOR(pg_catalog./) GREATEST(pg_catalog.date_part('epoch', updated_at OPERATOR(pg_catalog.-) opened_at) OPERATOR(pg_catalog./) 86400, 1))::pg_catalog.float8"
												  " FROM %s.vnstream_segments WHERE closed_at IS NULL",
												  schema), -1);
	if (*rows_a_day < 0 || !check->has_table)
		return -1;
	bytes_a_row = check_query(check, psprintf("SELECT pg_catalog.sum(pg_catalog.pg_total_relation_size(c.oid))::pg_catalog.float8"
											  " OPERATOR(pg_catalog./) NULLIF(pg_catalog.sum(c.reltuples::pg_catalog.float8), 0)"
											  " FROM pg_catalog.pg_partition_tree(%u) t JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.relid::pg_catalog.oid"
											  " WHERE t.isleaf AND c.reltuples OPERATOR(pg_catalog.>=) 1000",
											  check->table.relation), -1);
	return bytes_a_row < 0 ? -1 : *rows_a_day * bytes_a_row;
}

void
check_disk(Check *check, CheckResult *result)
{
	const char *name;
	const char *path = table_path(check, &name);
	const char *fullest = "the data directory";
	double		data_free;
	double		data_all;
	double		table_free;
	double		table_all;
	double		rows;
	double		daily = bytes_a_day(check, &rows);
	double		days;
	double		share;
	CheckVerdict verdict;

	if (!check_file_system(DataDir, &data_free, &data_all) ||
		!check_file_system(path, &table_free, &table_all))
	{
		check_say(result, CHECK_SKIPPED, "could not ask for free space: %m");
		return;
	}
	share = data_free / data_all;
	if (table_free / table_all < share)
	{
		share = table_free / table_all;
		fullest = name;
	}
	days = daily > 0 ? table_free / daily : -1;

	verdict = share < FAIL_SHARE || (days >= 0 && days < FAIL_DAYS) ? CHECK_FAILED :
		share < WARN_SHARE || (days >= 0 && days < WARN_DAYS) ? CHECK_WARNING : CHECK_OK;
	if (days >= 0 && days < 36500)
		check_say(result, verdict, "%.1f GB (%.0f %%) free in %s; %.0f rows and %.0f MB a day fill %s in %.0f days",
				  (fullest == name ? table_free : data_free) / 1e9, share * 100, fullest,
				  rows, daily / 1e6, name, days);
	else
		check_say(result, verdict, "%.1f GB (%.0f %%) free in %s%s",
				  (fullest == name ? table_free : data_free) / 1e9, share * 100, fullest,
				  days < 0 ? "; for how long is not known yet" : "; it lasts for decades");
	check_advise(result, "Set vnstream.retention, which drops old months of " QUOTES_TABLE ", or add space.");
}
