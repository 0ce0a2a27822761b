/*-------------------------------------------------------------------------
 *
 * dead_letter.h
 *	  Messages that could not be a row, kept whole.
 *
 * Main thread, inside a transaction and SPI, as the extension's owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_DEAD_LETTER_H
#define VNSTREAM_STORE_DEAD_LETTER_H

#include "store/ingest.h"

/*
 * Keep one message, which the open segment of its partition counts.  False
 * where it is kept already (the very message is read a second time, after the
 * position was moved back): it stays as it is, so that each letter is one
 * segment's.
 */
extern bool dead_letter_keep(const StoreCatalog *catalog, const PositionKey *key,
							 int32 epoch, const IngestMessage *message);

/*
 * Deletes the letters kept before now - older_than (an Interval), and counts
 * them in purged of their segments.  Answers how many.
 */
extern int64 dead_letters_purge(const StoreCatalog *catalog, Datum older_than);

#endif							/* VNSTREAM_STORE_DEAD_LETTER_H */
