/*-------------------------------------------------------------------------
 *
 * pg_compat.h
 *	  What differs between the servers that are supported: 15, 16, 17 and 18.
 *
 * Every #if on PG_VERSION_NUM is here and nowhere else.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_PG_COMPAT_H
#define VNSTREAM_PG_COMPAT_H

#include "postgres.h"

#include "storage/latch.h"
#include "utils/backend_status.h"
#include "utils/guc_tables.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#endif

#if PG_VERSION_NUM < 150000
#error "vnstock_stream needs PostgreSQL 15 or later"
#endif

/* PostgreSQL 18 has it by itself, before the declaration. */
#ifndef pg_noreturn
#define pg_noreturn pg_attribute_noreturn()
#endif

/* What pg_stat_activity shows of one of ours that waits. */
static inline uint32
wait_event_idle(void)
{
#if PG_VERSION_NUM >= 170000
	static uint32 wait_event = 0;

	if (wait_event == 0)
		wait_event = WaitEventExtensionNew("VnstreamIdle");
	return wait_event;
#else
	return PG_WAIT_EXTENSION;
#endif
}

/* PostgreSQL 17 gave wait event sets a resource owner. */
static inline WaitEventSet *
wait_event_set_create(int events)
{
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(NULL, events);
#else
	return CreateWaitEventSet(CurrentMemoryContext, events);
#endif
}

/* The i-th (from 1) process in pg_stat_activity. */
static inline LocalPgBackendStatus *
backend_status_by_index(int i)
{
#if PG_VERSION_NUM >= 160000
	return pgstat_get_local_beentry_by_index(i);
#else
	return pgstat_fetch_stat_local_beentry(i);
#endif
}

/* PostgreSQL 17 has interval 'infinity'. */
static inline bool
interval_is_for_ever(const Interval *interval pg_attribute_unused())
{
#if PG_VERSION_NUM >= 170000
	return INTERVAL_IS_NOEND(interval);
#else
	return false;
#endif
}

/* Every setting there is. */
static inline struct config_generic **
guc_variables(int *count)
{
#if PG_VERSION_NUM >= 160000
	return get_guc_variables(count);
#else
	*count = GetNumConfigOptions();
	return get_guc_variables();
#endif
}

#endif							/* VNSTREAM_PG_COMPAT_H */
