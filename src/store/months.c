/*-------------------------------------------------------------------------
 *
 * months.c
 *	  Partitions of realtime_quotes: one a month, made ahead.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "access/table.h"
#include "commands/tablespace.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "partitioning/partdesc.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "market/quote.h"
#include "store/months.h"
#include "store/support.h"

/*
 * How long DDL may wait for a lock, while whoever comes after it in the lock's
 * queue waits as well.
 */
#define MONTH_LOCK_TIMEOUT "5s"

/* Room for all months until the year 2311. */
#define MONTH_LIMIT 4096

static bool known_months[MONTH_LIMIT];

int
month_of_time(int64 time)
{
	int64		local = time + VIETNAM_UTC_OFFSET;
	int64		date = local / USECS_PER_DAY;
	int			year;
	int			month;
	int			day;

	if (local % USECS_PER_DAY < 0)
		date--;
	j2date((int) date + UNIX_EPOCH_JDATE, &year, &month, &day);
	return (year - 1970) * 12 + month - 1;
}

bool
months_known(int month)
{
	return month >= 0 && month < MONTH_LIMIT && known_months[month];
}

void
months_forget(void)
{
	memset(known_months, 0, sizeof(known_months));
}

static void
remember_month(int month)
{
	if (month >= 0 && month < MONTH_LIMIT)
		known_months[month] = true;
}

void
month_name(char *name, size_t size, int month)
{
	snprintf(name, size, QUOTES_TABLE "_%04d_%02d", 1970 + month / 12,
			 month % 12 + 1);
}

/*
 * Is there a partition of that name?  A relation that has the name and is no
 * partition of this table stands in the way of making one.  The parent is
 * closed on return: ATTACH refuses a table that is in use.
 */
bool
month_exists(const StoreCatalog *catalog, const QuotesTable *table, int month)
{
	char		name[NAMEDATALEN];
	Relation	parent;
	PartitionDesc partitions;
	bool		is_partition = false;
	Oid			oid;

	month_name(name, sizeof(name), month);
	oid = get_relname_relid(name, catalog->schema);
	if (!OidIsValid(oid))
		return false;

	parent = table_open(table->relation, AccessShareLock);
	partitions = RelationGetPartitionDesc(parent, true);
	for (int i = 0; i < partitions->nparts && !is_partition; i++)
		is_partition = (partitions->oids[i] == oid);
	table_close(parent, NoLock);

	if (!is_partition)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("%s.%s is in the way of a partition of %s.%s",
						catalog->schema_name, name,
						catalog->schema_name, QUOTES_TABLE),
				 errdetail("It has the partition's name and is not attached."),
				 errhint("Attach it again (ALTER TABLE %s.%s ATTACH PARTITION %s.%s FOR VALUES FROM ... TO ...), or rename it.",
						 catalog->schema_name, QUOTES_TABLE,
						 catalog->schema_name, name)));
	return true;
}

/*
 * An empty table of the parent's form, then ATTACH: unlike CREATE TABLE ...
 * PARTITION OF that takes no lock on the parent which readers or writers wait
 * for.  ATTACH makes the indexes, foreign keys and triggers.
 */
static void
make_month(const StoreCatalog *catalog, Oid tablespace, int month)
{
	const char *schema = catalog->schema_name;
	char		name[NAMEDATALEN];
	StringInfoData ddl;

	month_name(name, sizeof(name), month);
	initStringInfo(&ddl);
	appendStringInfo(&ddl,
					 "CREATE TABLE %s.%s (LIKE %s." QUOTES_TABLE
					 " INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED"
					 " INCLUDING STORAGE INCLUDING COMPRESSION)",
					 schema, name, schema);

	/* LIKE does not take the tablespace along, PARTITION OF would. */
	if (OidIsValid(tablespace))
		appendStringInfo(&ddl, " TABLESPACE %s",
						 quote_identifier(get_tablespace_name(tablespace)));
	appendStringInfo(&ddl,
					 ";\nALTER TABLE %s." QUOTES_TABLE " ATTACH PARTITION %s.%s"
					 " FOR VALUES FROM ('%04d-%02d-01 00:00:00+07')"
					 " TO ('%04d-%02d-01 00:00:00+07')",
					 schema, schema, name,
					 1970 + month / 12, month % 12 + 1,
					 1970 + (month + 1) / 12, (month + 1) % 12 + 1);
	store_run(ddl.data);
	pfree(ddl.data);
}

void
months_ensure(const StoreCatalog *catalog, const QuotesTable *table,
			  const int *wanted, int count)
{
	RoleScope	role;
	bool		is_locked = false;

	if (table->is_managed)
	{
		role_scope_enter(&role, table->owner);
		setting_pin("lock_timeout", MONTH_LOCK_TIMEOUT);

		for (int i = 0; i < count; i++)
		{
			if (month_exists(catalog, table, wanted[i]))
				continue;

			/*
			 * The lock of ATTACH, taken before the decision: of two consumers
			 * that miss the same month, one makes it and the other finds it.
			 */
			if (!is_locked)
			{
				LockRelationOid(table->relation, ShareUpdateExclusiveLock);
				is_locked = true;
				if (month_exists(catalog, table, wanted[i]))
					continue;
			}
			make_month(catalog, get_rel_tablespace(table->relation), wanted[i]);
		}
		role_scope_leave(&role);
	}

	/* Of a table that is not ours to partition, there is nothing to miss. */
	for (int i = 0; i < count; i++)
		remember_month(wanted[i]);
}
