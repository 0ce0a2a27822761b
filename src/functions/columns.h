/*-------------------------------------------------------------------------
 *
 * columns.h
 *	  Values that several functions' result rows have in common.
 *
 * Each fills one column; *isnull is set both ways.  Main thread, any memory
 * context that outlives the row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_FUNCTIONS_COLUMNS_H
#define VNSTREAM_FUNCTIONS_COLUMNS_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* A text in the server's encoding, or NULL for ''. */
extern void column_text(Datum *value, bool *isnull, const char *text);

/* NULL for 0. */
extern void column_time(Datum *value, bool *isnull, TimestampTz time);

/*
 * How long so much will take at so much a second, as an interval of whole
 * seconds.  NULL where nothing is to go, or nobody can tell.
 */
extern void column_time_left(Datum *value, bool *isnull, int64 to_go, double rate);

#endif							/* VNSTREAM_FUNCTIONS_COLUMNS_H */
