/*-------------------------------------------------------------------------
 *
 * kbs.h
 *	  What kbs.c takes from kbs_row.c and kbs_bars.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_KBS_H
#define VNSTREAM_SOURCE_KBS_H

#include "source/source.h"

/* A BoardRowReader (reading.h). */
extern bool kbs_row_read(const char *text, size_t length, int64_t received_at,
						 Quote *quote, BoardListing *listing, char *reason);

/* Of kbs_bars.c: see SourceProvider. */
extern bool kbs_bars_request(const char *base_url, const struct BarWindow *window,
							 SourceRequest *request);
extern bool kbs_read_bars(const char *body, size_t length, const struct BarWindow *window,
						  int64_t received_at, struct BarList *list, char *error);
extern int64_t kbs_bars_next(const struct BarWindow *window, const struct BarList *list);

#endif							/* VNSTREAM_SOURCE_KBS_H */
