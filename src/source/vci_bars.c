/*-------------------------------------------------------------------------
 *
 * vci_bars.c
 *	  Bars of Vietcap: chart/OHLCChart/gap-chart.
 *
 * The answer has one object a symbol, with an array a column.  Prices are VND,
 * volumes shares, t is seconds since 1970, as strings.  A day is stamped 00:00
 * UTC, 07:00 in Vietnam.
 *
 * accumulatedValue is million VND.  Of captured days accumulatedVolume is v, and
 * value / volume lies between low and high where prices are not adjusted: both
 * are the bar's own.  Nobody has published a captured minute; the totals may run
 * over the day there.  So the value is the bar's own where accumulatedVolume is
 * its v, the difference from the bar before where that one's is less by v, and
 * unknown else.
 *
 * A day's v has more than what was matched in round lots, its value has not (VCB
 * on 2026-07-30: 5,439,189 shares where KBS says 5,427,800, and to the VND the
 * same value).
 *
 *-------------------------------------------------------------------------
 */
#include "source/vci.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/json.h"
#include "market/reason.h"
#include "source/bars.h"
#include "source/reading.h"

#define PATH "chart/OHLCChart/gap-chart"

/* Most bars asked for at once, and fewest: a few cost no more than one. */
#define COUNT_MAX 1000
#define COUNT_MIN 10

#define SECOND INT64_C(1000000)
#define MILLION 1e6

static const char *const time_frames[] = {
	[BAR_MINUTE] = "ONE_MINUTE",
	[BAR_HOUR] = "ONE_HOUR",
	[BAR_DAY] = "ONE_DAY"
};

typedef enum Column
{
	COLUMN_OPEN,
	COLUMN_HIGH,
	COLUMN_LOW,
	COLUMN_CLOSE,
	COLUMN_VOLUME,
	COLUMN_TIME,
	COLUMN_COUNT,
	/* not needed */
	COLUMN_TOTAL_VOLUME = COLUMN_COUNT,
	COLUMN_TOTAL_VALUE,
	ALL_COLUMNS
} Column;

static const char *const column_names[ALL_COLUMNS] = {
	[COLUMN_OPEN] = "o",
	[COLUMN_HIGH] = "h",
	[COLUMN_LOW] = "l",
	[COLUMN_CLOSE] = "c",
	[COLUMN_VOLUME] = "v",
	[COLUMN_TIME] = "t",
	[COLUMN_TOTAL_VOLUME] = "accumulatedVolume",
	[COLUMN_TOTAL_VALUE] = "accumulatedValue"
};

/* Totals of a bar that was read, for the difference to the next. */
typedef struct Totals
{
	bool		is_known;
	int64_t		day;
	double		volume;
	double		value;
} Totals;

bool
vci_bars_request(const char *base_url, const BarWindow *window, SourceRequest *request)
{
	int64_t		count = (window->until - window->from) / bar_duration(window->bar) + 1;
	int64_t		to = window->until - 1;
	size_t		body_size = 128 + TICKER_MAX;

	if (count > COUNT_MAX)
		count = COUNT_MAX;
	if (count < COUNT_MIN)
		count = COUNT_MIN;
	/* a day that begins before until is stamped seven hours later */
	if (window->bar == BAR_DAY)
		to = bar_day(to) + VIETNAM_UTC_OFFSET;

	if (!reading_request(&vci_provider, base_url, PATH, request))
		return false;
	request->body = malloc(body_size);
	if (request->body == NULL)
	{
		source_request_free(request);
		return false;
	}
	snprintf(request->body, body_size,
			 "{\"timeFrame\":\"%s\",\"symbols\":[\"%s\"],\"to\":%lld,\"countBack\":%lld}",
			 time_frames[window->bar], window->ticker, (long long) (to / SECOND),
			 (long long) count);
	return true;
}

/* Seconds since 1970, a number or a string of digits. */
static bool
read_stamp(const cJSON *item, int64_t *stamp)
{
	const char *digits;
	int64_t		seconds = 0;

	if (cJSON_IsNumber(item))
	{
		if (fabs(item->valuedouble) > 1e11 || item->valuedouble != floor(item->valuedouble))
			return false;
		*stamp = (int64_t) item->valuedouble * SECOND;
		return true;
	}
	if (!cJSON_IsString(item) || item->valuestring[0] == '\0')
		return false;
	for (digits = item->valuestring; *digits != '\0'; digits++)
	{
		if (*digits < '0' || *digits > '9' || digits - item->valuestring >= 11)
			return false;
		seconds = seconds * 10 + (*digits - '0');
	}
	*stamp = seconds * SECOND;
	return true;
}

static bool
read_number(const cJSON *item, const char *name, double *number, char *reason)
{
	char		description[JSON_DESCRIPTION_SIZE];

	if (!cJSON_IsNumber(item))
	{
		reason_write(reason, QUOTE_ERROR_SIZE, "%s is %s, not a number", name,
					 json_describe_item(item, description));
		return false;
	}
	*number = item->valuedouble;
	return true;
}

/*
 * One bar from the elements of the columns; the totals are used where they can
 * be.  False, with a reason, where it cannot be read.
 */
static bool
read_bar(const cJSON *const *items, BarLength length, Totals *before, Bar *bar, char *reason)
{
	char		description[JSON_DESCRIPTION_SIZE];
	const cJSON *total_volume = items[COLUMN_TOTAL_VOLUME];
	const cJSON *total_value = items[COLUMN_TOTAL_VALUE];
	Totals		totals = {0};
	double		volume;
	int64_t		stamp;

	memset(bar, 0, sizeof(*bar));
	bar->starts = BAR_START_UNKNOWN;
	bar->value = NAN;
	if (!read_stamp(items[COLUMN_TIME], &stamp))
	{
		reason_write(reason, QUOTE_ERROR_SIZE, "t is %s, not seconds since 1970",
					 json_describe_item(items[COLUMN_TIME], description));
		return false;
	}
	if (!bar_begin(stamp, length, &bar->starts))
	{
		bar->starts = BAR_START_UNKNOWN;
		reason_write(reason, QUOTE_ERROR_SIZE, "t is %lld, not a whole minute",
					 (long long) (stamp / SECOND));
		return false;
	}
	if (!read_number(items[COLUMN_OPEN], "o", &bar->open, reason) ||
		!read_number(items[COLUMN_HIGH], "h", &bar->high, reason) ||
		!read_number(items[COLUMN_LOW], "l", &bar->low, reason) ||
		!read_number(items[COLUMN_CLOSE], "c", &bar->close, reason) ||
		!read_number(items[COLUMN_VOLUME], "v", &volume, reason))
		return false;
	if (volume != floor(volume) || fabs(volume) > 9e15)
	{
		reason_write(reason, QUOTE_ERROR_SIZE, "v is %.17g, not a number of shares", volume);
		return false;
	}
	bar->volume = (int64_t) volume;

	if (cJSON_IsNumber(total_volume) && cJSON_IsNumber(total_value))
	{
		totals.is_known = true;
		totals.day = bar_day(bar->starts);
		totals.volume = total_volume->valuedouble;
		/* a product, and later a difference, of decimals has noise behind it */
		totals.value = round(total_value->valuedouble * MILLION);
		if (totals.volume == volume)
			bar->value = totals.value;
		else if (before->is_known && before->day == totals.day &&
				 totals.volume - before->volume == volume)
			bar->value = totals.value - before->value;
	}
	*before = totals;
	return true;
}

/*
 * The columns of an object.  Columns of different lengths leave open which
 * price belongs to which time, so none of it is used.
 */
static bool
find_columns(const cJSON *object, const cJSON **columns, char *error)
{
	int			length = -1;
	int			i;

	for (i = 0; i < ALL_COLUMNS; i++)
	{
		const cJSON *column = json_member(object, column_names[i]);

		columns[i] = NULL;
		if (!cJSON_IsArray(column))
		{
			if (i >= COLUMN_COUNT)
				continue;
			reason_write(error, SOURCE_ERROR_SIZE, "\"%s\" is not an array", column_names[i]);
			return false;
		}
		if (length < 0)
			length = cJSON_GetArraySize(column);
		else if (cJSON_GetArraySize(column) != length)
		{
			/* totals are only an addition */
			if (i >= COLUMN_COUNT)
				continue;
			reason_write(error, SOURCE_ERROR_SIZE,
						 "\"%s\" has %d elements where \"%s\" has %d", column_names[i],
						 cJSON_GetArraySize(column), column_names[0], length);
			return false;
		}
		columns[i] = column;
	}
	return true;
}

static bool
read_object(const cJSON *object, const BarWindow *window, int64_t received_at,
			BarList *list, char *error)
{
	const cJSON *symbol = json_member(object, "symbol");
	const cJSON *items[ALL_COLUMNS];
	Totals		before = {0};
	int			i;

	if (!cJSON_IsString(symbol))
	{
		reason_write(error, SOURCE_ERROR_SIZE, "the answer has no \"symbol\"");
		return false;
	}
	if (!bars_are_of(window, symbol->valuestring, error) ||
		!find_columns(object, items, error))
		return false;

	for (i = 0; i < ALL_COLUMNS; i++)
		items[i] = items[i] != NULL ? items[i]->child : NULL;
	while (items[COLUMN_TIME] != NULL)
	{
		char		reason[QUOTE_ERROR_SIZE];
		Bar			bar;

		list->sent++;
		if (!read_bar(items, window->bar, &before, &bar, reason))
			bar_list_reject(list, window, bar.starts, reason);
		else if (!bar_list_add(list, window, &bar, received_at, error))
			return false;
		for (i = 0; i < ALL_COLUMNS; i++)
			if (items[i] != NULL)
				items[i] = items[i]->next;
	}
	return true;
}

bool
vci_read_bars(const char *body, size_t length, const BarWindow *window,
			  int64_t received_at, BarList *list, char *error)
{
	JsonArray	array;
	const char *row;
	size_t		row_length;
	char		json_error[JSON_ERROR_SIZE];
	JsonStep	step;
	bool		is_good = true;

	memset(list, 0, sizeof(*list));
	list->oldest = INT64_MAX;
	error[0] = '\0';
	if (!reading_begin(&array, body, length, NULL, error))
		return false;
	/* an unknown symbol is left out: [] */
	while (is_good &&
		   (step = reading_next(&array, &row, &row_length, error)) != JSON_STEP_END)
	{
		cJSON	   *object = NULL;

		if (step == JSON_STEP_ELEMENT)
		{
			object = json_parse(row, row_length, json_error);
			if (object == NULL)
				reason_write(error, SOURCE_ERROR_SIZE, "the answer is malformed: %s", json_error);
		}
		is_good = object != NULL && read_object(object, window, received_at, list, error);
		cJSON_Delete(object);
	}
	if (!is_good)
		bar_list_free(list);
	else
		bar_list_finish(list, window, received_at);
	return is_good;
}

int64_t
vci_bars_next(const BarWindow *window, const BarList *list)
{
	/* nothing older, or a source that does not go by "to": it ends here */
	if (list->sent == 0 || list->oldest >= window->until)
		return window->from;
	return list->oldest;
}
