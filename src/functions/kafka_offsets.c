/*-------------------------------------------------------------------------
 *
 * kafka_offsets.c
 *	  vnstream_offsets() and vnstream_groups(): how far the topic goes, and how far
 *	  everybody has come in it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "broker/groups.h"
#include "functions/ask.h"
#include "functions/outside_text.h"
#include "store/catalog.h"
#include "store/role.h"

PG_FUNCTION_INFO_V1(vnstream_offsets);
PG_FUNCTION_INFO_V1(vnstream_groups);

#define OFFSETS_COLUMNS 11
#define GROUPS_COLUMNS 7

/* What this database knows of a partition. */
typedef struct KnownPartition
{
	char	   *cluster_id;
	int32		partition;
	int64		position;
	int64		stored;
	int64		duplicates;
	int64		dead_letters;
	int64		gaps;
} KnownPartition;

typedef struct KnownTopic
{
	KnownPartition *partitions; /* those of one cluster together, in the order of
								 * their numbers; first the cluster that was
								 * consumed from last */
	int			count;
} KnownTopic;

static int64
column_number(HeapTuple row, TupleDesc descriptor, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, descriptor, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/*
 * The newest epoch of each cluster.  As the extension's owner, with a snapshot of
 * now; palloc'd.
 */
static void
known_topic(const char *topic, KnownTopic *known)
{
	MemoryContext context = CurrentMemoryContext;
	StoreCatalog catalog;
	RoleScope	role;
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(topic)};
	char	   *query;
	int			i;

	store_catalog_get(&catalog);
	query = psprintf("SELECT p.cluster_id, p.partition::int8, p.next_offset,"
					 " s.stored, s.duplicates, s.dead_letters, s.gaps"
					 " FROM %s.vnstream_positions p LEFT JOIN ("
					 "SELECT cluster_id, epoch, partition, sum(stored)::int8 AS stored,"
					 " sum(duplicates)::int8 AS duplicates,"
					 " sum(dead_letters)::int8 AS dead_letters, sum(gaps)::int8 AS gaps"
					 " FROM %s.vnstream_segments WHERE topic = $1 GROUP BY 1, 2, 3) s"
					 " USING (cluster_id, epoch, partition)"
					 " WHERE p.topic = $1 AND epoch = (SELECT max(n.epoch)"
					 " FROM %s.vnstream_positions n"
					 " WHERE n.cluster_id = p.cluster_id AND n.topic = $1)"
					 " ORDER BY max(p.updated_at) OVER (PARTITION BY p.cluster_id) DESC,"
					 " p.cluster_id, p.partition",
					 catalog.schema_name, catalog.schema_name, catalog.schema_name);

	role_scope_enter(&role, catalog.owner);
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute_with_args(query, 1, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the pipeline's state");
	known->count = (int) SPI_processed;
	known->partitions = MemoryContextAllocZero(context, sizeof(KnownPartition) * (known->count + 1));
	for (i = 0; i < known->count; i++)
	{
		KnownPartition *partition = &known->partitions[i];
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	descriptor = SPI_tuptable->tupdesc;

		partition->cluster_id = MemoryContextStrdup(context, SPI_getvalue(row, descriptor, 1));
		partition->partition = (int32) column_number(row, descriptor, 2);
		partition->position = column_number(row, descriptor, 3);
		partition->stored = column_number(row, descriptor, 4);
		partition->duplicates = column_number(row, descriptor, 5);
		partition->dead_letters = column_number(row, descriptor, 6);
		partition->gaps = column_number(row, descriptor, 7);
	}
	PopActiveSnapshot();
	SPI_finish();
	role_scope_leave(&role);
}

/*
 * Only the partitions of one cluster.
 */
static void
keep_cluster(KnownTopic *known, const char *cluster_id)
{
	int			kept = 0;
	int			i;

	for (i = 0; i < known->count; i++)
		if (strcmp(known->partitions[i].cluster_id, cluster_id) == 0)
			known->partitions[kept++] = known->partitions[i];
	known->count = kept;
}

static void
set_number(Datum *value, bool *isnull, int64 number)
{
	*isnull = number < 0;
	*value = Int64GetDatum(number);
}

/*
 * One row of what Kafka says, what this database knows, or both (either may be
 * NULL).
 */
static void
put_partition(ReturnSetInfo *result, const TopicPartition *kafka,
			  const KnownPartition *known, int64 group_offset)
{
	static const KnownPartition nothing = {.position = -1};
	Datum		values[OFFSETS_COLUMNS] = {0};
	bool		nulls[OFFSETS_COLUMNS] = {0};
	int64		low = kafka != NULL ? kafka->low : -1;
	int64		high = kafka != NULL ? kafka->high : -1;

	values[0] = Int32GetDatum(kafka != NULL ? kafka->partition : known->partition);
	if (known == NULL)
		known = &nothing;
	nulls[1] = kafka == NULL || kafka->leader < 0;
	values[1] = Int32GetDatum(nulls[1] ? 0 : kafka->leader);
	set_number(&values[2], &nulls[2], low);
	set_number(&values[3], &nulls[3], high);
	set_number(&values[4], &nulls[4], known->position);
	nulls[5] = high < 0;
	values[5] = Int64GetDatum(high - (known->position >= 0 ? known->position : low));
	values[6] = Int64GetDatum(known->stored);
	values[7] = Int64GetDatum(known->duplicates);
	values[8] = Int64GetDatum(known->dead_letters);
	values[9] = Int64GetDatum(known->gaps);
	set_number(&values[10], &nulls[10], group_offset);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Both lists are in the order of the partitions' numbers.
 */
static void
put_partitions(ReturnSetInfo *result, const TopicDescription *topic,
			   const TopicGroup *group, const KnownTopic *known)
{
	int			count = topic != NULL ? topic->partition_count : 0;
	int			i = 0;
	int			j = 0;

	while (i < count || j < known->count)
	{
		const TopicPartition *kafka = i < count ? &topic->partitions[i] : NULL;
		const KnownPartition *ours = j < known->count ? &known->partitions[j] : NULL;

		if (kafka != NULL && ours != NULL && kafka->partition < ours->partition)
			ours = NULL;
		else if (kafka != NULL && ours != NULL && kafka->partition > ours->partition)
			kafka = NULL;
		put_partition(result, kafka, ours,
					  kafka != NULL && group != NULL ? group->committed[i] : -1);
		i += kafka != NULL;
		j += ours != NULL;
	}
}

Datum
vnstream_offsets(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	AskTarget	target;
	KnownTopic	known;
	Question   *question;
	const GroupsAnswer *answer;
	char		error[BROKER_ERROR_SIZE];
	bool		was_asked;

	ask_target(&target);
	InitMaterializedSRF(fcinfo, 0);

	/* before Kafka is asked, or the consumers would come to be ahead of it */
	known_topic(target.topic, &known);
	question = groups_question(&target.options, target.topic, target.group_id,
							   ASK_TIMEOUT_MS, error);
	was_asked = question != NULL;
	question = ask_broker_gently(question, error);
	if (question == NULL)
	{
		ask_failed(known.count > 0 ? NOTICE : ERROR, was_asked, error);
		keep_cluster(&known, known.partitions[0].cluster_id);
		put_partitions(result, NULL, NULL, &known);
		return (Datum) 0;
	}

	answer = groups_question_answer(question);
	keep_cluster(&known, answer->topic->cluster_id);
	put_partitions(result, answer->topic, answer->count > 0 ? &answer->groups[0] : NULL, &known);
	if (!answer->topic->exists)
		notice_no_topic(&target);
	else if (answer->trouble[0] != '\0')
		ereport(NOTICE,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("what the group \"%s\" has committed is not known: %s",
						target.group_id, outside_string(answer->trouble))));
	return (Datum) 0;
}

static void
put_group(ReturnSetInfo *result, const TopicDescription *topic,
		  const TopicGroup *group, bool is_ours)
{
	Datum		values[GROUPS_COLUMNS] = {0};
	bool		nulls[GROUPS_COLUMNS] = {0};
	int			partitions = 0;
	int64		committed = 0;
	int64		lag = 0;
	bool		is_known = true;
	int			i;

	for (i = 0; i < topic->partition_count; i++)
	{
		const TopicPartition *partition = &topic->partitions[i];

		if (group->committed[i] < 0)
			continue;
		partitions++;
		if (partition->high < 0)
			is_known = false;
		committed += Max(group->committed[i], partition->low) - partition->low;
		lag += partition->high - group->committed[i];
	}
	values[0] = CStringGetTextDatum(outside_string(group->id));
	nulls[1] = group->state[0] == '\0';
	if (!nulls[1])
		values[1] = CStringGetTextDatum(outside_string(group->state));
	nulls[2] = group->members < 0;
	values[2] = Int32GetDatum(group->members);
	values[3] = Int32GetDatum(partitions);
	nulls[4] = nulls[5] = partitions == 0 || !is_known;
	values[4] = Int64GetDatum(committed);
	values[5] = Int64GetDatum(lag);
	values[6] = BoolGetDatum(is_ours);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
vnstream_groups(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	AskTarget	target;
	Question   *question;
	const GroupsAnswer *answer;
	char		error[BROKER_ERROR_SIZE];
	int			i;

	ask_target(&target);
	InitMaterializedSRF(fcinfo, 0);
	question = groups_question(&target.options, target.topic, NULL, ASK_TIMEOUT_MS, error);
	question = ask_broker(question, error, NULL);
	answer = groups_question_answer(question);
	if (!answer->is_listed)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("%s", outside_string(answer->trouble)),
				 errhint("See vnstream_brokers() for a broker that does not answer.")));

	for (i = 0; i < answer->count; i++)
		put_group(result, answer->topic, &answer->groups[i],
				  strcmp(answer->groups[i].id, target.group_id) == 0);
	if (!answer->topic->exists)
		notice_no_topic(&target);
	else if (answer->trouble[0] != '\0')
		ereport(NOTICE,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("not everything is known of the groups: %s",
						outside_string(answer->trouble)),
				 errhint("See vnstream_brokers() for a broker that does not answer.")));
	return (Datum) 0;
}
