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
 * segment's.  Where limits->bytes are taken it keeps a hash in place of the value
 * and says so in the message, or raises ERRCODE_VNSTREAM_LETTERS_FULL; of a value
 * of more than 16 MB it keeps no more than that in any case.  What they
 * take is measured once a minute, so several consumers may go beyond it by as
 * much as they keep in that time.
 */
extern bool dead_letter_keep(const StoreCatalog *catalog, const PositionKey *key,
							 int32 epoch, const DeadLetterLimits *limits,
							 IngestMessage *message);

/*
 * Raises ERRCODE_VNSTREAM_TOO_MANY_LETTERS where more than limits->percent both
 * of these messages, whose fates are known, and of those of late are dead
 * letters: each of them is kept, but all of them together say that the table or
 * a producer is not what it was.  dead_letters_note() is to be told of each batch
 * that was committed.
 */
extern void dead_letters_judge(const DeadLetterLimits *limits,
							   const IngestMessage *messages, int count);
extern void dead_letters_note(const IngestMessage *messages, int count);

/*
 * Deletes the letters kept before now - older_than (an Interval), and counts
 * them in purged of their segments.  Answers how many.
 */
extern int64 dead_letters_purge(const StoreCatalog *catalog, Datum older_than);

#endif							/* VNSTREAM_STORE_DEAD_LETTER_H */
