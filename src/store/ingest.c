/*-------------------------------------------------------------------------
 *
 * ingest.c
 *	  The batch: messages of Kafka made rows, and the position, at once.
 *
 * The order inside the transaction matters: the positions move first, so that
 * a consumer which has lost a partition is stopped before it has touched
 * realtime_quotes, and so that the row locks of the positions keep any other
 * consumer of the partition waiting until the outcome is known.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "store/dead_letter.h"
#include "store/ingest.h"
#include "store/insertion.h"
#include "store/months.h"
#include "store/support.h"

/*
 * Where the next month's partition could not be made, when to try again: it
 * may be weeks until it is needed.
 */
#define AHEAD_RETRY_MS (10 * 60 * 1000)

/* One try at a batch; everything it allocates goes with its context. */
typedef struct Attempt
{
	IngestBatch *batch;
	MemoryContext context;
	TimestampTz created_at;
	int		   *quotes;			/* indexes of the messages that are quotes */
	int			quote_count;
	int		   *months;			/* that months.c does not know */
	int			month_count;
	bool		lacks_partition;	/* out: why the transaction failed */
} Attempt;

void
ingest_forget_plans(void)
{
	insertion_forget_plans();
}

static int
find_advance(const IngestBatch *batch, int32 partition, int guess)
{
	if (guess < batch->position_count &&
		batch->advances[guess].partition == partition)
		return guess;
	for (int i = 0; i < batch->position_count; i++)
	{
		if (batch->advances[i].partition == partition)
			return i;
	}
	elog(ERROR, "message of partition %d, which the batch has no position of",
		 partition);
}

static void
count_fates(const StoreCatalog *catalog, IngestBatch *batch)
{
	int			a = 0;

	for (int i = 0; i < batch->count; i++)
	{
		IngestMessage *message = &batch->messages[i];
		PositionAdvance *advance;

		a = find_advance(batch, message->partition, a);
		advance = &batch->advances[a];
		switch (message->fate)
		{
			case MESSAGE_STORED:
				advance->stored++;
				break;
			case MESSAGE_DUPLICATE:
				advance->duplicates++;
				break;
			case MESSAGE_IS_DEAD:
				if (dead_letter_keep(catalog, &batch->key, batch->positions[a].epoch,
									 &batch->limits, message))
					advance->dead_letters++;
				else
					advance->duplicates++;
				break;
			case MESSAGE_IS_QUOTE:
				elog(ERROR, "message of partition %d offset " INT64_FORMAT " has no fate",
					 message->partition, message->offset);
		}
	}
	for (int i = 0; i < batch->position_count; i++)
	{
		PositionAdvance *advance = &batch->advances[i];

		advance->gaps = advance->next_offset - advance->from_offset -
			advance->stored - advance->duplicates - advance->dead_letters;
		if (advance->gaps < 0)
			elog(ERROR, "partition %d has more messages than offsets from " INT64_FORMAT " to " INT64_FORMAT,
				 advance->partition, advance->from_offset, advance->next_offset);
	}
}

static void
store_attempt(void *argument)
{
	Attempt    *attempt = argument;
	IngestBatch *batch = attempt->batch;
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	position_advance(&catalog, &batch->key, batch->positions, batch->advances,
					 batch->position_count);
	quotes_insert(&catalog, batch->messages, attempt->quotes, attempt->quote_count,
				  attempt->created_at, attempt->context, &attempt->lacks_partition);
	dead_letters_judge(&batch->limits, batch->messages, batch->count);
	count_fates(&catalog, batch);
	position_count(&catalog, &batch->key, batch->positions, batch->advances,
				   batch->position_count);
}

static void
ensure_months(void *argument)
{
	Attempt    *attempt = argument;
	StoreCatalog catalog;
	QuotesTable table;

	store_catalog_get(&catalog);
	quotes_table_find(&catalog, &table);
	months_ensure(&catalog, &table, attempt->months, attempt->month_count);
}

/* As the caller gave the batch; only quotes and counts have been changed. */
static void
reset_batch(Attempt *attempt)
{
	IngestBatch *batch = attempt->batch;

	for (int i = 0; i < attempt->quote_count; i++)
	{
		IngestMessage *message = &batch->messages[attempt->quotes[i]];

		message->fate = MESSAGE_IS_QUOTE;
		message->code[0] = '\0';
		message->reason = NULL;
	}
	for (int i = 0; i < batch->position_count; i++)
	{
		PositionAdvance *advance = &batch->advances[i];

		advance->stored = 0;
		advance->duplicates = 0;
		advance->dead_letters = 0;
		advance->gaps = 0;
	}
}

/*
 * Next month's partition, while there is time: at midnight between two months
 * a batch should find it.  A failure is no failure of the batch before it.
 */
static void
make_month_ahead(TimestampTz now, int timeout_ms)
{
	static TimestampTz next_try = 0;
	int			month = month_of_time(unix_from_timestamp(now)) + 1;
	Attempt		attempt = {.months = &month, .month_count = 1};
	StoreError	error;

	if (months_known(month) || now < next_try)
		return;
	if (store_transaction(ensure_months, &attempt,
						  "vnstream: making next month's partition of " QUOTES_TABLE,
						  timeout_ms, &error) == STORE_DONE)
		return;
	next_try = TimestampTzPlusMilliseconds(now, AHEAD_RETRY_MS);
	ereport(LOG,
			(errcode(error.sqlstate),
			 errmsg("next month's partition of %s is not made yet: %s",
					QUOTES_TABLE, error.message),
			 error.hint[0] != '\0' ? errhint("%s", error.hint) : 0));
}

StoreOutcome
ingest_batch(IngestBatch *batch, int timeout_ms, StoreError *error)
{
	Attempt		attempt = {.batch = batch};
	StoreOutcome outcome = STORE_DONE;
	bool		has_forgotten = false;

	attempt.context = AllocSetContextCreate(batch->context, "vnstream ingest attempt",
											ALLOCSET_DEFAULT_SIZES);
	attempt.created_at = GetCurrentTimestamp();
	attempt.quotes = MemoryContextAlloc(attempt.context,
										sizeof(int) * Max(batch->count, 1));
	attempt.months = MemoryContextAlloc(attempt.context,
										sizeof(int) * Max(batch->count, 1));
	for (int i = 0; i < batch->count; i++)
	{
		if (batch->messages[i].fate == MESSAGE_IS_QUOTE)
			attempt.quotes[attempt.quote_count++] = i;
	}

	for (;;)
	{
		reset_batch(&attempt);
		attempt.lacks_partition = false;
		attempt.month_count = quotes_new_months(batch->messages, attempt.quotes,
												attempt.quote_count, attempt.months);
		if (attempt.month_count > 0)
			outcome = store_transaction(ensure_months, &attempt,
										"vnstream: making partitions of " QUOTES_TABLE,
										timeout_ms, error);
		if (outcome == STORE_DONE)
			outcome = store_transaction(store_attempt, &attempt,
										"vnstream: storing a batch",
										timeout_ms, error);

		/* A partition that was known has been dropped: look afresh, once. */
		if (outcome == STORE_DONE || !attempt.lacks_partition || has_forgotten)
			break;
		months_forget();
		has_forgotten = true;
		outcome = STORE_DONE;
	}

	if (outcome == STORE_DONE)
	{
		for (int i = 0; i < batch->position_count; i++)
		{
			Position   *position = &batch->positions[i];
			const PositionAdvance *advance = &batch->advances[i];

			position->next_offset = advance->next_offset;
			if (advance->last_offset >= 0)
			{
				position->last_offset = advance->last_offset;
				position->last_crc = advance->last_crc;
			}
		}
		dead_letters_note(batch->messages, batch->count);
		make_month_ahead(attempt.created_at, timeout_ms);
		return outcome;
	}

	reset_batch(&attempt);
	MemoryContextDelete(attempt.context);
	return outcome;
}
