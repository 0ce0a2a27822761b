/*-------------------------------------------------------------------------
 *
 * peek.c
 *	  vnstream_peek(): some messages of the topic.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "functions/ask.h"
#include "functions/attempt.h"
#include "functions/place.h"

PG_FUNCTION_INFO_V1(vnstream_peek);

#define PEEK_COLUMNS 7

#define MOST_MESSAGES 10000
#define MEMORY_LIMIT ((size_t) 64 * 1024 * 1024)

/* Ten thousand messages over a slow line take their time. */
#define PEEK_TIMEOUT_MS 30000

/* A producer may write any; year 9999 of those that mean something. */
#define LAST_TIMESTAMP_MS INT64CONST(253402300799999)

typedef struct Bytes
{
	const char *bytes;
	size_t		length;
} Bytes;

static Datum
convert_to_server(void *argument)
{
	Bytes	   *utf8 = argument;

	return CStringGetDatum(pg_any_to_server(pnstrdup(utf8->bytes, utf8->length),
											(int) utf8->length, PG_UTF8));
}

/*
 * UTF-8 as the database's text, or NULL where it is none, or has characters
 * that the database has not.
 */
static char *
text_or_null(const char *bytes, size_t length)
{
	Bytes		utf8 = {bytes, length};
	Datum		converted;

	if (memchr(bytes, '\0', length) != NULL ||
		!pg_verify_mbstr(PG_UTF8, bytes, (int) length, true))
		return NULL;
	if (GetDatabaseEncoding() == PG_UTF8)
		return pnstrdup(bytes, length);
	return attempt(convert_to_server, &utf8, &converted) ? DatumGetCString(converted) : NULL;
}

/* As bytea is shown in its "escape" format. */
static char *
escaped(const char *bytes, size_t length)
{
	Datum		data = PointerGetDatum(cstring_to_text_with_len(bytes, (int) length));
	Datum		format = CStringGetTextDatum("escape");

	return TextDatumGetCString(DirectFunctionCall2(binary_encode, data, format));
}

static char *
text_or_escaped(const char *bytes, size_t length)
{
	char	   *text = text_or_null(bytes, length);

	return text != NULL ? text : escaped(bytes, length);
}

static void
set_string(JsonbValue *value, char *text)
{
	value->type = jbvString;
	value->val.string.val = text;
	value->val.string.len = (int) strlen(text);
}

/* Of headers of one name the last one counts, as for those who read them. */
static Datum
headers_as_jsonb(const PeekMessage *message)
{
	JsonbParseState *state = NULL;
	JsonbValue *object;
	int			i;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < message->header_count; i++)
	{
		const PeekHeader *header = &message->headers[i];
		JsonbValue	value;

		set_string(&value, text_or_escaped(header->name, strlen(header->name)));
		(void) pushJsonbValue(&state, WJB_KEY, &value);
		if (header->value == NULL)
			value.type = jbvNull;
		else
			set_string(&value, text_or_escaped(header->value, header->length));
		(void) pushJsonbValue(&state, WJB_VALUE, &value);
	}
	object = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(object));
}

static void
put_message(ReturnSetInfo *result, const PeekMessage *message)
{
	Datum		values[PEEK_COLUMNS];
	bool		nulls[PEEK_COLUMNS];
	char	   *text;

	memset(nulls, 0, sizeof(nulls));
	memset(values, 0, sizeof(values));
	values[0] = Int32GetDatum(message->partition);
	values[1] = Int64GetDatum(message->offset);
	nulls[2] = message->timestamp < 0 || message->timestamp > LAST_TIMESTAMP_MS;
	if (!nulls[2])
		values[2] = TimestampTzGetDatum(time_t_to_timestamptz(0) + message->timestamp * 1000);
	nulls[3] = message->key == NULL;
	if (!nulls[3])
		values[3] = CStringGetTextDatum(text_or_escaped(message->key, message->key_length));
	nulls[4] = message->header_count == 0;
	if (!nulls[4])
		values[4] = headers_as_jsonb(message);
	nulls[5] = nulls[6] = true;
	if (message->value != NULL)
	{
		text = text_or_null(message->value, message->value_length);
		nulls[5] = text == NULL || !attempt_input(jsonb_in, text, &values[5]);
		nulls[6] = !nulls[5];
		if (!nulls[6])
			values[6] = CStringGetTextDatum(text != NULL ? text :
											escaped(message->value, message->value_length));
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* What is asked for, as a question; range is the caller's to keep. */
static void
make_request(FunctionCallInfo fcinfo, PeekRequest *request, Place *place, PeekRange *range)
{
	char	   *from;

	if (PG_ARGISNULL(0) || PG_GETARG_INT32(0) < 1 || PG_GETARG_INT32(0) > MOST_MESSAGES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 PG_ARGISNULL(0) ? errmsg("the number of messages must not be null") :
				 errmsg("%d messages cannot be shown", PG_GETARG_INT32(0)),
				 errhint("Use a number from 1 to %d.", MOST_MESSAGES)));
	from = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (from == NULL || !place_parse(from, place) || place->kind == PLACE_OFFSET)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 from == NULL ? errmsg("the place to look at must not be null") :
				 errmsg("\"%s\" is no place in a topic", from),
				 errhint("Use 'beginning', 'end', a time such as '2026-08-04 09:15', or a partition and an offset such as '0:100'.")));

	memset(request, 0, sizeof(*request));
	request->limit = PG_GETARG_INT32(0);
	request->memory_limit = MEMORY_LIMIT;
	switch (place->kind)
	{
		case PLACE_BEGINNING:
			request->from = PEEK_BEGINNING;
			break;
		case PLACE_TIME:
			request->from = PEEK_TIME;
			request->time = place->time;
			break;
		case PLACE_PARTITION_OFFSET:
			request->from = PEEK_RANGES;
			range->partition = place->partition;
			range->from = place->offset;
			range->to = PG_INT64_MAX;
			request->ranges = range;
			request->range_count = 1;
			break;
		default:
			request->from = PEEK_END;
			break;
	}
}

Datum
vnstream_peek(PG_FUNCTION_ARGS)
{
	PeekRequest request;
	PeekRange	range;
	Place		place;
	AskTarget	target;
	Question   *question;
	const PeekAnswer *answer;
	MemoryContext message_context;
	char		error[BROKER_ERROR_SIZE] = "";
	int			i;

	make_request(fcinfo, &request, &place, &range);
	ask_target(&target);
	InitMaterializedSRF(fcinfo, 0);
	request.topic = target.topic;
	question = peek_question(&target.options, &request, PEEK_TIMEOUT_MS, error);
	answer = peek_question_answer(ask_broker(question, error, NULL));
	place_check_answer(target.topic, answer);
	if (place.kind == PLACE_PARTITION_OFFSET)
	{
		const PeekPartition *partition = place_partition(target.topic, answer, place.partition);

		if (place.offset < partition->low || place.offset > partition->high)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("partition %d of topic \"%s\" does not have offset " INT64_FORMAT,
							place.partition, target.topic, place.offset),
					 errhint("It has offsets from %lld, and %lld will be its next.",
							 (long long) partition->low, (long long) partition->high)));
	}

	message_context = AllocSetContextCreate(CurrentMemoryContext, "vnstream message",
											ALLOCSET_DEFAULT_SIZES);
	for (i = 0; i < answer->message_count; i++)
	{
		MemoryContext before = MemoryContextSwitchTo(message_context);

		put_message((ReturnSetInfo *) fcinfo->resultinfo, &answer->messages[i]);
		MemoryContextSwitchTo(before);
		MemoryContextReset(message_context);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextDelete(message_context);
	return (Datum) 0;
}
