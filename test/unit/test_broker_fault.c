/*-------------------------------------------------------------------------
 *
 * test_broker_fault.c
 *	  A Kafka that hangs, dies, comes late, or has damaged its files.
 *
 * Stops, kills and starts the broker of KAFKA_DATA: run nothing else on it.
 *
 *-------------------------------------------------------------------------
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker_support.h"
#include "test.h"

#define WAIT_MS 60000
#define SOON 3.0				/* seconds; 0.5 is the aim */

static void
tool(const char *command)
{
	if (kafka_tool("%s", command) == NULL)
		give_up("test/kafka %s", command);
}

static bool
is_stopped(long pid)
{
	char		path[600];
	char		text[600];
	DIR		   *folder;
	struct dirent *entry;
	bool		stopped = true;

	snprintf(path, sizeof(path), "/proc/%ld/task", pid);
	folder = opendir(path);
	if (folder == NULL)
		give_up("no process %ld", pid);
	while ((entry = readdir(folder)) != NULL)
	{
		FILE	   *file;

		snprintf(path, sizeof(path), "/proc/%ld/task/%s/stat", pid, entry->d_name);
		file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (file == NULL)
			continue;
		text[0] = '\0';
		if (fgets(text, sizeof(text), file) == NULL || strstr(text, ") T ") == NULL)
			stopped = false;
		fclose(file);
	}
	closedir(folder);
	return stopped;
}

/* SIGSTOP takes effect when the process runs next, and may answer until then. */
static void
freeze_broker(void)
{
	char		path[1000];
	FILE	   *file;
	long		pid;
	int			tries;

	tool("pause");
	snprintf(path, sizeof(path), "%s/node-1/pid", getenv("KAFKA_DATA"));
	file = fopen(path, "r");
	if (file == NULL || fscanf(file, "%ld", &pid) != 1)
		give_up("no %s", path);
	fclose(file);
	for (tries = 0; tries < 200 && !is_stopped(pid); tries++)
		sleep_ms(50);
}

/* However the test ends, the broker is left running. */
static void
restore_broker(void)
{
	kafka_tool("resume");
	if (kafka_tool("status") == NULL)
		kafka_tool("start");
}

static void
send_text(Publisher *publisher, const char *key, const char *value, uint64_t tag)
{
	char		error[BROKER_ERROR_SIZE];

	if (publisher_send(publisher, key, value, strlen(value), NULL, 0, tag,
					   error) != PUBLISH_QUEUED)
		give_up("publisher_send: %s", error);
}

static void
assign_one(Reader *reader, int32_t partition, int64_t offset)
{
	ReaderPosition position = {partition, offset};
	char		error[BROKER_ERROR_SIZE];

	if (!reader_assign(reader, &position, 1, error))
		give_up("reader_assign: %s", error);
}

static double
since(double start)
{
	return seconds_now() - start;
}

static void
test_frozen(void)
{
	char	   *topic = new_topic(1, NULL, NULL);
	char	   *group = unique_name("group");
	BrokerOptions options = {kafka_bootstrap(), "broker-test", group};
	Publisher  *impatient = open_publisher(topic, 3000);
	Reader	   *patient = open_reader(topic, group);
	Publisher  *busy;
	Publisher  *fresh;
	Reader	   *reader;
	ReaderPosition position = {0, 1};
	ReaderEvent event;
	PublisherReport report;
	TopicDescription answer;
	BrokerQuery *query;
	char		error[BROKER_ERROR_SIZE];
	double		start;
	double		slowest = 0;
	bool		came;
	int			threads;
	int			i;

	/* connected, each to the broker by its name, and quiet */
	publish_numbers(topic, 10);
	send_text(impatient, "k", "before", 0);
	assign_one(patient, 0, 0);
	if (!await_report(impatient, &report, WAIT_MS) ||
		!await_kind(patient, READER_END, &event, WAIT_MS))
		give_up("no report or end");
	reader_release(&event);
	sleep_ms(500);
	threads = count_threads();

	busy = open_publisher(topic, 60000);
	reader = open_reader(topic, group);
	send_text(busy, "k", "before", 0);
	assign_one(reader, 0, 0);
	if (!await_report(busy, &report, WAIT_MS) ||
		!await_kind(reader, READER_END, &event, WAIT_MS))
		give_up("no report or end");
	reader_release(&event);

	freeze_broker();
	send_text(impatient, "k", "frozen", 1);
	for (i = 0; i < 5000; i++)
		send_text(busy, "k", "frozen", 1);
	reader_commit(reader, &position, 1);
	reader_commit(reader, &position, 1);
	sleep_ms(500);

	start = seconds_now();
	assign_one(reader, 0, 3);
	ok(since(start) < SOON, "frozen: assigned in %.3f s", since(start));
	start = seconds_now();
	reader_destroy(reader);
	ok(since(start) < SOON, "frozen: a reader with a commit under way ends in %.3f s",
	   since(start));
	start = seconds_now();
	publisher_destroy(busy);
	ok(since(start) < SOON, "frozen: a publisher with 5,000 messages ends in %.3f s",
	   since(start));

	/* nothing of it is only put off */
	start = seconds_now();
	came = threads_return_to(threads);
	ok(came && since(start) < SOON, "frozen: their threads end in %.3f s",
	   since(start));

	start = seconds_now();
	fresh = open_publisher(topic, 60000);
	send_text(fresh, "k", "never", 1);
	publisher_destroy(fresh);
	reader = open_reader(topic, group);
	assign_one(reader, 0, 0);
	reader_destroy(reader);
	ok(since(start) < SOON, "frozen: new ones come and go in %.3f s", since(start));

	for (i = 0; i < 4; i++)
	{
		query = broker_query_describe(&options, topic, true, 60000, error);
		sleep_ms(i * 200);
		start = seconds_now();
		broker_query_abandon(query);
		if (since(start) > slowest)
			slowest = since(start);
	}
	ok(slowest < 0.5, "frozen: a query is abandoned in %.3f s", slowest);
	start = seconds_now();
	came = await_query(broker_query_describe(&options, topic, true, 2000, error),
					   &answer, error);
	ok(!came && since(start) < 8, "frozen: a query fails in %.1f s: %s",
	   since(start), error);

	came = await_report(impatient, &report, 30000);
	ok(came && report.tag == 1 && !report.is_acknowledged,
	   "frozen: a message fails at its delivery timeout: %s", report.error);
	publisher_destroy(impatient);

	tool("resume");
	publish_numbers(topic, 1);
	came = await_kind(patient, READER_MESSAGE, &event, WAIT_MS);
	ok(came, "let go on: a reader that waited reads on");
	if (came)
		reader_release(&event);
	reader_destroy(patient);
	free(group);
	free(topic);
}

static void
test_late(void)
{
	char	   *topic = new_topic(1, NULL, NULL);
	Publisher  *publisher;
	Reader	   *reader;
	BrokerOptions options = {kafka_bootstrap(), "broker-test", NULL};
	BrokerQuery *query;
	TopicDescription answer;
	ReaderEvent event;
	PublisherReport report;
	char		error[BROKER_ERROR_SIZE];
	int			acknowledged = 0;
	int			read = 0;
	bool		came;

	tool("stop");
	publisher = open_publisher(topic, 120000);
	reader = open_reader(topic, "unused");
	query = broker_query_describe(&options, topic, true, 50000, error);
	for (acknowledged = 0; acknowledged < 100; acknowledged++)
		send_text(publisher, "k", "early", 1);
	assign_one(reader, 0, 0);
	sleep_ms(2000);
	acknowledged = publisher_report(publisher, &report);
	ok(acknowledged == 0 && !reader_next(reader, &event) &&
	   !broker_query_is_done(query), "no broker: nothing happens");
	ok(has_notice(publisher_client(publisher), NULL,
				  RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) &&
	   has_notice(reader_client(reader), NULL,
				  RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN),
	   "but notices for both clients, and no event of a partition");
	tool("start");
	while (acknowledged < 100 && await_report(publisher, &report, WAIT_MS))
		acknowledged += report.is_acknowledged;
	ok(acknowledged == 100, "it starts: %d of 100 acknowledged", acknowledged);
	while (read < 100 && await_kind(reader, READER_MESSAGE, &event, WAIT_MS))
	{
		read += event.offset == read;
		reader_release(&event);
	}
	ok(read == 100, "and read");
	came = await_query(query, &answer, error);
	ok(came && answer.exists, "and a query that waited has its answer");
	topic_description_free(&answer);
	publisher_destroy(publisher);
	reader_destroy(reader);
	free(topic);
}

#define KEYS 20
#define PER_KEY 1500

/* Each key's messages are numbered: once each, in order. */
static int
count_in_order(const char *topic, int partitions)
{
	Reader	   *reader = open_reader(topic, "unused");
	ReaderPosition positions[8] = {{0, 0}};
	ReaderEvent event;
	char		error[BROKER_ERROR_SIZE];
	int			next[KEYS] = {0};
	int			good = 0;
	int			ended = 0;
	int			i;

	for (i = 0; i < partitions; i++)
		positions[i] = at(i, 0);
	if (!reader_assign(reader, positions, partitions, error))
		give_up("assign: %s", error);
	while (ended < partitions && await_event(reader, &event, WAIT_MS))
	{
		if (event.kind == READER_END)
			ended++;
		else if (event.kind == READER_MESSAGE)
		{
			char		number[16] = "";

			memcpy(number, event.value,
				   event.value_length < 15 ? event.value_length : 15);
			i = atoi(event.key);
			good += atoi(number) == next[i];
			next[i]++;
		}
		reader_release(&event);
	}
	for (i = 0; i < KEYS; i++)
	{
		if (next[i] != PER_KEY)
			diag("key %d: %d messages", i, next[i]);
	}
	reader_destroy(reader);
	return good;
}

static void
test_killed(void)
{
	char	   *topic = new_topic(3, NULL, NULL);
	Publisher  *publisher = open_publisher(topic, 120000);
	PublisherReport report;
	char		key[16];
	char		value[16];
	int			total = KEYS * PER_KEY;
	int			sent = 0;
	int			acknowledged = 0;
	int			failed = 0;
	bool		killed = false;
	bool		started = false;

	while (acknowledged + failed < total)
	{
		/* at most 2,000 on the way, so that the kill meets some */
		while (sent < total && publisher_pending(publisher) < 2000)
		{
			snprintf(key, sizeof(key), "%d", sent % KEYS);
			snprintf(value, sizeof(value), "%d", sent / KEYS);
			send_text(publisher, key, value, (uint64_t) sent);
			sent++;
		}
		if (!killed && acknowledged > total / 3)
		{
			tool("kill");
			killed = true;
		}
		else if (killed && !started)
		{
			sleep_ms(1000);
			tool("start");
			started = true;
		}
		if (!await_report(publisher, &report, WAIT_MS))
			break;
		acknowledged += report.is_acknowledged;
		failed += !report.is_acknowledged;
	}
	ok(started && acknowledged == total,
	   "killed and started while publishing: %d of %d acknowledged, %d failed",
	   acknowledged, total, failed);
	ok(count_in_order(topic, 3) == total &&
	   end_offset(topic, 0) + end_offset(topic, 1) + end_offset(topic, 2) == total,
	   "each message is in Kafka once, in the order of its key");
	publisher_destroy(publisher);
	free(topic);
}

static void
test_reader_survives(void)
{
	char	   *topic = new_topic(1, NULL, NULL);
	Reader	   *reader = open_reader(topic, "unused");
	ReaderEvent event;
	int			expected;
	bool		good = true;

	publish_numbers(topic, 500);
	assign_one(reader, 0, 0);
	for (expected = 0; expected < 500 && good; expected++)
	{
		good = await_kind(reader, READER_MESSAGE, &event, WAIT_MS) &&
			event.offset == expected;
		reader_release(&event);
	}
	tool("kill");
	tool("start");
	publish_numbers(topic, 500);
	for (; expected < 1000 && good; expected++)
	{
		good = await_kind(reader, READER_MESSAGE, &event, WAIT_MS) &&
			event.offset == expected;
		reader_release(&event);
	}
	ok(good && expected == 1000, "a reader goes on where it was after a kill -9");
	reader_destroy(reader);
	free(topic);
}

/* A bit of the second batch in the partition's file turns over. */
static void
damage_second_batch(const char *topic)
{
	char		path[1000];
	unsigned char bytes[4];
	long		length;
	FILE	   *file;
	int			value;

	snprintf(path, sizeof(path), "%s/node-1/log/%s-0/00000000000000000000.log",
			 getenv("KAFKA_DATA"), topic);
	file = fopen(path, "r+b");
	if (file == NULL)
		give_up("no %s", path);
	fseek(file, 8, SEEK_SET);
	if (fread(bytes, 1, 4, file) != 4)
		give_up("%s is short", path);
	length = (long) bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];

	/* behind its header of 61 bytes */
	fseek(file, 12 + length + 66, SEEK_SET);
	value = fgetc(file);
	fseek(file, -1, SEEK_CUR);
	fputc(value ^ 1, file);
	fclose(file);
}

static void
test_damaged(void)
{
	char	   *topic = new_topic(1, NULL, NULL);
	Reader	   *reader;
	ReaderEvent event;
	int			errors = 0;
	int			silent = 0;
	bool		came;
	double		start;
	int			i;

	for (i = 0; i < 3; i++)
		publish_numbers(topic, 1);
	tool("stop");
	damage_second_batch(topic);
	tool("start");
	(void) end_offset(topic, 0);
	reader = open_reader(topic, "unused");
	assign_one(reader, 0, 0);
	came = await_event(reader, &event, WAIT_MS);
	ok(came && event.kind == READER_MESSAGE && event.offset == 0,
	   "the message before a damaged batch is read");
	if (came)
		reader_release(&event);

	start = seconds_now();
	while (since(start) < 3 && await_event(reader, &event, 3000))
	{
		if (event.kind == READER_ERROR &&
			event.code == RD_KAFKA_RESP_ERR__BAD_MSG && event.offset == 1)
			errors++;
		else if (errors == 0)
			silent++;
		reader_release(&event);
	}
	ok(errors > 0 && silent == 0, "the batch is an error that names its offset");
	diag("%d errors in 3 s", errors);

	assign_one(reader, 0, 2);
	came = await_event(reader, &event, WAIT_MS);
	ok(came && event.kind == READER_MESSAGE && event.offset == 2,
	   "assigned behind it, reading goes on");
	if (came)
		reader_release(&event);
	reader_destroy(reader);
	free(topic);
}

int
main(void)
{
	(void) kafka_bootstrap();
	atexit(restore_broker);
	test_frozen();
	test_late();
	test_killed();
	test_reader_survives();
	test_damaged();
	return done_testing();
}
