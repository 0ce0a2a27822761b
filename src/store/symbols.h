/*-------------------------------------------------------------------------
 *
 * symbols.h
 *	  The rows of vnstream_symbols, of vnstream_symbol_history, and of
 *	  vnstream_symbol_refreshes.
 *
 * Only what changes is written, and each change of a fact is a row of the
 * history: what becomes known is none, but that a symbol is there is.
 *
 * All functions: main thread, inside store_transaction(), unless they say
 * otherwise.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_SYMBOLS_H
#define VNSTREAM_STORE_SYMBOLS_H

#include "datatype/timestamp.h"
#include "store/catalog.h"

/* One row.  Texts are UTF-8; '' and 0 are unknown. */
typedef struct SymbolRow
{
	const char *ticker;
	const char *exchange;
	const char *kind;
	const char *isin;
	const char *trading_status;
	int64		listed_shares;
	bool		is_active;
	int			misses;
	TimestampTz last_quote;
	const char **groups;
	int			group_count;
} SymbolRow;

/* All rows, in the order of their tickers' bytes; answers how many. */
extern int	symbol_rows_load(const StoreCatalog *catalog, MemoryContext context,
							 SymbolRow **rows);

/* One symbol of a source's list. */
typedef struct ListedSymbol
{
	const char *ticker;
	const char *exchange;
	const char *kind;
	const char *name;
	bool		is_active;		/* not delisted */
	bool		is_doubtful;	/* what is known already counts more */
} ListedSymbol;

typedef struct SymbolChanges
{
	int64		added;
	int64		changed;
	int64		removed;		/* not listed any more */
	int64		returned;		/* listed again */
} SymbolChanges;

/*
 * Takes a list over, each ticker once.  overrules: it counts more than what is
 * known already; else it only adds symbols and what is unknown.  removes: what
 * it does not have is not listed any more.
 */
extern void symbol_rows_take_list(const StoreCatalog *catalog,
								  const ListedSymbol *list, int count,
								  const char *source, bool overrules,
								  bool removes, SymbolChanges *changes);

/* These are the members of a group now. */
extern void symbol_rows_take_group(const StoreCatalog *catalog, const char *group,
								   const char *const *tickers, int count,
								   const char *source);

/*
 * What a sweep has brought, of as many symbols: the facts, where known, and
 * whether they answered.  Symbols without a row get one.
 */
extern void symbol_rows_take_sweep(const StoreCatalog *catalog,
								   const SymbolRow *rows, int count,
								   const char *source);

/*
 * Refreshes of the list.  request makes a row for later (the caller is SQL, in
 * any transaction); requested is the oldest of them, or 0.  begin starts the oldest request, or, where there is none and
 * trigger is not NULL, a row of its own; 0 where neither.  end ends it: error is
 * NULL where all went well; and forgets the oldest rows.  interrupt ends those
 * that a crash left open.
 */
extern int64 symbol_refresh_request(const StoreCatalog *catalog, bool accept_loss);
extern int64 symbol_refresh_requested(const StoreCatalog *catalog, bool *accepts_loss);
extern int64 symbol_refresh_begin(const StoreCatalog *catalog, const char *trigger,
								  const char *source, bool *accepts_loss);
extern void symbol_refresh_end(const StoreCatalog *catalog, int64 refresh,
							   const char *source,
							   int64 listed, const SymbolChanges *changes,
							   const char *error);
extern void symbol_refreshes_interrupt(const StoreCatalog *catalog);

/* When the list was last taken over; 0: never. */
extern TimestampTz symbol_refreshed_at(const StoreCatalog *catalog);

#endif							/* VNSTREAM_STORE_SYMBOLS_H */
