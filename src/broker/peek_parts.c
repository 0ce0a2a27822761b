/*-------------------------------------------------------------------------
 *
 * peek_parts.c
 *	  Copies of ranges and of messages, and their order.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/peek_parts.h"

#include <stdlib.h>
#include <string.h>

static size_t
block_size(const rd_kafka_message_t *message, const rd_kafka_headers_t *headers,
		   size_t header_count)
{
	size_t		size = sizeof(PeekHeader) * header_count + message->key_len +
		message->len;
	size_t		i;

	for (i = 0; i < header_count; i++)
	{
		const char *name;
		const void *value;
		size_t		length;

		if (rd_kafka_header_get_all(headers, i, &name, &value, &length) == 0)
			size += strlen(name) + 1 + length;
	}
	return size;
}

static const char *
put(char **room, const void *bytes, size_t length)
{
	char	   *at = *room;

	if (bytes == NULL)
		return NULL;
	memcpy(at, bytes, length);
	*room += length;
	return at;
}

bool
peek_message_copy(PeekMessage *copy, const rd_kafka_message_t *message)
{
	rd_kafka_headers_t *headers = NULL;
	rd_kafka_timestamp_type_t type;
	PeekHeader *list;
	size_t		header_count = 0;
	size_t		i;
	char	   *room;

	if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
		header_count = rd_kafka_header_cnt(headers);
	memset(copy, 0, sizeof(*copy));
	copy->bytes = block_size(message, headers, header_count);
	copy->block = malloc(copy->bytes + 1);
	if (copy->block == NULL)
		return false;
	list = copy->block;
	room = (char *) (list + header_count);
	for (i = 0; i < header_count; i++)
	{
		const char *name;
		const void *value;

		if (rd_kafka_header_get_all(headers, i, &name, &value, &list[i].length) != 0)
			break;
		list[i].name = put(&room, name, strlen(name) + 1);
		list[i].value = put(&room, value, list[i].length);
	}
	copy->headers = list;
	copy->header_count = (int) i;
	copy->key = put(&room, message->key, message->key_len);
	copy->key_length = message->key_len;
	copy->value = put(&room, message->payload, message->len);
	copy->value_length = message->len;
	copy->partition = message->partition;
	copy->offset = message->offset;
	copy->timestamp = rd_kafka_message_timestamp(message, &type);
	copy->bytes += sizeof(*copy);
	return true;
}

int
peek_message_compare(const void *a, const void *b)
{
	const PeekMessage *left = a;
	const PeekMessage *right = b;

	if (left->timestamp != right->timestamp)
		return left->timestamp < right->timestamp ? -1 : 1;
	if (left->partition != right->partition)
		return left->partition < right->partition ? -1 : 1;
	return (left->offset > right->offset) - (left->offset < right->offset);
}

static int
compare_ranges(const void *a, const void *b)
{
	const PeekRange *left = a;
	const PeekRange *right = b;

	if (left->partition != right->partition)
		return left->partition < right->partition ? -1 : 1;
	return (left->from > right->from) - (left->from < right->from);
}

PeekRange *
peek_ranges_copy(const PeekRange *ranges, size_t count)
{
	PeekRange  *copy = malloc(sizeof(*copy) * (count + 1));

	if (copy != NULL && count > 0)
	{
		memcpy(copy, ranges, sizeof(*copy) * count);
		qsort(copy, count, sizeof(*copy), compare_ranges);
	}
	return copy;
}
