/*-------------------------------------------------------------------------
 *
 * hot.h
 *	  How often symbols that are asked for more often may be, beside a sweep of
 *	  all, out of one budget of requests a minute.
 *
 * Plain C: no PostgreSQL headers, no I/O.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_HOT_H
#define VNSTREAM_SOURCE_HOT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Time from the start of one hot sweep to the next, in ms: the wish, or as much
 * longer as keeps them within half of the budget.  requests: of one hot sweep.
 */
extern int64_t hot_interval(int64_t wish_ms, size_t requests,
							int requests_per_minute);

/*
 * Of the budget, how many requests a minute a sweep of all is to leave alone, so
 * that a hot one never waits for a minute to pass: what hot sweeps need in a
 * minute, a quarter of the budget at most.
 */
extern int	hot_reserve(int64_t interval_ms, size_t requests,
						int requests_per_minute);

#endif							/* VNSTREAM_SOURCE_HOT_H */
