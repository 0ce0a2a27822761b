/*-------------------------------------------------------------------------
 *
 * http_answers.h
 *	  A server that does, by the path asked for, what servers should not.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TEST_HTTP_ANSWERS_H
#define TEST_HTTP_ANSWERS_H

#include "http_server.h"

static uint32_t
crc32_of(const unsigned char *data, size_t length)
{
	uint32_t	crc = 0xffffffff;
	size_t		i;
	int			bit;

	for (i = 0; i < length; i++)
	{
		crc ^= data[i];
		for (bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0xedb88320 & (0 - (crc & 1)));
	}
	return ~crc;
}

static const unsigned char gzip_head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};

/* gzip of up to 65,535 bytes, stored as they are. */
static size_t
gzip_store(const char *text, size_t length, unsigned char *out)
{
	uint32_t	crc = crc32_of((const unsigned char *) text, length);
	size_t		n = 0;
	int			i;

	memcpy(out, gzip_head, 10);
	n = 10;
	out[n++] = 1;
	out[n++] = (unsigned char) (length & 0xff);
	out[n++] = (unsigned char) (length >> 8);
	out[n++] = (unsigned char) (~length & 0xff);
	out[n++] = (unsigned char) (~length >> 8 & 0xff);
	memcpy(out + n, text, length);
	n += length;
	for (i = 0; i < 4; i++)
		out[n++] = (unsigned char) (crc >> (8 * i));
	for (i = 0; i < 4; i++)
		out[n++] = (unsigned char) (length >> (8 * i));
	return n;
}

/*
 * The beginning of a gzip stream of count * 258 blanks: a literal, then
 * matches of the greatest length at distance 1, 13 bits each.
 */
static size_t
gzip_bomb(size_t count, unsigned char *out)
{
	size_t		n = 10;
	uint64_t	bits = 0;
	int			used = 0;
	size_t		i;

#define PUT(value, width) (bits |= (uint64_t) (value) << used, used += (width))
	memcpy(out, gzip_head, 10);
	PUT(3, 3);					/* last block, fixed codes */
	PUT(0x0a, 8);				/* literal 32: 01010000, most significant
								 * first */
	for (i = 0; i < count; i++)
	{
		PUT(0xa3, 8);			/* length 258: 11000101 */
		PUT(0, 5);				/* distance 1 */
		while (used >= 8)
		{
			out[n++] = (unsigned char) bits;
			bits >>= 8;
			used -= 8;
		}
	}
#undef PUT
	return n;
}

static bool
answer_json(int fd, const char *status, const char *headers, const char *body)
{
	char		all[1024];

	snprintf(all, sizeof(all), "Content-Type: application/json\r\n%s", headers);
	return server_answer(fd, status, all, body, strlen(body));
}

static bool
answer_chunked(int fd, bool endless)
{
	char		chunk[8192];
	int			i;

	memset(chunk, ' ', sizeof(chunk));
	if (!server_printf(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
					   "Content-Type: application/json\r\n\r\n"))
		return false;
	while (endless)
		if (!server_printf(fd, "%zx\r\n", sizeof(chunk)) ||
			!server_send(fd, chunk, sizeof(chunk)) || !server_printf(fd, "\r\n"))
			return false;
	for (i = 0; i < 5; i++)
		if (!server_printf(fd, "3\r\n%d%d\n\r\n", i, i))
			return false;
	return server_printf(fd, "0\r\n\r\n");
}

static bool
answer_reset(int fd)
{
	struct linger linger = {1, 0};

	server_printf(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1,");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return false;
}

/* Tells what was asked, as text. */
static bool
answer_echo(int fd, const ServerRequest *request)
{
	char		text[65536];
	int			length = snprintf(text, sizeof(text), "%s\n%s", request->head,
								  request->body);

	return server_answer(fd, "200 OK", "Content-Type: text/plain\r\n"
						 "Set-Cookie: a=b; Path=/\r\n", text, (size_t) length);
}

static bool
answer_path(Server *of, int fd, const ServerRequest *request)
{
	static const char html[] = "<!DOCTYPE html>\n<title>Just a\tmoment...</title>"
		"\x01\xc3\xa9 and a great deal more of such text, so that it has to be cut";
	static unsigned char bomb[600000];
	unsigned char packed[4096];
	char		path[1024];
	size_t		length;

	snprintf(path, sizeof(path), "%.*s", (int) strcspn(request->path, "?"),
			 request->path);
#define IS(text) (strcmp(path, text) == 0)
	if (IS("/json"))
		return answer_json(fd, "200 OK", "", "{\"a\":1}");
	if (IS("/date"))
		return answer_json(fd, "200 OK", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
						   "{}");
	if (IS("/date-rubbish"))
		return answer_json(fd, "200 OK", "Date: yesterday\r\n", "{}");
	if (IS("/created"))
		return answer_json(fd, "201 Created", "", "{\"a\":1}");
	if (IS("/nothing"))
		return answer_json(fd, "200 OK", "", "");
	if (IS("/echo"))
		return answer_echo(fd, request);
	if (IS("/slow"))
	{
		server_sleep(of, 40);
		return answer_json(fd, "200 OK", "", "{}");
	}
	if (IS("/close"))
	{
		answer_json(fd, "200 OK", "", "{}");
		return false;
	}
	if (IS("/gzip"))
	{
		length = gzip_store("{\"zipped\":true}", 15, packed);
		return server_answer(fd, "200 OK", "Content-Encoding: gzip\r\n", packed,
							 length);
	}
	if (IS("/gzip-bad"))
		return server_answer(fd, "200 OK", "Content-Encoding: gzip\r\n",
							 "this is no gzip", 15);
	if (IS("/gzip-chunked"))
	{
		length = gzip_store("{\"zipped\":true}", 15, packed);
		return server_printf(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
							 "Transfer-Encoding: chunked\r\n\r\nc\r\n") &&
			server_send(fd, packed, 12) &&
			server_printf(fd, "\r\n%zx\r\n", length - 12) &&
			server_send(fd, packed + 12, length - 12) &&
			server_printf(fd, "\r\n0\r\n\r\n");
	}
	if (IS("/chunked"))
		return answer_chunked(fd, false);
	if (IS("/huge"))
		return server_printf(fd, "HTTP/1.1 200 OK\r\n"
							 "Content-Length: 50000000\r\n\r\n[1,") &&
			(server_wait_for_end(of, fd), false);
	if (IS("/20-million"))
	{
		char		block[10000];
		int			i;

		memset(block, ' ', sizeof(block));
		block[0] = '[';
		if (!server_printf(fd, "HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n"))
			return false;
		for (i = 0; i < 2000; i++)
			if (!server_send(fd, block, sizeof(block)))
				return false;
		return true;
	}
	if (IS("/huge-chunked"))
		return answer_chunked(fd, true);
	if (IS("/bomb"))
	{
		length = gzip_bomb(250000, bomb);
		return server_answer(fd, "200 OK", "Content-Encoding: gzip\r\n", bomb,
							 length);
	}
	if (IS("/headers"))
	{
		server_printf(fd, "HTTP/1.1 200 OK\r\n");
		while (server_printf(fd, "X-Header: %0800d\r\n", 1))
			;
		return false;
	}
	if (IS("/429"))
		return answer_json(fd, "429 Too Many Requests", "", "{\"error\":\"slow\"}");
	if (IS("/429-seconds"))
		return answer_json(fd, "429 Too Many Requests", "Retry-After: 17\r\n", "");
	if (IS("/429-much"))
		return answer_json(fd, "429 Too Many Requests",
						   "Retry-After: 99999999999999999999\r\n", "");
	if (IS("/429-rubbish"))
		return answer_json(fd, "429 Too Many Requests", "Retry-After: 5x\r\n", "");
	if (IS("/429-date") || IS("/503-past"))
	{
		time_t		when = time(NULL) + (IS("/429-date") ? 3600 : -3600);
		char		header[128];
		struct tm	parts;

		strftime(header, sizeof(header),
				 "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n",
				 gmtime_r(&when, &parts));
		return answer_json(fd, IS("/429-date") ? "429 Too Many Requests" :
						   "503 Service Unavailable", header, "");
	}
	if (IS("/429-broken"))
	{
		server_printf(fd, "HTTP/1.1 429 Too Many Requests\r\n"
					  "Content-Length: 10\r\nRetry-After: 3\r\n\r\nno");
		return false;
	}
	if (IS("/401"))
		return answer_json(fd, "401 Unauthorized", "", "{}");
	if (IS("/403"))
		return server_answer(fd, "403 Forbidden", "Content-Type: text/html\r\n",
							 html, strlen(html));
	if (IS("/503"))
		return server_answer(fd, "503 Service Unavailable", "",
							 "upstream connect error", 22);
	if (IS("/400"))
		return answer_json(fd, "400 Bad Request", "", "");
	if (IS("/204"))
		return server_printf(fd, "HTTP/1.1 204 No Content\r\n\r\n");
	if (IS("/redirect"))
		return answer_json(fd, "302 Found", "Location: /json\r\n", "{}");
	if (IS("/html"))
		return server_answer(fd, "200 OK", "Content-Type: text/html\r\n",
							 html, strlen(html));
	if (IS("/html-type"))
		return server_answer(fd, "200 OK", "Content-Type: Text/HTML; x=y\r\n",
							 "[]", 2);
	if (IS("/html-as-json"))
		return answer_json(fd, "200 OK", "", "\xef\xbb\xbf \r\n<html>");
	if (IS("/hang"))
	{
		server_wait_for_end(of, fd);
		return false;
	}
	if (IS("/drip"))
	{
		server_printf(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
		while (!atomic_load(&of->stops) && server_printf(fd, " "))
			server_sleep(of, 10);
		return false;
	}
	if (IS("/cut"))
	{
		server_printf(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[1,2");
		return false;
	}
	if (IS("/cut-chunked"))
	{
		server_printf(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
					  "\r\n5\r\n[1,2,\r\n");
		return false;
	}
	if (IS("/silent"))
		return false;
	if (IS("/reset"))
		return answer_reset(fd);
	if (IS("/rubbish"))
	{
		server_printf(fd, "no HTTP at all, but a line\n");
		return false;
	}
#undef IS
	fprintf(stderr, "unexpected path %s\n", request->path);
	abort();
}

#endif							/* TEST_HTTP_ANSWERS_H */
