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

#include "access/xact.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "store/dead_letter.h"
#include "store/duplicates.h"
#include "store/ingest.h"
#include "store/months.h"
#include "store/rows.h"
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

/* The rows of one attempt on their way into the table. */
typedef struct Insertion
{
	const StoreCatalog *catalog;
	Attempt    *attempt;
	QuoteRows	rows;
	bool		meets_duplicates;	/* a unique violation was seen */
} Insertion;

static StorePlan insert_plan;
static StorePlan insert_new_plan;

void
ingest_forget_plans(void)
{
	store_plan_forget(&insert_plan);
	store_plan_forget(&insert_new_plan);
}

static SPIPlanPtr
plan_insert(StorePlan *kept, const StoreCatalog *catalog, const char *ending)
{
	StringInfoData text;
	SPIPlanPtr	plan;

	initStringInfo(&text);
	appendStringInfoString(&text, "INSERT INTO %1$s." QUOTES_TABLE " (");
	append_quote_columns(&text, NULL);
	appendStringInfoString(&text, ") SELECT ");
	append_quote_columns(&text, "b");
	appendStringInfo(&text, " FROM " ROWS_RELATION " AS b%s", ending);
	plan = store_plan(kept, catalog, text.data, 0, NULL);
	pfree(text.data);
	return plan;
}

static void
mark_stored(Insertion *insertion, const int *indexes, int count)
{
	for (int i = 0; i < count; i++)
		insertion->attempt->batch->messages[indexes[i]].fate = MESSAGE_STORED;
}

static void
insert_all(Insertion *insertion, const int *indexes, int count)
{
	uint64		inserted;

	inserted = store_execute(plan_insert(&insert_plan, insertion->catalog, ""),
							 NULL, NULL);
	if (inserted != (uint64) count)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("only " UINT64_FORMAT " of %d quotes became rows of %s.%s",
						inserted, count, insertion->catalog->schema_name, QUOTES_TABLE),
				 errdetail("A trigger or rule of the table keeps rows out, which would be counted as stored."),
				 errhint("Drop the trigger or rule, or let it change rows without leaving them out.")));
	mark_stored(insertion, indexes, count);
}

static void
insert_new(Insertion *insertion, const int *indexes, int count)
{
	IngestBatch *batch = insertion->attempt->batch;
	int		   *others = palloc(sizeof(int) * count);
	int			other_count = 0;
	uint64		inserted;
	uint64		row = 0;

	inserted = store_execute(plan_insert(&insert_new_plan, insertion->catalog,
										 " ON CONFLICT (ticker, time) DO NOTHING"
										 " RETURNING kafka_partition, kafka_offset"),
							 NULL, NULL);

	/* Rows are returned in the order in which they went in. */
	for (int i = 0; i < count; i++)
	{
		IngestMessage *message = &batch->messages[indexes[i]];

		if (row < inserted &&
			DatumGetInt32(store_result((int) row, 1)) == message->partition &&
			DatumGetInt64(store_result((int) row, 2)) == message->offset)
		{
			message->fate = MESSAGE_STORED;
			row++;
		}
		else
			others[other_count++] = indexes[i];
	}
	if (row != inserted)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("rows of %s.%s came back with another kafka_partition or kafka_offset",
						insertion->catalog->schema_name, QUOTES_TABLE),
				 errhint("A trigger of the table must leave these two columns alone.")));
	SPI_freetuptable(SPI_tuptable);

	duplicates_judge(insertion->catalog, &insertion->rows, batch->messages,
					 others, other_count, insertion->attempt->context);
	pfree(others);
}

/*
 * Is it the row that PostgreSQL refuses, or the whole undertaking?  A row
 * without partition is refused with a check violation that, unlike any
 * constraint's, names a table and no constraint.
 */
static bool
is_fault_of_row(const ErrorData *error, bool *lacks_partition)
{
	int			class = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	if (error->sqlerrcode == ERRCODE_CHECK_VIOLATION &&
		error->constraint_name == NULL && error->table_name != NULL)
	{
		*lacks_partition = true;
		return false;
	}
	return class == ERRCODE_TO_CATEGORY(ERRCODE_DATA_EXCEPTION) ||
		class == ERRCODE_TO_CATEGORY(ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION);
}

typedef void (*InsertStep) (Insertion *insertion, const int *indexes, int count);

/* Answers NULL, or what PostgreSQL has against some row; raises all else. */
static ErrorData *
try_step(Insertion *insertion, InsertStep step, const int *indexes, int count)
{
	Attempt    *attempt = insertion->attempt;
	MemoryContext old_context = CurrentMemoryContext;
	ResourceOwner old_owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	quote_rows_fill(&insertion->rows, attempt->batch->messages, indexes, count);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old_context);
	PG_TRY();
	{
		step(insertion, indexes, count);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(attempt->context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old_context);
	CurrentResourceOwner = old_owner;

	if (error != NULL && !is_fault_of_row(error, &attempt->lacks_partition))
		ReThrowError(error);
	return error;
}

static void
bury_row(Attempt *attempt, IngestMessage *message, const ErrorData *error)
{
	MemoryContext old = MemoryContextSwitchTo(attempt->context);
	const char *reason = error->message;

	/* The detail of these names the key; of others it repeats the row. */
	if (error->detail != NULL &&
		(error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION ||
		 error->sqlerrcode == ERRCODE_FOREIGN_KEY_VIOLATION ||
		 error->sqlerrcode == ERRCODE_EXCLUSION_VIOLATION))
		reason = psprintf("%s: %s", error->message, error->detail);

	message->fate = MESSAGE_IS_DEAD;
	strlcpy(message->code, unpack_sql_state(error->sqlerrcode),
			sizeof(message->code));
	message->reason = pstrdup(text_from_server(reason));
	MemoryContextSwitchTo(old);
}

/*
 * Insert these quotes, each row that PostgreSQL refuses excepted.  A refusal
 * does not say which row it was, so the halves are tried each on its own, in
 * order: the earlier of two quotes with one key is the one that is stored.
 */
static void
insert_quotes(Insertion *insertion, const int *indexes, int count)
{
	ErrorData  *error = NULL;

	CHECK_FOR_INTERRUPTS();
	if (count == 0)
		return;

	/*
	 * ON CONFLICT inserts speculatively, which costs a quarter, so it waits
	 * until there is a duplicate; where one is, more are likely.
	 */
	if (!insertion->meets_duplicates)
	{
		error = try_step(insertion, insert_all, indexes, count);
		if (error == NULL)
			return;
		insertion->meets_duplicates = (error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION);
	}
	if (insertion->meets_duplicates)
	{
		error = try_step(insertion, insert_new, indexes, count);
		if (error == NULL)
			return;
	}

	if (count == 1)
		bury_row(insertion->attempt,
				 &insertion->attempt->batch->messages[indexes[0]], error);
	else
	{
		int			half = count / 2;

		FreeErrorData(error);
		insert_quotes(insertion, indexes, half);
		insert_quotes(insertion, indexes + half, count - half);
	}
}

/* What the encoding cannot hold must not come as far as a Datum. */
static int
bury_unencodable(Attempt *attempt, int *indexes)
{
	int			count = 0;

	for (int i = 0; i < attempt->quote_count; i++)
	{
		IngestMessage *message = &attempt->batch->messages[attempt->quotes[i]];

		if (quote_fits_encoding(&message->quote))
		{
			indexes[count++] = attempt->quotes[i];
			continue;
		}
		message->fate = MESSAGE_IS_DEAD;
		strlcpy(message->code, unpack_sql_state(ERRCODE_UNTRANSLATABLE_CHARACTER),
				sizeof(message->code));
		message->reason = MemoryContextStrdup(attempt->context,
											  "a text has a character that the database's encoding does not have");
	}
	return count;
}

static void
insert_attempt(const StoreCatalog *catalog, Attempt *attempt)
{
	Insertion	insertion = {.catalog = catalog, .attempt = attempt};
	QuotesTable table;
	RoleScope	role;
	int		   *indexes = palloc(sizeof(int) * Max(attempt->quote_count, 1));
	int			count = bury_unencodable(attempt, indexes);

	if (count == 0)
		return;
	quotes_table_find(catalog, &table);
	quote_rows_begin(&insertion.rows, attempt->created_at);
	role_scope_enter(&role, table.owner);
	insert_quotes(&insertion, indexes, count);
	role_scope_leave(&role);
	quote_rows_end(&insertion.rows);
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
				advance->dead_letters++;
				dead_letter_keep(catalog, &batch->key,
								 batch->positions[a].epoch, message);
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
	insert_attempt(&catalog, attempt);
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

static void
collect_months(Attempt *attempt)
{
	attempt->month_count = 0;
	for (int i = 0; i < attempt->quote_count; i++)
	{
		int			month = month_of_time(attempt->batch->messages[attempt->quotes[i]].quote.time);
		bool		is_new = !months_known(month);

		for (int m = 0; m < attempt->month_count && is_new; m++)
			is_new = (attempt->months[m] != month);
		if (is_new)
			attempt->months[attempt->month_count++] = month;
	}
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
		collect_months(&attempt);
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
			batch->positions[i].next_offset = batch->advances[i].next_offset;
		make_month_ahead(attempt.created_at, timeout_ms);
		return outcome;
	}

	if (attempt.lacks_partition && error->hint[0] == '\0')
		strlcpy(error->hint,
				"Make a partition of " QUOTES_TABLE " for that time; a table partitioned otherwise than by the pipeline's months is left to its owner.",
				sizeof(error->hint));
	reset_batch(&attempt);
	MemoryContextDelete(attempt.context);
	return outcome;
}
