/*-------------------------------------------------------------------------
 *
 * message.h
 *	  One message of Kafka, and what becomes of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_MESSAGE_H
#define VNSTREAM_STORE_MESSAGE_H

#include "postgres.h"

#include "market/quote.h"

/* What becomes, or became, of one message. */
typedef enum MessageFate
{
	MESSAGE_IS_QUOTE,			/* in: to be stored */
	MESSAGE_IS_DEAD,			/* in and out: a dead letter; code and reason say why */
	MESSAGE_STORED,				/* out */
	MESSAGE_DUPLICATE			/* out: the same quote was there already */
} MessageFate;

typedef struct IngestMessage
{
	MessageFate fate;
	int32		partition;
	int64		offset;
	int64		kafka_time;		/* ms since 1970 UTC, -1: none */
	const char *key;			/* NULL: none; not zero-terminated */
	size_t		key_length;
	const char *value;			/* NULL: tombstone; not zero-terminated */
	size_t		value_length;
	Quote		quote;			/* where fate was MESSAGE_IS_QUOTE */
	char		code[32];		/* where dead: "form", a rule's name, "conflict",
								 * or an SQLSTATE */
	char	   *reason;			/* where dead: in the batch's memory context */
	bool		is_digest;		/* out, where dead: its value was not kept */
} IngestMessage;

/*
 * Read the value by the form and the rules of messages: fills in fate, quote,
 * code and reason (allocated in context).  It is judged from itself alone; now
 * is µs since 1970 UTC.  Any process, no transaction needed.
 */
extern void message_judge(IngestMessage *message, int64 now, MemoryContext context);

#endif							/* VNSTREAM_STORE_MESSAGE_H */
