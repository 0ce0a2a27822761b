/*-------------------------------------------------------------------------
 *
 * group_member.c
 *	  What a member of a consumer group says of its topics.
 *
 * Kafka passes these bytes on as a member has sent them, and members are other
 * people's programs.  (librdkafka's own reader of them, which
 * rd_kafka_DescribeConsumerGroups() uses, goes on with an uninitialized pointer
 * in 2.0.2 where they are cut short.)
 *
 * Both forms begin with a version and an array of topics: int16, int32, and for
 * each topic an int16 and that many bytes; an assignment has an array of int32
 * partitions behind each.  All in network order.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/groups.h"

#include <string.h>

typedef struct Cursor
{
	const unsigned char *at;
	size_t		left;
} Cursor;

/* False where there is not that much; at is then where it was. */
static bool
skip(Cursor *cursor, size_t size)
{
	if (size > cursor->left)
		return false;
	cursor->at += size;
	cursor->left -= size;
	return true;
}

static bool
read_number(Cursor *cursor, int size, uint32_t *number)
{
	const unsigned char *bytes = cursor->at;
	int			i;

	if (!skip(cursor, (size_t) size))
		return false;
	*number = 0;
	for (i = 0; i < size; i++)
		*number = *number << 8 | bytes[i];
	return true;
}

static bool
names_topic(const void *bytes, size_t size, const char *topic, bool has_partitions)
{
	Cursor		cursor = {bytes, size};
	uint32_t	version;
	uint32_t	topics;
	bool		found = false;

	if (bytes == NULL || !read_number(&cursor, 2, &version) ||
		!read_number(&cursor, 4, &topics))
		return false;

	/* each takes two bytes at least, so a wrong count ends soon */
	for (; topics > 0 && !found; topics--)
	{
		const unsigned char *name;
		uint32_t	length;
		uint32_t	partitions = 1;

		if (!read_number(&cursor, 2, &length))
			return false;
		name = cursor.at;
		if (!skip(&cursor, length))
			return false;
		if (has_partitions &&
			(!read_number(&cursor, 4, &partitions) ||
			 !skip(&cursor, (size_t) partitions * 4)))
			return false;
		found = partitions > 0 && length == strlen(topic) &&
			memcmp(name, topic, length) == 0;
	}
	return found;
}

bool
group_subscribes(const void *metadata, size_t size, const char *topic)
{
	return names_topic(metadata, size, topic, false);
}

bool
group_is_assigned(const void *assignment, size_t size, const char *topic)
{
	return names_topic(assignment, size, topic, true);
}
