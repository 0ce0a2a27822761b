/*-------------------------------------------------------------------------
 *
 * symbol_refresh.h
 *	  Asking the source for its list of symbols, and taking it over into
 *	  vnstream_symbols and the book.
 *
 * A refresh is due when the producer starts, with the first sweep of each day of
 * the market, when the settings name an index group whose members are not known,
 * and when somebody asks by vnstream_refresh_symbols().  One that failed is
 * tried again after 5 minutes, then less and less often, up to once an hour: with
 * yesterday's list sweeps go on.
 *
 * A list that has lost more than a fifth of the market is not believed: a source
 * that answers badly must not empty it.  Somebody has to say so.
 *
 * All functions: main thread of the producer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_SYMBOL_REFRESH_H
#define VNSTREAM_WORKERS_SYMBOL_REFRESH_H

#include "source/universe.h"
#include "workers/loop.h"

/*
 * Loads the book.  False where the database did not let it, which has been told;
 * then it is to be called again.
 */
extern bool refresh_begin(Backoff *store_backoff);
/* Frees what is under way; may be called twice, and while the process exits. */
extern void refresh_release(void);

/* The settings have been reloaded: somebody acted, so one that failed is due. */
extern void refresh_reconfigure(void);

/* Is one due before the next sweep?  symbols: all settings, with commas between. */
extern bool refresh_is_due(const char *symbols);
/*
 * May somebody have asked for one?  So it looks when a process begins, which knows of
 * none; the second one looks in the database, and says no where that cannot be had,
 * which has been told.
 */
extern bool refresh_is_requested(void);
extern bool refresh_has_request(Backoff *store_backoff);

/*
 * Start one: what was requested, else, where it is due, one for that reason.
 * False where there was none to start, or the database cannot take its row,
 * which has been told.
 */
extern bool refresh_start(const SourceProvider *provider, const char *base_url,
						  const char *symbols, bool only_requested,
						  Backoff *store_backoff);

/* Where one failed: ask another source for the same. */
extern void refresh_ask(const SourceProvider *provider, const char *base_url);

/* As of universe.h. */
extern void refresh_drive(HttpClient *http, RequestBudget may_request, void *context);
extern void refresh_take(HttpResponse *response);
extern bool refresh_is_done(void);
extern long refresh_timeout(void);
/* Of one that is done: was the source at fault?  Then how (SOURCE_ERROR_SIZE). */
extern bool refresh_has_failed(BreakerFailure *failure, char *error);

/*
 * Takes over what came.  What went wrong besides the source's fault, a list that is
 * not believed or a database that does not take it, has been told.
 */
extern void refresh_finish(Backoff *store_backoff);

#endif							/* VNSTREAM_WORKERS_SYMBOL_REFRESH_H */
