/*-------------------------------------------------------------------------
 *
 * position.h
 *	  Positions and segments: how far each partition is stored.
 *
 * A consumer claims its partitions once, which raises their generation; from
 * then on a batch moves a position only by compare-and-set on (epoch,
 * generation, next offset).  Whoever claimed earlier can store nothing more.
 *
 * All functions but the last four: main thread of a worker, inside
 * store_transaction().  position_claim() is for those who move positions, too.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_POSITION_H
#define VNSTREAM_STORE_POSITION_H

#include "store/catalog.h"

typedef struct Position
{
	int32		partition;
	int32		epoch;
	int64		generation;
	int64		next_offset;
	int64		last_offset;	/* of the last message before it; -1: not known */
	uint32		last_crc;		/* of that message, see workers/log_check.h */
} Position;

typedef struct PositionKey
{
	const char *cluster_id;
	const char *topic;
} PositionKey;

/* What a batch did to one partition; next_offset counts all of it. */
typedef struct PositionAdvance
{
	int32		partition;
	int64		from_offset;	/* the position before */
	int64		next_offset;	/* the position after */
	int64		stored;
	int64		duplicates;
	int64		dead_letters;
	int64		gaps;
	int64		last_offset;	/* of its last message; -1: there is none */
	uint32		last_crc;
} PositionAdvance;

/*
 * Claim count partitions: positions[i].partition is given, the rest is filled.
 * A partition seen for the first time starts at low_watermarks[i] with a new
 * segment.  Raises the generation.  Where a person has changed a position's row,
 * its open segment is closed and one opened where the position stands now.
 * positions hold only once the transaction is committed.  In the newest epoch of
 * the topic, which is least_epoch at least (1: as it is).
 */
extern void position_claim(const StoreCatalog *catalog, const PositionKey *key,
						   int32 least_epoch, Position *positions,
						   const int64 *low_watermarks, int count);

/*
 * The topic of that epoch is no more: nobody stores anything in it from here on,
 * and its segments are closed.  Before claiming in the next one, in the same
 * transaction; once more does no harm.
 */
extern void position_end_epoch(const StoreCatalog *catalog, const PositionKey *key,
							   int32 epoch);

/*
 * The highest partition that has a position in the topic's newest epoch, -1
 * where there is none.
 */
extern int32 position_last_partition(const StoreCatalog *catalog, const PositionKey *key);

/*
 * A batch's two statements.  positions[i] is what the caller owns, advances[i]
 * what it does; both for the same partition, from_offset equal to the
 * position's next_offset.  position_advance() moves the positions, and must be
 * the first statement of the batch's transaction; position_count() moves the
 * open segments, when it is known what became of each offset (the segments'
 * constraint wants offsets and counts to move together).  Both raise
 * ERRCODE_VNSTREAM_FENCED where a row is not as the owner left it; claiming
 * again puts that right.
 */
extern void position_advance(const StoreCatalog *catalog, const PositionKey *key,
							 const Position *positions,
							 const PositionAdvance *advances, int count);
extern void position_count(const StoreCatalog *catalog, const PositionKey *key,
						   const Position *positions,
						   const PositionAdvance *advances, int count);

/*
 * The range [next_offset, new_offset) does not exist in Kafka any more: close
 * the segment, count the range as a gap in it, open the next at new_offset.
 * new_offset below next_offset (a truncated or new log) counts no gap.
 * Compare-and-set as above; *position is moved, which holds only once the
 * transaction is committed, so give a copy.
 */
extern void position_skip(const StoreCatalog *catalog, const PositionKey *key,
						  Position *position, int64 new_offset,
						  const char *because);

/*
 * For a person who moves positions (seek.c); in the caller's transaction, SPI
 * connected, as the extension's owner.
 */

typedef struct KnownPosition
{
	const char *cluster_id;
	int32		partition;
	int64		next_offset;
} KnownPosition;

/* Positions of the topic, in all clusters, unlocked; palloc'd.  Answers how many. */
extern int	position_list(const StoreCatalog *catalog, const char *topic,
						  KnownPosition **positions);

/*
 * Why a segment is opened, where it says that what stands in earlier ones is
 * about other messages.
 */
#define POSITION_LOG_TRUNCATED "log truncated"

/*
 * Offsets from the position up to new_offset that no batch has ever come by in
 * this log: what would be given up.
 */
extern int64 position_unread(const StoreCatalog *catalog, const PositionKey *key,
							 const Position *position, int64 new_offset);

/*
 * Before the first position is moved: locks the open segments of all that are
 * claimed, in the order of whoever changes segments' counts.
 */
extern void position_seek_begin(const StoreCatalog *catalog, const PositionKey *key,
								const Position *positions, int count);

/*
 * Move a position that is claimed in this transaction: close its segment, open
 * one at new_offset; what is passed over, forwards, is a closed segment of its
 * own between them, all of it gaps.
 */
extern void position_seek(const StoreCatalog *catalog, const PositionKey *key,
						  Position *position, int64 new_offset,
						  const char *because);

#endif							/* VNSTREAM_STORE_POSITION_H */
