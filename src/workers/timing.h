/*-------------------------------------------------------------------------
 *
 * timing.h
 *	  What producer and consumer tell latency.h, and about which messages.
 *
 * A quote says again and again when its symbol was last traded.  Only the first
 * one of each trade tells how long that took to get here, so the match time of
 * the quote before it is remembered by ticker: in the producer, of the quote
 * published before, in a consumer, of the message stored before.  The first
 * quote of a ticker after the start of the process, or after partitions were
 * claimed, is not counted: its trade may be of any age.
 *
 * All functions: main thread of a worker, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_TIMING_H
#define VNSTREAM_WORKERS_TIMING_H

#include "broker/publisher.h"
#include "latency.h"
#include "store/ingest.h"

/* Once, when the settings of the topic are those the worker goes by. */
extern void timing_begin(bool publishes);

/* Other partitions: what their tickers told last is not known. */
extern void timing_forget(void);

/* A quote that goes into the outbox; latency_flush() is the caller's. */
extern void timing_published(const Quote *quote);

/*
 * A delivery report, handled now; fetched_at is µs since 1970.
 * latency_flush() is the caller's.
 */
extern void timing_acknowledged(int64 fetched_at, const PublisherReport *report,
								TimestampTz now);

/* A batch that was stored just now, and taken from the queue at that time. */
extern void timing_committed(const IngestBatch *batch, TimestampTz taken_at);

#endif							/* VNSTREAM_WORKERS_TIMING_H */
