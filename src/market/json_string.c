/*-------------------------------------------------------------------------
 *
 * json_string.c
 *	  Strings of JSON: their escapes, and telling keys apart.
 *
 * "ticker" and "\u0074icker" are the same key, so keys are hashed and compared
 * as they read, not as they are written.
 *
 *-------------------------------------------------------------------------
 */
#include "market/json_parts.h"

#include <string.h>

/* The bytes of a string with its escapes resolved, one after the other. */
typedef struct StringBytes
{
	const char *at;
	const char *end;
	unsigned char pending[4];	/* of a \u escape: the rest of its UTF-8 */
	int			pending_count;
	int			pending_next;
} StringBytes;

static int
hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
json_hex_escape(const char *at, const char *end)
{
	int			value = 0;
	int			i;

	if (end - at < 4)
		return -1;
	for (i = 0; i < 4; i++)
	{
		int			digit = hex_digit(at[i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

static void
string_bytes_begin(StringBytes *bytes, const char *text, size_t length)
{
	bytes->at = text;
	bytes->end = text + length;
	bytes->pending_count = 0;
	bytes->pending_next = 0;
}

/* The escape at bytes->at, which the scan has passed, into pending. */
static void
string_bytes_unescape(StringBytes *bytes)
{
	uint32_t	code_point = (uint32_t) json_hex_escape(bytes->at + 2,
														bytes->end);
	unsigned char *out = bytes->pending;

	bytes->at += 6;
	if (code_point >= 0xd800 && code_point <= 0xdbff)
	{
		uint32_t	low = (uint32_t) json_hex_escape(bytes->at + 2, bytes->end);

		code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
		bytes->at += 6;
	}

	if (code_point < 0x80)
		*out++ = (unsigned char) code_point;
	else
	{
		if (code_point < 0x800)
			*out++ = (unsigned char) (0xc0 | (code_point >> 6));
		else
		{
			if (code_point < 0x10000)
				*out++ = (unsigned char) (0xe0 | (code_point >> 12));
			else
			{
				*out++ = (unsigned char) (0xf0 | (code_point >> 18));
				*out++ = (unsigned char) (0x80 | ((code_point >> 12) & 0x3f));
			}
			*out++ = (unsigned char) (0x80 | ((code_point >> 6) & 0x3f));
		}
		*out++ = (unsigned char) (0x80 | (code_point & 0x3f));
	}
	bytes->pending_count = (int) (out - bytes->pending);
	bytes->pending_next = 0;
}

/* -1 at the end. */
static int
string_bytes_next(StringBytes *bytes)
{
	static const char escaped[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";

	if (bytes->pending_next < bytes->pending_count)
		return bytes->pending[bytes->pending_next++];
	if (bytes->at == bytes->end)
		return -1;
	if (*bytes->at != '\\')
		return (unsigned char) *bytes->at++;
	if (bytes->at[1] == 'u')
	{
		string_bytes_unescape(bytes);
		return bytes->pending[bytes->pending_next++];
	}
	bytes->at += 2;
	return meant[strchr(escaped, bytes->at[-1]) - escaped];
}

/*
 * Length, first eight and last eight bytes tell the keys of one object apart
 * well enough, and cost the same for long ones.
 */
uint64_t
json_key_hash(const JsonKey *key)
{
	unsigned char first[8] = {0};
	unsigned char last[8] = {0};
	uint64_t	length = key->length;
	uint64_t	first_word;
	uint64_t	last_word;
	uint64_t	hash;

	if (key->has_escape)
	{
		StringBytes	bytes;
		int			byte;

		string_bytes_begin(&bytes, key->text, key->length);
		for (length = 0; (byte = string_bytes_next(&bytes)) >= 0; length++)
		{
			if (length < 8)
				first[length] = (unsigned char) byte;
			else
				memmove(last, last + 1, 7);
			last[length < 8 ? length : 7] = (unsigned char) byte;
		}
	}
	else if (length >= 8)
	{
		memcpy(first, key->text, 8);
		memcpy(last, key->text + length - 8, 8);
	}
	else
	{
		size_t		i;

		for (i = 0; i < length; i++)
			first[i] = last[i] = (unsigned char) key->text[i];
	}

	memcpy(&first_word, first, 8);
	memcpy(&last_word, last, 8);
	hash = (first_word ^ (last_word << 29 | last_word >> 35) ^ length) *
		UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ (hash >> 32);
}

bool
json_key_equals(const JsonKey *key, const JsonKey *other)
{
	StringBytes	bytes;
	StringBytes	other_bytes;
	int			byte;

	if (key->hash != other->hash)
		return false;
	if (!key->has_escape && !other->has_escape)
		return key->length == other->length &&
			memcmp(key->text, other->text, key->length) == 0;

	string_bytes_begin(&bytes, key->text, key->length);
	string_bytes_begin(&other_bytes, other->text, other->length);
	do
	{
		byte = string_bytes_next(&bytes);
		if (byte != string_bytes_next(&other_bytes))
			return false;
	} while (byte >= 0);
	return true;
}

size_t
json_unescape(const char *text, size_t length, char *buffer, size_t size)
{
	StringBytes bytes;
	size_t		used = 0;
	int			byte;

	string_bytes_begin(&bytes, text, length);
	while ((byte = string_bytes_next(&bytes)) >= 0)
	{
		if (used + 1 < size)
			buffer[used] = (char) byte;
		used++;
	}
	buffer[used < size ? used : size - 1] = '\0';
	return used;
}
