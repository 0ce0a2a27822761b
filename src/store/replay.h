/*-------------------------------------------------------------------------
 *
 * replay.h
 *	  Dead letters read again, by today's rules.
 *
 * What is a quote now becomes a row, and its letter goes; the segment that
 * counted it counts a row or a duplicate instead.  What still is none stays,
 * with its new code and reason.  Letters are locked as they are read, and those
 * that another session has locked are left to it.  Segments are changed at the
 * end only: a consumer that extends one waits for the caller's COMMIT from then
 * on.
 *
 * Main thread of a session, inside a transaction and SPI, as the extension's
 * owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_REPLAY_H
#define VNSTREAM_STORE_REPLAY_H

#include "utils/hsearch.h"

#include "store/catalog.h"

typedef struct Replay
{
	const char *code;			/* in: letters with this code only; NULL: any */
	Datum		letters;		/* in: int8[] of letters; 0: any */
	int64		tried;			/* out, as are those that follow */
	int64		stored;
	int64		duplicates;
	int64		kept;
	int64		after;			/* private */
	int64		until;
	HTAB	   *moves;
} Replay;

/*
 * Begin, with code and letters filled in and all else zero.  Answers how many
 * letters there are to try; what comes later is not for this replay.
 */
extern int64 replay_begin(const StoreCatalog *catalog, Replay *replay);

/* Tries some hundred letters; answers how many, 0 when there are no more. */
extern int	replay_some(const StoreCatalog *catalog, Replay *replay);

/* Moves the segments' counts; not to be forgotten. */
extern void replay_end(const StoreCatalog *catalog, Replay *replay);

#endif							/* VNSTREAM_STORE_REPLAY_H */
