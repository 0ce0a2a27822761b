/*-------------------------------------------------------------------------
 *
 * latency.h
 *	  How long messages take on each part of their way, and how many pass.
 *
 * One row in shared memory for each database entry, with a lock of its own.  A
 * worker gathers durations in its own memory and hands them over once a batch
 * or a round of delivery reports: no lock is taken for a single message.  The
 * figures outlive workers, and begin anew with the server, or when the entry
 * goes to another database.
 *
 * All but latency_read() are for the main thread of a worker.  A duration below 0, as between two clocks, counts as 0, and one
 * of more than a day as a day.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_LATENCY_H
#define VNSTREAM_LATENCY_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "histogram.h"
#include "shared_state.h"

typedef enum LatencyHop
{
	LATENCY_MATCH_FETCHED,
	LATENCY_FETCHED_ACKNOWLEDGED,
	LATENCY_ACKNOWLEDGED_CONSUMED,
	LATENCY_CONSUMED_COMMITTED,
	LATENCY_FETCHED_COMMITTED,
	LATENCY_MATCH_COMMITTED,
	LATENCY_HOPS
} LatencyHop;

/*
 * Acknowledgements are remembered as runs of offsets until they are consumed:
 * this many runs, then the oldest are forgotten and not told.
 */
#define LATENCY_RUNS 4096

/* Partitions from this number on have no 'acknowledged → consumed'. */
#define LATENCY_PARTITIONS 1024

/* What one hop shows: of the last minute, the last hour, the last day. */
typedef struct LatencyFigures
{
	Histogram	minute;
	Histogram	hour;
	uint64		day;			/* messages */
} LatencyFigures;

/* For shared_state.c's hooks: room, and making it. */
extern void latency_request(void);
extern void latency_start(void);

/*
 * Before anything else: which database's figures this worker keeps, and a name
 * of the topic and its brokers that is the same in the producer and the
 * consumers.  A producer that publishes elsewhere than the one before it makes
 * its acknowledgements forgotten.
 */
extern void latency_begin(const DatabaseEntry *entry, const char *topic_name,
						  bool publishes);

/* Gather: one message took this long; two times in µs of one epoch. */
extern void latency_note(LatencyHop hop, TimestampTz from, TimestampTz to);

/*
 * Gather for 'acknowledged → consumed': the producer that Kafka has a message,
 * a consumer that it has stored all of a partition before next_offset, which
 * it had taken from the queue at that time.  An offset below 0 is ignored.
 * What is consumed before its report was handled counts as 0.
 */
extern void latency_acknowledged(int32 partition, int64 offset, TimestampTz at);
extern void latency_consumed(int32 partition, int64 next_offset, TimestampTz at);

/* Hand over what was gathered. */
extern void latency_flush(void);

/*
 * The figures of all hops as of now; all zeros for a database without an entry.
 * Any backend.
 */
extern void latency_read(Oid database, TimestampTz now,
						 LatencyFigures figures[LATENCY_HOPS]);

/* As SQL shows it, in UTF-8. */
extern const char *latency_hop_name(LatencyHop hop);

#endif							/* VNSTREAM_LATENCY_H */
