/*-------------------------------------------------------------------------
 *
 * audit.h
 *	  What the tables say about the account: segments, sweeps, and offsets
 *	  that are neither row nor letter.
 *
 * Main thread of a session, inside SPI, as the extension's owner, with one
 * snapshot pushed that all of these functions read by: their answers are of one
 * moment.  realtime_quotes is read as its owner, restricted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_AUDIT_H
#define VNSTREAM_STORE_AUDIT_H

#include "store/catalog.h"

typedef struct AuditSegment
{
	int64		segment;		/* its number; 0: offsets that no segment counts,
								 * from_offset … next_offset - 1 */
	char	   *cluster_id;
	char	   *topic;
	int32		partition;
	bool		is_open;		/* in the topic's present life, too */
	bool		is_of_log;		/* its offsets are those of Kafka's present log */
	int64		from_offset;
	int64		next_offset;
	int64		position;		/* of an open one, what vnstream_positions says;
								 * else next_offset */
	int64		stored;
	int64		duplicates;
	int64		dead_letters;
	int64		gaps;
	int64		purged;
	int64		letters;		/* in vnstream_dead_letters */
	int64		dropped;		/* of stored, rows of months dropped since */
} AuditSegment;

/*
 * All segments, by cluster, topic, partition and number, and behind those of a
 * partition the offsets that no segment counts; palloc'd.
 */
extern AuditSegment *audit_segments(const StoreCatalog *catalog, int *count);

/* Letters whose segment is not there. */
extern int64 audit_stray_letters(const StoreCatalog *catalog);

typedef struct AuditSweep
{
	char	   *account;		/* "sweep 17", or "earlier sweeps" */
	int64		answered;
	int64		published;
	int64		unchanged;
	int64		rejected;
	int64		waiting;
	int64		difference;
} AuditSweep;

/*
 * Sweeps that do not add up, the newest ones that do, and the sum of all
 * others; palloc'd.
 */
extern AuditSweep *audit_sweeps(const StoreCatalog *catalog, int *count);

/*
 * A run of offsets from … to - 1 of a segment that are neither rows of
 * realtime_quotes, now or in a month that was dropped, nor letters.  They come in the order of segments and offsets;
 * of_segment is the length of all the segment's runs together.  SQL walks
 * through sorted offsets, and runs go to disk, so memory does not grow with them.
 */
typedef struct AuditRun
{
	int64		segment;
	int64		from;
	int64		to;
	int64		of_segment;
} AuditRun;

typedef struct AuditRuns AuditRuns;

extern AuditRuns *audit_runs_open(const StoreCatalog *catalog);

/* The next ones, max at most; answers how many, 0 at the end, which frees runs. */
extern int	audit_runs_next(AuditRuns *runs, AuditRun *next, int max);

/* Which of these quotes (times in µs since 1970 UTC) have a row? */
extern void audit_find_quotes(const StoreCatalog *catalog, char **tickers,
							  const int64 *times, bool *found, int count);

/* The times of months that were dropped, µs since 1970 UTC: from <= time < to. */
typedef struct AuditDrop
{
	int64		from;
	int64		to;
} AuditDrop;

extern AuditDrop *audit_drops(const StoreCatalog *catalog, int *count);

#endif							/* VNSTREAM_STORE_AUDIT_H */
