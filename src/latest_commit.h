/*-------------------------------------------------------------------------
 *
 * latest_commit.h
 *	  Quotes of this transaction on their way into the map of the latest.
 *
 * They are gathered as they are inserted, the newest of each ticker; those of a
 * subtransaction that rolls back are dropped.  Before the commit their tickers
 * are marked, when the transaction is visible the quotes are applied, and at an
 * abort the marks go (latest.h).  A transaction that has gathered some cannot be
 * prepared: what becomes of it would be decided where nobody knows them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_LATEST_COMMIT_H
#define VNSTREAM_LATEST_COMMIT_H

#include "postgres.h"

#include "market/quote.h"

/*
 * This transaction has inserted a row of that quote, table_state being what
 * store/newest.h says of the table now.  Main thread of any
 * process, in a transaction; what store/insertion.h calls for each.
 */
extern void latest_commit_gather(uint64 table_state, const Quote *quote);

/* Does this transaction see rows that others do not? */
extern bool latest_commit_has_gathered(void);

#endif							/* VNSTREAM_LATEST_COMMIT_H */
