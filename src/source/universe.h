/*-------------------------------------------------------------------------
 *
 * universe.h
 *	  Which symbols a sweep asks for: vnstream.symbols made a list of tickers.
 *
 * The setting is words separated by commas, joined: 'all' (listed shares, ETFs
 * and funds of HOSE, HNX, UPCOM), an exchange (HOSE, HNX, UPCOM: what 'all' has
 * there), a kind (STOCK, ETF), an index group (VN30, VN100, HNX30, ...) or a
 * ticker.  Only what needs the source's lists asks the source.
 *
 * Plain C with malloc.  One thread at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_UNIVERSE_H
#define VNSTREAM_SOURCE_UNIVERSE_H

#include "source/breaker.h"
#include "source/http.h"

typedef struct Universe
{
	char		(*tickers)[TICKER_MAX + 1]; /* malloc; each once, in the order
											 * of their bytes */
	size_t		count;
} Universe;

extern void universe_free(Universe *universe);

/* Is the setting's text usable?  False with a sentence in error. */
extern bool universe_check(const char *symbols, char *error);

/*
 * One look-up.  begin; drive until done; then universe_lookup_result() moves
 * the tickers out, or answers false with what went wrong (after one retry a
 * request, but none after a refusal).  A list without what a word stands for
 * is an error, too: it is the source that has changed.  may_request is asked
 * before each request to a provider: 0 is "go, counted", else ms to wait; NULL
 * always goes.
 *
 * Who gives up earlier calls http_client_cancel_all() and
 * universe_lookup_free(), in any order.
 */
typedef struct UniverseLookup UniverseLookup;

typedef long (*RequestBudget) (void *context, const SourceProvider *provider);

extern UniverseLookup *universe_lookup_begin(const SourceProvider *provider,
											 const char *base_url,
											 const char *symbols, char *error);

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

/* failure->fault is HTTP_OK where nothing but memory was wrong. */
extern bool universe_lookup_result(UniverseLookup *lookup, Universe *universe,
								   BreakerFailure *failure, char *error);
extern void universe_lookup_free(UniverseLookup *lookup);

#endif							/* VNSTREAM_SOURCE_UNIVERSE_H */
