/*-------------------------------------------------------------------------
 *
 * broker_support.c
 *	  What the tests of src/broker need from a real Kafka and from /proc.
 *
 *-------------------------------------------------------------------------
 */
#include "broker_support.h"

#include <dirent.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SETUP_TIMEOUT_MS 20000

void
give_up(const char *format,...)
{
	va_list		arguments;

	printf("Bail out! ");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
	exit(1);
}

static const char *
needed_variable(const char *name)
{
	const char *value = getenv(name);

	if (value == NULL || value[0] == '\0')
		give_up("%s is not set: these tests need a Kafka started with test/kafka",
				name);
	return value;
}

const char *
kafka_bootstrap(void)
{
	return needed_variable("KAFKA_BOOTSTRAP");
}

char *
kafka_tool(const char *format,...)
{
	const char *tool = getenv("KAFKA_TOOL");
	char		arguments_text[1024];
	char		command[2048];
	static char output[65536];
	size_t		length;
	va_list		arguments;
	FILE	   *pipe;

	va_start(arguments, format);
	vsnprintf(arguments_text, sizeof(arguments_text), format, arguments);
	va_end(arguments);
	snprintf(command, sizeof(command), "%s %.*s --data '%s' %s 2>&1",
			 tool != NULL ? tool : "../kafka",
			 (int) strcspn(arguments_text, " "), arguments_text,
			 needed_variable("KAFKA_DATA"),
			 arguments_text + strcspn(arguments_text, " "));
	pipe = popen(command, "r");
	if (pipe == NULL)
		give_up("could not run %s", command);
	length = fread(output, 1, sizeof(output) - 1, pipe);
	output[length] = '\0';
	if (pclose(pipe) == 0)
		return output;
	printf("# %s failed:\n# %s\n", command, output);
	return NULL;
}

char *
unique_name(const char *what)
{
	static int	number = 0;
	char	   *name = malloc(100);

	snprintf(name, 100, "%s-%ld-%d-%d", what, (long) time(NULL), (int) getpid(),
			 number++);
	return name;
}

static rd_kafka_t *
plain_client(rd_kafka_type_t type, const char *group)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *kafka;
	char		error[512];

	rd_kafka_conf_set(conf, "bootstrap.servers", kafka_bootstrap(), NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
	rd_kafka_conf_set(conf, "allow.auto.create.topics", "false", NULL, 0);
	if (group != NULL)
		rd_kafka_conf_set(conf, "group.id", group, NULL, 0);
	kafka = rd_kafka_new(type, conf, error, sizeof(error));
	if (kafka == NULL)
		give_up("rd_kafka_new: %s", error);
	return kafka;
}

/* For the set-up only, and kept: the tests count threads. */
static rd_kafka_t *
admin(void)
{
	static rd_kafka_t *client = NULL;

	if (client == NULL)
		client = plain_client(RD_KAFKA_PRODUCER, NULL);
	return client;
}

static rd_kafka_event_t *
await_admin(rd_kafka_queue_t *queue, const char *what)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, SETUP_TIMEOUT_MS);

	if (event == NULL || rd_kafka_event_error(event) != 0)
		give_up("%s: %s", what,
				event == NULL ? "no answer" : rd_kafka_event_error_string(event));
	return event;
}

static bool
create_once(rd_kafka_NewTopic_t *topic, char *error, size_t size)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(admin());
	rd_kafka_event_t *event;
	const rd_kafka_topic_result_t **results;
	size_t		count;
	bool		created;

	rd_kafka_CreateTopics(admin(), &topic, 1, NULL, queue);
	event = await_admin(queue, "CreateTopics");
	results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event),
												  &count);
	created = count == 1 && rd_kafka_topic_result_error(results[0]) == 0;
	if (!created)
		snprintf(error, size, "%s", count == 1 ?
				 rd_kafka_topic_result_error_string(results[0]) : "no result");
	rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	return created;
}

char *
new_topic(int partitions, const char *setting, const char *value)
{
	char	   *name = unique_name("broker-test");
	rd_kafka_NewTopic_t *topic;
	char		error[512];
	int			tries;

	topic = rd_kafka_NewTopic_new(name, partitions, 1, error, sizeof(error));
	if (topic == NULL)
		give_up("new topic: %s", error);
	if (setting != NULL)
		rd_kafka_NewTopic_set_config(topic, setting, value);

	/* a broker that was frozen has lost its session with ZooKeeper */
	for (tries = 0; !create_once(topic, error, sizeof(error)); tries++)
	{
		if (tries == 40)
			give_up("new topic: %s", error);
		sleep_ms(500);
	}
	rd_kafka_NewTopic_destroy(topic);
	(void) end_offset(name, partitions - 1);	/* the topic has leaders */
	return name;
}

void
drop_topic(const char *name)
{
	rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(admin());

	rd_kafka_DeleteTopics(admin(), &topic, 1, NULL, queue);
	rd_kafka_event_destroy(await_admin(queue, "DeleteTopics"));
	rd_kafka_DeleteTopic_destroy(topic);
	rd_kafka_queue_destroy(queue);
}

void
add_partitions(const char *topic, int total)
{
	rd_kafka_NewPartitions_t *more;
	rd_kafka_queue_t *queue = rd_kafka_queue_new(admin());
	rd_kafka_event_t *event;
	const rd_kafka_topic_result_t **results;
	size_t		count;
	char		error[512];

	more = rd_kafka_NewPartitions_new(topic, (size_t) total, error,
									  sizeof(error));
	if (more == NULL)
		give_up("new partitions: %s", error);
	rd_kafka_CreatePartitions(admin(), &more, 1, NULL, queue);
	event = await_admin(queue, "CreatePartitions");
	results = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event),
													  &count);
	if (count != 1 || rd_kafka_topic_result_error(results[0]) != 0)
		give_up("CreatePartitions of %s failed", topic);
	rd_kafka_event_destroy(event);
	rd_kafka_NewPartitions_destroy(more);
	rd_kafka_queue_destroy(queue);
}

void
delete_records(const char *topic, int32_t partition, int64_t before)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_DeleteRecords_t *request;
	rd_kafka_queue_t *queue = rd_kafka_queue_new(admin());
	rd_kafka_event_t *event;
	const rd_kafka_topic_partition_list_t *offsets;

	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = before;
	request = rd_kafka_DeleteRecords_new(list);
	rd_kafka_DeleteRecords(admin(), &request, 1, NULL, queue);
	event = await_admin(queue, "DeleteRecords");
	offsets = rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
	if (offsets->elems[0].err != 0)
		give_up("DeleteRecords: %s", rd_kafka_err2str(offsets->elems[0].err));
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteRecords_destroy(request);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_queue_destroy(queue);
}

bool
topic_exists(const char *topic)
{
	const struct rd_kafka_metadata *metadata;
	bool		found = false;
	int			i;

	if (rd_kafka_metadata(admin(), 1, NULL, &metadata, SETUP_TIMEOUT_MS) != 0)
		give_up("no list of topics");
	for (i = 0; i < metadata->topic_cnt; i++)
	{
		if (strcmp(metadata->topics[i].topic, topic) == 0)
			found = true;
	}
	rd_kafka_metadata_destroy(metadata);
	return found;
}

int64_t
end_offset(const char *topic, int32_t partition)
{
	rd_kafka_topic_t *handle = rd_kafka_topic_new(admin(), topic, NULL);
	const struct rd_kafka_metadata *metadata;
	int64_t		low;
	int64_t		high;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	int			tries;

	for (tries = 0; tries < 300 && code != 0; tries++)
	{
		/* or it remembers for long that there was no leader */
		if (rd_kafka_metadata(admin(), 0, handle, &metadata, SETUP_TIMEOUT_MS) == 0)
			rd_kafka_metadata_destroy(metadata);
		code = rd_kafka_query_watermark_offsets(admin(), topic, partition, &low,
												&high, SETUP_TIMEOUT_MS);
		if (code != 0)
			sleep_ms(100);
	}
	rd_kafka_topic_destroy(handle);
	if (code != 0)
		give_up("no end of %s [%d]: %s", topic, (int) partition,
				rd_kafka_err2str(code));
	return high;
}

int64_t
committed_offset(const char *group, const char *topic, int32_t partition)
{
	rd_kafka_t *kafka = plain_client(RD_KAFKA_CONSUMER, group);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	int64_t		offset;

	rd_kafka_topic_partition_list_add(list, topic, partition);
	if (rd_kafka_committed(kafka, list, SETUP_TIMEOUT_MS) != 0)
		give_up("no committed offsets of %s", group);
	offset = list->elems[0].offset;
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(kafka);
	return offset < 0 ? -1 : offset;
}

double
seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

bool
wait_readable(int fd, int timeout_ms)
{
	struct pollfd waited = {fd, POLLIN, 0};

	return poll(&waited, 1, timeout_ms) == 1;
}

void
sleep_ms(int milliseconds)
{
	struct timespec pause = {milliseconds / 1000, (milliseconds % 1000) * 1000000L};

	nanosleep(&pause, NULL);
}

Publisher *
open_publisher(const char *topic, long timeout_ms)
{
	PublisherOptions options = {
		{kafka_bootstrap(), "broker-test", NULL}, topic, timeout_ms
	};
	char		error[BROKER_ERROR_SIZE];
	Publisher  *publisher = publisher_create(&options, error);

	if (publisher == NULL)
		give_up("publisher_create: %s", error);
	return publisher;
}

Reader *
open_reader(const char *topic, const char *group)
{
	ReaderOptions options = {
		{kafka_bootstrap(), "broker-test", group}, topic
	};
	char		error[BROKER_ERROR_SIZE];
	Reader	   *reader = reader_create(&options, error);

	if (reader == NULL)
		give_up("reader_create: %s", error);
	return reader;
}

ReaderPosition
at(int32_t partition, int64_t offset)
{
	ReaderPosition position = {partition, offset};

	return position;
}

/*
 * How a worker waits: drain, and only then sleep on the descriptor.  No shorter
 * sleep as a net, so that a lost wake-up shows.
 */
bool
await_report(Publisher *publisher, PublisherReport *report, int timeout_ms)
{
	BrokerClient *client = publisher_client(publisher);
	double		deadline = seconds_now() + timeout_ms / 1e3;

	while (!publisher_report(publisher, report))
	{
		int			left = (int) ((deadline - seconds_now()) * 1e3);

		if (left <= 0 || !wait_readable(client->wake_read, left))
			return false;
		broker_client_clear_wakeup(client);
	}
	return true;
}

bool
await_event(Reader *reader, ReaderEvent *event, int timeout_ms)
{
	BrokerClient *client = reader_client(reader);
	double		deadline = seconds_now() + timeout_ms / 1e3;

	while (!reader_next(reader, event))
	{
		int			left = (int) ((deadline - seconds_now()) * 1e3);

		if (left <= 0 || !wait_readable(client->wake_read, left))
			return false;
		broker_client_clear_wakeup(client);
	}
	return true;
}

bool
await_kind(Reader *reader, ReaderEventKind kind, ReaderEvent *event,
		   int timeout_ms)
{
	double		deadline = seconds_now() + timeout_ms / 1e3;
	int			left = timeout_ms;

	while (left > 0 && await_event(reader, event, left))
	{
		if (event->kind == kind)
			return true;
		reader_release(event);
		left = (int) ((deadline - seconds_now()) * 1e3);
	}
	return false;
}

void
publish_numbers(const char *topic, int count)
{
	Publisher  *publisher = open_publisher(topic, 30000);
	PublisherReport report;
	char		value[32];
	char		error[BROKER_ERROR_SIZE];
	int			i;

	for (i = 0; i < count; i++)
	{
		snprintf(value, sizeof(value), "%d", i);
		if (publisher_send(publisher, value, value, strlen(value), NULL, 0,
						   (uint64_t) i, error) != PUBLISH_QUEUED)
			give_up("publisher_send: %s", error);
	}
	for (i = 0; i < count; i++)
	{
		if (!await_report(publisher, &report, 30000) || !report.is_acknowledged)
			give_up("message %d of %d was not acknowledged", i, count);
	}
	publisher_destroy(publisher);
}

bool
await_query(BrokerQuery *query, TopicDescription *answer, char *error)
{
	if (query == NULL)
		give_up("no query: %s", error);
	if (!wait_readable(broker_query_fd(query), 60000))
		give_up("a query never ended");
	if (!broker_query_is_done(query))
		give_up("a query that is readable is not done");
	return broker_query_finish(query, answer, error);
}

bool
describe_topic(const char *topic, TopicDescription *answer, char *error)
{
	BrokerOptions options = {kafka_bootstrap(), "broker-test", NULL};

	return await_query(broker_query_describe(&options, topic, true, 20000, error),
					   answer, error);
}

bool
has_notice(BrokerClient *client, const char *text, rd_kafka_resp_err_t code)
{
	BrokerNotice notice;
	bool		found = false;

	while (broker_client_notice(client, &notice))
	{
		if (text != NULL ? strstr(notice.text, text) != NULL : notice.code == code)
			found = true;
	}
	return found;
}

static int
count_entries(const char *folder)
{
	DIR		   *open = opendir(folder);
	struct dirent *entry;
	int			count = 0;

	if (open == NULL)
		give_up("no %s", folder);
	while ((entry = readdir(open)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(open);
	return count;
}

int
count_descriptors(void)
{
	return count_entries("/proc/self/fd");
}

int
count_threads(void)
{
	return count_entries("/proc/self/task");
}

bool
threads_return_to(int count)
{
	int			tries;

	for (tries = 0; tries < 200 && count_threads() > count; tries++)
		sleep_ms(50);
	return count_threads() <= count;
}
