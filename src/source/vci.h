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

/*
 * One row of a price board.  Where it is no quote: false, a sentence in reason
 * (QUOTE_ERROR_SIZE bytes), and the ticker known in quote if the row has one.
 * What the row tells of the symbol is in listing; nothing there can refuse a row.
 */
extern bool vci_row_read(const char *text, size_t length, int64_t received_at,
						 Quote *quote, BoardListing *listing, char *reason);

/* An exchange's name from the source's: HSX is HOSE; '' for BOND, DELISTED. */
extern const char *vci_exchange(const char *board);

/* Of vci_bars.c: see SourceProvider. */
extern bool vci_bars_request(const char *base_url, const struct BarWindow *window,
							 SourceRequest *request);
extern bool vci_read_bars(const char *body, size_t length, const struct BarWindow *window,
						  int64_t received_at, struct BarList *list, char *error);
extern int64_t vci_bars_next(const struct BarWindow *window, const struct BarList *list);

#endif							/* VNSTREAM_SOURCE_VCI_H */
