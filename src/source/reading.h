/*-------------------------------------------------------------------------
 *
 * reading.h
 *	  Reading what a source answers: rows one by one, and numbers and texts as
 *	  tolerantly as the boards are careless.
 *
 * What the providers share.  A row that is no good, whatever is wrong with it,
 * costs only itself; an answer that is no list of rows at all is refused with a
 * sentence that shows a person what came instead.
 *
 * Plain C with malloc.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_READING_H
#define VNSTREAM_SOURCE_READING_H

#include "market/json.h"
#include "source/source.h"

/*
 * The rows of an answer: of the array that it is, or, where wrapper is not NULL
 * and it is an object, of that member.  False, with error (SOURCE_ERROR_SIZE
 * bytes), where there is no such array.  reading_next() is json_array_next()
 * with an error of that size.
 */
extern bool reading_begin(JsonArray *rows, const char *body, size_t length,
						  const char *wrapper, char *error);
extern JsonStep reading_next(JsonArray *rows, const char **row, size_t *length,
							 char *error);

/*
 * Most rows of an answer, good and bad ones: of a board, which is asked for at
 * most 2,000 symbols, and of a list of symbols, of which there are 4,000.
 */
#define READING_BOARD_ROWS_MAX 10000
#define READING_LIST_ROWS_MAX 50000

/*
 * A malloc'd array with room for one more element, or NULL, with error: start
 * with NULL and 0, and count up by one after each call.
 */
extern void *reading_room(void *elements, size_t count, size_t size, char *error);

/*
 * One row of a board.  Where it is no quote: false, a sentence in reason
 * (QUOTE_ERROR_SIZE bytes), and the ticker known in quote if the row has one.
 * What the row tells of the symbol is in listing; nothing there can refuse a row.
 */
typedef bool (*BoardRowReader) (const char *row, size_t length,
								int64_t received_at, Quote *quote,
								BoardListing *listing, char *reason);

/* SourceProvider.read_board, with wrapper as above. */
extern bool reading_board(const char *body, size_t length, const char *wrapper,
						  int64_t received_at, BoardRowReader read_row,
						  Board *board, char *error);

/*
 * One row of a symbol list; false where it has no usable ticker, with '' where it
 * may have been any symbol's.
 */
typedef bool (*SymbolReader) (const char *row, size_t length,
							  SourceSymbol *symbol);

/* SourceProvider.read_list and read_group, likewise. */
extern bool reading_symbols(const char *body, size_t length, const char *wrapper,
							SymbolReader read_row, SourceSymbolList *list,
							char *error);

/*
 * A number, also where it comes in quotes ("20500.0").  null and an empty text
 * are no number and no error: *is_known is false.  False where it is something
 * else.
 */
extern bool reading_number(const cJSON *item, bool *is_known, double *number);

/*
 * Set a price, a value or a number of shares.  NULL, or what the number would
 * have to be, as part of a sentence.
 */
extern const char *reading_set_number(Quote *quote, QuoteFieldId field,
									  double number);

/* A text into text, '' where it is missing, no text, or does not fit. */
extern void reading_text(const cJSON *object, const char *name, char *text,
						 size_t size);

/*
 * A row's ticker: '' where there is none to be read, and something that is no
 * ticker where it has one that cannot be a symbol's.
 */
extern void reading_ticker(const cJSON *object, const char *name, char *ticker);

/*
 * A request for base_url and path; what is percent-encoded is never more than a
 * part of the path or of the query.  False where memory is short.
 */
extern bool reading_request(const SourceProvider *provider, const char *base_url,
							const char *path, SourceRequest *request);
/*
 * The same with a body: the tickers between begin and end, separated by commas,
 * each with quote ("" for none) on either side.
 */
extern bool reading_board_request(const SourceProvider *provider,
								  const char *base_url, const char *path,
								  const char *begin, const char *quote,
								  const char *end,
								  const char (*tickers)[TICKER_MAX + 1],
								  size_t count, SourceRequest *request);
/* At at, with room for three bytes a character; answers its end. */
extern char *reading_encode(char *at, const char *text);

/* As rows have it: HSX is HOSE; '' where it is no exchange of ours. */
extern const char *reading_exchange(const char *name);

#endif							/* VNSTREAM_SOURCE_READING_H */
