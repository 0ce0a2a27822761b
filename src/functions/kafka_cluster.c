/*-------------------------------------------------------------------------
 *
 * kafka_cluster.c
 *	  vnstream_brokers() and vnstream_topics(): what the Kafka cluster has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "broker/brokers.h"
#include "broker/topics.h"
#include "functions/ask.h"
#include "functions/outside_text.h"

PG_FUNCTION_INFO_V1(vnstream_brokers);
PG_FUNCTION_INFO_V1(vnstream_topics);

#define BROKERS_COLUMNS 8
#define TOPICS_COLUMNS 7

#define MSECS_PER_DAY INT64CONST(86400000)

static void
put_broker(ReturnSetInfo *result, const ClusterBroker *broker)
{
	Datum		values[BROKERS_COLUMNS] = {0};
	bool		nulls[BROKERS_COLUMNS] = {0};

	nulls[0] = nulls[3] = nulls[5] = nulls[6] = broker->id < 0;
	values[0] = Int32GetDatum(broker->id);
	nulls[1] = nulls[2] = broker->host == NULL;
	if (broker->host != NULL)
		values[1] = CStringGetTextDatum(outside_string(broker->host));
	values[2] = Int32GetDatum(broker->port);
	values[3] = BoolGetDatum(broker->is_controller);
	nulls[4] = broker->round_trip_us < 0;
	values[4] = Float8GetDatum(rint(broker->round_trip_us / 100.0) / 10.0);
	values[5] = Int32GetDatum(broker->leaders);
	values[6] = Int32GetDatum(broker->under_replicated);
	nulls[7] = broker->error[0] == '\0';
	if (!nulls[7])
		values[7] = CStringGetTextDatum(outside_string(broker->error));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
vnstream_brokers(PG_FUNCTION_ARGS)
{
	AskTarget	target;
	Question   *question;
	const ClusterBroker *brokers;
	const char *failure;
	char		error[BROKER_ERROR_SIZE];
	int			count;
	int			i;

	ask_target(&target);
	InitMaterializedSRF(fcinfo, 0);
	question = brokers_question(&target.options, ASK_TIMEOUT_MS, error);
	question = ask_broker(question, error, NULL);
	brokers = brokers_question_answer(question, &count, &failure);
	for (i = 0; i < count; i++)
		put_broker((ReturnSetInfo *) fcinfo->resultinfo, &brokers[i]);
	if (failure != NULL)
		ask_failed(NOTICE, true, outside_string(failure));
	return (Datum) 0;
}

/*
 * NULL for what is kept for ever, or longer than an interval can say.  Whole days
 * are days, so that a week reads as one.
 */
static void
set_retention(Datum *value, bool *isnull, int64 milliseconds)
{
	Interval   *retention;

	*isnull = milliseconds < 0 || milliseconds / MSECS_PER_DAY > PG_INT32_MAX;
	if (*isnull)
		return;
	retention = palloc0(sizeof(Interval));
	retention->day = (int32) (milliseconds / MSECS_PER_DAY);
	retention->time = milliseconds % MSECS_PER_DAY * 1000;
	*value = IntervalPGetDatum(retention);
}

static void
put_topic(ReturnSetInfo *result, const ClusterTopic *topic, bool is_ours)
{
	Datum		values[TOPICS_COLUMNS] = {0};
	bool		nulls[TOPICS_COLUMNS] = {0};

	values[0] = CStringGetTextDatum(outside_string(topic->name));
	values[1] = Int32GetDatum(topic->partitions);
	values[2] = Int32GetDatum(topic->replication);
	set_retention(&values[3], &nulls[3], topic->retention_ms);
	nulls[4] = topic->messages < 0;
	values[4] = Int64GetDatum(topic->messages);
	values[5] = Int32GetDatum(topic->without_leader);
	values[6] = BoolGetDatum(is_ours);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
vnstream_topics(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	AskTarget	target;
	Question   *question;
	const ClusterTopic *topics;
	char		error[BROKER_ERROR_SIZE];
	bool		exists;
	int			count;
	int			ours;
	int			i;

	ask_target(&target);
	InitMaterializedSRF(fcinfo, 0);
	question = topics_question(&target.options, target.topic, ASK_TIMEOUT_MS, error);
	question = ask_broker(question, error, NULL);
	topics = topics_question_answer(question, &count, &exists);

	for (ours = 0; ours < count; ours++)
		if (strcmp(topics[ours].name, target.topic) == 0)
			break;
	if (ours < count)
		put_topic(result, &topics[ours], true);
	for (i = 0; i < count; i++)
		if (i != ours)
			put_topic(result, &topics[i], false);
	if (!exists)
		notice_no_topic(&target);
	return (Datum) 0;
}
