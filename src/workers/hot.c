/*-------------------------------------------------------------------------
 *
 * hot.c
 *	  When the symbols of vnstream.hot_symbols are asked for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "config.h"
#include "source/hot.h"
#include "workers/hot.h"
#include "workers/loop.h"

static struct
{
	TimestampTz next;
	TimestampTz started;
	int64		interval_ms;
	int			reserve;		/* 0: not known yet, or no hot symbols */
}			hot;

void
hot_reconfigure(void)
{
	memset(&hot, 0, sizeof(hot));
}

bool
hot_is_due(void)
{
	return config_hot_symbols[0] != '\0' && ms_until(hot.next) == 0;
}

long
hot_remaining(void)
{
	return config_hot_symbols[0] != '\0' ? ms_until(hot.next) : -1;
}

void
hot_started(size_t requests)
{
	hot.started = GetCurrentTimestamp();
	hot.interval_ms = hot_interval(config_hot_interval, requests, config_requests_per_minute);
	hot.reserve = hot_reserve(hot.interval_ms, requests, config_requests_per_minute);
	hot.next = TimestampTzPlusMilliseconds(hot.started, hot.interval_ms);
}

void
hot_ended(void)
{
	TimestampTz now = GetCurrentTimestamp();

	/* where they take long, as long again is left for a sweep of all */
	if (now > hot.started)
		hot.next = Max(hot.next, now + (now - hot.started));
}

int
hot_budget_of_others(void)
{
	return Max(config_requests_per_minute - hot.reserve, 1);
}
