/*-------------------------------------------------------------------------
 *
 * batch.c
 *	  From queued messages to a stored batch.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "config.h"
#include "workers/consumer.h"
#include "workers/log_check.h"
#include "workers/other_producer.h"
#include "workers/timing.h"

/* A batch is full at this many bytes, whatever vnstream.batch_size allows. */
#define BATCH_BYTES (16 * 1024 * 1024)

/* How soon the broker is asked when messages come again. */
#define ASK_SOON_MS 1000

void
batch_drop(void)
{
	int			i;

	for (i = 0; i < consumer.count; i++)
		reader_release(&consumer.events[i]);
	consumer.count = 0;
	consumer.bytes = 0;
	consumer.has_batch = false;
	MemoryContextReset(consumer.batch_context);
}

void
batch_resize(void)
{
	if (consumer.count > 0 || consumer.capacity == config_batch_size)
		return;
	if (consumer.messages != NULL)
	{
		pfree(consumer.messages);
		pfree(consumer.events);
	}
	consumer.capacity = config_batch_size;
	consumer.messages = MemoryContextAllocHuge(TopMemoryContext,
											   sizeof(IngestMessage) * consumer.capacity);
	consumer.events = MemoryContextAllocHuge(TopMemoryContext,
											 sizeof(ReaderEvent) * consumer.capacity);
}

/*
 * What becomes of one message, judged from itself alone.  (Plain C but for the
 * memory of the reason: this is what a helper thread can take over.)
 */
static void
read_message(const ReaderEvent *event, int64 now, IngestMessage *message)
{
	message->partition = event->partition;
	message->offset = event->offset;
	message->kafka_time = event->timestamp;
	message->key = event->key;
	message->key_length = event->key_length;
	message->value = event->value;
	message->value_length = event->value_length;
	message_judge(message, now, consumer.batch_context);
}

/*
 * Messages that come after the broker was away are a reason to ask it sooner
 * than the back-off would, but not each time: some may have been queued, and
 * another partition may be what fails.
 */
static void
ask_soon(void)
{
	TimestampTz soon = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ASK_SOON_MS);

	if (consumer.broker_backoff.failures > 0)
		consumer.ask_at = Min(consumer.ask_at, soon);
}

/*
 * Is it a message that the broker has, but not whole?  librdkafka 2.0 reports it
 * again and again where it is the next one, and may pass over it where others
 * come before: the loss would then count as a hole in the offsets.
 */
static bool
is_damage(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__BAD_MSG ||
		code == RD_KAFKA_RESP_ERR__BAD_COMPRESSION ||
		code == RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED;
}

/*
 * The first message of a claimed partition: may what follows it be stored?
 */
static bool
check_log(int mine, const ReaderEvent *event)
{
	const Position *position = &consumer.positions[mine];
	LogCheck	check;

	if (!consumer.is_unchecked[mine])
		return true;
	check = log_check_message(position, event);
	if (check == LOG_IS_OTHER)
	{
		consumer.has_other_log = true;
		consumer.other_log = *position;
		return false;
	}
	consumer.is_unchecked[mine] = false;
	if (check == LOG_IS_UNKNOWN)
		log_check_tell_unknown(position);
	return true;
}

/*
 * Is the topic or the partition not there?  When it is again, it may be another
 * one, which has grown past the position meanwhile.
 */
static bool
is_absence(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
		code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
		code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

/*
 * Fill the batch with whatever is queued, and never wait for more.
 */
void
batch_take(void)
{
	int64		now;
	ReaderEvent event;
	int			i;

	consumer.taken_at = GetCurrentTimestamp();
	now = UNIX_FROM_TIMESTAMP(consumer.taken_at);
	broker_client_clear_wakeup(reader_client(consumer.reader));
	for (;;)
	{
		PositionAdvance *advance;
		int			mine;

		/* a wake-up comes only once the queue was empty */
		consumer.has_more = consumer.count >= consumer.capacity ||
			consumer.bytes >= BATCH_BYTES;
		if (consumer.has_more || !reader_next(consumer.reader, &event))
			break;

		mine = consumer_find_position(event.partition);
		advance = mine >= 0 ? &consumer.advances[mine] : NULL;
		switch (event.kind)
		{
			case READER_MESSAGE:
				/* what lies before the position was stored already */
				if (advance == NULL || !check_log(mine, &event) ||
					event.offset < advance->next_offset)
					break;
				advance->next_offset = event.offset + 1;
				advance->last_offset = event.offset;
				read_message(&event, now, &consumer.messages[consumer.count]);
				other_producer_look(&event, consumer.count);
				consumer.events[consumer.count++] = event;
				consumer.bytes += event.key_length + event.value_length;
				continue;
			case READER_END:
				/* control records after the last message are no loss */
				if (advance != NULL && event.offset > advance->next_offset)
					advance->next_offset = event.offset;
				break;
			case READER_LOST_OFFSET:
				consumer.has_lost_offsets = true;
				consumer.ask_at = 0;
				break;
			case READER_ERROR:
				worker_error(LOG, ERRCODE_CONNECTION_FAILURE, NULL,
							 "partition %d of topic \"%s\": %s",
							 event.partition, config_topic, event.error);
				if (is_damage(event.code) && config_on_lost_offsets == LOST_OFFSETS_STOP)
					consumer.has_damage = true;
				if (is_absence(event.code))
					consumer.has_lost_offsets = true;
				/* the topic may be gone: asking creates it anew */
				if (backoff_is_over(&consumer.broker_backoff))
				{
					backoff_fail(&consumer.broker_backoff, 0);
					consumer.ask_at = consumer.broker_backoff.until;
				}
				break;
		}
		reader_release(&event);
		if (consumer.has_damage || consumer.has_other_log)
			break;
	}
	if (consumer.has_other_log)
		return;

	for (i = 0; i < consumer.position_count; i++)
		if (consumer.advances[i].next_offset != consumer.positions[i].next_offset)
			consumer.has_batch = true;
	if (consumer.has_batch)
		ask_soon();
}

/*
 * Dead letters are kept, but not kept quiet.
 */
static void
tell_dead_letters(void)
{
	const IngestMessage *first = NULL;
	int			dead = 0;
	int			digests = 0;
	int			i;

	for (i = 0; i < consumer.count; i++)
	{
		if (consumer.messages[i].fate != MESSAGE_IS_DEAD)
			continue;
		if (dead++ == 0)
			first = &consumer.messages[i];
		digests += consumer.messages[i].is_digest;
	}
	if (dead == 0)
		return;
	worker_add_dead_letters(dead);
	worker_error(LOG, ERRCODE_DATA_EXCEPTION, "See vnstream_dead_letters.",
				 "%d of %d messages became dead letters; the first, partition %d offset "
				 INT64_FORMAT ": %s",
				 dead, consumer.count, first->partition, first->offset, first->reason);
	if (digests > 0)
		worker_error(WARNING, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
					 "Where they have reached vnstream.dead_letter_limit, purge some with vnstream_purge_dead_letters(), or raise it. Values of more than 16 MB are never kept.",
					 "of %d dead letters only key and hash were kept",
					 digests);
}

/*
 * By which the next one who claims tells whether it is the same log.
 */
static void
note_last_messages(void)
{
	int			wanted = 0;
	int			i;

	for (i = 0; i < consumer.position_count; i++)
		wanted += consumer.advances[i].last_offset >= 0;
	for (i = consumer.count - 1; i >= 0 && wanted > 0; i--)
	{
		const IngestMessage *message = &consumer.messages[i];
		PositionAdvance *advance = &consumer.advances[consumer_find_position(message->partition)];

		if (advance->last_offset != message->offset)
			continue;
		advance->last_crc = log_check_crc(message->key, message->key_length, message->value,
										  message->value_length, message->kafka_time);
		wanted--;
	}
}

/*
 * For whoever looks at the state of a worker that waits for him.
 */
static const char *
what_is_wrong(const StoreError *error)
{
	switch (error->sqlstate)
	{
		case ERRCODE_VNSTREAM_LETTERS_FULL:
			return "dead letters have reached vnstream.dead_letter_limit";
		case ERRCODE_VNSTREAM_TOO_MANY_LETTERS:
			return "too many messages cannot be rows";
		default:
			return "the database refuses rows";
	}
}

/*
 * Store the batch.  It stays where it is when the database could not take it.
 */
void
batch_store(void)
{
	IngestBatch batch;
	PositionAdvance *advances;
	Position   *positions;
	StoreError	error;
	int64		stored = 0;
	int			moved = 0;
	int			i;

	note_last_messages();
	positions = MemoryContextAlloc(consumer.batch_context,
								   sizeof(Position) * consumer.position_count);
	advances = MemoryContextAlloc(consumer.batch_context,
								  sizeof(PositionAdvance) * consumer.position_count);
	for (i = 0; i < consumer.position_count; i++)
	{
		if (consumer.advances[i].next_offset == consumer.positions[i].next_offset)
			continue;
		positions[moved] = consumer.positions[i];
		advances[moved] = consumer.advances[i];
		moved++;
	}

	batch.limits.bytes = (int64) config_dead_letter_limit * 1024;
	batch.limits.keeps_digests = config_on_dead_letter_limit == DEAD_LETTERS_DIGEST;
	batch.limits.percent = config_dead_letter_percent < 100 ? config_dead_letter_percent : 0;
	batch.key.cluster_id = consumer.cluster_id;
	batch.key.topic = config_topic;
	batch.context = consumer.batch_context;
	batch.messages = consumer.messages;
	batch.count = consumer.count;
	batch.positions = positions;
	batch.advances = advances;
	batch.position_count = moved;

	switch (ingest_batch(&batch, BATCH_TIMEOUT_MS, &error))
	{
		case STORE_DONE:
			break;
		case STORE_GONE:
			worker_leave();
			break;
		case STORE_FENCED:
			worker_store_error(&error);
			consumer_unclaim();
			worker_set_state(WORKER_STARTING, "the broker");
			return;
		case STORE_DRIFT:
			pfree(positions);
			pfree(advances);
			worker_store_error(&error);
			ingest_forget_plans();
			worker_set_state(WORKER_FAILED, "an administrator: %s", what_is_wrong(&error));
			backoff_fail(&consumer.store_backoff, FAILED_RETRY_MS);
			return;
		case STORE_TRANSIENT:
			pfree(positions);
			pfree(advances);
			worker_store_error(&error);
			backoff_fail(&consumer.store_backoff, 0);
			worker_back_off(consumer.store_backoff.until, "the database");
			return;
	}

	backoff_succeed(&consumer.store_backoff);
	for (i = 0; i < moved; i++)
	{
		int			mine = consumer_find_position(positions[i].partition);

		consumer.positions[mine] = positions[i];
		consumer.advances[mine].from_offset = positions[i].next_offset;
		consumer.advances[mine].next_offset = positions[i].next_offset;
		consumer.advances[mine].last_offset = -1;
		stored += advances[i].stored;
	}
	worker_add(consumer.count, stored);
	timing_committed(&batch, consumer.taken_at);
	tell_dead_letters();
	batch_drop();
	consumer.commit_pending = true;
	consumer_update_lag();
	/* the other end of what the launcher's waiters wait for */
	ConditionVariableBroadcast(&shared_state->changed);
}
