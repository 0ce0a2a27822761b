/*-------------------------------------------------------------------------
 *
 * reading.c
 *	  Reading what a source answers.
 *
 *-------------------------------------------------------------------------
 */
#include "source/reading.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/day.h"
#include "market/reason.h"

/* ----------------------------------------------------------------
 *		Rows
 * ----------------------------------------------------------------
 */

/* Says what came instead of rows. */
static void
explain(const char *body, size_t length, const char *wrapper, char *error)
{
	char		excerpt[EXCERPT_SIZE];

	while (length > 0 && memchr(" \t\r\n", *body, 4) != NULL)
	{
		body++;
		length--;
	}
	if (length == 0)
		reason_write(error, SOURCE_ERROR_SIZE, "the answer is empty");
	else if (*body == '<')
		reason_write(error, SOURCE_ERROR_SIZE,
					 "the answer is HTML, not JSON: %s",
					 reason_excerpt(body, length, excerpt));
	else if (*body == '{' && wrapper != NULL)
		reason_write(error, SOURCE_ERROR_SIZE,
					 "the answer is a JSON object without an array \"%s\": %s",
					 wrapper, reason_excerpt(body, length, excerpt));
	else if (*body == '{')
		reason_write(error, SOURCE_ERROR_SIZE,
					 "the answer is a JSON object, an array was expected: %s",
					 reason_excerpt(body, length, excerpt));
	else
		reason_write(error, SOURCE_ERROR_SIZE, "the answer is not JSON: %s",
					 reason_excerpt(body, length, excerpt));
}

bool
reading_begin(JsonArray *rows, const char *body, size_t length,
			  const char *wrapper, char *error)
{
	if (json_array_begin(rows, body, length) ||
		(wrapper != NULL &&
		 json_array_begin_member(rows, body, length, wrapper)))
		return true;
	explain(body, length, wrapper, error);
	return false;
}

JsonStep
reading_next(JsonArray *rows, const char **row, size_t *length, char *error)
{
	char		json_error[JSON_ERROR_SIZE];
	JsonStep	step = json_array_next(rows, row, length, json_error);

	if (step == JSON_STEP_BROKEN)
		reason_write(error, SOURCE_ERROR_SIZE,
					 "the answer is malformed: %s", json_error);
	return step;
}

/*
 * Before a row more is taken, good or bad: it may have been written in two
 * bytes, and takes hundreds here.
 */
static bool
has_room(size_t count, size_t most, char *error)
{
	if (count < most)
		return true;
	reason_write(error, SOURCE_ERROR_SIZE, "the answer has more than %zu rows",
				 most);
	return false;
}

/* It doubles, and so is full at 0, 1, 2, 4, 8, ... elements only. */
void *
reading_room(void *elements, size_t count, size_t size, char *error)
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
board_add_quote(Board *board, const Quote *quote, const BoardListing *listing,
				char *error)
{
	Quote	   *quotes = reading_room(board->quotes, board->count,
									  sizeof(Quote), error);
	BoardListing *listings;

	if (quotes == NULL)
		return false;
	board->quotes = quotes;
	listings = reading_room(board->listings, board->count,
							sizeof(BoardListing), error);
	if (listings == NULL)
		return false;
	board->listings = listings;
	board->listings[board->count] = *listing;
	board->quotes[board->count] = *quote;

	/* What holds for every provider's rows. */
	board_listing_apply(listing, &board->quotes[board->count]);
	(void) day_forget_other_match(&board->quotes[board->count]);
	board->count++;
	return true;
}

static bool
board_add_refusal(Board *board, const Quote *quote, const char *reason,
				  const char *row, size_t length, char *error)
{
	BoardRefusal *refusals = reading_room(board->refusals,
										  board->refusal_count,
										  sizeof(BoardRefusal), error);
	BoardRefusal *refusal;

	if (refusals == NULL)
		return false;
	board->refusals = refusals;
	refusal = &refusals[board->refusal_count++];
	strcpy(refusal->ticker,
		   quote_knows(quote, QUOTE_TICKER) ? quote->ticker : "");
	strcpy(refusal->reason, reason);
	refusal->length = length < BOARD_ROW_MAX ? length : BOARD_ROW_MAX;
	refusal->row = malloc(refusal->length + 1);
	if (refusal->row == NULL)
	{
		reason_write(error, SOURCE_ERROR_SIZE, "out of memory");
		return false;
	}
	memcpy(refusal->row, row, refusal->length);
	refusal->row[refusal->length] = '\0';
	return true;
}

bool
reading_board(const char *body, size_t length, const char *wrapper,
			  int64_t received_at, BoardRowReader read_row, Board *board,
			  char *error)
{
	JsonArray	rows;
	const char *row;
	size_t		row_length;
	JsonStep	step;

	memset(board, 0, sizeof(*board));
	error[0] = '\0';
	if (!reading_begin(&rows, body, length, wrapper, error))
		return false;
	while ((step = reading_next(&rows, &row, &row_length, error)) ==
		   JSON_STEP_ELEMENT)
	{
		Quote		quote;
		BoardListing listing;
		char		reason[QUOTE_ERROR_SIZE];
		bool		is_added;

		if (!has_room(board->count + board->refusal_count,
					  READING_BOARD_ROWS_MAX, error))
			is_added = false;
		else if (read_row(row, row_length, received_at, &quote, &listing, reason))
			is_added = board_add_quote(board, &quote, &listing, error);
		else
			is_added = board_add_refusal(board, &quote, reason, row, row_length,
										 error);
		if (!is_added)
		{
			step = JSON_STEP_BROKEN;
			break;
		}
	}
	if (step == JSON_STEP_BROKEN)
		board_free(board);
	return step == JSON_STEP_END;
}

bool
reading_symbols(const char *body, size_t length, const char *wrapper,
				SymbolReader read_row, SourceSymbolList *list, char *error)
{
	JsonArray	rows;
	const char *row;
	size_t		row_length;
	JsonStep	step;

	memset(list, 0, sizeof(*list));
	error[0] = '\0';
	if (!reading_begin(&rows, body, length, wrapper, error))
		return false;
	while ((step = reading_next(&rows, &row, &row_length, error)) ==
		   JSON_STEP_ELEMENT)
	{
		SourceSymbol symbol;
		SourceSymbol *symbols;

		if (!has_room(list->count + list->refused, READING_LIST_ROWS_MAX, error))
		{
			step = JSON_STEP_BROKEN;
			break;
		}
		memset(&symbol, 0, sizeof(symbol));
		if (!read_row(row, row_length, &symbol))
		{
			list->refused++;
			if (symbol.ticker[0] == '\0')
				list->unreadable++;
			continue;
		}
		symbols = reading_room(list->symbols, list->count,
							   sizeof(SourceSymbol), error);
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

/* ----------------------------------------------------------------
 *		Members
 * ----------------------------------------------------------------
 */

bool
reading_number(const cJSON *item, bool *is_known, double *number)
{
	char		error[JSON_ERROR_SIZE];
	cJSON	   *inner;

	*is_known = false;
	if (item == NULL || cJSON_IsNull(item))
		return true;
	if (cJSON_IsNumber(item))
	{
		*is_known = true;
		*number = item->valuedouble;
		return true;
	}
	if (!cJSON_IsString(item))
		return false;
	if (item->valuestring[0] == '\0')
		return true;
	inner = json_parse(item->valuestring, strlen(item->valuestring), error);
	*is_known = cJSON_IsNumber(inner);
	if (*is_known)
		*number = inner->valuedouble;
	cJSON_Delete(inner);
	return *is_known;
}

const char *
reading_set_number(Quote *quote, QuoteFieldId field, double number)
{
	if (quote_fields[field].kind != QUOTE_KIND_SHARES)
		quote_set_number(quote, field, number);
	else if (number != trunc(number))
		return "a whole number of shares";
	else if (number < -0x1p63 || number >= 0x1p63)
		return "a number of 64 bits";
	else
		quote_set_integer(quote, field, (int64_t) number);
	return NULL;
}

void
reading_text(const cJSON *object, const char *name, char *text, size_t size)
{
	const cJSON *item = json_member(object, name);

	text[0] = '\0';
	if (cJSON_IsString(item) && strlen(item->valuestring) < size)
		strcpy(text, item->valuestring);
}

void
reading_ticker(const cJSON *object, const char *name, char *ticker)
{
	const cJSON *item = json_member(object, name);

	reading_text(object, name, ticker, TICKER_MAX + 1);
	if (ticker[0] == '\0' && cJSON_IsString(item))
		strcpy(ticker, "?");
}

const char *
reading_exchange(const char *name)
{
	if (strcmp(name, "HSX") == 0 || strcmp(name, "HOSE") == 0)
		return "HOSE";
	if (strcmp(name, "HNX") == 0)
		return "HNX";
	if (strcmp(name, "UPCOM") == 0)
		return "UPCOM";
	return "";
}

/* ----------------------------------------------------------------
 *		Requests
 * ----------------------------------------------------------------
 */

bool
reading_request(const SourceProvider *provider, const char *base_url,
				const char *path, SourceRequest *request)
{
	size_t		size = strlen(base_url) + strlen(path) + 1;

	request->body = NULL;
	request->headers = provider->headers;
	request->url = malloc(size);
	if (request->url == NULL)
		return false;
	snprintf(request->url, size, "%s%s", base_url, path);
	return true;
}

bool
reading_board_request(const SourceProvider *provider, const char *base_url,
					  const char *path, const char *begin, const char *quote,
					  const char *end, const char (*tickers)[TICKER_MAX + 1],
					  size_t count, SourceRequest *request)
{
	size_t		size = strlen(begin) +
		count * (TICKER_MAX + 2 * strlen(quote) + 1) + strlen(end) + 1;
	char	   *at;
	size_t		i;

	if (!reading_request(provider, base_url, path, request))
		return false;

	/* Tickers are letters and digits: nothing in them needs an escape. */
	request->body = malloc(size);
	if (request->body == NULL)
	{
		source_request_free(request);
		return false;
	}
	at = request->body + sprintf(request->body, "%s", begin);
	for (i = 0; i < count; i++)
		at += sprintf(at, "%s%s%s%s", i == 0 ? "" : ",", quote, tickers[i], quote);
	strcpy(at, end);
	return true;
}

char *
reading_encode(char *at, const char *text)
{
	for (; *text != '\0'; text++)
	{
		unsigned char c = (unsigned char) *text;

		if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			(c >= '0' && c <= '9') || c == '_' || c == '-')
			*at++ = (char) c;
		else
			at += sprintf(at, "%%%02X", c);
	}
	*at = '\0';
	return at;
}
