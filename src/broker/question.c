/*-------------------------------------------------------------------------
 *
 * question.c
 *	  One question to a broker, asked with calls that block.
 *
 * Every blocking call is cut into slices, so that a cancelled question ends
 * soon.  A slice must be long enough for an answer all the same: it doubles
 * each time, and what a call could not do in one slice it does in one of the
 * next.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/question.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_SLICE_MS 500
#define LONGEST_SLICE_MS 4000
#define PAUSE_MS 50				/* before asking again what was not ready */

int64_t
question_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool
question_is_over(const Question *question)
{
	return question_clock_ms() >= question->deadline ||
		__atomic_load_n(&question->is_cancelled, __ATOMIC_RELAXED);
}

void
question_cancel(Question *question)
{
	__atomic_store_n(&question->is_cancelled, true, __ATOMIC_RELAXED);
}

int
question_remaining_ms(const Question *question)
{
	int64_t		left = question->deadline - question_clock_ms();

	return left > 1 ? (int) left : 1;
}

int
question_next_slice(Question *question)
{
	int64_t		left = question->deadline - question_clock_ms();
	int			slice = question->slice;

	if (left <= 0 || question_is_over(question))
		return 0;
	if (question->slice < LONGEST_SLICE_MS)
		question->slice *= 2;
	return left < slice ? (int) left : slice;
}

void
question_first_slice(Question *question)
{
	question->slice = FIRST_SLICE_MS;
}

void
question_pause(void)
{
	struct timespec pause = {0, PAUSE_MS * 1000000L};

	nanosleep(&pause, NULL);
}

/*
 * "1/1 brokers are down" says less than what came before it, and of a broker that
 * hangs librdkafka guesses that its version is too old.
 */
bool
question_is_reason(const BrokerNotice *notice)
{
	return notice->level <= 4 &&
		notice->code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN &&
		strstr(notice->text, "ApiVersionRequest failed: Local: Timed out") == NULL;
}

void
question_listen(Question *question)
{
	rd_kafka_event_t *event;
	BrokerNotice notice;

	while ((event = rd_kafka_queue_poll(question->client->queue, 0)) != NULL)
	{
		broker_client_note(question->client, event);
		rd_kafka_event_destroy(event);
	}
	while (broker_client_notice(question->client, &notice))
	{
		if (question->heard != NULL)
			question->heard(question, &notice);
		if (question_is_reason(&notice))
			memcpy(question->trouble, notice.text, sizeof(question->trouble));
	}
}

bool
question_fail(Question *question, const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(question->error, sizeof(question->error), format, arguments);
	va_end(arguments);
	return false;
}

bool
question_fail_unanswered(Question *question, const char *what)
{
	const char *reason = question->trouble;

	question_listen(question);
	if (reason[0] == '\0')
		reason = QUESTION_SILENCE;
	question->is_unanswered = true;
	if (what == NULL)
		return question_fail(question, "Kafka did not answer within %d ms at \"%.150s\": %.250s",
							 question->timeout_ms, question->brokers, reason);
	return question_fail(question, "%s within %d ms by \"%.150s\": %.250s",
						 what, question->timeout_ms, question->brokers, reason);
}

bool
question_is_passing(rd_kafka_resp_err_t code)
{
	switch (code)
	{
		case RD_KAFKA_RESP_ERR__TIMED_OUT:
		case RD_KAFKA_RESP_ERR__TRANSPORT:
		case RD_KAFKA_RESP_ERR__WAIT_COORD:
		case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
		case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
		case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
		case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
		case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
		case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
		case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
		case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
		case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
		case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
		case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
		case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
			return true;
		default:
			return false;
	}
}

/*
 * The socket's timeout becomes the question's: a leader that does not answer
 * must not hold a request longer than anybody waits for it.
 */
bool
question_open(Question *question, const BrokerOptions *options,
			  const BrokerSetting *settings, int timeout_ms, char *error)
{
	char		timeout[32];
	BrokerSetting all[16] = {
		{"isolation.level", "read_committed"},	/* for the offsets, too */
		{"fetch.wait.max.ms", "100"},	/* or it warns of the timeout */
		{"socket.timeout.ms", timeout},
	};
	int			count = 3;
	int			socket_ms = timeout_ms;

	for (; settings != NULL && settings->name != NULL; settings++)
		all[count++] = *settings;
	all[count].name = NULL;

	if (socket_ms < 2000)
		socket_ms = 2000;
	else if (socket_ms > 15000)
		socket_ms = 15000;
	snprintf(timeout, sizeof(timeout), "%d", socket_ms);
	question->client = broker_client_create(BROKER_QUERY, options, all, error);
	if (question->client == NULL)
		return false;
	question->brokers = strdup(options->brokers);
	if (question->brokers == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return false;
	}
	question->timeout_ms = timeout_ms;
	question->slice = FIRST_SLICE_MS;
	question->deadline = question_clock_ms() + timeout_ms;
	return true;
}

void
question_free(Question *question)
{
	if (question == NULL)
		return;
	if (question->kind->release != NULL)
		question->kind->release(question);
	broker_client_destroy(question->client);
	free(question->brokers);
	if (question->kind->forget != NULL)
		question->kind->forget(question);
	free(question);
}
