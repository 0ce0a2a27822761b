/*-------------------------------------------------------------------------
 *
 * reader.h
 *	  Messages from Kafka, from offsets that the caller names.
 *
 * rd_kafka_assign() at given offsets: no group rebalances, and what Kafka
 * thinks was consumed is never asked.  auto.offset.reset is "error": an offset
 * that no longer exists is reported, and the caller decides.  Offsets are
 * always taken from messages (librdkafka 2.0's position() is not exact).
 *
 * Plain C with malloc.  One thread at a time; no call waits for a broker.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_READER_H
#define VNSTREAM_BROKER_READER_H

#include "broker/client.h"

typedef struct Reader Reader;

typedef struct ReaderOptions
{
	BrokerOptions broker;
	const char *topic;
} ReaderOptions;

typedef struct ReaderPosition
{
	int32_t		partition;
	int64_t		offset;			/* next one to read */
} ReaderPosition;

/*
 * A lost offset and an error are different in what follows: after the former
 * the partition stands still until it is assigned anew, after the latter
 * librdkafka tries again by itself, and the error comes again: for a topic that
 * does not exist (not before 30 s at the start, or, by newer librdkafkas, after
 * it was deleted), and a few times a second for a damaged batch
 * (RD_KAFKA_RESP_ERR__BAD_MSG, its first offset), behind which only another
 * assignment leads.
 */
typedef enum ReaderEventKind
{
	READER_MESSAGE,
	READER_END,					/* the partition's end: offset is the next
								 * one; behind control records, which are
								 * offsets without a message, and before
								 * messages of a transaction that is still
								 * open */
	READER_LOST_OFFSET,			/* the wanted offset does not exist (any more) */
	READER_ERROR				/* of one partition; others go on */
} ReaderEventKind;

/* Pointers live until reader_release(). */
typedef struct ReaderEvent
{
	ReaderEventKind kind;
	int32_t		partition;
	int64_t		offset;			/* -1: an error without one */
	const char *key;			/* NULL: none */
	size_t		key_length;
	const char *value;			/* NULL: a tombstone */
	size_t		value_length;
	int64_t		timestamp;		/* Kafka's, ms since 1970 UTC; -1: none */
	rd_kafka_resp_err_t code;
	const char *error;			/* for the last two kinds */
	void	   *handle;			/* reader_release()'s */
} ReaderEvent;

extern Reader *reader_create(const ReaderOptions *options, char *error);

/* Releases what was not released: no event may be used hereafter. */
extern void reader_destroy(Reader *reader);
extern BrokerClient *reader_client(Reader *reader);

/*
 * Replace what is assigned; count 0 assigns nothing.  Refused positions (one
 * offset below 0, one partition twice) leave the assignment as it was.
 */
extern bool reader_assign(Reader *reader, const ReaderPosition *positions,
						  int count, char *error);

/*
 * The next event, or false where the queue is empty for now.  Each event must
 * be given back with reader_release(), also after it was copied.  Events of
 * an assignment that reader_assign() replaced are dropped; where the partition
 * is in both, the caller compares offsets all the same.
 */
extern bool reader_next(Reader *reader, ReaderEvent *event);
extern void reader_release(ReaderEvent *event);

/*
 * The last header of that name of a message, as text, cut to size; false where
 * absent.  Only before release.
 */
extern bool reader_header(const ReaderEvent *event, const char *name,
						  char *value, size_t size);

/*
 * The partition's high watermark as the last fetch told it, without asking the
 * broker; -1 while unknown or not assigned.  It counts messages of open
 * transactions, which a reader (read_committed) does not get yet: librdkafka
 * keeps the last stable offset to itself.  READER_END's offset is that one.
 */
extern int64_t reader_high_watermark(Reader *reader, int32_t partition);

/*
 * Tell Kafka's group, for Kafka's own tools only.  Asynchronous, one request
 * at a time, of which later positions wait for the end; only what fails
 * becomes a notice.  False where the positions are unusable.
 */
extern bool reader_commit(Reader *reader, const ReaderPosition *positions,
						  int count);

/*
 * Has a commit failed since this was last asked?  The caller may try again with
 * its newest offsets.
 */
extern bool reader_commit_failed(Reader *reader);

#endif							/* VNSTREAM_BROKER_READER_H */
