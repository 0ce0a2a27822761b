/*-------------------------------------------------------------------------
 *
 * fetch.h
 *	  A look at one ticker at the source, for a person: stores and publishes
 *	  nothing.
 *
 * A worker of its own makes the request (workers/fetch.h), so nothing waits
 * inside libcurl here: Ctrl-C, pg_terminate_backend() and a shutdown end the
 * waiting at once, and the worker soon after.
 *
 * Main thread of a session, inside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_FUNCTIONS_FETCH_H
#define VNSTREAM_FUNCTIONS_FETCH_H

#include "postgres.h"

#include "source/http.h"

/* How long to wait for a turn in the budget of requests. */
#define FETCH_BUDGET_MS 60000

/*
 * What came of a look.  Everything is palloc'd, text is in the database's
 * encoding, with bytes that it cannot hold written as \xff or \u1ea1.
 */
typedef struct FetchAnswer
{
	/* Why there was no look (fetch_probe() is false); nothing else is set. */
	int			sqlstate;
	char	   *failure;
	char	   *hint;			/* or NULL */

	char	   *url;
	HttpFault	fault;			/* HTTP_UNREADABLE also where the answer is not
								 * what was asked for; HTTP_OK where only the
								 * row has a fault */
	int			status;			/* of HTTP; 0 where no answer came */
	SourceProbe probe;
	int64		duration;		/* µs from the request to the last byte */
	int64		received_at;	/* last byte's arrival, µs since 1970 UTC; 0
								 * where the request could not start */
	char	   *headers;		/* lines, or NULL */
	char	   *body;			/* or NULL */
	int64		body_length;	/* bytes that came, decompressed */
	bool		body_is_cut;	/* body has not all of them */
	char	   *error;			/* a sentence on what is wrong with the request,
								 * its answer or the row; NULL: nothing */
	char	   *quote;			/* the message that it would be, JSON; NULL where
								 * there is no quote */
	char	   *verdicts;		/* {"rule": "ok", …}, JSON; NULL like quote */
	int			broken_rules;	/* how many of them the quote breaks */
} FetchAnswer;

/*
 * Asks the source for one ticker, under the server's budget of requests and
 * with this database's settings.  False, with failure, hint and sqlstate, where
 * no look was possible: no free worker, the budget used up for
 * FETCH_BUDGET_MS, too many looks at once.  Raises where the extension is not
 * preloaded, for an interrupt, and for arguments: ticker must be valid, source
 * NULL (the database's vnstream.sources) or one that there is.
 */
extern bool fetch_probe(const char *ticker, const char *source, FetchAnswer *answer);

/*
 * The same for those in a hurry: a turn within budget_ms, and a request that is
 * given up after request_ms where vnstream.http_timeout is longer.
 */
extern bool fetch_probe_within(const char *ticker, const char *source, int budget_ms,
							   int request_ms, FetchAnswer *answer);

#endif							/* VNSTREAM_FUNCTIONS_FETCH_H */
