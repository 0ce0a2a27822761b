/*-------------------------------------------------------------------------
 *
 * script.c
 *	  The commands of a test's script, one a line:
 *
 *	  owner NAME				who claims and stores from here on (a, b, c, d)
 *	  claim P LOW [P LOW ...]
 *	  skip P OFFSET BECAUSE
 *	  m P OFFSET JSON			a message of the next batch
 *	  mx P OFFSET HEX			the same in hexadecimal
 *	  hex P OFFSET HEX			a message of any bytes that is a dead letter
 *	  tomb P OFFSET				a tombstone
 *	  next P OFFSET				where the batch leaves a partition
 *	  store [TIMEOUT]			the batch; again repeats the last one
 *	  again [TIMEOUT]
 *	  months YYYY-MM COUNT
 *	  forget					what months are known
 *	  drop_plans
 *	  set NAME VALUE			a setting of the worker
 *	  sql STATEMENT				in store_transaction()
 *	  boom SQLSTATE				an error in store_transaction()
 *	  work TIMEOUT STATEMENT	as sql, with a timeout
 *	  bench P BATCHES SIZE		realistic quotes
 *	  soak P BATCHES SIZE		the same, with the growth of memory
 *	  sweep_begin N, sweep_end N ASKED MISSING [ERROR], sweep_requested,
 *	  sweeps_interrupt, outbox_add SWEEP ANSWERED UNCHANGED REJECTED [JSON|JSON...],
 *	  outbox_hex SWEEP HEX,
 *	  outbox_load AFTER MAX, outbox_settle N [N ...], outbox_size
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "store/dead_letter.h"
#include "store/months.h"
#include "store/outbox.h"
#include "store_test.h"

#define OWNERS 4
#define PARTITIONS 16
#define MESSAGES 20000

typedef struct Owner
{
	Position	positions[PARTITIONS];
	int			count;
} Owner;

static Owner owners[OWNERS];
static Owner *owner = owners;
static const PositionKey key = {"test-cluster", "stock-quotes"};
static IngestMessage *messages;
static int	message_count;
static int64 next_offsets[PARTITIONS];	/* by number of partition, -1: none */
static MemoryContext batch_context;

/* What the functions that run inside of a transaction are given. */
typedef struct Call
{
	char	   *rest;
	StringInfo	result;
	int64		watermarks[PARTITIONS];
	Position   *position;
} Call;

static char *
word(char **rest)
{
	char	   *start = *rest + strspn(*rest, " ");
	size_t		length = strcspn(start, " ");

	if (start[length] != '\0')
		start[length++] = '\0';
	*rest = start + length;
	return start;
}

static int64
number(char **rest)
{
	return strtoll(word(rest), NULL, 10);
}

void
append_outcome(StringInfo result, StoreOutcome outcome, const StoreError *error)
{
	static const char *const names[] = {"DONE", "TRANSIENT", "DRIFT", "FENCED", "GONE"};

	appendStringInfoString(result, names[outcome]);
	if (outcome != error->outcome)
		appendStringInfo(result, " (but error says %s)", names[error->outcome]);
	if (outcome != STORE_DONE)
		appendStringInfo(result, " %s %s%s%s", unpack_sql_state(error->sqlstate),
						 error->message, error->hint[0] ? " | " : "", error->hint);
	appendStringInfoChar(result, '\n');
}

static void
in_transaction(StoreWork work, Call *call, int timeout)
{
	StoreError	error;
	StoreOutcome outcome = store_transaction(work, call, "store test", timeout, &error);

	append_outcome(call->result, outcome, &error);
}

static void
work_claim(void *argument)
{
	Call	   *call = argument;
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	position_claim(&catalog, &key, 1, owner->positions, call->watermarks, owner->count);
}

static void
work_skip(void *argument)
{
	Call	   *call = argument;
	StoreCatalog catalog;
	int64		offset = number(&call->rest);

	store_catalog_get(&catalog);
	position_skip(&catalog, &key, call->position, offset, call->rest);
}

static void
work_months(void *argument)
{
	Call	   *call = argument;
	StoreCatalog catalog;
	QuotesTable table;
	int			months[2000];
	char	   *start = word(&call->rest);
	int			first = (atoi(start) - 1970) * 12 + atoi(start + 5) - 1;
	int			count = (int) number(&call->rest);

	for (int i = 0; i < count; i++)
		months[i] = first + i;
	store_catalog_get(&catalog);
	quotes_table_find(&catalog, &table);
	months_ensure(&catalog, &table, months, count);
}

static void
work_sql(void *argument)
{
	Call	   *call = argument;
	StoreCatalog catalog;
	int			code;

	/* Tests name tables as their sessions do. */
	store_catalog_get(&catalog);
	(void) set_config_option("search_path", catalog.schema_name, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	code = SPI_execute(call->rest, false, 0);
	if (code < 0)
		elog(ERROR, "SPI_execute: %d", code);
	if (SPI_tuptable != NULL && SPI_processed > 0)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		appendStringInfo(call->result, "%s ", value ? value : "NULL");
	}
}

static void
work_boom(void *argument)
{
	Call	   *call = argument;
	const char *state = word(&call->rest);

	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4])),
			 errmsg("boom"), errdetail("two\nlines")));
}

static void
work_sweep(void *argument)
{
	Call	   *call = argument;
	StoreCatalog catalog;
	char	   *command = word(&call->rest);

	store_catalog_get(&catalog);
	if (strcmp(command, "sweep_begin") == 0)
		appendStringInfo(call->result, INT64_FORMAT " ",
						 sweep_row_begin(&catalog, number(&call->rest), "vci", "interval"));
	else if (strcmp(command, "sweep_end") == 0)
	{
		int64		sweep = number(&call->rest);
		int64		asked = number(&call->rest);
		int64		missing = number(&call->rest);

		sweep_row_end(&catalog, sweep, asked, missing, "vci",
					  call->rest[0] ? call->rest : NULL, NULL);
	}
	else if (strcmp(command, "sweep_requested") == 0)
		appendStringInfo(call->result, INT64_FORMAT " ", sweep_row_requested(&catalog));
	else if (strcmp(command, "sweeps_interrupt") == 0)
		appendStringInfo(call->result, "%d ", sweep_rows_interrupt(&catalog));
	else if (strcmp(command, "outbox_add") == 0)
	{
		OutboxResponse response = {0};
		char	   *jsons[100];
		char	   *tickers[100];
		int64		answered;
		int64		unchanged;
		int64		rejected;

		response.sweep = number(&call->rest);
		answered = number(&call->rest);
		unchanged = number(&call->rest);
		rejected = number(&call->rest);
		response.source = pstrdup("vci");
		response.fetched_at = INT64CONST(1785817798104512);
		response.tickers = tickers;
		response.messages = jsons;
		for (char *json = strtok(call->rest, "|"); json; json = strtok(NULL, "|"))
		{
			jsons[response.count] = json;
			tickers[response.count] = psprintf("T%d", response.count);
			response.count++;
		}
		outbox_add(&catalog, &response, answered, unchanged, rejected);
		appendStringInfo(call->result, INT64_FORMAT " ", response.response);
	}
	else if (strcmp(command, "outbox_hex") == 0)
	{
		OutboxResponse response = {.source = "vci", .count = 1};
		char	   *ticker = "T0";
		char	   *json = palloc0(strlen(call->rest) + 1);

		response.sweep = number(&call->rest);
		hex_decode(call->rest, strlen(call->rest), json);
		response.tickers = &ticker;
		response.messages = &json;
		outbox_add(&catalog, &response, 1, 0, 0);
	}
	else if (strcmp(command, "outbox_load") == 0)
	{
		OutboxResponse *responses;
		int64		after = number(&call->rest);
		int			max = (int) number(&call->rest);
		int			count = outbox_load(&catalog, after, max, batch_context, &responses);

		for (int i = 0; i < count; i++)
		{
			appendStringInfo(call->result, INT64_FORMAT "/" INT64_FORMAT "/%s/" INT64_FORMAT ":",
							 responses[i].response, responses[i].sweep,
							 responses[i].source, responses[i].fetched_at);
			for (int m = 0; m < responses[i].count; m++)
				appendStringInfo(call->result, "%s=%s,", responses[i].tickers[m],
								 responses[i].messages[m]);
			appendStringInfoChar(call->result, ' ');
		}
	}
	else if (strcmp(command, "outbox_settle") == 0)
	{
		int64		responses[100];
		int			count = 0;

		while (call->rest[0] != '\0')
			responses[count++] = number(&call->rest);
		outbox_settle(&catalog, responses, count);
	}
	else if (strcmp(command, "outbox_size") == 0)
	{
		int64		responses;
		int64		count;
		int64		bytes;

		outbox_size(&catalog, &responses, &count, &bytes);
		appendStringInfo(call->result, INT64_FORMAT "/" INT64_FORMAT "/%s ",
						 responses, count, bytes > 0 ? "some" : "none");
	}
	else
		elog(ERROR, "unknown command \"%s\"", command);
}

static IngestMessage *
add_message(char **rest)
{
	IngestMessage *message = &messages[message_count++];

	if (message_count > MESSAGES)
		elog(ERROR, "too many messages");
	memset(message, 0, sizeof(*message));
	message->partition = (int32) number(rest);
	message->offset = number(rest);
	message->kafka_time = INT64CONST(1785817798105);
	message->key = "VCB";
	message->key_length = 3;
	return message;
}

static void
add_json(char *rest)
{
	IngestMessage *message = add_message(&rest);
	char		error[QUOTE_ERROR_SIZE];

	message->value = rest;
	message->value_length = strlen(rest);
	if (quote_from_message(message->value, message->value_length, &message->quote, error))
		return;
	message->fate = MESSAGE_IS_DEAD;
	strlcpy(message->code, "form", sizeof(message->code));
	message->reason = MemoryContextStrdup(batch_context, error);
}

static void
add_bytes(char *rest, bool is_tombstone)
{
	IngestMessage *message = add_message(&rest);

	message->fate = MESSAGE_IS_DEAD;
	strlcpy(message->code, "form", sizeof(message->code));
	message->reason = pstrdup("not JSON: \"b\xc3\xa1n\"");
	message->kafka_time = is_tombstone ? PG_INT64_MAX : -1;
	message->key = NULL;
	if (!is_tombstone)
	{
		char	   *bytes = MemoryContextAlloc(batch_context, strlen(rest) / 2 + 1);

		message->value_length = hex_decode(rest, strlen(rest) / 2 * 2, bytes);
		message->value = bytes;
	}
}

static void
store_messages(int timeout, StringInfo result)
{
	static const char *const fates[] = {"QUOTE", "DEAD", "STORED", "DUPLICATE"};
	PositionAdvance advances[PARTITIONS];
	IngestBatch batch = {.key = key};
	StoreError	error;
	StoreOutcome outcome;

	memset(advances, 0, sizeof(advances));
	for (int i = 0; i < owner->count; i++)
	{
		advances[i].partition = owner->positions[i].partition;
		advances[i].from_offset = owner->positions[i].next_offset;
		advances[i].last_offset = -1;
		advances[i].next_offset = next_offsets[advances[i].partition];
		if (advances[i].next_offset >= 0)
			continue;
		advances[i].next_offset = advances[i].from_offset;
		for (int m = 0; m < message_count; m++)
		{
			if (messages[m].partition == advances[i].partition)
				advances[i].next_offset = messages[m].offset + 1;
		}
	}
	batch.context = batch_context;
	batch.messages = messages;
	batch.count = message_count;
	batch.positions = owner->positions;
	batch.advances = advances;
	batch.position_count = owner->count;

	outcome = ingest_batch(&batch, timeout, &error);
	append_outcome(result, outcome, &error);
	for (int m = 0; m < message_count; m++)
	{
		if (message_count >= 50 && messages[m].fate != MESSAGE_IS_DEAD)
			continue;
		appendStringInfo(result, "%d/" INT64_FORMAT " %s", messages[m].partition,
						 messages[m].offset, fates[messages[m].fate]);
		if (messages[m].fate == MESSAGE_IS_DEAD)
			appendStringInfo(result, " %s: %s", messages[m].code, messages[m].reason);
		appendStringInfoChar(result, '\n');
	}
	for (int i = 0; i < owner->count; i++)
		appendStringInfo(result, "partition %d at " INT64_FORMAT ": " INT64_FORMAT " stored, "
						 INT64_FORMAT " duplicates, " INT64_FORMAT " dead letters, "
						 INT64_FORMAT " gaps\n",
						 owner->positions[i].partition, owner->positions[i].next_offset,
						 advances[i].stored, advances[i].duplicates,
						 advances[i].dead_letters, advances[i].gaps);
}

static void
forget_messages(void)
{
	message_count = 0;
	memset(next_offsets, -1, sizeof(next_offsets));
	MemoryContextReset(batch_context);
}

static void
run_command(char *line, StringInfo result)
{
	static bool is_stored = false;
	char	   *whole = pstrdup(line);
	char	   *rest = line;
	char	   *command = word(&rest);
	Call		call = {.rest = rest, .result = result};

	if (is_stored && (strcmp(command, "m") == 0 || strcmp(command, "mx") == 0 ||
					  strcmp(command, "hex") == 0 || strcmp(command, "tomb") == 0 || strcmp(command, "next") == 0))
	{
		forget_messages();
		is_stored = false;
	}

	if (strcmp(command, "owner") == 0)
		owner = &owners[rest[0] - 'a'];
	else if (strcmp(command, "claim") == 0)
	{
		owner->count = 0;
		while (rest[0] != '\0')
		{
			owner->positions[owner->count].partition = (int32) number(&rest);
			call.watermarks[owner->count++] = number(&rest);
		}
		in_transaction(work_claim, &call, 5000);
		for (int i = 0; i < owner->count; i++)
			appendStringInfo(result, "partition %d epoch %d generation " INT64_FORMAT " at " INT64_FORMAT "\n",
							 owner->positions[i].partition, owner->positions[i].epoch,
							 owner->positions[i].generation, owner->positions[i].next_offset);
	}
	else if (strcmp(command, "skip") == 0)
	{
		int32		partition = (int32) number(&rest);

		for (int i = 0; i < owner->count; i++)
		{
			if (owner->positions[i].partition == partition)
				call.position = &owner->positions[i];
		}
		call.rest = rest;
		in_transaction(work_skip, &call, 5000);
	}
	else if (strcmp(command, "m") == 0)
		add_json(rest);
	else if (strcmp(command, "mx") == 0)
	{
		size_t		place = strlen(rest);
		char	   *decoded = MemoryContextAllocZero(batch_context, place + 1);

		/* "P OFFSET " as it is, then the message. */
		place = strrchr(rest, ' ') - rest + 1;
		memcpy(decoded, rest, place);
		hex_decode(rest + place, strlen(rest + place), decoded + place);
		add_json(decoded);
	}
	else if (strcmp(command, "hex") == 0)
		add_bytes(rest, false);
	else if (strcmp(command, "tomb") == 0)
		add_bytes(rest, true);
	else if (strcmp(command, "next") == 0)
	{
		int			partition = (int) number(&rest);

		next_offsets[partition] = number(&rest);
	}
	else if (strcmp(command, "store") == 0 || strcmp(command, "again") == 0)
	{
		store_messages(rest[0] ? atoi(rest) : 10000, result);
		is_stored = true;
	}
	else if (strcmp(command, "months") == 0)
		in_transaction(work_months, &call, 60000);
	else if (strcmp(command, "forget") == 0)
		months_forget();
	else if (strcmp(command, "drop_plans") == 0)
		ingest_forget_plans();
	else if (strcmp(command, "set") == 0)
	{
		char	   *name = word(&rest);

		SetConfigOption(name, rest, PGC_SUSET, PGC_S_SESSION);
	}
	else if (strcmp(command, "sql") == 0)
		in_transaction(work_sql, &call, 30000);
	else if (strcmp(command, "work") == 0)
	{
		int			timeout = (int) number(&call.rest);

		in_transaction(work_sql, &call, timeout);
	}
	else if (strcmp(command, "boom") == 0)
		in_transaction(work_boom, &call, 0);
	else if (strcmp(command, "bench") == 0 || strcmp(command, "soak") == 0)
	{
		int32		partition = (int32) number(&rest);
		int			batches = (int) number(&rest);
		int			size = (int) number(&rest);

		for (int i = 0; i < owner->count; i++)
		{
			if (owner->positions[i].partition == partition)
				bench_run(&owner->positions[i], &key, batches, size,
						  strcmp(command, "soak") == 0, result);
		}
	}
	else
	{
		call.rest = whole;
		in_transaction(work_sweep, &call, 5000);
	}
}

void
script_run(char *script, StringInfo result)
{
	char	   *line = script;

	batch_context = AllocSetContextCreate(TopMemoryContext, "vnstream test batch",
										  ALLOCSET_DEFAULT_SIZES);
	messages = MemoryContextAllocHuge(TopMemoryContext, sizeof(IngestMessage) * MESSAGES);
	forget_messages();
	while (line != NULL)
	{
		char	   *end = strchr(line, '\n');

		if (end != NULL)
			*end++ = '\0';
		if (line[0] != '\0')
			run_command(line, result);
		line = end;
	}
}
