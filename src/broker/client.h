/*-------------------------------------------------------------------------
 *
 * client.h
 *	  A librdkafka client that lives inside a PostgreSQL process.
 *
 * What is common to publisher, reader and queries: configuration, a file
 * descriptor to wait on instead of a blocking poll, and what librdkafka says,
 * collected as records.  No callback is ever registered: everything arrives as
 * an event on one queue, taken with timeout 0 by the thread that owns the
 * client.  internal.termination.signal stays unset (it would call sigaction
 * for the process), and no library thread ever runs code of ours.
 *
 * How to wait: when wake_read is readable, broker_client_clear_wakeup() first,
 * then take everything until the queue is empty.  librdkafka writes one byte
 * when the queue stops being empty and no second one before it was polled: who
 * leaves events in the queue must not sleep on the descriptor.
 *
 * Plain C with malloc: nothing here raises a PostgreSQL error.  Needs
 * librdkafka 2.0.2 or later.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_CLIENT_H
#define VNSTREAM_BROKER_CLIENT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#define BROKER_ERROR_SIZE 512

/* What librdkafka reported: a log line, or an error event. */
typedef struct BrokerNotice
{
	int			level;			/* syslog: 0 emergency .. 7 debug */
	rd_kafka_resp_err_t code;	/* 0 for a log line */
	bool		is_fatal;		/* the client is of no more use */
	char		text[BROKER_ERROR_SIZE];
} BrokerNotice;

typedef enum BrokerRole
{
	BROKER_PUBLISHER,
	BROKER_READER,
	BROKER_QUERY,
	BROKER_PROBE				/* writes, with its own settings alone */
} BrokerRole;

typedef struct BrokerOptions
{
	const char *brokers;		/* host:port, separated by commas */
	const char *client_id;		/* as brokers' logs will show it */
	const char *group_id;		/* readers: for offsets committed afterwards */
	const char *config_file;	/* path of a file for config_file.h, read when
								 * the client is made; NULL or '': none */
} BrokerOptions;

/* One property of librdkafka's; a list of them ends with a NULL name. */
typedef struct BrokerSetting
{
	const char *name;
	const char *value;
} BrokerSetting;

typedef struct BrokerClient
{
	rd_kafka_t *kafka;
	rd_kafka_queue_t *queue;	/* every event of this client */
	int			wake_read;		/* readable when the queue stopped being empty */
	int			wake_write;
	/* notices not yet taken, a bounded ring; the oldest are overwritten */
	BrokerNotice *notices;
	int			notice_count;
	int			notice_next;
	int64_t		notices_lost;
	struct ConfigFile *file;	/* what notices must not show, or NULL */
} BrokerClient;

/*
 * NULL with error (BROKER_ERROR_SIZE bytes) where the options are unusable.
 * The settings (NULL: none) come on top of those that all clients share, and
 * those of the file on top of both.  Neither error nor any notice has a secret
 * or a path of the file in it.
 */
extern BrokerClient *broker_client_create(BrokerRole role,
										  const BrokerOptions *options,
										  const BrokerSetting *settings,
										  char *error);

/*
 * Never waits for a broker: no consumer close (5 s with a frozen one), queued
 * messages are dropped (the outbox has them).  Nor for a name server, which
 * librdkafka's threads may be waiting for: after a moment the rest of the
 * work is left to a thread of its own.
 */
extern void broker_client_destroy(BrokerClient *client);

/* Empty the wake-up pipe; before draining the queue, or a wake-up is lost. */
extern void broker_client_clear_wakeup(BrokerClient *client);

/* Keep what an event of type LOG or ERROR says.  True where it was one. */
extern bool broker_client_note(BrokerClient *client, rd_kafka_event_t *event);

/* The same for an error that came by another way; ERR__FATAL makes it fatal. */
extern void broker_client_note_error(BrokerClient *client,
									 rd_kafka_resp_err_t code,
									 const char *format,...)
			__attribute__((format(printf, 3, 4)));

/* The oldest notice not yet taken; false where none. */
extern bool broker_client_notice(BrokerClient *client, BrokerNotice *notice);

/*
 * Block every signal but those that tell of a fault in this thread, around
 * calls that start threads: a thread inherits the mask, and PostgreSQL's
 * handlers must run on the main thread only.
 */
extern void broker_block_signals(sigset_t *previous);
extern void broker_restore_signals(const sigset_t *previous);

/* Check for the setting: host:port list.  False with a sentence in error. */
extern bool broker_check_list(const char *brokers, char *error);

/* Check for the setting: [a-zA-Z0-9._-]{1,249}, not "." or "..". */
extern bool broker_check_topic(const char *topic, char *error);

#endif							/* VNSTREAM_BROKER_CLIENT_H */
