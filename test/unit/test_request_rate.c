/*-------------------------------------------------------------------------
 *
 * test_request_rate.c
 *	  How many requests may go to a source.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "request_rate.h"
#include "test.h"

#define SECOND INT64_C(1000000)

static RequestHistory history;
static int64_t now = 1000000 * SECOND;

/* Sends as many as may go at once; answers how many, and the wait after them. */
static int
burst(int limit, long *wait)
{
	int			count = 0;

	while ((*wait = request_take(&history, limit, now)) == 0)
		count++;
	return count;
}

/* When the count-th request may go, each as soon as it may; in ms. */
static long
time_of(int count, int limit)
{
	int64_t		start = now;
	long		wait;

	while (count > 0)
	{
		wait = request_take(&history, limit, now);
		if (wait == 0)
			count--;
		now += wait * 1000;
	}
	return (long) ((now - start) / 1000);
}

static void
forget(void)
{
	memset(&history, 0, sizeof(history));
}

static void
test_bursts(void)
{
	static const int cases[][2] = {
		{1, 1}, {5, 5}, {10, 10}, {20, 10}, {30, 10}, {60, 20}, {120, 40}, {6000, 2000}
	};
	long		wait;
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		int			limit = cases[i][0];

		forget();
		is_integer(burst(limit, &wait), cases[i][1], "at once, of %d a minute", limit);
		is_integer(request_count(&history, now), cases[i][1], "they are counted");
		if (cases[i][1] < limit)
			ok(wait <= 60000 / limit + 1 && wait > 0, "the next one in %ld ms", wait);
		else
			is_integer(wait, 60001, "the next one in a minute");
	}
}

/* What the default is: 120 a minute, a sweep of 33 requests each minute. */
static void
test_usual_sweeps(void)
{
	int			sweep;

	forget();
	for (sweep = 0; sweep < 5; sweep++)
	{
		is_integer(time_of(33, 120), 0, "sweep %d need not wait", sweep);
		now += 60 * SECOND;
	}
	forget();
	ok(time_of(80, 120) <= 20100, "80 requests take 20 s");
	forget();
	ok(time_of(120, 120) <= 40200, "120 take 40 s");
}

/* Never more than the limit within any minute, however they come. */
static void
test_any_minute(void)
{
	static const int limits[] = {1, 2, 7, 10, 20, 31, 120, 600};
	size_t		i;

	srandom(5);
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
	{
		int			limit = limits[i];
		int			total = 0;
		int			most = 0;
		int64_t		until = now + 600 * SECOND;
		int64_t		start = now;

		forget();
		while (now < until)
		{
			long		wait = request_take(&history, limit, now);

			if (wait == 0)
				total++;
			if (request_count(&history, now) > most)
				most = request_count(&history, now);

			/* now and then nobody asks for a while */
			if (random() % 1000 == 0)
				now += random() % (90 * SECOND);
			now += wait * 1000 + (wait == 0 ? random() % 2000 : 0);
		}
		ok(most <= limit, "%d a minute: never more than %d", limit, most);
		ok(most >= limit - limit / 10 - 1, "and nearly as many");
		diag("%d a minute: %d requests in %.0f s", limit, total,
			 (double) (now - start) / SECOND);
	}

	/* without a pause the limit is used */
	forget();
	ok(time_of(1200, 120) <= 600000, "1,200 requests of 120 a minute take ten minutes");
}

/* Two databases with different limits. */
static void
test_two_limits(void)
{
	long		wait;

	forget();
	is_integer(burst(120, &wait), 40, "one takes 40");
	ok(request_take(&history, 20, now) > 20000, "the other, of 20 a minute, has to wait");
	now += 61 * SECOND;
	is_integer(burst(20, &wait), 10, "for a minute");
	is_integer(request_take(&history, 120, now), 0, "which keeps the first one from nothing");
}

static void
test_clock(void)
{
	long		wait;

	forget();
	burst(10, &wait);
	now -= 86400 * SECOND;
	wait = request_take(&history, 10, now);
	ok(wait > 0 && wait <= 60001, "a clock that is set back by a day: %ld ms to wait", wait);
	now += 61 * SECOND;
	is_integer(burst(10, &wait), 10, "after which all is as before");
	now += 86400 * SECOND;
	is_integer(burst(10, &wait), 10, "a clock that is set ahead");
}

int
main(void)
{
	test_bursts();
	test_usual_sweeps();
	test_any_minute();
	test_two_limits();
	test_clock();
	return done_testing();
}
