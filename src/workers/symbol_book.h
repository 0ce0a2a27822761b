/*-------------------------------------------------------------------------
 *
 * symbol_book.h
 *	  The producer's copy of vnstream_symbols: what is known of each symbol, and
 *	  which of them a sweep asks for.
 *
 * Loaded when the producer starts and after each refresh of the list.  What a
 * sweep brings is noted here, answer by answer, and written to the table once,
 * when the sweep ends.
 *
 * All functions: main thread of the producer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_SYMBOL_BOOK_H
#define VNSTREAM_WORKERS_SYMBOL_BOOK_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "source/sweep.h"
#include "store/symbols.h"

/* What is known of a symbol; '' and 0 are unknown. */
typedef struct BookSymbol
{
	UniverseSymbol symbol;		/* ticker, exchange, kind, groups, is_active */
	char		isin[ISIN_MAX + 1];
	char		trading_status[TRADING_STATUS_MAX + 1];
	int64		listed_shares;
	int			misses;			/* in a row */
	TimestampTz last_quote;		/* within some minutes */
	TimestampTz rests_until;	/* 0: it does not rest */
	bool		is_changed;		/* to be written */
} BookSymbol;

/* NULL where it is not known.  Good until anything else of this file is called. */
extern const BookSymbol *symbol_book_find(const char *ticker);

/* How many symbols are known. */
extern int	symbol_book_count(void);

extern void symbol_book_begin(void);

/*
 * Reads the table; inside store_transaction().  The copy is the new one only
 * after symbol_book_use(), which is called once that has committed.
 */
extern void symbol_book_load(const StoreCatalog *catalog);
extern void symbol_book_use(void);

/*
 * The tickers of a setting such as vnstream.symbols, of which those that rest are
 * left out, unless all are wanted; *resting is how many.  The caller frees the
 * universe.  False: out of memory.
 */
extern bool symbol_book_universe(const char *symbols, bool all, Universe *universe,
								 UniverseNotes *notes, int *resting);

/*
 * Of the active symbols of the market, how many would not be any more by this
 * list?  It is tidy.
 */
extern void symbol_book_loss(const SourceSymbolList *list, int64 *before, int64 *lost);

/* Is any symbol known to be a member of that index group? */
extern bool symbol_book_has_group(int group);

/*
 * What an answer's rows tell of their symbols.  overrules: more than what is
 * known already (the source of first choice), else only what is unknown.
 */
extern void symbol_book_note_board(const Board *board, bool overrules);

/*
 * What became of the symbols of a sweep, once it is done.  Where one has rested
 * and has answered, the next sweep asks for all: what was wrong may be over for
 * others, too.
 */
extern void symbol_book_note_sweep(const Sweep *sweep, bool counts_misses);

/*
 * Writes what was noted, inside store_transaction(); settled once that has
 * committed.
 */
extern void symbol_book_store(const StoreCatalog *catalog, const char *source);
extern void symbol_book_settle(void);

#endif							/* VNSTREAM_WORKERS_SYMBOL_BOOK_H */
