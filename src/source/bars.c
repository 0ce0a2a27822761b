/*-------------------------------------------------------------------------
 *
 * bars.c
 *	  Lists of bars, which the providers fill.
 *
 *-------------------------------------------------------------------------
 */
#include "source/bars.h"

#include <stdlib.h>
#include <string.h>

#include "market/reason.h"
#include "source/reading.h"

void
bar_list_free(BarList *list)
{
	free(list->bars);
	memset(list, 0, sizeof(*list));
}

void
bar_list_reject(BarList *list, const BarWindow *window, int64_t starts, const char *reason)
{
	char		text[TIME_TEXT_SIZE];

	if (starts == BAR_START_UNKNOWN)
		reason_write(list->reason, sizeof(list->reason), "%s", reason);
	else
	{
		/* a time that cannot be must not decide where the next piece ends */
		if (starts >= QUOTE_TIME_MIN && starts < list->oldest)
			list->oldest = starts;
		if (starts < window->from || starts >= window->until)
			return;
		time_to_text(starts, text);
		reason_write(list->reason, sizeof(list->reason), "the bar of %s: %s", text, reason);
	}
	list->rejected++;
}

bool
bar_list_add(BarList *list, const BarWindow *window, const Bar *bar, int64_t received_at,
			 char *error)
{
	char		reason[QUOTE_ERROR_SIZE];
	bool		is_possible = bar_is_possible(bar, window->bar, window->is_index,
											  received_at, reason);
	Bar		   *more;

	if (!is_possible)
	{
		bool		has_time = bar->starts >= QUOTE_TIME_MIN &&
			bar->starts <= received_at;

		bar_list_reject(list, window, has_time ? bar->starts : BAR_START_UNKNOWN, reason);
		return true;
	}
	if (bar->starts < list->oldest)
		list->oldest = bar->starts;
	if (bar->starts < window->from || bar->starts >= window->until)
		return true;

	more = reading_room(list->bars, list->count, sizeof(Bar), error);
	if (more == NULL)
		return false;
	list->bars = more;
	list->bars[list->count++] = *bar;
	return true;
}

static int
compare_starts(const void *a, const void *b)
{
	int64_t		first = ((const Bar *) a)->starts;
	int64_t		second = ((const Bar *) b)->starts;

	return first < second ? -1 : first > second;
}

void
bar_list_finish(BarList *list, const BarWindow *window, int64_t received_at)
{
	size_t		kept = 0;
	size_t		i;

	if (list->count > 1)
		qsort(list->bars, list->count, sizeof(Bar), compare_starts);
	for (i = 0; i < list->count; i++)
	{
		if (kept > 0 && list->bars[kept - 1].starts == list->bars[i].starts)
		{
			bar_list_reject(list, window, list->bars[i].starts, "it is there twice");
			continue;
		}
		list->bars[kept] = list->bars[i];
		bar_settle(&list->bars[kept++], window->bar, window->ticker, received_at);
	}
	list->count = kept;
}

bool
bars_are_of(const BarWindow *window, const char *name, char *error)
{
	char		excerpt[EXCERPT_SIZE];

	if (strcmp(name, window->ticker) == 0)
		return true;
	reason_write(error, SOURCE_ERROR_SIZE, "the answer is of %s, %s was asked for",
				 reason_excerpt(name, strlen(name), excerpt), window->ticker);
	return false;
}
