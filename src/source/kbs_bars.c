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
#include "source/kbs_bars.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/json.h"
#include "market/reason.h"
#include "source/bars.h"

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
	size_t		size = strlen(base_url) + TICKER_MAX + 96;

	date_text(piece_begin(window), first);
	date_text(bar_day(window->until - 1), last);
	request->body = NULL;
	request->url = malloc(size);
	if (request->url == NULL)
		return false;
	/* a ticker is letters and digits: nothing in it needs an escape */
	snprintf(request->url, size, "%s%s/%s/%s?sdate=%s&edate=%s", base_url,
			 window->is_index ? "index" : "stocks", window->ticker,
			 resolutions[window->bar].member, first, last);
	return true;
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
	char		json_error[JSON_ERROR_SIZE];

	if (cJSON_IsNumber(item))
	{
		*number = item->valuedouble;
		return true;
	}
	if (cJSON_IsString(item))
	{
		/* by the grammar of numbers, so no hexadecimal and no blanks */
		cJSON	   *parsed = json_parse(item->valuestring, strlen(item->valuestring), json_error);
		bool		is_number = cJSON_IsNumber(parsed);

		if (is_number)
			*number = parsed->valuedouble;
		cJSON_Delete(parsed);
		if (is_number)
			return true;
	}
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

static bool
read_object(const cJSON *object, const BarWindow *window, int64_t received_at,
			BarList *list, char *error)
{
	const cJSON *symbol = json_member(object, "symbol");
	const cJSON *rows = json_member(object, resolutions[window->bar].member);
	const cJSON *row;

	if (cJSON_IsString(symbol))
	{
		if (!bars_are_of(window, symbol->valuestring, error))
			return false;
	}
	/* nobody has published a captured answer for an index: it may lack it */
	else if (!window->is_index || symbol != NULL)
	{
		reason_write(error, SOURCE_ERROR_SIZE, "the answer has no \"symbol\"");
		return false;
	}
	if (!cJSON_IsArray(rows))
	{
		reason_write(error, SOURCE_ERROR_SIZE, "the answer has no array \"%s\"",
					 resolutions[window->bar].member);
		return false;
	}
	cJSON_ArrayForEach(row, rows)
	{
		char		reason[QUOTE_ERROR_SIZE];
		Bar			bar;

		list->sent++;
		if (!read_bar(row, window, &bar, reason))
			bar_list_reject(list, reason);
		else if (!bar_list_add(list, window, &bar, received_at, error))
			return false;
	}
	return true;
}

bool
kbs_read_bars(const char *body, size_t length, const BarWindow *window,
			  int64_t received_at, BarList *list, char *error)
{
	char		json_error[JSON_ERROR_SIZE];
	cJSON	   *object = json_parse(body, length, json_error);
	bool		is_good = false;

	memset(list, 0, sizeof(*list));
	list->oldest = INT64_MAX;
	error[0] = '\0';
	if (object == NULL && length > 0 && body[0] == '{')
		reason_write(error, SOURCE_ERROR_SIZE, "the answer is malformed: %s", json_error);
	else if (!cJSON_IsObject(object))
		bars_describe_answer(body, length, "an object", error);
	else
		is_good = read_object(object, window, received_at, list, error);
	cJSON_Delete(object);

	if (!is_good)
		bar_list_free(list);
	else
		bar_list_finish(list, window, received_at);
	return is_good;
}

int64_t
kbs_bars_next(const BarWindow *window, const BarList *list)
{
	(void) list;
	return piece_begin(window);
}
