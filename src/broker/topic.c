/*-------------------------------------------------------------------------
 *
 * topic.c
 *	  What a broker knows of a topic, and creating it.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/requests.h"

static bool
fail_refused(TopicQuestion *question, const char *what, const char *reason)
{
	return question_fail(&question->base, "%s \"%s\": %.200s",
						 what, question->topic, reason);
}

static int
compare_partitions(const void *a, const void *b)
{
	int32_t		left = ((const TopicPartition *) a)->partition;
	int32_t		right = ((const TopicPartition *) b)->partition;

	return (left > right) - (left < right);
}

static bool
take_partitions(TopicQuestion *question, const rd_kafka_metadata_topic_t *topic)
{
	TopicDescription *answer = &question->answer;
	int			i;

	topic_description_free(answer);
	answer->exists = true;
	answer->partitions = calloc((size_t) topic->partition_cnt + 1,
								sizeof(*answer->partitions));
	if (answer->partitions == NULL)
	{
		snprintf(question->base.error, sizeof(question->base.error), "out of memory");
		return false;
	}
	answer->partition_count = topic->partition_cnt;
	for (i = 0; i < topic->partition_cnt; i++)
	{
		answer->partitions[i].partition = topic->partitions[i].id;
		answer->partitions[i].leader = topic->partitions[i].leader;
		answer->partitions[i].low = -1;
		answer->partitions[i].high = -1;
	}
	qsort(answer->partitions, (size_t) answer->partition_count,
		  sizeof(*answer->partitions), compare_partitions);
	return true;
}

static bool
has_leaders(const TopicDescription *answer)
{
	int			i;

	for (i = 0; i < answer->partition_count; i++)
	{
		if (answer->partitions[i].leader < 0)
			return false;
	}
	return answer->partition_count > 0;
}

typedef enum MetadataResult
{
	METADATA_TAKEN,
	METADATA_LATER,				/* ask again */
	METADATA_FAILED				/* error is set */
} MetadataResult;

static MetadataResult
take_metadata(TopicQuestion *question, const struct rd_kafka_metadata *metadata)
{
	const rd_kafka_metadata_topic_t *topic;

	if (metadata->topic_cnt != 1)
		return METADATA_LATER;
	topic = &metadata->topics[0];
	if (topic->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		question->absent_since = 0;
	switch (topic->err)
	{
		case RD_KAFKA_RESP_ERR_NO_ERROR:
			if (!take_partitions(question, topic))
				return METADATA_FAILED;
			if (question->seen != NULL && !question->seen(question, metadata))
				return METADATA_FAILED;
			/*
			 * Just created: other brokers learn of it a moment later.  Who is
			 * only to publish to one that existed goes on with the partitions
			 * that have a leader.
			 */
			if (question->is_creation && (!question->existed || question->watermarks) &&
				!has_leaders(&question->answer))
				return METADATA_LATER;
			return METADATA_TAKEN;
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
			topic_description_free(&question->answer);
			return !question->is_creation && request_is_denied(&question->absent_since, metadata) ?
				METADATA_TAKEN : METADATA_LATER;
		default:
			if (question_is_passing(topic->err))
				return METADATA_LATER;
			fail_refused(question, "Kafka does not describe the topic",
						 rd_kafka_err2str(topic->err));
			return METADATA_FAILED;
	}
}

static bool
ask_metadata(TopicQuestion *question)
{
	MetadataResult result = METADATA_LATER;
	int			slice;

	while (result == METADATA_LATER && (slice = question_next_slice(&question->base)) > 0)
	{
		const struct rd_kafka_metadata *metadata;
		rd_kafka_resp_err_t code;

		/*
		 * The topic always by its handle: asked for "all that I know",
		 * librdkafka 2.0 lets the broker create them.
		 */
		code = rd_kafka_metadata(question->base.client->kafka, 0, question->handle,
								 &metadata, slice);
		question_listen(&question->base);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			result = take_metadata(question, metadata);
			rd_kafka_metadata_destroy(metadata);
		}
		else if (!question_is_passing(code))
		{
			fail_refused(question, "Kafka does not describe the topic",
						 rd_kafka_err2str(code));
			result = METADATA_FAILED;
		}
		if (result == METADATA_LATER)
			question_pause();
	}
	if (result == METADATA_LATER)
	{
		topic_description_free(&question->answer);
		question_fail_unanswered(&question->base, "the topic was not described");
	}
	return result == METADATA_TAKEN;
}

/* Comes with the metadata, so this waits for nothing. */
static void
ask_cluster_id(TopicQuestion *question)
{
	char	   *cluster_id = rd_kafka_clusterid(question->base.client->kafka, 0);

	if (cluster_id == NULL)
		return;
	snprintf(question->answer.cluster_id, sizeof(question->answer.cluster_id), "%s",
			 cluster_id);
	rd_kafka_mem_free(question->base.client->kafka, cluster_id);
}

/* Every partition that has a leader. */
static rd_kafka_topic_partition_list_t *
list_partitions(const TopicQuestion *question)
{
	rd_kafka_topic_partition_list_t *list;
	int			i;

	list = rd_kafka_topic_partition_list_new(question->answer.partition_count);
	for (i = 0; i < question->answer.partition_count; i++)
	{
		const TopicPartition *partition = &question->answer.partitions[i];

		if (partition->leader >= 0)
			rd_kafka_topic_partition_list_add(list, question->topic,
											  partition->partition);
	}
	return list;
}

static void
take_offsets(TopicQuestion *question, rd_kafka_topic_partition_list_t *list,
			 int64_t which)
{
	int			i;

	for (i = 0; i < question->answer.partition_count; i++)
	{
		TopicPartition *partition = &question->answer.partitions[i];
		const rd_kafka_topic_partition_t *found;

		if (partition->leader < 0)
			continue;
		found = rd_kafka_topic_partition_list_find(list, question->topic,
												   partition->partition);
		if (which == RD_KAFKA_OFFSET_BEGINNING)
			partition->low = found->offset;
		else
			partition->high = found->offset;
	}
}

static rd_kafka_resp_err_t
ask_offsets(TopicQuestion *question, int64_t which)
{
	rd_kafka_topic_partition_list_t *list = list_partitions(question);
	rd_kafka_resp_err_t code = request_offsets(&question->base, list, which);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		take_offsets(question, list, which);
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

/*
 * Asks for the metadata anew each time: a partition that once was seen without
 * a leader is unknown to librdkafka 2.0 (not looked for again) until then.
 */
bool
topic_describe(TopicQuestion *question)
{
	for (;;)
	{
		rd_kafka_resp_err_t code;

		if (!ask_metadata(question))
			return false;
		ask_cluster_id(question);
		if (!question->watermarks || !question->answer.exists)
			return true;
		code = ask_offsets(question, RD_KAFKA_OFFSET_BEGINNING);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			code = ask_offsets(question, RD_KAFKA_OFFSET_END);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			return true;
		if (!question_is_passing(code))
			return fail_refused(question, "Kafka does not tell the offsets of the topic",
								rd_kafka_err2str(code));
		if (question_is_over(&question->base))
			return question_fail_unanswered(&question->base, "the topic's offsets were not told");
		question_pause();
	}
}

/* The first offset at or after a time, or the end where there is none. */
static void
take_times(const TopicQuestion *question,
		   const rd_kafka_topic_partition_list_t *list, int64_t *offsets)
{
	int			i;

	for (i = 0; i < question->answer.partition_count; i++)
	{
		const TopicPartition *partition = &question->answer.partitions[i];
		const rd_kafka_topic_partition_t *found =
			partition->leader < 0 ? NULL :
			rd_kafka_topic_partition_list_find(list, question->topic,
											   partition->partition);

		offsets[i] = partition->high;
		if (found != NULL && found->offset >= 0 && found->offset < partition->high)
			offsets[i] = found->offset;
	}
}

static rd_kafka_resp_err_t
first_error(const rd_kafka_topic_partition_list_t *list)
{
	int			i;

	for (i = 0; i < list->cnt; i++)
	{
		if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
			return list->elems[i].err;
	}
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool
topic_offsets_for_time(TopicQuestion *question, int64_t time, int64_t *offsets)
{
	for (;;)
	{
		rd_kafka_topic_partition_list_t *list = list_partitions(question);
		rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
		int			slice = question_next_slice(&question->base);
		int			i;

		/* below 0 the protocol's times mean something else */
		for (i = 0; i < list->cnt; i++)
			list->elems[i].offset = time > 0 ? time : 0;
		if (slice == 0)
			code = RD_KAFKA_RESP_ERR__TIMED_OUT;
		else if (list->cnt > 0)
			code = rd_kafka_offsets_for_times(question->base.client->kafka, list, slice);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			code = first_error(list);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			take_times(question, list, offsets);
		rd_kafka_topic_partition_list_destroy(list);
		question_listen(&question->base);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			return true;
		if (!question_is_passing(code))
			return fail_refused(question, "Kafka does not tell the offsets of the topic",
								rd_kafka_err2str(code));
		if (slice == 0)
			return question_fail_unanswered(&question->base, "the topic's offsets were not told");
		question_pause();
	}
}

static rd_kafka_NewTopic_t *
make_new_topic(TopicQuestion *question)
{
	rd_kafka_NewTopic_t *topic;
	char		retention[32];

	topic = rd_kafka_NewTopic_new(question->topic, question->specification.partitions,
								  question->specification.replication_factor, question->base.error,
								  sizeof(question->base.error));
	if (topic != NULL && question->specification.retention_ms >= 0)
	{
		snprintf(retention, sizeof(retention), "%lld",
				 (long long) question->specification.retention_ms);
		rd_kafka_NewTopic_set_config(topic, "retention.ms", retention);
	}
	return topic;
}

static bool
request_creation(TopicQuestion *question, rd_kafka_NewTopic_t *topic,
				 rd_kafka_queue_t *answers)
{
	rd_kafka_AdminOptions_t *options;
	int64_t		left = question->base.deadline - question_clock_ms();
	bool		done;

	options = rd_kafka_AdminOptions_new(question->base.client->kafka,
										RD_KAFKA_ADMIN_OP_CREATETOPICS);
	done = rd_kafka_AdminOptions_set_request_timeout(options,
													 left > 1 ? (int) left : 1,
													 question->base.error,
													 sizeof(question->base.error)) ==
		RD_KAFKA_RESP_ERR_NO_ERROR;
	if (done)
		rd_kafka_CreateTopics(question->base.client->kafka, &topic, 1, options, answers);
	rd_kafka_AdminOptions_destroy(options);
	return done;
}

static bool
take_creation(TopicQuestion *question, rd_kafka_event_t *event)
{
	const rd_kafka_CreateTopics_result_t *result;
	const rd_kafka_topic_result_t **topics;
	size_t		count = 0;
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);
	const char *reason = rd_kafka_event_error_string(event);

	/* librdkafka's own codes are below zero */
	if (question_is_passing(code) && code < RD_KAFKA_RESP_ERR_NO_ERROR)
		return question_fail_unanswered(&question->base, NULL);
	if (question_is_passing(code))
	{
		snprintf(question->base.trouble, sizeof(question->base.trouble), "%s", reason);
		return question_fail_unanswered(&question->base, "the topic was not created");
	}
	result = rd_kafka_event_CreateTopics_result(event);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && result != NULL)
	{
		topics = rd_kafka_CreateTopics_result_topics(result, &count);
		if (count == 1)
		{
			code = rd_kafka_topic_result_error(topics[0]);
			reason = rd_kafka_topic_result_error_string(topics[0]);
		}
	}
	question->existed = code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR || question->existed)
		return true;
	return fail_refused(question, "Kafka does not create the topic",
						reason != NULL ? reason : rd_kafka_err2str(code));
}

bool
topic_create(TopicQuestion *question)
{
	rd_kafka_NewTopic_t *topic = make_new_topic(question);
	rd_kafka_queue_t *answers;
	rd_kafka_event_t *event = NULL;
	bool		succeeded;

	if (topic == NULL)
		return false;
	answers = rd_kafka_queue_new(question->base.client->kafka);
	succeeded = request_creation(question, topic, answers);
	rd_kafka_NewTopic_destroy(topic);
	while (succeeded && event == NULL)
	{
		int			slice = question_next_slice(&question->base);

		if (slice == 0)
		{
			succeeded = question_fail_unanswered(&question->base, NULL);
			break;
		}
		event = rd_kafka_queue_poll(answers, slice);
		question_listen(&question->base);
	}
	if (event != NULL)
	{
		succeeded = take_creation(question, event);
		rd_kafka_event_destroy(event);
	}
	rd_kafka_queue_destroy(answers);
	question_first_slice(&question->base);
	return succeeded;
}

static bool
ask(Question *base)
{
	TopicQuestion *question = (TopicQuestion *) base;

	return (!question->is_creation || topic_create(question)) && topic_describe(question);
}

void
topic_release(Question *base)
{
	TopicQuestion *question = (TopicQuestion *) base;

	if (question->handle != NULL)
		rd_kafka_topic_destroy(question->handle);
	question->handle = NULL;
}

void
topic_forget(Question *base)
{
	TopicQuestion *question = (TopicQuestion *) base;

	topic_description_free(&question->answer);
	free(question->topic);
}

static const QuestionKind topic_kind = {ask, topic_release, topic_forget};

bool
topic_question_open(TopicQuestion *question, const BrokerOptions *options,
					const BrokerSetting *settings, const char *topic,
					int timeout_ms, char *error)
{
	if (!broker_check_topic(topic, error) ||
		!question_open(&question->base, options, settings, timeout_ms, error))
		return false;
	question->topic = strdup(topic);
	if (question->topic == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return false;
	}
	question->handle = rd_kafka_topic_new(question->base.client->kafka,
										  question->topic, NULL);
	if (question->handle == NULL)
		snprintf(error, BROKER_ERROR_SIZE, "%s",
				 rd_kafka_err2str(rd_kafka_last_error()));
	return question->handle != NULL;
}

Question *
topic_question(const BrokerOptions *options, const TopicSpecification *specification,
			   bool is_creation, bool watermarks, int timeout_ms, char *error)
{
	TopicQuestion *question;

	question = calloc(1, sizeof(*question));
	if (question == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return NULL;
	}
	question->base.kind = &topic_kind;
	question->specification = *specification;
	question->is_creation = is_creation;
	question->watermarks = watermarks;
	if (!topic_question_open(question, options, NULL, specification->topic,
							 timeout_ms, error))
	{
		question_free(&question->base);
		return NULL;
	}
	return &question->base;
}

void
topic_question_answer(Question *base, TopicDescription *answer)
{
	TopicQuestion *question = (TopicQuestion *) base;

	*answer = question->answer;
	memset(&question->answer, 0, sizeof(question->answer));
}

void
topic_description_free(TopicDescription *description)
{
	free(description->partitions);
	memset(description, 0, sizeof(*description));
}
