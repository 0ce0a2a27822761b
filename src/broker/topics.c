/*-------------------------------------------------------------------------
 *
 * topics.c
 *	  The topics of a cluster.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/requests.h"

/* Topics in one request for their configuration. */
#define CONFIG_SLICE 200

typedef struct TopicsQuestion
{
	Question	base;
	char	   *topic;
	int64_t		absent_since;	/* the topic was denied since; 0: was not */
	bool		exists;
	ClusterTopic *topics;
	int			count;
	rd_kafka_queue_t *answers;
} TopicsQuestion;

static void
forget_topics(TopicsQuestion *question)
{
	int			i;

	for (i = 0; i < question->count; i++)
		free(question->topics[i].name);
	free(question->topics);
	question->topics = NULL;
	question->count = 0;
}

static bool
is_internal(const char *name)
{
	return strncmp(name, "__", 2) == 0;
}

static int
compare_topics(const void *a, const void *b)
{
	return strcmp(((const ClusterTopic *) a)->name, ((const ClusterTopic *) b)->name);
}

static ClusterTopic *
find_topic(const TopicsQuestion *question, const char *name)
{
	ClusterTopic key = {.name = (char *) name};

	if (question->count == 0)
		return NULL;
	return bsearch(&key, question->topics, (size_t) question->count,
				   sizeof(*question->topics), compare_topics);
}

static void
count_partitions(ClusterTopic *topic, const rd_kafka_metadata_topic_t *metadata)
{
	int			i;

	topic->partitions = metadata->partition_cnt;
	for (i = 0; i < metadata->partition_cnt; i++)
	{
		const rd_kafka_metadata_partition_t *partition = &metadata->partitions[i];

		if (i == 0 || partition->replica_cnt < topic->replication)
			topic->replication = partition->replica_cnt;
		if (partition->leader < 0)
			topic->without_leader++;
	}
	if (topic->without_leader > 0)
		topic->messages = -1;
}

static bool
take_metadata(TopicsQuestion *question, const struct rd_kafka_metadata *metadata)
{
	int			i;

	forget_topics(question);
	question->topics = calloc((size_t) metadata->topic_cnt + 1, sizeof(*question->topics));
	if (question->topics == NULL)
		return question_fail(&question->base, "out of memory");
	for (i = 0; i < metadata->topic_cnt; i++)
	{
		ClusterTopic *topic = &question->topics[question->count];

		if (is_internal(metadata->topics[i].topic))
			continue;
		topic->name = strdup(metadata->topics[i].topic);
		if (topic->name == NULL)
			return question_fail(&question->base, "out of memory");
		topic->retention_ms = RETENTION_UNKNOWN;
		count_partitions(topic, &metadata->topics[i]);
		question->count++;
	}
	qsort(question->topics, (size_t) question->count, sizeof(*question->topics),
		  compare_topics);
	question->exists = find_topic(question, question->topic) != NULL;
	return true;
}

/* Every partition that has a leader, with its topic. */
static rd_kafka_topic_partition_list_t *
list_partitions(const TopicsQuestion *question, const struct rd_kafka_metadata *metadata)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(question->count);
	int			i;
	int			j;

	for (i = 0; i < metadata->topic_cnt; i++)
	{
		const rd_kafka_metadata_topic_t *topic = &metadata->topics[i];
		ClusterTopic *found = find_topic(question, topic->topic);

		for (j = 0; found != NULL && j < topic->partition_cnt; j++)
		{
			if (topic->partitions[j].leader >= 0)
				rd_kafka_topic_partition_list_add(list, topic->topic,
												  topic->partitions[j].id)->opaque = found;
		}
	}
	return list;
}

static rd_kafka_resp_err_t
count_messages(TopicsQuestion *question, const struct rd_kafka_metadata *metadata)
{
	const int64_t ends[] = {RD_KAFKA_OFFSET_BEGINNING, RD_KAFKA_OFFSET_END};
	rd_kafka_topic_partition_list_t *list = list_partitions(question, metadata);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	int			end;
	int			i;

	for (end = 0; end < 2 && code == RD_KAFKA_RESP_ERR_NO_ERROR; end++)
	{
		code = request_offsets(&question->base, list, ends[end]);
		for (i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
		{
			ClusterTopic *topic = list->elems[i].opaque;

			if (topic->without_leader == 0)
				topic->messages += end == 0 ? -list->elems[i].offset : list->elems[i].offset;
		}
	}
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

/*
 * Metadata and offsets of about the same moment; asked for anew together, since a
 * leader that has changed is why offsets were not told.
 */
static bool
describe(TopicsQuestion *question)
{
	for (;;)
	{
		const struct rd_kafka_metadata *metadata;
		rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
		bool		taken;

		if (!request_metadata(&question->base, &metadata))
			return false;
		taken = take_metadata(question, metadata);
		if (question->exists)
			question->absent_since = 0;
		if (taken && (question->exists ||
					  request_is_denied(&question->absent_since, metadata)))
			code = count_messages(question, metadata);
		rd_kafka_metadata_destroy(metadata);
		if (!taken)
			return false;
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			return true;
		if (!question_is_passing(code))
			return question_fail(&question->base, "Kafka does not tell the offsets of its topics: %s",
								 rd_kafka_err2str(code));
		if (question_is_over(&question->base))
			return question_fail_unanswered(&question->base, "the topics' offsets were not told");
		question_pause();
	}
}

static void
request_configs(TopicsQuestion *question, int first, int count)
{
	rd_kafka_ConfigResource_t *resources[CONFIG_SLICE];
	rd_kafka_AdminOptions_t *options;
	int			i;

	options = request_options(&question->base, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
							  question_remaining_ms(&question->base), NULL);
	for (i = 0; i < count; i++)
	{
		resources[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC,
												   question->topics[first + i].name);
		rd_kafka_ConfigResource_set_config(resources[i], "cleanup.policy", "");
		rd_kafka_ConfigResource_set_config(resources[i], "retention.ms", "");
	}
	rd_kafka_DescribeConfigs(question->base.client->kafka, resources, (size_t) count,
							 options, question->answers);
	rd_kafka_ConfigResource_destroy_array(resources, (size_t) count);
	rd_kafka_AdminOptions_destroy(options);
}

static int64_t
retention_from_configs(const rd_kafka_ConfigResource_t *resource)
{
	size_t		count;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
	int64_t		retention = RETENTION_UNKNOWN;
	bool		is_deleted = true;
	size_t		i;

	for (i = 0; i < count; i++)
	{
		const char *name = rd_kafka_ConfigEntry_name(entries[i]);
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);

		if (value == NULL)
			continue;
		if (strcmp(name, "cleanup.policy") == 0)
			is_deleted = strstr(value, "delete") != NULL;
		else if (strcmp(name, "retention.ms") == 0)
		{
			retention = strtoll(value, NULL, 10);
			if (retention < 0)
				retention = RETENTION_FOREVER;
		}
	}
	/* compaction alone keeps each key's last message, however old */
	return is_deleted ? retention : RETENTION_FOREVER;
}

static bool
take_configs(TopicsQuestion *question, rd_kafka_event_t *event)
{
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);
	const rd_kafka_ConfigResource_t **resources;
	size_t		count;
	size_t		i;

	if (question_is_passing(code))
		return question_fail_unanswered(&question->base, "the topics' retention was not told");
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return question_fail(&question->base, "Kafka does not tell the retention of its topics: %.200s",
							 rd_kafka_event_error_string(event));
	resources = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event),
														  &count);
	for (i = 0; i < count; i++)
	{
		ClusterTopic *topic = find_topic(question, rd_kafka_ConfigResource_name(resources[i]));

		/* refused, or deleted a moment ago: the rest is told all the same */
		if (topic != NULL &&
			rd_kafka_ConfigResource_error(resources[i]) == RD_KAFKA_RESP_ERR_NO_ERROR)
			topic->retention_ms = retention_from_configs(resources[i]);
	}
	return true;
}

static bool
ask_retention(TopicsQuestion *question)
{
	int			pending = 0;
	int			first;

	question->answers = rd_kafka_queue_new(question->base.client->kafka);
	for (first = 0; first < question->count; first += CONFIG_SLICE)
	{
		int			left = question->count - first;

		request_configs(question, first, left < CONFIG_SLICE ? left : CONFIG_SLICE);
		pending++;
	}
	for (; pending > 0; pending--)
	{
		rd_kafka_event_t *event = request_answer(&question->base, question->answers,
												 question->base.deadline);
		bool		taken;

		if (event == NULL)
			return question_fail_unanswered(&question->base, "the topics' retention was not told");
		taken = take_configs(question, event);
		rd_kafka_event_destroy(event);
		if (!taken)
			return false;
	}
	return true;
}

static bool
ask(Question *base)
{
	TopicsQuestion *question = (TopicsQuestion *) base;

	return describe(question) && ask_retention(question);
}

static void
release(Question *base)
{
	TopicsQuestion *question = (TopicsQuestion *) base;

	if (question->answers != NULL)
		rd_kafka_queue_destroy(question->answers);
	question->answers = NULL;
}

static void
forget(Question *base)
{
	TopicsQuestion *question = (TopicsQuestion *) base;

	forget_topics(question);
	free(question->topic);
}

static const QuestionKind topics_kind = {ask, release, forget};

Question *
topics_question(const BrokerOptions *options, const char *topic, int timeout_ms,
				char *error)
{
	TopicsQuestion *question;

	if (!broker_check_topic(topic, error))
		return NULL;
	question = calloc(1, sizeof(*question));
	if (question == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return NULL;
	}
	question->base.kind = &topics_kind;
	if (!question_open(&question->base, options, NULL, timeout_ms, error))
	{
		question_free(&question->base);
		return NULL;
	}
	question->topic = strdup(topic);
	if (question->topic == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		question_free(&question->base);
		return NULL;
	}
	return &question->base;
}

const ClusterTopic *
topics_question_answer(const Question *base, int *count, bool *exists)
{
	const TopicsQuestion *question = (const TopicsQuestion *) base;

	*count = question->count;
	*exists = question->exists;
	return question->topics;
}
