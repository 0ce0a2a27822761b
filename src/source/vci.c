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

#include "source/reading.h"
#include "source/symbol_list.h"

/*
 * As the service's own web page sends them: answers were captured with these.
 * (The page writes a slash after the Origin; without one it is as good.)
 */
static const char *const headers[] = {
	"Origin: https://trading.vietcap.com.vn",
	"Referer: https://trading.vietcap.com.vn/",
	NULL
};

static bool
vci_read_board(const char *body, size_t length, int64_t received_at,
			   Board *board, char *error)
{
	return reading_board(body, length, NULL, received_at, vci_row_read, board,
						 error);
}

/*
 * A symbol list's row:
 * {"symbol":"VNM","type":"STOCK","board":"HSX","organName":"Công ty …",…}
 */
static bool
symbol_read(const char *row, size_t length, SourceSymbol *symbol)
{
	char		json_error[JSON_ERROR_SIZE];
	cJSON	   *object = json_parse(row, length, json_error);
	char		board[QUOTE_NAME_MAX + 1];

	reading_ticker(object, "symbol", symbol->ticker);
	reading_text(object, "type", symbol->kind, sizeof(symbol->kind));
	reading_text(object, "board", board, sizeof(board));
	strcpy(symbol->exchange, reading_exchange(board));
	symbol->is_delisted = strcmp(board, "DELISTED") == 0;
	reading_text(object, "organName", symbol->name, sizeof(symbol->name));
	symbol_clean_name(symbol->name);
	cJSON_Delete(object);
	return ticker_is_valid(symbol->ticker, strlen(symbol->ticker));
}

/* Both lists have the same rows; a group's have only the symbol. */
static bool
vci_read_symbols(const char *body, size_t length, SourceSymbolList *list,
				 char *error)
{
	return reading_symbols(body, length, NULL, symbol_read, list, error);
}

static bool
vci_list_request(const char *base_url, SourceRequest *request)
{
	return reading_request(&vci_provider, base_url, "price/symbols/getAll",
						   request);
}

static bool
vci_group_request(const char *base_url, const char *group,
				  SourceRequest *request)
{
	static const char path[] = "price/symbols/getByGroup?group=";
	char	   *path_and_query = malloc(sizeof(path) + 3 * strlen(group));
	bool		is_done;

	request->url = NULL;
	request->body = NULL;
	if (path_and_query == NULL)
		return false;

	/* Groups are words such as VN30; anything else must not become a query. */
	reading_encode(path_and_query + sprintf(path_and_query, "%s", path), group);
	is_done = reading_request(&vci_provider, base_url, path_and_query, request);
	free(path_and_query);
	return is_done;
}

/* The body is {"symbols":["VCB","FPT"]}. */
static bool
vci_board_request(const char *base_url, const char (*tickers)[TICKER_MAX + 1],
				  size_t count, SourceRequest *request)
{
	return reading_board_request(&vci_provider, base_url, "price/symbols/getList",
								 "{\"symbols\":[", "\"", "]}", tickers, count,
								 request);
}

const SourceProvider vci_provider = {
	.name = "vci",
	.headers = headers,
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
