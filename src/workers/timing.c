/*-------------------------------------------------------------------------
 *
 * timing.c
 *	  What producer and consumer tell latency.h, and about which messages.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "config.h"
#include "workers/loop.h"
#include "workers/timing.h"

/*
 * Tickers that are remembered.  The market has some two thousand; anybody who
 * may write to the topic can invent more, and then all are forgotten.
 */
#define TICKERS_MAX 20000

/* How far the exchange's clock may be ahead of this server's. */
#define AHEAD_MAX USECS_PER_MINUTE

typedef struct LastMatch
{
	char		ticker[TICKER_MAX + 1];
	int64		match_time;		/* µs since 1970; 0: had none */
} LastMatch;

static HTAB *last_matches = NULL;

void
timing_begin(bool publishes)
{
	char	   *topic = psprintf("%s %s", config_topic, config_brokers);

	latency_begin(worker_entry, topic, publishes);
	pfree(topic);
	timing_forget();
}

void
timing_forget(void)
{
	HASHCTL		control;

	if (last_matches != NULL)
		hash_destroy(last_matches);
	memset(&control, 0, sizeof(control));
	control.keysize = TICKER_MAX + 1;
	control.entrysize = sizeof(LastMatch);
	control.hcxt = TopMemoryContext;
	last_matches = hash_create("vnstream last matches", 2048, &control,
							   HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

/*
 * Is this the first quote that tells of its match?
 */
static bool
tells_new_match(const Quote *quote)
{
	LastMatch  *last;
	bool		is_known;
	bool		is_new;

	if (hash_get_num_entries(last_matches) >= TICKERS_MAX)
		timing_forget();
	last = hash_search(last_matches, quote->ticker, HASH_ENTER, &is_known);
	if (!is_known)
		last->match_time = 0;
	/* one that is yet to come must not hide those after it */
	if (!quote_knows(quote, QUOTE_MATCH_TIME) ||
		quote->match_time - quote->time > AHEAD_MAX)
		return false;

	/*
	 * Later, not only another: where the source answers from several caches, one
	 * that lags behind must not make the same trade new again.
	 */
	is_new = is_known && quote->match_time > last->match_time;
	last->match_time = Max(last->match_time, quote->match_time);
	return is_new;
}

void
timing_published(const Quote *quote)
{
	if (tells_new_match(quote))
		latency_note(LATENCY_MATCH_FETCHED, quote->match_time, quote->time);
}

void
timing_acknowledged(int64 fetched_at, const PublisherReport *report, TimestampTz now)
{
	latency_note(LATENCY_FETCHED_ACKNOWLEDGED, fetched_at, UNIX_FROM_TIMESTAMP(now));
	latency_acknowledged(report->partition, report->offset, now);
}

void
timing_committed(const IngestBatch *batch, TimestampTz taken_at)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		unix_now = UNIX_FROM_TIMESTAMP(now);
	int			i;

	for (i = 0; i < batch->count; i++)
	{
		const IngestMessage *message = &batch->messages[i];

		if (message->fate != MESSAGE_STORED)
			continue;
		latency_note(LATENCY_CONSUMED_COMMITTED, taken_at, now);
		latency_note(LATENCY_FETCHED_COMMITTED, message->quote.time, unix_now);
		if (tells_new_match(&message->quote))
			latency_note(LATENCY_MATCH_COMMITTED, message->quote.match_time, unix_now);
	}
	for (i = 0; i < batch->position_count; i++)
		latency_consumed(batch->positions[i].partition, batch->positions[i].next_offset,
						 taken_at);
	latency_flush();
}
