/*-------------------------------------------------------------------------
 *
 * topic.c
 *	  vnstream_create_topic() and vnstream_alter_topic().
 *
 * What they do to Kafka is done at once; a ROLLBACK does not undo it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "broker/topic_change.h"
#include "config.h"
#include "functions/ask.h"
#include "functions/control.h"
#include "functions/outside_text.h"
#include "pg_compat.h"
#include "shared_state.h"

PG_FUNCTION_INFO_V1(vnstream_create_topic);
PG_FUNCTION_INFO_V1(vnstream_alter_topic);

/* As the settings of these names have them. */
#define MOST_PARTITIONS 10000
#define MOST_REPLICAS 32767

/* A cluster of many brokers takes its time. */
#define CHANGE_TIMEOUT_MS 20000

#define DAY_MS INT64CONST(86400000)

static int
count_argument(FunctionCallInfo fcinfo, int number, const char *what, int most)
{
	int			value = PG_GETARG_INT32(number);

	if (value < 1 || value > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a topic cannot have %d %s", value, what),
				 errhint("Use a number from 1 to %d.", most)));
	return value;
}

/*
 * ms of an interval, months as 30 days, days as 24 hours.  The longest that an
 * interval can be is within what Kafka's retention.ms can be.
 */
static int64
retention_argument(const Interval *retention)
{
	int64		ms;

	if (interval_is_for_ever(retention))
		return RETENTION_FOR_EVER;
	ms = ((int64) retention->month * 30 + retention->day) * DAY_MS + retention->time / 1000;
	if (ms < 1000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("messages cannot be kept for less than a second"),
				 errhint("Use an interval such as '7 days'; to keep them for ever, one such as '1000 years'.")));
	return ms;
}

/* "7 days", for a sentence: in the largest unit that it is whole numbers of. */
static char *
describe_retention(int64 ms)
{
	static const struct
	{
		int64		ms;
		const char *name;
	}			units[] = {{DAY_MS, "day"}, {3600000, "hour"}, {60000, "minute"}, {1000, "second"}};
	int			i;

	if (ms == RETENTION_FOR_EVER)
		return pstrdup("for ever");
	if (ms < 0)
		return pstrdup("as long as the broker's default says");
	for (i = 0; i < (int) lengthof(units); i++)
	{
		if (ms > 0 && ms % units[i].ms == 0)
			return psprintf("%lld %s%s", (long long) (ms / units[i].ms), units[i].name,
							ms == units[i].ms ? "" : "s");
	}
	return psprintf("%lld ms", (long long) ms);
}

static const char *
plural(int64 count)
{
	return count == 1 ? "" : "s";
}

/*
 * Raise what Kafka, or a look at it, had against the change.
 */
static void
raise_fault(const char *topic, const TopicChange *change, const TopicChangeAnswer *answer)
{
	switch (answer->fault)
	{
		case TOPIC_FINE:
			break;
		case TOPIC_REFUSED:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s", outside_string(answer->reason)),
					 answer->has_new_retention ?
					 errdetail("The retention of topic \"%s\" is changed already.", topic) : 0,
					 errhint("Use other values, or have a look at the brokers' settings and logs.")));
			break;
		case TOPIC_EXISTS:
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("topic \"%s\" exists already", topic),
					 errhint("vnstream_alter_topic() changes it.")));
			break;
		case TOPIC_ABSENT:
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("topic \"%s\" does not exist in Kafka", topic),
					 errhint("vnstream_create_topic() makes it, and so do the workers after vnstream_start().")));
			break;
		case TOPIC_HAS_MORE_PARTITIONS:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("topic \"%s\" has %d partitions, and Kafka cannot remove any",
							topic, answer->partitions_before),
					 errhint("For fewer partitions, set vnstream.topic to a new topic, and delete the old one when all of it is stored.")));
			break;
		case TOPIC_LACKS_BROKERS:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%d replicas need %d brokers, and Kafka has %d",
							change->replication, change->replication, answer->broker_count),
					 errhint("Use at most %d, or add brokers to the cluster.",
							 answer->broker_count)));
			break;
	}
}

Datum
vnstream_create_topic(PG_FUNCTION_ARGS)
{
	TopicSpecification specification;
	AskTarget	target;
	Question   *question;
	const TopicChangeAnswer *answer;
	char		error[BROKER_ERROR_SIZE] = "";
	char	   *kept;
	int			seconds;

	specification.partitions = PG_ARGISNULL(0) ? 0 :
		count_argument(fcinfo, 0, "partitions", MOST_PARTITIONS);
	specification.replication_factor = PG_ARGISNULL(1) ? 0 :
		count_argument(fcinfo, 1, "replicas", MOST_REPLICAS);
	specification.retention_ms = PG_ARGISNULL(2) ? 0 :
		retention_argument(PG_GETARG_INTERVAL_P(2));

	ask_target(&target);
	PreventCommandIfReadOnly("vnstream_create_topic()");
	specification.topic = target.topic;
	if (PG_ARGISNULL(0))
		specification.partitions = ask_setting("vnstream.partitions", 0);
	if (PG_ARGISNULL(1))
		specification.replication_factor = ask_setting("vnstream.replication_factor", 0);
	if (PG_ARGISNULL(2))
	{
		seconds = ask_setting("vnstream.topic_retention", GUC_UNIT_S);
		specification.retention_ms = seconds < 0 ? -1 : (int64) seconds * 1000;
		kept = describe_retention(seconds < 0 ? -2 : specification.retention_ms);
	}
	else
		kept = describe_retention(specification.retention_ms);

	question = topic_creation_question(&target.options, &specification,
									   CHANGE_TIMEOUT_MS, error);
	answer = topic_change_answer(ask_broker(question, error,
											"Check vnstream.brokers, and whether the brokers are up. The topic may be made all the same."));
	raise_fault(target.topic, NULL, answer);
	control_topic_changed();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("topic \"%s\" is created: %d partition%s, messages are kept %s%s",
											  target.topic, answer->partitions,
											  plural(answer->partitions),
											  kept[0] >= '0' && kept[0] <= '9' ? "for " : "",
											  kept)));
}

/*
 * What Kafka's own tool is to do with the replicas.
 */
static void
append_plan(StringInfo text, const char *topic, const char *brokers,
			const TopicChangeAnswer *answer)
{
	int			i;
	int			j;

	appendStringInfoString(text, "replicas of a topic that exists are moved by Kafka's own tool; save as reassign.json:\n"
						   "{\"version\": 1, \"partitions\": [");
	for (i = 0; i < answer->replica_count; i++)
	{
		const PartitionReplicas *partition = &answer->replicas[i];

		appendStringInfoString(text, i == 0 ? "\n  {\"topic\": " : ",\n  {\"topic\": ");
		escape_json(text, topic);
		appendStringInfo(text, ", \"partition\": %d, \"replicas\": [", partition->partition);
		for (j = 0; j < partition->count; j++)
			appendStringInfo(text, j == 0 ? "%d" : ", %d", partition->brokers[j]);
		appendStringInfoString(text, "]}");
	}
	appendStringInfo(text, "\n]}\nthen run\n"
					 "  kafka-reassign-partitions.sh --bootstrap-server %s --reassignment-json-file reassign.json --execute\n"
					 "and, until it says that all is complete,\n"
					 "  kafka-reassign-partitions.sh --bootstrap-server %s --reassignment-json-file reassign.json --verify",
					 brokers, brokers);
}

static char *
describe_change(const AskTarget *target, const TopicChange *change,
				const TopicChangeAnswer *answer)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "topic \"%s\": %d partition%s", target->topic, answer->partitions,
					 plural(answer->partitions));
	if (answer->has_new_partitions)
		appendStringInfo(&text, " (were %d)", answer->partitions_before);
	if (answer->has_new_retention)
		appendStringInfo(&text, "; retention: %s (was: %s)",
						 describe_retention(change->retention_ms),
						 describe_retention(answer->retention_before));
	if (answer->has_plan)
	{
		appendStringInfoString(&text, "; ");
		append_plan(&text, target->topic, target->options.brokers, answer);
	}
	else if (change->replication > 0)
		appendStringInfo(&text, "; every partition has %d replica%s already",
						 change->replication, plural(change->replication));
	return text.data;
}

Datum
vnstream_alter_topic(PG_FUNCTION_ARGS)
{
	TopicChange change;
	AskTarget	target;
	Question   *question;
	const TopicChangeAnswer *answer;
	char		error[BROKER_ERROR_SIZE] = "";

	memset(&change, 0, sizeof(change));
	if (!PG_ARGISNULL(0))
		change.partitions = count_argument(fcinfo, 0, "partitions", MOST_PARTITIONS);
	if (!PG_ARGISNULL(1))
		change.replication = count_argument(fcinfo, 1, "replicas", MOST_REPLICAS);
	change.has_retention = !PG_ARGISNULL(2);
	if (change.has_retention)
		change.retention_ms = retention_argument(PG_GETARG_INTERVAL_P(2));
	if (change.partitions == 0 && change.replication == 0 && !change.has_retention)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("nothing is said that is to change"),
				 errhint("For example: SELECT vnstream_alter_topic(partitions => 4, retention => '14 days');")));

	ask_target(&target);
	PreventCommandIfReadOnly("vnstream_alter_topic()");
	change.topic = target.topic;
	question = topic_change_question(&target.options, &change, CHANGE_TIMEOUT_MS, error);
	answer = topic_change_answer(ask_broker(question, error,
											"Check vnstream.brokers, and whether the brokers are up. Some of it may be done all the same."));
	if (answer->has_new_partitions)
		control_topic_changed();
	raise_fault(target.topic, &change, answer);
	if (answer->has_new_partitions)
		ereport(NOTICE,
				(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				 errmsg("from now on tickers are in other partitions than before"),
				 errdetail("Messages of a ticker are in order within each partition; between those before and those after this moment there is no order but their time.")));
	PG_RETURN_TEXT_P(cstring_to_text(describe_change(&target, &change, answer)));
}
