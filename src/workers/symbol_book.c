/*-------------------------------------------------------------------------
 *
 * symbol_book.c
 *	  The producer's copy of vnstream_symbols.
 *
 * An array in the order of tickers.  Refreshes and sweeps do not run at the same
 * time, so nothing is noted that the next load would forget.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "source/symbol_list.h"
#include "workers/loop.h"
#include "workers/symbol_book.h"

/* How stale last_quote may be in the table, so that not every sweep writes all. */
#define LAST_QUOTE_AGE_MS 300000

typedef struct Book
{
	MemoryContext context;
	BookSymbol *symbols;
	int			count;
	int			room;
} Book;

static Book book;
static Book loaded;				/* not in use yet */
static bool wakes;				/* one that rested has answered: ask all */

static int
compare_ticker(const void *ticker, const void *symbol)
{
	return strcmp(ticker, ((const BookSymbol *) symbol)->symbol.ticker);
}

static BookSymbol *
find(const Book *in, const char *ticker)
{
	return in->count == 0 ? NULL :
		bsearch(ticker, in->symbols, in->count, sizeof(BookSymbol), compare_ticker);
}

const BookSymbol *
symbol_book_find(const char *ticker)
{
	return find(&book, ticker);
}

int
symbol_book_count(void)
{
	return book.count;
}

static Book
make_book(int room)
{
	Book		made;

	made.context = AllocSetContextCreate(TopMemoryContext, "vnstream symbols",
										 ALLOCSET_DEFAULT_SIZES);
	made.room = room + 16;
	made.count = 0;
	made.symbols = MemoryContextAllocHuge(made.context, sizeof(BookSymbol) * made.room);
	return made;
}

void
symbol_book_begin(void)
{
	book = make_book(0);
}

/*
 * The symbol, made where it is not known: one that a setting names and no list
 * has.
 */
static BookSymbol *
find_or_add(const char *ticker)
{
	BookSymbol *symbol = find(&book, ticker);
	int			place = 0;

	if (symbol != NULL)
		return symbol;
	if (book.count == book.room)
	{
		book.room *= 2;
		book.symbols = repalloc_huge(book.symbols, sizeof(BookSymbol) * book.room);
	}
	while (place < book.count && strcmp(book.symbols[place].symbol.ticker, ticker) < 0)
		place++;
	symbol = &book.symbols[place];
	memmove(symbol + 1, symbol, sizeof(BookSymbol) * (book.count - place));
	memset(symbol, 0, sizeof(BookSymbol));
	strlcpy(symbol->symbol.ticker, ticker, sizeof(symbol->symbol.ticker));
	book.count++;
	return symbol;
}

/* ----------------------------------------------------------------
 *		The table
 * ----------------------------------------------------------------
 */

static void
take_row(BookSymbol *symbol, const SymbolRow *row)
{
	const BookSymbol *earlier = find(&book, row->ticker);

	memset(symbol, 0, sizeof(BookSymbol));
	strlcpy(symbol->symbol.ticker, row->ticker, sizeof(symbol->symbol.ticker));
	strlcpy(symbol->symbol.exchange, row->exchange, sizeof(symbol->symbol.exchange));
	strlcpy(symbol->symbol.kind, row->kind, sizeof(symbol->symbol.kind));
	strlcpy(symbol->isin, row->isin, sizeof(symbol->isin));
	strlcpy(symbol->trading_status, row->trading_status, sizeof(symbol->trading_status));
	symbol->listed_shares = row->listed_shares;
	symbol->symbol.is_active = row->is_active;
	symbol->misses = row->misses;
	symbol->last_quote = row->last_quote;
	for (int i = 0; i < row->group_count; i++)
	{
		int			group = universe_group_find(row->groups[i]);

		if (group >= 0)
			symbol->symbol.groups |= UINT32_C(1) << group;
	}
	if (earlier != NULL && symbol->misses > 0)
		symbol->rests_until = earlier->rests_until;
}

void
symbol_book_load(const StoreCatalog *catalog)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vnstream symbol rows",
												  ALLOCSET_DEFAULT_SIZES);
	SymbolRow  *rows;
	int			count;
	int			i;

	if (loaded.context != NULL)
		MemoryContextDelete(loaded.context);
	loaded.context = NULL;
	count = symbol_rows_load(catalog, context, &rows);
	loaded = make_book(count);
	for (i = 0; i < count; i++)
	{
		/* what somebody wrote there that is no ticker can be no symbol */
		if (ticker_is_valid(rows[i].ticker, strlen(rows[i].ticker)))
			take_row(&loaded.symbols[loaded.count++], &rows[i]);
	}
	MemoryContextDelete(context);
}

void
symbol_book_use(void)
{
	if (loaded.context == NULL)
		return;
	MemoryContextDelete(book.context);
	book = loaded;
	memset(&loaded, 0, sizeof(loaded));
}

void
symbol_book_store(const StoreCatalog *catalog, const char *source)
{
	SymbolRow  *rows = palloc0(sizeof(SymbolRow) * Max(book.count, 1));
	int			count = 0;
	int			i;

	for (i = 0; i < book.count; i++)
	{
		const BookSymbol *symbol = &book.symbols[i];
		SymbolRow  *row = &rows[count];

		if (!symbol->is_changed)
			continue;
		row->ticker = symbol->symbol.ticker;
		row->exchange = symbol->symbol.exchange;
		row->kind = symbol->symbol.kind;
		row->isin = symbol->isin;
		row->trading_status = symbol->trading_status;
		row->listed_shares = symbol->listed_shares;
		row->misses = symbol->misses;
		row->last_quote = symbol->last_quote;
		count++;
	}
	if (count > 0)
		symbol_rows_take_sweep(catalog, rows, count, source);
	pfree(rows);
}

void
symbol_book_settle(void)
{
	for (int i = 0; i < book.count; i++)
		book.symbols[i].is_changed = false;
}

/* ----------------------------------------------------------------
 *		What a list and a sweep say
 * ----------------------------------------------------------------
 */

static int
compare_listed(const void *ticker, const void *symbol)
{
	return strcmp(ticker, ((const SourceSymbol *) symbol)->ticker);
}

void
symbol_book_loss(const SourceSymbolList *list, int64 *before, int64 *lost)
{
	*before = 0;
	*lost = 0;
	for (int i = 0; i < book.count; i++)
	{
		const UniverseSymbol *symbol = &book.symbols[i].symbol;
		const SourceSymbol *row;

		if (!symbol->is_active || !symbol_is_of_market(symbol->kind, symbol->exchange))
			continue;
		(*before)++;
		row = list->count == 0 ? NULL :
			bsearch(symbol->ticker, list->symbols, list->count, sizeof(SourceSymbol),
					compare_listed);
		if (row == NULL)
			(*lost)++;
		else if (!row->is_doubtful &&
				 (row->is_delisted ||
				  !symbol_is_of_market(row->kind[0] != '\0' ? row->kind : symbol->kind,
									   row->exchange[0] != '\0' ? row->exchange : symbol->exchange)))
			(*lost)++;
	}
}

bool
symbol_book_has_group(int group)
{
	for (int i = 0; i < book.count; i++)
		if ((book.symbols[i].symbol.groups & (UINT32_C(1) << group)) != 0)
			return true;
	return false;
}

/* A text of an answer over what is known; was it news? */
static bool
take_text(char *known, size_t size, const char *text, bool overrules)
{
	if (text[0] == '\0' || strcmp(known, text) == 0 || (known[0] != '\0' && !overrules))
		return false;
	strlcpy(known, text, size);
	return true;
}

void
symbol_book_note_board(const Board *board, bool overrules)
{
	for (size_t i = 0; i < board->count; i++)
	{
		const Quote *quote = &board->quotes[i];
		const BoardListing *listing = &board->listings[i];
		BookSymbol *symbol = find_or_add(quote->ticker);
		UniverseSymbol *known = &symbol->symbol;
		bool		is_news = false;

		is_news |= take_text(known->kind, sizeof(known->kind), listing->kind, false);
		if (quote_knows(quote, QUOTE_EXCHANGE))
			is_news |= take_text(known->exchange, sizeof(known->exchange), quote->exchange, false);
		is_news |= take_text(symbol->isin, sizeof(symbol->isin), listing->isin, overrules);
		is_news |= take_text(symbol->trading_status, sizeof(symbol->trading_status),
							 listing->trading_status, overrules);
		if (listing->listed_shares > 0 && listing->listed_shares != symbol->listed_shares &&
			(overrules || symbol->listed_shares == 0))
		{
			symbol->listed_shares = listing->listed_shares;
			is_news = true;
		}
		symbol->is_changed |= is_news;
	}
}

static void
note_row(BookSymbol *symbol, TimestampTz now)
{
	if (symbol->misses > 0)
	{
		/* others may have been left out for the same reason */
		wakes |= symbol->misses >= MISSES_TO_REST;
		symbol->misses = 0;
		symbol->rests_until = 0;
		symbol->is_changed = true;
	}
	if (clock_passed(symbol->last_quote, now, LAST_QUOTE_AGE_MS))
	{
		symbol->last_quote = now;
		symbol->is_changed = true;
	}
}

void
symbol_book_note_sweep(const Sweep *sweep, bool counts_misses)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		asked = 0;
	int64		left_out = 0;
	SymbolOutcome outcome;
	const char *ticker;
	size_t		i;

	for (i = 0; sweep_symbol(sweep, i, &outcome) != NULL; i++)
	{
		asked++;
		left_out += outcome == SYMBOL_LEFT_OUT;
	}
	if (counts_misses)
		wakes = false;
	counts_misses = counts_misses && misses_count(asked, left_out);
	for (i = 0; (ticker = sweep_symbol(sweep, i, &outcome)) != NULL; i++)
	{
		BookSymbol *symbol = find_or_add(ticker);

		if (outcome == SYMBOL_HAS_ROW)
			note_row(symbol, now);
		else if (outcome == SYMBOL_LEFT_OUT && counts_misses)
		{
			symbol->misses = Min(symbol->misses, INT_MAX - 1) + 1;
			symbol->rests_until = symbol->misses < MISSES_TO_REST ? 0 :
				TimestampTzPlusMilliseconds(now, rest_after_misses(symbol->misses));
			symbol->is_changed = true;
		}
	}
}

/* ----------------------------------------------------------------
 *		What a sweep asks for
 * ----------------------------------------------------------------
 */

/*
 * A symbol that a clock set back would have rest for long does not: nobody rests
 * for longer than an hour.
 */
static bool
rests(const BookSymbol *symbol, TimestampTz now)
{
	return symbol != NULL && symbol->rests_until > now &&
		symbol->rests_until - now <= rest_after_misses(INT_MAX) * 1000;
}

bool
symbol_book_universe(const char *symbols, bool all, Universe *universe,
					 UniverseNotes *notes, int *resting)
{
	TimestampTz now = GetCurrentTimestamp();
	size_t		kept = 0;
	size_t		i;

	*resting = 0;
	if (!universe_resolve(symbols, &book.symbols[0].symbol, book.count, sizeof(BookSymbol),
						  universe, notes))
		return false;
	for (i = 0; i < universe->count && !all && !wakes; i++)
	{
		if (rests(find(&book, universe->tickers[i]), now))
		{
			(*resting)++;
			continue;
		}
		if (kept < i)
			memcpy(universe->tickers[kept], universe->tickers[i], sizeof(*universe->tickers));
		kept++;
	}
	if (!all && !wakes)
		universe->count = kept;
	return true;
}
