/*-------------------------------------------------------------------------
 *
 * ticker.h
 *	  Tickers as arguments of SQL functions.
 *
 * Main thread of a session, inside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_FUNCTIONS_TICKER_H
#define VNSTREAM_FUNCTIONS_TICKER_H

#include "postgres.h"

/*
 * The ticker, palloc'd.  Raises what is none, with a hint that has the right
 * spelling where it was in lower case.
 */
extern char *ticker_argument(const text *argument);

/* The argument as a message may repeat it: its first 40 bytes. */
extern char *shortened(const char *text);

#endif							/* VNSTREAM_FUNCTIONS_TICKER_H */
