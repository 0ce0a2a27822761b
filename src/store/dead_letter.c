/*-------------------------------------------------------------------------
 *
 * dead_letter.c
 *	  Messages that could not be a row, kept whole.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/dead_letter.h"
#include "store/support.h"

static StorePlan keep_plan;
static StorePlan measure_plan;

static Datum
bytea_datum(const char *bytes, size_t length)
{
	bytea	   *value = palloc(VARHDRSZ + length);

	SET_VARSIZE(value, VARHDRSZ + length);
	if (length > 0)
		memcpy(VARDATA(value), bytes, length);
	return PointerGetDatum(value);
}

/* A producer may claim any time; what is no time of PostgreSQL's is NULL. */
static bool
kafka_timestamp(int64 milliseconds, TimestampTz *time)
{
	if (milliseconds < 0 || milliseconds > PG_INT64_MAX / 1000)
		return false;
	*time = timestamp_from_unix(milliseconds * 1000);
	return IS_VALID_TIMESTAMP(*time);
}

/* Of the messages of late at least, before a share of them means something. */
#define JUDGED_MESSAGES 1000

/* At so many, older messages begin to count for half. */
#define REMEMBERED_MESSAGES 10000

/* What a letter takes besides its key, value and reason, with its index entries. */
#define LETTER_BYTES 200

/* How often the letters are measured, others may keep some or purge them. */
#define MEASURE_MS 60000
#define MEASURE_FULL_MS 10000

/* Of a key, where only the hash of the value is kept. */
#define DIGEST_KEY_BYTES 1024

/*
 * A value beyond this is never kept whole: to store it would take its size in
 * memory several times, and no quote is of a thousandth of it.
 */
#define WHOLE_VALUE_MAX (16 * 1024 * 1024)

static int64 letters_bytes;		/* as measured, and kept since */
static TimestampTz letters_measured;	/* 0: not yet */

/* Messages of late, and how many of them are dead letters. */
static int64 recent_messages;
static int64 recent_letters;

static Datum
sha256_datum(const char *bytes, size_t length)
{
	bytea	   *value = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);

	if (pg_cryptohash_init(hash) < 0 ||
		pg_cryptohash_update(hash, (const uint8 *) bytes, length) < 0 ||
		pg_cryptohash_final(hash, (uint8 *) VARDATA(value), PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute %s hash: %s", "SHA-256", pg_cryptohash_error(hash));
	pg_cryptohash_free(hash);
	SET_VARSIZE(value, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	return PointerGetDatum(value);
}

static int64
letter_bytes(const IngestMessage *message, bool is_digest)
{
	return (int64) message->key_length + (is_digest ? 0 : (int64) message->value_length) +
		(int64) strlen(message->reason != NULL ? message->reason : "") + LETTER_BYTES;
}

static bool
has_room(const StoreCatalog *catalog, int64 limit, int64 bytes)
{
	TimestampTz now = GetCurrentTimestamp();
	int			valid_ms = letters_bytes + bytes > limit ? MEASURE_FULL_MS : MEASURE_MS;

	/* also where the clock was set back */
	if (letters_measured == 0 || now < letters_measured ||
		TimestampDifferenceExceeds(letters_measured, now, valid_ms))
	{
		(void) store_execute(store_plan(&measure_plan, catalog,
										"SELECT coalesce(pg_catalog.sum(coalesce(pg_catalog.octet_length(key), 0)"
										" + coalesce(pg_catalog.octet_length(value), 0)"
										" + pg_catalog.octet_length(reason) + " CppAsString2(LETTER_BYTES) "), 0)::pg_catalog.int8"
										" FROM %1$s.vnstream_dead_letters",
										0, NULL),
							 NULL, NULL);
		letters_bytes = DatumGetInt64(store_result(0, 1));
		letters_measured = now;
	}
	return letters_bytes + bytes <= limit;
}

bool
dead_letter_keep(const StoreCatalog *catalog, const PositionKey *key,
				 int32 epoch, const DeadLetterLimits *limits,
				 IngestMessage *message)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4OID, INT4OID, INT8OID, BYTEAOID,
	BYTEAOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, BOOLOID, INT4OID, BYTEAOID};
	Datum		values[lengthof(types)];
	char		nulls[lengthof(types) + 1] = "             ";
	TimestampTz kafka_time = 0;
	bool		is_large = message->value_length > WHOLE_VALUE_MAX;
	bool		fits = limits->bytes == 0 ||
		has_room(catalog, limits->bytes, letter_bytes(message, is_large));
	bool		is_new;

	/* of a tombstone there is nothing to hash */
	message->is_digest = is_large ||
		(!fits && limits->keeps_digests && message->value != NULL);
	values[0] = CStringGetTextDatum(text_for_reading(key->cluster_id));
	values[1] = CStringGetTextDatum(text_for_reading(key->topic));
	values[2] = Int32GetDatum(epoch);
	values[3] = Int32GetDatum(message->partition);
	values[4] = Int64GetDatum(message->offset);
	values[5] = (Datum) 0;
	values[6] = (Datum) 0;
	if (message->key != NULL)
		values[5] = bytea_datum(message->key, message->key_length);
	else
		nulls[5] = 'n';
	if (message->value != NULL && !message->is_digest)
		values[6] = bytea_datum(message->value, message->value_length);
	else
		nulls[6] = 'n';
	values[7] = CStringGetTextDatum(message->code);
	values[8] = CStringGetTextDatum(text_for_reading(message->reason ? message->reason : ""));
	if (!kafka_timestamp(message->kafka_time, &kafka_time))
		nulls[9] = 'n';
	values[9] = TimestampTzGetDatum(kafka_time);
	values[10] = BoolGetDatum(message->is_digest);
	values[11] = Int32GetDatum((int32) message->value_length);
	values[12] = (Datum) 0;
	if (message->value != NULL)
		values[12] = sha256_datum(message->value, message->value_length);
	else
		nulls[12] = 'n';

	/*
	 * An offset names a message only as long as the log is the same: where the
	 * topic was made anew, another message has it.  Without an open segment there
	 * is no row; counting the batch tells.
	 */
	is_new = store_execute(store_plan(&keep_plan, catalog,
									  "INSERT INTO %1$s.vnstream_dead_letters"
									  " (segment, cluster_id, topic, epoch, kafka_partition, kafka_offset,"
									  "  key, value, value_hash, value_length, code, reason, kafka_time, created_at)"
									  " SELECT s.segment, $1, $2, $3, $4, $5,"
									  "  CASE WHEN $11 THEN pg_catalog.substring($6, 1, " CppAsString2(DIGEST_KEY_BYTES) ") ELSE $6 END,"
									  "  $7, CASE WHEN $11 THEN $13 END, CASE WHEN $11 THEN $12 END,"
									  "  $8, $9, $10, pg_catalog.now()"
									  " FROM %1$s.vnstream_segments AS s"
									  " WHERE s.cluster_id = $1 AND s.topic = $2 AND s.epoch = $3"
									  " AND s.partition = $4 AND s.closed_at IS NULL"
									  " AND NOT EXISTS (SELECT FROM %1$s.vnstream_dead_letters AS l"
									  "  WHERE l.cluster_id = $1 AND l.topic = $2 AND l.epoch = $3"
									  "  AND l.kafka_partition = $4 AND l.kafka_offset = $5"
									  "  AND CASE WHEN l.value_hash IS NOT NULL THEN l.value_hash IS NOT DISTINCT FROM $13"
									  "   WHEN $11 THEN pg_catalog.sha256(l.value) IS NOT DISTINCT FROM $13"
									  "   ELSE l.key IS NOT DISTINCT FROM $6 AND l.value IS NOT DISTINCT FROM $7 END"
									  "  AND l.kafka_time IS NOT DISTINCT FROM $10)",
									  lengthof(types), types),
						   values, nulls) == 1;
	for (int i = 5; i <= 6; i++)
	{
		if (nulls[i] != 'n')
			pfree(DatumGetPointer(values[i]));
	}
	if (nulls[12] != 'n')
		pfree(DatumGetPointer(values[12]));

	if (is_new && !fits && !limits->keeps_digests)
		ereport(ERROR,
				(errcode(ERRCODE_VNSTREAM_LETTERS_FULL),
				 errmsg("there is no room in vnstream_dead_letters for partition %d offset " INT64_FORMAT ": %s",
						message->partition, message->offset, message->reason),
				 errhint("See what the dead letters have in common, then purge some with vnstream_purge_dead_letters(), raise vnstream.dead_letter_limit, or set vnstream.on_dead_letter_limit to 'digest', which keeps hashes of further ones.")));
	if (is_new)
		letters_bytes += letter_bytes(message, message->is_digest);
	return is_new;
}

static int
count_letters(const IngestMessage *messages, int count, const IngestMessage **first)
{
	int			letters = 0;

	for (int i = 0; i < count; i++)
	{
		if (messages[i].fate != MESSAGE_IS_DEAD)
			continue;
		if (letters++ == 0)
			*first = &messages[i];
	}
	return letters;
}

static bool
is_too_many(int64 letters, int64 messages, int percent)
{
	return letters * 100 > messages * percent;
}

void
dead_letters_judge(const DeadLetterLimits *limits, const IngestMessage *messages,
				   int count)
{
	const IngestMessage *first = NULL;
	int			letters = count_letters(messages, count, &first);
	int64		all_messages = recent_messages + count;
	int64		all_letters = recent_letters + letters;

	/* the batch alone as well: once put right, what was before must not count */
	if (limits->percent == 0 || all_messages < JUDGED_MESSAGES ||
		!is_too_many(letters, count, limits->percent) ||
		!is_too_many(all_letters, all_messages, limits->percent))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_VNSTREAM_TOO_MANY_LETTERS),
			 errmsg(INT64_FORMAT " of the last " INT64_FORMAT " messages could not be rows; the first that waits, partition %d offset "
					INT64_FORMAT ": %s",
					all_letters, all_messages, first->partition, first->offset, first->reason),
			 errhint("See whether realtime_quotes, or a producer of the topic, has changed. Where they are to be kept as dead letters all the same, set vnstream.dead_letter_percent to 100.")));
}

void
dead_letters_note(const IngestMessage *messages, int count)
{
	const IngestMessage *first;

	recent_messages += count;
	recent_letters += count_letters(messages, count, &first);
	if (recent_messages > REMEMBERED_MESSAGES)
	{
		recent_messages /= 2;
		recent_letters /= 2;
	}
}

int64
dead_letters_purge(const StoreCatalog *catalog, Datum older_than)
{
	Oid			types[] = {INTERVALOID};
	char	   *query;
	int64		count;

	/*
	 * One statement: all letters are locked before the first segment, and
	 * segments in the order of their numbers, as in a replay.  A time that long
	 * ago might not exist, so ages are compared.
	 */
	query = psprintf("WITH gone AS (DELETE FROM %1$s.vnstream_dead_letters"
					 "  WHERE pg_catalog.now() - created_at > $1 RETURNING segment),"
					 " counts AS (SELECT segment, pg_catalog.count(*) AS letters FROM gone GROUP BY segment),"
					 " locked AS (SELECT s.segment, c.letters FROM %1$s.vnstream_segments AS s"
					 "  JOIN counts AS c USING (segment) ORDER BY s.segment FOR NO KEY UPDATE OF s),"
					 " counted AS (UPDATE %1$s.vnstream_segments AS s SET purged = s.purged + l.letters"
					 "  FROM locked AS l WHERE s.segment = l.segment)"
					 " SELECT coalesce(pg_catalog.sum(letters), 0)::pg_catalog.int8 FROM counts",
					 catalog->schema_name);
	if (SPI_execute_with_args(query, lengthof(types), types, &older_than, NULL,
							  false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not purge dead letters");
	count = DatumGetInt64(store_result(0, 1));
	SPI_freetuptable(SPI_tuptable);
	pfree(query);
	return count;
}
