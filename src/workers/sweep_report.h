/*-------------------------------------------------------------------------
 *
 * sweep_report.h
 *	  What is told of a sweep that has ended: a line for vnstream_log(), and
 *	  whether it was well for vnstream_health().
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_SWEEP_REPORT_H
#define VNSTREAM_WORKERS_SWEEP_REPORT_H

#include "store/outbox.h"

/*
 * Main thread of the producer, outside of a transaction.  error: '' where all
 * went well.
 */
extern void sweep_report(int64 sweep, int64 asked, int64 missing,
						 const SweepTotals *totals, const char *error);

#endif							/* VNSTREAM_WORKERS_SWEEP_REPORT_H */
