/*-------------------------------------------------------------------------
 *
 * newest.c
 *	  The newest row of each ticker, read from realtime_quotes.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "store/newest.h"
#include "store/rows.h"
#include "store/support.h"

/* What was last looked at, until the relation cache says that it changed. */
static Oid	state_relation = InvalidOid;
static uint64 state;
static bool state_is_known = false;
static Oid *state_members = NULL;	/* the table and all of its partitions */
static int	state_member_count = 0;

static StorePlan one_plan;

static void
relation_changed(Datum argument pg_attribute_unused(), Oid relation)
{
	if (relation == InvalidOid)
		state_is_known = false;
	for (int i = 0; i < state_member_count && state_is_known; i++)
		if (state_members[i] == relation)
			state_is_known = false;
}

/*
 * Triggers that may make another row of a quote, or none.  From the catalog:
 * opening a partition would wait for whoever locks it.
 */
static bool
has_changing_trigger(Oid relation)
{
	Relation	triggers = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	scan = systable_beginscan(triggers, TriggerRelidNameIndexId, true, NULL, 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

		found = TRIGGER_FOR_ROW(form->tgtype) && TRIGGER_FOR_BEFORE(form->tgtype) &&
			TRIGGER_FOR_INSERT(form->tgtype) && form->tgenabled != TRIGGER_DISABLED;
	}
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);
	return found;
}

static uint64
look_at(Oid relation, const List *members)
{
	uint64		hash = 0;
	bool		may_be_kept = true;
	ListCell   *cell;

	foreach(cell, members)
	{
		Oid			member = lfirst_oid(cell);
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(member));
		Form_pg_class form;

		hash = hash_combine64(hash, member);
		if (!HeapTupleIsValid(tuple))
			continue;
		form = (Form_pg_class) GETSTRUCT(tuple);
		hash = hash_combine64(hash, form->relfilenode);
		if ((form->relhastriggers && has_changing_trigger(member)) ||
			(member == relation &&
			 (form->relhasrules || (form->relrowsecurity && form->relforcerowsecurity))))
			may_be_kept = false;
		ReleaseSysCache(tuple);
	}
	return !may_be_kept ? 0 : hash == 0 ? 1 : hash;
}

static void
watch(const List *members)
{
	Oid		   *watched = MemoryContextAlloc(CacheMemoryContext, sizeof(Oid) * list_length(members));
	Oid		   *old = state_members;
	ListCell   *cell;
	int			count = 0;

	foreach(cell, members)
		watched[count++] = lfirst_oid(cell);
	state_members = watched;
	state_member_count = count;
	if (old != NULL)
		pfree(old);
}

uint64
quotes_table_state(Oid relation)
{
	static bool callback_is_registered = false;
	List	   *members;

	if (state_is_known && state_relation == relation)
		return state;
	if (!callback_is_registered)
	{
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
		callback_is_registered = true;
	}

	/* Known first, so that a change during the look is not lost. */
	watch(list_make1_oid(relation));
	state_relation = relation;
	state_is_known = true;
	members = find_all_inheritors(relation, NoLock, NULL);
	watch(members);
	state = look_at(relation, members);
	list_free(members);
	return state;
}

bool
quotes_table_state_is_known(void)
{
	return state_is_known;
}

static void
append_columns(StringInfo text, const char *alias)
{
	for (int f = 0; f < QUOTE_FIELD_COUNT; f++)
		appendStringInfo(text, "%s%s.%s", f > 0 ? ", " : "", alias,
						 quote_identifier(quote_fields[f].name));
}

/* Is there an index by which a ticker's rows are found? */
static bool
has_ticker_index(Oid relation_oid)
{
	Relation	relation = relation_open(relation_oid, NoLock);
	List	   *indexes = RelationGetIndexList(relation);
	ListCell   *cell;
	bool		found = false;

	foreach(cell, indexes)
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
		Form_pg_index form;

		if (!HeapTupleIsValid(tuple))
			continue;
		form = (Form_pg_index) GETSTRUCT(tuple);
		found = found ||
			(form->indisvalid && form->indisunique && form->indkey.values[0] > 0 &&
			 strcmp(NameStr(TupleDescAttr(RelationGetDescr(relation),
										  form->indkey.values[0] - 1)->attname),
					quote_fields[QUOTE_TICKER].name) == 0);
		ReleaseSysCache(tuple);
	}
	list_free(indexes);
	relation_close(relation, NoLock);
	return found;
}

static uint64
select_one(const char *schema_name, const char *ticker)
{
	StoreCatalog catalog = {0};
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(ticker)};
	StringInfoData text;
	SPIPlanPtr	plan;

	strlcpy(catalog.schema_name, schema_name, sizeof(catalog.schema_name));
	initStringInfo(&text);
	appendStringInfoString(&text, "SELECT ");
	append_columns(&text, "q");
	appendStringInfoString(&text, " FROM %1$s." QUOTES_TABLE " AS q"
						   " WHERE q.ticker OPERATOR(pg_catalog.=) $1 AND q.\"time\" IS NOT NULL"
						   " ORDER BY q.\"time\" DESC LIMIT 1");
	plan = store_plan(&one_plan, &catalog, text.data, lengthof(types), types);
	pfree(text.data);
	return store_execute(plan, values, NULL);
}

uint64
newest_select(Oid relation, const char *schema_name, const char *ticker, int max)
{
	StringInfoData text;
	int			code;

	if (ticker != NULL)
		return select_one(schema_name, ticker);

	initStringInfo(&text);
	if (has_ticker_index(relation))
	{
		appendStringInfo(&text,
						 "WITH RECURSIVE tickers (ticker) AS ("
						 "(SELECT q.ticker FROM %1$s." QUOTES_TABLE " AS q ORDER BY q.ticker LIMIT 1)"
						 " UNION ALL SELECT (SELECT q.ticker FROM %1$s." QUOTES_TABLE " AS q"
						 " WHERE q.ticker OPERATOR(pg_catalog.>) t.ticker ORDER BY q.ticker LIMIT 1)"
						 " FROM tickers AS t WHERE t.ticker IS NOT NULL) SELECT ",
						 schema_name);
		append_columns(&text, "n");
		appendStringInfoString(&text, " FROM tickers AS t CROSS JOIN LATERAL (SELECT ");
		append_columns(&text, "q");
		appendStringInfo(&text, " FROM %s." QUOTES_TABLE " AS q"
						 " WHERE q.ticker OPERATOR(pg_catalog.=) t.ticker AND q.\"time\" IS NOT NULL"
						 " ORDER BY q.\"time\" DESC LIMIT 1) AS n",
						 schema_name);
	}
	else
	{
		appendStringInfoString(&text, "SELECT DISTINCT ON (q.ticker) ");
		append_columns(&text, "q");
		appendStringInfo(&text, " FROM %s." QUOTES_TABLE " AS q"
						 " WHERE q.ticker IS NOT NULL AND q.\"time\" IS NOT NULL"
						 " ORDER BY q.ticker, q.\"time\" DESC",
						 schema_name);
	}
	code = SPI_execute(text.data, false, max);
	if (code != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(code));
	pfree(text.data);
	return SPI_processed;
}

/* One column into its member.  False where the member cannot be that value. */
static bool
take_value(Quote *quote, QuoteFieldId id, Datum value)
{
	const QuoteField *field = &quote_fields[id];
	char	   *member = (char *) quote + field->offset;

	switch (field->kind)
	{
		case QUOTE_KIND_TEXT:
			{
				char	   *stored = TextDatumGetCString(value);
				const char *text = text_from_server(stored);
				bool		fits = strlen(text) < field->size;

				if (fits)
					strlcpy(member, text, field->size);
				if (text != stored)
					pfree(unconstify(char *, text));
				pfree(stored);
				return fits;
			}
		case QUOTE_KIND_PRICE:
		case QUOTE_KIND_VALUE:
			*(double *) member = DatumGetFloat8(value);
			return true;
		case QUOTE_KIND_SHARES:
			*(int64_t *) member = DatumGetInt64(value);
			return true;
		case QUOTE_KIND_TIME:
			if (TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(value)))
				return false;
			*(int64_t *) member = unix_from_timestamp(DatumGetTimestampTz(value));
			return true;
		case QUOTE_KIND_DATE:
			if (DATE_NOT_FINITE(DatumGetDateADT(value)))
				return false;
			*(int32_t *) member = DatumGetDateADT(value) + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE);
			return true;
	}
	return false;
}

bool
newest_quote(HeapTuple row, TupleDesc desc, Quote *quote)
{
	bool		is_exact = true;

	quote_clear(quote);
	for (int f = 0; f < QUOTE_FIELD_COUNT; f++)
	{
		bool		is_null;
		Datum		value = SPI_getbinval(row, desc, f + 1, &is_null);

		if (is_null)
			continue;
		if (take_value(quote, f, value))
			quote->known |= UINT64_C(1) << f;
		else
			is_exact = false;
	}
	return is_exact;
}

bool
newest_is_older(HeapTuple row, TupleDesc desc, const Quote *quote)
{
	bool		is_null;

	return DatumGetTimestampTz(SPI_getbinval(row, desc, QUOTE_TIME + 1, &is_null)) <
		timestamp_from_unix(quote->time);
}

void
newest_values(const Quote *quote, Datum *values, bool *nulls)
{
	for (int f = 0; f < QUOTE_FIELD_COUNT; f++)
	{
		const char *member = (const char *) quote + quote_fields[f].offset;

		values[f] = (Datum) 0;
		nulls[f] = !quote_knows(quote, f);
		if (nulls[f])
			continue;
		values[f] = quote_fields[f].kind == QUOTE_KIND_TEXT ?
			CStringGetTextDatum(text_for_reading(member)) :
			quote_value(quote_fields[f].kind, member);
	}
}
