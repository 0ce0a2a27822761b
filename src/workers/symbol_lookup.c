/*-------------------------------------------------------------------------
 *
 * symbol_lookup.c
 *	  From which source the list of symbols is asked, and from which next.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "config.h"
#include "workers/sources.h"
#include "workers/symbol_lookup.h"
#include "workers/symbol_refresh.h"

static struct
{
	size_t		source;			/* that is asked */
	uint32		tried;			/* a bit for each that was asked */
}			lookup;

/* All that the settings ask for: what a refresh is to bring. */
static const char *
all_settings(void)
{
	static char *text = NULL;
	MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);

	if (text != NULL)
		pfree(text);
	text = psprintf("%s%s%s", config_symbols, config_hot_symbols[0] != '\0' ? "," : "",
					config_hot_symbols);
	MemoryContextSwitchTo(before);
	return text;
}

bool
symbol_lookup_is_due(void)
{
	return refresh_is_due(all_settings());
}

bool
symbol_lookup_start(bool only_requested, Backoff *store_backoff)
{
	if (only_requested)
		sources_try_now();
	lookup.tried = 0;
	if (!sources_ask(0, &lookup.source))
		return false;
	lookup.tried = UINT32_C(1) << lookup.source;
	if (refresh_start(sources_provider(lookup.source), sources_url(lookup.source),
					  all_settings(), only_requested, store_backoff))
		return true;
	sources_unasked(lookup.source);
	return false;
}

bool
symbol_lookup_drive(HttpClient *http, RequestBudget may_request)
{
	refresh_drive(http, may_request,
				  unconstify(SourceProvider *, sources_provider(lookup.source)));
	return refresh_is_done();
}

/*
 * The list did not come from one source: is there another to ask?
 */
static bool
ask_elsewhere(const BreakerFailure *failure)
{
	if (failure->fault == HTTP_OK || !sources_ask(lookup.tried, &lookup.source))
		return false;
	lookup.tried |= UINT32_C(1) << lookup.source;
	refresh_ask(sources_provider(lookup.source), sources_url(lookup.source));
	return true;
}

bool
symbol_lookup_finish(Backoff *store_backoff, size_t *failed_source, HttpFault *fault,
					 char *error)
{
	BreakerFailure failure = {HTTP_OK, false, -1};
	bool		is_well;

	error[0] = '\0';
	is_well = !refresh_has_failed(&failure, error);
	if (is_well || failure.fault == HTTP_OK)
		sources_answered(lookup.source);
	else
		sources_failed(lookup.source, &failure, error);
	if (!is_well && ask_elsewhere(&failure))
		return false;
	*failed_source = lookup.source;
	*fault = failure.fault;
	refresh_finish(store_backoff);
	return true;
}
