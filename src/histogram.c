/*-------------------------------------------------------------------------
 *
 * histogram.c
 *	  Distributions of durations, small enough to keep one for each minute.
 *
 *-------------------------------------------------------------------------
 */
#include "histogram.h"

#include <math.h>
#include <string.h>

/* 2^3 buckets an octave. */
#define STEP_BITS 3
#define STEPS (1 << STEP_BITS)

#define MINUTE INT64_C(60000000)
#define HOUR INT64_C(3600000000)

int
histogram_bucket(int64_t duration)
{
	int			octave;

	if (duration < 0)
		duration = 0;
	if (duration > HISTOGRAM_MAX)
		duration = HISTOGRAM_MAX;
	if (duration < STEPS)
		return (int) duration;
	octave = 63 - __builtin_clzll((unsigned long long) duration);
	return STEPS + (octave - STEP_BITS) * STEPS +
		(int) ((duration >> (octave - STEP_BITS)) & (STEPS - 1));
}

int64_t
histogram_middle(int bucket)
{
	int			shift;
	int64_t		low;

	if (bucket < STEPS)
		return bucket;
	shift = (bucket - STEPS) / STEPS;
	low = (int64_t) (STEPS + bucket % STEPS) << shift;
	return low + ((INT64_C(1) << shift) - 1) / 2;
}

void
histogram_add(Histogram *histogram, int64_t duration, uint32_t times)
{
	if (times == 0)
		return;
	if (duration > HISTOGRAM_MAX)
		duration = HISTOGRAM_MAX;
	histogram->buckets[histogram_bucket(duration)] += times;
	histogram->count += times;
	if (duration > histogram->max)
		histogram->max = duration;
}

void
histogram_merge(Histogram *into, const Histogram *from)
{
	int			i;

	if (from->count == 0)
		return;
	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
	into->count += from->count;
	if (from->max > into->max)
		into->max = from->max;
}

int64_t
histogram_percentile(const Histogram *histogram, double share)
{
	uint64_t	rank = (uint64_t) ceil(share * (double) histogram->count);
	uint64_t	seen = 0;
	int			i;

	if (histogram->count == 0)
		return -1;
	if (rank < 1)
		rank = 1;
	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
	{
		seen += histogram->buckets[i];
		if (seen >= rank)
		{
			int64_t		middle = histogram_middle(i);

			return middle < histogram->max ? middle : histogram->max;
		}
	}
	return histogram->max;
}

/*
 * The place of a minute or hour in a ring, also of one before the first.
 */
static int
place(int64_t number, int size)
{
	return (int) ((number % size + size) % size);
}

void
histogram_ring_add(HistogramRing *ring, int64_t now, const Histogram *histogram)
{
	int64_t		minute = now / MINUTE;
	int64_t		hour = now / HOUR;
	int			m = place(minute, HISTOGRAM_MINUTES + 1);
	int			h = place(hour, HISTOGRAM_HOURS + 1);

	if (ring->minutes[m].number != minute)
	{
		memset(&ring->minutes[m], 0, sizeof(ring->minutes[m]));
		ring->minutes[m].number = minute;
	}
	histogram_merge(&ring->minutes[m].histogram, histogram);

	if (ring->hours[h].number != hour)
	{
		ring->hours[h].count = 0;
		ring->hours[h].number = hour;
	}
	ring->hours[h].count += histogram->count;
}

uint64_t
histogram_ring_read(const HistogramRing *ring, int64_t now,
					Histogram *minute, Histogram *hour)
{
	int64_t		this_minute = now / MINUTE;
	int64_t		this_hour = now / HOUR;
	uint64_t	count = 0;
	int			i;

	memset(minute, 0, sizeof(*minute));
	memset(hour, 0, sizeof(*hour));
	for (i = 0; i <= HISTOGRAM_MINUTES; i++)
	{
		int64_t		age = this_minute - ring->minutes[i].number;

		if (age >= 0 && age <= 1)
			histogram_merge(minute, &ring->minutes[i].histogram);
		if (age >= 0 && age <= HISTOGRAM_MINUTES)
			histogram_merge(hour, &ring->minutes[i].histogram);
	}
	for (i = 0; i <= HISTOGRAM_HOURS; i++)
	{
		int64_t		age = this_hour - ring->hours[i].number;

		if (age >= 0 && age <= HISTOGRAM_HOURS)
			count += ring->hours[i].count;
	}
	return count;
}
