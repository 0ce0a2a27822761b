/*-------------------------------------------------------------------------
 *
 * insertion.c
 *	  Quotes into realtime_quotes.
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

#include "store/duplicates.h"
#include "store/insertion.h"
#include "store/months.h"
#include "store/newest.h"
#include "store/rows.h"
#include "store/support.h"

/* The rows of one attempt on their way into the table. */
typedef struct Insertion
{
	const StoreCatalog *catalog;
	IngestMessage *messages;
	MemoryContext context;		/* of reasons */
	QuoteRows	rows;
	bool		meets_duplicates;	/* a unique violation was seen */
	bool	   *lacks_partition;	/* out: why the transaction failed */
} Insertion;

QuoteListener quotes_listener = NULL;

static StorePlan insert_plan;
static StorePlan insert_new_plan;

void
insertion_forget_plans(void)
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
		insertion->messages[indexes[i]].fate = MESSAGE_STORED;
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

/* Is the row that RETURNING gave this message's? */
static bool
is_row_of(const IngestMessage *message, int row)
{
	char	   *ticker;
	bool		is_equal;

	if (DatumGetTimestampTz(store_result(row, 2)) != timestamp_from_unix(message->quote.time) ||
		DatumGetInt32(store_result(row, 3)) != message->partition ||
		DatumGetInt64(store_result(row, 4)) != message->offset)
		return false;
	ticker = TextDatumGetCString(store_result(row, 1));
	is_equal = (strcmp(ticker, message->quote.ticker) == 0);
	pfree(ticker);
	return is_equal;
}

static void
insert_new(Insertion *insertion, const int *indexes, int count)
{
	int		   *others = palloc(sizeof(int) * count);
	int			other_count = 0;
	uint64		inserted;
	uint64		row = 0;

	inserted = store_execute(plan_insert(&insert_new_plan, insertion->catalog,
										 " ON CONFLICT (ticker, time) DO NOTHING"
										 " RETURNING ticker, time, kafka_partition, kafka_offset"),
							 NULL, NULL);

	/* Rows are returned in the order in which they went in. */
	for (int i = 0; i < count; i++)
	{
		IngestMessage *message = &insertion->messages[indexes[i]];

		if (row < inserted && is_row_of(message, (int) row))
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
				 errmsg("rows of %s.%s came back with another ticker, time, kafka_partition or kafka_offset",
						insertion->catalog->schema_name, QUOTES_TABLE),
				 errhint("A trigger of the table must leave these four columns alone.")));
	SPI_freetuptable(SPI_tuptable);

	duplicates_judge(insertion->catalog, &insertion->rows, insertion->messages,
					 others, other_count, insertion->context);
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
	MemoryContext old_context = CurrentMemoryContext;
	ResourceOwner old_owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	quote_rows_fill(&insertion->rows, insertion->messages, indexes, count);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old_context);
	PG_TRY();
	{
		step(insertion, indexes, count);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(insertion->context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old_context);
	CurrentResourceOwner = old_owner;

	if (error != NULL && !is_fault_of_row(error, insertion->lacks_partition))
	{
		if (*insertion->lacks_partition && error->hint == NULL)
			error->hint = pstrdup("Make a partition of " QUOTES_TABLE " for that time; a table partitioned otherwise than by the pipeline's months is left to its owner.");
		ReThrowError(error);
	}
	return error;
}

static void
bury_row(MemoryContext context, IngestMessage *message, const ErrorData *error)
{
	MemoryContext old = MemoryContextSwitchTo(context);
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
		bury_row(insertion->context, &insertion->messages[indexes[0]], error);
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
bury_unencodable(IngestMessage *messages, const int *quotes, int count,
				 MemoryContext context, int *indexes)
{
	int			left = 0;

	for (int i = 0; i < count; i++)
	{
		IngestMessage *message = &messages[quotes[i]];

		if (quote_fits_encoding(&message->quote))
		{
			indexes[left++] = quotes[i];
			continue;
		}
		message->fate = MESSAGE_IS_DEAD;
		strlcpy(message->code, unpack_sql_state(ERRCODE_UNTRANSLATABLE_CHARACTER),
				sizeof(message->code));
		message->reason = MemoryContextStrdup(context,
											  "a text has a character that the database's encoding does not have");
	}
	return left;
}

static void
tell_listener(Oid relation, const IngestMessage *messages, const int *indexes, int count)
{
	uint64		table_state;

	if (quotes_listener == NULL)
		return;
	table_state = quotes_table_state(relation);
	for (int i = 0; i < count; i++)
	{
		const IngestMessage *message = &messages[indexes[i]];

		if (message->fate == MESSAGE_STORED)
			quotes_listener(table_state, &message->quote);
	}
}

void
quotes_insert(const StoreCatalog *catalog, IngestMessage *messages,
			  const int *quotes, int count, TimestampTz created_at,
			  MemoryContext context, bool *lacks_partition)
{
	Insertion	insertion = {.catalog = catalog, .messages = messages, .context = context,
	.lacks_partition = lacks_partition};
	QuotesTable table;
	RoleScope	role;
	int		   *indexes = palloc(sizeof(int) * Max(count, 1));

	*lacks_partition = false;
	count = bury_unencodable(messages, quotes, count, context, indexes);
	if (count > 0)
	{
		quotes_table_find(catalog, &table);
		quote_rows_begin(&insertion.rows, created_at);
		role_scope_enter(&role, table.owner);
		insert_quotes(&insertion, indexes, count);
		role_scope_leave(&role);
		quote_rows_end(&insertion.rows);
		tell_listener(table.relation, messages, indexes, count);
	}
	pfree(indexes);
}

int
quotes_new_months(const IngestMessage *messages, const int *quotes, int count,
				  int *months)
{
	int			month_count = 0;

	for (int i = 0; i < count; i++)
	{
		int			month = month_of_time(messages[quotes[i]].quote.time);
		bool		is_new = !months_known(month);

		for (int m = 0; m < month_count && is_new; m++)
			is_new = (months[m] != month);
		if (is_new)
			months[month_count++] = month;
	}
	return month_count;
}

void
quotes_store(const StoreCatalog *catalog, IngestMessage *messages, int count,
			 MemoryContext context)
{
	int		   *quotes = MemoryContextAlloc(context, sizeof(int) * Max(count, 1));
	int		   *months = MemoryContextAlloc(context, sizeof(int) * Max(count, 1));
	int			quote_count = 0;
	int			month_count;
	bool		lacks_partition;

	for (int i = 0; i < count; i++)
	{
		if (messages[i].fate == MESSAGE_IS_QUOTE)
			quotes[quote_count++] = i;
	}
	month_count = quotes_new_months(messages, quotes, quote_count, months);
	if (month_count > 0)
	{
		QuotesTable table;

		quotes_table_find(catalog, &table);
		months_ensure(catalog, &table, months, month_count);
	}
	quotes_insert(catalog, messages, quotes, quote_count, GetCurrentTimestamp(),
				  context, &lacks_partition);
}
