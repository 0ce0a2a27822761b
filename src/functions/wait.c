/*-------------------------------------------------------------------------
 *
 * wait.c
 *	  vnstream_wait(): until the workers are in a state.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "broker/query.h"
#include "functions/control.h"
#include "functions/outside_text.h"
#include "functions/worker_setting.h"
#include "pg_compat.h"
#include "shared_state.h"
#include "store/catalog.h"
#include "store/role.h"

PG_FUNCTION_INFO_V1(vnstream_wait);

/* How long the broker may take for one answer. */
#define QUERY_TIMEOUT_MS 5000

/* Nothing is broadcast for some changes, so look again after this. */
#define LOOK_AGAIN_MS 200

/* Longest time that can be waited for; keeps the arithmetic in range. */
#define WAIT_MAX_US (INT64CONST(366) * USECS_PER_DAY)

/*
 * Until when to wait.  Months count as 30 days.
 */
static TimestampTz
deadline_argument(const Interval *timeout)
{
	double		total = (double) timeout->month * 30 * USECS_PER_DAY +
		(double) timeout->day * USECS_PER_DAY + (double) timeout->time;

	if (total < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the timeout must not be negative"),
				 errhint("Use an interval such as '30 s'.")));
	return GetCurrentTimestamp() + (int64) Min(total, (double) WAIT_MAX_US);
}

typedef enum WorkersAre
{
	WORKERS_NOT_YET,
	WORKERS_SO,
	WORKERS_NEVER				/* nothing is wanted, so nothing can run */
} WorkersAre;

/*
 * Has the launcher read the settings since scan, and are all workers of this
 * database running (or stopped)?
 */
static WorkersAre
look_at_workers(bool running, uint64 scan)
{
	WorkersAre	answer = WORKERS_SO;
	DatabaseEntry *entry;
	int			i;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	entry = shared_entry_find(MyDatabaseId);
	if (shared_state->scans_done < scan)
	{
		/* on a standby there is neither a scan nor any worker */
		if (running || !RecoveryInProgress())
			answer = WORKERS_NOT_YET;
	}
	else if (running && (entry == NULL || entry->wanted == 0))
		answer = WORKERS_NEVER;
	else if (entry != NULL)
		for (i = 0; i < DATABASE_WORKERS; i++)
		{
			WorkerSlot *slot = &entry->workers[i];

			if (running)
			{
				/* comes when it has something to do */
				if (slot->role == ROLE_BACKFILL)
					continue;
				if (shared_slot_is_wanted(entry, slot) &&
					(slot->pid == 0 || slot->state != WORKER_RUNNING))
					answer = WORKERS_NOT_YET;
			}
			else if (slot->pid != 0 || slot->state == WORKER_STARTING)
				answer = WORKERS_NOT_YET;
		}
	LWLockRelease(shared_state->lock);
	return answer;
}

static bool
wait_for_workers(bool running, TimestampTz deadline)
{
	uint64		scan = pg_atomic_read_u64(&shared_state->scan_requests);
	WorkersAre	answer;

	ConditionVariablePrepareToSleep(&shared_state->changed);
	for (;;)
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

		answer = look_at_workers(running, scan);
		if (answer != WORKERS_NOT_YET || left == 0)
			break;
		ConditionVariableTimedSleep(&shared_state->changed, Min(left, LOOK_AGAIN_MS),
									wait_event_idle());
	}
	ConditionVariableCancelSleep();

	if (answer == WORKERS_NEVER)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("nothing is to run in this database"),
				 errhint("Use vnstream_start() first.")));
	return answer == WORKERS_SO;
}

/*
 * One number from a query without rights of the caller and with a snapshot of
 * now, whatever isolation the caller's transaction has.
 */
static int64
query_number(const char *query, int count, Oid *types, Datum *values)
{
	SPIPlanPtr	plan = SPI_prepare(query, count, types);
	Datum		value;
	int64		number;
	bool		isnull;

	if (plan == NULL ||
		SPI_execute_snapshot(plan, values, NULL, GetLatestSnapshot(), InvalidSnapshot,
							 true, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read the pipeline's state");
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	number = isnull ? 0 : DatumGetInt64(value);
	SPI_freetuptable(SPI_tuptable);
	SPI_freeplan(plan);
	return number;
}

/*
 * Sleep a little; false when time is up.
 */
static bool
nap(int fd, TimestampTz deadline)
{
	long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
	int			events = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH |
		(fd >= 0 ? WL_SOCKET_READABLE : 0);

	if (left == 0)
		return false;
	(void) WaitLatchOrSocket(MyLatch, events, fd >= 0 ? fd : PGINVALID_SOCKET,
							 Min(left, LOOK_AGAIN_MS), wait_event_idle());
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	return true;
}

/*
 * Has every partition a leader that told its end?  Frees the answer where not.
 */
static bool
all_ends_known(TopicDescription *topic, char *error)
{
	int			i;

	for (i = 0; i < topic->partition_count; i++)
	{
		if (topic->partitions[i].high >= 0)
			continue;
		snprintf(error, BROKER_ERROR_SIZE, "partition %d has no leader that answers",
				 topic->partitions[i].partition);
		topic_description_free(topic);
		return false;
	}
	error[0] = '\0';
	return true;
}

/*
 * Ask the brokers how far the topic goes.  False when time is up; what went
 * wrong meanwhile is in error.
 */
static bool
ask_ends(BrokerOptions options, const char *topic_name, TopicDescription *topic,
		 TimestampTz deadline, char *error)
{
	BrokerQuery *volatile query = NULL;
	TopicDescription answer;
	volatile bool done = false;

	PG_TRY();
	{
		while (!done && GetCurrentTimestamp() < deadline)
		{
			if (query == NULL)
				query = broker_query_describe(&options, topic_name, true,
											  QUERY_TIMEOUT_MS, error);
			if (!nap(query != NULL ? broker_query_fd(query) : -1, deadline))
				break;
			if (query != NULL && broker_query_is_done(query))
			{
				BrokerQuery *finished = query;

				query = NULL;
				done = broker_query_finish(finished, &answer, error) &&
					all_ends_known(&answer, error);
				if (!done && !nap(-1, deadline))
					break;
			}
		}
	}
	PG_CATCH();
	{
		if (query != NULL)
			broker_query_abandon(query);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (query != NULL)
		broker_query_abandon(query);
	if (done)
	{
		/* a copy that an error frees by itself */
		*topic = answer;
		topic->partitions = palloc(sizeof(TopicPartition) * (answer.partition_count + 1));
		memcpy(topic->partitions, answer.partitions,
			   sizeof(TopicPartition) * answer.partition_count);
		topic_description_free(&answer);
	}
	return done;
}

/*
 * All that is in the outbox and in Kafka at the time of the call is stored.
 */
static bool
wait_for_end(TimestampTz deadline)
{
	StoreCatalog catalog;
	TopicDescription topic;
	RoleScope	role;
	char		error[BROKER_ERROR_SIZE] = "";
	BrokerOptions options;
	const char *topic_name;
	char	   *in_outbox;
	char	   *position;
	int64		last_response;
	bool		reached = false;
	int			i;

	store_catalog_get(&catalog);
	in_outbox = psprintf("SELECT pg_catalog.count(*) FROM %s.vnstream_outbox WHERE response <= $1",
						 catalog.schema_name);
	position = psprintf("SELECT pg_catalog.max(next_offset) FROM %s.vnstream_positions p"
						" WHERE cluster_id = $1 AND topic = $2 AND partition = $3"
						" AND epoch = (SELECT pg_catalog.max(epoch) FROM %s.vnstream_positions"
						" WHERE cluster_id = $1 AND topic = $2)",
						catalog.schema_name, catalog.schema_name);

	role_scope_enter(&role, catalog.owner);
	SPI_connect();
	options.brokers = worker_setting("vnstream.brokers", CurrentMemoryContext);
	options.config_file = worker_setting("vnstream.kafka_config_file", CurrentMemoryContext);
	options.client_id = "vnstock_stream.wait";
	options.group_id = config_group_id;
	topic_name = worker_setting("vnstream.topic", CurrentMemoryContext);
	last_response = query_number(psprintf("SELECT pg_catalog.max(response) FROM %s.vnstream_outbox",
										  catalog.schema_name), 0, NULL, NULL);
	for (;;)
	{
		Oid			types[1] = {INT8OID};
		Datum		values[1] = {Int64GetDatum(last_response)};

		reached = query_number(in_outbox, 1, types, values) == 0;
		if (reached || !nap(-1, deadline))
			break;
	}

	if (reached)
	{
		memset(&topic, 0, sizeof(topic));
		reached = ask_ends(options, topic_name, &topic, deadline, error);
	}
	for (i = 0; reached && i < topic.partition_count; i++)
	{
		Oid			types[3] = {TEXTOID, TEXTOID, INT4OID};
		Datum		values[3];

		values[0] = CStringGetTextDatum(topic.cluster_id);
		values[1] = CStringGetTextDatum(topic_name);
		values[2] = Int32GetDatum(topic.partitions[i].partition);
		while (reached && topic.partitions[i].high > 0 &&
			   query_number(position, 3, types, values) < topic.partitions[i].high)
			reached = nap(-1, deadline);
	}
	SPI_finish();
	role_scope_leave(&role);

	if (!reached && error[0] != '\0')
		ereport(NOTICE,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("Kafka could not be asked how far its topic goes: %s",
						outside_string(error)),
				 errhint("Check vnstream.brokers, and whether the brokers are up.")));
	return reached;
}

Datum
vnstream_wait(PG_FUNCTION_ARGS)
{
	char	   *state;
	TimestampTz deadline;

	shared_state_require();
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the state to wait for must not be null"),
				 errhint("Use 'running', 'stopped' or 'caught up'.")));
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the timeout must not be null"),
				 errhint("Use an interval such as '30 s'.")));
	state = text_to_cstring(PG_GETARG_TEXT_PP(0));
	deadline = deadline_argument(PG_GETARG_INTERVAL_P(1));
	if (control_is_pending())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this transaction has changed what is to run, which takes effect at COMMIT"),
				 errhint("COMMIT, then call vnstream_wait() in a transaction of its own.")));

	if (strcmp(state, "running") == 0 && !config_enabled)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no worker runs while \"vnstream.enabled\" is off"),
				 errhint("Set it to on in postgresql.conf and reload.")));
	if (strcmp(state, "running") == 0)
		PG_RETURN_BOOL(wait_for_workers(true, deadline));
	if (strcmp(state, "stopped") == 0)
		PG_RETURN_BOOL(wait_for_workers(false, deadline));
	if (strcmp(state, "caught up") == 0)
		PG_RETURN_BOOL(wait_for_end(deadline));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no state \"%s\" to wait for", state),
			 errhint("Use 'running', 'stopped' or 'caught up'.")));
}
