/*-------------------------------------------------------------------------
 *
 * support.h
 *	  What the files of store/ share: kept plans, and text between Kafka's UTF-8 and the database's encoding.
 *
 * Private to store/.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_SUPPORT_H
#define VNSTREAM_STORE_SUPPORT_H

#include "postgres.h"

#include "executor/spi.h"
#include "store/catalog.h"
#include "store/role.h"

/*
 * A plan kept across transactions.  The text has %1$s where the schema's name
 * goes; a plan made for another schema is made anew.
 */
typedef struct StorePlan
{
	SPIPlanPtr	plan;
	char		schema_name[sizeof(((StoreCatalog *) 0)->schema_name)];
} StorePlan;

extern SPIPlanPtr store_plan(StorePlan *kept, const StoreCatalog *catalog,
							 const char *text, int argument_count,
							 Oid *argument_types);
extern void store_plan_forget(StorePlan *kept);

/* Run a plan and answer the number of rows; raises where SPI failed. */
extern uint64 store_execute(SPIPlanPtr plan, Datum *values, const char *nulls);

/* Run text once, e.g. DDL; raises where SPI failed. */
extern void store_run(const char *text);

/* Column (from 1) of the only row, which must be there and not be NULL. */
extern Datum store_result(int row, int column);

extern Datum int4_array(const int32 *values, int count);
extern Datum int8_array(const int64 *values, int count);

/*
 * UTF-8 from outside as the database's text, zero-terminated, palloc'd (the
 * argument itself where nothing is to be done).  NULL where the database's
 * encoding has no such character; text_for_reading() puts '?' there instead,
 * and also in what was not UTF-8.
 */
extern const char *text_to_server(const char *text);
extern const char *text_for_reading(const char *text);

/* The database's text as UTF-8; what cannot be converted becomes '?'. */
extern const char *text_from_server(const char *text);

/* µs since 1970 UTC, as market/ counts, and PostgreSQL's µs since 2000. */
extern TimestampTz timestamp_from_unix(int64 time);
extern int64 unix_from_timestamp(TimestampTz time);

#endif							/* VNSTREAM_STORE_SUPPORT_H */
