/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  Quotes as rows: a tuplestore that SQL sees as a relation.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "store/rows.h"
#include "store/support.h"

#define ORIGIN_PARTITION QUOTE_FIELD_COUNT
#define ORIGIN_OFFSET (QUOTE_FIELD_COUNT + 1)
#define ORIGIN_CREATED_AT (QUOTE_FIELD_COUNT + 2)
#define COLUMN_COUNT (QUOTE_FIELD_COUNT + 3)

/*
 * A batch of the default size takes 2 MB; the disk is for those who configure
 * batches of another order.
 */
#define ROWS_MEMORY_KB (64 * 1024)

void
quote_rows_begin(QuoteRows *rows, TimestampTz created_at)
{
	EphemeralNamedRelation relation = palloc0(sizeof(*relation));
	TupleDesc	desc = CreateTemplateTupleDesc(COLUMN_COUNT);
	int			code;

	for (int i = 0; i < QUOTE_FIELD_COUNT; i++)
	{
		Oid			type = InvalidOid;

		switch (quote_fields[i].kind)
		{
			case QUOTE_KIND_TEXT:
				type = TEXTOID;
				break;
			case QUOTE_KIND_PRICE:
			case QUOTE_KIND_VALUE:
				type = FLOAT8OID;
				break;
			case QUOTE_KIND_SHARES:
				type = INT8OID;
				break;
			case QUOTE_KIND_TIME:
				type = TIMESTAMPTZOID;
				break;
			case QUOTE_KIND_DATE:
				type = DATEOID;
				break;
		}
		TupleDescInitEntry(desc, (AttrNumber) (i + 1), quote_fields[i].name,
						   type, -1, 0);
	}
	TupleDescInitEntry(desc, ORIGIN_PARTITION + 1, "kafka_partition", INT4OID, -1, 0);
	TupleDescInitEntry(desc, ORIGIN_OFFSET + 1, "kafka_offset", INT8OID, -1, 0);
	TupleDescInitEntry(desc, ORIGIN_CREATED_AT + 1, "created_at", TIMESTAMPTZOID, -1, 0);

	relation->md.name = pstrdup(ROWS_RELATION);
	relation->md.reliddesc = InvalidOid;
	relation->md.tupdesc = desc;
	relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->md.enrtuples = 1000;
	relation->reldata = NULL;

	rows->desc = desc;
	rows->created_at = created_at;
	rows->relation = relation;
	rows->store = NULL;

	code = SPI_register_relation(relation);
	if (code != SPI_OK_REL_REGISTER)
		elog(ERROR, "SPI_register_relation failed: %s",
			 SPI_result_code_string(code));
}

/* Room for a text of a quote as a varlena, also when conversion makes it longer. */
typedef union TextRoom
{
	char		bytes[VARHDRSZ + (SESSION_MAX + 1) * MAX_CONVERSION_GROWTH];
	int64		align;
} TextRoom;

static Datum
text_in_room(TextRoom *room, const char *text)
{
	const char *converted = text_to_server(text);
	size_t		length;

	if (converted == NULL)
		elog(ERROR, "text was not checked against the database's encoding");
	length = strlen(converted);
	if (length > sizeof(room->bytes) - VARHDRSZ)
		elog(ERROR, "text of a quote is too long");
	SET_VARSIZE(room->bytes, VARHDRSZ + length);
	memcpy(VARDATA(room->bytes), converted, length);
	if (converted != text)
		pfree(unconstify(char *, converted));
	return PointerGetDatum(room->bytes);
}

Datum
quote_value(QuoteFieldKind kind, const void *member)
{
	switch (kind)
	{
		case QUOTE_KIND_TEXT:
			break;
		case QUOTE_KIND_PRICE:
		case QUOTE_KIND_VALUE:
			return Float8GetDatum(*(const double *) member);
		case QUOTE_KIND_SHARES:
			return Int64GetDatum(*(const int64_t *) member);
		case QUOTE_KIND_TIME:
			return TimestampTzGetDatum(timestamp_from_unix(*(const int64_t *) member));
		case QUOTE_KIND_DATE:
			return DateADTGetDatum(*(const int32_t *) member -
								   (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE));
	}
	elog(ERROR, "kind %d of field has no plain value", (int) kind);
}

static void
empty_rows(QuoteRows *rows)
{
	if (rows->store == NULL)
		return;
	rows->relation->reldata = NULL;
	tuplestore_end(rows->store);
	rows->store = NULL;
}

static void
fill_rows(QuoteRows *rows, const IngestMessage *messages, const int *indexes,
		  int count, bool is_numbered)
{
	Datum		values[COLUMN_COUNT];
	bool		nulls[COLUMN_COUNT] = {false};
	TextRoom	rooms[QUOTE_FIELD_COUNT];

	empty_rows(rows);
	rows->store = tuplestore_begin_heap(false, false, ROWS_MEMORY_KB);
	rows->relation->reldata = rows->store;

	values[ORIGIN_CREATED_AT] = TimestampTzGetDatum(rows->created_at);
	for (int i = 0; i < count; i++)
	{
		const IngestMessage *message = &messages[indexes[i]];
		const Quote *quote = &message->quote;

		for (int f = 0; f < QUOTE_FIELD_COUNT; f++)
		{
			const QuoteField *field = &quote_fields[f];
			const char *member = (const char *) quote + field->offset;

			nulls[f] = !quote_knows(quote, f);
			if (nulls[f])
			{
				values[f] = (Datum) 0;
				continue;
			}
			values[f] = field->kind == QUOTE_KIND_TEXT ?
				text_in_room(&rooms[f], member) : quote_value(field->kind, member);
		}
		values[ORIGIN_PARTITION] = Int32GetDatum(message->partition);
		values[ORIGIN_OFFSET] = Int64GetDatum(is_numbered ? i : message->offset);
		tuplestore_putvalues(rows->store, rows->desc, values, nulls);
	}
}

void
quote_rows_fill(QuoteRows *rows, const IngestMessage *messages,
				const int *indexes, int count)
{
	fill_rows(rows, messages, indexes, count, false);
}

void
quote_rows_number(QuoteRows *rows, const IngestMessage *messages,
				  const int *indexes, int count)
{
	fill_rows(rows, messages, indexes, count, true);
}

void
quote_rows_end(QuoteRows *rows)
{
	empty_rows(rows);
	(void) SPI_unregister_relation(ROWS_RELATION);
}

bool
quote_fits_encoding(const Quote *quote)
{
	if (GetDatabaseEncoding() == PG_UTF8)
		return true;
	for (int f = 0; f < QUOTE_FIELD_COUNT; f++)
	{
		const char *member = (const char *) quote + quote_fields[f].offset;
		const char *converted;

		if (quote_fields[f].kind != QUOTE_KIND_TEXT || !quote_knows(quote, f))
			continue;
		converted = text_to_server(member);
		if (converted == NULL)
			return false;
		if (converted != member)
			pfree(unconstify(char *, converted));
	}
	return true;
}

void
append_quote_columns(StringInfo text, const char *alias)
{
	static const char *const origins[] = {"kafka_partition", "kafka_offset", "created_at"};

	for (int i = 0; i < COLUMN_COUNT; i++)
		appendStringInfo(text, "%s%s%s%s", i > 0 ? ", " : "",
						 alias ? alias : "", alias ? "." : "",
						 quote_identifier(i < QUOTE_FIELD_COUNT ? quote_fields[i].name :
										  origins[i - QUOTE_FIELD_COUNT]));
}
