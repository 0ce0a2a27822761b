/*-------------------------------------------------------------------------
 *
 * retention.h
 *	  Whole months that are older than vnstream.retention go.
 *
 * Only of a table that the pipeline partitions, and of that only what is exactly
 * one month by name and bounds.  A month is dropped in one transaction with the
 * record of it: how many rows it had, and which offsets they were, for the audit.
 * So nothing is left half done, whatever ends the process.
 *
 * Detaching takes an AccessExclusiveLock on realtime_quotes.  Who waits for one
 * makes everybody behind it wait, so nobody waits for it here: first those who
 * use the table at this moment are waited for without asking for a lock, then
 * the month is read while others read on, and only at the end the lock is asked
 * for, for two seconds at most.
 *
 * Main thread of a worker, in store_transaction(), as the extension's owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_RETENTION_H
#define VNSTREAM_STORE_RETENTION_H

#include "datatype/timestamp.h"

#include "store/partitions.h"

/* When vnstream.retention (in s, not 0) drops this partition; 0: never. */
extern TimestampTz retention_falls_due(const QuotesTable *table,
									   const QuotesPartition *partition, int retention);

/*
 * The partitions that are due, the oldest first; palloc'd.  None where the table
 * is not the pipeline's to partition.
 */
extern QuotesPartition *retention_due(const StoreCatalog *catalog, TimestampTz now,
									  int retention, int *count);

/*
 * Do the quotes say, too, that it is about this time?  Retention believes no
 * clock alone: one that is years ahead would drop everything.  False where no
 * quote of the last 40 days is there, or their boards show other trading dates or
 * none; those of old producers, which name no source, need none.
 */
extern bool retention_believes(const StoreCatalog *catalog, TimestampTz now);

typedef struct RetentionDrop
{
	bool		is_done;		/* false: it is not due any more */
	int64		rows;
	int64		size;			/* bytes, with indexes */
} RetentionDrop;

/*
 * Drops one that retention_due() gave, after looking at it again.  Raises
 * ERRCODE_LOCK_NOT_AVAILABLE where the table is in use for too long; and whatever
 * PostgreSQL has against it, such as a view of the partition.
 */
extern void retention_drop(const StoreCatalog *catalog, const QuotesPartition *due,
						   TimestampTz now, int retention, RetentionDrop *drop);

#endif							/* VNSTREAM_STORE_RETENTION_H */
