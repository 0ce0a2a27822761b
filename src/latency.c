/*-------------------------------------------------------------------------
 *
 * latency.c
 *	  How long messages take on each part of their way, and how many pass.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "latency.h"

#define TRANCHE_NAME "vnstock_stream latency"

/* Runs and moves that are gathered before they are handed over. */
#define GATHERED_MAX 256

/*
 * How long a consumer's word about a partition holds for acknowledgements that
 * come after it.  A topic made anew counts its offsets from 0 again; a delivery
 * report is never handled that late.
 */
#define CONSUMED_HOLDS_MS 60000

/* Offsets that Kafka acknowledged one after the other, not consumed so far. */
typedef struct AcknowledgedRun
{
	int64		first_offset;
	TimestampTz at;
	int32		partition;
	uint32		count;			/* 0: all of it is consumed */
} AcknowledgedRun;

/* How far a partition was consumed. */
typedef struct ConsumedPartition
{
	int64		next_offset;
	TimestampTz at;				/* when that was told; 0: never */
} ConsumedPartition;

typedef struct LatencyEntry
{
	Oid			database;
	uint32		topic_hash;		/* of what the runs are about */
	HistogramRing rings[LATENCY_HOPS];
	uint64		first_run;		/* runs from here to next_run are kept, */
	uint64		next_run;		/* each at its number modulo LATENCY_RUNS */
	AcknowledgedRun runs[LATENCY_RUNS];
	ConsumedPartition consumed[LATENCY_PARTITIONS];
} LatencyEntry;

/* max_databases of them, and as many locks */
static LatencyEntry *latency_entries = NULL;
static LWLockPadded *latency_locks;

/* This worker's, and what it has gathered. */
static int	own_index = -1;
static uint32 own_topic_hash;
static Histogram gathered[LATENCY_HOPS];
static AcknowledgedRun gathered_runs[GATHERED_MAX];
static int	run_count;
static AcknowledgedRun gathered_moves[GATHERED_MAX];	/* first_offset is next */
static int	move_count;

static Size
latency_size(void)
{
	return mul_size(config_max_databases, sizeof(LatencyEntry));
}

void
latency_request(void)
{
	RequestAddinShmemSpace(latency_size());
	RequestNamedLWLockTranche(TRANCHE_NAME, config_max_databases);
}

void
latency_start(void)
{
	bool		found;

	latency_entries = ShmemInitStruct("vnstock_stream latency", latency_size(), &found);
	if (!found)
		memset(latency_entries, 0, latency_size());
	latency_locks = GetNamedLWLockTranche(TRANCHE_NAME);
}

/*
 * This worker's entry, locked; emptied where it was another database's.
 */
static LatencyEntry *
own_entry(void)
{
	LatencyEntry *entry = &latency_entries[own_index];

	LWLockAcquire(&latency_locks[own_index].lock, LW_EXCLUSIVE);
	if (entry->database != MyDatabaseId)
	{
		memset(entry, 0, sizeof(*entry));
		entry->database = MyDatabaseId;
	}
	return entry;
}

static void
release_entry(void)
{
	LWLockRelease(&latency_locks[own_index].lock);
}

void
latency_begin(const DatabaseEntry *entry, const char *topic_name, bool publishes)
{
	LatencyEntry *own;

	own_index = (int) (entry - shared_state->entries);
	own_topic_hash = hash_bytes((const unsigned char *) topic_name, strlen(topic_name));
	if (!publishes)
		return;

	own = own_entry();
	if (own->topic_hash != own_topic_hash)
	{
		own->first_run = own->next_run = 0;
		memset(own->consumed, 0, sizeof(own->consumed));
		own->topic_hash = own_topic_hash;
	}
	release_entry();
}

void
latency_note(LatencyHop hop, TimestampTz from, TimestampTz to)
{
	histogram_add(&gathered[hop], to - from, 1);
}

void
latency_acknowledged(int32 partition, int64 offset, TimestampTz at)
{
	AcknowledgedRun *last = run_count > 0 ? &gathered_runs[run_count - 1] : NULL;

	if (offset < 0 || partition < 0 || partition >= LATENCY_PARTITIONS)
		return;
	if (last != NULL && last->partition == partition && last->at == at &&
		last->first_offset + last->count == offset)
	{
		last->count++;
		return;
	}
	if (run_count == GATHERED_MAX)
		latency_flush();
	last = &gathered_runs[run_count++];
	last->partition = partition;
	last->first_offset = offset;
	last->at = at;
	last->count = 1;
}

void
latency_consumed(int32 partition, int64 next_offset, TimestampTz at)
{
	AcknowledgedRun *move;

	if (partition < 0 || partition >= LATENCY_PARTITIONS)
		return;
	if (move_count == GATHERED_MAX)
		latency_flush();
	move = &gathered_moves[move_count++];
	move->partition = partition;
	move->first_offset = next_offset;
	move->at = at;
}

/*
 * Keep the run, but for what a consumer was faster with.
 */
static void
keep_run(LatencyEntry *entry, AcknowledgedRun run, TimestampTz now)
{
	const ConsumedPartition *consumed = &entry->consumed[run.partition];

	if (consumed->at != 0 && consumed->next_offset > run.first_offset &&
		!TimestampDifferenceExceeds(consumed->at, now, CONSUMED_HOLDS_MS))
	{
		uint32		early = (uint32) Min((int64) run.count,
										 consumed->next_offset - run.first_offset);

		histogram_add(&gathered[LATENCY_ACKNOWLEDGED_CONSUMED], 0, early);
		run.first_offset += early;
		run.count -= early;
	}
	if (run.count == 0)
		return;
	entry->runs[entry->next_run++ % LATENCY_RUNS] = run;
	if (entry->next_run - entry->first_run > LATENCY_RUNS)
		entry->first_run++;
}

/*
 * Count what of the kept runs lies before the moves' ends.
 */
static void
take_runs(LatencyEntry *entry, TimestampTz now)
{
	uint64		number;
	int			i;

	for (i = 0; i < move_count; i++)
	{
		ConsumedPartition *consumed = &entry->consumed[gathered_moves[i].partition];

		consumed->next_offset = gathered_moves[i].first_offset;
		consumed->at = now;
	}
	for (number = entry->first_run; number < entry->next_run; number++)
	{
		AcknowledgedRun *run = &entry->runs[number % LATENCY_RUNS];
		const ConsumedPartition *consumed = &entry->consumed[run->partition];
		uint32		done;

		/* told in this call: only then is it known when they were taken */
		if (run->count == 0 || consumed->at != now ||
			consumed->next_offset <= run->first_offset)
			continue;
		done = (uint32) Min((int64) run->count, consumed->next_offset - run->first_offset);
		histogram_add(&gathered[LATENCY_ACKNOWLEDGED_CONSUMED],
					  gathered_moves[0].at - run->at, done);
		run->first_offset += done;
		run->count -= done;
	}
	while (entry->first_run < entry->next_run &&
		   entry->runs[entry->first_run % LATENCY_RUNS].count == 0)
		entry->first_run++;
}

void
latency_flush(void)
{
	LatencyEntry *entry;
	TimestampTz now = GetCurrentTimestamp();
	int			i;

	if (own_index < 0)
		return;
	entry = own_entry();
	if (entry->topic_hash == own_topic_hash)
	{
		for (i = 0; i < run_count; i++)
			keep_run(entry, gathered_runs[i], now);
		if (move_count > 0)
			take_runs(entry, now);
	}
	for (i = 0; i < LATENCY_HOPS; i++)
		if (gathered[i].count > 0)
			histogram_ring_add(&entry->rings[i], now, &gathered[i]);
	release_entry();

	run_count = move_count = 0;
	for (i = 0; i < LATENCY_HOPS; i++)
		if (gathered[i].count > 0)
			memset(&gathered[i], 0, sizeof(Histogram));
}

void
latency_read(Oid database, TimestampTz now, LatencyFigures figures[LATENCY_HOPS])
{
	DatabaseEntry *entry;
	int			index;
	int			i;

	memset(figures, 0, sizeof(LatencyFigures) * LATENCY_HOPS);
	LWLockAcquire(shared_state->lock, LW_SHARED);
	entry = shared_entry_find(database);
	index = entry != NULL ? (int) (entry - shared_state->entries) : -1;
	LWLockRelease(shared_state->lock);
	if (index < 0)
		return;

	for (i = 0; i < LATENCY_HOPS; i++)
	{
		/* hop by hop, so that no worker waits for the whole sum */
		LWLockAcquire(&latency_locks[index].lock, LW_SHARED);
		if (latency_entries[index].database == database)
			figures[i].day = histogram_ring_read(&latency_entries[index].rings[i], now,
												 &figures[i].minute, &figures[i].hour);
		LWLockRelease(&latency_locks[index].lock);
	}
}

const char *
latency_hop_name(LatencyHop hop)
{
	switch (hop)
	{
		case LATENCY_MATCH_FETCHED:
			return "match → fetched";
		case LATENCY_FETCHED_ACKNOWLEDGED:
			return "fetched → acknowledged";
		case LATENCY_ACKNOWLEDGED_CONSUMED:
			return "acknowledged → consumed";
		case LATENCY_CONSUMED_COMMITTED:
			return "consumed → committed";
		case LATENCY_FETCHED_COMMITTED:
			return "fetched → committed";
		case LATENCY_MATCH_COMMITTED:
			return "match → committed";
		case LATENCY_HOPS:
			break;
	}
	return "?";
}
