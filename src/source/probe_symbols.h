/*-------------------------------------------------------------------------
 *
 * probe_symbols.h
 *	  A few symbols that surely have a match on a day that trades.
 *
 * Plain C with malloc.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_PROBE_SYMBOLS_H
#define VNSTREAM_SOURCE_PROBE_SYMBOLS_H

#include "source/universe.h"

#define PROBE_SYMBOLS 10

/*
 * Of all those that are followed, at most PROBE_SYMBOLS: the most traded ones,
 * then whatever comes first.  False where there is no memory; few is for
 * universe_free() either way.
 */
extern bool probe_symbols(const Universe *all, Universe *few);

#endif							/* VNSTREAM_SOURCE_PROBE_SYMBOLS_H */
