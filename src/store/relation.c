/*-------------------------------------------------------------------------
 *
 * relation.c
 *	  The answer of one query as a relation of the next.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "nodes/params.h"

#include "store/position.h"
#include "store/relation.h"
#include "store/support.h"

/*
 * A segment behind which the log was truncated, and those of an earlier epoch,
 * are of another life of the topic.
 */
static const char segments_query[] =
"SELECT segment, partition, from_offset, next_offset,"
"  coalesce(pg_catalog.max(opened_at) FILTER (WHERE opened_because = '" POSITION_LOG_TRUNCATED "')"
"   OVER (PARTITION BY cluster_id, topic, epoch, partition ORDER BY segment),"
"   pg_catalog.min(opened_at) OVER (PARTITION BY cluster_id, topic, epoch)) AS life"
"  FROM %1$s.vnstream_segments";

Tuplestorestate *
relation_rows(const char *query, int count, Oid *types, Datum *values)
{
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	DestReceiver *receiver = CreateTuplestoreDestReceiver();
	SPIExecuteOptions options = {.read_only = true, .dest = receiver};
	int			code;

	if (count > 0)
	{
		options.params = makeParamList(count);
		for (int i = 0; i < count; i++)
		{
			options.params->params[i].value = values[i];
			options.params->params[i].isnull = false;
			options.params->params[i].pflags = PARAM_FLAG_CONST;
			options.params->params[i].ptype = types[i];
		}
	}
	SetTuplestoreDestReceiverParams(receiver, rows, CurrentMemoryContext, false, NULL, NULL);
	code = SPI_execute_extended(query, &options);
	if (code != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_extended failed: %s", SPI_result_code_string(code));
	receiver->rDestroy(receiver);
	return rows;
}

void
relation_register(const char *name, Tuplestorestate *rows,
				  const RelationColumn *columns, int count)
{
	EphemeralNamedRelation relation = palloc0(sizeof(*relation));
	TupleDesc	desc = CreateTemplateTupleDesc(count);
	int			code;

	for (int i = 0; i < count; i++)
		TupleDescInitEntry(desc, (AttrNumber) (i + 1), columns[i].name, columns[i].type, -1, 0);
	relation->md.name = pstrdup(name);
	relation->md.reliddesc = InvalidOid;
	relation->md.tupdesc = desc;
	relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->md.enrtuples = tuplestore_tuple_count(rows);
	relation->reldata = rows;
	code = SPI_register_relation(relation);
	if (code != SPI_OK_REL_REGISTER)
		elog(ERROR, "SPI_register_relation failed: %s", SPI_result_code_string(code));
}

void
relation_drop(const char *name, Tuplestorestate *rows)
{
	(void) SPI_unregister_relation(name);
	tuplestore_end(rows);
}

Tuplestorestate *
relation_of_segments(const StoreCatalog *catalog)
{
	static const RelationColumn columns[] = {
		{"segment", INT8OID}, {"partition", INT4OID}, {"from_offset", INT8OID},
		{"next_offset", INT8OID}, {"life", TIMESTAMPTZOID}
	};
	Tuplestorestate *rows = relation_rows(psprintf(segments_query, catalog->schema_name),
										  0, NULL, NULL);

	relation_register(SEGMENTS_RELATION, rows, columns, lengthof(columns));
	return rows;
}

void
quotes_reader_enter(RoleScope *role, const StoreCatalog *catalog, QuotesTable *table)
{
	QuotesTable found;

	quotes_table_find(catalog, &found);
	role_scope_enter(role, found.owner);
	setting_pin("row_security", "off");
	if (table != NULL)
		*table = found;
}
