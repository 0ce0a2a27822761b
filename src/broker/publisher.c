/*-------------------------------------------------------------------------
 *
 * publisher.c
 *	  Messages to Kafka: idempotent, acks=all, counted at the delivery report.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/publisher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct Publisher
{
	BrokerClient *client;
	rd_kafka_topic_t *topic;
	rd_kafka_event_t *reports;	/* being taken message by message, or NULL */
	int			pending;
};

_Static_assert(sizeof(void *) >= sizeof(uint64_t),
			   "a tag travels in a message's opaque pointer");

/*
 * enable.idempotence sets what it needs (max.in.flight 5, retries without end,
 * FIFO queues).  The queue is bounded because it lives in a database server.
 */
static const BrokerSetting publisher_settings[] = {
	{"enable.idempotence", "true"},
	{"acks", "all"},
	{"linger.ms", "5"},
	{"compression.type", "lz4"},
	{"partitioner", "murmur2_random"},
	{"queue.buffering.max.messages", "100000"},
	{"queue.buffering.max.kbytes", "65536"},
};

#define PUBLISHER_SETTINGS \
	(sizeof(publisher_settings) / sizeof(publisher_settings[0]))

Publisher *
publisher_create(const PublisherOptions *options, char *error)
{
	Publisher  *publisher;
	BrokerSetting settings[PUBLISHER_SETTINGS + 2] = {{NULL, NULL}};
	char		timeout[32];

	if (!broker_check_topic(options->topic, error))
		return NULL;
	if (options->delivery_timeout_ms < 1)
	{
		/* 0 is "never" to librdkafka */
		snprintf(error, BROKER_ERROR_SIZE,
				 "a delivery timeout of %ld ms is none",
				 options->delivery_timeout_ms);
		return NULL;
	}
	publisher = calloc(1, sizeof(*publisher));
	if (publisher == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return NULL;
	}
	memcpy(settings, publisher_settings, sizeof(publisher_settings));
	snprintf(timeout, sizeof(timeout), "%ld", options->delivery_timeout_ms);
	settings[PUBLISHER_SETTINGS].name = "delivery.timeout.ms";
	settings[PUBLISHER_SETTINGS].value = timeout;

	publisher->client = broker_client_create(BROKER_PUBLISHER, &options->broker,
											 settings, error);
	if (publisher->client == NULL)
	{
		publisher_destroy(publisher);
		return NULL;
	}
	publisher->topic = rd_kafka_topic_new(publisher->client->kafka,
										  options->topic, NULL);
	if (publisher->topic == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "%s",
				 rd_kafka_err2str(rd_kafka_last_error()));
		publisher_destroy(publisher);
		return NULL;
	}
	return publisher;
}

void
publisher_destroy(Publisher *publisher)
{
	if (publisher == NULL)
		return;
	if (publisher->reports != NULL)
		rd_kafka_event_destroy(publisher->reports);
	if (publisher->client != NULL)
	{
		/* without NON_BLOCKING it waits for every library thread */
		rd_kafka_purge(publisher->client->kafka,
					   RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
					   RD_KAFKA_PURGE_F_NON_BLOCKING);
	}
	if (publisher->topic != NULL)
		rd_kafka_topic_destroy(publisher->topic);
	broker_client_destroy(publisher->client);
	free(publisher);
}

BrokerClient *
publisher_client(Publisher *publisher)
{
	return publisher->client;
}

/* What librdkafka says of an error; the reason behind it where it is fatal. */
static void
describe_error(Publisher *publisher, rd_kafka_resp_err_t code, char *error)
{
	if (code == RD_KAFKA_RESP_ERR__FATAL &&
		rd_kafka_fatal_error(publisher->client->kafka, error,
							 BROKER_ERROR_SIZE) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	snprintf(error, BROKER_ERROR_SIZE, "%s", rd_kafka_err2str(code));
}

PublishResult
publisher_send(Publisher *publisher, const char *key, const char *value,
			   size_t length, const PublisherHeader *headers, int header_count,
			   uint64_t tag, char *error)
{
	rd_kafka_headers_t *list = rd_kafka_headers_new((size_t) header_count);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	size_t		key_length = key == NULL ? 0 : strlen(key);
	int			i;

	for (i = 0; i < header_count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
		code = rd_kafka_header_add(list, headers[i].name, -1,
								   headers[i].value, -1);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = rd_kafka_producev(publisher->client->kafka,
								 RD_KAFKA_V_RKT(publisher->topic),
								 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
								 RD_KAFKA_V_KEY(key, key_length),
								 RD_KAFKA_V_VALUE((void *) value, length),
								 RD_KAFKA_V_HEADERS(list),
								 RD_KAFKA_V_OPAQUE((void *) (uintptr_t) tag),
								 RD_KAFKA_V_END);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		publisher->pending++;
		return PUBLISH_QUEUED;
	}

	/* the headers stay ours where the message was not taken */
	rd_kafka_headers_destroy(list);
	describe_error(publisher, code, error);
	return code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? PUBLISH_FULL : PUBLISH_FAILED;
}

static void
fill_report(Publisher *publisher, const rd_kafka_message_t *message,
			PublisherReport *report)
{
	report->tag = (uint64_t) (uintptr_t) message->_private;
	report->code = message->err;
	report->is_acknowledged = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
	report->partition = message->partition;
	report->offset = report->is_acknowledged && message->offset >= 0 ?
		message->offset : -1;
	report->latency = rd_kafka_message_latency(message);
	report->error[0] = '\0';
	if (!report->is_acknowledged)
		describe_error(publisher, message->err, report->error);
}

bool
publisher_report(Publisher *publisher, PublisherReport *report)
{
	BrokerClient *client = publisher->client;

	for (;;)
	{
		const rd_kafka_message_t *message;

		if (publisher->reports == NULL)
			publisher->reports = rd_kafka_queue_poll(client->queue, 0);
		if (publisher->reports == NULL)
			return false;
		message = rd_kafka_event_message_next(publisher->reports);
		if (message != NULL)
		{
			fill_report(publisher, message, report);
			publisher->pending--;
			return true;
		}
		broker_client_note(client, publisher->reports);
		rd_kafka_event_destroy(publisher->reports);
		publisher->reports = NULL;
	}
}

int
publisher_pending(const Publisher *publisher)
{
	return publisher->pending;
}
