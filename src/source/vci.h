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

/* A BoardRowReader (reading.h). */
extern bool vci_row_read(const char *text, size_t length, int64_t received_at,
						 Quote *quote, BoardListing *listing, char *reason);

#endif							/* VNSTREAM_SOURCE_VCI_H */
