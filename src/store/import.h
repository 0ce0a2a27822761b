/*-------------------------------------------------------------------------
 *
 * import.h
 *	  The rows of an old table as quotes.
 *
 * Each row is written as a message and read by the very reader of messages, so
 * that one set of rules holds for both, and goes into realtime_quotes the way of
 * a batch, with kafka_partition and kafka_offset -1.  The old table is read with
 * the rights of whoever asks, the new one written with its owner's.
 *
 * Main thread of a session, inside a transaction and SPI, as the caller.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_IMPORT_H
#define VNSTREAM_STORE_IMPORT_H

#include "nodes/pg_list.h"
#include "utils/portal.h"

#include "market/quote.h"
#include "store/catalog.h"

/* Rows that were refused for one kind of reason. */
typedef struct ImportRefusal
{
	char		code[32];		/* as of a dead letter */
	int64		rows;
	StringInfoData examples;	/* the first three, a line each */
} ImportRefusal;

typedef struct Import
{
	int64		expected;		/* rows, as the planner estimates them */
	int64		stored;
	int64		duplicates;
	int64		oldest;			/* time of a stored row, µs since 1970 UTC;
								 * PG_INT64_MAX: none */
	List	   *refusals;		/* of ImportRefusal */
	MemoryContext context;		/* private, as is what follows */
	Portal		portal;
	int			columns[QUOTE_FIELD_COUNT]; /* of the query, from 1; 0: not there */
	Oid			types[QUOTE_FIELD_COUNT];	/* without domains */
} Import;

/*
 * Opens the relation, any that SELECT reads.  Raises where it is none, is
 * realtime_quotes itself, has no ticker and time, or the caller may not read
 * it; names in a NOTICE the columns that are ignored.
 */
extern void import_begin(const StoreCatalog *catalog, Import *import, Oid relation);

/* Takes over some thousand rows; answers how many, 0 when there are no more. */
extern int	import_some(const StoreCatalog *catalog, Import *import);

#endif							/* VNSTREAM_STORE_IMPORT_H */
