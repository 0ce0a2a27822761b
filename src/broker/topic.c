/*-------------------------------------------------------------------------
 *
 * topic.c
 *	  What a broker knows of a topic, asked with calls that block.
 *
 * Every blocking call is cut into slices, so that a cancelled question ends
 * soon.  A slice must be long enough for an answer all the same: it doubles
 * each time, and what a call could not do in one slice it does in one of the
 * next.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_SLICE_MS 500
#define LONGEST_SLICE_MS 4000
#define PAUSE_MS 50				/* before asking again what was not ready */

/*
 * A broker with ZooKeeper that has just started denies every topic, until its
 * controller has told it of them.
 */
#define DENIED_MS 1000

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool
is_over(const TopicQuestion *question)
{
	return now_ms() >= question->deadline ||
		__atomic_load_n(&question->is_cancelled, __ATOMIC_RELAXED);
}

/*
 * Time for one more call, in milliseconds; 0 where the question should end.
 */
static int
next_slice(TopicQuestion *question)
{
	int64_t		left = question->deadline - now_ms();
	int			slice = question->slice;

	if (left <= 0 || is_over(question))
		return 0;
	if (question->slice < LONGEST_SLICE_MS)
		question->slice *= 2;
	return left < slice ? (int) left : slice;
}

static void
pause_between(void)
{
	struct timespec pause = {0, PAUSE_MS * 1000000L};

	nanosleep(&pause, NULL);
}

/* Keep the last thing that sounds like a reason for having no answer. */
static void
listen_for_trouble(TopicQuestion *question)
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
		/*
		 * "1/1 brokers are down" says less than what came before it, and of a
		 * broker that hangs librdkafka guesses that its version is too old.
		 */
		if (notice.level <= 4 &&
			notice.code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN &&
			strstr(notice.text, "ApiVersionRequest failed: Local: Timed out") == NULL)
			memcpy(question->trouble, notice.text, sizeof(question->trouble));
	}
}

static bool
fail_unanswered(TopicQuestion *question, const char *what)
{
	const char *reason = question->trouble;

	listen_for_trouble(question);
	if (reason[0] == '\0')
		reason = "no answer, and no error either (a broker that hangs, a firewall or a name server that drops packets)";
	snprintf(question->error, sizeof(question->error),
			 "%s within %d ms by \"%.150s\": %.250s",
			 what, question->timeout_ms, question->brokers, reason);
	return false;
}

static bool
fail_refused(TopicQuestion *question, const char *what, const char *reason)
{
	snprintf(question->error, sizeof(question->error), "%s \"%s\": %.200s",
			 what, question->topic, reason);
	return false;
}

/* Will the same question have another answer soon? */
static bool
is_passing(rd_kafka_resp_err_t code)
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
		snprintf(question->error, sizeof(question->error), "out of memory");
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

/* Does the topic not exist?  Only who says so for a while is believed. */
static bool
is_absent(TopicQuestion *question, const struct rd_kafka_metadata *metadata)
{
	if (question->absent_since == 0)
		question->absent_since = now_ms();
	return metadata->broker_cnt > 0 &&
		now_ms() - question->absent_since >= DENIED_MS;
}

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
			/* just created: other brokers learn of it a moment later */
			if (question->is_creation && !has_leaders(&question->answer))
				return METADATA_LATER;
			return METADATA_TAKEN;
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
			topic_description_free(&question->answer);
			return !question->is_creation && is_absent(question, metadata) ?
				METADATA_TAKEN : METADATA_LATER;
		default:
			if (is_passing(topic->err))
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

	while (result == METADATA_LATER && (slice = next_slice(question)) > 0)
	{
		const struct rd_kafka_metadata *metadata;
		rd_kafka_resp_err_t code;

		/*
		 * The topic always by its handle: asked for "all that I know",
		 * librdkafka 2.0 lets the broker create them.
		 */
		code = rd_kafka_metadata(question->client->kafka, 0, question->handle,
								 &metadata, slice);
		listen_for_trouble(question);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			result = take_metadata(question, metadata);
			rd_kafka_metadata_destroy(metadata);
		}
		else if (!is_passing(code))
		{
			fail_refused(question, "Kafka does not describe the topic",
						 rd_kafka_err2str(code));
			result = METADATA_FAILED;
		}
		if (result == METADATA_LATER)
			pause_between();
	}
	if (result == METADATA_LATER)
	{
		topic_description_free(&question->answer);
		fail_unanswered(question, "the topic was not described");
	}
	return result == METADATA_TAKEN;
}

/* Comes with the metadata, so this waits for nothing. */
static void
ask_cluster_id(TopicQuestion *question)
{
	char	   *cluster_id = rd_kafka_clusterid(question->client->kafka, 0);

	if (cluster_id == NULL)
		return;
	snprintf(question->answer.cluster_id, sizeof(question->answer.cluster_id), "%s",
			 cluster_id);
	rd_kafka_mem_free(question->client->kafka, cluster_id);
}

/* One end of every partition that has a leader, in one request a leader. */
static rd_kafka_topic_partition_list_t *
list_partitions(const TopicQuestion *question, int64_t which)
{
	rd_kafka_topic_partition_list_t *list;
	int			i;

	list = rd_kafka_topic_partition_list_new(question->answer.partition_count);
	for (i = 0; i < question->answer.partition_count; i++)
	{
		const TopicPartition *partition = &question->answer.partitions[i];

		if (partition->leader >= 0)
			rd_kafka_topic_partition_list_add(list, question->topic,
											  partition->partition)->offset = which;
	}
	return list;
}

static rd_kafka_resp_err_t
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
		if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR)
			return found->err;
		if (found->offset < 0)
			return RD_KAFKA_RESP_ERR__TIMED_OUT;
		if (which == RD_KAFKA_OFFSET_BEGINNING)
			partition->low = found->offset;
		else
			partition->high = found->offset;
	}
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/*
 * rd_kafka_offsets_for_times() hands a "time" on as it is, and the protocol's
 * times -2 and -1 mean the two ends (librdkafka's BEGINNING and END).  So two
 * requests a leader answer for all partitions, where
 * rd_kafka_query_watermark_offsets() asks for one partition at a time, keeps
 * to no timeout while it waits for the answer, and guesses which of its two
 * answers is the low one.
 */
static rd_kafka_resp_err_t
ask_offsets(TopicQuestion *question, int64_t which)
{
	rd_kafka_topic_partition_list_t *list = list_partitions(question, which);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	int			slice = next_slice(question);

	if (slice == 0)
		code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	else if (list->cnt > 0)
		code = rd_kafka_offsets_for_times(question->client->kafka, list, slice);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = take_offsets(question, list, which);
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

/*
 * Asks for the metadata anew each time: a partition that once was seen without
 * a leader is unknown to librdkafka 2.0 (not looked for again) until then.
 */
static bool
describe(TopicQuestion *question)
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
		if (!is_passing(code))
			return fail_refused(question, "Kafka does not tell the offsets of the topic",
								rd_kafka_err2str(code));
		if (is_over(question))
			return fail_unanswered(question, "the topic's offsets were not told");
		pause_between();
	}
}

static rd_kafka_NewTopic_t *
make_new_topic(TopicQuestion *question)
{
	rd_kafka_NewTopic_t *topic;
	char		retention[32];

	topic = rd_kafka_NewTopic_new(question->topic, question->specification.partitions,
								  question->specification.replication_factor, question->error,
								  sizeof(question->error));
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
	int64_t		left = question->deadline - now_ms();
	bool		done;

	options = rd_kafka_AdminOptions_new(question->client->kafka,
										RD_KAFKA_ADMIN_OP_CREATETOPICS);
	done = rd_kafka_AdminOptions_set_request_timeout(options,
													 left > 1 ? (int) left : 1,
													 question->error,
													 sizeof(question->error)) ==
		RD_KAFKA_RESP_ERR_NO_ERROR;
	if (done)
		rd_kafka_CreateTopics(question->client->kafka, &topic, 1, options, answers);
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

	if (is_passing(code))
	{
		if (question->trouble[0] == '\0')
			snprintf(question->trouble, sizeof(question->trouble), "%s", reason);
		return fail_unanswered(question, "the topic was not created");
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
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR ||
		code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		return true;
	return fail_refused(question, "Kafka does not create the topic",
						reason != NULL ? reason : rd_kafka_err2str(code));
}

static bool
create(TopicQuestion *question)
{
	rd_kafka_NewTopic_t *topic = make_new_topic(question);
	rd_kafka_queue_t *answers;
	rd_kafka_event_t *event = NULL;
	bool		succeeded;

	if (topic == NULL)
		return false;
	answers = rd_kafka_queue_new(question->client->kafka);
	succeeded = request_creation(question, topic, answers);
	rd_kafka_NewTopic_destroy(topic);
	while (succeeded && event == NULL)
	{
		int			slice = next_slice(question);

		if (slice == 0)
		{
			succeeded = fail_unanswered(question, "the topic was not created");
			break;
		}
		event = rd_kafka_queue_poll(answers, slice);
		listen_for_trouble(question);
	}
	if (event != NULL)
	{
		succeeded = take_creation(question, event);
		rd_kafka_event_destroy(event);
	}
	rd_kafka_queue_destroy(answers);
	question->slice = FIRST_SLICE_MS;
	return succeeded;
}

/*
 * The socket's timeout becomes the question's: a leader that does not answer
 * must not hold a request longer than anybody waits for it.
 */
static bool
open_client(TopicQuestion *question, const BrokerOptions *options, char *error)
{
	char		timeout[32];
	BrokerSetting settings[] = {
		{"isolation.level", "read_committed"},	/* for the offsets, too */
		{"fetch.wait.max.ms", "100"},	/* or it warns of the timeout */
		{"socket.timeout.ms", timeout},
		{NULL, NULL}
	};
	int			timeout_ms = question->timeout_ms;

	if (timeout_ms < 2000)
		timeout_ms = 2000;
	else if (timeout_ms > 15000)
		timeout_ms = 15000;
	snprintf(timeout, sizeof(timeout), "%d", timeout_ms);
	question->client = broker_client_create(BROKER_QUERY, options, settings,
											error);
	return question->client != NULL;
}

bool
topic_question_open(TopicQuestion *question, const BrokerOptions *options,
					char *error)
{
	if (!broker_check_topic(question->specification.topic, error) ||
		!open_client(question, options, error))
		return false;
	question->brokers = strdup(options->brokers);
	question->topic = strdup(question->specification.topic);
	if (question->brokers == NULL || question->topic == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return false;
	}
	question->handle = rd_kafka_topic_new(question->client->kafka,
										  question->topic, NULL);
	if (question->handle == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "%s",
				 rd_kafka_err2str(rd_kafka_last_error()));
		return false;
	}
	question->slice = FIRST_SLICE_MS;
	question->deadline = now_ms() + question->timeout_ms;
	return true;
}

bool
topic_question_ask(TopicQuestion *question)
{
	return (!question->is_creation || create(question)) && describe(question);
}

void
topic_question_disconnect(TopicQuestion *question)
{
	if (question->handle != NULL)
		rd_kafka_topic_destroy(question->handle);
	question->handle = NULL;
	broker_client_destroy(question->client);
	question->client = NULL;
}

void
topic_question_close(TopicQuestion *question)
{
	topic_question_disconnect(question);
	topic_description_free(&question->answer);
	free(question->brokers);
	free(question->topic);
}
