/*-------------------------------------------------------------------------
 *
 * bars.h
 *	  The rows of vnstream_bars and vnstream_index_quotes.
 *
 * All functions: main thread of a worker, inside store_transaction().
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_BARS_H
#define VNSTREAM_STORE_BARS_H

#include "market/bar.h"
#include "store/catalog.h"

/* What became of bars that were stored. */
typedef struct BarsStored
{
	int64		changed;		/* new, or in the place of another */
	int64		kept;			/* not taken: see bars_store() */
} BarsStored;

/*
 * Store bars of one ticker and source, received at fetched_at (µs since 1970
 * UTC); each start at most once.  A row changes only where the bar says something
 * else, so a repetition changes none.
 *
 * A finished bar that was fetched on its own day has the prices that were traded.
 * It stays where another day's answer has other prices: those may be adjusted,
 * and nobody could tell any more.  Such bars count as kept.  Where the prices are
 * the same, what is known of the bar stays known.
 */
extern void bars_store(const StoreCatalog *catalog, const char *ticker,
					   BarLength length, const char *source, int64 fetched_at,
					   const Bar *bars, int count, BarsStored *stored);

/* The same for minutes of an index, where the newest answer counts; how many changed. */
extern int64 index_quotes_store(const StoreCatalog *catalog, const char *index_name,
								const char *source, int64 fetched_at,
								const Bar *bars, int count);

/* As the type interval has it. */
extern const char *bar_length_name(BarLength length);
extern bool bar_length_from_name(const char *name, BarLength *length);

#endif							/* VNSTREAM_STORE_BARS_H */
