/*-------------------------------------------------------------------------
 *
 * brokers.c
 *	  The brokers of a cluster, and whether each answers.
 *
 * A broker is asked for one of its own properties, which goes to that very broker
 * and nowhere else.  It is asked twice, all brokers at once: the first answer
 * includes connecting, the second is the round trip.  That the request is refused
 * is an answer too.
 *
 * Where nobody says what brokers there are, the addresses that were to be asked
 * stand for them.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/brokers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/requests.h"

/* How long a broker that is listed may take for both its answers. */
#define ANSWER_MS 4000

/* Of an address that names none. */
#define DEFAULT_PORT 9092

/* Complaints of the client that are kept: a broker may have its reason there. */
#define COMPLAINTS_KEPT 32

/* A ClusterBroker while it is asked. */
typedef struct AskedBroker
{
	int			requests;		/* sent */
	int64_t		sent_at;		/* µs; of the last one */
} AskedBroker;

typedef struct BrokersQuestion
{
	Question	base;
	ClusterBroker *brokers;
	AskedBroker *asked;			/* one a broker */
	int			count;
	rd_kafka_queue_t *answers;
	char	   *complaints[COMPLAINTS_KEPT];	/* a ring */
	int			complaint_count;	/* ever */
	bool		is_described;	/* the brokers are those that the cluster lists */
} BrokersQuestion;

static int64_t
clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* librdkafka tells a connection's failure once, maybe before its id is known. */
static void
heard(Question *base, const BrokerNotice *notice)
{
	BrokersQuestion *question = (BrokersQuestion *) base;
	char	  **place = &question->complaints[question->complaint_count % COMPLAINTS_KEPT];

	if (!question_is_reason(notice))
		return;
	free(*place);
	*place = strdup(notice->text);
	question->complaint_count++;
}

static ClusterBroker *
find_broker(BrokersQuestion *question, int32_t id)
{
	int			i;

	for (i = 0; i < question->count; i++)
	{
		if (question->brokers[i].id == id)
			return &question->brokers[i];
	}
	return NULL;
}

/* There must be room. */
static ClusterBroker *
add_broker(BrokersQuestion *question, int32_t id)
{
	ClusterBroker *broker = &question->brokers[question->count++];

	broker->id = id;
	broker->round_trip_us = -1;
	return broker;
}

/* A replica's broker that is down is nowhere but in the partitions' lists. */
static bool
add_missing_brokers(BrokersQuestion *question, const rd_kafka_metadata_partition_t *partition)
{
	int			i;

	for (i = 0; i < partition->replica_cnt; i++)
	{
		ClusterBroker *grown;

		if (find_broker(question, partition->replicas[i]) != NULL)
			continue;
		grown = realloc(question->brokers, sizeof(*grown) * ((size_t) question->count + 1));
		if (grown == NULL)
			return question_fail(&question->base, "out of memory");
		question->brokers = grown;
		memset(&grown[question->count], 0, sizeof(*grown));
		add_broker(question, partition->replicas[i]);
		snprintf(grown[question->count - 1].error, BROKER_ERROR_SIZE,
				 "down: it has replicas, and the cluster does not list it");
	}
	return true;
}

static bool
is_among(int32_t id, const int32_t *ids, int count)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (ids[i] == id)
			return true;
	}
	return false;
}

static void
count_partition(BrokersQuestion *question, const rd_kafka_metadata_partition_t *partition)
{
	ClusterBroker *leader = find_broker(question, partition->leader);
	int			i;

	if (leader != NULL)
		leader->leaders++;
	for (i = 0; i < partition->replica_cnt; i++)
	{
		ClusterBroker *replica = find_broker(question, partition->replicas[i]);

		if (!is_among(partition->replicas[i], partition->isrs, partition->isr_cnt))
			replica->under_replicated++;
	}
}

static int
compare_brokers(const void *a, const void *b)
{
	int32_t		left = ((const ClusterBroker *) a)->id;
	int32_t		right = ((const ClusterBroker *) b)->id;

	return (left > right) - (left < right);
}

static bool
take_metadata(BrokersQuestion *question, const struct rd_kafka_metadata *metadata)
{
	int32_t		controller = rd_kafka_controllerid(question->base.client->kafka, 0);
	int			i;
	int			j;

	question->brokers = calloc((size_t) metadata->broker_cnt + 1, sizeof(*question->brokers));
	if (question->brokers == NULL)
		return question_fail(&question->base, "out of memory");
	for (i = 0; i < metadata->broker_cnt; i++)
	{
		ClusterBroker *broker = add_broker(question, metadata->brokers[i].id);

		broker->host = strdup(metadata->brokers[i].host);
		if (broker->host == NULL)
			return question_fail(&question->base, "out of memory");
		broker->port = metadata->brokers[i].port;
		broker->is_controller = broker->id == controller;
	}
	for (i = 0; i < metadata->topic_cnt; i++)
		for (j = 0; j < metadata->topics[i].partition_cnt; j++)
		{
			if (!add_missing_brokers(question, &metadata->topics[i].partitions[j]))
				return false;
			count_partition(question, &metadata->topics[i].partitions[j]);
		}
	qsort(question->brokers, (size_t) question->count, sizeof(*question->brokers),
		  compare_brokers);
	question->asked = calloc((size_t) question->count + 1, sizeof(*question->asked));
	if (question->asked == NULL)
		return question_fail(&question->base, "out of memory");
	return true;
}

static void
send_request(BrokersQuestion *question, ClusterBroker *broker, int64_t until)
{
	AskedBroker *asked = &question->asked[broker - question->brokers];
	int64_t		left = until - question_clock_ms();
	rd_kafka_AdminOptions_t *options;
	rd_kafka_ConfigResource_t *resource;
	char		name[16];

	options = request_options(&question->base, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
							  left > 1 ? (int) left : 1, broker);
	snprintf(name, sizeof(name), "%d", broker->id);
	resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, name);
	/* one short property, where all would be some ten kilobytes */
	rd_kafka_ConfigResource_set_config(resource, "broker.id", "");
	asked->requests++;
	asked->sent_at = clock_us();
	rd_kafka_DescribeConfigs(question->base.client->kafka, &resource, 1, options,
							 question->answers);
	rd_kafka_ConfigResource_destroy(resource);
	rd_kafka_AdminOptions_destroy(options);
}

/* Was it the broker that said so?  librdkafka's own codes are below zero. */
static bool
is_answer(rd_kafka_resp_err_t code)
{
	return code >= RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void
explain_silence(const BrokersQuestion *question, ClusterBroker *broker,
				const char *reason)
{
	char		name[300];
	int			i;

	snprintf(broker->error, sizeof(broker->error), "%.400s", reason);
	snprintf(name, sizeof(name), "%.255s:%d/", broker->host, broker->port);
	for (i = 0; i < COMPLAINTS_KEPT; i++)
	{
		const char *text;

		/* the newest that names the broker is found last */
		text = question->complaints[(question->complaint_count + i) % COMPLAINTS_KEPT];
		if (text != NULL && strstr(text, name) != NULL)
			snprintf(broker->error, sizeof(broker->error), "%s", text);
	}
}

/* How many brokers have nothing to come any more: 1 or 0. */
static int
take_answer(BrokersQuestion *question, rd_kafka_event_t *event, int64_t until)
{
	ClusterBroker *broker = rd_kafka_event_opaque(event);
	AskedBroker *asked = &question->asked[broker - question->brokers];
	int64_t		now = clock_us();

	if (!is_answer(rd_kafka_event_error(event)))
	{
		explain_silence(question, broker,
						rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__TIMED_OUT ?
						"no answer in time" : rd_kafka_event_error_string(event));
		return 1;
	}
	if (asked->requests == 1)
	{
		send_request(question, broker, until);
		return 0;
	}
	broker->round_trip_us = now - asked->sent_at;
	return 1;
}

static void
ask_brokers(BrokersQuestion *question)
{
	int64_t		until = question_clock_ms() + ANSWER_MS;
	int			pending = 0;
	int			i;

	if (until > question->base.deadline)
		until = question->base.deadline;
	question->answers = rd_kafka_queue_new(question->base.client->kafka);
	for (i = 0; i < question->count; i++)
	{
		if (question->brokers[i].host == NULL)
			continue;
		send_request(question, &question->brokers[i], until);
		pending++;
	}
	while (pending > 0)
	{
		rd_kafka_event_t *event = request_answer(&question->base, question->answers, until);

		if (event == NULL)
			break;
		pending -= take_answer(question, event, until);
		rd_kafka_event_destroy(event);
	}
	for (i = 0; i < question->count; i++)
	{
		ClusterBroker *broker = &question->brokers[i];

		if (broker->round_trip_us < 0 && broker->error[0] == '\0')
			explain_silence(question, broker, "no answer in time");
	}
}

/*
 * One [protocol://]host[:port] of the list, whose form was checked.  The brackets
 * of an IPv6 address stay, as in the names that the client complains of.
 */
static bool
add_address(BrokersQuestion *question, const char *address, size_t length)
{
	ClusterBroker *broker = add_broker(question, -1);
	char	   *host = strndup(address, length);
	char	   *protocol;
	char	   *port;

	if (host == NULL)
		return question_fail(&question->base, "out of memory");
	broker->host = host;
	protocol = strstr(host, "://");
	if (protocol != NULL)
		memmove(host, protocol + 3, strlen(protocol + 3) + 1);
	port = strchr(host[0] == '[' ? strchr(host, ']') : host, ':');
	broker->port = port != NULL ? atoi(port + 1) : DEFAULT_PORT;
	if (port != NULL)
		*port = '\0';
	return true;
}

/* The addresses in place of the brokers, each with why it is not known better. */
static bool
take_addresses(BrokersQuestion *question)
{
	const char *reason = question->base.is_unanswered ? QUESTION_SILENCE : question->base.error;
	const char *address = question->base.brokers;
	int			i;

	question->brokers = calloc(strlen(address) + 1, sizeof(*question->brokers));
	if (question->brokers == NULL)
		return question_fail(&question->base, "out of memory");
	while (*(address += strspn(address, ", \t")) != '\0')
	{
		size_t		length = strcspn(address, ", \t");

		if (!add_address(question, address, length))
			return false;
		address += length;
	}
	for (i = 0; i < question->count; i++)
		explain_silence(question, &question->brokers[i], reason);
	return true;
}

static bool
ask(Question *base)
{
	BrokersQuestion *question = (BrokersQuestion *) base;
	const struct rd_kafka_metadata *metadata;
	bool		taken;

	question->is_described = request_metadata(base, &metadata);
	if (!question->is_described)
		return take_addresses(question);
	taken = take_metadata(question, metadata);
	rd_kafka_metadata_destroy(metadata);
	if (taken)
		ask_brokers(question);
	return taken;
}

static void
release(Question *base)
{
	BrokersQuestion *question = (BrokersQuestion *) base;

	if (question->answers != NULL)
		rd_kafka_queue_destroy(question->answers);
	question->answers = NULL;
}

static void
forget(Question *base)
{
	BrokersQuestion *question = (BrokersQuestion *) base;
	int			i;

	for (i = 0; i < question->count; i++)
		free(question->brokers[i].host);
	for (i = 0; i < COMPLAINTS_KEPT; i++)
		free(question->complaints[i]);
	free(question->brokers);
	free(question->asked);
}

static const QuestionKind brokers_kind = {ask, release, forget};

Question *
brokers_question(const BrokerOptions *options, int timeout_ms, char *error)
{
	BrokersQuestion *question = calloc(1, sizeof(*question));

	if (question == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return NULL;
	}
	question->base.kind = &brokers_kind;
	question->base.heard = heard;
	if (!question_open(&question->base, options, NULL, timeout_ms, error))
	{
		question_free(&question->base);
		return NULL;
	}
	return &question->base;
}

const ClusterBroker *
brokers_question_answer(const Question *base, int *count, const char **failure)
{
	const BrokersQuestion *question = (const BrokersQuestion *) base;

	*failure = question->is_described ? NULL : base->error;
	*count = question->count;
	return question->brokers;
}
