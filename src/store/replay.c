/*-------------------------------------------------------------------------
 *
 * replay.c
 *	  Dead letters read again, by today's rules.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "store/insertion.h"
#include "store/months.h"
#include "store/replay.h"
#include "store/support.h"

/*
 * Letters at a time.  None is longer than QUOTE_MESSAGE_MAX in memory, so they
 * take 32 MB at most.
 */
#define REPLAY_BATCH 500

/* What one segment counts otherwise than before. */
typedef struct SegmentMove
{
	int64		segment;		/* hash key */
	int64		stored;
	int64		duplicates;
} SegmentMove;

/* The letters of one batch, in the order of messages. */
typedef struct LetterBatch
{
	int			count;
	int64	   *letters;
	int64	   *segments;
	IngestMessage *messages;
} LetterBatch;

static void
run_with(const char *query, int count, Oid *types, Datum *values, int expected)
{
	int			code = SPI_execute_with_args(query, count, types, values, NULL, false, 0);

	if (code != expected)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(code));
}

/*
 * Parameters 1 and 2 are the range of numbers, which every query has.  Letters
 * whose value was not kept cannot be read again.
 */
static void
select_letters(const StoreCatalog *catalog, const Replay *replay,
			   const char *columns, const char *ending)
{
	Oid			types[] = {INT8OID, INT8OID, TEXTOID, INT8ARRAYOID};
	Datum		values[lengthof(types)];
	char		nulls[lengthof(types) + 1] = "    ";
	StringInfoData query;
	int			code;

	values[0] = Int64GetDatum(replay->after);
	values[1] = Int64GetDatum(replay->until);
	values[2] = (Datum) 0;
	values[3] = replay->letters;
	initStringInfo(&query);
	appendStringInfo(&query,
					 "SELECT %s FROM %s.vnstream_dead_letters AS l WHERE l.letter > $1 AND l.letter <= $2"
					 " AND l.value_hash IS NULL",
					 columns, catalog->schema_name);
	if (replay->code != NULL)
	{
		values[2] = CStringGetTextDatum(replay->code);
		appendStringInfoString(&query, " AND l.code = $3");
	}
	else
		nulls[2] = 'n';
	if (replay->letters != (Datum) 0)
		appendStringInfoString(&query, " AND l.letter = ANY ($4)");
	else
		nulls[3] = 'n';
	appendStringInfoString(&query, ending);

	code = SPI_execute_with_args(query.data, lengthof(types), types, values, nulls,
								 false, 0);
	if (code != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(code));
	pfree(query.data);
}

int64
replay_begin(const StoreCatalog *catalog, Replay *replay)
{
	HASHCTL		control = {.keysize = sizeof(int64), .entrysize = sizeof(SegmentMove),
	.hcxt = CurrentMemoryContext};
	int64		count;

	replay->moves = hash_create("vnstream segments of letters", 16, &control,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	months_forget();

	replay->after = PG_INT64_MIN;
	replay->until = PG_INT64_MAX;
	select_letters(catalog, replay,
				   "pg_catalog.count(*), coalesce(pg_catalog.max(l.letter), 0)", "");
	count = DatumGetInt64(store_result(0, 1));
	replay->until = DatumGetInt64(store_result(0, 2));
	SPI_freetuptable(SPI_tuptable);
	return count;
}

/*
 * A message that is too long is refused by its length alone, so its bytes stay
 * where they are.
 */
static void
take_letter(HeapTuple tuple, TupleDesc desc, int64 now, LetterBatch *batch)
{
	int			i = batch->count++;
	IngestMessage *message = &batch->messages[i];
	bool		is_null;
	Datum		value;

	batch->letters[i] = DatumGetInt64(SPI_getbinval(tuple, desc, 1, &is_null));
	batch->segments[i] = DatumGetInt64(SPI_getbinval(tuple, desc, 2, &is_null));
	memset(message, 0, sizeof(*message));
	message->partition = DatumGetInt32(SPI_getbinval(tuple, desc, 3, &is_null));
	message->offset = DatumGetInt64(SPI_getbinval(tuple, desc, 4, &is_null));
	message->kafka_time = -1;
	value = SPI_getbinval(tuple, desc, 5, &is_null);
	if (!is_null)
	{
		message->value_length = DatumGetInt32(value);
		message->value = "";
		value = SPI_getbinval(tuple, desc, 6, &is_null);
		if (!is_null)
			message->value = VARDATA_ANY(DatumGetByteaPP(value));
	}
	message_judge(message, now, CurrentMemoryContext);
}

static void
count_move(Replay *replay, int64 segment, MessageFate fate)
{
	bool		found;
	SegmentMove *move = hash_search(replay->moves, &segment, HASH_ENTER, &found);

	if (!found)
	{
		move->stored = 0;
		move->duplicates = 0;
	}
	if (fate == MESSAGE_STORED)
	{
		move->stored++;
		replay->stored++;
	}
	else
	{
		move->duplicates++;
		replay->duplicates++;
	}
}

static void
settle_letters(const StoreCatalog *catalog, Replay *replay, const LetterBatch *batch)
{
	int64	   *gone = palloc(sizeof(int64) * batch->count);
	int64	   *kept = palloc(sizeof(int64) * batch->count);
	Datum	   *codes = palloc(sizeof(Datum) * batch->count);
	Datum	   *reasons = palloc(sizeof(Datum) * batch->count);
	int			gone_count = 0;
	int			kept_count = 0;

	for (int i = 0; i < batch->count; i++)
	{
		const IngestMessage *message = &batch->messages[i];

		if (message->fate == MESSAGE_IS_DEAD)
		{
			codes[kept_count] = CStringGetTextDatum(message->code);
			reasons[kept_count] = CStringGetTextDatum(text_for_reading(message->reason));
			kept[kept_count++] = batch->letters[i];
			continue;
		}
		gone[gone_count++] = batch->letters[i];
		count_move(replay, batch->segments[i], message->fate);
	}
	replay->tried += batch->count;
	replay->kept += kept_count;

	if (gone_count > 0)
	{
		Oid			types[] = {INT8ARRAYOID};
		Datum		values[] = {int8_array(gone, gone_count)};

		run_with(psprintf("DELETE FROM %s.vnstream_dead_letters WHERE letter = ANY ($1)",
						  catalog->schema_name),
				 lengthof(types), types, values, SPI_OK_DELETE);
	}
	if (kept_count > 0)
	{
		Oid			types[] = {INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID};
		Datum		values[lengthof(types)];

		values[0] = int8_array(kept, kept_count);
		values[1] = PointerGetDatum(construct_array(codes, kept_count, TEXTOID, -1, false,
													TYPALIGN_INT));
		values[2] = PointerGetDatum(construct_array(reasons, kept_count, TEXTOID, -1, false,
													TYPALIGN_INT));
		run_with(psprintf("UPDATE %s.vnstream_dead_letters AS l SET code = k.code,"
						  " reason = k.reason, tries = l.tries + 1, tried_at = pg_catalog.now()"
						  " FROM unnest($1, $2, $3) AS k(letter, code, reason)"
						  " WHERE l.letter = k.letter",
						  catalog->schema_name),
				 lengthof(types), types, values, SPI_OK_UPDATE);
	}
}

int
replay_some(const StoreCatalog *catalog, Replay *replay)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "vnstream letters", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	LetterBatch batch = {0};
	int64		now = unix_from_timestamp(GetCurrentTimestamp());

	batch.letters = palloc(sizeof(int64) * REPLAY_BATCH);
	batch.segments = palloc(sizeof(int64) * REPLAY_BATCH);
	batch.messages = palloc(sizeof(IngestMessage) * REPLAY_BATCH);
	select_letters(catalog, replay,
				   psprintf("l.letter, l.segment, l.kafka_partition, l.kafka_offset,"
							" pg_catalog.octet_length(l.value),"
							" CASE WHEN pg_catalog.octet_length(l.value) <= %d THEN l.value END",
							QUOTE_MESSAGE_MAX),
				   psprintf(" ORDER BY l.letter LIMIT %d FOR UPDATE SKIP LOCKED", REPLAY_BATCH));
	if (SPI_processed > 0)
	{
		SPITupleTable *rows = SPI_tuptable;

		for (uint64 i = 0; i < rows->numvals; i++)
			take_letter(rows->vals[i], rows->tupdesc, now, &batch);
		replay->after = batch.letters[batch.count - 1];
		quotes_store(catalog, batch.messages, batch.count, context);
		SPI_freetuptable(rows);
		settle_letters(catalog, replay, &batch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return batch.count;
}

void
replay_end(const StoreCatalog *catalog, Replay *replay)
{
	Oid			types[] = {INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID};
	Datum		values[lengthof(types)];
	int			count = (int) hash_get_num_entries(replay->moves);
	int64	   *segments = palloc(sizeof(int64) * Max(count, 1));
	int64	   *stored = palloc(sizeof(int64) * Max(count, 1));
	int64	   *duplicates = palloc(sizeof(int64) * Max(count, 1));
	HASH_SEQ_STATUS scan;
	SegmentMove *move;
	int			i = 0;

	hash_seq_init(&scan, replay->moves);
	while ((move = hash_seq_search(&scan)) != NULL)
	{
		segments[i] = move->segment;
		stored[i] = move->stored;
		duplicates[i] = move->duplicates;
		i++;
	}
	if (count > 0)
	{
		values[0] = int8_array(segments, count);
		values[1] = int8_array(stored, count);
		values[2] = int8_array(duplicates, count);

		/* In order of their numbers, so that two replays cannot deadlock. */
		run_with(psprintf("SELECT 1 FROM %s.vnstream_segments WHERE segment = ANY ($1)"
						  " ORDER BY segment FOR NO KEY UPDATE", catalog->schema_name),
				 1, types, values, SPI_OK_SELECT);
		run_with(psprintf("UPDATE %s.vnstream_segments AS s SET stored = s.stored + m.stored,"
						  " duplicates = s.duplicates + m.duplicates,"
						  " dead_letters = s.dead_letters - m.stored - m.duplicates"
						  " FROM unnest($1, $2, $3) AS m(segment, stored, duplicates)"
						  " WHERE s.segment = m.segment", catalog->schema_name),
				 lengthof(types), types, values, SPI_OK_UPDATE);
	}
	hash_destroy(replay->moves);
	replay->moves = NULL;
}
