/*-------------------------------------------------------------------------
 *
 * symbol_list.h
 *	  What a source's list of symbols is worth: names, rows that contradict
 *	  each other, which symbols make up the market, and when one rests.
 *
 * Plain C: no PostgreSQL headers, no I/O.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_SYMBOL_LIST_H
#define VNSTREAM_SOURCE_SYMBOL_LIST_H

#include "source/source.h"

/*
 * A name as one line: control characters become blanks, blanks at the ends and
 * several in a row go.  In place; UTF-8, of which other bytes are left alone.
 */
extern void symbol_clean_name(char *name);

/*
 * Sorts the list by ticker and leaves each ticker once.  Rows that say the same
 * are one; where one is delisted or on no exchange, another that is on one
 * counts (a ticker that was given away again).  Rows that still differ make the
 * symbol is_doubtful: which one is right cannot be told, so the same one stays
 * whatever their order was, and the caller is to keep what it knew before.
 * Answers how many are doubtful.
 */
extern size_t symbol_list_tidy(SourceSymbolList *list);

/*
 * Is a symbol of this kind and exchange part of the market, that is of what
 * vnstream.symbols calls 'all': listed shares, ETFs and funds of HOSE, HNX and
 * UPCOM?
 */
extern bool symbol_is_of_market(const char *kind, const char *exchange);

/*
 * Is a symbol of this kind one that no sweep asks for: derivatives and bonds,
 * which are on boards of their own?  Unknown kinds ('') are asked for.
 */
extern bool symbol_is_of_other_board(const char *kind);

/* The same by a ticker's shape, where no list has it: VN30F2408, VCB124001. */
extern bool ticker_is_of_other_board(const char *ticker, size_t length);

/*
 * Would a list with so many of the market's symbols missing empty the market?
 * A source that answers badly must not.
 */
extern bool symbol_loss_is_refused(int64_t before, int64_t lost);

/* So many misses in a row make a symbol rest. */
#define MISSES_TO_REST 5

/*
 * Misses of a sweep count only where the source was not at fault: it left out no
 * more than half of the symbols that it was asked for.
 */
extern bool misses_count(int64_t asked, int64_t left_out);

/*
 * How long a symbol is not asked for after so many misses in a row, in ms: 0
 * before it rests, then 5 minutes, doubling up to an hour.
 */
extern int64_t rest_after_misses(int misses);

#endif							/* VNSTREAM_SOURCE_SYMBOL_LIST_H */
