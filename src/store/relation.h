/*-------------------------------------------------------------------------
 *
 * relation.h
 *	  The answer of one query as a relation of the next.
 *
 * What the extension's owner may read and the owner of realtime_quotes may not,
 * and the other way round, comes together in one query this way: an ephemeral
 * named relation needs no rights of its own.  Rows go to disk where they are
 * many.
 *
 * Private to store/.  Main thread, inside a transaction and SPI, a snapshot
 * pushed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_RELATION_H
#define VNSTREAM_STORE_RELATION_H

#include "postgres.h"

#include "store/catalog.h"
#include "store/role.h"
#include "utils/tuplestore.h"

typedef struct RelationColumn
{
	const char *name;
	Oid			type;
} RelationColumn;

/* The rows of a query with parameters; freed by tuplestore_end(). */
extern Tuplestorestate *relation_rows(const char *query, int count, Oid *types,
									  Datum *values);

/*
 * Makes rows, whose columns are as described, known to SPI by that name;
 * relation_drop() takes the name back and frees them.
 */
extern void relation_register(const char *name, Tuplestorestate *rows,
							  const RelationColumn *columns, int count);
extern void relation_drop(const char *name, Tuplestorestate *rows);

/*
 * The segments as a relation of that name: segment, partition, from_offset,
 * next_offset (int8, int4, int8, int8), life (timestamptz).  Rows with
 * created_at before life are of an earlier life or log of the topic, or of
 * another topic before it, and none of the segment's.  As the extension's owner.
 */
#define SEGMENTS_RELATION "vnstream_audit_segments"

extern Tuplestorestate *relation_of_segments(const StoreCatalog *catalog);

/*
 * From here on as the owner of realtime_quotes: what indexes, constraints and
 * policies of a table call runs, already when a query is planned, with the
 * rights of whoever asks.  A policy that hides rows would make them missing, so
 * it is an error.  Finds the table where table is not NULL.
 */
extern void quotes_reader_enter(RoleScope *role, const StoreCatalog *catalog,
								QuotesTable *table);

#endif							/* VNSTREAM_STORE_RELATION_H */
