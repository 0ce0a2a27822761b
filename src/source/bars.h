/*-------------------------------------------------------------------------
 *
 * bars.h
 *	  Bars of one symbol: what a provider is asked for, and its answer.
 *
 * A source gives out the past in pieces, from the newest on: bars_request() asks
 * for what lies before window.until, and bars_next() of the answer says where the
 * next older piece ends.
 *
 * Plain C with malloc.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_BARS_H
#define VNSTREAM_SOURCE_BARS_H

#include "market/bar.h"
#include "source/source.h"

/* What is asked for: bars that start in [from, until). */
typedef struct BarWindow
{
	char		ticker[TICKER_MAX + 1]; /* or the name of an index */
	bool		is_index;
	BarLength	bar;
	int64_t		from;			/* µs since 1970 UTC */
	int64_t		until;
} BarWindow;

/* The answer. */
typedef struct BarList
{
	Bar		   *bars;			/* malloc; those of the window, oldest first, each
								 * start once */
	size_t		count;
	size_t		sent;			/* bars in the answer, of any time */
	size_t		rejected;		/* that cannot be read, or cannot be true */
	char		reason[QUOTE_ERROR_SIZE];	/* why the last of them was; or '' */
	int64_t		oldest;			/* start of the oldest one sent; INT64_MAX: none */
} BarList;

extern void bar_list_free(BarList *list);

/*
 * For providers.  bar_list_add() takes one bar that could be read: keeps it if
 * it is of the window and can be true, else counts it.  False where memory is
 * short.  bar_list_reject() counts one that could not be read; where its start is
 * known, only if it is of the window, as others come again with another piece.
 * bar_list_finish() brings them in order, and rejects all but the first bar with
 * the same start.
 */
extern bool bar_list_add(BarList *list, const BarWindow *window, const Bar *bar,
						 int64_t received_at, char *error);
#define BAR_START_UNKNOWN INT64_MIN
extern void bar_list_reject(BarList *list, const BarWindow *window, int64_t starts,
							const char *reason);
extern void bar_list_finish(BarList *list, const BarWindow *window, int64_t received_at);

/* Is this the name that was asked for?  Else a sentence in error. */
extern bool bars_are_of(const BarWindow *window, const char *name, char *error);

#endif							/* VNSTREAM_SOURCE_BARS_H */
