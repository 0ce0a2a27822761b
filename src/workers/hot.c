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
#include "source/http.h"
#include "workers/agenda.h"
#include "workers/hot.h"
#include "workers/loop.h"

static struct
{
	TimestampTz next;
	int64		started;		/* ms, http_clock_ms(): of a clock that nobody sets */
	int64		interval_ms;
	int			reserve;		/* 0: not known yet, or no hot symbols */
}			hot;

void
hot_reconfigure(void)
{
	memset(&hot, 0, sizeof(hot));
}

/* More frequent than a sweep of all, it keeps to the schedule as that does. */
static bool
is_wanted(void)
{
	return config_hot_symbols[0] != '\0' && agenda_is_sweeping_time();
}

bool
hot_is_due(void)
{
	return is_wanted() && ms_until(hot.next) == 0;
}

long
hot_remaining(void)
{
	return is_wanted() ? ms_until(hot.next) : -1;
}

void
hot_started(size_t requests)
{
	hot.started = http_clock_ms();
	hot.interval_ms = hot_interval(config_hot_interval, requests, config_requests_per_minute);
	hot.reserve = hot_reserve(hot.interval_ms, requests, config_requests_per_minute);
	hot.next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), hot.interval_ms);
}

void
hot_ended(void)
{
	int64		took = http_clock_ms() - hot.started;

	/* where they take long, as long again is left for a sweep of all */
	hot.next = Max(hot.next, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), took));
}

int
hot_budget_of_others(void)
{
	return Max(config_requests_per_minute - hot.reserve, 1);
}
