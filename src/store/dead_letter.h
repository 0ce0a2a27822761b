/*-------------------------------------------------------------------------
 *
 * dead_letter.h
 *	  Messages that could not be a row, kept whole.
 *
 * Main thread of a consumer, inside store_transaction().
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_DEAD_LETTER_H
#define VNSTREAM_STORE_DEAD_LETTER_H

#include "store/ingest.h"

/*
 * Keep one message.  One that is kept already (a replay) stays as it is.
 */
extern void dead_letter_keep(const StoreCatalog *catalog, const PositionKey *key,
							 int32 epoch, const IngestMessage *message);

#endif							/* VNSTREAM_STORE_DEAD_LETTER_H */
