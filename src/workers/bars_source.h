/*-------------------------------------------------------------------------
 *
 * bars_source.h
 *	  Which source is asked for bars.
 *
 * Any process, main thread.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_BARS_SOURCE_H
#define VNSTREAM_WORKERS_BARS_SOURCE_H

#include "source/source.h"

/*
 * The first source of vnstream.sources that has bars (of indices, if so wanted);
 * NULL where there is none.
 */
extern const SourceProvider *source_with_bars(bool of_indices);

#endif							/* VNSTREAM_WORKERS_BARS_SOURCE_H */
