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
bar_list_reject(BarList *list, const char *reason)
{
	list->rejected++;
	strncpy(list->reason, reason, sizeof(list->reason) - 1);
	list->reason[sizeof(list->reason) - 1] = '\0';
}

static void
reject_at(BarList *list, int64_t starts, const char *reason)
{
	char		text[TIME_TEXT_SIZE];
	char		sentence[QUOTE_ERROR_SIZE];

	time_to_text(starts, text);
	reason_write(sentence, sizeof(sentence), "the bar of %s: %s", text, reason);
	bar_list_reject(list, sentence);
}

bool
bar_list_add(BarList *list, const BarWindow *window, const Bar *bar, int64_t received_at,
			 char *error)
{
	char		reason[QUOTE_ERROR_SIZE];
	bool		is_possible = bar_is_possible(bar, window->bar, window->is_index,
											  received_at, reason);
	Bar		   *more;

	/*
	 * A time that cannot be must not decide where the next piece ends; and what
	 * lies outside of the window is not ours to judge.
	 */
	if (bar->starts >= QUOTE_TIME_MIN && bar->starts < list->oldest)
		list->oldest = bar->starts;
	if (!is_possible)
	{
		if (bar->starts >= QUOTE_TIME_MIN && bar->starts <= received_at)
		{
			if (bar->starts >= window->from && bar->starts < window->until)
				reject_at(list, bar->starts, reason);
		}
		else
			bar_list_reject(list, reason);
		return true;
	}
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
			reject_at(list, list->bars[i].starts, "it is there twice");
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
