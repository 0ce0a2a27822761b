/*-------------------------------------------------------------------------
 *
 * claim.c
 *	  Which partitions a consumer owns, and from which offsets.
 *
 * Consumer k of n owns the partitions p with p mod n = k - 1.  Claiming raises
 * the generation of their positions, so whoever owned them before can store
 * nothing more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "config.h"
#include "workers/consumer.h"
#include "workers/recovery.h"
#include "workers/tell.h"
#include "workers/timing.h"
#include "workers/topic.h"

/* How often partitions and watermarks are asked for while reading. */
#define ASK_INTERVAL_MS 10000

/*
 * Failures in a row that are an outage.  Whoever met a single one waits for a
 * second only; and a partition that fails over and over, while its topic can be
 * asked for, must not keep the others awake.
 */
#define OUTAGE_FAILURES 2

int
consumer_wanted_shares(void)
{
	int			shares;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	shares = shared_entry_consumers(worker_entry);
	LWLockRelease(shared_state->lock);
	return Max(shares, 1);
}

int
consumer_find_position(int32 partition)
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

void
consumer_update_lag(void)
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
 * Give up what is assigned; the next answer about the topic claims anew.
 */
void
consumer_unclaim(void)
{
	batch_drop();
	timing_forget();
	if (consumer.reader != NULL)
		reader_destroy(consumer.reader);
	consumer.reader = NULL;
	consumer.is_claimed = false;
	consumer.commit_pending = false;
	consumer.ask_at = 0;
	worker_set_partitions(-1);
}

/*
 * Claiming, in store_transaction().
 */
typedef struct ClaimWork
{
	const TopicDescription *topic;
	int64	   *lows;
	int64	   *skipped_from;	/* of each position; -1: nothing is skipped */
	int			lost;			/* index of a position without its offset, or -1 */
} ClaimWork;

static void
free_work(ClaimWork *work)
{
	pfree(work->lows);
	pfree(work->skipped_from);
}

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

		work->skipped_from[i] = -1;
		if (position->next_offset >= low && position->next_offset <= high)
			continue;
		if (config_on_lost_offsets == LOST_OFFSETS_STOP)
		{
			work->lost = i;
			continue;
		}
		work->skipped_from[i] = position->next_offset;
		position_skip(&catalog, &key, position, low,
					  position->next_offset < low ? "offsets lost" : POSITION_LOG_TRUNCATED);
	}
}

/*
 * What was claimed, and what was lost on the way: after the commit.
 */
static void
tell_claim(const ClaimWork *work)
{
	StringInfoData list;
	int			i;

	initStringInfo(&list);
	for (i = 0; i < consumer.position_count; i++)
	{
		const Position *position = &consumer.positions[i];

		appendStringInfo(&list, "%s%d from offset " INT64_FORMAT, i > 0 ? ", " : "",
						 position->partition, position->next_offset);
		if (work->skipped_from[i] >= 0)
			worker_tell(EVENT_WARNING, WARNING, ERRCODE_DATA_EXCEPTION,
						"partition %d of topic \"%s\": offset " INT64_FORMAT
						" was to be stored next and is lost; goes on at " INT64_FORMAT,
						position->partition, config_topic, work->skipped_from[i],
						position->next_offset);
	}
	worker_tell(EVENT_INFO, 0, ERRCODE_SUCCESSFUL_COMPLETION,
				"claimed %d of %d partitions of topic \"%s\": %s", consumer.position_count,
				consumer.partition_total, config_topic, list.len > 0 ? list.data : "none");
	pfree(list.data);
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

	consumer.shares = consumer_wanted_shares();
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
	work.skipped_from = palloc0(sizeof(int64) * (topic->partition_count + 1));
	for (i = 0; i < topic->partition_count; i++)
	{
		const TopicPartition *partition = &topic->partitions[i];

		if (partition->partition % consumer.shares != worker_slot->number - 1)
			continue;
		if (partition->low < 0 || partition->high < 0)
		{
			free_work(&work);
			worker_error(LOG, ERRCODE_CONNECTION_FAILURE,
						 "Check that all brokers of the cluster are up.",
						 "partition %d of topic \"%s\" has no leader that answers",
						 partition->partition, config_topic);
			worker_back_off(0, "the broker: partition %d has no leader that answers",
							partition->partition);
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
		free_work(&work);
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
		free_work(&work);
		return false;
	}
	tell_claim(&work);
	free_work(&work);

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
		worker_back_off(0, "the broker");
		return false;
	}
	pfree(assignment);
	consumer.is_claimed = true;
	worker_set_partitions(mine);
	consumer.has_lost_offsets = false;
	consumer.has_damage = false;
	/* what a crash kept from the group, or somebody has reset */
	consumer.commit_pending = true;
	return true;
}

/*
 * The answer about the topic has come.
 */
void
consumer_take_answer(void)
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
			worker_back_off(consumer.ask_at, "the broker");
		return;
	}

	if (consumer.is_claimed &&
		(strcmp(topic.cluster_id, consumer.cluster_id) != 0 ||
		 topic.partition_count != consumer.partition_total ||
		 consumer.has_lost_offsets || consumer_wanted_shares() != consumer.shares))
		consumer_unclaim();
	if (!consumer.is_claimed)
	{
		consumer.ask_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ASK_INTERVAL_MS);
		if (!claim(&topic))
		{
			TimestampTz at = consumer.ask_at;

			consumer_unclaim();
			backoff_fail(&consumer.broker_backoff, 0);
			consumer.ask_at = Max(at, consumer.broker_backoff.until);
			worker_retry_at(consumer.ask_at);
			topic_description_free(&topic);
			return;
		}
	}
	else
	{
		for (i = 0; i < topic.partition_count; i++)
		{
			int			mine = consumer_find_position(topic.partitions[i].partition);

			if (mine >= 0)
				consumer.ends[mine] = topic.partitions[i].high;
		}
	}
	recovery_reached(consumer.broker_backoff.failures >= OUTAGE_FAILURES);
	backoff_succeed(&consumer.broker_backoff);
	topic_description_free(&topic);
	consumer_update_lag();
}
