/*-------------------------------------------------------------------------
 *
 * peek_parts.h
 *	  Copies of ranges and of messages, and their order.
 *
 * Private to peek*.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_PEEK_PARTS_H
#define VNSTREAM_BROKER_PEEK_PARTS_H

#include "broker/peek.h"

/* A copy outlives librdkafka's message.  False where memory lacks; else block is the caller's to free. */
extern bool peek_message_copy(PeekMessage *copy, const rd_kafka_message_t *message);

/* Sorted by partition and offset; NULL where memory lacks. */
extern PeekRange *peek_ranges_copy(const PeekRange *ranges, size_t count);

/* For qsort: by timestamp, partition, offset. */
extern int	peek_message_compare(const void *a, const void *b);

#endif							/* VNSTREAM_BROKER_PEEK_PARTS_H */
