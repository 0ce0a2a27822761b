/*-------------------------------------------------------------------------
 *
 * latest.h
 *	  The newest quote of each ticker, in shared memory.
 *
 * One map for each database entry: tickers hashed to slots, which stay where
 * they are until the map goes to another database or another CREATE EXTENSION.
 * A map that is warm has the newest committed row of every ticker of
 * realtime_quotes, and may have newer quotes that are not stored yet.
 *
 * What keeps a reader from getting an older quote than one that is visible in
 * the table: a transaction that inserts quotes marks their slots before it
 * commits and applies the quotes afterwards, when it is visible
 * (latest_commit.h).  Of a marked slot, of a map that is not warm or is full, and
 * of one that was warmed from another table than the reader sees, a reader is
 * sent to the table; and where the table's row is older than the slot's quote,
 * as an old snapshot makes it, the slot's is the answer.
 *
 * A map has a lock of its own, held while slots are copied and never across a
 * call that can wait or fail.  Nothing here is a pointer of one process.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_LATEST_H
#define VNSTREAM_LATEST_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "market/quote.h"

/* A quote that a transaction has inserted, on its way into the map. */
typedef struct LatestChange
{
	Quote		quote;
	uint64		table_state;	/* of the table that it was inserted into */
	int			slot;			/* that is marked; -1: none */
} LatestChange;

/* Which map was marked.  Valid until the map goes to another database. */
typedef struct LatestTicket
{
	int			map;			/* -1: none */
	uint64		life;
} LatestTicket;

/* What shared memory knows of one ticker. */
typedef struct LatestEntry
{
	Quote		quote;
	bool		has_quote;		/* else only the ticker is filled in */
	bool		is_stored;		/* committed; false: on its way through Kafka */
	bool		must_read_table;	/* there may be a newer row */
} LatestEntry;

/* For people; all zero where this database has no map. */
typedef struct LatestFigures
{
	bool		is_warm;
	bool		is_full;
	int			tickers;		/* with a quote */
	int			unstored;		/* of them, not stored yet */
	TimestampTz warmed_at;
	double		warming_ms;		/* what the last warming took */
	bool		is_kept;		/* false: such a table is not kept in memory */
} LatestFigures;

/* Called by shared_memory.c. */
extern void latest_request(void);
extern void latest_start(void);

/*
 * Whoever changes or warms the map: any process, in a transaction or outside;
 * they do nothing where the library is not preloaded or no map is left.  None
 * raises an error, so a commit may call them.
 *
 * latest_claim(): this database's map is to be there from now on.  A worker
 * calls it before all else.
 *
 * latest_forget(): until somebody claims it again it is nobody's; the extension has
 * been dropped.
 *
 * latest_put(): a quote that is not stored yet.  An older one than the map has is
 * ignored.
 */
extern void latest_claim(void);
extern void latest_forget(void);
extern void latest_put(const Quote *quote);

/*
 * Around a commit.  latest_mark() before it; then, when the transaction is
 * visible, latest_apply(), or else latest_unmark().  has_more says that the
 * changes are not all: the whole map is marked then, and cold afterwards.
 */
extern void latest_mark(LatestChange *changes, int count, bool has_more,
						LatestTicket *ticket);
extern void latest_apply(const LatestChange *changes, int count, bool has_more,
						 const LatestTicket *ticket);
extern void latest_unmark(const LatestChange *changes, int count, bool has_more,
						  const LatestTicket *ticket);

/*
 * Warming.  latest_warm_begin() forgets what is stored (for another extension
 * everything), so what is added must be read by a snapshot taken afterwards, and
 * table_state (store/newest.h) be known before; 0 keeps the map cold.
 * latest_warm_add() takes a newest row; is_exact false where the Quote is not the
 * row to the letter: such a ticker is read from the table.  latest_warm_end()
 * makes the map warm, has_more where not every ticker was added; false where
 * something came in between, and it is to be done again.
 */
extern void latest_warm_begin(Oid extension, uint64 table_state);
extern void latest_warm_add(const Quote *quote, bool is_exact);
extern bool latest_warm_end(bool has_more, double ms);

/*
 * Is it to be warmed: nobody has yet, or somebody has found that it does not fit
 * the table?  Cheap; the claim comes first.
 */
extern bool latest_wants_warming(void);

/*
 * Readers: any process; table_state is that of the table as the reader sees it.
 *
 * latest_read(): what is known of one ticker.  True where that is all there is
 * to know: the table need not be read.  Without a quote, there is none.  Where
 * the map does not fit the table only a quote that is not stored is given, which
 * is of no table.
 *
 * latest_read_all(): of all tickers, palloc'd.  True where that is all but for
 * those with must_read_table.
 */
extern bool latest_read(const char *ticker, uint64 table_state, LatestEntry *entry);
extern bool latest_read_all(uint64 table_state, LatestEntry **entries, int *count);

extern void latest_figures(LatestFigures *figures);

#endif							/* VNSTREAM_LATEST_H */
