/*-------------------------------------------------------------------------
 *
 * test_broker_publish.c
 *	  The publisher against a real Kafka.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "broker_support.h"
#include "test.h"

#define MESSAGES 10000
#define PARTITIONS 4

static void
test_reports(void)
{
	char	   *topic = new_topic(PARTITIONS, NULL, NULL);
	Publisher  *publisher = open_publisher(topic, 30000);
	PublisherHeader headers[] = {{"schema", "1"}, {"node", "test"}};
	PublisherReport report;
	char		key[32];
	char		error[BROKER_ERROR_SIZE];
	bool	   *seen = calloc(MESSAGES, sizeof(bool));
	int64_t		highest[PARTITIONS] = {-1, -1, -1, -1};
	int			count[PARTITIONS] = {0};
	int			queued = 0;
	int			bad = 0;
	int			without_latency = 0;
	int			i;

	for (i = 0; i < MESSAGES; i++)
	{
		snprintf(key, sizeof(key), "T%d", i % 1700);
		queued += publisher_send(publisher, key, key, strlen(key), headers, 2,
								 (uint64_t) i, error) == PUBLISH_QUEUED;
	}
	ok(queued == MESSAGES, "%d messages queued", MESSAGES);
	ok(publisher_pending(publisher) == MESSAGES, "all of them are pending");
	for (i = 0; i < MESSAGES && await_report(publisher, &report, 30000); i++)
	{
		if (!report.is_acknowledged || report.tag >= MESSAGES ||
			seen[report.tag] || report.partition < 0 ||
			report.partition >= PARTITIONS || report.error[0] != '\0')
		{
			bad++;
			continue;
		}
		seen[report.tag] = true;
		count[report.partition]++;
		if (report.offset > highest[report.partition])
			highest[report.partition] = report.offset;
		without_latency += report.latency <= 0;
	}
	ok(i == MESSAGES && bad == 0, "one report each, acknowledged, %d of %d", i - bad,
	   MESSAGES);
	for (i = 0; i < PARTITIONS; i++)
		ok(count[i] > 0 && highest[i] == count[i] - 1 &&
		   end_offset(topic, i) == count[i],
		   "partition %d: offsets 0 to %d without a hole", i, count[i] - 1);
	ok(without_latency == 0, "every report has a latency");
	ok(publisher_pending(publisher) == 0 &&
	   !publisher_report(publisher, &report), "nothing is left");
	publisher_destroy(publisher);
	free(seen);
	free(topic);
}

static void
test_wakeups(void)
{
	char	   *topic = new_topic(1, NULL, NULL);
	Publisher  *publisher = open_publisher(topic, 30000);
	BrokerClient *client = publisher_client(publisher);
	PublisherReport report;
	char		error[BROKER_ERROR_SIZE];
	unsigned	random = 1;
	int			sent = 0;
	int			lost = 0;
	int			idle;

	while (sent < MESSAGES && lost == 0)
	{
		int			burst;

		random = random * 1103515245u + 12345u;
		for (burst = 1 + (int) (random >> 16) % 60; burst > 0; burst--, sent++)
			publisher_send(publisher, "k", "v", 1, NULL, 0, 0, error);

		/* half of the time the reports come while nobody is waiting */
		if (random & 0x80000000u)
			sleep_ms((int) (random >> 28));
		while (publisher_pending(publisher) > 0 && lost == 0)
			lost += !await_report(publisher, &report, 20000);
	}
	ok(lost == 0, "%d messages in bursts: each wait on the descriptor ended", sent);

	while (publisher_report(publisher, &report))
		;
	broker_client_clear_wakeup(client);
	idle = wait_readable(client->wake_read, 500);
	ok(!idle || !publisher_report(publisher, &report),
	   "the descriptor is quiet when nothing happens");
	publisher_destroy(publisher);
	free(topic);
}

/*
 * The hashes are those that Kafka's own tests (UtilsTest.testMurmur2) expect.
 */
static void
test_placement(void)
{
	static const struct
	{
		const char *key;
		int32_t		hash;
	}			known[] = {
		{"21", -973932308},
		{"foobar", -790332482},
		{"a-little-bit-long-string", -985981536},
		{"a-little-bit-longer-string", -1486304829},
		{"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
		{"abc", 479470107},
	};
	char	   *topic = new_topic(7, NULL, NULL);
	Publisher  *publisher = open_publisher(topic, 30000);
	PublisherReport report;
	char		error[BROKER_ERROR_SIZE];
	int			count = (int) (sizeof(known) / sizeof(known[0]));
	int			right = 0;
	int			i;

	for (i = 0; i < count; i++)
		publisher_send(publisher, known[i].key, "v", 1, NULL, 0, (uint64_t) i,
					   error);
	for (i = 0; i < count && await_report(publisher, &report, 30000); i++)
		right += report.partition == (known[report.tag].hash & 0x7fffffff) % 7;
	ok(right == count, "%d of %d keys are where Java's clients put them", right,
	   count);
	publisher_destroy(publisher);
	free(topic);
}

static void
test_full_queue(void)
{
	PublisherOptions options = {{NO_BROKER, "broker-test", NULL}, "anything", 60000};
	char		error[BROKER_ERROR_SIZE] = "";
	Publisher  *publisher = publisher_create(&options, error);
	PublishResult result = PUBLISH_QUEUED;
	double		start;
	int			i;

	for (i = 0; i < 200000 && result == PUBLISH_QUEUED; i++)
		result = publisher_send(publisher, "k", "v", 1, NULL, 0, 0, error);
	ok(result == PUBLISH_FULL && publisher_pending(publisher) == 100000,
	   "the queue ends at 100,000 messages: %s", error);
	start = seconds_now();
	publisher_destroy(publisher);
	start = seconds_now() - start;
	ok(start < 3, "a full queue is dropped in %.3f s", start);
}

static char *
random_text(size_t length)
{
	char	   *text = malloc(length);
	unsigned	random = 7;
	size_t		i;

	for (i = 0; i < length; i++)
	{
		random = random * 1103515245u + 12345u;
		text[i] = (char) (random >> 16);
	}
	return text;
}

static void
test_too_large(void)
{
	char	   *topic = new_topic(1, "max.message.bytes", "2000");
	Publisher  *publisher = open_publisher(topic, 30000);
	PublisherReport report = {0};
	PublishResult result;
	char	   *text = random_text(2000000);
	char		error[BROKER_ERROR_SIZE] = "";
	bool		came;

	result = publisher_send(publisher, "k", text, 2000000, NULL, 0, 1, error);
	ok(result == PUBLISH_FAILED && strstr(error, "size too large") != NULL && publisher_pending(publisher) == 0,
	   "2 MB are refused at once: %s", error);
	result = publisher_send(publisher, "k", text, 5000, NULL, 0, 2, error);
	came = await_report(publisher, &report, 30000);
	ok(result == PUBLISH_QUEUED && came && !report.is_acknowledged && report.tag == 2 && report.offset == -1 &&
	   report.code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
	   "more than the broker takes is reported as failed: %s", report.error);
	ok(publisher_send(publisher, "k", text, 500, NULL, 0, 3,
					  error) == PUBLISH_QUEUED &&
	   await_report(publisher, &report, 30000) && report.is_acknowledged &&
	   report.tag == 3, "and the next one goes through");
	publisher_destroy(publisher);
	free(text);
	free(topic);
}

static void
test_timeout(void)
{
	PublisherOptions options = {{NO_BROKER, "broker-test", NULL}, "anything", 1500};
	char		error[BROKER_ERROR_SIZE] = "";
	Publisher  *publisher = publisher_create(&options, error);
	PublisherReport report = {0};
	BrokerNotice notice;
	double		start = seconds_now();
	int			logged = 0;
	int			reported = 0;
	bool		came;

	publisher_send(publisher, "k", "v", 1, NULL, 0, 77, error);
	came = await_report(publisher, &report, 20000);
	ok(came && !report.is_acknowledged && report.tag == 77 &&
	   report.code == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
	   "without a broker a message fails after the delivery timeout (1.5 s: %.1f s): %s",
	   seconds_now() - start, report.error);
	while (broker_client_notice(publisher_client(publisher), &notice))
	{
		if (strstr(notice.text, "Connection refused") != NULL)
		{
			logged += notice.code == 0;
			reported += notice.code == RD_KAFKA_RESP_ERR__TRANSPORT;
		}
	}
	ok(logged > 0 && reported > 0, "a line of its log and an error say why");
	publisher_destroy(publisher);
}

static void
test_no_topic(void)
{
	char	   *topic = unique_name("not-there");
	Publisher  *publisher = open_publisher(topic, 3000);
	PublisherReport report = {0};
	char		error[BROKER_ERROR_SIZE];
	bool		came;

	publisher_send(publisher, "k", "v", 1, NULL, 0, 5, error);
	came = await_report(publisher, &report, 30000);
	ok(came && !report.is_acknowledged,
	   "a message for a topic that is not there fails: %s", report.error);
	ok(!topic_exists(topic), "and does not create it");
	publisher_destroy(publisher);
	free(topic);
}

static void
test_fatal(void)
{
	char	   *topic = new_topic(1, NULL, NULL);
	Publisher  *publisher = open_publisher(topic, 30000);
	BrokerClient *client = publisher_client(publisher);
	PublisherReport report;
	BrokerNotice notice;
	PublishResult result;
	char		error[BROKER_ERROR_SIZE] = "";
	bool		is_fatal = false;

	rd_kafka_test_fatal_error(client->kafka,
							  RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
							  "made up");
	wait_readable(client->wake_read, 10000);
	broker_client_clear_wakeup(client);
	while (publisher_report(publisher, &report))
		;
	while (broker_client_notice(client, &notice))
	{
		if (notice.is_fatal && notice.level == 2)
			is_fatal = true;
	}
	ok(is_fatal, "a fatal error is a notice that says so");
	result = publisher_send(publisher, "k", "v", 1, NULL, 0, 1, error);
	ok(result == PUBLISH_FAILED && strstr(error, "made up") != NULL,
	   "and nothing can be sent: %s", error);
	publisher_destroy(publisher);
	free(topic);
}

static void
refuse(const PublisherOptions *options, const char *reason)
{
	char		error[BROKER_ERROR_SIZE] = "";
	Publisher  *publisher = publisher_create(options, error);

	ok(publisher == NULL && strstr(error, reason) != NULL &&
	   strchr(error, '\n') == NULL, "refused: %s", error);
}

static void
test_refused_options(void)
{
	PublisherOptions options = {{kafka_bootstrap(), "test", NULL}, "a topic", 1000};

	refuse(&options, "letters");
	options.topic = "topic";
	options.delivery_timeout_ms = 0;
	refuse(&options, "timeout of 0 ms");
	options.delivery_timeout_ms = 3000000000;
	refuse(&options, "outside allowed range");
	options.delivery_timeout_ms = 1000;
	options.broker.brokers = "a,,b";
	refuse(&options, "broker 2 of the list is empty");
}

int
main(void)
{
	test_reports();
	test_wakeups();
	test_placement();
	test_full_queue();
	test_too_large();
	test_timeout();
	test_no_topic();
	test_fatal();
	test_refused_options();
	return done_testing();
}
