/*-------------------------------------------------------------------------
 *
 * sweep.h
 *	  One pass over all symbols, at one source or several.
 *
 * Splits the universe into requests, keeps several in flight, and gives each
 * answer out as it comes.  A request goes to the first source whose breaker
 * (breaker.h) lets it; one that failed is repeated at the next one, and symbols
 * that an answer left out are asked for again, once more there and then at the
 * next one.  So no symbol is missing while any source is well, and none comes
 * twice.  When no source may be asked any more, the sweep is given up.
 *
 * Plain C with malloc.  One thread at a time; a client serves one sweep at a
 * time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_SWEEP_H
#define VNSTREAM_SOURCE_SWEEP_H

#include "source/breaker.h"
#include "source/universe.h"

typedef struct Sweep Sweep;

typedef struct SweepSource
{
	const SourceProvider *provider;
	const char *base_url;
	Breaker    *breaker;		/* the caller's, for longer than the sweep */
	void	   *budget_context; /* for may_request */
} SweepSource;

typedef struct SweepOptions
{
	SweepSource sources[SOURCES_MAX];	/* in order of preference */
	size_t		source_count;	/* 1 or more */
	size_t		symbols_per_request;
	int			requests_in_flight;
	RequestBudget may_request;	/* NULL: as fast as it goes */
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

/* What became of a source in the sweep. */
typedef struct SweepSourceCounts
{
	int64_t		answered;		/* symbols */
	int64_t		boards;			/* answers */
	int64_t		failed_requests;
	int64_t		answered_at;	/* the last board's received_at; 0: none */
	HttpFault	fault;			/* the last one */
	char		error[SOURCE_ERROR_SIZE];	/* likewise, '' where none */
} SweepSourceCounts;

/*
 * How a sweep ended.  When no source may be asked, it ends: requests in flight
 * are given up, and what has no answer by then counts as missing.
 */
typedef struct SweepOutcome
{
	size_t		source;			/* of the last fault, its place in the options */
	HttpFault	fault;			/* the last fault; HTTP_OK where none happened */
	bool		gave_up;		/* ended early */
	char		error[SOURCE_ERROR_SIZE];	/* the last one, '' where none */
} SweepOutcome;

/* Copies the tickers and base_urls.  NULL where memory is short. */
extern Sweep *sweep_begin(const SweepOptions *options, const Universe *universe);

/*
 * Starts what may start.  The client must live until the sweep is done or
 * freed: the sweep gives up its requests when no source may be asked.
 */
extern void sweep_drive(Sweep *sweep, HttpClient *client);

/*
 * Takes over a response (and frees it).  True where it held a board: *board is
 * then the caller's to free, of *provider, and holds only rows of symbols that
 * were asked and had no row yet in this sweep, and refusals without a usable
 * ticker.
 */
extern bool sweep_take(Sweep *sweep, HttpResponse *response, Board *board,
					   const SourceProvider **provider);

extern bool sweep_is_done(const Sweep *sweep);

/* ms until drive may go on although nothing arrived; -1: waits for a response */
extern long sweep_timeout(const Sweep *sweep);
extern const SweepCounts *sweep_counts(const Sweep *sweep);
extern const SweepOutcome *sweep_outcome(const Sweep *sweep);
/* By place in the options. */
extern const SweepSourceCounts *sweep_source_counts(const Sweep *sweep, size_t source);

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
