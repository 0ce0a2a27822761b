/*-------------------------------------------------------------------------
 *
 * histogram.h
 *	  Distributions of durations, small enough to keep one for each minute.
 *
 * A duration is a whole number of µs from 0 to a day.  Below 8 µs each has a
 * bucket of its own; above, each octave is cut into eight of equal width.  What
 * is read back is the middle of a bucket, so it is off by 1/16 (6.25 %) at
 * most.
 *
 * A HistogramRing remembers the running minute and the sixty before it, and
 * counts for the running hour and the twenty-four before it.  The caller's clock
 * counts µs since some midnight long ago; minutes and hours are cut by it.  All zeros is an empty one, and nothing is a
 * pointer: it may lie in shared memory.
 *
 * Plain C: no PostgreSQL headers.  No locks: that is the caller's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_HISTOGRAM_H
#define VNSTREAM_HISTOGRAM_H

#include <stdint.h>

/* A day, in µs. */
#define HISTOGRAM_MAX INT64_C(86400000000)

/* 8 of 1 µs, and 8 for each octave from 2^3 to 2^36, in which a day ends. */
#define HISTOGRAM_BUCKETS 280

/* Complete minutes and hours that a ring remembers. */
#define HISTOGRAM_MINUTES 60
#define HISTOGRAM_HOURS 24

typedef struct Histogram
{
	uint64_t	count;
	int64_t		max;			/* µs, exact; 0 where count is 0 */
	uint32_t	buckets[HISTOGRAM_BUCKETS];
} Histogram;

typedef struct HistogramRing
{
	struct
	{
		int64_t		number;		/* of the minute; 0: never used */
		Histogram	histogram;
	}			minutes[HISTOGRAM_MINUTES + 1];
	struct
	{
		int64_t		number;		/* of the hour; 0: never used */
		uint64_t	count;
	}			hours[HISTOGRAM_HOURS + 1];
} HistogramRing;

/* The bucket of a duration; what is out of range counts as 0 or as a day. */
extern int	histogram_bucket(int64_t duration);

/* The duration, in µs, that stands for a bucket: its middle. */
extern int64_t histogram_middle(int bucket);

/* Count one duration a number of times. */
extern void histogram_add(Histogram *histogram, int64_t duration, uint32_t times);

extern void histogram_merge(Histogram *into, const Histogram *from);

/*
 * The duration, in µs, which the given share (0 to 1) of those counted does not
 * exceed, by nearest rank; -1 where none was counted.  Never above max.
 */
extern int64_t histogram_percentile(const Histogram *histogram, double share);

/*
 * Count what happened just now.  Minutes that were counted
 * before the clock was set back are not told until the clock is there again, or
 * their places are taken.
 */
extern void histogram_ring_add(HistogramRing *ring, int64_t now,
							   const Histogram *histogram);

/*
 * What was counted: in the running minute and the one before it (minute), in the
 * running minute and the sixty before it (hour), in the running hour and the
 * twenty-four before it (answered).  minute and hour are overwritten.
 */
extern uint64_t histogram_ring_read(const HistogramRing *ring, int64_t now,
									Histogram *minute, Histogram *hour);

#endif							/* VNSTREAM_HISTOGRAM_H */
