/*-------------------------------------------------------------------------
 *
 * probe.c
 *	  The way to the brokers and through a topic, looked at step by step.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/requests.h"

/* Longest for the first answer of a broker, and for a topic's configuration. */
#define LOGIN_MS 6000
#define CONFIG_MS 4000

int64_t
probe_clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

bool
probe_tell(ProbeQuestion *question, ProbeStage stage, ProbeOutcome outcome,
		   int64_t since_us, const char *format,...)
{
	ProbeResult *result = &question->answer.stages[stage];
	va_list		arguments;

	result->outcome = outcome;
	result->ms = (double) (probe_clock_us() - since_us) / 1000;
	va_start(arguments, format);
	vsnprintf(result->detail, sizeof(result->detail), format, arguments);
	va_end(arguments);
	return outcome != PROBE_FAILED;
}

/* A refused login or certificate is told once, by one broker of several. */
static void
heard(Question *base, const BrokerNotice *notice)
{
	ProbeQuestion *question = (ProbeQuestion *) base;

	if (notice->code != RD_KAFKA_RESP_ERR__AUTHENTICATION &&
		notice->code != RD_KAFKA_RESP_ERR__SSL)
		return;
	question->heard = notice->code;
	memcpy(question->refusal, notice->text, sizeof(question->refusal));
}

static bool
fail_login(ProbeQuestion *question, int64_t since, rd_kafka_resp_err_t code)
{
	const char *reason = question->base.trouble;

	question->answer.code = question->heard != 0 ? question->heard : code;
	if (question->heard == RD_KAFKA_RESP_ERR__AUTHENTICATION)
		return probe_tell(question, PROBE_LOGIN, PROBE_FAILED, since,
						  "the login is refused: %.400s", question->refusal);
	if (question->heard == RD_KAFKA_RESP_ERR__SSL)
		return probe_tell(question, PROBE_LOGIN, PROBE_FAILED, since,
						  "TLS fails: %.400s", question->refusal);
	return probe_tell(question, PROBE_LOGIN, PROBE_FAILED, since,
					  "connections are accepted, and no request is answered: %.400s",
					  reason[0] != '\0' ? reason : "no error either (a broker that hangs?)");
}

static void
take_partitions(ProbeQuestion *question, const rd_kafka_metadata_topic_t *topic)
{
	ProbeAnswer *answer = &question->answer;
	int			i;

	answer->topic_exists = true;
	answer->partitions = topic->partition_cnt;
	for (i = 0; i < topic->partition_cnt; i++)
	{
		const rd_kafka_metadata_partition_t *partition = &topic->partitions[i];

		if (i == 0 || partition->replica_cnt < answer->replication)
			answer->replication = partition->replica_cnt;
		if (partition->leader < 0)
			answer->without_leader++;
		else if (question->first_leader < 0)
			question->first_leader = partition->id;
	}
}

/*
 * Metadata of the one topic, by its handle: whoever names it lets a broker
 * create it.  Both stages, as they are one request.
 */
static bool
look_at_topic(ProbeQuestion *question)
{
	int64_t		since = probe_clock_us();
	int64_t		until = question_clock_ms() + LOGIN_MS;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	bool		is_in = false;
	int			slice;

	question_first_slice(&question->base);
	while (question_clock_ms() < until &&
		   (slice = question_next_slice(&question->base)) > 0)
	{
		const struct rd_kafka_metadata *metadata;
		bool		is_denied;

		code = rd_kafka_metadata(question->base.client->kafka, 0, question->handle,
								 &metadata, slice < LOGIN_MS / 4 ? slice : LOGIN_MS / 4);
		question_listen(&question->base);
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			if (question->heard != 0 || !question_is_passing(code))
				break;
			question_pause();
			continue;
		}
		if (!is_in)
		{
			probe_tell(question, PROBE_LOGIN, PROBE_OK, since, "%d broker%s in the cluster",
					   metadata->broker_cnt, metadata->broker_cnt == 1 ? "" : "s");
			is_in = true;
			since = probe_clock_us();
		}
		code = metadata->topic_cnt == 1 ? metadata->topics[0].err :
			RD_KAFKA_RESP_ERR__TIMED_OUT;
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			take_partitions(question, &metadata->topics[0]);
		is_denied = code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
			request_is_denied(&question->absent_since, metadata);
		rd_kafka_metadata_destroy(metadata);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			return true;
		if (is_denied || !question_is_passing(code))
			break;
		question_pause();
	}
	if (!is_in)
		return fail_login(question, since, code);
	question->answer.code = code;
	if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		return probe_tell(question, PROBE_TOPIC, PROBE_FAILED, since,
						  "the topic does not exist");
	return probe_tell(question, PROBE_TOPIC, PROBE_FAILED, since,
					  "Kafka does not describe the topic: %.200s", rd_kafka_err2str(code));
}

static int64_t
number_of(const char *value)
{
	char	   *end;
	long long	number;

	if (value == NULL)
		return PROBE_UNKNOWN;
	number = strtoll(value, &end, 10);
	return end == value || *end != '\0' ? PROBE_UNKNOWN : (int64_t) number;
}

static void
take_configuration(ProbeQuestion *question, const rd_kafka_ConfigResource_t *resource)
{
	const rd_kafka_ConfigEntry_t **entries;
	size_t		count = 0;
	size_t		i;

	entries = rd_kafka_ConfigResource_configs(resource, &count);
	for (i = 0; i < count; i++)
	{
		const char *name = rd_kafka_ConfigEntry_name(entries[i]);
		int64_t		value = number_of(rd_kafka_ConfigEntry_value(entries[i]));

		if (strcmp(name, "retention.ms") == 0)
			question->answer.retention_ms = value;
		else if (strcmp(name, "max.message.bytes") == 0)
			question->answer.max_message_bytes = value;
	}
}

/* An empty string, or why the configuration is not known. */
static const char *
ask_configuration(ProbeQuestion *question)
{
	rd_kafka_queue_t *answers = rd_kafka_queue_new(question->base.client->kafka);
	rd_kafka_ConfigResource_t *resource =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, question->topic);
	rd_kafka_AdminOptions_t *options =
		request_options(&question->base, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, CONFIG_MS, NULL);
	rd_kafka_event_t *event;
	const rd_kafka_ConfigResource_t **resources;
	rd_kafka_resp_err_t code;
	size_t		count = 0;

	rd_kafka_DescribeConfigs(question->base.client->kafka, &resource, 1, options, answers);
	event = request_answer(&question->base, answers, question_clock_ms() + CONFIG_MS);
	code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		resources = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event),
															  &count);
		if (count == 1)
			code = rd_kafka_ConfigResource_error(resources[0]);
		if (count == 1 && code == RD_KAFKA_RESP_ERR_NO_ERROR)
			take_configuration(question, resources[0]);
	}
	if (event != NULL)
		rd_kafka_event_destroy(event);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_ConfigResource_destroy(resource);
	rd_kafka_queue_destroy(answers);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR ? "" : rd_kafka_err2str(code);
}

static bool
ask(Question *base)
{
	ProbeQuestion *question = (ProbeQuestion *) base;
	int64_t		since;
	const char *trouble;

	if (!probe_network(question) || !look_at_topic(question))
		return true;
	since = probe_clock_us();
	trouble = ask_configuration(question);
	if (trouble[0] != '\0')
		probe_tell(question, PROBE_TOPIC, PROBE_WARNING, since,
				   "Kafka does not tell the topic's configuration: %.200s", trouble);
	else
		probe_tell(question, PROBE_TOPIC, PROBE_OK, since, "it is there");
	if (question->answer.without_leader > 0)
		probe_tell(question, PROBE_TOPIC, PROBE_FAILED, since,
				   "%d of %d partitions have no leader", question->answer.without_leader,
				   question->answer.partitions);
	if (question->may_write)
		probe_write(question);
	probe_read(question);
	return true;
}

static void
release(Question *base)
{
	ProbeQuestion *question = (ProbeQuestion *) base;

	if (question->handle != NULL)
		rd_kafka_topic_destroy(question->handle);
	question->handle = NULL;
}

static void
forget(Question *base)
{
	ProbeQuestion *question = (ProbeQuestion *) base;

	free((char *) question->options.brokers);
	free((char *) question->options.config_file);
	free(question->topic);
}

static const QuestionKind probe_kind = {ask, release, forget};

/* What reading needs; no group, and no position is kept anywhere. */
static const BrokerSetting reading_settings[] = {
	{"enable.partition.eof", "true"},
	{"enable.auto.commit", "false"},
	{"auto.offset.reset", "error"},
	{NULL, NULL}
};

Question *
probe_question(const BrokerOptions *options, const char *topic, bool may_write,
			   int timeout_ms, char *error)
{
	ProbeQuestion *question;

	if (!broker_check_topic(topic, error))
		return NULL;
	question = calloc(1, sizeof(*question));
	if (question == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return NULL;
	}
	question->base.kind = &probe_kind;
	question->base.heard = heard;
	question->may_write = may_write;
	question->first_leader = -1;
	question->answer.retention_ms = PROBE_UNKNOWN;
	question->answer.max_message_bytes = PROBE_UNKNOWN;
	if (!question_open(&question->base, options, reading_settings, timeout_ms, error))
	{
		question_free(&question->base);
		return NULL;
	}
	question->options.brokers = strdup(options->brokers);
	question->options.client_id = options->client_id;
	question->options.config_file = strdup(options->config_file == NULL ? "" : options->config_file);
	question->topic = strdup(topic);
	if (question->options.brokers != NULL && question->options.config_file != NULL &&
		question->topic != NULL)
		question->handle = rd_kafka_topic_new(question->base.client->kafka, topic, NULL);
	if (question->handle == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		question_free(&question->base);
		return NULL;
	}
	return &question->base;
}

const ProbeAnswer *
probe_question_answer(const Question *question)
{
	return &((const ProbeQuestion *) question)->answer;
}
