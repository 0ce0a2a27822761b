/*-------------------------------------------------------------------------
 *
 * seek.c
 *	  vnstream_seek(): where consumers go on.
 *
 * Kafka is asked before any row is locked.  Then the positions are taken over,
 * in the caller's transaction: a consumer that runs can store nothing more with
 * the old ones, waits for the end of that transaction, and starts anew at its
 * COMMIT.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "functions/ask.h"
#include "functions/control.h"
#include "functions/place.h"
#include "store/catalog.h"
#include "store/position.h"
#include "store/role.h"

PG_FUNCTION_INFO_V1(vnstream_seek);

#define SEEK_COLUMNS 5

/* One partition that is to move. */
typedef struct Move
{
	const PeekPartition *kafka;
	int64		from;
	int64		to;
	int64		lost;
	int64		again;
	bool		is_truncated;	/* the position was behind the end of the log */
} Move;

static void
parse_target(FunctionCallInfo fcinfo, Place *place)
{
	char	   *to = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));

	if (to == NULL || !place_parse(to, place) || place->kind == PLACE_PARTITION_OFFSET)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 to == NULL ? errmsg("the place to go to must not be null") :
				 errmsg("\"%s\" is no place to go to", to),
				 errhint("Use an offset such as '100', a time such as '2026-08-04 09:15', 'beginning', or 'end'.")));
	if (!PG_ARGISNULL(0) && PG_GETARG_INT32(0) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no partition %d", PG_GETARG_INT32(0)),
				 errhint("Partitions are numbered from 0; NULL is all of them.")));
}

/* What Kafka has, without a message of it. */
static const PeekAnswer *
ask_kafka(const AskTarget *target, const Place *place)
{
	PeekRequest request;
	Question   *question;
	const PeekAnswer *answer;
	char		error[BROKER_ERROR_SIZE] = "";

	memset(&request, 0, sizeof(request));
	request.topic = target->topic;
	request.from = place->kind == PLACE_TIME ? PEEK_TIME :
		place->kind == PLACE_END ? PEEK_END : PEEK_BEGINNING;
	request.time = place->time;
	question = peek_question(&target->options, &request, ASK_TIMEOUT_MS, error);
	answer = peek_question_answer(ask_broker(question, error, NULL));
	place_check_answer(target->topic, answer);
	return answer;
}

/* Which partitions, and where to: answers how many. */
static int
plan_moves(FunctionCallInfo fcinfo, const AskTarget *target, const Place *place,
		   const PeekAnswer *answer, Move *moves)
{
	int			count = PG_ARGISNULL(0) ? answer->partition_count : 1;
	int			i;

	for (i = 0; i < count; i++)
	{
		const PeekPartition *partition = PG_ARGISNULL(0) ? &answer->partitions[i] :
			place_partition(target->topic, answer, PG_GETARG_INT32(0));

		moves[i].kafka = partition;
		moves[i].to = place->kind == PLACE_OFFSET ? place->offset : partition->start;
		if (partition->low < 0 || partition->high < 0)
			ereport(ERROR,
					(errcode(ERRCODE_CONNECTION_FAILURE),
					 errmsg("partition %d of topic \"%s\" has no leader that answers",
							partition->partition, target->topic),
					 errhint("Check that all brokers of the cluster are up.")));
		if (moves[i].to < partition->low || moves[i].to > partition->high)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("partition %d of topic \"%s\" does not have offset " INT64_FORMAT,
							partition->partition, target->topic, moves[i].to),
					 errhint("It has offsets from %lld, and %lld will be its next.",
							 (long long) partition->low, (long long) partition->high)));
	}
	return count;
}

/*
 * Was the position behind the end that Kafka told later?  Then the log became
 * shorter; else a consumer has stored more since.
 */
static bool
was_behind_end(const KnownPosition *known, int known_count, const char *cluster_id,
			   const PeekPartition *kafka)
{
	int			i;

	for (i = 0; i < known_count; i++)
		if (known[i].partition == kafka->partition &&
			strcmp(known[i].cluster_id, cluster_id) == 0)
			return known[i].next_offset > kafka->high;
	return false;
}

static void
refuse_loss(const AskTarget *target, const Move *moves, int count)
{
	int64		lost = 0;
	int			i;

	for (i = 0; i < count; i++)
		lost += moves[i].lost;
	if (lost > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg_plural("%lld offset of topic \"%s\" that is not stored would be given up",
							   "%lld offsets of topic \"%s\" that are not stored would be given up",
							   (unsigned long) lost, (long long) lost, target->topic),
				 errhint("With accept_loss => true they are, recorded as a gap in vnstream_segments.")));
}

static void
tell(const Move *move)
{
	int32		partition = move->kafka->partition;

	if (move->to == move->from)
		ereport(NOTICE,
				(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				 errmsg("partition %d stays at offset " INT64_FORMAT, partition, move->to)));
	else if (move->to < move->from)
		ereport(NOTICE,
				(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				 errmsg("partition %d goes back from offset " INT64_FORMAT " to " INT64_FORMAT
						": " INT64_FORMAT " are read again, and what is stored counts as duplicates",
						partition, move->from, move->to, move->again)));
	else if (move->lost == 0)
		ereport(NOTICE,
				(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				 errmsg("partition %d goes on from offset " INT64_FORMAT " to " INT64_FORMAT
						": what is between was read before",
						partition, move->from, move->to)));
	else
		ereport(NOTICE,
				(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				 errmsg("partition %d goes on from offset " INT64_FORMAT " to " INT64_FORMAT
						": " INT64_FORMAT " that are not stored are given up",
						partition, move->from, move->to, move->lost)));
}

/* In SPI, as the extension's owner. */
static void
move_positions(const StoreCatalog *catalog, const AskTarget *target, const Place *place,
			   const PeekAnswer *answer, const KnownPosition *known, int known_count,
			   Move *moves, int count, bool accept_loss)
{
	Position   *positions = palloc0(sizeof(Position) * (count + 1));
	int64	   *lows = palloc0(sizeof(int64) * (count + 1));
	PositionKey key;
	int			i;

	key.cluster_id = answer->cluster_id;
	key.topic = target->topic;
	for (i = 0; i < count; i++)
	{
		positions[i].partition = moves[i].kafka->partition;
		lows[i] = moves[i].kafka->low;
	}
	position_claim(catalog, &key, 1, positions, lows, count);
	position_seek_begin(catalog, &key, positions, count);
	for (i = 0; i < count; i++)
	{
		moves[i].from = positions[i].next_offset;
		moves[i].is_truncated = was_behind_end(known, known_count, answer->cluster_id,
											   moves[i].kafka);
		if (place->kind != PLACE_OFFSET && moves[i].to == moves[i].kafka->high &&
			moves[i].from > moves[i].to && !moves[i].is_truncated)
			moves[i].to = moves[i].from;	/* the end has moved on since */
		moves[i].again = (moves[i].is_truncated ? moves[i].kafka->high : moves[i].from) -
			moves[i].to;
		moves[i].lost = position_unread(catalog, &key, &positions[i], moves[i].to);
	}
	if (!accept_loss)
		refuse_loss(target, moves, count);
	for (i = 0; i < count; i++)
		if (moves[i].to != moves[i].from)
			position_seek(catalog, &key, &positions[i], moves[i].to,
						  moves[i].is_truncated ? POSITION_LOG_TRUNCATED : "vnstream_seek()");
}

static void
put_move(ReturnSetInfo *result, const Move *move)
{
	Datum		values[SEEK_COLUMNS];
	bool		nulls[SEEK_COLUMNS];

	memset(nulls, 0, sizeof(nulls));
	values[0] = Int32GetDatum(move->kafka->partition);
	values[1] = Int64GetDatum(move->from);
	values[2] = Int64GetDatum(move->to);
	values[3] = Int64GetDatum(move->lost);
	values[4] = Int64GetDatum(Max(move->again, 0));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
vnstream_seek(PG_FUNCTION_ARGS)
{
	bool		accept_loss = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	MemoryContext context;
	Place		place;
	AskTarget	target;
	StoreCatalog catalog;
	RoleScope	role;
	KnownPosition *known;
	const PeekAnswer *answer;
	Move	   *moves;
	int			known_count;
	int			count;
	int			i;

	parse_target(fcinfo, &place);
	ask_target(&target);
	PreventCommandIfReadOnly("vnstream_seek()");
	InitMaterializedSRF(fcinfo, 0);
	store_catalog_get(&catalog);
	context = CurrentMemoryContext;
	role_scope_enter(&role, catalog.owner);
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	known_count = position_list(&catalog, target.topic, &known);

	/* the answer and the moves outlive SPI; the lack of a lock does not hurt */
	MemoryContextSwitchTo(context);
	answer = ask_kafka(&target, &place);
	moves = palloc0(sizeof(Move) * (answer->partition_count + 1));
	count = plan_moves(fcinfo, &target, &place, answer, moves);
	PopActiveSnapshot();
	PushActiveSnapshot(GetTransactionSnapshot());
	move_positions(&catalog, &target, &place, answer, known, known_count, moves, count,
				   accept_loss);
	PopActiveSnapshot();
	SPI_finish();
	role_scope_leave(&role);

	for (i = 0; i < count; i++)
	{
		tell(&moves[i]);
		put_move((ReturnSetInfo *) fcinfo->resultinfo, &moves[i]);
	}
	control_restart_consumers();
	return (Datum) 0;
}
