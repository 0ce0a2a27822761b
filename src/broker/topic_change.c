/*-------------------------------------------------------------------------
 *
 * topic_change.c
 *	  Creating a topic, and changing one that is there.
 *
 * Kafka is asked twice for each change: first whether it would do it
 * (validate_only), and only when it would do all, to do it.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/topic_change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/topic.h"

#define RETENTION_OF_BROKER INT64_C(-2)

typedef struct ChangeQuestion
{
	TopicQuestion topic;
	TopicChange change;
	int32_t    *brokers;		/* their ids, ascending */
	rd_kafka_queue_t *answers;
	rd_kafka_ConfigResource_t *settings;	/* all that the topic is to have */
	TopicChangeAnswer answer;
} ChangeQuestion;

/* True: that is the answer. */
static bool
fault(ChangeQuestion *question, TopicFault what, const char *reason)
{
	question->answer.fault = what;
	snprintf(question->answer.reason, sizeof(question->answer.reason), "%s", reason);
	return true;
}

/* In Kafka's own words, where it has any. */
static bool
refuse(ChangeQuestion *question, rd_kafka_resp_err_t code, const char *words)
{
	char		reason[BROKER_ERROR_SIZE];

	snprintf(reason, sizeof(reason), "Kafka does not change the topic \"%s\": %.220s",
			 question->topic.topic, words != NULL ? words : rd_kafka_err2str(code));
	return fault(question, TOPIC_REFUSED, reason);
}

static int
compare_numbers(const void *a, const void *b)
{
	int32_t		left = *(const int32_t *) a;
	int32_t		right = *(const int32_t *) b;

	return (left > right) - (left < right);
}

static int
compare_replicas(const void *a, const void *b)
{
	return compare_numbers(&((const PartitionReplicas *) a)->partition,
						   &((const PartitionReplicas *) b)->partition);
}

static void
forget_replicas(ChangeQuestion *question)
{
	int			i;

	for (i = 0; i < question->answer.replica_count; i++)
		free(question->answer.replicas[i].brokers);
	free(question->answer.replicas);
	free(question->brokers);
	question->answer.replicas = NULL;
	question->answer.replica_count = 0;
	question->brokers = NULL;
}

/* Brokers and replicas, each time that the topic is described. */
static bool
take_replicas(TopicQuestion *topic, const struct rd_kafka_metadata *metadata)
{
	ChangeQuestion *question = (ChangeQuestion *) topic;
	const rd_kafka_metadata_topic_t *described = &metadata->topics[0];
	int			i;

	forget_replicas(question);
	question->answer.broker_count = metadata->broker_cnt;
	question->brokers = calloc((size_t) metadata->broker_cnt + 1, sizeof(int32_t));
	question->answer.replicas = calloc((size_t) described->partition_cnt + 1,
									   sizeof(PartitionReplicas));
	if (question->brokers == NULL || question->answer.replicas == NULL)
		return question_fail(&topic->base, "out of memory");
	for (i = 0; i < metadata->broker_cnt; i++)
		question->brokers[i] = metadata->brokers[i].id;
	qsort(question->brokers, (size_t) metadata->broker_cnt, sizeof(int32_t), compare_numbers);

	for (i = 0; i < described->partition_cnt; i++)
	{
		const rd_kafka_metadata_partition_t *partition = &described->partitions[i];
		PartitionReplicas *replicas = &question->answer.replicas[i];
		int			room = partition->replica_cnt > question->change.replication ?
			partition->replica_cnt : question->change.replication;

		replicas->partition = partition->id;
		replicas->leader = partition->leader;
		replicas->count = partition->replica_cnt;
		replicas->brokers = calloc((size_t) room + 1, sizeof(int32_t));
		if (replicas->brokers == NULL)
			return question_fail(&topic->base, "out of memory");
		question->answer.replica_count++;
		memcpy(replicas->brokers, partition->replicas,
			   sizeof(int32_t) * (size_t) partition->replica_cnt);
	}
	qsort(question->answer.replicas, (size_t) question->answer.replica_count,
		  sizeof(PartitionReplicas), compare_replicas);
	return true;
}

/*
 * One request, by send, and its answer; NULL where none came or memory lacks,
 * with the error set.  What the whole request met is in *code and *reason.
 */
typedef void (*SendRequest) (ChangeQuestion *question,
							 const rd_kafka_AdminOptions_t *options);

static rd_kafka_event_t *
request(ChangeQuestion *question, rd_kafka_admin_op_t kind, SendRequest send,
		bool only_validate, const char *what)
{
	Question   *base = &question->topic.base;
	rd_kafka_AdminOptions_t *options;
	rd_kafka_event_t *event = NULL;
	char		text[256];

	/* nobody waits for a change any more: it is better not made */
	if (question_is_over(base))
	{
		question_fail_unanswered(base, what);
		return NULL;
	}
	options = rd_kafka_AdminOptions_new(base->client->kafka, kind);
	(void) rd_kafka_AdminOptions_set_request_timeout(options, question_remaining_ms(base),
													 text, sizeof(text));
	if (only_validate)
		(void) rd_kafka_AdminOptions_set_validate_only(options, 1, text, sizeof(text));
	send(question, options);
	rd_kafka_AdminOptions_destroy(options);

	question_first_slice(base);
	while (event == NULL)
	{
		int			slice = question_next_slice(base);

		if (slice == 0)
		{
			question_fail_unanswered(base, what);
			return NULL;
		}
		event = rd_kafka_queue_poll(question->answers, slice);
		question_listen(base);
	}
	if (question_is_passing(rd_kafka_event_error(event)))
	{
		if (base->trouble[0] == '\0')
			snprintf(base->trouble, sizeof(base->trouble), "%s",
					 rd_kafka_event_error_string(event));
		question_fail_unanswered(base, what);
		rd_kafka_event_destroy(event);
		return NULL;
	}
	return event;
}

/*
 * Settings.
 */

static void
send_describe(ChangeQuestion *question, const rd_kafka_AdminOptions_t *options)
{
	rd_kafka_ConfigResource_t *resource =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, question->topic.topic);

	rd_kafka_DescribeConfigs(question->topic.base.client->kafka, &resource, 1, options,
							 question->answers);
	rd_kafka_ConfigResource_destroy(resource);
}

/* What the topic has of its own, and retention.ms as it is to be. */
static bool
collect_settings(ChangeQuestion *question, const rd_kafka_ConfigResource_t *described)
{
	const rd_kafka_ConfigEntry_t **entries;
	size_t		count;
	size_t		i;
	char		retention[32];

	question->answer.retention_before = RETENTION_OF_BROKER;
	question->settings = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC,
													 question->topic.topic);
	entries = rd_kafka_ConfigResource_configs(described, &count);
	for (i = 0; i < count; i++)
	{
		const char *name = rd_kafka_ConfigEntry_name(entries[i]);
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);

		if (rd_kafka_ConfigEntry_source(entries[i]) != RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG)
			continue;
		if (value == NULL)
		{
			char		reason[BROKER_ERROR_SIZE];

			snprintf(reason, sizeof(reason),
					 "its setting %.200s cannot be read, and would be lost", name);
			return refuse(question, RD_KAFKA_RESP_ERR_NO_ERROR, reason);
		}
		if (strcmp(name, "retention.ms") == 0)
			question->answer.retention_before = strtoll(value, NULL, 10);
		else
			rd_kafka_ConfigResource_set_config(question->settings, name, value);
	}
	snprintf(retention, sizeof(retention), "%lld", (long long) question->change.retention_ms);
	rd_kafka_ConfigResource_set_config(question->settings, "retention.ms", retention);
	return true;
}

/* The one resource that was asked about, or NULL with the fault set. */
static const rd_kafka_ConfigResource_t *
one_resource(ChangeQuestion *question, rd_kafka_event_t *event,
			 const rd_kafka_ConfigResource_t **resources, size_t count)
{
	if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
		refuse(question, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
	else if (resources == NULL || count != 1)
		refuse(question, RD_KAFKA_RESP_ERR_NO_ERROR, "no answer about the topic");
	else if (rd_kafka_ConfigResource_error(resources[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
		refuse(question, rd_kafka_ConfigResource_error(resources[0]),
			   rd_kafka_ConfigResource_error_string(resources[0]));
	else
		return resources[0];
	return NULL;
}

static bool
read_settings(ChangeQuestion *question)
{
	rd_kafka_event_t *event = request(question, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
									  send_describe, false,
									  "the topic's settings were not told");
	const rd_kafka_DescribeConfigs_result_t *result;
	const rd_kafka_ConfigResource_t **resources = NULL;
	const rd_kafka_ConfigResource_t *described;
	size_t		count = 0;
	bool		succeeded = true;

	if (event == NULL)
		return false;
	result = rd_kafka_event_DescribeConfigs_result(event);
	if (result != NULL)
		resources = rd_kafka_DescribeConfigs_result_resources(result, &count);
	described = one_resource(question, event, resources, count);
	if (described != NULL)
		succeeded = collect_settings(question, described);
	rd_kafka_event_destroy(event);
	return succeeded;
}

static void
send_settings(ChangeQuestion *question, const rd_kafka_AdminOptions_t *options)
{
	rd_kafka_AlterConfigs(question->topic.base.client->kafka, &question->settings, 1,
						  options, question->answers);
}

static bool
write_settings(ChangeQuestion *question, bool only_validate)
{
	rd_kafka_event_t *event = request(question, RD_KAFKA_ADMIN_OP_ALTERCONFIGS,
									  send_settings, only_validate,
									  "the topic's retention was not set");
	const rd_kafka_AlterConfigs_result_t *result;
	const rd_kafka_ConfigResource_t **resources = NULL;
	size_t		count = 0;

	if (event == NULL)
		return false;
	result = rd_kafka_event_AlterConfigs_result(event);
	if (result != NULL)
		resources = rd_kafka_AlterConfigs_result_resources(result, &count);
	if (one_resource(question, event, resources, count) != NULL && !only_validate)
		question->answer.has_new_retention = true;
	rd_kafka_event_destroy(event);
	return true;
}

/*
 * Partitions.
 */

static void
send_partitions(ChangeQuestion *question, const rd_kafka_AdminOptions_t *options)
{
	char		text[256];
	rd_kafka_NewPartitions_t *more =
		rd_kafka_NewPartitions_new(question->topic.topic,
								   (size_t) question->change.partitions, text, sizeof(text));

	rd_kafka_CreatePartitions(question->topic.base.client->kafka, &more, 1, options,
							  question->answers);
	rd_kafka_NewPartitions_destroy(more);
}

static bool
add_partitions(ChangeQuestion *question, bool only_validate)
{
	rd_kafka_event_t *event = request(question, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS,
									  send_partitions, only_validate,
									  "the partitions were not added");
	const rd_kafka_CreatePartitions_result_t *result;
	const rd_kafka_topic_result_t **topics = NULL;
	size_t		count = 0;

	if (event == NULL)
		return false;
	result = rd_kafka_event_CreatePartitions_result(event);
	if (result != NULL)
		topics = rd_kafka_CreatePartitions_result_topics(result, &count);
	if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
		refuse(question, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
	else if (topics == NULL || count != 1)
		refuse(question, RD_KAFKA_RESP_ERR_NO_ERROR, "no answer about the topic");
	else if (rd_kafka_topic_result_error(topics[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
		refuse(question, rd_kafka_topic_result_error(topics[0]),
			   rd_kafka_topic_result_error_string(topics[0]));
	else
		question->answer.has_new_partitions = !only_validate;
	rd_kafka_event_destroy(event);
	return true;
}

/* Brokers learn of new partitions a moment later. */
static bool
await_partitions(ChangeQuestion *question)
{
	question_first_slice(&question->topic.base);
	while (question->topic.answer.partition_count < question->change.partitions)
	{
		if (question_is_over(&question->topic.base))
			return question_fail_unanswered(&question->topic.base,
											"the new partitions were not seen");
		question_pause();
		if (!topic_describe(&question->topic))
			return false;
	}
	question->answer.partitions = question->topic.answer.partition_count;
	return true;
}

static bool
check_change(ChangeQuestion *question, bool *adds_partitions)
{
	const TopicChange *change = &question->change;
	TopicChangeAnswer *answer = &question->answer;

	if (!topic_describe(&question->topic))
		return false;
	if (!question->topic.answer.exists)
		return fault(question, TOPIC_ABSENT, "");
	answer->partitions_before = answer->partitions = question->topic.answer.partition_count;
	if (change->partitions > 0 && change->partitions < answer->partitions)
		return fault(question, TOPIC_HAS_MORE_PARTITIONS, "");
	if (change->replication > answer->broker_count)
		return fault(question, TOPIC_LACKS_BROKERS, "");
	*adds_partitions = change->partitions > answer->partitions;
	if (change->has_retention && !read_settings(question))
		return false;
	if (answer->fault == TOPIC_FINE && change->has_retention && !write_settings(question, true))
		return false;
	return answer->fault != TOPIC_FINE || !*adds_partitions || add_partitions(question, true);
}

/* Retention first: it can be taken back, where the partitions then fail. */
static bool
ask_change(Question *base)
{
	ChangeQuestion *question = (ChangeQuestion *) base;
	TopicChangeAnswer *answer = &question->answer;
	bool		adds_partitions = false;
	int			i;

	question->answers = rd_kafka_queue_new(base->client->kafka);
	if (!check_change(question, &adds_partitions))
		return false;
	if (answer->fault == TOPIC_FINE && question->change.has_retention &&
		!write_settings(question, false))
		return false;
	if (answer->fault == TOPIC_FINE && adds_partitions &&
		(!add_partitions(question, false) ||
		 (answer->has_new_partitions && !await_partitions(question))))
		return false;
	if (answer->fault != TOPIC_FINE || question->change.replication == 0)
		return true;
	for (i = 0; i < answer->replica_count; i++)
	{
		if (answer->replicas[i].count != question->change.replication)
			answer->has_plan = true;
	}
	replicas_plan(answer->replicas, answer->replica_count, question->brokers,
				  answer->broker_count, question->change.replication);
	return true;
}

static bool
ask_creation(Question *base)
{
	ChangeQuestion *question = (ChangeQuestion *) base;
	TopicChangeAnswer *answer = &question->answer;

	if (!topic_create(&question->topic))
		return !base->is_unanswered && fault(question, TOPIC_REFUSED, base->error);
	if (question->topic.existed)
		return fault(question, TOPIC_EXISTS, "");
	if (!topic_describe(&question->topic))
		return false;
	answer->partitions = question->topic.answer.partition_count;
	return true;
}

static void
release(Question *base)
{
	ChangeQuestion *question = (ChangeQuestion *) base;

	if (question->answers != NULL)
		rd_kafka_queue_destroy(question->answers);
	question->answers = NULL;
	if (question->settings != NULL)
		rd_kafka_ConfigResource_destroy(question->settings);
	question->settings = NULL;
	topic_release(base);
}

static void
forget(Question *base)
{
	forget_replicas((ChangeQuestion *) base);
	topic_forget(base);
}

static const QuestionKind creation_kind = {ask_creation, release, forget};
static const QuestionKind change_kind = {ask_change, release, forget};

static Question *
make_question(const QuestionKind *kind, const BrokerOptions *options,
			  const TopicSpecification *specification, const TopicChange *change,
			  int timeout_ms, char *error)
{
	ChangeQuestion *question = calloc(1, sizeof(*question));

	if (question == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return NULL;
	}
	question->topic.base.kind = kind;
	if (specification != NULL)
		question->topic.specification = *specification;
	question->topic.is_creation = specification != NULL;
	question->topic.seen = take_replicas;
	if (change != NULL)
		question->change = *change;
	if (!topic_question_open(&question->topic, options, NULL,
							 specification != NULL ? specification->topic : change->topic,
							 timeout_ms, error))
	{
		question_free(&question->topic.base);
		return NULL;
	}
	return &question->topic.base;
}

Question *
topic_creation_question(const BrokerOptions *options,
						const TopicSpecification *specification,
						int timeout_ms, char *error)
{
	return make_question(&creation_kind, options, specification, NULL, timeout_ms, error);
}

Question *
topic_change_question(const BrokerOptions *options, const TopicChange *change,
					  int timeout_ms, char *error)
{
	return make_question(&change_kind, options, NULL, change, timeout_ms, error);
}

const TopicChangeAnswer *
topic_change_answer(const Question *question)
{
	return &((const ChangeQuestion *) question)->answer;
}
