/*-------------------------------------------------------------------------
 *
 * outbox.c
 *	  Responses that Kafka has not acknowledged yet.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/outbox.h"
#include "store/support.h"

static StorePlan add_plan;
static StorePlan count_plan;
static StorePlan load_plan;
static StorePlan newest_plan;
static StorePlan settle_plan;
static StorePlan size_plan;

/*
 * JSON that every encoding can hold: \uXXXX for what is not ASCII.  It reads
 * back as the same message, where a conversion might find no such character.
 */
static char *
json_in_ascii(const char *json)
{
	const unsigned char *next = (const unsigned char *) json;
	StringInfoData text;

	initStringInfo(&text);
	while (*next != '\0')
	{
		pg_wchar	character;

		if (!IS_HIGHBIT_SET(*next))
		{
			appendStringInfoChar(&text, (char) *next++);
			continue;
		}
		character = utf8_to_unicode(next);
		next += pg_utf_mblen(next);
		if (character >= 0x10000)
			appendStringInfo(&text, "\\u%04x\\u%04x",
							 0xD800 + ((character - 0x10000) >> 10),
							 0xDC00 + ((character - 0x10000) & 0x3FF));
		else
			appendStringInfo(&text, "\\u%04x", character);
	}
	return text.data;
}

static Datum
text_array(char *const *texts, int count, bool is_json)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
	{
		const char *text = texts[i];

		if (is_json && GetDatabaseEncoding() != PG_UTF8)
			text = json_in_ascii(text);
		elements[i] = CStringGetTextDatum(text);
	}
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

void
outbox_add(const StoreCatalog *catalog, OutboxResponse *response,
		   int64 answered, int64 unchanged, int64 rejected)
{
	Oid			types[] = {INT8OID, TEXTOID, TIMESTAMPTZOID, TEXTARRAYOID, TEXTARRAYOID, INT8OID};
	Oid			count_types[] = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID};
	Datum		values[lengthof(types)];

	response->response = 0;
	response->bytes = 0;
	for (int i = 0; i < response->count; i++)
		response->bytes += strlen(response->messages[i]);
	if (response->count > 0)
	{
		values[0] = Int64GetDatum(response->sweep);
		values[1] = CStringGetTextDatum(text_for_reading(response->source));
		values[2] = TimestampTzGetDatum(timestamp_from_unix(response->fetched_at));
		values[3] = text_array(response->tickers, response->count, false);
		values[4] = text_array(response->messages, response->count, true);
		values[5] = Int64GetDatum(response->bytes);
		(void) store_execute(store_plan(&add_plan, catalog,
										"INSERT INTO %1$s.vnstream_outbox (sweep, source, fetched_at, tickers, messages, bytes)"
										" VALUES ($1, $2, $3, $4, $5, $6) RETURNING response",
										lengthof(types), types),
							 values, NULL);
		response->response = DatumGetInt64(store_result(0, 1));
	}

	values[0] = Int64GetDatum(response->sweep);
	values[1] = Int64GetDatum(answered);
	values[2] = Int64GetDatum(unchanged);
	values[3] = Int64GetDatum(rejected);
	values[4] = Int64GetDatum(response->count);
	(void) store_execute(store_plan(&count_plan, catalog,
									"UPDATE %1$s.vnstream_sweeps AS s SET answered = s.answered + $2,"
									" unchanged = s.unchanged + $3, rejected = s.rejected + $4,"
									" waiting = s.waiting + $5 WHERE s.sweep = $1",
									lengthof(count_types), count_types),
						 values, NULL);
}

static char **
texts_from_array(Datum array, int *count, MemoryContext context)
{
	Datum	   *elements;
	char	  **texts;
	int			element_count;
	MemoryContext old;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &element_count);
	old = MemoryContextSwitchTo(context);
	texts = palloc(sizeof(char *) * Max(element_count, 1));
	for (int i = 0; i < element_count; i++)
	{
		char	   *stored = TextDatumGetCString(elements[i]);
		const char *converted = text_from_server(stored);

		if (converted != stored)
			pfree(stored);
		texts[i] = unconstify(char *, converted);
	}
	MemoryContextSwitchTo(old);
	*count = element_count;
	return texts;
}

int
outbox_load(const StoreCatalog *catalog, int64 after, int max,
			MemoryContext context, OutboxResponse **responses)
{
	Oid			types[] = {INT8OID, INT8OID};
	Datum		values[] = {Int64GetDatum(after), Int64GetDatum((int64) max)};
	int			count;

	count = (int) store_execute(store_plan(&load_plan, catalog,
										   "SELECT response, sweep, source, fetched_at, tickers, messages, bytes"
										   " FROM %1$s.vnstream_outbox WHERE response > $1 ORDER BY response LIMIT $2",
										   lengthof(types), types),
								values, NULL);
	*responses = MemoryContextAllocZero(context, sizeof(OutboxResponse) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		OutboxResponse *response = &(*responses)[i];
		char	   *source = TextDatumGetCString(store_result(i, 3));
		int			ticker_count;

		response->response = DatumGetInt64(store_result(i, 1));
		response->sweep = DatumGetInt64(store_result(i, 2));
		response->source = MemoryContextStrdup(context, text_from_server(source));
		response->fetched_at = unix_from_timestamp(DatumGetTimestampTz(store_result(i, 4)));
		response->tickers = texts_from_array(store_result(i, 5), &ticker_count, context);
		response->messages = texts_from_array(store_result(i, 6), &response->count, context);
		response->bytes = DatumGetInt64(store_result(i, 7));
		if (ticker_count != response->count)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("response " INT64_FORMAT " in %s.vnstream_outbox has %d tickers and %d messages",
							response->response, catalog->schema_name,
							ticker_count, response->count),
					 errhint("The row was changed by hand; put it right or delete it.")));
		pfree(source);
	}
	SPI_freetuptable(SPI_tuptable);
	return count;
}

int64
outbox_newest(const StoreCatalog *catalog)
{
	(void) store_execute(store_plan(&newest_plan, catalog,
									"SELECT coalesce(pg_catalog.max(response), 0) FROM %1$s.vnstream_outbox",
									0, NULL),
						 NULL, NULL);
	return DatumGetInt64(store_result(0, 1));
}

void
outbox_settle(const StoreCatalog *catalog, const int64 *responses, int count)
{
	Oid			types[] = {INT8ARRAYOID};
	Datum		values[lengthof(types)];

	if (count == 0)
		return;
	values[0] = int8_array(responses, count);
	(void) store_execute(store_plan(&settle_plan, catalog,
									"WITH settled AS (DELETE FROM %1$s.vnstream_outbox WHERE response = ANY ($1)"
									"  RETURNING sweep, pg_catalog.cardinality(tickers) AS messages)"
									" UPDATE %1$s.vnstream_sweeps AS s SET published = s.published + d.messages,"
									"  waiting = s.waiting - d.messages"
									" FROM (SELECT sweep, pg_catalog.sum(messages)::pg_catalog.int8 AS messages"
									"  FROM settled GROUP BY sweep) AS d"
									" WHERE s.sweep = d.sweep",
									lengthof(types), types),
						 values, NULL);
}

void
outbox_size(const StoreCatalog *catalog, int64 *responses, int64 *messages,
			int64 *bytes)
{
	/* Messages stay in their TOAST table, where they are compressed besides. */
	(void) store_execute(store_plan(&size_plan, catalog,
									"SELECT pg_catalog.count(*),"
									" coalesce(pg_catalog.sum(pg_catalog.cardinality(tickers)), 0)::pg_catalog.int8,"
									" coalesce(pg_catalog.sum(bytes), 0)::pg_catalog.int8"
									" FROM %1$s.vnstream_outbox",
									0, NULL),
						 NULL, NULL);
	*responses = DatumGetInt64(store_result(0, 1));
	*messages = DatumGetInt64(store_result(0, 2));
	*bytes = DatumGetInt64(store_result(0, 3));
}
