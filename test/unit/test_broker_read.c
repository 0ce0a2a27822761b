/*-------------------------------------------------------------------------
 *
 * test_broker_read.c
 *	  The reader against a real Kafka.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "broker_support.h"
#include "test.h"

#define MESSAGES 10000
#define PARTITIONS 4
#define WAIT_MS 30000

static void
assign(Reader *reader, const ReaderPosition *positions, int count)
{
	char		error[BROKER_ERROR_SIZE];

	if (!reader_assign(reader, positions, count, error))
		give_up("reader_assign: %s", error);
}

static void
assign_one(Reader *reader, int32_t partition, int64_t offset)
{
	ReaderPosition position = {partition, offset};

	assign(reader, &position, 1);
}

/* What was sent where, as the reports told it. */
typedef struct Sent
{
	int32_t		partition[MESSAGES];
	int64_t		offset[MESSAGES];
	int64_t		ends[PARTITIONS];
} Sent;

static Sent *
publish_with_headers(const char *topic)
{
	Sent	   *sent = calloc(1, sizeof(*sent));
	Publisher  *publisher = open_publisher(topic, 30000);
	PublisherReport report;
	char		number[32];
	char		error[BROKER_ERROR_SIZE];
	int			i;

	for (i = 0; i < MESSAGES; i++)
	{
		PublisherHeader headers[] = {{"number", "old"}, {"number", number}};

		snprintf(number, sizeof(number), "%d", i);
		publisher_send(publisher, number, number, strlen(number), headers, 2,
					   (uint64_t) i, error);
	}
	for (i = 0; i < MESSAGES; i++)
	{
		if (!await_report(publisher, &report, WAIT_MS) || !report.is_acknowledged)
			give_up("not acknowledged: %s", report.error);
		sent->partition[report.tag] = report.partition;
		sent->offset[report.tag] = report.offset;
		if (report.offset >= sent->ends[report.partition])
			sent->ends[report.partition] = report.offset + 1;
	}
	publisher_destroy(publisher);
	return sent;
}

static bool
is_as_sent(const ReaderEvent *event, const Sent *sent)
{
	char		number[32];
	int			i;

	if (event->value == NULL || event->value_length >= sizeof(number))
		return false;
	memcpy(number, event->value, event->value_length);
	number[event->value_length] = '\0';
	i = atoi(number);
	if (event->key_length != event->value_length ||
		memcmp(event->key, event->value, event->key_length) != 0 ||
		event->timestamp < INT64_C(1700000000000) ||
		sent->partition[i] != event->partition || sent->offset[i] != event->offset)
		return false;
	return reader_header(event, "number", number, sizeof(number)) &&
		atoi(number) == i;
}

/* Everything from the positions to the ends; what is wrong is counted. */
static int
read_to_ends(Reader *reader, const ReaderPosition *positions, int count,
			 const Sent *sent, int *messages)
{
	ReaderEvent event;
	int64_t		next[PARTITIONS];
	bool		assigned[PARTITIONS] = {false};
	int			ended = 0;
	int			wrong = 0;
	int			i;

	*messages = 0;
	for (i = 0; i < count; i++)
	{
		next[positions[i].partition] = positions[i].offset;
		assigned[positions[i].partition] = true;
	}
	while (ended < count && await_event(reader, &event, WAIT_MS))
	{
		if (event.partition >= PARTITIONS || !assigned[event.partition] ||
			event.offset != next[event.partition])
			wrong++;
		else if (event.kind == READER_MESSAGE)
		{
			wrong += !is_as_sent(&event, sent);
			next[event.partition]++;
			(*messages)++;
		}
		else if (event.kind == READER_END)
		{
			wrong += event.offset != sent->ends[event.partition];
			ended++;
		}
		else
			wrong++;
		reader_release(&event);
	}
	return ended == count ? wrong : wrong + 1000000;
}

static void
test_reading(void)
{
	char	   *topic = new_topic(PARTITIONS, NULL, NULL);
	Sent	   *sent = publish_with_headers(topic);
	Reader	   *reader = open_reader(topic, "unused");
	ReaderPosition positions[PARTITIONS];
	ReaderEvent event;
	char		error[BROKER_ERROR_SIZE];
	int			expected = 0;
	int			messages;
	int			wrong;
	int			i;

	for (i = 0; i < PARTITIONS; i++)
		positions[i] = at(i, 0);
	ok(reader_high_watermark(reader, 0) == -1, "no high watermark before assigning");
	assign(reader, positions, PARTITIONS);
	wrong = read_to_ends(reader, positions, PARTITIONS, sent, &messages);
	ok(wrong == 0 && messages == MESSAGES,
	   "%d messages with keys, headers, offsets, then the ends (%d wrong)",
	   messages, wrong);
	ok(reader_high_watermark(reader, 2) == sent->ends[2] &&
	   reader_high_watermark(reader, 99) == -1, "high watermark");

	for (i = 0; i < PARTITIONS; i++)
	{
		positions[i].offset = sent->ends[i] / 2 + i;
		expected += (int) (sent->ends[i] - positions[i].offset);
	}
	assign(reader, positions, PARTITIONS);
	wrong = read_to_ends(reader, positions, PARTITIONS, sent, &messages);
	ok(wrong == 0 && messages == expected, "from the middle: %d of %d (%d wrong)",
	   messages, expected, wrong);

	/* a full queue of old messages, none of which may come up */
	for (i = 0; i < PARTITIONS; i++)
		positions[i].offset = 0;
	assign(reader, positions, PARTITIONS);
	await_event(reader, &event, WAIT_MS);
	reader_release(&event);
	positions[0] = at(1, 5);
	positions[1] = at(3, sent->ends[3] - 1);
	assign(reader, positions, 2);
	wrong = read_to_ends(reader, positions, 2, sent, &messages);
	ok(wrong == 0 && messages == sent->ends[1] - 5 + 1,
	   "another assignment: nothing of the one before (%d wrong)", wrong);

	assign_one(reader, 1, sent->ends[1]);
	ok(await_event(reader, &event, WAIT_MS) && event.kind == READER_END &&
	   event.offset == sent->ends[1], "assigned at the end: the end at once");
	reader_release(&event);
	assign_one(reader, 1, sent->ends[1]);
	ok(await_event(reader, &event, WAIT_MS) && event.kind == READER_END,
	   "and once more when it is assigned again");
	reader_release(&event);

	assign(reader, NULL, 0);
	sleep_ms(500);
	ok(!reader_next(reader, &event), "nothing assigned, nothing read");

	positions[0] = at(0, -1);
	ok(!reader_assign(reader, positions, 1, error) &&
	   strstr(error, "offset -1") != NULL, "an offset below 0 is refused");
	positions[0] = at(1, 4);
	positions[1] = at(1, 5);
	ok(!reader_assign(reader, positions, 2, error) &&
	   strstr(error, "twice") != NULL, "a partition twice is refused");

	reader_destroy(reader);
	free(sent);
	free(topic);
}

static void
test_odd_messages(void)
{
	char	   *topic = new_topic(1, NULL, NULL);
	Publisher  *publisher = open_publisher(topic, 30000);
	Reader	   *reader = open_reader(topic, "unused");
	PublisherHeader header = {"long", "0123456789"};
	PublisherReport report;
	ReaderEvent event;
	char	   *large = malloc(900000);
	char		value[6];
	char		error[BROKER_ERROR_SIZE];
	int			threads;
	int			i;

	memset(large, 'x', 900000);
	publisher_send(publisher, NULL, "v", 1, NULL, 0, 0, error);
	await_report(publisher, &report, WAIT_MS);
	publisher_send(publisher, "k", NULL, 0, NULL, 0, 0, error);
	await_report(publisher, &report, WAIT_MS);
	publisher_send(publisher, "", "", 0, &header, 1, 0, error);
	await_report(publisher, &report, WAIT_MS);
	publisher_send(publisher, "k", large, 900000, NULL, 0, 0, error);
	await_report(publisher, &report, WAIT_MS);
	publisher_destroy(publisher);

	assign_one(reader, 0, 0);
	ok(await_event(reader, &event, WAIT_MS) && event.key == NULL &&
	   event.value_length == 1 && !reader_header(&event, "long", value, sizeof(value)),
	   "a message without key and headers");
	reader_release(&event);
	ok(await_event(reader, &event, WAIT_MS) && event.key_length == 1 &&
	   event.value == NULL, "a tombstone");
	reader_release(&event);
	ok(await_event(reader, &event, WAIT_MS) && event.key != NULL &&
	   event.key_length == 0 && event.value != NULL && event.value_length == 0,
	   "an empty key and value are not absent ones");
	ok(reader_header(&event, "long", value, sizeof(value)) &&
	   strcmp(value, "01234") == 0, "a header is cut to size");
	reader_release(&event);
	reader_release(&event);
	ok(event.handle == NULL, "released twice is released once");
	ok(await_event(reader, &event, WAIT_MS) && event.value_length == 900000,
	   "900 kB");
	reader_release(&event);

	reader_destroy(reader);
	threads = count_threads();
	reader = open_reader(topic, "unused");
	assign_one(reader, 0, 0);
	for (i = 0; i < 3; i++)
		await_event(reader, &event, WAIT_MS);
	reader_destroy(reader);
	ok(threads_return_to(threads), "destroyed with three events not released");
	free(large);
	free(topic);
}

static void
test_lost_offset(void)
{
	char	   *topic = new_topic(2, NULL, NULL);
	Reader	   *reader = open_reader(topic, "unused");
	ReaderPosition positions[2];
	ReaderEvent event = {0};
	bool		came;
	int			stale = 0;
	int			i;

	publish_numbers(topic, 1000);
	delete_records(topic, 0, 100);
	positions[0] = at(0, 50);
	positions[1] = at(1, 0);
	assign(reader, positions, 2);
	came = await_kind(reader, READER_LOST_OFFSET, &event, WAIT_MS);
	ok(came && event.partition == 0 && event.offset == 50 &&
	   event.code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET,
	   "deleted records are a lost offset: %s", event.error);
	reader_release(&event);
	assign(reader, positions, 2);
	ok(await_kind(reader, READER_END, &event, WAIT_MS) && event.partition == 1,
	   "the other partition is read to its end");
	reader_release(&event);
	assign_one(reader, 0, 100);
	ok(await_kind(reader, READER_MESSAGE, &event, WAIT_MS) && event.offset == 100,
	   "assigned where it still has records, it goes on");
	reader_release(&event);

	assign_one(reader, 0, 100000);
	came = await_kind(reader, READER_LOST_OFFSET, &event, WAIT_MS);
	ok(came && event.offset == 100000, "so is an offset beyond the end: %s", event.error);
	reader_release(&event);

	/* the lost offset is queued, and taken for the next assignment's */
	for (i = 0; i < 20; i++)
	{
		assign_one(reader, 0, 100000);
		wait_readable(reader_client(reader)->wake_read, 2000);
		broker_client_clear_wakeup(reader_client(reader));
		sleep_ms(30);
		assign_one(reader, 0, 100);
		if (!await_event(reader, &event, WAIT_MS))
			give_up("nothing read");
		stale += event.kind != READER_MESSAGE || event.offset != 100;
		reader_release(&event);
	}
	ok(stale == 0, "a lost offset does not outlive its assignment (%d of 20 did)",
	   stale);
	reader_destroy(reader);
	free(topic);
}

static void
test_no_topic(void)
{
	char	   *topic = unique_name("not-there");
	Reader	   *reader = open_reader(topic, "unused");
	ReaderEvent event;

	assign_one(reader, 0, 0);
	ok(!await_kind(reader, READER_MESSAGE, &event, 3000) && !topic_exists(topic),
	   "reading a topic that is not there does not create it");
	reader_destroy(reader);
	free(topic);
}

static void
test_deleted_topic(void)
{
	char	   *topic = new_topic(2, NULL, NULL);
	Reader	   *reader = open_reader(topic, "unused");
	ReaderEvent event;
	bool		came;

	publish_numbers(topic, 10);
	assign_one(reader, 1, 0);
	if (!await_kind(reader, READER_END, &event, WAIT_MS))
		give_up("no end");
	reader_release(&event);
	drop_topic(topic);
	/* 0.3 s; newer librdkafkas wait for metadata, and 30 s more */
	came = await_kind(reader, READER_ERROR, &event, 120000);
	ok(came && event.partition == 1 && event.offset == -1,
	   "a topic that is deleted is an error: %s", came ? event.error : "none");
	if (came)
		reader_release(&event);
	ok(!topic_exists(topic), "and is not created anew by its reader");
	reader_destroy(reader);
	free(topic);
}

static void
test_wakeups(void)
{
	char	   *topic = new_topic(3, NULL, NULL);
	Publisher  *publisher = open_publisher(topic, 30000);
	Reader	   *reader = open_reader(topic, "unused");
	ReaderPosition positions[3] = {{0, 0}, {1, 0}, {2, 0}};
	ReaderEvent event;
	PublisherReport report;
	char		error[BROKER_ERROR_SIZE];
	unsigned	random = 99;
	int			sent = 0;
	int			got = 0;
	bool		lost = false;

	assign(reader, positions, 3);
	while (got < MESSAGES && !lost)
	{
		char		key[16];
		int			burst;

		random = random * 1103515245u + 12345u;
		for (burst = 1 + (int) (random >> 16) % 100; burst > 0; burst--, sent++)
		{
			snprintf(key, sizeof(key), "%d", sent);
			publisher_send(publisher, key, "v", 1, NULL, 0, 0, error);
		}
		if (random & 0x80000000u)
			sleep_ms((int) (random >> 28));
		while (publisher_report(publisher, &report))
			;
		while (got < sent && !lost)
		{
			if (!await_event(reader, &event, 20000))
				lost = true;
			else
			{
				got += event.kind == READER_MESSAGE;
				reader_release(&event);
			}
		}
	}
	ok(!lost, "%d messages in bursts: each wait on the descriptor ended", got);
	publisher_destroy(publisher);
	reader_destroy(reader);
	free(topic);
}

static bool
wait_committed(Reader *reader, const char *group, const char *topic,
			   int32_t partition, int64_t offset)
{
	ReaderEvent event;
	int			tries;

	for (tries = 0; tries < 50; tries++)
	{
		while (reader_next(reader, &event))
			reader_release(&event);
		if (committed_offset(group, topic, partition) == offset)
			return true;
		sleep_ms(100);
	}
	return false;
}

static void
test_commits(void)
{
	char	   *topic = new_topic(2, NULL, NULL);
	char	   *group = unique_name("group");
	Reader	   *reader = open_reader(topic, group);
	ReaderPosition positions[2] = {{0, 3}, {1, 4}};
	ReaderPosition refused = {0, -1};
	char	   *output;
	int			queued = 0;
	int64_t		i;

	publish_numbers(topic, 100);
	assign(reader, positions, 2);
	ok(reader_commit(reader, positions, 2) &&
	   wait_committed(reader, group, topic, 0, 3) &&
	   wait_committed(reader, group, topic, 1, 4), "committed offsets reach the group");

	/* many, of which most overtake each other */
	for (i = 5; i <= 40; i++)
	{
		ReaderPosition one = {(int32_t) (i % 2), i};

		queued += reader_commit(reader, &one, 1);
	}
	ok(queued == 36 && wait_committed(reader, group, topic, 0, 40) &&
	   wait_committed(reader, group, topic, 1, 39),
	   "of many commits the last of each partition counts");
	ok(!reader_commit(reader, &refused, 1) && !reader_commit(reader, NULL, 0),
	   "what is no position is refused");
	ok(!has_notice(reader_client(reader), "not committed", 0),
	   "success is no notice");

	output = kafka_tool("groups --describe --group %s", group);
	ok(output != NULL && strstr(output, topic) != NULL &&
	   strstr(output, " 40 ") != NULL && strstr(output, " 39 ") != NULL,
	   "Kafka's own tool shows them");
	ok(output != NULL && strstr(output, "no active members") != NULL,
	   "nobody has joined the group");
	reader_destroy(reader);
	free(group);
	free(topic);
}

/* Somebody subscribes with our group id, as a test with kcat -G would. */
static void
test_commit_refused(void)
{
	char	   *topic = new_topic(1, NULL, NULL);
	char	   *group = unique_name("group");
	Reader	   *reader = open_reader(topic, group);
	ReaderPosition position = {0, 1};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_t *given = NULL;
	rd_kafka_t *member;
	ReaderEvent event;
	bool		refused = false;
	int			tries;

	rd_kafka_conf_set(conf, "bootstrap.servers", kafka_bootstrap(), NULL, 0);
	rd_kafka_conf_set(conf, "group.id", group, NULL, 0);
	member = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
	rd_kafka_topic_partition_list_add(list, topic, 0);
	rd_kafka_subscribe(member, list);
	for (tries = 0; tries < 200 && (given == NULL || given->cnt == 0); tries++)
	{
		rd_kafka_message_t *message = rd_kafka_consumer_poll(member, 100);

		if (message != NULL)
			rd_kafka_message_destroy(message);
		if (given != NULL)
			rd_kafka_topic_partition_list_destroy(given);
		rd_kafka_assignment(member, &given);
	}
	if (given == NULL || given->cnt == 0)
		give_up("the other member got no partition");

	assign_one(reader, 0, 0);
	reader_commit(reader, &position, 1);
	for (tries = 0; tries < 100 && !refused; tries++)
	{
		sleep_ms(100);
		while (reader_next(reader, &event))
			reader_release(&event);
		refused = has_notice(reader_client(reader), "were not committed", 0);
	}
	ok(refused, "a refused commit is a notice");
	publish_numbers(topic, 10);
	for (tries = 0; tries < 10 && await_kind(reader, READER_MESSAGE, &event, WAIT_MS); tries++)
		reader_release(&event);
	ok(tries == 10, "and reading goes on");

	rd_kafka_topic_partition_list_destroy(given);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(member);
	reader_destroy(reader);
	free(group);
	free(topic);
}

static rd_kafka_t *
transactional_producer(void)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *kafka;
	char	   *name = unique_name("transactions");
	rd_kafka_error_t *failure;

	rd_kafka_conf_set(conf, "bootstrap.servers", kafka_bootstrap(), NULL, 0);
	rd_kafka_conf_set(conf, "transactional.id", name, NULL, 0);
	kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
	free(name);
	failure = rd_kafka_init_transactions(kafka, WAIT_MS);
	if (failure != NULL)
		give_up("transactions: %s", rd_kafka_error_string(failure));
	return kafka;
}

static void
transaction(rd_kafka_t *kafka, const char *topic, int count,
			rd_kafka_error_t *(*end) (rd_kafka_t *, int))
{
	rd_kafka_error_t *failure = rd_kafka_begin_transaction(kafka);
	int			i;

	for (i = 0; i < count; i++)
		rd_kafka_producev(kafka, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
						  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
						  RD_KAFKA_V_VALUE((void *) "v", 1), RD_KAFKA_V_END);
	rd_kafka_flush(kafka, WAIT_MS);
	if (failure == NULL && end != NULL)
		failure = end(kafka, WAIT_MS);
	if (failure != NULL)
		give_up("transaction: %s", rd_kafka_error_string(failure));
}

static void
test_transactions(void)
{
	char	   *topic = new_topic(1, NULL, NULL);
	rd_kafka_t *kafka = transactional_producer();
	Reader	   *reader = open_reader(topic, "unused");
	TopicDescription description;
	ReaderEvent event;
	char		error[BROKER_ERROR_SIZE];
	char		offsets[200] = "";
	int64_t		end = -1;
	rd_kafka_error_t *failure;

	/* 0-9, marker 10; 11-15 aborted, marker 16; 17-19, marker 20; 21-22 ... */
	transaction(kafka, topic, 10, rd_kafka_commit_transaction);
	transaction(kafka, topic, 5, rd_kafka_abort_transaction);
	transaction(kafka, topic, 3, rd_kafka_commit_transaction);
	transaction(kafka, topic, 2, rd_kafka_abort_transaction);
	assign_one(reader, 0, 0);
	while (end < 0 && await_event(reader, &event, WAIT_MS))
	{
		if (event.kind == READER_END)
			end = event.offset;
		else
			snprintf(offsets + strlen(offsets), sizeof(offsets) - strlen(offsets),
					 "%s%d", offsets[0] == '\0' ? "" : ",", (int) event.offset);
		reader_release(&event);
	}
	ok(strcmp(offsets, "0,1,2,3,4,5,6,7,8,9,17,18,19") == 0,
	   "committed messages only: %s", offsets);
	ok(end == 24 && end_offset(topic, 0) == 24,
	   "the end is behind the last marker: %d", (int) end);

	transaction(kafka, topic, 4, NULL);
	ok(!await_kind(reader, READER_MESSAGE, &event, 1500),
	   "nothing of an open transaction");
	ok(reader_high_watermark(reader, 0) == 28,
	   "the high watermark counts its messages: %d",
	   (int) reader_high_watermark(reader, 0));
	ok(describe_topic(topic, &description, error) &&
	   description.partitions[0].low == 0 && description.partitions[0].high == 24,
	   "a query tells the last stable offset, where the reader's end is");
	topic_description_free(&description);
	failure = rd_kafka_commit_transaction(kafka, WAIT_MS);
	if (failure != NULL)
		give_up("commit: %s", rd_kafka_error_string(failure));
	ok(await_kind(reader, READER_MESSAGE, &event, WAIT_MS) && event.offset == 24,
	   "until it is committed");
	reader_release(&event);
	rd_kafka_destroy(kafka);
	reader_destroy(reader);
	free(topic);
}

static void
test_new_partition(void)
{
	char	   *topic = new_topic(1, NULL, NULL);
	Reader	   *reader = open_reader(topic, "unused");
	ReaderPosition positions[2] = {{0, 0}, {1, 0}};
	TopicDescription description;
	ReaderEvent event;
	char		error[BROKER_ERROR_SIZE];
	int			seen = 1;
	int			tries;

	assign(reader, positions, 1);
	await_kind(reader, READER_END, &event, WAIT_MS);
	reader_release(&event);
	add_partitions(topic, 2);
	for (tries = 0; tries < 50 && seen < 2; tries++)
	{
		if (!describe_topic(topic, &description, error))
			give_up("describe: %s", error);
		seen = description.partition_count;
		topic_description_free(&description);
		sleep_ms(100);
	}
	ok(seen == 2, "a query sees the new partition");
	publish_numbers(topic, 100);
	assign(reader, positions, 2);
	while (await_kind(reader, READER_MESSAGE, &event, WAIT_MS) && event.partition != 1)
		reader_release(&event);
	ok(event.kind == READER_MESSAGE && event.partition == 1,
	   "and a reader that runs already reads it");
	reader_release(&event);
	reader_destroy(reader);
	free(topic);
}

static void
refuse(const ReaderOptions *options, const char *reason)
{
	char		error[BROKER_ERROR_SIZE] = "";
	Reader	   *reader = reader_create(options, error);

	ok(reader == NULL && strstr(error, reason) != NULL, "refused: %s", error);
}

static void
test_refused_options(void)
{
	ReaderOptions options = {{kafka_bootstrap(), "test", NULL}, "topic"};

	refuse(&options, "the consumer group has no name");
	options.broker.group_id = "group";
	options.topic = "..";
	refuse(&options, "\"..\"");
	options.topic = "topic";
	options.broker.brokers = "";
	refuse(&options, "is empty");
}

int
main(void)
{
	test_reading();
	test_odd_messages();
	test_lost_offset();
	test_no_topic();
	test_deleted_topic();
	test_wakeups();
	test_commits();
	test_commit_refused();
	test_transactions();
	test_new_partition();
	test_refused_options();
	return done_testing();
}
