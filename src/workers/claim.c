/*-------------------------------------------------------------------------
 *
 * claim.c
 *	  Which partitions a consumer owns, and from which offsets.
 *
 * Consumer k of n owns the partitions p with p mod n = k - 1.  Claiming raises
 * the generation of their positions, so whoever owned them before can store
 * nothing more.  A topic that turns out to be another one than that of the
 * positions is a new epoch, in which all partitions begin at their beginning.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "config.h"
#include "workers/consumer.h"
#include "workers/log_check.h"
#include "workers/recovery.h"
#include "workers/tell.h"
#include "workers/timing.h"
#include "workers/topic.h"

/* How often partitions and watermarks are asked for while reading. */
#define ASK_INTERVAL_MS 10000

/* How soon after a first look that says that the topic is another one. */
#define CONFIRM_MS 2000

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
	int32		ended_epoch;	/* the topic is another one since; 0: it is not */
	bool		must_confirm;	/* that it is another one is to be seen twice */
	char		why_other[256]; /* by what that is seen; '' it is not */
} ClaimWork;

/* What claims of a topic of any number of partitions need; free_work() frees it. */
static void
begin_work(ClaimWork *work, const TopicDescription *topic)
{
	int			size = topic->partition_count + 1;

	memset(work, 0, sizeof(*work));
	work->topic = topic;
	work->lows = palloc0(sizeof(int64) * size);
	work->skipped_from = palloc0(sizeof(int64) * size);
}

static void
free_work(ClaimWork *work)
{
	pfree(work->lows);
	pfree(work->skipped_from);
}

/*
 * Is the topic another one than that of the positions?  Kafka takes no partition
 * away and shortens no log that it keeps, but a topic can be deleted and made
 * anew, and a log be restored from a copy.
 */
static void
see_whether_other(ClaimWork *work, int32 last_partition)
{
	const Position *read = &consumer.other_log;
	int			i;

	if (last_partition >= work->topic->partition_count)
		snprintf(work->why_other, sizeof(work->why_other),
				 "partition %d was read before, and it has %d now",
				 last_partition, work->topic->partition_count);
	for (i = 0; i < consumer.position_count && work->why_other[0] == '\0'; i++)
	{
		const Position *position = &consumer.positions[i];

		if (position->next_offset > consumer.ends[i])
			snprintf(work->why_other, sizeof(work->why_other),
					 "partition %d is to be read from offset " INT64_FORMAT
					 ", and ends at " INT64_FORMAT " now",
					 position->partition, position->next_offset, consumer.ends[i]);
		else if (consumer.has_other_log && position->partition == read->partition &&
				 position->epoch == read->epoch &&
				 position->next_offset == read->next_offset &&
				 position->last_offset == read->last_offset)
			snprintf(work->why_other, sizeof(work->why_other),
					 "partition %d has another message at offset " INT64_FORMAT
					 " than the one that was read there before",
					 position->partition, position->last_offset);
	}
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
	work->lost = -1;
	work->ended_epoch = 0;
	work->must_confirm = false;
	work->why_other[0] = '\0';
	if (consumer.position_count == 0)
		return;

	store_catalog_get(&catalog);
	position_claim(&catalog, &key, 1, consumer.positions, work->lows,
				   consumer.position_count);
	see_whether_other(work, position_last_partition(&catalog, &key));
	if (work->why_other[0] != '\0')
	{
		if (config_on_lost_offsets == LOST_OFFSETS_STOP)
			return;

		/* a leader that has just been chosen may not know the end yet */
		if (!consumer.has_other_log && !consumer.is_other_topic)
		{
			consumer.is_other_topic = work->must_confirm = true;
			return;
		}
		work->ended_epoch = consumer.positions[0].epoch;
		position_end_epoch(&catalog, &key, work->ended_epoch);
		position_claim(&catalog, &key, work->ended_epoch + 1, consumer.positions,
					   work->lows, consumer.position_count);
	}

	for (i = 0; i < consumer.position_count; i++)
	{
		Position   *position = &consumer.positions[i];

		work->skipped_from[i] = -1;
		if (position->next_offset >= work->lows[i])
			continue;
		if (config_on_lost_offsets == LOST_OFFSETS_STOP)
		{
			work->lost = i;
			continue;
		}
		work->skipped_from[i] = position->next_offset;
		position_skip(&catalog, &key, position, work->lows[i], "offsets lost");
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

	if (work->ended_epoch > 0)
		worker_tell(EVENT_WARNING, WARNING, ERRCODE_DATA_EXCEPTION,
					"topic \"%s\" is another one than before: %s; it is read from its beginning, as epoch %d, and what of epoch %d was not stored is lost",
					config_topic, work->why_other, work->ended_epoch + 1, work->ended_epoch);
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

/*
 * Does what is claimed wait for an administrator?  Tells so.
 */
static bool
must_wait(const ClaimWork *work)
{
	if (work->must_confirm)
	{
		worker_back_off(0, "the broker: the topic looks like another one than before");
		consumer.ask_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), CONFIRM_MS);
		return true;
	}
	if (work->why_other[0] != '\0' && work->ended_epoch == 0)
	{
		worker_error(WARNING, ERRCODE_DATA_EXCEPTION,
					 "Set vnstream.on_lost_offsets to 'continue' to read it from its beginning; what is stored already counts as duplicates. Where the old log comes back, vnstream_restart('consumer') looks again.",
					 "topic \"%s\" was made anew, or its log was cut short: %s",
					 config_topic, work->why_other);
		worker_set_state(WORKER_FAILED, "an administrator: the topic is another one than before");
	}
	else if (work->lost >= 0)
	{
		const Position *position = &consumer.positions[work->lost];

		worker_error(WARNING, ERRCODE_DATA_EXCEPTION,
					 "Set vnstream.on_lost_offsets to 'continue' to record the loss and go on from what Kafka has.",
					 "partition %d of topic \"%s\": offset " INT64_FORMAT
					 " is to be stored next, but Kafka has " INT64_FORMAT " to " INT64_FORMAT " only",
					 position->partition, config_topic, position->next_offset,
					 work->lows[work->lost], consumer.ends[work->lost]);
		worker_set_state(WORKER_FAILED, "an administrator: offsets are lost");
	}
	else
		return false;
	consumer.ask_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), FAILED_RETRY_MS);
	return true;
}

/*
 * Which of the topic's partitions are this consumer's, in work and in consumer.
 * False where one of them cannot be read now.
 */
static bool
take_share(const TopicDescription *topic, ClaimWork *work)
{
	int			size = topic->partition_count + 1;
	int			mine = 0;
	int			i;

	if (consumer.positions != NULL)
	{
		pfree(consumer.positions);
		pfree(consumer.advances);
		pfree(consumer.ends);
		pfree(consumer.asked_offsets);
		pfree(consumer.is_unchecked);
	}
	consumer.positions = palloc0(sizeof(Position) * size);
	consumer.advances = palloc0(sizeof(PositionAdvance) * size);
	consumer.ends = palloc0(sizeof(int64) * size);
	consumer.asked_offsets = palloc0(sizeof(int64) * size);
	consumer.is_unchecked = palloc0(sizeof(bool) * size);
	consumer.position_count = 0;
	for (i = 0; i < topic->partition_count; i++)
	{
		const TopicPartition *partition = &topic->partitions[i];

		if (partition->partition % consumer.shares != worker_slot->number - 1)
			continue;
		if (partition->low < 0 || partition->high < 0)
		{
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
		work->lows[mine] = partition->low;
		mine++;
	}
	consumer.position_count = mine;
	return true;
}

/*
 * Begin to read what is claimed.
 */
static bool
assign(const ClaimWork *work)
{
	ReaderPosition *assignment = palloc(sizeof(ReaderPosition) * (consumer.position_count + 1));
	ReaderOptions options;
	char		text[BROKER_ERROR_SIZE];
	bool		is_good;
	int			i;

	options.broker = worker_broker_options();
	options.topic = config_topic;
	consumer.reader = reader_create(&options, text);
	for (i = 0; i < consumer.position_count; i++)
	{
		const Position *position = &consumer.positions[i];

		assignment[i].partition = position->partition;
		assignment[i].offset = log_check_start(position, work->lows[i]);
		consumer.is_unchecked[i] = assignment[i].offset != position->next_offset;
		if (position->last_offset >= 0 && position->last_offset < work->lows[i])
			log_check_tell_unknown(position);
		consumer.advances[i].partition = position->partition;
		consumer.advances[i].from_offset = position->next_offset;
		consumer.advances[i].next_offset = position->next_offset;
		consumer.advances[i].last_offset = -1;
	}
	is_good = consumer.reader != NULL &&
		reader_assign(consumer.reader, assignment, consumer.position_count, text);
	pfree(assignment);
	if (!is_good)
	{
		worker_error(LOG, ERRCODE_CONNECTION_FAILURE, NULL, "%s", text);
		worker_back_off(0, "the broker");
	}
	return is_good;
}

static bool
claim(const TopicDescription *topic)
{
	ClaimWork	work;
	StoreError	error;
	bool		is_claimed = false;

	consumer.shares = consumer_wanted_shares();
	consumer.partition_total = topic->partition_count;
	strlcpy(consumer.cluster_id, topic->cluster_id, sizeof(consumer.cluster_id));

	MemoryContextReset(consumer.batch_context);
	begin_work(&work, topic);
	if (!take_share(topic, &work))
		;
	else if (store_transaction(claim_positions, &work, "claiming partitions",
							   BATCH_TIMEOUT_MS, &error) != STORE_DONE)
	{
		worker_store_error(&error);
		if (error.outcome == STORE_GONE)
			worker_leave();
		worker_set_state(error.outcome == STORE_DRIFT ? WORKER_FAILED : WORKER_BACKING_OFF,
						 "the database");
	}
	else if (!must_wait(&work))
	{
		tell_claim(&work);
		is_claimed = assign(&work);
	}
	free_work(&work);
	if (!is_claimed)
		return false;

	consumer.is_claimed = true;
	worker_set_partitions(consumer.position_count);
	consumer.has_lost_offsets = false;
	consumer.has_damage = false;
	consumer.has_other_log = false;
	consumer.is_other_topic = false;
	/* what a crash kept from the group, or somebody has reset */
	consumer.commit_pending = true;
	return true;
}

void
consumer_note_asked(void)
{
	int			i;

	for (i = 0; consumer.is_claimed && i < consumer.position_count; i++)
		consumer.asked_offsets[i] = consumer.positions[i].next_offset;
}

/*
 * A log that ends before what was read of it when it was asked for.
 */
static bool
is_cut(const TopicDescription *topic)
{
	int			i;

	for (i = 0; i < topic->partition_count; i++)
	{
		int			mine = consumer_find_position(topic->partitions[i].partition);

		if (mine >= 0 && topic->partitions[i].high >= 0 &&
			topic->partitions[i].high < consumer.asked_offsets[mine])
			return true;
	}
	return false;
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
		 consumer.has_lost_offsets || consumer_wanted_shares() != consumer.shares ||
		 is_cut(&topic)))
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
