/*-------------------------------------------------------------------------
 *
 * insertion.h
 *	  Quotes into realtime_quotes: one way for the batch, for dead letters
 *	  that are read again, and for the rows of an old table.
 *
 * Rows go in from an ephemeral named relation through SPI, by a plain INSERT in
 * a subtransaction; only when it meets a unique violation, again with ON CONFLICT
 * DO NOTHING, which costs a quarter and is needed only after a replay.  A row
 * that PostgreSQL refuses for its own sake (SQLSTATE class 22 or 23) is found by
 * halving, and only that one is dead.
 *
 * Main thread, inside a transaction and SPI, a snapshot pushed, as the
 * extension's owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_INSERTION_H
#define VNSTREAM_STORE_INSERTION_H

#include "store/catalog.h"
#include "store/message.h"

/*
 * Who is to be told of each quote that becomes a row, right after it did, in the
 * transaction that did it, with quotes_table_state() of that moment: NULL at
 * first, nobody.  From _PG_init.
 */
typedef void (*QuoteListener) (uint64 table_state, const Quote *quote);
extern QuoteListener quotes_listener;

/*
 * Insert the quotes of messages[quotes[0 .. count)], as the table's owner,
 * restricted.  The fate of each becomes MESSAGE_STORED, MESSAGE_DUPLICATE or
 * MESSAGE_IS_DEAD (reasons are allocated in context).  Raises what is no row's
 * own fault; *lacks_partition says whether it was a missing partition.
 */
extern void quotes_insert(const StoreCatalog *catalog, IngestMessage *messages,
						  const int *quotes, int count, TimestampTz created_at,
						  MemoryContext context, bool *lacks_partition);

/*
 * The months of these quotes that months.c does not know of; months has room
 * for count of them.  Answers how many.  No transaction needed.
 */
extern int	quotes_new_months(const IngestMessage *messages, const int *quotes,
							  int count, int *months);

/*
 * All messages that are quotes, partitions of their months made first, in the
 * present transaction: for SQL functions.  Call months_forget() before the first
 * of a transaction, since partitions that an earlier one made may have gone with it.
 */
extern void quotes_store(const StoreCatalog *catalog, IngestMessage *messages,
						 int count, MemoryContext context);

/* Drops kept plans. */
extern void insertion_forget_plans(void);

#endif							/* VNSTREAM_STORE_INSERTION_H */
