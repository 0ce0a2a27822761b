/*-------------------------------------------------------------------------
 *
 * import.c
 *	  The rows of an old table as quotes.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include <math.h>

#include "access/relation.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "nodes/plannodes.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "market/json.h"
#include "store/import.h"
#include "store/insertion.h"
#include "store/months.h"
#include "store/role.h"
#include "store/support.h"

#define IMPORT_BATCH 2000

/* As many refused rows of a kind as are shown, and bytes of a value of theirs. */
#define EXAMPLES_SHOWN 3
#define EXAMPLE_VALUE_MAX 40

/* Times and dates with a year of four digits, as messages have them. */
#define DATE_MIN (-(POSTGRES_EPOCH_JDATE - 1721426))	/* 0001-01-01 */
#define DATE_MAX (5373484 - POSTGRES_EPOCH_JDATE)	/* 9999-12-31 */

static int
field_of_column(const char *name)
{
	for (int f = 0; f < QUOTE_FIELD_COUNT; f++)
	{
		if (strcmp(quote_fields[f].name, name) == 0)
			return f;
	}
	return -1;
}

static void
check_relation(const StoreCatalog *catalog, Relation relation)
{
	const char *name = RelationGetRelationName(relation);
	QuotesTable table;

	switch (relation->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is not a table or view", name),
					 errhint("Name what has the old rows: a table, view or foreign table.")));
	}

	quotes_table_find(catalog, &table);
	if (RelationGetRelid(relation) == table.relation ||
		(relation->rd_rel->relispartition &&
		 list_member_oid(get_partition_ancestors(RelationGetRelid(relation)), table.relation)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is %s.%s itself, or a part of it", name,
						catalog->schema_name, QUOTES_TABLE),
				 errhint("Name the old table, e.g. %s_old where it was renamed.", QUOTES_TABLE)));
}

static void
check_columns(Import *import, Relation relation, const char *ignored)
{
	const char *name = RelationGetRelationName(relation);

	if (import->columns[QUOTE_TICKER] == 0 || import->columns[QUOTE_TIME] == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("\"%s\" has no column \"%s\"", name,
						import->columns[QUOTE_TICKER] == 0 ? "ticker" : "time"),
				 errhint("Columns are found by their names in %s; a view can give them: CREATE VIEW quotes_to_import AS SELECT symbol AS ticker, ... FROM %s.",
						 QUOTES_TABLE, quote_identifier(name))));
	if (ignored[0] != '\0')
		ereport(NOTICE,
				(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				 errmsg("columns of \"%s\" that are not taken over: %s", name, ignored)));
}

void
import_begin(const StoreCatalog *catalog, Import *import, Oid relation_oid)
{
	Relation	relation;
	TupleDesc	desc;
	StringInfoData query;
	StringInfoData ignored;
	int			count = 0;

	memset(import, 0, sizeof(*import));
	import->context = CurrentMemoryContext;
	import->oldest = PG_INT64_MAX;
	months_forget();

	if (get_rel_name(relation_oid) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relation_oid),
				 errhint("Name what has the old rows: a table, view or foreign table.")));
	relation = relation_open(relation_oid, AccessShareLock);
	check_relation(catalog, relation);

	initStringInfo(&query);
	initStringInfo(&ignored);
	appendStringInfoString(&query, "SELECT ");
	desc = RelationGetDescr(relation);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		int			field;

		if (attribute->attisdropped)
			continue;
		field = field_of_column(NameStr(attribute->attname));
		if (field < 0)
		{
			appendStringInfo(&ignored, "%s%s", ignored.len > 0 ? ", " : "",
							 NameStr(attribute->attname));
			continue;
		}
		appendStringInfo(&query, "%s%s", count > 0 ? ", " : "",
						 quote_identifier(NameStr(attribute->attname)));
		import->columns[field] = ++count;
		import->types[field] = getBaseType(attribute->atttypid);
	}
	appendStringInfo(&query, " FROM %s.%s",
					 quote_identifier(get_namespace_name(RelationGetNamespace(relation))),
					 quote_identifier(RelationGetRelationName(relation)));
	check_columns(import, relation, ignored.data);
	relation_close(relation, NoLock);

	import->portal = SPI_cursor_open_with_args(NULL, query.data, 0, NULL, NULL, NULL,
											   false, CURSOR_OPT_NO_SCROLL);
	if (import->portal == NULL)
		elog(ERROR, "SPI_cursor_open_with_args failed: %s",
			 SPI_result_code_string(SPI_result));
	import->expected = (int64) linitial_node(PlannedStmt, import->portal->stmts)->planTree->plan_rows;
	pfree(query.data);
	pfree(ignored.data);
}

/* Does the text have the form of a number in JSON? */
static bool
is_json_number(const char *text)
{
	static const char digits[] = "0123456789";
	size_t		length;

	text += (*text == '-');
	length = strspn(text, digits);
	if (length == 0 || (length > 1 && text[0] == '0'))
		return false;
	text += length;
	if (*text == '.')
	{
		length = strspn(++text, digits);
		if (length == 0)
			return false;
		text += length;
	}
	if (*text == 'e' || *text == 'E')
	{
		text++;
		text += (*text == '-' || *text == '+');
		length = strspn(text, digits);
		if (length == 0)
			return false;
		text += length;
	}
	return *text == '\0';
}

static char *
trimmed(char *text)
{
	char	   *end;

	text += strspn(text, " \t\r\n");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r\n", end[-1]) != NULL)
		*--end = '\0';
	return text;
}

/*
 * The value as a text that does not depend on the session's settings, where the
 * type is one that a table of quotes should have; else as the type writes it.
 */
static char *
value_text(HeapTuple tuple, TupleDesc desc, int column, Oid type, bool *is_null)
{
	Datum		value = SPI_getbinval(tuple, desc, column, is_null);
	char		text[Max(Max(TIME_TEXT_SIZE, DATE_TEXT_SIZE), JSON_NUMBER_SIZE)];
	int64		time;

	if (*is_null)
		return NULL;
	switch (type)
	{
		case FLOAT8OID:
			if (!isfinite(DatumGetFloat8(value)))
				break;
			json_write_number(DatumGetFloat8(value), text);
			return pstrdup(text);
		case FLOAT4OID:
			if (!isfinite(DatumGetFloat4(value)))
				break;
			float_to_shortest_decimal_buf(DatumGetFloat4(value), text);
			return pstrdup(text);
		case TIMESTAMPTZOID:
		case TIMESTAMPOID:
			time = DatumGetTimestampTz(value);
			if (time < DATE_MIN * USECS_PER_DAY || time >= DATE_MAX * USECS_PER_DAY)
				break;
			time = unix_from_timestamp(time);
			if (type == TIMESTAMPOID)
				time -= VIETNAM_UTC_OFFSET;
			time_to_text(time, text);
			return pstrdup(text);
		case DATEOID:
			if (DatumGetDateADT(value) < DATE_MIN || DatumGetDateADT(value) > DATE_MAX)
				break;
			date_to_text(DatumGetDateADT(value) + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE), text);
			return pstrdup(text);
		default:
			break;
	}
	return SPI_getvalue(tuple, desc, column);
}

/* The row as the message that its producer would have written. */
static void
append_message(StringInfo json, const Import *import, HeapTuple tuple, TupleDesc desc)
{
	char		separator = '{';

	for (int f = 0; f < QUOTE_FIELD_COUNT; f++)
	{
		const QuoteField *field = &quote_fields[f];
		char	   *text;
		bool		is_null;

		if (import->columns[f] == 0)
			continue;
		text = value_text(tuple, desc, import->columns[f], import->types[f], &is_null);
		if (is_null)
			continue;

		/* char(n) is filled up, and a file's text often has blanks around. */
		text = trimmed(text);
		if (text[0] == '\0')
			continue;
		appendStringInfo(json, "%c\"%s\":", separator, field->name);
		separator = ',';
		if ((field->kind == QUOTE_KIND_PRICE || field->kind == QUOTE_KIND_VALUE ||
			 field->kind == QUOTE_KIND_SHARES) && is_json_number(text))
			appendStringInfoString(json, text);
		else
			escape_json(json, text_from_server(text));
	}
	if (separator == '{')
		appendStringInfoChar(json, '{');
	appendStringInfoChar(json, '}');
}

static ImportRefusal *
find_refusal(Import *import, const char *code)
{
	MemoryContext old;
	ImportRefusal *refusal;
	ListCell   *cell;

	foreach(cell, import->refusals)
	{
		refusal = lfirst(cell);
		if (strcmp(refusal->code, code) == 0)
			return refusal;
	}
	old = MemoryContextSwitchTo(import->context);
	refusal = palloc0(sizeof(*refusal));
	strlcpy(refusal->code, code, sizeof(refusal->code));
	initStringInfo(&refusal->examples);
	import->refusals = lappend(import->refusals, refusal);
	MemoryContextSwitchTo(old);
	return refusal;
}

static const char *
example_value(const Import *import, QuoteFieldId field, HeapTuple tuple, TupleDesc desc)
{
	char	   *text = SPI_getvalue(tuple, desc, import->columns[field]);

	if (text == NULL)
		return "NULL";
	text = trimmed(text);
	text[pg_mbcliplen(text, strlen(text), EXAMPLE_VALUE_MAX)] = '\0';
	return text;
}

static void
tally(Import *import, const IngestMessage *message, HeapTuple tuple, TupleDesc desc)
{
	ImportRefusal *refusal;

	if (message->fate == MESSAGE_STORED)
	{
		import->stored++;
		import->oldest = Min(import->oldest, message->quote.time);
	}
	else if (message->fate == MESSAGE_DUPLICATE)
		import->duplicates++;
	else
	{
		refusal = find_refusal(import, message->code);
		if (refusal->rows++ < EXAMPLES_SHOWN)
			appendStringInfo(&refusal->examples, "%s%s %s: %s",
							 refusal->examples.len > 0 ? "\n" : "",
							 example_value(import, QUOTE_TICKER, tuple, desc),
							 example_value(import, QUOTE_TIME, tuple, desc),
							 text_for_reading(message->reason));
	}
}

int
import_some(const StoreCatalog *catalog, Import *import)
{
	MemoryContext context = AllocSetContextCreate(import->context, "vnstream import",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	SPITupleTable *rows;
	int			count;

	SPI_cursor_fetch(import->portal, true, IMPORT_BATCH);
	count = (int) SPI_processed;
	rows = SPI_tuptable;
	if (count > 0)
	{
		IngestMessage *messages = palloc(sizeof(IngestMessage) * count);
		int64		now = unix_from_timestamp(GetCurrentTimestamp());
		StringInfoData json;
		RoleScope	role;

		initStringInfo(&json);
		for (int i = 0; i < count; i++)
		{
			IngestMessage *message = &messages[i];

			resetStringInfo(&json);
			append_message(&json, import, rows->vals[i], rows->tupdesc);
			memset(message, 0, offsetof(IngestMessage, quote));
			message->partition = -1;
			message->offset = -1;
			message->kafka_time = -1;
			message->value = json.data;
			message->value_length = json.len;
			message_judge(message, now, context);
			message->value = NULL;
		}

		role_scope_enter(&role, catalog->owner);
		quotes_store(catalog, messages, count, context);
		role_scope_leave(&role);

		for (int i = 0; i < count; i++)
			tally(import, &messages[i], rows->vals[i], rows->tupdesc);
	}
	else
		SPI_cursor_close(import->portal);
	SPI_freetuptable(rows);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return count;
}
