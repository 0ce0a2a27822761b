/*-------------------------------------------------------------------------
 *
 * kbs_bars.c
 *	  Bars of KB Securities: stocks/VCB/data_day, index/VNINDEX/data_1P.
 *
 * The answer has one object a bar, the newest first, with the time in Vietnam; a
 * day carries 07:00.  Prices are VND (an index's points), v shares, va VND,
 * missing on days before the last corporate action.  Numbers of indices are
 * strings now and then ("1860.90"), as some of the board are, so both are taken.
 *
 * A request names days, the last one included, and has no limit on bars: long
 * windows are asked for in pieces of about a thousand bars.
 *
 *-------------------------------------------------------------------------
 */
#include "source/kbs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/json.h"
#include "market/reason.h"
#include "source/bars.h"
#include "source/reading.h"

#define DAY INT64_C(86400000000)

static const struct
{
	const char *member;			/* also the last part of the path */
	int64_t		piece;			/* most days of one request */
}			resolutions[] = {
	[BAR_MINUTE] = {"data_1P", 5},
	[BAR_HOUR] = {"data_60P", 180},
	[BAR_DAY] = {"data_day", 1000}
};

/* 00:00 of the first day that is asked for. */
static int64_t
piece_begin(const BarWindow *window)
{
	int64_t		last = bar_day(window->until - 1);
	int64_t		begin = last - (resolutions[window->bar].piece - 1) * DAY;
	int64_t		first = bar_day(window->from);

	return begin > first ? begin : first;
}

/* DD-MM-YYYY; text has DATE_TEXT_SIZE bytes. */
static void
date_text(int64_t day, char *text)
{
	char		iso[TIME_TEXT_SIZE];

	/* 2026-08-04T00:00:00.000000+07:00 */
	time_to_text(day, iso);
	snprintf(text, DATE_TEXT_SIZE, "%.2s-%.2s-%.4s", iso + 8, iso + 5, iso);
}

bool
kbs_bars_request(const char *base_url, const BarWindow *window, SourceRequest *request)
{
	char		first[DATE_TEXT_SIZE];
	char		last[DATE_TEXT_SIZE];
	char		path[TICKER_MAX + 96];

	date_text(piece_begin(window), first);
	date_text(bar_day(window->until - 1), last);
	/* a ticker is letters and digits: nothing in it needs an escape */
	snprintf(path, sizeof(path), "%s/%s/%s?sdate=%s&edate=%s",
			 window->is_index ? "index" : "stocks", window->ticker,
			 resolutions[window->bar].member, first, last);
	return reading_request(&kbs_provider, base_url, path, request);
}

/* "2026-08-04 09:15", with seconds or without, in Vietnam. */
static bool
read_time(const cJSON *item, int64_t *time)
{
	char		text[TIME_TEXT_SIZE];
	size_t		length;

	if (!cJSON_IsString(item))
		return false;
	length = strlen(item->valuestring);
	if (length > 19)
		return false;
	snprintf(text, sizeof(text), "%s%s", item->valuestring, length == 16 ? ":00" : "");
	return time_from_text(text, strlen(text), time);
}

static bool
read_number(const cJSON *row, const char *name, double *number, char *reason)
{
	const cJSON *item = json_member(row, name);
	char		description[JSON_DESCRIPTION_SIZE];
	bool		is_known = false;

	if (item != NULL && reading_number(item, &is_known, number) && is_known)
		return true;
	if (item == NULL)
		reason_write(reason, QUOTE_ERROR_SIZE, "%s is missing", name);
	else
		reason_write(reason, QUOTE_ERROR_SIZE, "%s is %s, not a number", name,
					 json_describe_item(item, description));
	return false;
}

static bool
is_absent(const cJSON *row, const char *name)
{
	const cJSON *item = json_member(row, name);

	return item == NULL || cJSON_IsNull(item);
}

static bool
read_bar(const cJSON *row, const BarWindow *window, Bar *bar, char *reason)
{
	char		description[JSON_DESCRIPTION_SIZE];
	double		volume;
	int64_t		stamp;

	memset(bar, 0, sizeof(*bar));
	bar->starts = BAR_START_UNKNOWN;
	bar->value = NAN;
	bar->volume = BAR_VOLUME_UNKNOWN;
	if (!cJSON_IsObject(row))
	{
		reason_write(reason, QUOTE_ERROR_SIZE, "the bar is %s, not an object",
					 json_describe_item(row, description));
		return false;
	}
	if (!read_time(json_member(row, "t"), &stamp) ||
		!bar_begin(stamp, window->bar, &bar->starts))
	{
		bar->starts = BAR_START_UNKNOWN;
		reason_write(reason, QUOTE_ERROR_SIZE, "t is %s, not a minute such as \"2026-08-04 09:15\"",
					 json_member(row, "t") == NULL ? "missing" :
					 json_describe_item(json_member(row, "t"), description));
		return false;
	}
	if (!read_number(row, "o", &bar->open, reason) ||
		!read_number(row, "h", &bar->high, reason) ||
		!read_number(row, "l", &bar->low, reason) ||
		!read_number(row, "c", &bar->close, reason))
		return false;

	/* an index may have none, a share's bar is nothing without */
	if (!window->is_index || !is_absent(row, "v"))
	{
		if (!read_number(row, "v", &volume, reason))
			return false;
		if (volume != floor(volume) || fabs(volume) > 9e15)
		{
			reason_write(reason, QUOTE_ERROR_SIZE, "v is %.17g, not a number of shares", volume);
			return false;
		}
		bar->volume = (int64_t) volume;
	}
	return is_absent(row, "va") || read_number(row, "va", &bar->value, reason);
}

/* The symbol that an answer says it is of. */
typedef struct AnswerSymbol
{
	bool		is_there;
	char		name[EXCERPT_SIZE];
} AnswerSymbol;

static void
find_symbol(void *context, const char *name, size_t length, const JsonValue *value)
{
	AnswerSymbol *symbol = context;

	if (length != strlen("symbol") || memcmp(name, "symbol", length) != 0 ||
		value->kind != JSON_STRING)
		return;
	symbol->is_there = true;
	(void) json_unescape(value->text, value->length, symbol->name, sizeof(symbol->name));
}

static bool
is_of_symbol(const char *body, size_t length, const BarWindow *window, char *error)
{
	AnswerSymbol symbol = {0};
	char		json_error[JSON_ERROR_SIZE];
	JsonKind	kind;

	/* what is wrong with a row is judged with the row */
	(void) json_scan(body, length, find_symbol, &symbol, &kind, json_error);
	if (symbol.is_there)
		return bars_are_of(window, symbol.name, error);
	/* nobody has published a captured answer for an index: it may lack it */
	if (window->is_index)
		return true;
	reason_write(error, SOURCE_ERROR_SIZE, "the answer has no \"symbol\"");
	return false;
}

static bool
take_row(const char *row, size_t length, const BarWindow *window, int64_t received_at,
		 BarList *list, char *error)
{
	char		json_error[JSON_ERROR_SIZE];
	char		reason[QUOTE_ERROR_SIZE];
	cJSON	   *object = json_parse(row, length, json_error);
	bool		is_taken = true;
	Bar			bar;

	list->sent++;
	if (object == NULL)
		bar_list_reject(list, window, BAR_START_UNKNOWN, json_error);
	else if (!read_bar(object, window, &bar, reason))
		bar_list_reject(list, window, bar.starts, reason);
	else
		is_taken = bar_list_add(list, window, &bar, received_at, error);
	cJSON_Delete(object);
	return is_taken;
}

bool
kbs_read_bars(const char *body, size_t length, const BarWindow *window,
			  int64_t received_at, BarList *list, char *error)
{
	JsonArray	rows;
	const char *row;
	size_t		row_length;
	JsonStep	step = JSON_STEP_BROKEN;

	memset(list, 0, sizeof(*list));
	list->oldest = INT64_MAX;
	error[0] = '\0';
	if (!reading_begin(&rows, body, length, resolutions[window->bar].member, error) ||
		!is_of_symbol(body, length, window, error))
		return false;
	while ((step = reading_next(&rows, &row, &row_length, error)) == JSON_STEP_ELEMENT)
	{
		if (!take_row(row, row_length, window, received_at, list, error))
		{
			step = JSON_STEP_BROKEN;
			break;
		}
	}
	if (step == JSON_STEP_BROKEN)
		bar_list_free(list);
	else
		bar_list_finish(list, window, received_at);
	return step == JSON_STEP_END;
}

int64_t
kbs_bars_next(const BarWindow *window, const BarList *list)
{
	(void) list;
	return piece_begin(window);
}
