/*-------------------------------------------------------------------------
 *
 * rejects.h
 *	  Quotes that the rules refused or flagged before they were published.
 *
 * vnstream_rejects keeps the last of them, vnstream.rejects_limit rows;
 * vnstream_rule_counts counts all of them, a row a day, source and rule.  Both
 * move in the transaction of the outbox, with the sweep's own count, so that
 * the sum of rejected is the same there and here.
 *
 * (In a consumer, what a rule refuses is a dead letter.)
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_REJECTS_H
#define VNSTREAM_STORE_REJECTS_H

#include "store/catalog.h"

/* The rule of a row that is no quote, as dead letters have it. */
#define REJECT_FORM "form"

typedef struct Reject
{
	const char *ticker;			/* NULL: the row has no usable one, and no sweep counts it */
	const char *rule;			/* or REJECT_FORM, or the name of a flag */
	bool		is_flag;		/* published all the same */
	const char *reason;
	const char *row;			/* UTF-8, or what was meant to be */
} Reject;

/* What the source's bytes are as Reject.row: palloc'd, zero bytes as '?'. */
extern char *reject_row(const char *bytes, size_t length);

/*
 * Keep and count these, of one answer to a sweep; then remove what is beyond
 * limit rows, the oldest first.  judged_at is µs since 1970 UTC; its day in
 * Vietnam is the one counted.  Nothing is done where count is 0.  Main thread of
 * the producer, inside store_transaction().
 */
extern void rejects_add(const StoreCatalog *catalog, int64 sweep,
						const char *source, int64 judged_at,
						const Reject *rejects, int count, int limit);

#endif							/* VNSTREAM_STORE_REJECTS_H */
