/*-------------------------------------------------------------------------
 *
 * reader.c
 *	  Messages from Kafka, from offsets that the caller names.
 *
 * Each event that the caller holds keeps librdkafka's event, and with it the
 * message, alive.  A held event would also keep a library thread from ending,
 * so the reader remembers all of them and can end whatever the caller forgot.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * librdkafka aborts the process when a request to a group's coordinator runs
 * into its timeout before it could be sent, and the broker comes back then (an
 * assertion; its issue 4605, of every version so far).  So the timeout is the
 * longest that it takes, and a client that has waited for half of it is to be
 * replaced.
 */
#define COMMIT_TIMEOUT_MS (3600 * 1000)
#ifndef COMMIT_STUCK_S
#define COMMIT_STUCK_S (COMMIT_TIMEOUT_MS / 1000 / 2)
#endif

typedef struct HeldEvent
{
	Reader	   *reader;
	rd_kafka_event_t *event;
	const rd_kafka_message_t *message;	/* NULL: not a message */
	struct HeldEvent *previous;
	struct HeldEvent *next;
} HeldEvent;

struct Reader
{
	BrokerClient *client;
	char	   *topic;
	char	   *group_id;
	ReaderPosition *assigned;	/* sorted by partition */
	int			assigned_count;
	HeldEvent  *held;
	HeldEvent  *unused;			/* a stack, linked by next */
	bool		is_committing;	/* a request is under way */
	time_t		committing_since;	/* monotonic, s */
	bool		has_failed_commit;
	rd_kafka_topic_partition_list_t *to_commit; /* after it, or NULL */
};

/*
 * What may be queued is bounded twice: the kilobytes count payload alone, and
 * librdkafka takes 300 bytes besides for a message of whatever size (measured:
 * a million of 7 bytes took 318 MB).  When so many are queued, librdkafka 2.0
 * pauses for up to 1 s, so there are more of them than two cores store in that
 * time.  fetch.max.bytes is of one answer, of all partitions and compressed, by
 * which the bounds may be passed; max.partition.fetch.bytes that of one
 * partition.  receive.message.max.bytes also bounds what zstd unpacks to; nothing
 * bounds gzip (2.0.2).
 */
static const BrokerSetting reader_settings[] = {
	{"enable.auto.commit", "false"},
	{"enable.auto.offset.store", "false"},
	{"auto.offset.reset", "error"},
	{"isolation.level", "read_committed"},
	{"check.crcs", "true"},
	{"enable.partition.eof", "true"},
	{"fetch.min.bytes", "1"},
	{"fetch.wait.max.ms", "100"},
	{"queued.min.messages", "250000"},
	{"queued.max.messages.kbytes", "49152"},
	{"fetch.max.bytes", "4194304"},
	{"max.partition.fetch.bytes", "1048576"},
	{"receive.message.max.bytes", "67108864"},
	{NULL, NULL}
};

Reader *
reader_create(const ReaderOptions *options, char *error)
{
	Reader	   *reader;

	if (!broker_check_topic(options->topic, error))
		return NULL;
	reader = calloc(1, sizeof(*reader));
	if (reader == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return NULL;
	}
	reader->client = broker_client_create(BROKER_READER, &options->broker,
										  reader_settings, error);
	if (reader->client == NULL)
	{
		reader_destroy(reader);
		return NULL;
	}
	reader->topic = strdup(options->topic);
	reader->group_id = strdup(options->broker.group_id);
	if (reader->topic == NULL || reader->group_id == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		reader_destroy(reader);
		return NULL;
	}
	return reader;
}

void
reader_destroy(Reader *reader)
{
	HeldEvent  *held;
	HeldEvent  *next;

	if (reader == NULL)
		return;
	for (held = reader->held; held != NULL; held = next)
	{
		next = held->next;
		rd_kafka_event_destroy(held->event);
		free(held);
	}
	for (held = reader->unused; held != NULL; held = next)
	{
		next = held->next;
		free(held);
	}
	if (reader->to_commit != NULL)
		rd_kafka_topic_partition_list_destroy(reader->to_commit);
	broker_client_destroy(reader->client);
	free(reader->assigned);
	free(reader->topic);
	free(reader->group_id);
	free(reader);
}

BrokerClient *
reader_client(Reader *reader)
{
	return reader->client;
}

static int
compare_partitions(const void *a, const void *b)
{
	int32_t		left = ((const ReaderPosition *) a)->partition;
	int32_t		right = ((const ReaderPosition *) b)->partition;

	return (left > right) - (left < right);
}

static bool
is_assigned(const Reader *reader, int32_t partition)
{
	ReaderPosition wanted = {partition, 0};

	return reader->assigned_count > 0 &&
		bsearch(&wanted, reader->assigned, (size_t) reader->assigned_count,
				sizeof(ReaderPosition), compare_partitions) != NULL;
}

static bool
check_positions(const ReaderPosition *sorted, int count, char *error)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (sorted[i].partition < 0 || sorted[i].offset < 0)
		{
			snprintf(error, BROKER_ERROR_SIZE,
					 "partition %d cannot be read from offset %lld",
					 (int) sorted[i].partition, (long long) sorted[i].offset);
			return false;
		}
		if (i > 0 && sorted[i].partition == sorted[i - 1].partition)
		{
			snprintf(error, BROKER_ERROR_SIZE,
					 "partition %d is assigned twice", (int) sorted[i].partition);
			return false;
		}
	}
	return true;
}

static time_t
monotonic_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void
send_commit(Reader *reader, const rd_kafka_topic_partition_list_t *offsets)
{
	rd_kafka_t *kafka = reader->client->kafka;
	rd_kafka_AdminOptions_t *options;
	rd_kafka_AlterConsumerGroupOffsets_t *change;
	char		error[BROKER_ERROR_SIZE];

	/*
	 * Not rd_kafka_commit_queue(): while that one's answer is outstanding,
	 * librdkafka neither starts newly assigned partitions nor destroys the
	 * client (3.5 s in the test, until the frozen broker was let go on).
	 */
	options = rd_kafka_AdminOptions_new(kafka, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS);
	if (rd_kafka_AdminOptions_set_request_timeout(options, COMMIT_TIMEOUT_MS,
												  error, sizeof(error)) ==
		RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		change = rd_kafka_AlterConsumerGroupOffsets_new(reader->group_id, offsets);
		rd_kafka_AlterConsumerGroupOffsets(kafka, &change, 1, options,
										   reader->client->queue);
		rd_kafka_AlterConsumerGroupOffsets_destroy(change);
		reader->is_committing = true;
		reader->committing_since = monotonic_seconds();
	}
	rd_kafka_AdminOptions_destroy(options);
}

/*
 * Before librdkafka's timeout is reached, see above.
 */
static void
watch_commit(Reader *reader)
{
	if (!reader->is_committing ||
		monotonic_seconds() - reader->committing_since < COMMIT_STUCK_S)
		return;
	broker_client_note_error(reader->client, RD_KAFKA_RESP_ERR__FATAL,
							 "offsets of group \"%s\" could not be committed for %d s",
							 reader->group_id, COMMIT_STUCK_S);
	reader->committing_since = monotonic_seconds(); /* once is enough */
}

static void
note_commit_failure(Reader *reader, rd_kafka_resp_err_t code, const char *text)
{
	reader->has_failed_commit = true;

	/* A group's first commits meet these until its coordinator is chosen. */
	if (code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
		code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
		code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS)
		return;
	broker_client_note_error(reader->client, code,
							 "offsets of group \"%s\" were not committed: %s",
							 reader->group_id, text);
}

/* One notice for the first thing that went wrong says enough. */
static void
note_commit_result(Reader *reader, rd_kafka_event_t *event)
{
	const rd_kafka_group_result_t **groups;
	const rd_kafka_error_t *failure;
	const rd_kafka_topic_partition_list_t *partitions;
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);
	size_t		count = 0;
	int			i;

	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		note_commit_failure(reader, code, rd_kafka_event_error_string(event));
		return;
	}
	groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(rd_kafka_event_AlterConsumerGroupOffsets_result(event),
															  &count);
	if (count != 1)
		return;
	failure = rd_kafka_group_result_error(groups[0]);
	if (failure != NULL)
		note_commit_failure(reader, rd_kafka_error_code(failure),
							rd_kafka_error_string(failure));
	partitions = rd_kafka_group_result_partitions(groups[0]);
	for (i = 0; failure == NULL && partitions != NULL && i < partitions->cnt; i++)
	{
		code = partitions->elems[i].err;
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			note_commit_failure(reader, code, rd_kafka_err2str(code));
			break;
		}
	}
}

static void
finish_commit(Reader *reader, rd_kafka_event_t *event)
{
	note_commit_result(reader, event);
	reader->is_committing = false;
	if (reader->to_commit != NULL)
	{
		send_commit(reader, reader->to_commit);
		rd_kafka_topic_partition_list_destroy(reader->to_commit);
		reader->to_commit = NULL;
	}
}

/* Take in an event that is not for the caller. */
static void
absorb(Reader *reader, rd_kafka_event_t *event)
{
	if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ALTERCONSUMERGROUPOFFSETS_RESULT)
		finish_commit(reader, event);
	else
		broker_client_note(reader->client, event);
}

bool
reader_assign(Reader *reader, const ReaderPosition *positions, int count,
			  char *error)
{
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_event_t *event;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	ReaderPosition *sorted;
	int			i;

	sorted = malloc(sizeof(*sorted) * (size_t) (count > 0 ? count : 1));
	if (sorted == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return false;
	}
	if (count > 0)
	{
		memcpy(sorted, positions, sizeof(*sorted) * (size_t) count);
		qsort(sorted, (size_t) count, sizeof(*sorted), compare_partitions);
	}
	if (!check_positions(sorted, count, error))
	{
		free(sorted);
		return false;
	}

	/*
	 * Emptying the queue between the two assignments: librdkafka drops the
	 * messages of the old one by itself, but not its lost offsets (they carry
	 * no version), which would be taken for the new one's.
	 */
	rd_kafka_assign(reader->client->kafka, NULL);
	free(reader->assigned);
	reader->assigned = sorted;
	reader->assigned_count = 0;
	while ((event = rd_kafka_queue_poll(reader->client->queue, 0)) != NULL)
	{
		absorb(reader, event);
		rd_kafka_event_destroy(event);
	}

	if (count > 0)
	{
		list = rd_kafka_topic_partition_list_new(count);
		for (i = 0; i < count; i++)
			rd_kafka_topic_partition_list_add(list, reader->topic,
											  sorted[i].partition)->offset = sorted[i].offset;
		code = rd_kafka_assign(reader->client->kafka, list);
		rd_kafka_topic_partition_list_destroy(list);
	}
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		snprintf(error, BROKER_ERROR_SIZE, "%s", rd_kafka_err2str(code));
		return false;
	}
	reader->assigned_count = count;
	return true;
}

/* Before an event is taken: none must be lost for want of memory. */
static bool
can_hold(Reader *reader)
{
	if (reader->unused == NULL)
		reader->unused = calloc(1, sizeof(HeldEvent));
	return reader->unused != NULL;
}

static void
hold(Reader *reader, rd_kafka_event_t *event,
	 const rd_kafka_message_t *message, ReaderEvent *answer)
{
	HeldEvent  *held = reader->unused;

	reader->unused = held->next;
	held->reader = reader;
	held->event = event;
	held->message = message;
	held->previous = NULL;
	held->next = reader->held;
	if (held->next != NULL)
		held->next->previous = held;
	reader->held = held;
	answer->handle = held;
}

static bool
take_message(Reader *reader, rd_kafka_event_t *event, ReaderEvent *answer)
{
	const rd_kafka_message_t *message = rd_kafka_event_message_next(event);

	if (message == NULL || !is_assigned(reader, message->partition))
		return false;
	memset(answer, 0, sizeof(*answer));
	answer->kind = READER_MESSAGE;
	answer->partition = message->partition;
	answer->offset = message->offset;
	answer->key = message->key;
	answer->key_length = message->key_len;
	answer->value = message->payload;
	answer->value_length = message->len;
	answer->timestamp = rd_kafka_message_timestamp(message, NULL);
	hold(reader, event, message, answer);
	return true;
}

/* Errors of the topic rather than of a place in it; they come with offset 0. */
static bool
is_without_offset(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
		code == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION ||
		code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
		code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
		code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

/* An error event that names a partition is the caller's. */
static bool
take_partition_error(Reader *reader, rd_kafka_event_t *event,
					 ReaderEvent *answer)
{
	rd_kafka_topic_partition_t *place = rd_kafka_event_topic_partition(event);

	if (place == NULL)
	{
		absorb(reader, event);
		return false;
	}
	memset(answer, 0, sizeof(*answer));
	answer->partition = place->partition;
	answer->code = rd_kafka_event_error(event);
	answer->offset = place->offset < 0 || is_without_offset(answer->code) ?
		-1 : place->offset;
	answer->timestamp = -1;
	rd_kafka_topic_partition_destroy(place);
	if (!is_assigned(reader, answer->partition))
		return false;

	if (answer->code == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		answer->kind = READER_END;
	else
	{
		answer->kind = answer->code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ?
			READER_LOST_OFFSET : READER_ERROR;
		answer->error = rd_kafka_event_error_string(event);
	}
	hold(reader, event, NULL, answer);
	return true;
}

bool
reader_next(Reader *reader, ReaderEvent *event)
{
	rd_kafka_event_t *taken;

	while (can_hold(reader) &&
		   (taken = rd_kafka_queue_poll(reader->client->queue, 0)) != NULL)
	{
		switch (rd_kafka_event_type(taken))
		{
			case RD_KAFKA_EVENT_FETCH:
				/* always of one message: the batch is on librdkafka's side */
				if (take_message(reader, taken, event))
					return true;
				break;
			case RD_KAFKA_EVENT_ERROR:
				if (take_partition_error(reader, taken, event))
					return true;
				break;
			default:
				absorb(reader, taken);
				break;
		}
		rd_kafka_event_destroy(taken);
	}
	watch_commit(reader);
	return false;
}

void
reader_release(ReaderEvent *event)
{
	HeldEvent  *held = event->handle;
	Reader	   *reader;

	if (held == NULL)
		return;
	reader = held->reader;
	rd_kafka_event_destroy(held->event);
	if (held->previous != NULL)
		held->previous->next = held->next;
	else
		reader->held = held->next;
	if (held->next != NULL)
		held->next->previous = held->previous;
	held->next = reader->unused;
	reader->unused = held;
	event->handle = NULL;
}

bool
reader_header(const ReaderEvent *event, const char *name, char *value,
			  size_t size)
{
	const HeldEvent *held = event->handle;
	rd_kafka_headers_t *headers;
	const void *found;
	size_t		length;

	if (held == NULL || held->message == NULL ||
		rd_kafka_message_headers(held->message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
		rd_kafka_header_get_last(headers, name, &found, &length) != RD_KAFKA_RESP_ERR_NO_ERROR ||
		found == NULL || size == 0)
		return false;
	if (length > size - 1)
		length = size - 1;
	memcpy(value, found, length);
	value[length] = '\0';
	return true;
}

int64_t
reader_high_watermark(Reader *reader, int32_t partition)
{
	int64_t		low;
	int64_t		high;

	/* librdkafka would make an entry for a partition that it does not know */
	if (!is_assigned(reader, partition) ||
		rd_kafka_get_watermark_offsets(reader->client->kafka, reader->topic,
									   partition, &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return -1;
	return high < 0 ? -1 : high;
}

/* The list with these positions too; a partition's earlier one is forgotten. */
static rd_kafka_topic_partition_list_t *
merge_positions(const Reader *reader, rd_kafka_topic_partition_list_t *list,
				const ReaderPosition *positions, int count)
{
	int			i;

	if (list == NULL)
		list = rd_kafka_topic_partition_list_new(count);
	for (i = 0; i < count; i++)
	{
		rd_kafka_topic_partition_t *place;

		place = rd_kafka_topic_partition_list_find(list, reader->topic,
												   positions[i].partition);
		if (place == NULL)
			place = rd_kafka_topic_partition_list_add(list, reader->topic,
													  positions[i].partition);
		place->offset = positions[i].offset;
	}
	return list;
}

bool
reader_commit_failed(Reader *reader)
{
	bool		failed = reader->has_failed_commit;

	reader->has_failed_commit = false;
	return failed;
}

bool
reader_commit(Reader *reader, const ReaderPosition *positions, int count)
{
	rd_kafka_topic_partition_list_t *list;
	int			i;

	for (i = 0; i < count; i++)
	{
		if (positions[i].partition < 0 || positions[i].offset < 0)
			return false;
	}
	if (count < 1)
		return false;
	if (reader->is_committing)
	{
		reader->to_commit = merge_positions(reader, reader->to_commit,
											positions, count);
		return true;
	}
	list = merge_positions(reader, NULL, positions, count);
	send_commit(reader, list);
	rd_kafka_topic_partition_list_destroy(list);
	return true;
}
