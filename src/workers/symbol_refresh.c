/*-------------------------------------------------------------------------
 *
 * symbol_refresh.c
 *	  Asking the source for its list of symbols, and taking it over.
 *
 * The list of the first of vnstream.sources overrules what is known.  Another
 * one's adds symbols, and what is unknown of them: sources differ in names and
 * kinds, and a list that stands in for a while must not leave its mark on all
 * symbols, or take those off the list that it does not have.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "source/symbol_list.h"
#include "store/symbols.h"
#include "workers/sources.h"
#include "workers/symbol_book.h"
#include "workers/symbol_refresh.h"
#include "workers/tell.h"

#define STORE_TIMEOUT_MS 30000

/* One that failed is tried again after this, doubling up to that. */
#define RETRY_FIRST_MS INT64CONST(300000)
#define RETRY_MAX_MS INT64CONST(3600000)

/* So many failures in a row, which is more than an hour, are told in health. */
#define FAILURES_TO_TELL 4

/* The market's time: Asia/Ho_Chi_Minh has no other offset. */
#define MARKET_OFFSET (7 * USECS_PER_HOUR)

static struct
{
	uint64		requests_seen;	/* of the entry's symbol_requests */
	int64		day;			/* of the market, of the last good list; 0 none */
	uint32		groups;			/* whose members came on that day */
	bool		is_stand_in;	/* that list is not the first source's */
	int			failures;		/* in a row */
	TimestampTz retry_at;

	/* the one that is under way */
	UniverseLookup *lookup;
	const SourceProvider *provider;
	uint32		asked_groups;
	int64		number;			/* in vnstream_symbol_refreshes */
	bool		accepts_loss;
	const char *trigger;
	SymbolLists lists;
	SymbolChanges changes;
	char		error[SOURCE_ERROR_SIZE];
	bool		is_refused;		/* the list has lost too much */
}			refresh = {.requests_seen = PG_UINT64_MAX};

static int64
market_day(void)
{
	return (UNIX_FROM_TIMESTAMP(GetCurrentTimestamp()) + MARKET_OFFSET) / USECS_PER_DAY;
}

static uint64
symbol_requests(void)
{
	uint64		requests;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	requests = worker_entry->symbol_requests;
	LWLockRelease(shared_state->lock);
	return requests;
}

/*
 * For vnstream_health(): since when there is no new list, and why.
 */
static void
tell_health(const char *error)
{
	char		line[WORKER_TEXT_SIZE];

	one_line(line, sizeof(line), error);
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	strlcpy(worker_entry->symbols_error, line, sizeof(worker_entry->symbols_error));
	if (error[0] == '\0')
		worker_entry->symbols_failing_since = 0;
	else if (worker_entry->symbols_failing_since == 0)
		worker_entry->symbols_failing_since = GetCurrentTimestamp();
	LWLockRelease(shared_state->lock);
}

/* Is what comes of the source that overrules the others? */
static bool
is_of_first_source(void)
{
	return refresh.provider == sources_provider(0);
}

static void
load_book(void *argument)
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	symbol_refreshes_interrupt(&catalog);
	symbol_book_load(&catalog);
}

bool
refresh_begin(Backoff *store_backoff)
{
	StoreError	error;

	(void) store_transaction(load_book, NULL, "reading the symbols", STORE_TIMEOUT_MS, &error);
	if (worker_store_failed(&error, store_backoff))
		return false;
	symbol_book_use();
	return true;
}

void
refresh_release(void)
{
	universe_lookup_free(refresh.lookup);
	refresh.lookup = NULL;
	symbol_lists_free(&refresh.lists);
}

void
refresh_reconfigure(void)
{
	refresh.retry_at = 0;
}

static const char *
due_trigger(const char *symbols)
{
	if (refresh.day == 0)
		return "start";
	if (refresh.day != market_day())
		return "daily";
	if ((universe_groups(symbols) & ~refresh.groups) != 0)
		return "settings";
	/* the first source's own list of today, once it can be had */
	if (refresh.is_stand_in && ms_until(refresh.retry_at) == 0)
		return "daily";
	return NULL;
}

bool
refresh_is_due(const char *symbols)
{
	if (due_trigger(symbols) == NULL)
		return false;

	/* without any list each sweep needs one, and the source's own back-off counts */
	return refresh.failures == 0 || symbol_book_count() == 0 ||
		ms_until(refresh.retry_at) == 0;
}

bool
refresh_is_requested(void)
{
	return symbol_requests() != refresh.requests_seen;
}

static void
begin_row(void *argument)
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	symbol_refreshes_interrupt(&catalog);
	refresh.number = symbol_refresh_begin(&catalog, refresh.trigger, refresh.provider->name,
										  &refresh.accepts_loss);
}

static void
look_for_request(void *argument)
{
	bool	   *is_there = argument;
	bool		accepts_loss;
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	symbol_refreshes_interrupt(&catalog);
	*is_there = symbol_refresh_requested(&catalog, &accepts_loss) != 0;
}

bool
refresh_has_request(Backoff *store_backoff)
{
	uint64		requests = symbol_requests();
	bool		is_there = false;
	StoreError	error;

	(void) store_transaction(look_for_request, &is_there, "looking for requests of a refresh",
							 STORE_TIMEOUT_MS, &error);
	if (worker_store_failed(&error, store_backoff))
		return false;
	if (!is_there)
		refresh.requests_seen = requests;
	return is_there;
}

bool
refresh_start(const SourceProvider *provider, const char *base_url, const char *symbols,
			  bool only_requested, Backoff *store_backoff)
{
	uint64		requests = symbol_requests();
	StoreError	error;

	refresh.provider = provider;
	refresh.trigger = only_requested ? NULL : due_trigger(symbols);
	(void) store_transaction(begin_row, NULL, "beginning a refresh of the symbols",
							 STORE_TIMEOUT_MS, &error);
	if (worker_store_failed(&error, store_backoff))
		return false;
	refresh.requests_seen = requests;
	if (refresh.number == 0)
		return false;

	refresh.asked_groups = universe_groups(symbols);
	refresh.lookup = universe_lookup_begin(provider, base_url, refresh.asked_groups);
	if (refresh.lookup == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return true;
}

void
refresh_ask(const SourceProvider *provider, const char *base_url)
{
	universe_lookup_free(refresh.lookup);
	refresh.provider = provider;
	refresh.lookup = universe_lookup_begin(provider, base_url, refresh.asked_groups);
	if (refresh.lookup == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

bool
refresh_has_failed(BreakerFailure *failure, char *error)
{
	return universe_lookup_has_failed(refresh.lookup, failure, error);
}

void
refresh_drive(HttpClient *http, RequestBudget may_request, void *context)
{
	universe_lookup_drive(refresh.lookup, http, may_request, context);
}

void
refresh_take(HttpResponse *response)
{
	universe_lookup_take(refresh.lookup, response);
}

bool
refresh_is_done(void)
{
	return universe_lookup_is_done(refresh.lookup);
}

long
refresh_timeout(void)
{
	return universe_lookup_timeout(refresh.lookup);
}

/* ----------------------------------------------------------------
 *		Taking over
 * ----------------------------------------------------------------
 */

/*
 * May the list be taken over?  Tells what is strange about it.
 */
static void
judge_list(void)
{
	const SourceSymbolList *list = &refresh.lists.list;
	int64		before;
	int64		lost;
	size_t		i;

	refresh.is_refused = false;
	if (!refresh.lists.has_list)
		return;
	symbol_book_loss(list, &before, &lost);

	/* what is missing may be in a row that could not be read: nothing leaves then */
	if (is_of_first_source() && symbol_loss_is_refused(before, lost) && !refresh.accepts_loss)
	{
		refresh.is_refused = true;
		snprintf(refresh.error, sizeof(refresh.error),
				 "the list of symbols of source %s has only " INT64_FORMAT " of " INT64_FORMAT
				 " symbols of the market; the one of before stays",
				 refresh.provider->name, before - lost, before);
		worker_error(WARNING, ERRCODE_DATA_EXCEPTION,
					 "If the market has really changed so much: SELECT vnstream_refresh_symbols(accept_loss => true).",
					 "%s", refresh.error);
	}
	for (i = 0; refresh.lists.doubtful > 0 && i < list->count; i++)
	{
		if (!list->symbols[i].is_doubtful)
			continue;
		worker_error(LOG, ERRCODE_DATA_EXCEPTION, NULL,
					 "source %s: rows of the list of symbols contradict each other on %zu symbols, the first is %s; what was known of them stays",
					 refresh.provider->name, refresh.lists.doubtful, list->symbols[i].ticker);
		break;
	}
	if (list->unreadable > 0 && is_of_first_source())
		worker_error(LOG, ERRCODE_DATA_EXCEPTION, NULL,
					 "source %s: %zu rows of the list of symbols cannot be read; no symbol is taken off the list this time",
					 refresh.provider->name, list->unreadable);
}

static void
take_list(const StoreCatalog *catalog)
{
	const SourceSymbolList *list = &refresh.lists.list;
	ListedSymbol *rows = palloc(sizeof(ListedSymbol) * (list->count + 1));

	for (size_t i = 0; i < list->count; i++)
	{
		const SourceSymbol *symbol = &list->symbols[i];

		rows[i].ticker = symbol->ticker;
		rows[i].exchange = symbol->exchange;
		rows[i].kind = symbol->kind;
		rows[i].name = symbol->name;
		rows[i].is_active = !symbol->is_delisted;
		rows[i].is_doubtful = symbol->is_doubtful;
	}
	symbol_rows_take_list(catalog, rows, (int) list->count, refresh.provider->name,
						  is_of_first_source(),
						  is_of_first_source() && list->unreadable == 0, &refresh.changes);
}

static void
take_group(const StoreCatalog *catalog, int group)
{
	const SourceSymbolList *list = &refresh.lists.groups[group];
	const char **tickers = palloc(sizeof(char *) * (list->count + 1));

	/* the members of an index are facts as others are */
	if (!is_of_first_source() && symbol_book_has_group(group))
		return;
	for (size_t i = 0; i < list->count; i++)
		tickers[i] = list->symbols[i].ticker;
	symbol_rows_take_group(catalog, universe_group_name(group), tickers, (int) list->count,
						   refresh.provider->name);
}

static void
take_over(void *argument)
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	memset(&refresh.changes, 0, sizeof(refresh.changes));
	if (refresh.lists.has_list && !refresh.is_refused)
		take_list(&catalog);
	for (int group = 0; universe_group_name(group) != NULL; group++)
		if ((refresh.lists.has_groups & (UINT32_C(1) << group)) != 0)
			take_group(&catalog, group);
	symbol_refresh_end(&catalog, refresh.number, refresh.provider->name, (int64) refresh.lists.list.count,
					   &refresh.changes, refresh.error[0] != '\0' ? refresh.error : NULL);
	symbol_book_load(&catalog);
}

static void
note_failure(void)
{
	int64		wait = RETRY_FIRST_MS;

	for (int i = 0; i < refresh.failures && wait < RETRY_MAX_MS; i++)
		wait *= 2;
	refresh.failures++;
	refresh.retry_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												   Min(wait, RETRY_MAX_MS));
	if (refresh.is_refused || refresh.failures >= FAILURES_TO_TELL)
		tell_health(refresh.error);
}

static void
note_success(void)
{
	refresh.failures = 0;
	refresh.retry_at = refresh.is_stand_in ?
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), RETRY_MAX_MS) : 0;
	tell_health("");
	worker_tell(EVENT_INFO, 0, ERRCODE_SUCCESSFUL_COMPLETION,
				"symbols: %zu listed, " INT64_FORMAT " new, " INT64_FORMAT " changed, "
				INT64_FORMAT " not listed any more, " INT64_FORMAT " listed again",
				refresh.lists.list.count, refresh.changes.added, refresh.changes.changed,
				refresh.changes.removed, refresh.changes.returned);
}

void
refresh_finish(Backoff *store_backoff)
{
	HttpFault	fault;
	long		retry_after_ms;
	StoreError	store_error;

	(void) universe_lookup_result(refresh.lookup, &refresh.lists, &fault, &retry_after_ms,
								  refresh.error);
	universe_lookup_free(refresh.lookup);
	refresh.lookup = NULL;
	judge_list();

	(void) store_transaction(take_over, NULL, "taking over the symbols", STORE_TIMEOUT_MS,
							 &store_error);
	if (worker_store_failed(&store_error, store_backoff))
		strlcpy(refresh.error, store_error.message, sizeof(refresh.error));
	else
	{
		symbol_book_use();
		if (refresh.lists.has_list && !refresh.is_refused)
		{
			if (refresh.day != market_day())
				refresh.groups = 0;
			refresh.day = market_day();
			refresh.is_stand_in = !is_of_first_source();
		}
		refresh.groups |= refresh.lists.has_groups;
	}
	if (refresh.error[0] != '\0')
		note_failure();
	else
		note_success();
	symbol_lists_free(&refresh.lists);
	ConditionVariableBroadcast(&shared_state->changed);
}
