/*-------------------------------------------------------------------------
 *
 * kbs.c
 *	  Provider "kbs": requests to KB Securities' price service, and its answers.
 *
 * An answer is an array, or an object with the array as "data"; which of them
 * differs by path, and has changed over time, so each is read either way.
 *
 *-------------------------------------------------------------------------
 */
#include "source/kbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/reason.h"
#include "source/reading.h"
#include "source/symbol_list.h"

#define WRAPPER "data"

/* No Origin and no Referer: the service's own page is on the same host. */
static const char *const headers[] = {
	"x-lang: vi",
	NULL
};

/*
 * Groups that go by another name here.  For a name that it does not know the
 * service answers an empty list.
 */
static const struct
{
	const char *group;
	const char *code;
}			group_codes[] =
{
	{"VN30", "30"},
	{"VN100", "100"},
	{"VNMIDCAP", "MID"},
	{"VNSMALLCAP", "SML"},
	{"VNSI", "SI"},
	{"VNX50", "X50"},
	{"VNXALL", "XALL"},
	{"VNALLSHARE", "ALL"},
	{"ETF", "FUND"}
};

/* Kinds as its symbol list writes them; others are taken in upper case. */
static const struct
{
	const char *type;
	const char *kind;
}			kinds[] =
{
	{"stock", "STOCK"},
	{"etf", "ETF"},
	{"fund", "UNIT_TRUST"},
	{"cw", "CW"},
	{"bond", "BOND"}
};

static bool
kbs_read_board(const char *body, size_t length, int64_t received_at,
			   Board *board, char *error)
{
	return reading_board(body, length, WRAPPER, received_at, kbs_row_read, board,
						 error);
}

static void
read_kind(const char *type, char *kind)
{
	size_t		i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		if (strcmp(kinds[i].type, type) == 0)
		{
			strcpy(kind, kinds[i].kind);
			return;
		}
	}
	for (i = 0; type[i] != '\0'; i++)
		kind[i] = type[i] >= 'a' && type[i] <= 'z' ?
			(char) (type[i] - 'a' + 'A') : type[i];
	kind[i] = '\0';
}

/* {"symbol":"DPP","name":…,"exchange":"UPCOM","type":"stock",…} */
static bool
symbol_read(const char *row, size_t length, SourceSymbol *symbol)
{
	char		json_error[JSON_ERROR_SIZE];
	cJSON	   *object = json_parse(row, length, json_error);
	char		text[QUOTE_NAME_MAX + 1];

	reading_ticker(object, "symbol", symbol->ticker);
	reading_text(object, "type", text, sizeof(text));
	read_kind(text, symbol->kind);
	reading_text(object, "exchange", text, sizeof(text));
	strcpy(symbol->exchange, reading_exchange(text));
	reading_text(object, "name", symbol->name, sizeof(symbol->name));
	symbol_clean_name(symbol->name);
	cJSON_Delete(object);
	return ticker_is_valid(symbol->ticker, strlen(symbol->ticker));
}

static bool
kbs_read_list(const char *body, size_t length, SourceSymbolList *list,
			  char *error)
{
	return reading_symbols(body, length, WRAPPER, symbol_read, list, error);
}

/* A member of a group is its ticker alone: "ACB" */
static bool
member_read(const char *row, size_t length, SourceSymbol *symbol)
{
	char		json_error[JSON_ERROR_SIZE];
	cJSON	   *item = json_parse(row, length, json_error);
	bool		is_good = cJSON_IsString(item) &&
		ticker_is_valid(item->valuestring, strlen(item->valuestring));

	if (is_good)
		strcpy(symbol->ticker, item->valuestring);
	cJSON_Delete(item);
	return is_good;
}

static bool
kbs_read_group(const char *body, size_t length, SourceSymbolList *list,
			   char *error)
{
	if (!reading_symbols(body, length, WRAPPER, member_read, list, error))
		return false;
	if (list->count > 0 || list->refused > 0)
		return true;
	reason_write(error, SOURCE_ERROR_SIZE,
				 "the list is empty, as it is for a group that the source does "
				 "not know; name the tickers, or a group that it has");
	return false;
}

static bool
kbs_list_request(const char *base_url, SourceRequest *request)
{
	return reading_request(&kbs_provider, base_url, "stock/search/data", request);
}

static bool
kbs_group_request(const char *base_url, const char *group,
				  SourceRequest *request)
{
	static const char begin[] = "index/";
	static const char end[] = "/stocks";
	char	   *path;
	bool		is_done;
	size_t		i;

	request->url = NULL;
	request->body = NULL;
	for (i = 0; i < sizeof(group_codes) / sizeof(group_codes[0]); i++)
	{
		if (strcmp(group_codes[i].group, group) == 0)
		{
			group = group_codes[i].code;
			break;
		}
	}
	path = malloc(sizeof(begin) + 3 * strlen(group) + sizeof(end));
	if (path == NULL)
		return false;
	strcpy(reading_encode(path + sprintf(path, "%s", begin), group), end);
	is_done = reading_request(&kbs_provider, base_url, path, request);
	free(path);
	return is_done;
}

/* The body is {"code":"VCB,FPT"}: one text, no array. */
static bool
kbs_board_request(const char *base_url, const char (*tickers)[TICKER_MAX + 1],
				  size_t count, SourceRequest *request)
{
	return reading_board_request(&kbs_provider, base_url, "stock/iss",
								 "{\"code\":\"", "", "\"}", tickers, count,
								 request);
}

const SourceProvider kbs_provider = {
	.name = "kbs",
	.headers = headers,
	.list_request = kbs_list_request,
	.group_request = kbs_group_request,
	.board_request = kbs_board_request,
	.read_list = kbs_read_list,
	.read_group = kbs_read_group,
	.read_board = kbs_read_board,
	.has_indices = true,
	.bars_request = kbs_bars_request,
	.read_bars = kbs_read_bars,
	.bars_next = kbs_bars_next
};
