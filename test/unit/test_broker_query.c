/*-------------------------------------------------------------------------
 *
 * test_broker_query.c
 *	  Questions about topics against a real Kafka, and without one.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "broker_support.h"
#include "test.h"

static TopicDescription answer;
static char error[BROKER_ERROR_SIZE];

static BrokerOptions
test_brokers(void)
{
	BrokerOptions options = {kafka_bootstrap(), "broker-test", NULL};

	return options;
}

static bool
create_topic(const char *topic, int partitions, int replication_factor,
			 int64_t retention_ms)
{
	BrokerOptions options = test_brokers();
	TopicSpecification wanted = {topic, partitions, replication_factor, retention_ms};

	error[0] = '\0';
	return await_query(broker_query_create(&options, &wanted, true, 20000, error),
					   &answer, error);
}

static void
test_describe(void)
{
	char	   *topic = new_topic(3, NULL, NULL);
	char	   *expected;
	bool		good;

	publish_numbers(topic, 300);
	delete_records(topic, 1, 7);
	good = describe_topic(topic, &answer, error);
	ok(good && answer.exists && answer.partition_count == 3, "a topic is described");
	ok(answer.partitions[0].partition == 0 && answer.partitions[1].partition == 1 &&
	   answer.partitions[2].partition == 2 && answer.partitions[0].leader == 1,
	   "its partitions, in order, with leaders");
	ok(answer.partitions[0].low == 0 && answer.partitions[1].low == 7,
	   "low watermarks");
	ok(answer.partitions[0].high == end_offset(topic, 0) &&
	   answer.partitions[1].high == end_offset(topic, 1) &&
	   answer.partitions[2].high == end_offset(topic, 2) &&
	   answer.partitions[0].high + answer.partitions[1].high +
	   answer.partitions[2].high == 300, "high watermarks");
	expected = kafka_tool("env");
	ok(expected != NULL && strlen(answer.cluster_id) >= 16, "cluster id: %s",
	   answer.cluster_id);
	topic_description_free(&answer);

	/* low and high are each other's only where nothing is left */
	delete_records(topic, 0, end_offset(topic, 0));
	good = describe_topic(topic, &answer, error);
	ok(good && answer.partitions[0].low == answer.partitions[0].high &&
	   answer.partitions[0].low == end_offset(topic, 0), "a partition without records");
	topic_description_free(&answer);
	free(topic);
}

static void
test_many_partitions(void)
{
	char	   *topic = new_topic(200, NULL, NULL);
	double		start;
	int			known = 0;
	int			i;

	publish_numbers(topic, 1000);
	start = seconds_now();
	if (!describe_topic(topic, &answer, error))
		give_up("describe: %s", error);
	start = seconds_now() - start;
	for (i = 0; i < answer.partition_count; i++)
		known += answer.partitions[i].partition == i &&
			answer.partitions[i].low == 0 && answer.partitions[i].high >= 0;
	ok(known == 200 && start < 5, "200 partitions in %.3f s", start);
	topic_description_free(&answer);
	drop_topic(topic);
	free(topic);
}

/* The premise of the next test: this broker does create what is asked for. */
static bool
broker_creates_topics(void)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char	   *topic = unique_name("auto-created");
	rd_kafka_t *kafka;
	rd_kafka_topic_t *handle;
	bool		created = false;
	int			tries;

	rd_kafka_conf_set(conf, "bootstrap.servers", kafka_bootstrap(), NULL, 0);
	kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
	handle = rd_kafka_topic_new(kafka, topic, NULL);
	for (tries = 0; tries < 50 && !created; tries++)
	{
		const struct rd_kafka_metadata *metadata;

		if (rd_kafka_metadata(kafka, 0, handle, &metadata, 5000) == 0)
			rd_kafka_metadata_destroy(metadata);
		created = topic_exists(topic);
		sleep_ms(100);
	}
	rd_kafka_topic_destroy(handle);
	rd_kafka_destroy(kafka);
	free(topic);
	return created;
}

static void
test_no_topic(void)
{
	char	   *topic = unique_name("not-there");
	bool		good;

	ok(broker_creates_topics(), "the broker has auto.create.topics.enable");
	good = describe_topic(topic, &answer, error);
	ok(good && !answer.exists && answer.partition_count == 0 &&
	   answer.cluster_id[0] != '\0', "a topic that is not there is told so");
	topic_description_free(&answer);
	sleep_ms(1000);
	ok(!topic_exists(topic), "and is not created by asking");
	free(topic);
}

static void
test_create(void)
{
	char	   *topic = unique_name("created");
	char	   *other = unique_name("created");
	char	   *output;
	bool		good;

	good = create_topic(topic, 5, -1, INT64_C(604800000));
	ok(good && answer.exists && answer.partition_count == 5 &&
	   answer.partitions[4].leader == 1 && answer.partitions[4].high == 0,
	   "a topic is created with the broker's replication: %s", error);
	topic_description_free(&answer);
	output = kafka_tool("configs --describe --entity-type topics --entity-name %s",
						topic);
	ok(output != NULL && strstr(output, "retention.ms=604800000") != NULL,
	   "with the retention");
	good = create_topic(topic, 9, -1, 1000);
	ok(good && answer.exists && answer.partition_count == 5,
	   "that it exists already is no error: %s", error);
	topic_description_free(&answer);

	ok(!create_topic(other, 1, 3, -1) &&
	   strstr(error, other) != NULL && strstr(error, "eplication factor") != NULL,
	   "the broker's reason for a refusal is told");
	diag("%s", error);
	ok(!topic_exists(other), "and there is no topic");
	ok(!create_topic(other, 0, 1, -1) && error[0] != '\0', "0 partitions are refused");
	diag("%s", error);
	good = create_topic(other, 1, 1, -1);
	ok(good && answer.partition_count == 1, "without a retention: %s", error);
	topic_description_free(&answer);
	free(topic);
	free(other);
}

static void
test_unreachable(void)
{
	BrokerOptions options = {NO_BROKER, "broker-test", NULL};
	TopicSpecification wanted = {"topic", 1, -1, -1};
	double		start = seconds_now();
	bool		good;

	good = await_query(broker_query_describe(&options, "topic", true, 1500, error),
					   &answer, error);
	start = seconds_now() - start;
	ok(!good && strstr(error, NO_BROKER) != NULL && strstr(error, "refused") != NULL,
	   "nobody there: %s", error);
	ok(start > 1.4 && start < 6, "after the time given for it (1.5 s: %.1f s)", start);
	good = await_query(broker_query_create(&options, &wanted, false, 1500, error),
					   &answer, error);
	ok(!good && strstr(error, NO_BROKER) != NULL && strstr(error, "refused") != NULL,
	   "nobody there: %s", error);

	options.brokers = "no-such-host.invalid:9092";
	good = await_query(broker_query_describe(&options, "topic", true, 1500, error),
					   &answer, error);
	ok(!good && strstr(error, "no-such-host.invalid") != NULL, "no such host: %s",
	   error);
}

static void
test_abandon(void)
{
	BrokerOptions options = {NO_BROKER, "broker-test", NULL};
	int			descriptors = count_descriptors();
	int			threads = count_threads();
	double		start;
	BrokerQuery *query;
	int			i;

	start = seconds_now();
	for (i = 0; i < 20; i++)
	{
		query = broker_query_describe(&options, "topic", true, 60000, error);
		if (query == NULL)
			give_up("describe: %s", error);
		if (i % 2 == 0)
			sleep_ms(10);
		broker_query_abandon(query);
	}
	start = seconds_now() - start;
	ok(start < 3, "20 queries abandoned in %.3f s", start);
	ok(threads_return_to(threads), "their threads end");
	ok(count_descriptors() <= descriptors, "and close everything");

	query = broker_query_describe(&options, "topic", true, 60000, error);
	ok(!broker_query_is_done(query) && !broker_query_finish(query, &answer, error),
	   "a query finished too early has no answer");
	broker_query_abandon(NULL);
	ok(threads_return_to(threads), "and ends all the same");
}

static void
test_cycles(void)
{
	char	   *topic = new_topic(2, NULL, NULL);
	int			descriptors;
	int			threads;
	int			good = 0;
	int			i;

	good += describe_topic(topic, &answer, error);
	topic_description_free(&answer);
	threads_return_to(1);
	descriptors = count_descriptors();
	threads = count_threads();
	for (i = 0; i < 100; i++)
	{
		good += describe_topic(topic, &answer, error);
		topic_description_free(&answer);
	}
	ok(good == 101, "100 queries");
	ok(threads_return_to(threads), "leave no thread");
	ok(count_descriptors() <= descriptors, "and no descriptor");
	free(topic);
}

static void
test_refused(void)
{
	BrokerOptions options = {"here:port", "broker-test", NULL};
	TopicSpecification wanted = {"a b", 1, -1, -1};

	ok(broker_query_describe(&options, "topic", true, 1000, error) == NULL &&
	   strstr(error, "port") != NULL, "brokers are checked");
	options.brokers = kafka_bootstrap();
	ok(broker_query_create(&options, &wanted, true, 1000, error) == NULL &&
	   strstr(error, "letters") != NULL, "the topic is checked");
}

int
main(void)
{
	test_describe();
	test_many_partitions();
	test_no_topic();
	test_create();
	test_unreachable();
	test_abandon();
	test_cycles();
	test_refused();
	return done_testing();
}
