/*-------------------------------------------------------------------------
 *
 * sources.c
 *	  vnstream_sources(): which sources this database asks, and how they are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "functions/columns.h"
#include "functions/worker_setting.h"
#include "shared_state.h"
#include "source/breaker.h"
#include "store/catalog.h"
#include "store/role.h"

PG_FUNCTION_INFO_V1(vnstream_sources);

#define SOURCES_COLUMNS 11

/* This database's own list and limit, as its producer has them or will. */
static size_t
read_settings(const SourceProvider *providers[SOURCES_MAX], int *limit)
{
	MemoryContext context = CurrentMemoryContext;
	char		error[SOURCE_ERROR_SIZE];
	StoreCatalog catalog;
	RoleScope	role;
	char	   *names;

	store_catalog_get(&catalog);
	role_scope_enter(&role, catalog.owner);
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	names = worker_setting("vnstream.sources", context);
	*limit = worker_setting_number("vnstream.requests_per_minute", 0);
	PopActiveSnapshot();
	SPI_finish();
	role_scope_leave(&role);
	return source_read_list(names, providers, error);
}

static void
put_source(ReturnSetInfo *result, const char *name, int preference, const SourceView *view,
		   int limit)
{
	static const BreakerState states[] = {
		[SOURCE_CLOSED] = BREAKER_CLOSED,
		[SOURCE_OPEN] = BREAKER_OPEN,
		[SOURCE_HALF_OPEN] = BREAKER_HALF_OPEN
	};
	Datum		values[SOURCES_COLUMNS] = {0};
	bool		nulls[SOURCES_COLUMNS] = {0};
	bool		is_known = view != NULL;
	int			i = 0;

	values[i++] = CStringGetTextDatum(name);
	values[i++] = Int32GetDatum(preference);
	column_text(&values[i], &nulls[i], is_known ? breaker_state_name(states[view->state]) : "");
	i++;
	column_time(&values[i], &nulls[i], is_known ? view->since : 0);
	i++;
	column_time(&values[i], &nulls[i], is_known ? view->retry_at : 0);
	i++;
	values[i++] = Int32GetDatum(shared_budget_used(name));
	values[i++] = Int32GetDatum(limit);
	nulls[i] = !is_known;
	values[i++] = Int32GetDatum(is_known ? view->failures : 0);
	column_time(&values[i], &nulls[i], is_known ? view->last_answer_at : 0);
	i++;
	column_time(&values[i], &nulls[i], is_known ? view->last_error_at : 0);
	i++;
	column_text(&values[i], &nulls[i], is_known ? view->last_error : "");
	i++;
	Assert(i == SOURCES_COLUMNS);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
vnstream_sources(PG_FUNCTION_ARGS)
{
	const SourceProvider *providers[SOURCES_MAX];
	SourceView	views[MAX_SOURCES];
	DatabaseEntry *entry;
	size_t		count;
	int			view_count = 0;
	int			limit;

	shared_state_require();
	InitMaterializedSRF(fcinfo, 0);
	count = read_settings(providers, &limit);

	LWLockAcquire(shared_state->lock, LW_SHARED);
	entry = shared_entry_find(MyDatabaseId);
	if (entry != NULL)
	{
		view_count = entry->source_count;
		memcpy(views, entry->sources, sizeof(views));
	}
	LWLockRelease(shared_state->lock);

	for (size_t i = 0; i < count; i++)
	{
		const SourceView *view = NULL;

		for (int j = 0; j < view_count; j++)
			if (strcmp(views[j].name, providers[i]->name) == 0)
				view = &views[j];
		put_source((ReturnSetInfo *) fcinfo->resultinfo, providers[i]->name, (int) i + 1,
				   view, limit);
	}
	return (Datum) 0;
}
