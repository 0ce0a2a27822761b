/*-------------------------------------------------------------------------
 *
 * vci.h
 *	  What vci.c takes from vci_row.c and vci_bars.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_VCI_H
#define VNSTREAM_SOURCE_VCI_H

#include "source/source.h"

/* A BoardRowReader (reading.h). */
extern bool vci_row_read(const char *text, size_t length, int64_t received_at,
						 Quote *quote, BoardListing *listing, char *reason);

/* Of vci_bars.c: see SourceProvider. */
extern bool vci_bars_request(const char *base_url, const struct BarWindow *window,
							 SourceRequest *request);
extern bool vci_read_bars(const char *body, size_t length, const struct BarWindow *window,
						  int64_t received_at, struct BarList *list, char *error);
extern int64_t vci_bars_next(const struct BarWindow *window, const struct BarList *list);

#endif							/* VNSTREAM_SOURCE_VCI_H */
