/*-------------------------------------------------------------------------
 *
 * other_producer.c
 *	  A second live producer on the topic.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <inttypes.h>

#include "access/xlog.h"
#include "common/pg_prng.h"
#include "utils/timestamp.h"

#include "config.h"
#include "market/quote.h"
#include "workers/loop.h"
#include "workers/other_producer.h"
#include "workers/tell.h"

/* Of a batch, the first message is looked at, and from there on each so many'th. */
#define LOOK_EVERY 16

static bool is_seen;			/* producer: as of the last round */
static bool is_elder;

void
other_producer_begin(void)
{
	int64		now = UNIX_FROM_TIMESTAMP(GetCurrentTimestamp());
	uint64		random = pg_prng_uint64(&pg_global_prng_state);

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	if (worker_entry->instance.start == 0)
	{
		worker_entry->instance.start = now;
		worker_entry->instance.random = random;
	}
	LWLockRelease(shared_state->lock);
}

void
other_producer_published(int64 fetched_at)
{
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	if (fetched_at > worker_entry->instance.start)
		worker_entry->instance.is_published = true;
	LWLockRelease(shared_state->lock);
}

void
other_producer_end(void)
{
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	if (!shared_slot_is_wanted(worker_entry, worker_slot))
	{
		memset(&worker_entry->instance, 0, sizeof(ProducerInstance));
		memset(&worker_entry->other, 0, sizeof(OtherProducer));
	}
	LWLockRelease(shared_state->lock);
}

void
producer_node_text(char *text)
{
	char		name[NAMEDATALEN];

	LWLockAcquire(shared_state->lock, LW_SHARED);
	strlcpy(name, worker_entry->name, sizeof(name));
	LWLockRelease(shared_state->lock);
	snprintf(text, OTHER_NODE_SIZE, UINT64_FORMAT "/%s/%s", GetSystemIdentifier(), name,
			 config_node_name);
}

void
producer_instance_text(char *text)
{
	ProducerInstance instance;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	instance = worker_entry->instance;
	LWLockRelease(shared_state->lock);
	snprintf(text, INSTANCE_TEXT_SIZE, INT64_FORMAT "-%016" PRIx64,
			 instance.start, instance.random);
}

static bool
instance_from_text(const char *text, ProducerInstance *instance)
{
	char	   *end;

	errno = 0;
	instance->start = strtoll(text, &end, 10);
	if (errno != 0 || instance->start <= 0 || *end != '-')
		return false;
	text = end + 1;
	if (strspn(text, "0123456789abcdef") != 16 || text[16] != '\0')
		return false;
	instance->random = strtoull(text, NULL, 16);
	return true;
}

/*
 * For how long a second producer counts that is not seen any more: its sweeps
 * may be as far apart as ours.
 */
static int
window_ms(void)
{
	int			seconds = Max(3 * config_interval, Min(120, 12 * config_interval));

	return seconds * 1000;
}

/*
 * A message of another instance has been seen that was fetched since ours began.
 */
static void
note(const ProducerInstance *other, const ProducerInstance *mine, const char *node)
{
	TimestampTz now = GetCurrentTimestamp();
	char		own_node[OTHER_NODE_SIZE];
	OtherProducer *noted = &worker_entry->other;

	producer_node_text(own_node);
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	if (!shared_other_is_seen(noted, now))
		noted->since = now;
	noted->seen = now;
	if (other->start < mine->start ||
		(other->start == mine->start && other->random < mine->random))
		noted->elder_seen = now;
	noted->window_ms = window_ms();
	strlcpy(noted->node, node, sizeof(noted->node));
	noted->is_copy = strcmp(node, own_node) == 0;
	LWLockRelease(shared_state->lock);
}

void
other_producer_look(const ReaderEvent *event, int index)
{
	static ProducerInstance mine;	/* start 0: no producer is to run here */
	ProducerInstance other;
	char		text[OTHER_NODE_SIZE];
	int64		fetched_at;

	if (index % LOOK_EVERY != 0)
		return;
	if (index == 0)
	{
		LWLockAcquire(shared_state->lock, LW_SHARED);
		mine = worker_entry->instance;
		if (!shared_slot_is_wanted(worker_entry, &worker_entry->workers[0]))
			mine.start = 0;
		LWLockRelease(shared_state->lock);
	}
	if (mine.start == 0 ||
		!reader_header(event, "instance", text, sizeof(text)) ||
		!instance_from_text(text, &other) ||
		(other.start == mine.start && other.random == mine.random) ||
		!reader_header(event, "fetched-at", text, sizeof(text)) ||
		!time_from_text(text, strlen(text), &fetched_at) || fetched_at <= mine.start ||
		!reader_header(event, "node", text, sizeof(text)))
		return;
	note(&other, &mine, text);
}

void
other_producer_round(void)
{
	TimestampTz now = GetCurrentTimestamp();
	OtherProducer other;
	char		node[OTHER_NODE_SIZE];

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	is_seen = shared_other_is_seen(&worker_entry->other, now);
	/* nobody would see a second one that is silent from the start */
	is_elder = shared_other_is_elder(&worker_entry->other, now) &&
		worker_entry->instance.is_published;
	other = worker_entry->other;
	worker_entry->other.is_told = is_seen;
	LWLockRelease(shared_state->lock);

	if (is_seen && !other.is_told)
	{
		one_line(node, sizeof(node), other.node);
		worker_error(WARNING, ERRCODE_OBJECT_IN_USE,
					 "Stop one of the two. On a copy of this server set vnstream.enabled = off.",
					 "a second producer, %s %s, publishes to topic \"%s\"; this one, the %s",
					 other.is_copy ? "a copy of this server, node" : "node", node,
					 config_topic,
					 shared_other_is_elder(&other, now) ? "younger, pauses its sweeps" : "older, goes on");
	}
	else if (!is_seen && other.is_told)
		worker_tell(EVENT_INFO, LOG, ERRCODE_SUCCESSFUL_COMPLETION,
					"no second producer has been seen for %d s", other.window_ms / 1000);
}

bool
other_producer_is_seen(void)
{
	return is_seen;
}

bool
other_producer_is_elder(void)
{
	return is_elder;
}
