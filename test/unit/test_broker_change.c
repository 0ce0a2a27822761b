/*-------------------------------------------------------------------------
 *
 * test_broker_change.c
 *	  A change of a topic that nobody waits for any more.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* RTLD_NEXT */
#endif

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/topic_change.h"
#include "broker_support.h"
#include "test.h"

#define TIMEOUT_MS 20000

typedef void (*AlterConfigs) (rd_kafka_t *, rd_kafka_ConfigResource_t **, size_t,
							  const rd_kafka_AdminOptions_t *, rd_kafka_queue_t *);
typedef const rd_kafka_AlterConfigs_result_t *(*ReadAnswer) (rd_kafka_event_t *);

static int	requests;
static Question *cancelled_by_answer;

/* The code under test finds these before librdkafka's. */
void
rd_kafka_AlterConfigs(rd_kafka_t *kafka, rd_kafka_ConfigResource_t **configs,
					  size_t count, const rd_kafka_AdminOptions_t *options,
					  rd_kafka_queue_t *queue)
{
	AlterConfigs real;

	requests++;
	*(void **) &real = dlsym(RTLD_NEXT, "rd_kafka_AlterConfigs");
	real(kafka, configs, count, options, queue);
}

/* Ctrl-C at the moment when an answer has come. */
const rd_kafka_AlterConfigs_result_t *
rd_kafka_event_AlterConfigs_result(rd_kafka_event_t *event)
{
	ReadAnswer	real;

	if (cancelled_by_answer != NULL)
		question_cancel(cancelled_by_answer);
	*(void **) &real = dlsym(RTLD_NEXT, "rd_kafka_event_AlterConfigs_result");
	return real(event);
}

/* retention.ms of the topic before a change to the same retention. */
static int64_t
change(const char *topic, int64_t retention_ms, bool is_cancelled, bool *succeeded)
{
	BrokerOptions options = {.brokers = kafka_bootstrap(), .client_id = "test"};
	TopicChange wanted = {.topic = topic, .has_retention = true, .retention_ms = retention_ms};
	char		error[BROKER_ERROR_SIZE];
	Question   *question = topic_change_question(&options, &wanted, TIMEOUT_MS, error);
	int64_t		before;

	if (question == NULL)
		give_up("no question: %s", error);
	requests = 0;
	cancelled_by_answer = is_cancelled ? question : NULL;
	*succeeded = question->kind->ask(question);
	cancelled_by_answer = NULL;
	before = topic_change_answer(question)->retention_before;
	question_free(question);
	return before;
}

int
main(void)
{
	char	   *topic = new_topic(1, "retention.ms", "3600000");
	bool		succeeded;

	change(topic, 7200000, true, &succeeded);
	ok(!succeeded, "cancelled when Kafka has said that it would: not done");
	is_integer(requests, 1, "Kafka is not asked to do it");
	is_integer(change(topic, 7200000, false, &succeeded), 3600000, "and has not done it");
	ok(succeeded && requests == 2, "uncancelled, it is asked twice");
	is_integer(change(topic, 7200000, false, &succeeded), 7200000, "and does it");
	free(topic);
	return done_testing();
}
