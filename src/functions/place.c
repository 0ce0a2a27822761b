/*-------------------------------------------------------------------------
 *
 * place.c
 *	  Places in a topic as people write them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "functions/attempt.h"
#include "functions/outside_text.h"
#include "functions/place.h"

/* Digits, as a number up to limit; what is behind them is in *end. */
static bool
parse_number(const char *text, int64 limit, int64 *number, const char **end)
{
	*number = 0;
	for (*end = text; **end >= '0' && **end <= '9'; (*end)++)
	{
		int			digit = **end - '0';

		if (*number > (limit - digit) / 10)
			return false;
		*number = *number * 10 + digit;
	}
	return *end > text;
}

static int64
milliseconds(TimestampTz time)
{
	int64		epoch = (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * 1000;

	if (TIMESTAMP_IS_NOBEGIN(time))
		return 0;
	if (TIMESTAMP_IS_NOEND(time))
		return PG_INT64_MAX;
	/* division cuts towards 0 */
	return time / 1000 + (time > 0 && time % 1000 != 0) + epoch;
}

bool
place_parse(const char *text, Place *place)
{
	int64		number;
	const char *end;
	Datum		time;

	memset(place, 0, sizeof(*place));
	if (pg_strcasecmp(text, "beginning") == 0)
		place->kind = PLACE_BEGINNING;
	else if (pg_strcasecmp(text, "end") == 0)
		place->kind = PLACE_END;
	else if (text[strspn(text, "0123456789")] == '\0')
	{
		place->kind = PLACE_OFFSET;
		return parse_number(text, PG_INT64_MAX, &place->offset, &end);
	}
	else if (parse_number(text, INT_MAX, &number, &end) && *end == ':' &&
			 end[1 + strspn(end + 1, "0123456789")] == '\0')
	{
		place->kind = PLACE_PARTITION_OFFSET;
		place->partition = (int32) number;
		return parse_number(end + 1, PG_INT64_MAX, &place->offset, &end);
	}
	else
	{
		place->kind = PLACE_TIME;
		if (!attempt_input(timestamptz_in, text, &time))
			return false;
		place->time = milliseconds(DatumGetTimestampTz(time));
	}
	return true;
}

static void
raise_no_partition(const char *topic, const PeekAnswer *answer, int32 partition)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("topic \"%s\" has no partition %d", topic, partition),
			 answer->partition_count == 1 ?
			 errhint("It has partition 0 only.") :
			 errhint("Its partitions are 0 to %d.", answer->partition_count - 1)));
}

void
place_check_answer(const char *topic, const PeekAnswer *answer)
{
	switch (answer->fault)
	{
		case PEEK_FINE:
			break;
		case PEEK_NO_TOPIC:
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("topic \"%s\" does not exist in Kafka", topic),
					 errhint("vnstream_create_topic() makes it, and so do the workers after vnstream_start().")));
			break;
		case PEEK_NO_PARTITION:
			raise_no_partition(topic, answer, answer->at_partition);
			break;
		case PEEK_NO_LEADER:
			ereport(ERROR,
					(errcode(ERRCODE_CONNECTION_FAILURE),
					 errmsg("partition %d of topic \"%s\" has no leader that answers",
							answer->at_partition, topic),
					 errhint("Check that all brokers of the cluster are up.")));
			break;
		case PEEK_TOO_LARGE:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("the messages of topic \"%s\" are too large to be shown together", topic),
					 errhint("Ask for fewer.")));
			break;
		case PEEK_DAMAGED:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("offset %lld of partition %d of topic \"%s\" cannot be read: %s",
							(long long) answer->at_offset, answer->at_partition, topic,
							outside_string(answer->reason)),
					 errhint("vnstream_peek(10, '%d:%lld') looks at what is behind it.",
							 answer->at_partition, (long long) answer->at_offset + 1)));
			break;
	}
}

const PeekPartition *
place_partition(const char *topic, const PeekAnswer *answer, int32 partition)
{
	int			i;

	for (i = 0; i < answer->partition_count; i++)
		if (answer->partitions[i].partition == partition)
			return &answer->partitions[i];
	raise_no_partition(topic, answer, partition);
	return NULL;
}
