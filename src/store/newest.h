/*-------------------------------------------------------------------------
 *
 * newest.h
 *	  The newest row of each ticker, read from realtime_quotes.
 *
 * One index look-up for a ticker, and a loose index scan for all: from ticker to
 * ticker, not over all their rows.  With the rights of whoever is the user at the
 * moment.
 *
 * Main thread of any process, inside a transaction; newest_select() inside SPI.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_NEWEST_H
#define VNSTREAM_STORE_NEWEST_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"

#include "market/quote.h"
#include "store/catalog.h"

/*
 * A number for what realtime_quotes is made of: which table and which
 * partitions, with which files.  It changes when one is swapped, attached,
 * detached, dropped, truncated or written anew, not when rows come and go.  0
 * where a Quote that goes in may not be the row that the table has (triggers
 * before an insert, rules), or its owner may not see each row (row security,
 * forced): such a table's newest rows are not to be kept elsewhere.
 *
 * As of the invalidations that this process has heard of: the caller has just
 * locked the relation.  Cheap; quotes_table_state_is_known() says whether it is
 * still the same, and needs no transaction.
 */
extern uint64 quotes_table_state(Oid relation);
extern bool quotes_table_state_is_known(void);

/*
 * The newest row of the ticker, or (NULL) of each in order of tickers, in
 * SPI_tuptable, the columns of quote_fields[] in their order.  At most max rows
 * (0: all).  relation is realtime_quotes, locked, in schema_name (quoted).
 */
extern uint64 newest_select(Oid relation, const char *schema_name, const char *ticker,
							int max);

/*
 * A row of newest_select() as a quote.  False where the quote is not the row to
 * the letter, as of rows that did not come through the pipeline.
 */
extern bool newest_quote(HeapTuple row, TupleDesc desc, Quote *quote);

/*
 * Is the row older than the quote?  Of one moment it is not: it is that quote,
 * and stored.
 */
extern bool newest_is_older(HeapTuple row, TupleDesc desc, const Quote *quote);

/* The values of a quote, QUOTE_FIELD_COUNT of them, as the table's types. */
extern void newest_values(const Quote *quote, Datum *values, bool *nulls);

#endif							/* VNSTREAM_STORE_NEWEST_H */
