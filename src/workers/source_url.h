/*-------------------------------------------------------------------------
 *
 * source_url.h
 *	  The sources by the settings, for those who ask for bars.
 *
 * Any process, main thread.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_SOURCE_URL_H
#define VNSTREAM_WORKERS_SOURCE_URL_H

#include "source/source.h"

/* The base URL of a provider; NULL where no setting has one for it. */
extern const char *source_url(const char *provider);

/*
 * The first source of vnstream.sources that has bars (of indices, if so wanted),
 * and a URL; NULL where there is none.
 */
extern const SourceProvider *source_with_bars(bool of_indices);

#endif							/* VNSTREAM_WORKERS_SOURCE_URL_H */
