/*-------------------------------------------------------------------------
 *
 * quotes_table.c
 *	  realtime_quotes: making it, and judging one that is there.
 *
 * The DDL and the check walk quote_fields[], so that table, messages and rows
 * cannot come to disagree about a column.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "partitioning/partdesc.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"

#include "market/quote.h"
#include "store/catalog.h"
#include "store/support.h"

/* The columns that say where a row came from; they follow the quote's. */
static const struct
{
	const char *name;
	const char *type;
	Oid			type_oid;
	const char *comment;
}			origin_columns[] = {
	{"kafka_partition", "int4", INT4OID,
	"partition of the Kafka topic that the message was read from; -1: not from Kafka, but imported"},
	{"kafka_offset", "int8", INT8OID,
	"offset of the message in that partition; -1: not from Kafka"},
	{"created_at", "timestamptz", TIMESTAMPTZOID,
	"when the batch with this row began to be stored"}
};

#define TABLE_COMMENT \
	"one row a stock and moment, as received from VNStock through Kafka; unknown is NULL, never 0"

static const char *const field_comments[QUOTE_FIELD_COUNT] = {
	[QUOTE_TICKER] = "the stock''s symbol, ^[A-Z0-9]{1,20}$",
	[QUOTE_TIME] = "when the source''s answer had arrived here (not the exchange''s time)",
	[QUOTE_PRICE] = "price of the last match, VND",
	[QUOTE_VOLUME] = "shares of the last match",
	[QUOTE_TOTAL_VOLUME] = "shares matched so far on the trading date, put-through not included",
	[QUOTE_CHANGE] = "price against reference_price, VND",
	[QUOTE_CHANGE_PERCENT] = "price against reference_price, percent (1.5 is 1.5 %)",
	[QUOTE_CEILING_PRICE] = "highest price allowed on the trading date, VND",
	[QUOTE_FLOOR_PRICE] = "lowest price allowed on the trading date, VND",
	[QUOTE_REFERENCE_PRICE] = "price that ceiling, floor and change are counted from, VND",
	[QUOTE_HIGHEST_PRICE] = "highest price matched on the trading date, VND",
	[QUOTE_LOWEST_PRICE] = "lowest price matched on the trading date, VND",
	[QUOTE_BID_PRICE] = "best price offered by buyers, VND",
	[QUOTE_ASK_PRICE] = "best price asked by sellers, VND",
	[QUOTE_OPEN_PRICE] = "first price matched on the trading date, VND",
	[QUOTE_TOTAL_VALUE] = "value of total_volume, VND",
	[QUOTE_MATCH_TIME] = "the exchange''s time of the last match",
	[QUOTE_MATCH_SIDE] = "who took the other side''s price in the last match: b (buyer) or s (seller)",
	[QUOTE_SOURCE_TIME] = "when the source last changed its row",
	[QUOTE_TRADING_DATE] = "the trading date that the source''s board shows",
	[QUOTE_SESSION] = "the trading session that the source''s board shows",
	[QUOTE_EXCHANGE] = "HOSE, HNX or UPCOM",
	[QUOTE_SOURCE] = "the VNStock provider that answered, e.g. vci or kbs",
	[QUOTE_BID_VOLUME] = "shares wanted at bid_price",
	[QUOTE_BID_PRICE_2] = "second best price offered by buyers, VND",
	[QUOTE_BID_VOLUME_2] = "shares wanted at bid_price_2",
	[QUOTE_BID_PRICE_3] = "third best price offered by buyers, VND",
	[QUOTE_BID_VOLUME_3] = "shares wanted at bid_price_3",
	[QUOTE_ASK_VOLUME] = "shares on sale at ask_price",
	[QUOTE_ASK_PRICE_2] = "second best price asked by sellers, VND",
	[QUOTE_ASK_VOLUME_2] = "shares on sale at ask_price_2",
	[QUOTE_ASK_PRICE_3] = "third best price asked by sellers, VND",
	[QUOTE_ASK_VOLUME_3] = "shares on sale at ask_price_3",
	[QUOTE_FOREIGN_BUY_VOLUME] = "shares bought by foreigners on the trading date",
	[QUOTE_FOREIGN_SELL_VOLUME] = "shares sold by foreigners on the trading date",
	[QUOTE_FOREIGN_BUY_VALUE] = "value bought by foreigners on the trading date, VND",
	[QUOTE_FOREIGN_SELL_VALUE] = "value sold by foreigners on the trading date, VND",
	[QUOTE_FOREIGN_ROOM] = "shares that foreigners may still buy",
	[QUOTE_PUT_THROUGH_VOLUME] = "shares of negotiated deals on the trading date",
	[QUOTE_PUT_THROUGH_VALUE] = "value of negotiated deals on the trading date, VND",
	[QUOTE_LISTED_SHARES] = "shares of the company that are listed; NULL for what is no share, such as ETFs"
};

/* What the last check found, until the relation cache says it changed. */
static QuotesTable checked_table;
static bool checked_is_valid = false;

static const char *
field_type(QuoteFieldKind kind, Oid *type_oid)
{
	switch (kind)
	{
		case QUOTE_KIND_TEXT:
			*type_oid = TEXTOID;
			return "text";
		case QUOTE_KIND_PRICE:
		case QUOTE_KIND_VALUE:
			*type_oid = FLOAT8OID;
			return "float8";
		case QUOTE_KIND_SHARES:
			*type_oid = INT8OID;
			return "int8";
		case QUOTE_KIND_TIME:
			*type_oid = TIMESTAMPTZOID;
			return "timestamptz";
		case QUOTE_KIND_DATE:
			*type_oid = DATEOID;
			return "date";
	}
	elog(ERROR, "unknown kind of field %d", (int) kind);
}

static void
append_comment(StringInfo ddl, const StoreCatalog *catalog, const char *column,
			   const char *comment)
{
	appendStringInfo(ddl, "COMMENT ON COLUMN %s." QUOTES_TABLE ".%s IS '%s';\n",
					 catalog->schema_name, quote_identifier(column), comment);
}

static void
quotes_table_make(const StoreCatalog *catalog)
{
	const char *schema = catalog->schema_name;
	StringInfoData ddl;
	Oid			type_oid;

	initStringInfo(&ddl);
	appendStringInfo(&ddl, "CREATE TABLE %s." QUOTES_TABLE " (\n", schema);
	for (int i = 0; i < QUOTE_FIELD_COUNT; i++)
		appendStringInfo(&ddl, "%s pg_catalog.%s%s%s,\n",
						 quote_identifier(quote_fields[i].name),
						 field_type(quote_fields[i].kind, &type_oid),
						 i == QUOTE_TICKER ? " COLLATE pg_catalog.\"C\"" : "",
						 (i == QUOTE_TICKER || i == QUOTE_TIME) ? " NOT NULL" : "");
	for (size_t i = 0; i < lengthof(origin_columns); i++)
		appendStringInfo(&ddl, "%s pg_catalog.%s NOT NULL,\n",
						 quote_identifier(origin_columns[i].name),
						 origin_columns[i].type);
	appendStringInfo(&ddl, "PRIMARY KEY (%s, %s)\n) PARTITION BY RANGE (%s);\n",
					 quote_identifier(quote_fields[QUOTE_TICKER].name),
					 quote_identifier(quote_fields[QUOTE_TIME].name),
					 quote_identifier(quote_fields[QUOTE_TIME].name));
	appendStringInfo(&ddl, "CREATE INDEX ON %s." QUOTES_TABLE " USING brin (%s);\n",
					 schema, quote_identifier(quote_fields[QUOTE_TIME].name));

	appendStringInfo(&ddl, "COMMENT ON TABLE %s." QUOTES_TABLE " IS '" TABLE_COMMENT "';\n",
					 schema);
	for (int i = 0; i < QUOTE_FIELD_COUNT; i++)
		append_comment(&ddl, catalog, quote_fields[i].name, field_comments[i]);
	for (size_t i = 0; i < lengthof(origin_columns); i++)
		append_comment(&ddl, catalog, origin_columns[i].name,
					   origin_columns[i].comment);

	/*
	 * Not to a superuser: INSERT and partition DDL run as the owner, and with
	 * them whatever triggers and defaults the table is given.
	 */
	appendStringInfo(&ddl, "ALTER TABLE %s." QUOTES_TABLE " OWNER TO pg_database_owner",
					 schema);
	store_run(ddl.data);
	pfree(ddl.data);
}

/*
 * The owner makes the partitions, so it must be able to in this schema.  In
 * public it can since PostgreSQL 15; elsewhere only when it is told so.
 */
static void
grant_schema(const StoreCatalog *catalog, Oid owner)
{
	char	   *query;
	bool		may;

	if (owner != ROLE_PG_DATABASE_OWNER)
		return;

	query = psprintf("SELECT pg_catalog.has_schema_privilege(%u::pg_catalog.oid, %u::pg_catalog.oid, 'USAGE') "
					 "AND pg_catalog.has_schema_privilege(%u::pg_catalog.oid, %u::pg_catalog.oid, 'CREATE')",
					 owner, catalog->schema, owner, catalog->schema);
	store_run(query);
	may = DatumGetBool(store_result(0, 1));
	if (may)
		return;

	store_run(psprintf("GRANT USAGE, CREATE ON SCHEMA %s TO pg_database_owner",
					   catalog->schema_name));
	ereport(NOTICE,
			(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
			 errmsg("granted USAGE and CREATE on schema %s to pg_database_owner",
					catalog->schema_name),
			 errdetail("It owns %s.%s and makes its partitions.",
					   catalog->schema_name, QUOTES_TABLE)));
}

/*
 * Is there a unique index on exactly (ticker, time), fit to tell duplicates
 * and to be named by ON CONFLICT?
 */
static bool
has_quote_key(Relation relation, AttrNumber ticker, AttrNumber time)
{
	List	   *indexes = RelationGetIndexList(relation);
	ListCell   *cell;
	bool		found = false;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		Form_pg_index form = index->rd_index;

		if (form->indisunique && form->indisvalid && form->indimmediate &&
			form->indnkeyatts == 2 &&
			RelationGetIndexPredicate(index) == NIL &&
			((form->indkey.values[0] == ticker && form->indkey.values[1] == time) ||
			 (form->indkey.values[0] == time && form->indkey.values[1] == ticker)))
			found = true;
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return found;
}

static AttrNumber
column_number(Relation relation, const char *name)
{
	TupleDesc	desc = RelationGetDescr(relation);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped &&
			strcmp(NameStr(attribute->attname), name) == 0)
			return attribute->attnum;
	}
	return InvalidAttrNumber;
}

/* What makes a table unfit, gathered so that one look shows all of it. */
typedef struct ShapeFaults
{
	StringInfoData wrong;		/* sentences, separated by "; " */
	StringInfoData missing;		/* names, separated by ", " */
} ShapeFaults;

static void
add_fault(ShapeFaults *faults, const char *format, const char *name,
		  const char *is, const char *wanted)
{
	if (faults->wrong.len > 0)
		appendStringInfoString(&faults->wrong, "; ");
	appendStringInfo(&faults->wrong, format, name, is, wanted);
}

static void
check_column(Relation relation, const char *name, Oid type_oid, Bitmapset **ours,
			 ShapeFaults *faults)
{
	AttrNumber	number = column_number(relation, name);
	Form_pg_attribute attribute;

	if (number == InvalidAttrNumber)
	{
		appendStringInfo(&faults->missing, "%s%s",
						 faults->missing.len > 0 ? ", " : "", name);
		return;
	}
	*ours = bms_add_member(*ours, number);
	attribute = TupleDescAttr(RelationGetDescr(relation), number - 1);
	if (attribute->atttypid != type_oid)
		add_fault(faults, "column \"%s\" is %s, not %s", name,
				  format_type_be(attribute->atttypid), format_type_be(type_oid));
	else if (attribute->attgenerated != '\0' || attribute->attidentity != '\0')
		add_fault(faults, "column \"%s\" is generated", name, NULL, NULL);
}

static void
quotes_table_check(const StoreCatalog *catalog, Relation relation)
{
	TupleDesc	desc = RelationGetDescr(relation);
	const char *schema = catalog->schema_name;
	Bitmapset  *ours = NULL;
	ShapeFaults faults;
	char		kind = relation->rd_rel->relkind;

	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s.%s is not a table", schema, QUOTES_TABLE),
				 errhint("Rename it, e.g. ALTER TABLE %s.%s RENAME TO %s_old, then call %s.vnstream_start() again.",
						 schema, QUOTES_TABLE, QUOTES_TABLE, schema)));
	if (relation->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s.%s is unlogged", schema, QUOTES_TABLE),
				 errdetail("After a crash it would be empty, while the pipeline remembers its quotes as stored."),
				 errhint("ALTER TABLE %s.%s SET LOGGED.", schema, QUOTES_TABLE)));

	initStringInfo(&faults.wrong);
	initStringInfo(&faults.missing);
	for (int i = 0; i < QUOTE_FIELD_COUNT; i++)
	{
		Oid			type_oid;

		(void) field_type(quote_fields[i].kind, &type_oid);
		check_column(relation, quote_fields[i].name, type_oid, &ours, &faults);
	}
	for (size_t i = 0; i < lengthof(origin_columns); i++)
		check_column(relation, origin_columns[i].name, origin_columns[i].type_oid,
					 &ours, &faults);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped && attribute->attnotnull &&
			!attribute->atthasdef && attribute->attidentity == '\0' &&
			!bms_is_member(attribute->attnum, ours))
			add_fault(&faults, "column \"%s\" is NOT NULL and has no default",
					  NameStr(attribute->attname), NULL, NULL);
	}

	if (faults.wrong.len > 0 || faults.missing.len > 0)
	{
		bool		is_mistyped = faults.wrong.len > 0;

		if (faults.missing.len > 0)
			add_fault(&faults, "columns missing: %s", faults.missing.data, NULL, NULL);
		faults.wrong.data[0] = pg_toupper((unsigned char) faults.wrong.data[0]);
		ereport(ERROR,
				(errcode(is_mistyped ? ERRCODE_DATATYPE_MISMATCH :
						 ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table %s.%s cannot take quotes", schema, QUOTES_TABLE),
				 errdetail("%s.", faults.wrong.data),
				 errhint("ALTER TABLE %s.%s RENAME TO %s_old, then call %s.vnstream_start() again; the old rows stay in %s_old.",
						 schema, QUOTES_TABLE, QUOTES_TABLE, schema, QUOTES_TABLE)));
	}
	pfree(faults.wrong.data);
	pfree(faults.missing.data);
	bms_free(ours);

	if (!has_quote_key(relation,
					   column_number(relation, quote_fields[QUOTE_TICKER].name),
					   column_number(relation, quote_fields[QUOTE_TIME].name)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("table %s.%s cannot take quotes", schema, QUOTES_TABLE),
				 errdetail("It has no unique index on exactly (ticker, time), valid and not deferrable, to tell a quote that is stored already."),
				 errhint("ALTER TABLE %s.%s ADD PRIMARY KEY (ticker, time), or ALTER TABLE %s.%s RENAME TO %s_old, then call %s.vnstream_start() again; the old rows stay in %s_old.",
						 schema, QUOTES_TABLE, schema, QUOTES_TABLE, QUOTES_TABLE,
						 schema, QUOTES_TABLE)));
}

/* realtime_quotes_YYYY_MM */
static bool
is_month_name(const char *name)
{
	size_t		prefix = strlen(QUOTES_TABLE "_");

	if (strncmp(name, QUOTES_TABLE "_", prefix) != 0)
		return false;
	name += prefix;
	return strlen(name) == 7 && strspn(name, "0123456789") == 4 &&
		name[4] == '_' && strspn(name + 5, "0123456789") == 2;
}

static bool
is_managed(Relation relation)
{
	PartitionKey key;
	PartitionDesc partitions;

	if (relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return false;
	key = RelationGetPartitionKey(relation);
	if (get_partition_strategy(key) != PARTITION_STRATEGY_RANGE ||
		get_partition_natts(key) != 1 ||
		get_partition_col_attnum(key, 0) !=
		column_number(relation, quote_fields[QUOTE_TIME].name))
		return false;

	partitions = RelationGetPartitionDesc(relation, false);
	for (int i = 0; i < partitions->nparts; i++)
	{
		char	   *name = get_rel_name(partitions->oids[i]);

		if (name == NULL || !is_month_name(name))
			return false;
		pfree(name);
	}
	return true;
}

/*
 * As the table's owner, whose functions in predicates of indexes and in the
 * partition key may run when these are read.
 */
static void
quotes_table_judge(const StoreCatalog *catalog, Relation relation, QuotesTable *table)
{
	RoleScope	role;

	role_scope_enter(&role, relation->rd_rel->relowner);
	quotes_table_check(catalog, relation);
	table->owner = relation->rd_rel->relowner;
	table->is_managed = is_managed(relation);
	role_scope_leave(&role);
}

static void
quotes_table_changed(Datum argument pg_attribute_unused(), Oid relation)
{
	if (relation == InvalidOid || relation == checked_table.relation)
		checked_is_valid = false;
}

/* So that neither name nor owner changes before use. */
Oid
quotes_table_lock(Oid schema)
{
	for (;;)
	{
		Oid			relation = get_relname_relid(QUOTES_TABLE, schema);

		if (!OidIsValid(relation))
			return InvalidOid;
		LockRelationOid(relation, AccessShareLock);
		if (get_relname_relid(QUOTES_TABLE, schema) == relation)
			return relation;
		UnlockRelationOid(relation, AccessShareLock);
	}
}

void
quotes_table_ensure(const StoreCatalog *catalog)
{
	RoleScope	role;
	Oid			oid;

	/* Two first starts at once: the second waits and finds the table. */
	LockDatabaseObject(ExtensionRelationId, catalog->extension, 0,
					   ShareUpdateExclusiveLock);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	role_scope_enter(&role, catalog->owner);

	oid = quotes_table_lock(catalog->schema);
	if (OidIsValid(oid))
	{
		Relation	relation = relation_open(oid, NoLock);
		QuotesTable table;

		quotes_table_judge(catalog, relation, &table);
		relation_close(relation, NoLock);
		grant_schema(catalog, table.owner);
	}
	else
	{
		quotes_table_make(catalog);
		grant_schema(catalog, ROLE_PG_DATABASE_OWNER);
	}

	role_scope_leave(&role);
	SPI_finish();
}

void
quotes_table_missing(const char *schema_name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("table %s.%s does not exist", schema_name, QUOTES_TABLE),
			 errhint("SELECT %s.vnstream_start() makes it; a renamed one can be renamed back.",
					 schema_name)));
}

void
quotes_table_find(const StoreCatalog *catalog, QuotesTable *table)
{
	static bool callback_is_registered = false;
	Oid			oid = quotes_table_lock(catalog->schema);

	if (!OidIsValid(oid))
		quotes_table_missing(catalog->schema_name);

	if (!callback_is_registered)
	{
		CacheRegisterRelcacheCallback(quotes_table_changed, (Datum) 0);
		callback_is_registered = true;
	}

	if (!checked_is_valid || checked_table.relation != oid)
	{
		Relation	relation = relation_open(oid, NoLock);

		/* First, so that a change during the check is not lost. */
		checked_table.relation = oid;
		checked_is_valid = true;
		PG_TRY();
		{
			quotes_table_judge(catalog, relation, &checked_table);
		}
		PG_CATCH();
		{
			checked_is_valid = false;
			PG_RE_THROW();
		}
		PG_END_TRY();
		relation_close(relation, NoLock);
	}
	*table = checked_table;
}
