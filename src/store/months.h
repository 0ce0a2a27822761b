/*-------------------------------------------------------------------------
 *
 * months.h
 *	  Partitions of realtime_quotes: one a month, made ahead.
 *
 * A month is Asia/Ho_Chi_Minh's.  CREATE TABLE … LIKE and ATTACH take no
 * AccessExclusiveLock on the parent (PARTITION OF does), run as the table's owner
 * with a lock timeout, and in a transaction of their own, so that a batch never
 * waits for them with its rows in hand.
 *
 * Main thread of a worker, inside a transaction where not said otherwise.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_MONTHS_H
#define VNSTREAM_STORE_MONTHS_H

#include "store/catalog.h"

/* Months since January 1970 in Asia/Ho_Chi_Minh; time is µs since 1970 UTC. */
extern int	month_of_time(int64 time);

/*
 * Is there, for all this process knows, a partition for that month?  No
 * transaction needed.  months_forget() makes the process know nothing; the
 * caller does so when an INSERT found no partition (23514).
 */
extern bool months_known(int month);
extern void months_forget(void);

/*
 * Is there a partition for that month, whoever made it known?  Raises
 * ERRCODE_DUPLICATE_TABLE as below.  Main thread of any process.
 */
extern bool month_exists(const StoreCatalog *catalog, const QuotesTable *table,
						 int month);
extern void month_name(char *name, size_t size, int month);

/*
 * Makes the partitions of the wanted months that do not exist yet, and remembers
 * all of them; makes nothing in a table that is not managed by us.  Raises
 * ERRCODE_DUPLICATE_TABLE (drift) where another relation has a partition's name,
 * such as a partition that was detached.
 */
extern void months_ensure(const StoreCatalog *catalog, const QuotesTable *table,
						  const int *wanted, int count);

#endif							/* VNSTREAM_STORE_MONTHS_H */
