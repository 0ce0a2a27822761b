/*-------------------------------------------------------------------------
 *
 * log_check.c
 *	  Is it still the log that a position is of?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bswap.h"
#include "port/pg_crc32c.h"

#include "config.h"
#include "workers/log_check.h"
#include "workers/tell.h"

/*
 * Between the last message and the position lie control records of transactions
 * and what compaction took.  Where it is more than this, a person has moved the
 * position, and to read all of it again would be long.
 */
#define SPAN_MAX 10000

static pg_crc32c
add_bytes(pg_crc32c crc, const char *bytes, size_t length)
{
	/* a field that is absent is no empty one */
	int64		marked = (int64) pg_hton64(bytes != NULL ? (uint64) length : PG_UINT64_MAX);

	COMP_CRC32C(crc, &marked, sizeof(marked));
	if (length > 0)
		COMP_CRC32C(crc, bytes, length);
	return crc;
}

uint32
log_check_crc(const char *key, size_t key_length, const char *value,
			  size_t value_length, int64 kafka_time)
{
	uint64		time = pg_hton64((uint64) kafka_time);
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, &time, sizeof(time));
	crc = add_bytes(crc, key, key_length);
	crc = add_bytes(crc, value, value_length);
	FIN_CRC32C(crc);
	return crc;
}

int64
log_check_start(const Position *position, int64 low)
{
	if (position->last_offset < low || position->last_offset >= position->next_offset ||
		position->next_offset - position->last_offset > SPAN_MAX)
		return position->next_offset;
	return position->last_offset;
}

void
log_check_tell_unknown(const Position *position)
{
	worker_tell(EVENT_INFO, LOG, ERRCODE_SUCCESSFUL_COMPLETION,
				"partition %d of topic \"%s\": the message that was read last, offset "
				INT64_FORMAT ", is gone; whether the topic was made anew cannot be told",
				position->partition, config_topic, position->last_offset);
}

LogCheck
log_check_message(const Position *position, const ReaderEvent *event)
{
	if (event->offset != position->last_offset)
		return LOG_IS_UNKNOWN;
	return log_check_crc(event->key, event->key_length, event->value,
						 event->value_length, event->timestamp) == position->last_crc ?
		LOG_IS_SAME : LOG_IS_OTHER;
}
