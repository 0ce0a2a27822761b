/*-------------------------------------------------------------------------
 *
 * duplicates.h
 *	  Quotes whose key is in the table: the same quote, or another?
 *
 * Private to store/.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_DUPLICATES_H
#define VNSTREAM_STORE_DUPLICATES_H

#include "store/rows.h"

/*
 * The messages' quotes were not inserted, because ticker and time are in the
 * table.  Decides the fate of each: MESSAGE_DUPLICATE where every field that a
 * message carries is equal (source aside; unknown equals unknown), else dead
 * with code "conflict" and a reason, in the memory context given, that names
 * what differs.  Raises ERRCODE_T_R_SERIALIZATION_FAILURE where a row is not
 * there after all.
 */
extern void duplicates_judge(const StoreCatalog *catalog, QuoteRows *rows,
							 IngestMessage *messages, const int *indexes,
							 int count, MemoryContext context);

#endif							/* VNSTREAM_STORE_DUPLICATES_H */
