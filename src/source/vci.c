/*-------------------------------------------------------------------------
 *
 * vci.c
 *	  Provider "vci": requests to Vietcap's price service, and its answers.
 *
 * Every answer is an array.  Its rows are taken one by one, so that a row that
 * is no good, whatever is wrong with it, costs only itself.
 *
 *-------------------------------------------------------------------------
 */
#include "source/vci.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/json.h"
#include "market/reason.h"

/* A board request's body is {"symbols":["VCB","FPT"]}. */
#define BODY_BEGIN "{\"symbols\":["
#define BODY_END "]}"

/*
 * The array that every answer is.  Where it is none, a person should see what
 * came instead: a challenge page with status 200 is the common case.
 */
static bool
answer_begin(JsonArray *array, const char *body, size_t length, char *error)
{
	char		excerpt[EXCERPT_SIZE];
	const char *what;

	if (json_array_begin(array, body, length))
		return true;
	while (length > 0 && memchr(" \t\r\n", *body, 4) != NULL)
	{
		body++;
		length--;
	}
	if (length == 0)
	{
		reason_write(error, SOURCE_ERROR_SIZE, "the answer is empty");
		return false;
	}
	if (*body == '<')
		what = "HTML, not JSON";
	else if (*body == '{')
		what = "a JSON object, an array was expected";
	else
		what = "not JSON";
	reason_write(error, SOURCE_ERROR_SIZE, "the answer is %s: %s", what,
				 reason_excerpt(body, length, excerpt));
	return false;
}

/*
 * The next row of an answer.  JSON_STEP_BROKEN, with error filled, where the
 * rest of the answer cannot be trusted.
 */
static JsonStep
answer_next(JsonArray *array, const char **row, size_t *length, char *error)
{
	char		json_error[JSON_ERROR_SIZE];
	JsonStep	step = json_array_next(array, row, length, json_error);

	if (step == JSON_STEP_BROKEN)
		reason_write(error, SOURCE_ERROR_SIZE,
					 "the answer is malformed: %s", json_error);
	return step;
}

/*
 * An array with room for one more element, or NULL.  It doubles, and so is
 * full at 0, 1, 2, 4, 8, ... elements only.
 */
static void *
with_room(void *elements, size_t count, size_t size, char *error)
{
	void	   *more;

	if ((count & (count - 1)) != 0)
		return elements;
	more = realloc(elements, (count == 0 ? 1 : count * 2) * size);
	if (more == NULL)
		reason_write(error, SOURCE_ERROR_SIZE, "out of memory");
	return more;
}

static bool
board_add_row(Board *board, const char *row, size_t length,
			  int64_t received_at, char *error)
{
	Quote		quote;
	BoardListing listing;
	char		reason[QUOTE_ERROR_SIZE];

	if (vci_row_read(row, length, received_at, &quote, &listing, reason))
	{
		Quote	   *quotes = with_room(board->quotes, board->count,
									   sizeof(Quote), error);
		BoardListing *listings;

		if (quotes == NULL)
			return false;
		board->quotes = quotes;
		listings = with_room(board->listings, board->count,
							 sizeof(BoardListing), error);
		if (listings == NULL)
			return false;
		board->listings = listings;
		board->listings[board->count] = listing;
		board->quotes[board->count++] = quote;
	}
	else
	{
		BoardRefusal *refusals = with_room(board->refusals,
										   board->refusal_count,
										   sizeof(BoardRefusal), error);
		BoardRefusal *refusal;

		if (refusals == NULL)
			return false;
		board->refusals = refusals;
		refusal = &refusals[board->refusal_count++];
		strcpy(refusal->ticker,
			   quote_knows(&quote, QUOTE_TICKER) ? quote.ticker : "");
		strcpy(refusal->reason, reason);
	}
	return true;
}

static bool
vci_read_board(const char *body, size_t length, int64_t received_at,
			   Board *board, char *error)
{
	JsonArray	array;
	const char *row;
	size_t		row_length;
	JsonStep	step;

	memset(board, 0, sizeof(*board));
	error[0] = '\0';
	if (!answer_begin(&array, body, length, error))
		return false;
	while ((step = answer_next(&array, &row, &row_length, error)) ==
		   JSON_STEP_ELEMENT)
	{
		if (!board_add_row(board, row, row_length, received_at, error))
		{
			step = JSON_STEP_BROKEN;
			break;
		}
	}
	if (step == JSON_STEP_BROKEN)
		board_free(board);
	return step == JSON_STEP_END;
}

/* Text of a symbol list's row, '' where it is missing, long, or no text. */
static void
symbol_text(const cJSON *object, const char *name, char *text, size_t size)
{
	const cJSON *item = json_member(object, name);

	text[0] = '\0';
	if (cJSON_IsString(item) && strlen(item->valuestring) < size)
		strcpy(text, item->valuestring);
}

/* A symbol list's row: {"symbol":"VNM","type":"STOCK","board":"HSX",…} */
static bool
symbol_read(const char *row, size_t length, SourceSymbol *symbol)
{
	char		json_error[JSON_ERROR_SIZE];
	cJSON	   *object = json_parse(row, length, json_error);
	char		board[QUOTE_NAME_MAX + 1];

	symbol_text(object, "symbol", symbol->ticker, sizeof(symbol->ticker));
	symbol_text(object, "type", symbol->kind, sizeof(symbol->kind));
	symbol_text(object, "board", board, sizeof(board));
	strcpy(symbol->exchange, vci_exchange(board));
	cJSON_Delete(object);
	return ticker_is_valid(symbol->ticker, strlen(symbol->ticker));
}

/* Both lists have the same rows; a group's have only the symbol. */
static bool
vci_read_symbols(const char *body, size_t length, SourceSymbolList *list,
				 char *error)
{
	JsonArray	array;
	const char *row;
	size_t		row_length;
	JsonStep	step;

	memset(list, 0, sizeof(*list));
	error[0] = '\0';
	if (!answer_begin(&array, body, length, error))
		return false;
	while ((step = answer_next(&array, &row, &row_length, error)) ==
		   JSON_STEP_ELEMENT)
	{
		SourceSymbol symbol;
		SourceSymbol *symbols;

		if (!symbol_read(row, row_length, &symbol))
		{
			list->refused++;
			continue;
		}
		symbols = with_room(list->symbols, list->count, sizeof(SourceSymbol),
							error);
		if (symbols == NULL)
		{
			step = JSON_STEP_BROKEN;
			break;
		}
		list->symbols = symbols;
		list->symbols[list->count++] = symbol;
	}
	if (step == JSON_STEP_BROKEN)
		source_symbol_list_free(list);
	return step == JSON_STEP_END;
}

static bool
request_url(const char *base_url, const char *path, SourceRequest *request)
{
	size_t		size = strlen(base_url) + strlen(path) + 1;

	request->body = NULL;
	request->url = malloc(size);
	if (request->url == NULL)
		return false;
	snprintf(request->url, size, "%s%s", base_url, path);
	return true;
}

static bool
vci_list_request(const char *base_url, SourceRequest *request)
{
	return request_url(base_url, "price/symbols/getAll", request);
}

static bool
vci_group_request(const char *base_url, const char *group,
				  SourceRequest *request)
{
	static const char path[] = "price/symbols/getByGroup?group=";
	size_t		size = sizeof(path) + 3 * strlen(group);
	char	   *path_and_query = malloc(size);
	char	   *at;
	bool		is_done;

	request->url = NULL;
	request->body = NULL;
	if (path_and_query == NULL)
		return false;

	/* Groups are words such as VN30; anything else must not become a query. */
	at = path_and_query + sprintf(path_and_query, "%s", path);
	for (; *group != '\0'; group++)
	{
		unsigned char c = (unsigned char) *group;

		if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			(c >= '0' && c <= '9') || c == '_' || c == '-')
			*at++ = (char) c;
		else
			at += sprintf(at, "%%%02X", c);
	}
	*at = '\0';
	is_done = request_url(base_url, path_and_query, request);
	free(path_and_query);
	return is_done;
}

static bool
vci_board_request(const char *base_url, const char (*tickers)[TICKER_MAX + 1],
				  size_t count, SourceRequest *request)
{
	size_t		size = strlen(BODY_BEGIN) + count * (TICKER_MAX + 3) +
		strlen(BODY_END) + 1;
	char	   *at;
	size_t		i;

	if (!request_url(base_url, "price/symbols/getList", request))
		return false;

	/* Tickers are letters and digits: nothing in them needs an escape. */
	request->body = malloc(size);
	if (request->body == NULL)
	{
		source_request_free(request);
		return false;
	}
	at = request->body + sprintf(request->body, "%s", BODY_BEGIN);
	for (i = 0; i < count; i++)
		at += sprintf(at, "%s\"%s\"", i == 0 ? "" : ",", tickers[i]);
	strcpy(at, BODY_END);
	return true;
}

const SourceProvider vci_provider = {
	.name = "vci",
	.list_request = vci_list_request,
	.group_request = vci_group_request,
	.board_request = vci_board_request,
	.read_list = vci_read_symbols,
	.read_group = vci_read_symbols,
	.read_board = vci_read_board,
	.bars_request = vci_bars_request,
	.read_bars = vci_read_bars,
	.bars_next = vci_bars_next
};
