/*-------------------------------------------------------------------------
 *
 * audit_kafka.c
 *	  What an audit asks Kafka.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "broker/topic.h"
#include "functions/audit_kafka.h"
#include "functions/outside_text.h"

/* Messages of one look; quotes are a hundredth of it. */
#define LOOK_MEMORY (64 * 1024 * 1024)

static void
tell_trouble(const char *topic, const char *trouble)
{
	ereport(NOTICE,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("topic \"%s\" is not compared with Kafka: %s", topic, trouble),
			 errhint("Check vnstream.brokers, and whether the brokers are up.")));
}

static void
ask_topic(AuditKafka *kafka, const char *name)
{
	TopicSpecification specification = {.topic = name, .replication_factor = -1, .retention_ms = -1};
	char		error[BROKER_ERROR_SIZE] = "";
	AuditTopic *topic = &kafka->topics[kafka->topic_count];
	TopicDescription answer;
	Question   *question;

	question = ask_broker_gently(topic_question(&kafka->target.options, &specification, false, true,
												ASK_TIMEOUT_MS, error), error);
	if (question == NULL)
	{
		kafka->is_away = true;
		tell_trouble(name, error);
		return;
	}
	topic_question_answer(question, &answer);
	if (!answer.exists)
	{
		topic_description_free(&answer);
		tell_trouble(name, "it does not exist there");
		return;
	}

	/* a copy that an error frees by itself */
	topic->name = name;
	strlcpy(topic->cluster_id, answer.cluster_id, sizeof(topic->cluster_id));
	topic->partition_count = answer.partition_count;
	topic->partitions = palloc(sizeof(TopicPartition) * Max(answer.partition_count, 1));
	memcpy(topic->partitions, answer.partitions, sizeof(TopicPartition) * answer.partition_count);
	topic_description_free(&answer);
	kafka->topic_count++;
}

static const AuditTopic *
find_topic(const AuditKafka *kafka, const char *name)
{
	for (int i = 0; i < kafka->topic_count; i++)
	{
		if (strcmp(kafka->topics[i].name, name) == 0)
			return &kafka->topics[i];
	}
	return NULL;
}

const TopicPartition *
audit_kafka_partition(const AuditKafka *kafka, const AuditSegment *segment)
{
	const AuditTopic *topic = find_topic(kafka, segment->topic);

	if (topic == NULL || !segment->is_of_log ||
		strcmp(topic->cluster_id, segment->cluster_id) != 0)
		return NULL;
	for (int i = 0; i < topic->partition_count; i++)
	{
		if (topic->partitions[i].partition == segment->partition)
			return topic->partitions[i].low >= 0 && topic->partitions[i].high >= 0 ?
				&topic->partitions[i] : NULL;
	}
	return NULL;
}

/* Of topics that have answered, what nobody has told yet. */
static void
tell_unknown(const AuditKafka *kafka, const AuditSegment *segment)
{
	const AuditTopic *topic = find_topic(kafka, segment->topic);

	if (topic == NULL || audit_kafka_partition(kafka, segment) != NULL)
		return;
	if (strcmp(topic->cluster_id, segment->cluster_id) != 0)
		ereport(NOTICE,
				(errcode(ERRCODE_WARNING),
				 errmsg("partition %d of topic \"%s\" was read from another Kafka cluster, %s",
						segment->partition, segment->topic, segment->cluster_id),
				 errdetail("The brokers are those of cluster %s.", topic->cluster_id)));
	else
		ereport(NOTICE,
				(errcode(ERRCODE_WARNING),
				 errmsg("partition %d of topic \"%s\" is not there, or has no leader that answers",
						segment->partition, segment->topic)));
}

AuditKafka *
audit_kafka_ask(const AuditSegment *segments, int count)
{
	AuditKafka *kafka = palloc0(sizeof(AuditKafka));
	const char *last = NULL;

	ask_target(&kafka->target);
	kafka->topics = palloc0(sizeof(AuditTopic) * Max(count, 1));

	/* They are in the order of clusters and topics. */
	for (int i = 0; i < count; i++)
	{
		if (!segments[i].is_open)
			continue;
		if (!kafka->is_away && find_topic(kafka, segments[i].topic) == NULL &&
			(last == NULL || strcmp(last, segments[i].topic) != 0))
			ask_topic(kafka, segments[i].topic);
		last = segments[i].topic;
		tell_unknown(kafka, &segments[i]);
	}
	return kafka;
}

const PeekAnswer *
audit_kafka_look(AuditKafka *kafka, const AuditSegment *segment,
				 const PeekRange *ranges, int count, int span)
{
	PeekRequest request = {.topic = segment->topic, .from = PEEK_RANGES, .ranges = ranges,
	.range_count = count, .limit = span, .memory_limit = LOOK_MEMORY};
	char		error[BROKER_ERROR_SIZE] = "";
	Question   *question;
	const PeekAnswer *answer;

	if (kafka->is_away)
		return NULL;
	question = ask_broker_gently(peek_question(&kafka->target.options, &request,
											   ASK_TIMEOUT_MS, error), error);
	if (question == NULL)
	{
		kafka->is_away = true;
		tell_trouble(segment->topic, error);
		return NULL;
	}
	answer = peek_question_answer(question);
	if (answer->fault == PEEK_FINE || answer->fault == PEEK_TOO_LARGE)
		return answer;
	tell_trouble(segment->topic, answer->fault == PEEK_DAMAGED ? outside_string(answer->reason) :
				 "a partition is not there, or has no leader that answers");
	return NULL;
}
