/*-------------------------------------------------------------------------
 *
 * stub_provider.h
 *	  A provider whose answers a test can write down in a line.
 *
 * A request's body is tickers with commas between.  A board has a line for
 * each row: "FPT" is a quote, "!FPT" a row of FPT that is no quote, "!" one
 * without a usable ticker.  A list has lines such as "FPT HOSE STOCK", a group
 * lines such as "FPT".  Anything that begins with '?' is no answer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TEST_STUB_PROVIDER_H
#define TEST_STUB_PROVIDER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/source.h"

static bool
stub_request(const char *base_url, const char *path, const char *query,
			 SourceRequest *request)
{
	size_t		size = strlen(base_url) + strlen(path) + strlen(query) + 1;

	request->body = NULL;
	request->url = malloc(size);
	snprintf(request->url, size, "%s%s%s", base_url, path, query);
	return true;
}

static bool
stub_list_request(const char *base_url, SourceRequest *request)
{
	return stub_request(base_url, "list", "", request);
}

static bool
stub_group_request(const char *base_url, const char *group,
				   SourceRequest *request)
{
	return stub_request(base_url, "group?name=", group, request);
}

static bool
stub_board_request(const char *base_url, const char (*tickers)[TICKER_MAX + 1],
				   size_t count, SourceRequest *request)
{
	char	   *at;
	size_t		i;

	stub_request(base_url, "board", "", request);
	request->body = malloc(count * (TICKER_MAX + 1) + 1);
	at = request->body;
	for (i = 0; i < count; i++)
		at += sprintf(at, "%s%s", i > 0 ? "," : "", tickers[i]);
	*at = '\0';
	return true;
}

/* The next line of *text without its end; false at the end. */
static bool
stub_next_line(const char **text, char *line, size_t size)
{
	size_t		length = strcspn(*text, "\n");

	if (**text == '\0')
		return false;
	if (length >= size)
		abort();
	memcpy(line, *text, length);
	line[length] = '\0';
	*text += length + ((*text)[length] == '\n');
	return true;
}

static bool
stub_read_list(const char *body, size_t length, SourceSymbolList *list,
			   char *error)
{
	char		line[128];

	memset(list, 0, sizeof(SourceSymbolList));
	if (length != strlen(body) || body[0] == '?')
	{
		snprintf(error, SOURCE_ERROR_SIZE, "the stub does not understand it");
		return false;
	}
	list->symbols = calloc(length + 1, sizeof(SourceSymbol));
	while (stub_next_line(&body, line, sizeof(line)))
	{
		SourceSymbol *symbol = &list->symbols[list->count];

		if (sscanf(line, "%20s %15s %15s", symbol->ticker, symbol->exchange,
				   symbol->kind) < 1)
			abort();
		if (strcmp(symbol->exchange, "-") == 0)
			symbol->exchange[0] = '\0';
		list->count++;
	}
	return true;
}

static bool
stub_read_board(const char *body, size_t length, int64_t received_at,
				Board *board, char *error)
{
	char		line[128];

	memset(board, 0, sizeof(Board));
	if (length != strlen(body) || body[0] == '?')
	{
		snprintf(error, SOURCE_ERROR_SIZE, "the stub does not understand it");
		return false;
	}
	board->quotes = calloc(length / 2 + 1, sizeof(Quote));
	board->listings = calloc(length / 2 + 1, sizeof(BoardListing));
	board->refusals = calloc(length / 2 + 1, sizeof(BoardRefusal));
	while (stub_next_line(&body, line, sizeof(line)))
	{
		if (line[0] == '!')
			snprintf(board->refusals[board->refusal_count++].ticker,
					 TICKER_MAX + 1, "%.20s", line + 1);
		else
		{
			Quote	   *quote = &board->quotes[board->count++];

			snprintf(quote->ticker, TICKER_MAX + 1, "%.20s", line);
			quote->time = received_at;
		}
	}
	return true;
}

static const SourceProvider stub_provider = {
	.name = "stub",
	.list_request = stub_list_request,
	.group_request = stub_group_request,
	.board_request = stub_board_request,
	.read_list = stub_read_list,
	.read_group = stub_read_list,
	.read_board = stub_read_board
};

#endif							/* TEST_STUB_PROVIDER_H */
