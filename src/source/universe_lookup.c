/*-------------------------------------------------------------------------
 *
 * universe_lookup.c
 *	  Asking a source for its list of symbols and the members of index groups.
 *
 * Requests go one after the other: first the list, then each group.
 *
 *-------------------------------------------------------------------------
 */
#include "source/universe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/symbol_list.h"

/* The step that asks for the list; the others are numbers of groups. */
#define LIST_STEP (-1)

struct UniverseLookup
{
	const SourceProvider *provider;
	char	   *base_url;
	int			steps[1 + UNIVERSE_GROUPS_MAX];
	size_t		step_count;
	size_t		step;			/* the one that is on */
	bool		is_repeat;
	bool		in_flight;
	bool		waits_for_room;
	uint64_t	tag;
	int64_t		not_before;		/* ms, http_clock_ms() */

	SymbolLists lists;
	bool		is_done;
	bool		has_failed;
	HttpFault	fault;
	long		retry_after_ms;
	bool		is_blocked;
	char		error[SOURCE_ERROR_SIZE];
};

void
symbol_lists_free(SymbolLists *lists)
{
	int			i;

	source_symbol_list_free(&lists->list);
	for (i = 0; i < UNIVERSE_GROUPS_MAX; i++)
		source_symbol_list_free(&lists->groups[i]);
	memset(lists, 0, sizeof(*lists));
}

static void
fail(UniverseLookup *lookup, HttpFault fault, const char *error)
{
	lookup->is_done = true;
	lookup->has_failed = true;
	lookup->fault = fault;
	snprintf(lookup->error, sizeof(lookup->error), "%s", error);
}

UniverseLookup *
universe_lookup_begin(const SourceProvider *provider, const char *base_url,
					  uint32_t groups)
{
	UniverseLookup *lookup = calloc(1, sizeof(UniverseLookup));
	int			group;

	if (lookup == NULL)
		return NULL;
	lookup->provider = provider;
	lookup->retry_after_ms = -1;
	lookup->base_url = strdup(base_url);
	if (lookup->base_url == NULL)
	{
		universe_lookup_free(lookup);
		return NULL;
	}
	lookup->steps[lookup->step_count++] = LIST_STEP;
	for (group = 0; universe_group_name(group) != NULL; group++)
		if ((groups & (UINT32_C(1) << group)) != 0)
			lookup->steps[lookup->step_count++] = group;
	return lookup;
}

static bool
is_group_step(const UniverseLookup *lookup)
{
	return lookup->steps[lookup->step] != LIST_STEP;
}

/* What the step asks for, as people say. */
static const char *
step_name(const UniverseLookup *lookup)
{
	return is_group_step(lookup) ?
		universe_group_name(lookup->steps[lookup->step]) : "the market";
}

static bool
build_request(UniverseLookup *lookup, SourceRequest *request)
{
	if (is_group_step(lookup))
		return lookup->provider->group_request(lookup->base_url,
											   step_name(lookup), request);
	return lookup->provider->list_request(lookup->base_url, request);
}

void
universe_lookup_drive(UniverseLookup *lookup, HttpClient *client,
					  RequestBudget may_request, void *context)
{
	SourceRequest request = {0};
	char		error[SOURCE_ERROR_SIZE];
	int64_t		now = http_clock_ms();
	long		wait;

	lookup->waits_for_room = !http_client_has_room(client);
	if (lookup->is_done || lookup->in_flight || lookup->waits_for_room ||
		now < lookup->not_before)
		return;
	wait = may_request != NULL ? may_request(context) : 0;
	if (wait > 0)
	{
		lookup->not_before = now + wait;
		return;
	}
	if (!build_request(lookup, &request))
	{
		fail(lookup, HTTP_OK, "out of memory");
		return;
	}
	lookup->tag = http_client_reserve_tags(client, 1);
	lookup->in_flight = http_client_request(client, &request, lookup->tag,
											error);
	if (!lookup->in_flight)
		fail(lookup, HTTP_UNREACHABLE, error);
	source_request_free(&request);
}

/* Is there anything in the step's answer that it was asked for? */
static bool
has_members(const UniverseLookup *lookup, const SourceSymbolList *list)
{
	size_t		i;

	for (i = 0; i < list->count; i++)
		if (is_group_step(lookup) ||
			symbol_is_of_market(list->symbols[i].kind, list->symbols[i].exchange))
			return true;
	return false;
}

/* Reads what arrived for the step; HTTP_OK, or what is wrong with it. */
static HttpFault
read_answer(UniverseLookup *lookup, const HttpResponse *response, char *error)
{
	const SourceProvider *provider = lookup->provider;
	SourceSymbolList list = {NULL, 0, 0, 0};
	char		reason[SOURCE_ERROR_SIZE];
	size_t		doubtful;

	if (!(is_group_step(lookup) ? provider->read_group : provider->read_list)
		(response->body, response->length, &list, reason))
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "source %s answered what is no list of symbols: %.400s",
				 provider->name, reason);
		return HTTP_UNREADABLE;
	}
	if (!has_members(lookup, &list))
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "source %s answered %zu rows, and none is a symbol of %s",
				 provider->name, list.count + list.refused, step_name(lookup));
		source_symbol_list_free(&list);
		return HTTP_UNREADABLE;
	}
	doubtful = symbol_list_tidy(&list);
	if (is_group_step(lookup))
	{
		lookup->lists.groups[lookup->steps[lookup->step]] = list;
		lookup->lists.has_groups |= UINT32_C(1) << lookup->steps[lookup->step];
	}
	else
	{
		lookup->lists.list = list;
		lookup->lists.doubtful = doubtful;
		lookup->lists.has_list = true;
	}
	return HTTP_OK;
}

void
universe_lookup_take(UniverseLookup *lookup, HttpResponse *response)
{
	HttpFault	fault = response->fault;
	char		error[SOURCE_ERROR_SIZE];

	if (!lookup->in_flight || response->tag != lookup->tag)
	{
		http_response_free(response);
		return;
	}
	lookup->in_flight = false;
	lookup->retry_after_ms = response->retry_after_ms;
	lookup->is_blocked = response->is_blocked;
	snprintf(error, sizeof(error), "%s", response->error);
	if (fault == HTTP_OK)
		fault = read_answer(lookup, response, error);
	if (fault == HTTP_OK)
	{
		lookup->is_repeat = false;
		if (++lookup->step == lookup->step_count)
			lookup->is_done = true;
	}
	else if (!lookup->is_repeat && http_may_pass(fault, response->status))
	{
		lookup->is_repeat = true;
		lookup->not_before = http_clock_ms() + http_repeat_delay();
	}
	else
		fail(lookup, fault, error);
	http_response_free(response);
}

bool
universe_lookup_is_done(const UniverseLookup *lookup)
{
	return lookup->is_done;
}

long
universe_lookup_timeout(const UniverseLookup *lookup)
{
	int64_t		wait = lookup->not_before - http_clock_ms();

	if (lookup->is_done || lookup->in_flight || lookup->waits_for_room)
		return -1;
	return wait > 0 ? (long) wait : 0;
}

bool
universe_lookup_has_failed(const UniverseLookup *lookup, BreakerFailure *failure,
						   char *error)
{
	if (!lookup->has_failed)
		return false;
	failure->fault = lookup->fault;
	failure->is_blocked = lookup->is_blocked;
	failure->retry_after_ms = lookup->retry_after_ms;
	snprintf(error, SOURCE_ERROR_SIZE, "%s", lookup->error);
	return true;
}

bool
universe_lookup_result(UniverseLookup *lookup, SymbolLists *lists,
					   HttpFault *fault, long *retry_after_ms, char *error)
{
	*fault = lookup->fault;
	*retry_after_ms = lookup->retry_after_ms;
	snprintf(error, SOURCE_ERROR_SIZE, "%s", lookup->error);
	*lists = lookup->lists;
	memset(&lookup->lists, 0, sizeof(lookup->lists));
	return !lookup->has_failed;
}

void
universe_lookup_free(UniverseLookup *lookup)
{
	if (lookup == NULL)
		return;
	symbol_lists_free(&lookup->lists);
	free(lookup->base_url);
	free(lookup);
}
