/*-------------------------------------------------------------------------
 *
 * source.h
 *	  What every provider of quotes can be asked, and what it answers.
 *
 * A provider is a table of functions that build requests and read answers; it
 * opens no connection (http.h does) and keeps no state.  vci.c and kbs.c are two.
 *
 * Plain C with malloc: no PostgreSQL headers, so that parsers run under unit
 * tests and fuzzers.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_SOURCE_H
#define VNSTREAM_SOURCE_SOURCE_H

#include "market/quote.h"

/* Room for the text of what is wrong with an answer. */
#define SOURCE_ERROR_SIZE 512

/*
 * One request: a GET where body is NULL, else a POST of that JSON.  headers are
 * the provider's own, see there; NULL: none.
 */
typedef struct SourceRequest
{
	char	   *url;			/* malloc */
	char	   *body;			/* malloc, or NULL */
	const char *const *headers; /* constants */
} SourceRequest;

extern void source_request_free(SourceRequest *request);

/*
 * Longest name of a symbol, in bytes; the longest of the list of 2025 has 113.
 * What is longer is no name, and is unknown rather than cut.
 */
#define SYMBOL_NAME_MAX 255

/* One row of a provider's symbol list; '' is unknown. */
typedef struct SourceSymbol
{
	char		ticker[TICKER_MAX + 1];
	char		exchange[QUOTE_NAME_MAX + 1];	/* HOSE, HNX, UPCOM; else '' */
	char		kind[QUOTE_NAME_MAX + 1];	/* STOCK, ETF, CW, BOND, FU, … */
	char		name[SYMBOL_NAME_MAX + 1];	/* UTF-8, no control characters */
	bool		is_delisted;	/* the row itself says so */
	bool		is_doubtful;	/* rows of the list contradict each other on
								 * it; see symbol_list.h */
} SourceSymbol;

typedef struct SourceSymbolList
{
	SourceSymbol *symbols;		/* malloc */
	size_t		count;
	size_t		refused;		/* rows without a usable ticker */
	size_t		unreadable;		/* of them, those that may have been any
								 * symbol's: no JSON, or without a ticker */
} SourceSymbolList;

extern void source_symbol_list_free(SourceSymbolList *list);

/*
 * A row of a board that could not be made a quote, with its beginning as it
 * came: any bytes.
 */
#define BOARD_ROW_MAX 8192

typedef struct BoardRefusal
{
	char		ticker[TICKER_MAX + 1]; /* '' where the row has no usable one */
	char		reason[QUOTE_ERROR_SIZE];
	char	   *row;			/* malloc; zero-terminated besides */
	size_t		length;
} BoardRefusal;

/*
 * What a row of a board tells of the symbol itself, not of its day.  '' and 0
 * where it does not.
 */
#define ISIN_MAX 12
#define TRADING_STATUS_MAX 63

typedef struct BoardListing
{
	char		kind[QUOTE_NAME_MAX + 1];	/* STOCK, ETF, CW, … */
	char		isin[ISIN_MAX + 1];
	char		trading_status[TRADING_STATUS_MAX + 1];
	int64_t		listed_shares;
} BoardListing;

/*
 * What a quote takes of its listing: the listed shares of a company (kind
 * STOCK).  A fund's or a warrant's count changes by the day, and the boards'
 * is often stale, so that of any other kind, or of none, stays unknown.
 */
extern void board_listing_apply(const BoardListing *listing, Quote *quote);

/* The answer to one board request. */
typedef struct Board
{
	Quote	   *quotes;			/* malloc; each has time = received_at */
	BoardListing *listings;		/* malloc; one for each quote */
	size_t		count;
	BoardRefusal *refusals;		/* malloc */
	size_t		refusal_count;
} Board;

extern void board_free(Board *board);

/* Bars: see bars.h. */
struct BarWindow;
struct BarList;

typedef struct SourceProvider
{
	const char *name;			/* as in vnstream.sources and Quote.source */

	/*
	 * "Name: value", and NULL after the last: what this source's requests carry
	 * besides those of all (http.h), unless the settings have that name.  Each
	 * request that is built here points at them.
	 */
	const char *const *headers;

	/*
	 * Requests.  base_url ends with a slash.  board_request() asks for count
	 * tickers at once.  False where memory is short.
	 */
	bool		(*list_request) (const char *base_url, SourceRequest *request);
	bool		(*group_request) (const char *base_url, const char *group,
								  SourceRequest *request);
	bool		(*board_request) (const char *base_url,
								  const char (*tickers)[TICKER_MAX + 1],
								  size_t count, SourceRequest *request);

	/*
	 * Answers.  False, with a sentence in error (SOURCE_ERROR_SIZE bytes),
	 * where the body as a whole is not what was asked for (HTML, truncated, an
	 * object for an array); a single bad row only becomes a refusal.
	 * received_at is µs since 1970 UTC.
	 */
	bool		(*read_list) (const char *body, size_t length,
							  SourceSymbolList *list, char *error);
	bool		(*read_group) (const char *body, size_t length,
							   SourceSymbolList *list, char *error);
	bool		(*read_board) (const char *body, size_t length,
							   int64_t received_at, Board *board, char *error);

	/*
	 * Bars.  bars_request() asks for the newest piece of a window; read_bars()
	 * judges the answer as read_board() does, and one without a bar is good: the
	 * symbol is not known, or was not traded.  bars_next() answers where the next
	 * older piece ends, window->from or before where there is none.  Not every
	 * source has indices.
	 */
	bool		has_indices;
	bool		(*bars_request) (const char *base_url, const struct BarWindow *window,
								 SourceRequest *request);
	bool		(*read_bars) (const char *body, size_t length,
							  const struct BarWindow *window, int64_t received_at,
							  struct BarList *list, char *error);
	int64_t		(*bars_next) (const struct BarWindow *window,
							  const struct BarList *list);
} SourceProvider;

extern const SourceProvider vci_provider;
extern const SourceProvider kbs_provider;

/* Most providers that there may be; arrays over them have this size. */
#define SOURCES_MAX 4

/* The i-th provider that there is, or NULL past the last. */
extern const SourceProvider *source_at(size_t i);

/* The provider of that name, or NULL. */
extern const SourceProvider *source_find(const char *name);

/*
 * A list of names in order of preference, as vnstream.sources has it: separated
 * by commas, each once, with blanks around them.  Answers how many, with the
 * providers in order; 0 with a sentence in error (SOURCE_ERROR_SIZE bytes) where
 * the list is not usable.
 */
extern size_t source_read_list(const char *names,
							   const SourceProvider *providers[SOURCES_MAX],
							   char *error);

#endif							/* VNSTREAM_SOURCE_SOURCE_H */
