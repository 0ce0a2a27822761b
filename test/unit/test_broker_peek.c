/*-------------------------------------------------------------------------
 *
 * test_broker_peek.c
 *	  Looking at messages of a topic, against a real Kafka and without one.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "broker/peek.h"
#include "broker_support.h"
#include "test.h"

#define MEMORY ((size_t) 64 * 1024 * 1024)

static char error[BROKER_ERROR_SIZE];

static BrokerOptions
test_brokers(void)
{
	BrokerOptions options = {kafka_bootstrap(), "broker-test", NULL};

	return options;
}

/* The answered question, or NULL with error. */
static Question *
peek(const PeekRequest *request, int timeout_ms)
{
	BrokerOptions options = test_brokers();
	BrokerQuery *query;

	error[0] = '\0';
	query = broker_query_begin(peek_question(&options, request, timeout_ms, error), error);
	if (query == NULL)
		return NULL;
	while (!broker_query_is_done(query))
		wait_readable(broker_query_fd(query), 1000);
	return broker_query_take(query, error);
}

static Question *
peek_from(const char *topic, PeekFrom from, int limit)
{
	PeekRequest request = {topic, from, 0, NULL, 0, limit, MEMORY};

	return peek(&request, 20000);
}

static Question *
peek_ranges(const char *topic, const PeekRange *ranges, int count, int limit)
{
	PeekRequest request = {topic, PEEK_RANGES, 0, ranges, count, limit, MEMORY};

	return peek(&request, 20000);
}

static const PeekAnswer *
answer_of(const Question *question)
{
	static PeekAnswer none;

	if (question != NULL)
		return peek_question_answer(question);
	diag("%s", error);
	none.fault = PEEK_NO_TOPIC;
	none.message_count = -1;
	return &none;
}

/* A producer of the test's own: any bytes, headers, timestamps, transactions. */
static rd_kafka_t *
open_producer(const char *transactional_id)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *kafka;

	rd_kafka_conf_set(conf, "bootstrap.servers", kafka_bootstrap(), NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
	if (transactional_id != NULL)
		rd_kafka_conf_set(conf, "transactional.id", transactional_id, NULL, 0);
	kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (kafka == NULL)
		give_up("producer: %s", error);
	return kafka;
}

static void
produce(rd_kafka_t *kafka, const char *topic, int partition, int64_t time,
		const void *value, size_t length)
{
	rd_kafka_resp_err_t code;

	code = rd_kafka_producev(kafka, RD_KAFKA_V_TOPIC(topic),
							 RD_KAFKA_V_PARTITION(partition),
							 RD_KAFKA_V_TIMESTAMP(time),
							 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK),
							 RD_KAFKA_V_VALUE((void *) value, length), RD_KAFKA_V_END);
	if (code != 0)
		give_up("produce: %s", rd_kafka_err2str(code));
	rd_kafka_poll(kafka, 0);
}

static void
close_producer(rd_kafka_t *kafka)
{
	if (rd_kafka_flush(kafka, 30000) != 0)
		give_up("not all was produced");
	rd_kafka_destroy(kafka);
}

/* A day in 2026, in ms: perhaps so long ago that retention would take it. */
#define DAY_MS INT64_C(1785801600000)

/* Message n of the topic is older by a second than n + 1, in three partitions. */
static char *
timed_topic(int count)
{
	char	   *topic = new_topic(3, "retention.ms", "-1");
	rd_kafka_t *kafka = open_producer(NULL);
	char		value[20];
	int			n;

	for (n = 0; n < count; n++)
	{
		snprintf(value, sizeof(value), "%d", n);
		produce(kafka, topic, n % 3, DAY_MS + n * 1000, value, strlen(value));
	}
	close_producer(kafka);
	return topic;
}

/* Are the messages those numbers, in order? */
static bool
are_numbers(const PeekAnswer *answer, int first, int count)
{
	char		value[20];
	int			i;

	if (answer->fault != PEEK_FINE || answer->message_count != count)
	{
		diag("fault %d, %d messages", (int) answer->fault, answer->message_count);
		return false;
	}
	for (i = 0; i < count; i++)
	{
		const PeekMessage *message = &answer->messages[i];

		snprintf(value, sizeof(value), "%d", first + i);
		if (message->value_length != strlen(value) ||
			memcmp(message->value, value, strlen(value)) != 0 ||
			message->partition != (first + i) % 3 ||
			message->offset != (first + i) / 3 ||
			message->timestamp != DAY_MS + (int64_t) (first + i) * 1000)
		{
			diag("message %d is %.*s", i, (int) message->value_length, message->value);
			return false;
		}
	}
	return true;
}

static void
test_places(void)
{
	char	   *topic = timed_topic(3000);
	PeekRequest request = {topic, PEEK_TIME, DAY_MS + 1499500, NULL, 0, 20, MEMORY};
	Question   *question;

	question = peek_from(topic, PEEK_BEGINNING, 20);
	ok(are_numbers(answer_of(question), 0, 20), "the first of three partitions");
	ok(answer_of(question)->partition_count == 3 &&
	   answer_of(question)->partitions[2].high == 1000 &&
	   strlen(answer_of(question)->cluster_id) >= 16, "partitions and cluster");
	question_free(question);
	question = peek_from(topic, PEEK_END, 20);
	ok(are_numbers(answer_of(question), 2980, 20), "the last");
	question_free(question);
	question = peek_from(topic, PEEK_END, 10000);
	ok(are_numbers(answer_of(question), 0, 3000), "all of it from the end");
	question_free(question);
	question = peek_from(topic, PEEK_BEGINNING, 10000);
	ok(are_numbers(answer_of(question), 0, 3000), "all of it from the beginning");
	question_free(question);

	question = peek(&request, 20000);
	ok(are_numbers(answer_of(question), 1500, 20), "from a time on");
	question_free(question);
	request.time = -5;
	question = peek(&request, 20000);
	ok(are_numbers(answer_of(question), 0, 20), "from before 1970 on");
	question_free(question);
	request.time = INT64_MAX;
	question = peek(&request, 20000);
	ok(are_numbers(answer_of(question), 0, 0) &&
	   answer_of(question)->partitions[1].start == 1000, "from the end of time on: nothing");
	question_free(question);
	request.time = DAY_MS + 1499500;
	request.limit = 0;
	question = peek(&request, 20000);
	ok(are_numbers(answer_of(question), 0, 0) &&
	   answer_of(question)->partitions[0].start == 500 &&
	   answer_of(question)->partitions[0].low == 0, "only where it would begin");
	question_free(question);

	delete_records(topic, 0, 900);
	question = peek_from(topic, PEEK_END, 3000);
	ok(answer_of(question)->message_count == 2100, "what is deleted is not there: %d",
	   answer_of(question)->message_count);
	question_free(question);
	free(topic);
}

static void
test_ranges(void)
{
	char	   *topic = timed_topic(30000);
	PeekRange	ranges[] = {
		{2, 100, 101}, {0, 0, 3}, {2, 102, 104}, {2, 9000, 9001}, {2, 9001, 9002},
		{0, 9998, INT64_MAX}, {2, 103, 105}
	};
	PeekRange	odd[] = {{1, -5, 2}, {1, 10000, 10010}, {1, 50, 50}};
	PeekRange	nowhere = {3, 0, 1};
	const int	wanted[] = {0, 3, 6, 302, 308, 311, 314, 27002, 27005, 29994, 29997};
	Question   *question = peek_ranges(topic, ranges, 7, 100);
	const PeekAnswer *answer = answer_of(question);
	int			good = 0;
	int			i;

	for (i = 0; i < answer->message_count && i < 11; i++)
		good += strtol(answer->messages[i].value, NULL, 10) == wanted[i] &&
			answer->messages[i].offset == wanted[i] / 3;
	ok(answer->message_count == 11 && good == 11, "exactly what is in the ranges: %d of %d",
	   good, answer->message_count);
	question_free(question);

	question = peek_ranges(topic, ranges, 7, 4);
	ok(answer_of(question)->message_count == 4 &&
	   answer_of(question)->messages[3].offset == 100, "no more than the limit");
	question_free(question);
	question = peek_ranges(topic, odd, 3, 100);
	ok(answer_of(question)->message_count == 2 &&
	   answer_of(question)->messages[1].offset == 1, "outside of the log there is nothing");
	question_free(question);
	question = peek_ranges(topic, &nowhere, 1, 100);
	ok(answer_of(question)->fault == PEEK_NO_PARTITION &&
	   answer_of(question)->at_partition == 3 && answer_of(question)->partition_count == 3,
	   "a partition that is not there");
	question_free(question);
	drop_topic(topic);
	free(topic);
}

static void
test_bytes(void)
{
	char	   *topic = new_topic(1, "retention.ms", "-1");
	rd_kafka_t *kafka = open_producer(NULL);
	rd_kafka_headers_t *headers = rd_kafka_headers_new(3);
	Question   *question;
	const PeekAnswer *answer;

	rd_kafka_header_add(headers, "a", -1, "x\0y", 3);
	rd_kafka_header_add(headers, "a", -1, "", 0);
	rd_kafka_header_add(headers, "none", -1, NULL, 0);
	if (rd_kafka_producev(kafka, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
						  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
						  RD_KAFKA_V_KEY("k\0\377", 3), RD_KAFKA_V_VALUE("\1\0\2", 3),
						  RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END) != 0)
		give_up("produce");
	produce(kafka, topic, 0, DAY_MS, NULL, 0);
	produce(kafka, topic, 0, DAY_MS, "", 0);
	close_producer(kafka);

	question = peek_from(topic, PEEK_END, 3);
	answer = answer_of(question);
	ok(answer->message_count == 3 && answer->messages[0].value == NULL &&
	   answer->messages[0].key == NULL && answer->messages[0].header_count == 0,
	   "a tombstone");
	ok(answer->message_count == 3 && answer->messages[1].offset == 2 &&
	   answer->messages[1].value_length == 0, "an empty value");
	ok(answer->message_count == 3 && answer->messages[2].key_length == 3 &&
	   memcmp(answer->messages[2].key, "k\0\377", 3) == 0 &&
	   answer->messages[2].value_length == 3 &&
	   memcmp(answer->messages[2].value, "\1\0\2", 3) == 0, "any bytes");
	ok(answer->message_count == 3 && answer->messages[2].header_count == 3 &&
	   strcmp(answer->messages[2].headers[0].name, "a") == 0 &&
	   answer->messages[2].headers[0].length == 3 &&
	   memcmp(answer->messages[2].headers[0].value, "x\0y", 3) == 0 &&
	   answer->messages[2].headers[1].length == 0 &&
	   strcmp(answer->messages[2].headers[2].name, "none") == 0 &&
	   answer->messages[2].headers[2].value == NULL, "headers");
	question_free(question);
	free(topic);
}

/* One transaction after the other, so each is followed by a control record. */
static void
test_holes(void)
{
	char	   *topic = new_topic(1, "retention.ms", "-1");
	char	   *id = unique_name("peek");
	rd_kafka_t *kafka = open_producer(id);
	Question   *question;
	const PeekAnswer *answer;
	char		value[20];
	int			n;
	bool		good = true;

	if (rd_kafka_init_transactions(kafka, 30000) != NULL)
		give_up("init transactions");
	for (n = 0; n < 40; n++)
	{
		snprintf(value, sizeof(value), "%d", n);
		if (rd_kafka_begin_transaction(kafka) != NULL)
			give_up("begin transaction");
		produce(kafka, topic, 0, DAY_MS + n, value, strlen(value));
		if (n % 4 == 3)
			good = good && rd_kafka_commit_transaction(kafka, 30000) == NULL;
		else
			good = good && rd_kafka_flush(kafka, 30000) == 0 &&
				rd_kafka_abort_transaction(kafka, 30000) == NULL;
	}
	if (!good)
		give_up("transactions");

	question = peek_from(topic, PEEK_END, 3);
	answer = answer_of(question);
	ok(answer->message_count == 3 && answer->partitions[0].high == 80 &&
	   memcmp(answer->messages[0].value, "31", 2) == 0 &&
	   memcmp(answer->messages[2].value, "39", 2) == 0 && answer->messages[2].offset == 78,
	   "the last committed ones, as far back as they are: %d", answer->message_count);
	question_free(question);
	question = peek_from(topic, PEEK_END, 10);
	ok(answer_of(question)->message_count == 10, "all of them");
	question_free(question);
	question = peek_from(topic, PEEK_END, 11);
	ok(answer_of(question)->message_count == 10, "and there are no more");
	question_free(question);
	question = peek_from(topic, PEEK_BEGINNING, 2);
	answer = answer_of(question);
	ok(answer->message_count == 2 && answer->messages[0].offset == 6 &&
	   answer->messages[1].offset == 14, "the first committed ones");
	question_free(question);

	/* behind an open one, nothing is to be seen */
	if (rd_kafka_begin_transaction(kafka) != NULL)
		give_up("begin transaction");
	produce(kafka, topic, 0, DAY_MS + n, "open", 4);
	if (rd_kafka_flush(kafka, 30000) != 0)
		give_up("flush");
	question = peek_from(topic, PEEK_END, 1);
	answer = answer_of(question);
	ok(answer->message_count == 1 && memcmp(answer->messages[0].value, "39", 2) == 0,
	   "a transaction that is open is not waited for");
	question_free(question);
	if (rd_kafka_abort_transaction(kafka, 30000) != NULL)
		give_up("abort transaction");
	rd_kafka_destroy(kafka);
	free(id);
	free(topic);
}

static void
test_nothing(void)
{
	char	   *topic = new_topic(2, NULL, NULL);
	char	   *absent = unique_name("not-there");
	Question   *question;

	question = peek_from(topic, PEEK_END, 5);
	ok(answer_of(question)->fault == PEEK_FINE && answer_of(question)->message_count == 0 &&
	   answer_of(question)->partition_count == 2, "an empty topic");
	question_free(question);
	question = peek_from(absent, PEEK_END, 5);
	ok(question != NULL && answer_of(question)->fault == PEEK_NO_TOPIC, "no topic");
	question_free(question);
	ok(!topic_exists(absent), "which is not created by asking");
	question = peek_from("a b", PEEK_END, 5);
	ok(question == NULL && strstr(error, "letters") != NULL, "the topic is checked");
	free(absent);
	free(topic);
}

static void
test_too_large(void)
{
	char	   *topic = new_topic(1, "retention.ms", "-1");
	PeekRequest request = {topic, PEEK_END, 0, NULL, 0, 30, 1000000};
	rd_kafka_t *kafka = open_producer(NULL);
	char	   *large = malloc(100000);
	Question   *question;
	int			n;

	memset(large, 'x', 100000);
	for (n = 0; n < 30; n++)
		produce(kafka, topic, 0, DAY_MS + n, large, 100000);
	close_producer(kafka);
	question = peek(&request, 20000);
	ok(answer_of(question)->fault == PEEK_TOO_LARGE, "more than the memory");
	question_free(question);
	request.limit = 9;
	question = peek(&request, 20000);
	ok(answer_of(question)->fault == PEEK_FINE && answer_of(question)->message_count == 9 &&
	   answer_of(question)->messages[8].offset == 29, "fewer fit");
	question_free(question);
	free(large);
	free(topic);
}

static void
test_cycles(void)
{
	char	   *topic = timed_topic(300);
	int			descriptors;
	int			threads;
	int			good = 0;
	int			i;

	question_free(peek_from(topic, PEEK_END, 10));
	threads_return_to(1);
	descriptors = count_descriptors();
	threads = count_threads();
	for (i = 0; i < 100; i++)
	{
		Question   *question = peek_from(topic, i % 2 == 0 ? PEEK_END : PEEK_BEGINNING, 10);

		good += are_numbers(answer_of(question), i % 2 == 0 ? 290 : 0, 10);
		question_free(question);
	}
	ok(good == 100, "100 times");
	ok(threads_return_to(threads), "leave no thread");
	ok(count_descriptors() <= descriptors, "and no descriptor");
	free(topic);
}

static void
test_abandon(void)
{
	char	   *topic = timed_topic(30000);
	BrokerOptions options = test_brokers();
	PeekRequest request = {topic, PEEK_END, 0, NULL, 0, 10000, MEMORY};
	int			threads = count_threads();
	int			descriptors = count_descriptors();
	int			i;

	for (i = 0; i < 20; i++)
	{
		BrokerQuery *query = broker_query_begin(peek_question(&options, &request, 20000, error),
												error);

		if (query == NULL)
			give_up("peek: %s", error);
		sleep_ms(i * 20);
		broker_query_abandon(query);
	}
	ok(threads_return_to(threads), "abandoned at any moment, all threads end");
	ok(count_descriptors() <= descriptors, "and close everything");
	drop_topic(topic);
	free(topic);
}

static void
test_frozen(void)
{
	char	   *topic = timed_topic(30);
	PeekRequest request = {topic, PEEK_END, 0, NULL, 0, 10, MEMORY};
	Question   *question;
	double		start;

	if (kafka_tool("pause") == NULL)
		give_up("the broker cannot be frozen");
	start = seconds_now();
	question = peek(&request, 2500);
	start = seconds_now() - start;
	ok(question == NULL && strstr(error, "2500 ms") != NULL, "frozen: %s", error);
	ok(start > 2.4 && start < 10, "after the time given for it (2.5 s: %.1f s)", start);
	if (kafka_tool("resume") == NULL)
		give_up("the broker cannot be let go on");

	/* the controller has to believe first that the broker is there again */
	start = seconds_now();
	question = peek(&request, 20000);
	while ((question == NULL || peek_question_answer(question)->fault == PEEK_NO_LEADER) &&
		   seconds_now() - start < 60)
	{
		question_free(question);
		sleep_ms(200);
		question = peek(&request, 20000);
	}
	ok(are_numbers(answer_of(question), 20, 10), "and again afterwards");
	question_free(question);
	free(topic);
}

int
main(void)
{
	test_places();
	test_ranges();
	test_bytes();
	test_holes();
	test_nothing();
	test_too_large();
	test_cycles();
	test_abandon();
	test_frozen();
	return done_testing();
}
