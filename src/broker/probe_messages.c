/*-------------------------------------------------------------------------
 *
 * probe_messages.c
 *	  May we write to the topic, and read from it?
 *
 * On the thread of the question.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/requests.h"

/* A larger message is not made for a test. */
#define MAX_PROBE_BYTES (32 * 1024 * 1024)

/* So many bytes more than the topic takes. */
#define PROBE_EXCESS 4096

#define WRITE_MS 5000
#define READ_MS 4000

/* Most partitions whose newest message is read. */
#define MAX_PARTITIONS 8

/*
 * Bytes that no compression makes smaller, the topic's own either: what was
 * small enough would be appended.
 */
static char *
make_payload(size_t size)
{
	char	   *payload = malloc(size);
	uint64_t	state = UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t) probe_clock_us();
	size_t		i;

	for (i = 0; payload != NULL && i < size; i++)
	{
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		payload[i] = (char) (state >> 32);
	}
	return payload;
}

static void
listen_to(ProbeQuestion *question, BrokerClient *client)
{
	BrokerNotice notice;

	while (broker_client_notice(client, &notice))
	{
		if (notice.level <= 4 && notice.code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
			memcpy(question->base.trouble, notice.text, sizeof(question->base.trouble));
	}
}

/* What became of the one message: its code. */
static rd_kafka_resp_err_t
await_report(ProbeQuestion *question, BrokerClient *client)
{
	int64_t		until = question_clock_ms() + WRITE_MS + 1000;

	while (question_clock_ms() < until && !question_is_over(&question->base))
	{
		rd_kafka_event_t *event = rd_kafka_queue_poll(client->queue, 100);
		const rd_kafka_message_t *message;
		rd_kafka_resp_err_t code;

		if (event == NULL)
			continue;
		if (broker_client_note(client, event) ||
			(message = rd_kafka_event_message_next(event)) == NULL)
		{
			rd_kafka_event_destroy(event);
			listen_to(question, client);
			continue;
		}
		code = message->err;
		rd_kafka_event_destroy(event);
		return code;
	}
	return RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
}

static rd_kafka_resp_err_t
send_too_large(ProbeQuestion *question, BrokerClient *client, size_t size, bool *is_sent)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(client->kafka, question->topic, NULL);
	char	   *payload = make_payload(size);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;

	*is_sent = false;
	if (topic != NULL && payload != NULL)
	{
		*is_sent = rd_kafka_produce(topic, question->first_leader, RD_KAFKA_MSG_F_COPY,
									payload, size, NULL, 0, NULL) == 0;
		code = *is_sent ? await_report(question, client) : rd_kafka_last_error();
	}
	free(payload);
	if (topic != NULL)
		rd_kafka_topic_destroy(topic);
	return code;
}

static void
tell_write(ProbeQuestion *question, int64_t since, rd_kafka_resp_err_t code)
{
	switch (code)
	{
		case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
			probe_tell(question, PROBE_WRITE, PROBE_OK, since,
					   "a message too large for the topic was refused for its size alone");
			return;
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
			probe_tell(question, PROBE_WRITE, PROBE_FAILED, since,
					   "the brokers do not allow this login to write to the topic");
			break;
		case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
		case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
			probe_tell(question, PROBE_WRITE, PROBE_FAILED, since,
					   "too few replicas of the topic are in sync");
			break;
		case RD_KAFKA_RESP_ERR_NO_ERROR:
			probe_tell(question, PROBE_WRITE, PROBE_WARNING, since,
					   "the broker took a message that is larger than the topic's max.message.bytes; it will be a dead letter");
			break;
		case RD_KAFKA_RESP_ERR__TRANSPORT:
			/* a smaller message may well be taken; a broker that is gone shows next */
			probe_tell(question, PROBE_WRITE, PROBE_WARNING, since,
					   "not known: a broker closed the connection on a message larger than the topic takes (is its socket.request.max.bytes smaller than the topic's max.message.bytes?): %.200s",
					   question->base.trouble);
			break;
		default:
			probe_tell(question, PROBE_WRITE, PROBE_FAILED, since, "%.150s%s%.250s",
					   rd_kafka_err2str(code), question->base.trouble[0] != '\0' ? ": " : "",
					   question->base.trouble);
			break;
	}
	question->answer.code = code;
}

void
probe_write(ProbeQuestion *question)
{
	int64_t		since = probe_clock_us();
	int64_t		limit = question->answer.max_message_bytes;
	BrokerClient *client;
	char		largest[32];
	char		timeout[32];
	char		error[BROKER_ERROR_SIZE];
	rd_kafka_resp_err_t code;
	bool		is_sent;
	const BrokerSetting settings[] = {
		{"acks", "all"},
		{"compression.type", "none"},
		{"enable.idempotence", "false"},
		{"message.send.max.retries", "0"},
		{"linger.ms", "0"},
		{"message.max.bytes", largest},
		{"delivery.timeout.ms", timeout},
		{NULL, NULL}
	};

	if (limit == PROBE_UNKNOWN || limit < 0 || limit > MAX_PROBE_BYTES)
	{
		probe_tell(question, PROBE_WRITE, PROBE_WARNING, since,
				   limit < 0 ? "not tried: the topic's max.message.bytes is not known" :
				   "not tried: the topic's max.message.bytes is larger than 32 MB");
		return;
	}
	if (question->first_leader < 0)
	{
		probe_tell(question, PROBE_WRITE, PROBE_FAILED, since, "no partition has a leader");
		return;
	}
	snprintf(largest, sizeof(largest), "%lld", (long long) limit + 16 * PROBE_EXCESS);
	snprintf(timeout, sizeof(timeout), "%d", WRITE_MS);
	question->base.trouble[0] = '\0';
	client = broker_client_create(BROKER_PROBE, &question->options, settings, error);
	if (client == NULL)
	{
		probe_tell(question, PROBE_WRITE, PROBE_FAILED, since, "%.400s", error);
		return;
	}
	code = send_too_large(question, client, (size_t) limit + PROBE_EXCESS, &is_sent);
	broker_client_destroy(client);
	if (!is_sent)
		probe_tell(question, PROBE_WRITE, PROBE_WARNING, since, "not tried: %.200s",
				   rd_kafka_err2str(code));
	else
		tell_write(question, since, code);
}

static int64_t
wall_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
take_message(ProbeQuestion *question, const rd_kafka_message_t *message)
{
	rd_kafka_timestamp_type_t type;
	int64_t		timestamp = rd_kafka_message_timestamp(message, &type);

	if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || timestamp <= question->answer.newest_ms)
		return;
	question->answer.newest_ms = timestamp;
	question->answer.newest_read_ms = wall_clock_ms();
	question->answer.newest_is_brokers = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
}

/* The message at the offset, or that the partition ends there. */
static rd_kafka_resp_err_t
read_one(ProbeQuestion *question, int32_t partition, int64_t offset)
{
	int64_t		until = question_clock_ms() + READ_MS;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;

	if (rd_kafka_consume_start(question->handle, partition, offset) != 0)
		return rd_kafka_last_error();
	while (code == RD_KAFKA_RESP_ERR__TIMED_OUT && question_clock_ms() < until &&
		   !question_is_over(&question->base))
	{
		rd_kafka_message_t *message = rd_kafka_consume(question->handle, partition, 100);

		question_listen(&question->base);
		if (message == NULL)
			continue;
		code = message->err;
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			take_message(question, message);
		else if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			code = RD_KAFKA_RESP_ERR_NO_ERROR;
		else if (question_is_passing(code))
			code = RD_KAFKA_RESP_ERR__TIMED_OUT;
		rd_kafka_message_destroy(message);
	}
	(void) rd_kafka_consume_stop(question->handle, partition);
	return code;
}

void
probe_read(ProbeQuestion *question)
{
	int64_t		since = probe_clock_us();
	int			count = question->answer.partitions < MAX_PARTITIONS ?
		question->answer.partitions : MAX_PARTITIONS;
	rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_new(count);
	rd_kafka_resp_err_t code;
	int			i;

	for (i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(ends, question->topic, i);
	question->base.trouble[0] = '\0';
	question_first_slice(&question->base);
	do
		code = request_offsets(&question->base, ends, RD_KAFKA_OFFSET_END);
	while (question_is_passing(code) && probe_clock_us() - since < READ_MS * 1000 &&
		   !question_is_over(&question->base) && (question_pause(), true));

	for (i = 0; i < count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
	{
		int64_t		end = ends->elems[i].offset;

		code = read_one(question, ends->elems[i].partition, end > 0 ? end - 1 : 0);
		/* the last one before the end may be deleted already */
		if (code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ||
			code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
			code = read_one(question, ends->elems[i].partition, end);
	}
	rd_kafka_topic_partition_list_destroy(ends);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		probe_tell(question, PROBE_READ, PROBE_OK, since,
				   question->answer.newest_ms > 0 ? "the newest message of %d partition%s" :
				   "%d partition%s, no message to read", count, count == 1 ? "" : "s");
		return;
	}
	question->answer.code = code;
	if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
		probe_tell(question, PROBE_READ, PROBE_FAILED, since,
				   "the brokers do not allow this login to read the topic");
	else
		probe_tell(question, PROBE_READ, PROBE_FAILED, since, "%.150s%s%.250s",
				   rd_kafka_err2str(code), question->base.trouble[0] != '\0' ? ": " : "",
				   question->base.trouble);
}
