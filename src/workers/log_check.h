/*-------------------------------------------------------------------------
 *
 * log_check.h
 *	  Is it still the log that a position is of?
 *
 * A topic that was deleted and made anew, or a partition whose log was cut and
 * written again, has other messages at the same offsets.  Where the new log is
 * shorter than the position its end tells; where it has grown past it only its
 * messages do.  So a position keeps the offset of the last message before it and
 * a CRC of that message, and a consumer begins to read there.
 *
 * Private to the consumer.  Main thread, no transaction needed; no function
 * raises an error.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_LOG_CHECK_H
#define VNSTREAM_WORKERS_LOG_CHECK_H

#include "postgres.h"

#include "broker/reader.h"
#include "store/message.h"
#include "store/position.h"

typedef enum LogCheck
{
	LOG_IS_SAME,
	LOG_IS_OTHER,
	LOG_IS_UNKNOWN				/* the message is gone: retention or compaction */
} LogCheck;

/*
 * What tells a message from another at its offset: the same on every machine and
 * by every version of the server, as it is kept in a table.
 */
extern uint32 log_check_crc(const char *key, size_t key_length, const char *value,
							size_t value_length, int64 kafka_time);

/*
 * The offset to read from, of a log that begins at low: that of the last message
 * before the position, or the position itself where there is nothing to compare.
 */
extern int64 log_check_start(const Position *position, int64 low);

/* Whether it is the same log cannot be told: an event, and a line in the log. */
extern void log_check_tell_unknown(const Position *position);

/* The first message that came from where log_check_start() said. */
extern LogCheck log_check_message(const Position *position, const ReaderEvent *event);

#endif							/* VNSTREAM_WORKERS_LOG_CHECK_H */
