/*-------------------------------------------------------------------------
 *
 * kbs_bars.h
 *	  Bars of KB Securities, of symbols and of indices: see SourceProvider.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_KBS_BARS_H
#define VNSTREAM_SOURCE_KBS_BARS_H

#include "source/source.h"

extern bool kbs_bars_request(const char *base_url, const struct BarWindow *window,
							 SourceRequest *request);
extern bool kbs_read_bars(const char *body, size_t length, const struct BarWindow *window,
						  int64_t received_at, struct BarList *list, char *error);
extern int64_t kbs_bars_next(const struct BarWindow *window, const struct BarList *list);

#endif							/* VNSTREAM_SOURCE_KBS_BARS_H */
