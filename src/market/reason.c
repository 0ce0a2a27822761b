/*-------------------------------------------------------------------------
 *
 * reason.c
 *	  Sentences that say why something from outside is refused.
 *
 *-------------------------------------------------------------------------
 */
#include "market/reason.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CUT_MARK "..."

static void write_at(char *buffer, size_t size, size_t used,
					 const char *format, va_list arguments)
			__attribute__((format(printf, 4, 0)));

static void
write_at(char *buffer, size_t size, size_t used, const char *format,
		 va_list arguments)
{
	int			length = vsnprintf(buffer + used, size - used, format,
								   arguments);

	if (length < 0)
		buffer[used] = '\0';
	else if ((size_t) length >= size - used && size > sizeof(CUT_MARK))
		memcpy(buffer + size - sizeof(CUT_MARK), CUT_MARK, sizeof(CUT_MARK));
}

void
reason_write(char *buffer, size_t size, const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	write_at(buffer, size, 0, format, arguments);
	va_end(arguments);
}

void
reason_append(char *buffer, size_t size, const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	write_at(buffer, size, strlen(buffer), format, arguments);
	va_end(arguments);
}

size_t
utf8_length(const char *text, size_t length)
{
	const unsigned char *byte = (const unsigned char *) text;
	unsigned char lowest = 0x80;
	unsigned char highest = 0xbf;
	size_t		expected;
	size_t		i;

	if (length == 0)
		return 0;
	if (byte[0] < 0x80)
		return 1;
	if (byte[0] < 0xc2 || byte[0] > 0xf4)
		return 0;

	/* Only the second byte has bounds of its own. */
	if (byte[0] < 0xe0)
		expected = 2;
	else if (byte[0] < 0xf0)
	{
		expected = 3;
		if (byte[0] == 0xe0)
			lowest = 0xa0;
		else if (byte[0] == 0xed)
			highest = 0x9f;
	}
	else
	{
		expected = 4;
		if (byte[0] == 0xf0)
			lowest = 0x90;
		else if (byte[0] == 0xf4)
			highest = 0x8f;
	}

	if (length < expected || byte[1] < lowest || byte[1] > highest)
		return 0;
	for (i = 2; i < expected; i++)
	{
		if (byte[i] < 0x80 || byte[i] > 0xbf)
			return 0;
	}
	return expected;
}

static uint32_t
utf8_code_point(const unsigned char *byte, size_t length)
{
	/* The first byte's own bits: 5 of 2 bytes, 4 of 3, 3 of 4. */
	uint32_t	code_point = byte[0] & (0xff >> (length + 1));
	size_t		i;

	for (i = 1; i < length; i++)
		code_point = (code_point << 6) | (byte[i] & 0x3f);
	return code_point;
}

const char *
reason_excerpt(const char *text, size_t length, char *excerpt)
{
	const unsigned char *byte = (const unsigned char *) text;
	size_t		used = 0;
	size_t		i = 0;

	excerpt[used++] = '"';
	while (i < length)
	{
		char		piece[16];
		size_t		taken = 1;
		size_t		piece_length;

		if (byte[i] == '"' || byte[i] == '\\')
			snprintf(piece, sizeof(piece), "\\%c", byte[i]);
		else if (byte[i] >= 0x20 && byte[i] < 0x7f)
			snprintf(piece, sizeof(piece), "%c", byte[i]);
		else if (byte[i] >= 0x80 &&
				 (taken = utf8_length(text + i, length - i)) > 0)
			snprintf(piece, sizeof(piece), "\\u%04x",
					 (unsigned int) utf8_code_point(byte + i, taken));
		else
		{
			taken = 1;
			snprintf(piece, sizeof(piece), "\\x%02x", byte[i]);
		}

		piece_length = strlen(piece);
		if (used + piece_length + strlen(CUT_MARK) + 2 > EXCERPT_SIZE)
		{
			used += (size_t) sprintf(excerpt + used, CUT_MARK);
			break;
		}
		memcpy(excerpt + used, piece, piece_length);
		used += piece_length;
		i += taken;
	}
	excerpt[used++] = '"';
	excerpt[used] = '\0';
	return excerpt;
}
