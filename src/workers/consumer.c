/*-------------------------------------------------------------------------
 *
 * consumer.c
 *	  The consumer worker: from Kafka into realtime_quotes.
 *
 * Consumer k of n owns the partitions p with p mod n = k - 1.  It goes round:
 *
 *	   ASK		who is the cluster, which partitions, which watermarks (on a
 *				thread; creates the topic where it is missing)
 *	   CLAIM	take the partitions over in vnstream_positions (one transaction,
 *				raises their generation) and assign them to the reader
 *	   READ		batch after batch: whatever is queued, stored in one transaction
 *				together with the positions; ASK again every few seconds beside it
 *
 * Being fenced, new partitions, another number of consumers and lost offsets
 * all lead back to ASK.  A batch that met a transient error of the database is
 * kept and tried again as it is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "broker/query.h"
#include "broker/reader.h"
#include "config.h"
#include "market/rules.h"
#include "store/ingest.h"
#include "workers/loop.h"
#include "workers/topic.h"

/* How often partitions and watermarks are asked for while reading. */
#define ASK_INTERVAL_MS 10000

/* A batch is full at this many bytes, whatever vnstream.batch_size allows. */
#define BATCH_BYTES (16 * 1024 * 1024)

/* Longest a batch's transaction may take before it is tried again. */
#define BATCH_TIMEOUT_MS 60000

/* How often stored offsets are committed to Kafka's group. */
#define COMMIT_INTERVAL_MS 1000

/* How often a worker that needs an administrator looks whether one was there. */
#define FAILED_RETRY_MS 30000

typedef struct Consumer
{
	BrokerQuery *query;			/* a question in flight */
	TimestampTz ask_at;
	Backoff		broker_backoff;
	Backoff		store_backoff;

	/* what is claimed */
	Reader	   *reader;
	bool		is_claimed;
	char		cluster_id[64];
	int			shares;			/* consumers, when the partitions were divided */
	int			partition_total;
	int			position_count;
	Position   *positions;
	PositionAdvance *advances;
	int64	   *ends;			/* high watermarks, -1 unknown */
	bool		has_lost_offsets;

	/* the batch */
	MemoryContext batch_context;
	IngestMessage *messages;
	ReaderEvent *events;		/* whose memory messages point to */
	int			capacity;
	int			count;
	size_t		bytes;
	bool		has_batch;
	bool		has_more;		/* taking stopped although there may be more */

	bool		commit_pending;
	TimestampTz commit_at;
} Consumer;

static Consumer consumer;

static void
drop_batch(void)
{
	int			i;

	for (i = 0; i < consumer.count; i++)
		reader_release(&consumer.events[i]);
	consumer.count = 0;
	consumer.bytes = 0;
	consumer.has_batch = false;
	MemoryContextReset(consumer.batch_context);
}

/*
 * Give up what is assigned; the next answer about the topic claims anew.
 */
static void
unclaim(void)
{
	drop_batch();
	if (consumer.reader != NULL)
		reader_destroy(consumer.reader);
	consumer.reader = NULL;
	consumer.is_claimed = false;
	consumer.commit_pending = false;
	consumer.ask_at = 0;
}

/*
 * Libraries' threads must be gone before exit() runs destructors.
 */
static void
consumer_cleanup(int code, Datum argument)
{
	int			i;

	for (i = 0; i < consumer.count; i++)
		reader_release(&consumer.events[i]);
	consumer.count = 0;
	if (consumer.reader != NULL)
		reader_destroy(consumer.reader);
	consumer.reader = NULL;
	if (consumer.query != NULL)
		broker_query_abandon(consumer.query);
	consumer.query = NULL;
}

static int
wanted_shares(void)
{
	int			shares;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	shares = shared_entry_consumers(worker_entry);
	LWLockRelease(shared_state->lock);
	return Max(shares, 1);
}

static int
find_position(int32 partition)
{
	int			low = 0;
	int			high = consumer.position_count - 1;

	while (low <= high)
	{
		int			middle = (low + high) / 2;

		if (consumer.positions[middle].partition == partition)
			return middle;
		if (consumer.positions[middle].partition < partition)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return -1;
}

static void
update_lag(void)
{
	int64		lag = 0;
	int			i;

	for (i = 0; i < consumer.position_count; i++)
	{
		int64		end = reader_high_watermark(consumer.reader,
												consumer.positions[i].partition);

		end = Max(end, consumer.ends[i]);
		if (end > consumer.positions[i].next_offset)
			lag += end - consumer.positions[i].next_offset;
	}
	worker_set_lag(lag);
}

/*
 * Claiming, in store_transaction().
 */
typedef struct ClaimWork
{
	const TopicDescription *topic;
	int64	   *lows;
	int			lost;			/* index of a position without its offset, or -1 */
} ClaimWork;

static void
claim_positions(void *argument)
{
	ClaimWork  *work = argument;
	StoreCatalog catalog;
	PositionKey key;
	int			i;

	key.cluster_id = consumer.cluster_id;
	key.topic = config_topic;
	store_catalog_get(&catalog);
	position_claim(&catalog, &key, consumer.positions, work->lows,
				   consumer.position_count);

	work->lost = -1;
	for (i = 0; i < consumer.position_count; i++)
	{
		Position   *position = &consumer.positions[i];
		int64		low = work->lows[i];
		int64		high = consumer.ends[i];

		if (position->next_offset >= low && position->next_offset <= high)
			continue;
		if (config_on_lost_offsets == LOST_OFFSETS_STOP)
		{
			work->lost = i;
			continue;
		}
		position_skip(&catalog, &key, position, low,
					  position->next_offset < low ? "offsets lost" : "log truncated");
	}
}

static bool
claim(const TopicDescription *topic)
{
	ClaimWork	work;
	StoreError	error;
	ReaderPosition *assignment;
	char		text[BROKER_ERROR_SIZE];
	ReaderOptions options;
	int			mine = 0;
	int			i;

	consumer.shares = wanted_shares();
	consumer.partition_total = topic->partition_count;
	strlcpy(consumer.cluster_id, topic->cluster_id, sizeof(consumer.cluster_id));

	MemoryContextReset(consumer.batch_context);
	if (consumer.positions != NULL)
	{
		pfree(consumer.positions);
		pfree(consumer.advances);
		pfree(consumer.ends);
	}
	consumer.positions = palloc0(sizeof(Position) * (topic->partition_count + 1));
	consumer.advances = palloc0(sizeof(PositionAdvance) * (topic->partition_count + 1));
	consumer.ends = palloc0(sizeof(int64) * (topic->partition_count + 1));
	work.topic = topic;
	work.lows = palloc0(sizeof(int64) * (topic->partition_count + 1));
	for (i = 0; i < topic->partition_count; i++)
	{
		const TopicPartition *partition = &topic->partitions[i];

		if (partition->partition % consumer.shares != worker_slot->number - 1)
			continue;
		if (partition->low < 0 || partition->high < 0)
		{
			pfree(work.lows);
			worker_error(LOG, ERRCODE_CONNECTION_FAILURE,
						 "Check that all brokers of the cluster are up.",
						 "partition %d of topic \"%s\" has no leader that answers",
						 partition->partition, config_topic);
			return false;
		}
		consumer.positions[mine].partition = partition->partition;
		consumer.ends[mine] = partition->high;
		work.lows[mine] = partition->low;
		mine++;
	}
	consumer.position_count = mine;

	if (store_transaction(claim_positions, &work, "claiming partitions",
						  BATCH_TIMEOUT_MS, &error) != STORE_DONE)
	{
		pfree(work.lows);
		worker_store_error(&error);
		if (error.outcome == STORE_GONE)
			worker_leave();
		worker_set_state(error.outcome == STORE_DRIFT ? WORKER_FAILED : WORKER_BACKING_OFF,
						 "the database");
		return false;
	}
	if (work.lost >= 0)
	{
		const Position *position = &consumer.positions[work.lost];

		worker_error(WARNING, ERRCODE_DATA_EXCEPTION,
					 "Set vnstream.on_lost_offsets to 'continue' to record the loss and go on from what Kafka has.",
					 "partition %d of topic \"%s\": offset " INT64_FORMAT
					 " is to be stored next, but Kafka has " INT64_FORMAT " to " INT64_FORMAT " only",
					 position->partition, config_topic, position->next_offset,
					 work.lows[work.lost], consumer.ends[work.lost]);
		worker_set_state(WORKER_FAILED, "an administrator: offsets are lost");
		consumer.ask_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), FAILED_RETRY_MS);
		pfree(work.lows);
		return false;
	}
	pfree(work.lows);

	options.broker = worker_broker_options();
	options.topic = config_topic;
	consumer.reader = reader_create(&options, text);
	assignment = palloc(sizeof(ReaderPosition) * (mine + 1));
	for (i = 0; i < mine; i++)
	{
		assignment[i].partition = consumer.positions[i].partition;
		assignment[i].offset = consumer.positions[i].next_offset;
		consumer.advances[i].partition = assignment[i].partition;
		consumer.advances[i].from_offset = assignment[i].offset;
		consumer.advances[i].next_offset = assignment[i].offset;
	}
	if (consumer.reader == NULL ||
		!reader_assign(consumer.reader, assignment, mine, text))
	{
		pfree(assignment);
		worker_error(LOG, ERRCODE_CONNECTION_FAILURE, NULL, "%s", text);
		return false;
	}
	pfree(assignment);
	consumer.is_claimed = true;
	consumer.has_lost_offsets = false;
	return true;
}

/*
 * The answer about the topic has come.
 */
static void
take_answer(void)
{
	TopicDescription topic;
	char		text[BROKER_ERROR_SIZE];
	BrokerQuery *query = consumer.query;
	int			i;

	consumer.query = NULL;
	consumer.ask_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ASK_INTERVAL_MS);
	if (!broker_query_finish(query, &topic, text))
	{
		worker_error(LOG, ERRCODE_CONNECTION_FAILURE,
					 "Check vnstream.brokers, and whether the brokers are up.", "%s", text);
		backoff_fail(&consumer.broker_backoff, 0);
		consumer.ask_at = consumer.broker_backoff.until;
		if (!consumer.is_claimed)
			worker_set_state(WORKER_BACKING_OFF, "the broker");
		return;
	}

	if (consumer.is_claimed &&
		(strcmp(topic.cluster_id, consumer.cluster_id) != 0 ||
		 topic.partition_count != consumer.partition_total ||
		 consumer.has_lost_offsets || wanted_shares() != consumer.shares))
		unclaim();
	if (!consumer.is_claimed)
	{
		consumer.ask_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ASK_INTERVAL_MS);
		if (!claim(&topic))
		{
			TimestampTz at = consumer.ask_at;

			unclaim();
			backoff_fail(&consumer.broker_backoff, 0);
			consumer.ask_at = Max(at, consumer.broker_backoff.until);
			topic_description_free(&topic);
			return;
		}
	}
	else
	{
		for (i = 0; i < topic.partition_count; i++)
		{
			int			mine = find_position(topic.partitions[i].partition);

			if (mine >= 0)
				consumer.ends[mine] = topic.partitions[i].high;
		}
	}
	backoff_succeed(&consumer.broker_backoff);
	topic_description_free(&topic);
	update_lag();
}

/*
 * What becomes of one message, judged from itself alone.  (Plain C but for the
 * memory of the reason: this is what a helper thread can take over.)
 */
static void
read_message(const ReaderEvent *event, int64 now, IngestMessage *message)
{
	char		reason[QUOTE_ERROR_SIZE];
	const char *rule = "form";

	message->fate = MESSAGE_IS_QUOTE;
	message->partition = event->partition;
	message->offset = event->offset;
	message->kafka_time = event->timestamp;
	message->key = event->key;
	message->key_length = event->key_length;
	message->value = event->value;
	message->value_length = event->value_length;
	message->code[0] = '\0';
	message->reason = NULL;

	if (quote_from_message(event->value, event->value_length, &message->quote, reason) &&
		rules_accept(&message->quote, now, &rule, reason))
		return;
	message->fate = MESSAGE_IS_DEAD;
	strlcpy(message->code, rule, sizeof(message->code));
	message->reason = MemoryContextStrdup(consumer.batch_context, reason);
}

/*
 * Fill the batch with whatever is queued, and never wait for more.
 */
static void
take_batch(void)
{
	int64		now = UNIX_FROM_TIMESTAMP(GetCurrentTimestamp());
	ReaderEvent event;
	int			i;

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

		mine = find_position(event.partition);
		advance = mine >= 0 ? &consumer.advances[mine] : NULL;
		switch (event.kind)
		{
			case READER_MESSAGE:
				/* what lies before the position was stored already */
				if (advance == NULL || event.offset < advance->next_offset)
					break;
				advance->next_offset = event.offset + 1;
				read_message(&event, now, &consumer.messages[consumer.count]);
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
				/* the topic may be gone: asking creates it anew */
				if (backoff_is_over(&consumer.broker_backoff))
				{
					backoff_fail(&consumer.broker_backoff, 0);
					consumer.ask_at = consumer.broker_backoff.until;
				}
				break;
		}
		reader_release(&event);
	}

	for (i = 0; i < consumer.position_count; i++)
		if (consumer.advances[i].next_offset != consumer.positions[i].next_offset)
			consumer.has_batch = true;
}

/*
 * Store the batch.  It stays where it is when the database could not take it.
 */
static void
store_batch(void)
{
	IngestBatch batch;
	PositionAdvance *advances;
	Position   *positions;
	StoreError	error;
	int64		stored = 0;
	int			moved = 0;
	int			i;

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
			unclaim();
			worker_set_state(WORKER_STARTING, "the broker");
			return;
		case STORE_DRIFT:
			worker_store_error(&error);
			ingest_forget_plans();
			worker_set_state(WORKER_FAILED, "an administrator: the database refuses rows");
			backoff_fail(&consumer.store_backoff, FAILED_RETRY_MS);
			return;
		case STORE_TRANSIENT:
			worker_store_error(&error);
			worker_set_state(WORKER_BACKING_OFF, "the database");
			backoff_fail(&consumer.store_backoff, 0);
			return;
	}

	backoff_succeed(&consumer.store_backoff);
	for (i = 0; i < moved; i++)
	{
		int			mine = find_position(positions[i].partition);

		consumer.positions[mine] = positions[i];
		consumer.advances[mine].from_offset = positions[i].next_offset;
		consumer.advances[mine].next_offset = positions[i].next_offset;
		stored += advances[i].stored;
	}
	worker_add(consumer.count, stored);
	drop_batch();
	consumer.commit_pending = true;
	update_lag();
	/* the other end of what the launcher's waiters wait for */
	ConditionVariableBroadcast(&shared_state->changed);
}

/*
 * Tell Kafka's group, once in a while.
 */
static void
commit_to_group(void)
{
	ReaderPosition *offsets;
	int			i;

	if (!consumer.commit_pending || ms_until(consumer.commit_at) > 0)
		return;
	offsets = palloc(sizeof(ReaderPosition) * (consumer.position_count + 1));
	for (i = 0; i < consumer.position_count; i++)
	{
		offsets[i].partition = consumer.positions[i].partition;
		offsets[i].offset = consumer.positions[i].next_offset;
	}
	(void) reader_commit(consumer.reader, offsets, consumer.position_count);
	pfree(offsets);
	consumer.commit_pending = false;
	consumer.commit_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), COMMIT_INTERVAL_MS);
}

static void
resize_batch(void)
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
 * One round of reading.  Answers whether there may be more right away.
 */
static bool
read_round(void)
{
	if (!consumer.has_batch)
		take_batch();
	if (consumer.has_batch && backoff_is_over(&consumer.store_backoff))
		store_batch();
	if (!consumer.is_claimed)
		return true;
	resize_batch();
	if (worker_take_notices(reader_client(consumer.reader)))
	{
		unclaim();
		backoff_fail(&consumer.broker_backoff, 0);
		consumer.ask_at = consumer.broker_backoff.until;
		return false;
	}
	commit_to_group();

	if (!consumer.has_batch)
	{
		if (consumer.position_count > 0)
			worker_set_state(WORKER_RUNNING, "messages");
		else
			worker_set_state(WORKER_RUNNING, "a partition: %d consumers share %d",
							 consumer.shares, consumer.partition_total);
	}
	return consumer.has_more && !consumer.has_batch;
}

static void
consumer_wait(bool at_once)
{
	WaitSource	sources[2];
	int			count = 0;
	long		timeout = at_once ? 0 : -1;

	memset(sources, 0, sizeof(sources));
	if (consumer.is_claimed && !consumer.has_batch)
	{
		sources[count].fd = reader_client(consumer.reader)->wake_read;
		sources[count++].wants_read = true;
	}
	if (consumer.query != NULL)
	{
		sources[count].fd = broker_query_fd(consumer.query);
		sources[count++].wants_read = true;
	}
	else
		timeout = sooner(timeout, ms_until(consumer.ask_at));
	if (consumer.has_batch)
		timeout = sooner(timeout, backoff_remaining(&consumer.store_backoff));
	if (consumer.commit_pending)
		timeout = sooner(timeout, ms_until(consumer.commit_at));
	worker_wait(sources, count, timeout);
}

void
consumer_main(void)
{
	char	   *brokers = pstrdup(config_brokers);
	char	   *topic = pstrdup(config_topic);
	char	   *group = pstrdup(config_group_id);

	consumer.batch_context = AllocSetContextCreate(TopMemoryContext, "vnstream batch",
												   ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(AllocSetContextCreate(TopMemoryContext, "vnstream consumer",
												ALLOCSET_DEFAULT_SIZES));
	before_shmem_exit(consumer_cleanup, 0);
	worker_set_state(WORKER_STARTING, "the broker");

	while (!worker_is_to_end())
	{
		bool		at_once = false;

		if (worker_reloaded() &&
			(strcmp(brokers, config_brokers) != 0 || strcmp(topic, config_topic) != 0 ||
			 strcmp(group, config_group_id) != 0))
			worker_restart("where to read from has changed");
		resize_batch();

		if (consumer.query != NULL && broker_query_is_done(consumer.query))
			take_answer();
		if (consumer.query == NULL && ms_until(consumer.ask_at) == 0 && !consumer.has_batch)
		{
			consumer.query = topic_ask(true);
			if (consumer.query == NULL)
			{
				backoff_fail(&consumer.broker_backoff, 0);
				consumer.ask_at = consumer.broker_backoff.until;
			}
		}
		if (consumer.is_claimed && wanted_shares() != consumer.shares)
			unclaim();
		if (consumer.is_claimed)
			at_once = read_round();
		consumer_wait(at_once);
	}
	consumer_cleanup(0, 0);
}
