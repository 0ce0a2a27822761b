/*-------------------------------------------------------------------------
 *
 * sweep_report.h
 *	  What is told of a sweep: what was wrong with its source; and when it has
 *	  ended a line for vnstream_log(), and whether it was well for
 *	  vnstream_health().
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_SWEEP_REPORT_H
#define VNSTREAM_WORKERS_SWEEP_REPORT_H

#include "source/http.h"
#include "workers/sweep_run.h"

/*
 * Both: main thread of the producer, outside of a transaction.
 *
 * A source that could not be asked any more, with what to do about it.
 */
extern void sweep_report_fault(const char *source, HttpFault fault, const char *error);

/* It has ended; not for hot ones, of which there are too many. */
extern void sweep_report(const SweepRun *run);

#endif							/* VNSTREAM_WORKERS_SWEEP_REPORT_H */
