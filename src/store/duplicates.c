/*-------------------------------------------------------------------------
 *
 * duplicates.c
 *	  Quotes whose key is in the table: the same quote, or another?
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "store/duplicates.h"
#include "store/support.h"

/* As many differing fields as a reason spells out. */
#define DIFFERENCES_SHOWN 2

static void
append_comparison(StringInfo query, const StoreCatalog *catalog)
{
	appendStringInfoString(query,
						   "SELECT b.kafka_offset, q.ticker IS NOT NULL,"
						   " pg_catalog.array_remove(ARRAY[");
	for (int i = 0; i < QUOTE_FIELD_COUNT; i++)
	{
		const char *name = quote_identifier(quote_fields[i].name);

		if (i == QUOTE_TICKER || i == QUOTE_TIME || i == QUOTE_SOURCE)
			continue;
		appendStringInfo(query,
						 "%sCASE WHEN q.%s IS DISTINCT FROM b.%s THEN"
						 " pg_catalog.concat('%s ', coalesce(q.%s::pg_catalog.text, 'unknown'),"
						 " ' there, ', coalesce(b.%s::pg_catalog.text, 'unknown'), ' here') END",
						 i > 2 ? ",\n" : "", name, name,
						 quote_fields[i].name, name, name);
	}
	appendStringInfo(query,
					 "]::pg_catalog.text[], NULL)"
					 " FROM " ROWS_RELATION " AS b LEFT JOIN %s." QUOTES_TABLE " AS q"
					 " ON q.ticker = b.ticker AND q.time = b.time"
					 " AND q.time BETWEEN $1 AND $2",
					 catalog->schema_name);
}

static char *
conflict_reason(const Quote *quote, ArrayType *differences, MemoryContext context)
{
	Datum	   *elements;
	int			count;
	char		time[TIME_TEXT_SIZE];
	StringInfoData reason;
	MemoryContext old;
	const char *converted;
	char	   *answer;

	deconstruct_array(differences, TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, &count);
	time_to_text(quote->time, time);

	initStringInfo(&reason);
	appendStringInfo(&reason,
					 "another quote of %s at %s is stored already and differs: ",
					 quote->ticker, time);
	for (int i = 0; i < count && i < DIFFERENCES_SHOWN; i++)
	{
		char	   *difference = TextDatumGetCString(elements[i]);

		appendStringInfo(&reason, "%s%s", i > 0 ? "; " : "", difference);
		pfree(difference);
	}
	if (count > DIFFERENCES_SHOWN)
		appendStringInfo(&reason, "; and %d more field%s", count - DIFFERENCES_SHOWN,
						 count - DIFFERENCES_SHOWN > 1 ? "s" : "");

	old = MemoryContextSwitchTo(context);
	converted = text_from_server(reason.data);
	answer = pstrdup(converted);
	MemoryContextSwitchTo(old);
	pfree(reason.data);
	return answer;
}

void
duplicates_judge(const StoreCatalog *catalog, QuoteRows *rows,
				 IngestMessage *messages, const int *indexes, int count,
				 MemoryContext context)
{
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[lengthof(types)];
	StringInfoData query;
	int64		first = PG_INT64_MAX;
	int64		last = PG_INT64_MIN;
	int			guc_level;
	int			code;

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
	{
		first = Min(first, messages[indexes[i]].quote.time);
		last = Max(last, messages[indexes[i]].quote.time);
	}
	values[0] = TimestampTzGetDatum(timestamp_from_unix(first));
	values[1] = TimestampTzGetDatum(timestamp_from_unix(last));

	quote_rows_number(rows, messages, indexes, count);
	initStringInfo(&query);
	append_comparison(&query, catalog);

	/*
	 * Few rows against a table of any size, whose statistics may be of a time
	 * when it was empty: only the unique index will do.  Times in reasons
	 * read as the messages write them.
	 */
	guc_level = NewGUCNestLevel();
	setting_pin("enable_hashjoin", "off");
	setting_pin("enable_mergejoin", "off");
	setting_pin("enable_seqscan", "off");
	setting_pin("jit", "off");
	setting_pin("TimeZone", "<+07>-07");
	setting_pin("DateStyle", "ISO, YMD");
	setting_pin("extra_float_digits", "1");
	code = SPI_execute_with_args(query.data, lengthof(types), types, values,
								 NULL, false, 0);
	AtEOXact_GUC(false, guc_level);
	if (code != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed: %s",
			 SPI_result_code_string(code));
	if (SPI_processed != (uint64) count)
		elog(ERROR, "comparison returned " UINT64_FORMAT " rows for %d quotes",
			 SPI_processed, count);

	for (int row = 0; row < count; row++)
	{
		IngestMessage *message = &messages[indexes[DatumGetInt64(store_result(row, 1))]];
		ArrayType  *differences = DatumGetArrayTypeP(store_result(row, 3));

		if (!DatumGetBool(store_result(row, 2)))
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("a quote of %s was neither inserted nor is it in %s.%s",
							message->quote.ticker, catalog->schema_name, QUOTES_TABLE),
					 errdetail("It was deleted at this moment, or a trigger or rule of the table keeps it out.")));
		if (ArrayGetNItems(ARR_NDIM(differences), ARR_DIMS(differences)) == 0)
			message->fate = MESSAGE_DUPLICATE;
		else
		{
			message->fate = MESSAGE_IS_DEAD;
			strlcpy(message->code, "conflict", sizeof(message->code));
			message->reason = conflict_reason(&message->quote, differences, context);
		}
	}
	SPI_freetuptable(SPI_tuptable);
	pfree(query.data);
}
