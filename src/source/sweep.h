/*-------------------------------------------------------------------------
 *
 * sweep.h
 *	  One pass over all symbols of a source.
 *
 * Splits the universe into requests, keeps several in flight, gives each
 * answer out as it comes, asks once more for symbols that an answer left
 * out, and gives up early when the source refuses.
 *
 * Plain C with malloc.  One thread at a time; a client serves one sweep at a
 * time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_SWEEP_H
#define VNSTREAM_SOURCE_SWEEP_H

#include "source/universe.h"

typedef struct Sweep Sweep;

typedef struct SweepOptions
{
	const SourceProvider *provider;
	const char *base_url;
	size_t		symbols_per_request;
	int			requests_in_flight;
	RequestBudget may_request;	/* NULL: as fast as it goes */
	void	   *budget_context;
} SweepOptions;

/*
 * asked = answered + missing, once the sweep is done.  A row that is no quote
 * counts as the answer for its symbol; where such a row has no usable ticker,
 * it only counts as refused, and its symbol stays without an answer.
 */
typedef struct SweepCounts
{
	int64_t		asked;			/* symbols of the universe */
	int64_t		answered;		/* of them, those with a row in some answer */
	int64_t		refused;		/* rows that are no quote */
	int64_t		requests;		/* started ones, repeated ones too */
	int64_t		failed_requests;
	int64_t		bytes;			/* of bodies, decompressed */
} SweepCounts;

/*
 * How a sweep ended.  A refusal (403, 429, challenge), or three failures in a
 * row, end it: requests in flight are given up, and what has no answer by then
 * counts as missing.
 */
typedef struct SweepOutcome
{
	HttpFault	fault;			/* the last fault; HTTP_OK where none happened */
	bool		gave_up;		/* ended early */
	long		retry_after_ms; /* the source's wish, else -1 */
	char		error[SOURCE_ERROR_SIZE];	/* the last one, '' where none */
} SweepOutcome;

/* Copies the tickers and base_url.  NULL where memory is short. */
extern Sweep *sweep_begin(const SweepOptions *options, const Universe *universe);

/*
 * Starts what may start.  The client must live until the sweep is done or
 * freed: sweep_take() gives up its requests when the source refuses.
 */
extern void sweep_drive(Sweep *sweep, HttpClient *client);

/*
 * Takes over a response (and frees it).  True where it held a board: *board is
 * then the caller's to free, and holds only rows of symbols that were asked
 * and had no row yet in this sweep, and refusals without a usable ticker.
 */
extern bool sweep_take(Sweep *sweep, HttpResponse *response, Board *board);

extern bool sweep_is_done(const Sweep *sweep);

/* ms until drive may go on although nothing arrived; -1: waits for a response */
extern long sweep_timeout(const Sweep *sweep);
extern const SweepCounts *sweep_counts(const Sweep *sweep);
extern const SweepOutcome *sweep_outcome(const Sweep *sweep);

/* The i-th symbol without any row, or NULL past the last; once done. */
extern const char *sweep_missing(const Sweep *sweep, size_t i);

/*
 * What became of the i-th symbol, in the order of their bytes; NULL past the
 * last; once done.
 */
typedef enum SymbolOutcome
{
	SYMBOL_HAS_ROW,
	SYMBOL_LEFT_OUT,			/* a good answer had no row of it */
	SYMBOL_NOT_ANSWERED			/* no good answer to a request for it */
} SymbolOutcome;

extern const char *sweep_symbol(const Sweep *sweep, size_t i,
								SymbolOutcome *outcome);

/* Requests that the source has not answered yet. */
extern int	sweep_in_flight(const Sweep *sweep);

/*
 * Who gives up a sweep that is not done calls http_client_cancel_all() and
 * this, in any order.
 */
extern void sweep_free(Sweep *sweep);

#endif							/* VNSTREAM_SOURCE_SWEEP_H */
