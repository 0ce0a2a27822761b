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
 * Being fenced, new partitions, another number of consumers, lost offsets and a
 * log that is another one all lead back to ASK.  A batch that met a transient error of the database is
 * kept and tried again as it is.  Consumer 1 also drops old months.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "config.h"
#include "workers/consumer.h"
#include "workers/launcher.h"
#include "workers/notices.h"
#include "workers/recovery.h"
#include "workers/retention_work.h"
#include "workers/timing.h"
#include "workers/topic.h"
#include "workers/warm.h"

/* How often stored offsets are committed to Kafka's group. */
#define COMMIT_INTERVAL_MS 1000

Consumer	consumer;

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

/*
 * Tell Kafka's group, once in a while.
 */
static void
commit_to_group(void)
{
	ReaderPosition *offsets;
	int			i;

	if (reader_commit_failed(consumer.reader))
		consumer.commit_pending = true;
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

/*
 * One round of reading.  Answers whether there may be more right away.
 */
static bool
read_round(void)
{
	if (!consumer.has_batch)
		batch_take();
	if (consumer.has_batch && backoff_is_over(&consumer.store_backoff))
		batch_store();
	if (!consumer.is_claimed)
		return true;
	if (consumer.has_other_log)
	{
		consumer_unclaim();
		return false;
	}
	if (consumer.has_damage && !consumer.has_batch)
	{
		/* all before it is stored; look again whether it can be read now */
		consumer_unclaim();
		consumer.ask_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), FAILED_RETRY_MS);
		worker_set_state(WORKER_FAILED, "an administrator: a message in Kafka is damaged");
		return false;
	}
	batch_resize();
	if (worker_take_notices(reader_client(consumer.reader)))
	{
		consumer_unclaim();
		backoff_fail(&consumer.broker_backoff, 0);
		consumer.ask_at = consumer.broker_backoff.until;
		return false;
	}
	commit_to_group();

	if (!consumer.has_batch)
	{
		if (consumer.broker_backoff.failures > 0)
			worker_back_off(consumer.ask_at, "the broker");
		else if (consumer.position_count > 0)
			worker_set_state(WORKER_RUNNING, "messages");
		else
			worker_set_state(WORKER_RUNNING,
							 "a partition: %d consumers share %d; SELECT vnstream_alter_topic(partitions => %d)",
							 consumer.shares, consumer.partition_total, consumer.shares);
	}
	return consumer.has_more && !consumer.has_batch;
}

/*
 * Changes of the topic that sessions of this database have made so far.
 */
static uint64
topic_changes(void)
{
	uint64		changes;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	changes = worker_entry->topic_changes;
	LWLockRelease(shared_state->lock);
	return changes;
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
	else if (!consumer.has_batch)
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
	timing_begin(false);
	warm_begin();
	worker_set_state(WORKER_STARTING, "the broker");

	while (!worker_is_to_end())
	{
		bool		at_once = false;

		if (worker_reloaded() &&
			(strcmp(brokers, config_brokers) != 0 || strcmp(topic, config_topic) != 0 ||
			 strcmp(group, config_group_id) != 0 || worker_broker_file_changed()))
			worker_restart("where to read from has changed");
		batch_resize();
		warm_round();

		if (consumer.query != NULL && broker_query_is_done(consumer.query))
			consumer_take_answer();
		if (consumer.query == NULL && !consumer.has_batch &&
			(ms_until(consumer.ask_at) == 0 || consumer.topic_changes != topic_changes() ||
			 (consumer.broker_backoff.failures > 0 && recovery_is_heard())))
		{
			recovery_try();
			/* before asking: what changes meanwhile is asked for once more */
			consumer.topic_changes = topic_changes();
			consumer_note_asked();
			consumer.query = topic_ask(true);
			if (consumer.query == NULL)
			{
				backoff_fail(&consumer.broker_backoff, 0);
				consumer.ask_at = consumer.broker_backoff.until;
				if (!consumer.is_claimed)
					worker_back_off(consumer.ask_at, "the broker");
			}
		}
		if (consumer.is_claimed && consumer_wanted_shares() != consumer.shares)
			consumer_unclaim();
		if (consumer.is_claimed)
			at_once = read_round();
		if (worker_slot->number == 1 && !consumer.has_batch)
			at_once = retention_round() || at_once;
		consumer_wait(at_once);
	}
	consumer_cleanup(0, 0);
}
