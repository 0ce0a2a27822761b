/*-------------------------------------------------------------------------
 *
 * rows.h
 *	  Quotes as rows: a tuplestore that SQL sees as a relation.
 *
 * Its columns are those of realtime_quotes in the order of quote_fields[], and
 * nothing besides, so that in the common case the executor hands each row on
 * to the table without projecting it.
 *
 * Private to store/.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_ROWS_H
#define VNSTREAM_STORE_ROWS_H

#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"

#include "store/catalog.h"
#include "store/message.h"

/* The name that SQL knows the rows by. */
#define ROWS_RELATION "vnstream_batch"

typedef struct QuoteRows
{
	TupleDesc	desc;
	TimestampTz created_at;
	EphemeralNamedRelation relation;
	Tuplestorestate *store;
} QuoteRows;

/* Makes the relation known to SPI, which must be connected, without rows yet. */
extern void quote_rows_begin(QuoteRows *rows, TimestampTz created_at);

/*
 * The relation's rows are from now on those of these messages, in this order.
 * quote_rows_number() has the row's number, from 0, in kafka_offset, for a query
 * that must tell rows with one key apart.
 */
extern void quote_rows_fill(QuoteRows *rows, const IngestMessage *messages,
							const int *indexes, int count);
extern void quote_rows_number(QuoteRows *rows, const IngestMessage *messages,
							  const int *indexes, int count);

/* Forgets the relation. */
extern void quote_rows_end(QuoteRows *rows);

/* Can the database's encoding hold all text of the quote? */
extern bool quote_fits_encoding(const Quote *quote);

/* A member of a quote, of any kind but text, as the table's type. */
extern Datum quote_value(QuoteFieldKind kind, const void *member);

/* "ticker, time, …": every column, qualified where alias is given. */
extern void append_quote_columns(StringInfo text, const char *alias);

#endif							/* VNSTREAM_STORE_ROWS_H */
