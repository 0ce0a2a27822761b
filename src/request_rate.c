/*-------------------------------------------------------------------------
 *
 * request_rate.c
 *	  How many requests may go to a source.
 *
 *-------------------------------------------------------------------------
 */
#include "request_rate.h"

#include <stdbool.h>

#define MINUTE INT64_C(60000000)

/* The smallest bucket: a few looks by hand, or a small sweep, need not wait. */
#define BUCKET_LEAST 10

static int
place_before(int place, int steps)
{
	return (place - steps + MAX_REQUESTS_PER_MINUTE) % MAX_REQUESTS_PER_MINUTE;
}

int
request_count(const RequestHistory *history, int64_t now)
{
	int			count;

	for (count = 0; count < MAX_REQUESTS_PER_MINUTE; count++)
	{
		int64_t		at = history->requested_at[place_before(history->next, count + 1)];

		if (at == 0 || now - at >= MINUTE)
			break;
	}
	return count;
}

/* A clock that was set back: nothing of the future is known any more. */
static void
forget_future(RequestHistory *history, int64_t now)
{
	int			i;

	if (history->requested_at[place_before(history->next, 1)] <= now)
		return;
	for (i = 0; i < MAX_REQUESTS_PER_MINUTE; i++)
		if (history->requested_at[i] > now)
			history->requested_at[i] = now;
}

/*
 * How much is out of the bucket now, in requests, by what went in the last
 * minute, in which any bucket fills again.
 */
static double
bucket_level(const RequestHistory *history, int count, double per_us, int64_t now)
{
	double		level = 0;
	int			i;

	/* from each request to the one after it, or to now */
	for (i = count; i > 0; i--)
	{
		int64_t		at = history->requested_at[place_before(history->next, i)];
		int64_t		after = i == 1 ? now :
			history->requested_at[place_before(history->next, i - 1)];

		level += 1 - (double) (after - at) * per_us;
		if (level < 0)
			level = 0;
	}
	return level;
}

static int
bucket_size(int limit)
{
	int			size = limit / 3 > BUCKET_LEAST ? limit / 3 : BUCKET_LEAST;

	return size < limit ? size : limit;
}

static long
whole_ms(double us)
{
	return (long) (us / 1000) + 1;
}

long
request_take(RequestHistory *history, int limit, int64_t now)
{
	double		per_us = (double) limit / MINUTE;
	double		excess;
	int			count;

	forget_future(history, now);
	count = request_count(history, now);
	if (count >= limit)
	{
		int64_t		oldest = history->requested_at[place_before(history->next, limit)];

		return whole_ms((double) (MINUTE - (now - oldest)));
	}
	excess = bucket_level(history, count, per_us, now) + 1 - bucket_size(limit);

	/* by less than a thousandth of a request: the noise of fractions */
	if (excess > 0.001)
		return whole_ms(excess / per_us);
	history->requested_at[history->next] = now;
	history->next = (history->next + 1) % MAX_REQUESTS_PER_MINUTE;
	return 0;
}
