/*-------------------------------------------------------------------------
 *
 * kbs.h
 *	  What kbs.c takes from kbs_row.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_KBS_H
#define VNSTREAM_SOURCE_KBS_H

#include "source/source.h"

/* A BoardRowReader (reading.h). */
extern bool kbs_row_read(const char *text, size_t length, int64_t received_at,
						 Quote *quote, BoardListing *listing, char *reason);

#endif							/* VNSTREAM_SOURCE_KBS_H */
