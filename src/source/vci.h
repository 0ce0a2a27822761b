/*-------------------------------------------------------------------------
 *
 * vci.h
 *	  What vci.c takes from vci_row.c.
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

#endif							/* VNSTREAM_SOURCE_VCI_H */
