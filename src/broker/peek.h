/*-------------------------------------------------------------------------
 *
 * peek.h
 *	  Some messages of a topic, looked at beside the pipeline.
 *
 * A kind of question, for query.c.  No group is joined and nothing committed:
 * partitions are read as of old, each from an offset (rd_kafka_consume_start_queue),
 * up to where they ended when the question was asked.  read_committed, so
 * neither control records nor messages of aborted transactions are seen.
 *
 * Plain C with malloc.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_PEEK_H
#define VNSTREAM_BROKER_PEEK_H

#include "broker/query.h"
#include "broker/question.h"

typedef enum PeekFrom
{
	PEEK_BEGINNING,				/* each partition's first messages */
	PEEK_END,					/* each partition's last messages */
	PEEK_TIME,					/* the first ones not older than time */
	PEEK_RANGES					/* what is in the ranges */
} PeekFrom;

/* Offsets from … to - 1; to may be INT64_MAX: the end. */
typedef struct PeekRange
{
	int32_t		partition;
	int64_t		from;
	int64_t		to;
} PeekRange;

typedef struct PeekRequest
{
	const char *topic;
	PeekFrom	from;
	int64_t		time;			/* ms since 1970 UTC, for PEEK_TIME */
	const PeekRange *ranges;	/* for PEEK_RANGES, in any order, none within
								 * another; what is outside of what Kafka has
								 * counts for nothing */
	int			range_count;
	int			limit;			/* most messages that are answered, the first
								 * (PEEK_END: the last) by timestamp, then
								 * partition, then offset; 0: read none, only
								 * tell where it would begin */
	size_t		memory_limit;	/* bytes, of all messages that are kept */
} PeekRequest;

typedef struct PeekHeader
{
	const char *name;
	const char *value;			/* NULL: the header has none */
	size_t		length;
} PeekHeader;

/* Texts are as Kafka has them: any bytes, not zero-terminated. */
typedef struct PeekMessage
{
	int32_t		partition;
	int64_t		offset;
	int64_t		timestamp;		/* ms since 1970 UTC; -1: none */
	const char *key;			/* NULL: none */
	size_t		key_length;
	const char *value;			/* NULL: a tombstone */
	size_t		value_length;
	const PeekHeader *headers;
	int			header_count;
	void	   *block;			/* one allocation with all of the above */
	size_t		bytes;			/* that it takes */
} PeekMessage;

typedef struct PeekPartition
{
	int32_t		partition;
	int32_t		leader;			/* -1: none; nothing was read from it, and the
								 * offsets are -1 */
	int64_t		low;
	int64_t		high;			/* the last stable offset */
	int64_t		start;			/* where reading begins; for PEEK_END the end,
								 * for PEEK_RANGES the low watermark */
} PeekPartition;

typedef enum PeekFault
{
	PEEK_FINE,
	PEEK_NO_TOPIC,
	PEEK_NO_PARTITION,			/* at_partition, of a range */
	PEEK_NO_LEADER,				/* of at_partition */
	PEEK_TOO_LARGE,				/* the messages are more than memory_limit */
	PEEK_DAMAGED				/* at_partition, at_offset cannot be read */
} PeekFault;

/*
 * What went wrong for the request's sake is an answer too, as fault: then there
 * are no messages, but whatever partitions are known.
 */
typedef struct PeekAnswer
{
	PeekFault	fault;
	int32_t		at_partition;
	int64_t		at_offset;
	char		reason[BROKER_ERROR_SIZE];	/* librdkafka's, of PEEK_DAMAGED */
	char		cluster_id[64];
	int			partition_count;
	PeekPartition *partitions;	/* in the order of their numbers */
	int			message_count;
	PeekMessage *messages;		/* by timestamp, partition, offset */
} PeekAnswer;

/*
 * NULL with error where the options are unusable or memory lacks.  The request
 * is copied.
 */
extern Question *peek_question(const BrokerOptions *options,
							   const PeekRequest *request, int timeout_ms,
							   char *error);

/* Of an answered question; lives as long as it does. */
extern const PeekAnswer *peek_question_answer(const Question *question);

#endif							/* VNSTREAM_BROKER_PEEK_H */
