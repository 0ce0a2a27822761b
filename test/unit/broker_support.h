/*-------------------------------------------------------------------------
 *
 * broker_support.h
 *	  What the tests of src/broker need from a real Kafka and from /proc.
 *
 * KAFKA_BOOTSTRAP names the brokers and KAFKA_DATA the folder that test/kafka
 * started them from; without either a test ends as failed.  What a test sets
 * up in Kafka goes through librdkafka itself, not through the code under test.
 *
 *-------------------------------------------------------------------------
 */
#ifndef BROKER_SUPPORT_H
#define BROKER_SUPPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/publisher.h"
#include "broker/query.h"
#include "broker/reader.h"

/* 127.0.0.1's port 1: refuses every connection. */
#define NO_BROKER "127.0.0.1:1"

extern const char *kafka_bootstrap(void);

/* test/kafka COMMAND --data $KAFKA_DATA ...; its output, NULL where it failed. */
extern char *kafka_tool(const char *format,...)
			__attribute__((format(printf, 1, 2)));

/* A name that no earlier run used. */
extern char *unique_name(const char *what);

/* A new topic; setting may be NULL. */
extern char *new_topic(int partitions, const char *setting, const char *value);

/* For topics so large that they would slow down the broker's next start. */
extern void drop_topic(const char *topic);
extern bool topic_exists(const char *topic);
extern void add_partitions(const char *topic, int total);
extern void delete_records(const char *topic, int32_t partition, int64_t before);

/* The next offset to be written. */
extern int64_t end_offset(const char *topic, int32_t partition);

/* Committed offset of a group; -1 none. */
extern int64_t committed_offset(const char *group, const char *topic,
								int32_t partition);

extern double seconds_now(void);
extern bool wait_readable(int fd, int timeout_ms);
extern void sleep_ms(int milliseconds);

/* Clients with the test's brokers; a failure ends the test. */
extern Publisher *open_publisher(const char *topic, long timeout_ms);
extern Reader *open_reader(const char *topic, const char *group);

extern ReaderPosition at(int32_t partition, int64_t offset);

/* Waits on the client's descriptor alone.  False where nothing came in time. */
extern bool await_report(Publisher *publisher, PublisherReport *report,
						 int timeout_ms);
extern bool await_event(Reader *reader, ReaderEvent *event, int timeout_ms);

/* The first event of that kind; others are released.  False: none in time. */
extern bool await_kind(Reader *reader, ReaderEventKind kind,
					   ReaderEvent *event, int timeout_ms);

/* Messages "0", "1", ... to a topic, acknowledged. */
extern void publish_numbers(const char *topic, int count);

/* Waits for the query and takes its answer. */
extern bool await_query(BrokerQuery *query, TopicDescription *answer,
						char *error);
extern bool describe_topic(const char *topic, TopicDescription *answer,
						   char *error);

/* Is there a notice that has the text, or (NULL) the code? */
extern bool has_notice(BrokerClient *client, const char *text,
					   rd_kafka_resp_err_t code);

extern int	count_descriptors(void);
extern int	count_threads(void);

/* Waits until there are no more than that, for at most 10 s. */
extern bool threads_return_to(int count);

/* Ends the test: what it stands on is broken. */
extern void give_up(const char *format,...)
			__attribute__((format(printf, 1, 2), noreturn));

#endif							/* BROKER_SUPPORT_H */
