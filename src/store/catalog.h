/*-------------------------------------------------------------------------
 *
 * catalog.h
 *	  Where the extension lives in this database, and realtime_quotes.
 *
 * The extension may be in any schema; its tables are found by its membership,
 * never by search_path.  realtime_quotes is no member of it: the first
 * vnstream_start() makes it in the same schema, and DROP EXTENSION leaves it.
 *
 * All functions: main thread, inside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_CATALOG_H
#define VNSTREAM_STORE_CATALOG_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "pg_compat.h"

/* Test modules are extensions of another name with the same tables. */
#ifndef VNSTREAM_EXTENSION_NAME
#define VNSTREAM_EXTENSION_NAME "vnstock_stream"
#endif

/* What the script of a database must be for this library to work with it. */
#ifndef VNSTREAM_SCRIPT_VERSION
#define VNSTREAM_SCRIPT_VERSION VNSTREAM_VERSION
#endif

#define QUOTES_TABLE "realtime_quotes"

typedef struct StoreCatalog
{
	Oid			extension;
	Oid			owner;			/* of the extension: state tables run as this */
	Oid			schema;
	char		schema_name[NAMEDATALEN * 2 + 3];	/* quoted for SQL */
	char		version[32];	/* of the installed script */
} StoreCatalog;

/*
 * Looks up the catalogs afresh.  False where the extension is not installed in
 * this database.
 */
extern bool store_catalog_find(StoreCatalog *catalog);

/*
 * The same, but raises ERRCODE_VNSTREAM_GONE, and ERRCODE_VNSTREAM_VERSION where
 * the installed script is not of this library's version: its tables may be others.
 */
extern void store_catalog_get(StoreCatalog *catalog);

/* The same without regard to the version: for who looks at no table. */
extern void store_catalog_get_any(StoreCatalog *catalog);

typedef struct QuotesTable
{
	Oid			relation;
	Oid			owner;			/* INSERT and partition DDL run as this role */
	bool		is_managed;		/* partitioned by month of time, by us */
} QuotesTable;

/*
 * Makes realtime_quotes where there is none (owner pg_database_owner, to whom
 * USAGE and CREATE on the schema are granted where lacking, with a NOTICE), and
 * else checks its shape.  Called by vnstream_start() in the caller's transaction;
 * takes the extension owner's rights itself.  Raises ERRCODE_DATATYPE_MISMATCH or
 * ERRCODE_UNDEFINED_COLUMN where an existing table cannot take quotes, with a
 * hint on how to keep its rows; ERRCODE_WRONG_OBJECT_TYPE where it is no table,
 * ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE where it is unlogged.
 */
extern void quotes_table_ensure(const StoreCatalog *catalog);

/*
 * Finds realtime_quotes and checks its shape: every column of quote.h by name
 * and type, kafka_partition, kafka_offset, created_at, additional columns
 * nullable or with a default, and a unique index on exactly (ticker, time).
 * Keeps it locked (AccessShareLock) until the transaction ends, so that name and
 * owner stay what they are.  Raises as above, or ERRCODE_UNDEFINED_TABLE.
 */
extern void quotes_table_find(const StoreCatalog *catalog, QuotesTable *table);

/*
 * realtime_quotes of a schema, locked likewise, or InvalidOid: without a look at
 * its shape, for who only reads.  quotes_table_missing() raises the error for it.
 */
extern Oid	quotes_table_lock(Oid schema);
pg_noreturn extern void quotes_table_missing(const char *schema_name);

#endif							/* VNSTREAM_STORE_CATALOG_H */
