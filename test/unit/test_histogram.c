/*-------------------------------------------------------------------------
 *
 * test_histogram.c
 *	  Buckets, percentiles, and what a ring remembers for how long.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "test.h"

#define MINUTE INT64_C(60000000)
#define HOUR INT64_C(3600000000)

/* 2026-08-04 04:00:00 UTC: the start of a minute and of an hour */
#define START INT64_C(1785816000000000)

static void
test_buckets(void)
{
	int64_t		duration;
	int			previous = -1;
	bool		in_order = true;
	bool		in_bounds = true;
	double		worst = 0;
	int			i;

	/* primes as steps, so that edges of buckets are met on both sides */
	for (duration = 0; duration <= HISTOGRAM_MAX;
		 duration += duration < 4096 ? 1 : 1 + duration / 997)
	{
		int			bucket = histogram_bucket(duration);
		double		error = llabs(histogram_middle(bucket) - duration) /
			(duration > 0 ? (double) duration : 1.0);

		in_order = in_order && bucket >= previous && bucket <= previous + 1;
		in_bounds = in_bounds && bucket >= 0 && bucket < HISTOGRAM_BUCKETS;
		if (error > worst)
			worst = error;
		previous = bucket;
	}
	ok(in_order, "buckets grow with the duration and none is passed over");
	ok(in_bounds, "all are within the array");
	ok(worst <= 0.0625, "the middle is within 6.25 %%: %g", worst);
	ok(worst > 0.05, "and not within 5 %%, so the error was measured");

	for (duration = 0; duration < 16; duration++)
		is_integer(histogram_middle(histogram_bucket(duration)), duration,
				   "%d µs is exact", (int) duration);
	is_integer(histogram_bucket(-5), 0, "less than nothing counts as nothing");
	is_integer(histogram_bucket(HISTOGRAM_MAX * 30), histogram_bucket(HISTOGRAM_MAX),
			   "more than a day as a day");
	is_integer(histogram_bucket(INT64_MAX), histogram_bucket(HISTOGRAM_MAX), "the most there is, too");
	is_integer(histogram_bucket(INT64_MIN), 0, "and the least");
	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		if (histogram_middle(i) <= HISTOGRAM_MAX &&
			histogram_bucket(histogram_middle(i)) != i)
			ok(false, "the middle of bucket %d lies in it", i);
}

static void
is_close(int64_t got, int64_t expected, const char *name)
{
	ok(llabs(got - expected) * 16 <= expected, "%s: %lld is %lld within 1/16", name,
	   (long long) got, (long long) expected);
}

static void
test_percentiles(void)
{
	Histogram	histogram;
	Histogram	other;
	int			i;

	memset(&histogram, 0, sizeof(histogram));
	is_integer(histogram_percentile(&histogram, 0.5), -1, "nothing has no median");

	histogram_add(&histogram, 1000003, 1);
	is_integer(histogram.max, 1000003, "the maximum is exact");
	is_close(histogram_percentile(&histogram, 0.5), 1000003, "one duration is its own median");
	ok(histogram_percentile(&histogram, 0.99) <= histogram.max, "and no percentile is above it");
	is_integer(histogram_percentile(&histogram, 0), histogram_percentile(&histogram, 1),
			   "least and most are the same");

	memset(&histogram, 0, sizeof(histogram));
	for (i = 1; i <= 1000; i++)
		histogram_add(&histogram, i * 1000, 1);
	is_integer((int64_t) histogram.count, 1000, "a thousand");
	is_close(histogram_percentile(&histogram, 0.5), 500000, "the median");
	is_close(histogram_percentile(&histogram, 0.99), 990000, "99 of 100");
	is_integer(histogram.max, 1000000, "the maximum");

	/* nearest rank: of 100, one alone is not among the first 99 */
	memset(&histogram, 0, sizeof(histogram));
	histogram_add(&histogram, 10, 99);
	histogram_add(&histogram, 5000000, 1);
	is_integer(histogram_percentile(&histogram, 0.99), 10, "one in a hundred is beyond p99");
	is_close(histogram_percentile(&histogram, 0.991), 5000000, "and no further");

	memset(&other, 0, sizeof(other));
	histogram_add(&other, 7, 0);
	is_integer((int64_t) other.count, 0, "no times is nothing");
	is_integer(other.max, 0, "nor a maximum");
	histogram_add(&other, 9000000, 100);
	histogram_merge(&histogram, &other);
	is_integer((int64_t) histogram.count, 200, "merged: all are counted");
	is_integer(histogram.max, 9000000, "the greater maximum");
	is_integer(histogram_percentile(&histogram, 0.495), 10, "the lower half");
	is_close(histogram_percentile(&histogram, 0.6), 9000000, "the upper half");

	memset(&histogram, 0, sizeof(histogram));
	histogram_add(&histogram, -20, 1);
	is_integer(histogram_percentile(&histogram, 0.5), 0, "a clock that went back took no time");
	histogram_add(&histogram, INT64_MAX, 1);
	is_integer(histogram.max, HISTOGRAM_MAX, "a year is a day");
}

/*
 * Count so many at that time.
 */
static void
count(HistogramRing *ring, int64_t when, int64_t duration, uint32_t times)
{
	Histogram	histogram;

	memset(&histogram, 0, sizeof(histogram));
	histogram_add(&histogram, duration, times);
	histogram_ring_add(ring, when, &histogram);
}

static void
shows(const HistogramRing *ring, int64_t now, int64_t in_minute, int64_t in_hour,
	  int64_t in_day, const char *name)
{
	Histogram	minute;
	Histogram	hour;

	is_integer((int64_t) histogram_ring_read(ring, now, &minute, &hour), in_day, "%s: a day", name);
	is_integer((int64_t) minute.count, in_minute, "%s: a minute", name);
	is_integer((int64_t) hour.count, in_hour, "%s: an hour", name);
}

static void
test_ring(void)
{
	HistogramRing *ring = calloc(1, sizeof(HistogramRing));
	Histogram	minute;
	Histogram	hour;
	int			i;

	shows(ring, START, 0, 0, 0, "empty");

	count(ring, START, 100, 5);
	count(ring, START + 59999999, 300, 2);
	shows(ring, START + 59999999, 7, 7, 7, "within the minute");
	shows(ring, START + MINUTE, 7, 7, 7, "the complete minute counts");
	shows(ring, START + 2 * MINUTE - 1, 7, 7, 7, "as long as the next runs");
	shows(ring, START + 2 * MINUTE, 0, 7, 7, "and no longer");
	shows(ring, START + 61 * MINUTE - 1, 0, 7, 7, "sixty complete minutes");
	shows(ring, START + 61 * MINUTE, 0, 0, 7, "and no more");
	shows(ring, START + 25 * HOUR - 1, 0, 0, 7, "twenty-four complete hours");
	shows(ring, START + 25 * HOUR, 0, 0, 0, "and no more");

	/* the same place of the ring: the older minute must be gone */
	count(ring, START + 61 * MINUTE, 900, 3);
	shows(ring, START + 61 * MINUTE, 3, 3, 10, "after a turn of the ring");
	(void) histogram_ring_read(ring, START + 61 * MINUTE, &minute, &hour);
	is_integer(hour.max, 900, "with nothing of the minute before it there");
	ok(histogram_percentile(&hour, 0) > 800, "in any bucket");
	count(ring, START + 25 * HOUR, 1, 1);
	shows(ring, START + 25 * HOUR, 1, 1, 4, "after a turn of the hours");

	/* each minute of two hours */
	memset(ring, 0, sizeof(*ring));
	for (i = 0; i < 120; i++)
		count(ring, START + i * MINUTE, i, 1);
	shows(ring, START + 119 * MINUTE, 2, 61, 120, "one a minute");
	(void) histogram_ring_read(ring, START + 119 * MINUTE, &minute, &hour);
	is_integer(histogram_percentile(&hour, 0), histogram_middle(histogram_bucket(59)),
			   "the oldest that counts");

	/* set back by half an hour, and by two days */
	shows(ring, START + 89 * MINUTE, 2, 31, 120, "a clock set back does not tell the future");
	count(ring, START - 48 * HOUR, 5, 4);
	shows(ring, START - 48 * HOUR, 4, 4, 4, "nor of days to come");

	/* a machine without a battery for its clock begins before that midnight */
	memset(ring, 0, sizeof(*ring));
	count(ring, -START, 5, 4);
	count(ring, -START + MINUTE, 5, 3);
	shows(ring, -START + MINUTE, 7, 7, 7, "a time below 0 counts like any other");
	free(ring);
}

int
main(void)
{
	test_buckets();
	test_percentiles();
	test_ring();
	return done_testing();
}
