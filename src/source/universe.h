/*-------------------------------------------------------------------------
 *
 * universe.h
 *	  Which symbols a sweep asks for: vnstream.symbols made a list of tickers.
 *
 * The setting is words separated by commas, joined: 'all' (listed shares, ETFs
 * and funds of HOSE, HNX, UPCOM), an exchange (HOSE, HNX, UPCOM: what 'all' has
 * there), a kind (STOCK, ETF, UNIT_TRUST), an index group (VN30, VN100, HNX30,
 * ...) or a ticker.  Each word adds to the others, none takes away.
 *
 * What words stand for is told by symbols that are known: those that a look-up
 * has brought, today or earlier.
 *
 * Plain C with malloc.  One thread at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_UNIVERSE_H
#define VNSTREAM_SOURCE_UNIVERSE_H

#include "source/breaker.h"

typedef struct Universe
{
	char		(*tickers)[TICKER_MAX + 1]; /* malloc; each once, in the order
											 * of their bytes */
	size_t		count;
} Universe;

extern void universe_free(Universe *universe);

/*
 * Is the setting's text usable?  False with a sentence in error.  Derivatives
 * and bonds are refused where a ticker's shape shows them.
 */
extern bool universe_check(const char *symbols, char *error);

/* Index groups are counted from 0; a set of them has a bit for each. */
#define UNIVERSE_GROUPS_MAX 16

/* Those that the setting names. */
extern uint32_t universe_groups(const char *symbols);
/* NULL behind the last. */
extern const char *universe_group_name(int group);
/* -1 where there is none of that name. */
extern int	universe_group_find(const char *name);

/* ----------------------------------------------------------------
 *		The setting made tickers
 * ----------------------------------------------------------------
 */

/* A symbol that is known; '' is unknown. */
typedef struct UniverseSymbol
{
	char		ticker[TICKER_MAX + 1];
	char		exchange[QUOTE_NAME_MAX + 1];
	char		kind[QUOTE_NAME_MAX + 1];
	uint32_t	groups;			/* that it is in */
	bool		is_active;		/* listed now */
} UniverseSymbol;

/* What a person should know of the answer, words with commas between; or ''. */
typedef struct UniverseNotes
{
	char		empty[SOURCE_ERROR_SIZE];	/* stand for no known symbol */
	char		refused[SOURCE_ERROR_SIZE]; /* named tickers left out, with
											 * their kind: bonds, futures */
} UniverseNotes;

/*
 * The tickers that the setting stands for.  known are count symbols in the order
 * of their tickers' bytes, stride bytes apart.  A named ticker need not be known.
 * False: out of memory.
 */
extern bool universe_resolve(const char *symbols, const UniverseSymbol *known,
							 size_t count, size_t stride, Universe *universe,
							 UniverseNotes *notes);

/* ----------------------------------------------------------------
 *		Asking the source
 * ----------------------------------------------------------------
 */

/*
 * One look-up: the source's list of symbols, and the members of groups.  begin;
 * drive until done; then universe_lookup_result() moves out what came, also
 * where it answers false with what went wrong (after one retry a request, but
 * none after a refusal).  A list without a single symbol of the market, or a
 * group without members, is an error, too: it is the source that has changed.
 * may_request is asked before each request: 0 is "go, counted", else ms to wait;
 * NULL always goes.
 *
 * Who gives up earlier calls http_client_cancel_all() and
 * universe_lookup_free(), in any order.
 */
typedef struct UniverseLookup UniverseLookup;

typedef long (*RequestBudget) (void *context);

typedef struct SymbolLists
{
	bool		has_list;
	SourceSymbolList list;		/* tidy, see symbol_list.h */
	size_t		doubtful;		/* of it */
	uint32_t	has_groups;
	SourceSymbolList groups[UNIVERSE_GROUPS_MAX];	/* tickers alone */
} SymbolLists;

extern void symbol_lists_free(SymbolLists *lists);

/* NULL where memory is short. */
extern UniverseLookup *universe_lookup_begin(const SourceProvider *provider,
											 const char *base_url,
											 uint32_t groups);

/*
 * Starts what may start; hand each response that http_client_take() gives to
 * universe_lookup_take(), which frees it.
 */
extern void universe_lookup_drive(UniverseLookup *lookup, HttpClient *client,
								  RequestBudget may_request, void *context);
extern void universe_lookup_take(UniverseLookup *lookup, HttpResponse *response);
extern bool universe_lookup_is_done(const UniverseLookup *lookup);

/* ms until drive may go on although nothing arrived; -1: waits for a response */
extern long universe_lookup_timeout(const UniverseLookup *lookup);

/*
 * Has one that is done failed?  Then why, for a breaker, and the sentence of the
 * result; nothing is moved out.
 */
extern bool universe_lookup_has_failed(const UniverseLookup *lookup,
									   BreakerFailure *failure, char *error);

/* fault is HTTP_OK where nothing but memory was wrong. */
extern bool universe_lookup_result(UniverseLookup *lookup, SymbolLists *lists,
								   HttpFault *fault, long *retry_after_ms,
								   char *error);
extern void universe_lookup_free(UniverseLookup *lookup);

#endif							/* VNSTREAM_SOURCE_UNIVERSE_H */
