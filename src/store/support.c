/*-------------------------------------------------------------------------
 *
 * support.c
 *	  What the files of store/ share: kept plans, and text between Kafka's UTF-8 and the database's encoding.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/guc.h"

#include "store/support.h"

#define UNIX_TO_PG_EPOCH \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

SPIPlanPtr
store_plan(StorePlan *kept, const StoreCatalog *catalog, const char *text,
		   int argument_count, Oid *argument_types)
{
	char	   *query;
	SPIPlanPtr	plan;

	if (kept->plan != NULL &&
		strcmp(kept->schema_name, catalog->schema_name) == 0)
		return kept->plan;

	store_plan_forget(kept);
	query = psprintf(text, catalog->schema_name);
	plan = SPI_prepare(query, argument_count, argument_types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	kept->plan = plan;
	strlcpy(kept->schema_name, catalog->schema_name,
			sizeof(kept->schema_name));
	pfree(query);
	return kept->plan;
}

void
store_plan_forget(StorePlan *kept)
{
	SPIPlanPtr	plan = kept->plan;

	kept->plan = NULL;
	if (plan != NULL)
		SPI_freeplan(plan);
}

uint64
store_execute(SPIPlanPtr plan, Datum *values, const char *nulls)
{
	int			code = SPI_execute_plan(plan, values, nulls, false, 0);

	if (code < 0)
		elog(ERROR, "SPI_execute_plan failed: %s",
			 SPI_result_code_string(code));
	return SPI_processed;
}

void
store_run(const char *text)
{
	int			code = SPI_execute(text, false, 0);

	if (code < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(code));
}

Datum
store_result(int row, int column)
{
	bool		is_null;
	Datum		value;

	if ((uint64) row >= SPI_processed)
		elog(ERROR, "statement returned no row %d", row);
	value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						  column, &is_null);
	if (is_null)
		elog(ERROR, "statement returned NULL in column %d", column);
	return value;
}

Datum
int4_array(const int32 *values, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
		elements[i] = Int32GetDatum(values[i]);
	return PointerGetDatum(construct_array(elements, count, INT4OID,
										   sizeof(int32), true,
										   TYPALIGN_INT));
}

Datum
int8_array(const int64 *values, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
		elements[i] = Int64GetDatum(values[i]);
	return PointerGetDatum(construct_array(elements, count, INT8OID,
										   sizeof(int64), FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

static bool
text_is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (IS_HIGHBIT_SET(*text))
			return false;
	}
	return true;
}

/*
 * Without raising: the caller decides per message what becomes of one that
 * the database cannot hold, and a raised error would cost it the whole batch.
 */
static const char *
text_convert(const char *text, int from, int to, bool or_question_mark)
{
	size_t		length;
	size_t		done = 0;
	size_t		room;
	char	   *answer;
	char	   *end;
	Oid			conversion;

	if (from == to || from == PG_SQL_ASCII || to == PG_SQL_ASCII ||
		text_is_ascii(text))
		return text;

	conversion = FindDefaultConversionProc(from, to);
	length = strlen(text);
	room = length * MAX_CONVERSION_GROWTH + 1;
	answer = palloc(room);
	end = answer;

	while (OidIsValid(conversion) && done < length)
	{
		int			converted = pg_do_encoding_conversion_buf(conversion,
															  from, to,
															  (unsigned char *) unconstify(char *, text) + done,
															  (int) (length - done),
															  (unsigned char *) end,
															  (int) (room - (end - answer)),
															  true);

		done += converted;
		end += strlen(end);
		if (done >= length)
			break;
		if (!or_question_mark)
			return NULL;
		done += Min((size_t) pg_encoding_mblen(from, text + done),
					length - done);
		*end++ = '?';
		*end = '\0';
	}
	if (!OidIsValid(conversion))
	{
		if (!or_question_mark)
			return NULL;
		for (; *text != '\0'; text++)
			*end++ = IS_HIGHBIT_SET(*text) ? '?' : *text;
	}
	*end = '\0';
	return answer;
}

const char *
text_to_server(const char *text)
{
	return text_convert(text, PG_UTF8, GetDatabaseEncoding(), false);
}

const char *
text_for_reading(const char *text)
{
	/* Whoever wrote it, a table must never hold text that cannot be read back. */
	if (!pg_verify_mbstr(PG_UTF8, text, (int) strlen(text), true))
	{
		char	   *copy = pstrdup(text);

		for (char *c = copy; *c != '\0'; c++)
		{
			if (IS_HIGHBIT_SET(*c))
				*c = '?';
		}
		return copy;
	}
	return text_convert(text, PG_UTF8, GetDatabaseEncoding(), true);
}

const char *
text_from_server(const char *text)
{
	return text_convert(text, GetDatabaseEncoding(), PG_UTF8, true);
}

TimestampTz
timestamp_from_unix(int64 time)
{
	return time - UNIX_TO_PG_EPOCH;
}

int64
unix_from_timestamp(TimestampTz time)
{
	return time + UNIX_TO_PG_EPOCH;
}
