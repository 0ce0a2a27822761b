/*-------------------------------------------------------------------------
 *
 * hot.c
 *	  How often symbols that are asked for more often may be, beside a sweep of
 *	  all, out of one budget of requests a minute.
 *
 * Hot sweeps get half of the budget at most.  A sweep of all goes on while fewer
 * than the budget less the reserve were made within the last minute, hot ones
 * among them: as the reserve is a quarter at most, a quarter at least is left for
 * the sweep of all.
 *
 *-------------------------------------------------------------------------
 */
#include "source/hot.h"

#define MINUTE_MS 60000

int64_t
hot_interval(int64_t wish_ms, size_t requests, int requests_per_minute)
{
	int64_t		least = (int64_t) requests * MINUTE_MS * 2 / requests_per_minute;

	return wish_ms > least ? wish_ms : least;
}

int
hot_reserve(int64_t interval_ms, size_t requests, int requests_per_minute)
{
	int64_t		needed = ((int64_t) requests * MINUTE_MS + interval_ms - 1) / interval_ms;
	int64_t		most = requests_per_minute / 4;

	return (int) (needed < most ? needed : most);
}
