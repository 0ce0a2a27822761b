/*-------------------------------------------------------------------------
 *
 * indices.c
 *	  The indices, by the minute.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "config.h"
#include "market/trading_hours.h"
#include "source/bars.h"
#include "store/bars.h"
#include "workers/indices.h"
#include "workers/market_day.h"
#include "workers/bars_source.h"
#include "workers/http_settings.h"
#include "workers/source_rest.h"
#include "workers/tell.h"

#define STORE_TIMEOUT_MS 30000

#define MINUTE INT64CONST(60000000)
#define DAY (1440 * MINUTE)

/* A source that refuses is left alone at least so long. */
#define REFUSED_MS 60000
/* How often it is looked whether a source is still to be left alone. */
#define REST_LOOK_MS 10000

/* How often they are asked for. */
#define OPEN_INTERVAL_MS 60000
#define CLOSED_INTERVAL_MS 3600000
/* Minutes that an exchange counts as open after its end: the last bar comes then. */
#define AFTER_CLOSE (20 * MINUTE)

/* An answer without minutes is strange where there was so much trading in its time. */
#define TRADING_EXPECTED (10 * MINUTE)

/* What a start asks for, and how much of what is there is asked for again. */
#define FIRST_WINDOW (4 * DAY)
#define OVERLAP (10 * MINUTE)

typedef struct MarketIndex
{
	char		name[TICKER_MAX + 1];
	int64		newest;			/* start of the newest bar stored; 0: none */
	bool		is_told_unknown;
} MarketIndex;

typedef struct Indices
{
	HttpClient *http;
	const SourceProvider *provider; /* NULL: nothing is asked */
	MarketIndex	list[INDICES_MAX];
	int			count;
	int			at;				/* the one whose turn it is; count: all had it */
	TimestampTz next_round;
	bool		is_asking;
	long		budget_wait;
	TimestampTz budget_until;
	BarWindow	window;
	BarList		answer;			/* to be stored */
	int64		received_at;
	bool		has_answer;
	Backoff		source_backoff;
	Backoff		store_backoff;
} Indices;

static Indices indices;

/*
 * The names of the setting, whose hook has checked them.  What is known of one
 * that was there before is kept.
 */
static void
read_names(void)
{
	MarketIndex	before[INDICES_MAX];
	int			before_count = indices.count;
	const char *at = config_indices;

	memcpy(before, indices.list, sizeof(before));
	memset(indices.list, 0, sizeof(indices.list));
	indices.count = 0;
	while (indices.count < INDICES_MAX)
	{
		MarketIndex *index = &indices.list[indices.count];
		size_t		length;

		at += strspn(at, ", ");
		length = strcspn(at, ", ");
		if (length == 0)
			break;
		strlcpy(index->name, at, Min(length + 1, sizeof(index->name)));
		for (int i = 0; i < before_count; i++)
			if (strcmp(before[i].name, index->name) == 0)
				*index = before[i];
		indices.count++;
		at += length;
	}
	indices.at = 0;
	indices.next_round = 0;
}

void
indices_begin(void)
{
	HttpOptions options = http_settings(1);
	char		error[SOURCE_ERROR_SIZE];

	memset(&indices, 0, sizeof(indices));
	indices.http = http_client_create(&options, error);
	if (indices.http == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("could not set up requests for indices: %s", error),
				 errhint("Check vnstream.user_agent and vnstream.http_headers.")));
	indices.provider = source_with_bars(true);
	read_names();
}

static void
drop_answer(void)
{
	if (indices.has_answer)
		bar_list_free(&indices.answer);
	indices.has_answer = false;
}

void
indices_reconfigure(void)
{
	HttpOptions options = http_settings(1);
	char		error[SOURCE_ERROR_SIZE];

	if (!http_client_reconfigure(indices.http, &options, error))
		worker_error(LOG, ERRCODE_CONFIG_FILE_ERROR, NULL, "%s", error);
	http_client_cancel_all(indices.http);
	indices.is_asking = false;
	drop_answer();
	indices.provider = source_with_bars(true);
	read_names();
}

void
indices_release(void)
{
	drop_answer();
	if (indices.http != NULL)
		http_client_destroy(indices.http);
	indices.http = NULL;
}

/*
 * Does some exchange trade, or did a moment ago?  Lunch counts: it is short.
 */
static bool
market_is_open(int64 now)
{
	const Calendar *calendar = market_day_calendar();

	for (int exchange = 0; calendar != NULL && exchange < EXCHANGE_COUNT; exchange++)
	{
		MarketState state;

		calendar_state(calendar, exchange, now, &state);
		if (state.phase != MARKET_CLOSED)
			return true;
		if (state.since != CALENDAR_ALWAYS && state.is_trading_day &&
			now - state.since < AFTER_CLOSE)
			return true;
	}
	return false;
}

static int64
unix_now(void)
{
	return UNIX_FROM_TIMESTAMP(GetCurrentTimestamp());
}

/* All had their turn: until the next one. */
static void
end_round(void)
{
	TimestampTz now = GetCurrentTimestamp();

	indices.at = 0;
	indices.next_round = TimestampTzPlusMilliseconds(now, market_is_open(unix_now()) ?
													 OPEN_INTERVAL_MS : CLOSED_INTERVAL_MS);
}

static void
store_answer(void *argument)
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	(void) index_quotes_store(&catalog, indices.window.ticker, indices.provider->name,
							  indices.received_at, indices.answer.bars,
							  (int) indices.answer.count);
}

/* Should there be minutes of the time that was asked for?  Not of a long holiday. */
static bool
minutes_are_due(void)
{
	const Calendar *calendar = market_day_calendar();

	return calendar != NULL &&
		trading_hours_of_days(calendar, EXCHANGE_HOSE, indices.window.from,
							  Min(indices.window.until, unix_now())) >= TRADING_EXPECTED;
}

/*
 * Store what has come; where the database cannot take it now, later.
 */
static void
settle_answer(void)
{
	MarketIndex *index = &indices.list[indices.at];
	StoreError	error;

	if (!backoff_is_over(&indices.store_backoff))
		return;
	(void) store_transaction(store_answer, NULL, "storing indices", STORE_TIMEOUT_MS, &error);
	if (worker_store_failed(&error, &indices.store_backoff))
		return;
	if (indices.answer.count > 0)
		index->newest = indices.answer.bars[indices.answer.count - 1].starts;
	if (indices.answer.rejected > 0)
		worker_error(LOG, ERRCODE_DATA_EXCEPTION, NULL, "index %s: %zu bars rejected: %s",
					 index->name, indices.answer.rejected, indices.answer.reason);
	if (indices.answer.sent == 0 && index->newest == 0 && !index->is_told_unknown &&
		minutes_are_due())
	{
		index->is_told_unknown = true;
		worker_tell(EVENT_WARNING, LOG, ERRCODE_NO_DATA,
					"source %s has no minutes of index %s; does vnstream.indices name it right?",
					indices.provider->name, index->name);
	}
	drop_answer();
	indices.at++;
}

static void
take_response(HttpResponse *response)
{
	char		error[SOURCE_ERROR_SIZE];

	indices.is_asking = false;
	strlcpy(error, response->error, sizeof(error));
	if (response->fault == HTTP_OK &&
		indices.provider->read_bars(response->body, response->length, &indices.window,
									response->received_at, &indices.answer, error))
	{
		indices.received_at = response->received_at;
		indices.has_answer = true;
		backoff_succeed(&indices.source_backoff);
	}
	else
	{
		worker_error(LOG, ERRCODE_CONNECTION_EXCEPTION, NULL, "source %s, index %s: %s",
					 indices.provider->name, indices.window.ticker, error);
		backoff_fail(&indices.source_backoff,
					 Max(response->retry_after_ms,
						 response->fault == HTTP_REFUSED || response->fault == HTTP_TOO_MANY ?
						 REFUSED_MS : 0));
		/* one that is of no use must not keep the others from their turn */
		indices.at++;
	}
	http_response_free(response);
}

static void
ask(void)
{
	MarketIndex *index = &indices.list[indices.at];
	int64		now = unix_now();
	SourceRequest request;
	char		error[SOURCE_ERROR_SIZE];
	bool		is_started;
	long		rest;

	/* others may end it before its time */
	rest = source_rest_left(indices.provider);
	if (rest > 0)
	{
		indices.budget_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
														   Min(rest, REST_LOOK_MS));
		return;
	}
	indices.budget_wait = shared_budget_take(indices.provider->name, config_requests_per_minute);
	if (indices.budget_wait > 0)
	{
		indices.budget_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
														   indices.budget_wait);
		return;
	}
	memset(&indices.window, 0, sizeof(indices.window));
	strlcpy(indices.window.ticker, index->name, sizeof(indices.window.ticker));
	indices.window.is_index = true;
	indices.window.bar = BAR_MINUTE;
	indices.window.from = Max(now - FIRST_WINDOW, index->newest - OVERLAP);
	indices.window.until = now + MINUTE;
	if (!indices.provider->bars_request(config_source_url(indices.provider->name), &indices.window,
										&request))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	is_started = http_client_request(indices.http, &request, 0, error);
	source_request_free(&request);
	if (is_started)
	{
		indices.is_asking = true;
		return;
	}
	worker_error(LOG, ERRCODE_CONFIG_FILE_ERROR, "Check vnstream.kbs_url.",
				 "source %s, index %s: %s", indices.provider->name, index->name, error);
	backoff_fail(&indices.source_backoff, 0);
	indices.at++;
}

static bool
is_at_rest(void)
{
	return indices.provider == NULL || indices.count == 0;
}

void
indices_round(void)
{
	HttpResponse *response;

	if (is_at_rest())
		return;
	if (indices.is_asking && (response = http_client_take(indices.http)) != NULL)
		take_response(response);
	if (indices.has_answer)
		settle_answer();
	if (indices.is_asking || indices.has_answer)
		return;
	if (indices.at >= indices.count)
		end_round();
	if (ms_until(indices.next_round) == 0 && ms_until(indices.budget_until) == 0 &&
		backoff_is_over(&indices.source_backoff))
		ask();
}

int
indices_sources(WaitSource *sources)
{
	return sockets_of_http(indices.http, sources);
}

void
indices_drive(const WaitSource *sources, int count)
{
	sockets_drive_http(indices.http, sources, count);
}

long
indices_timeout(void)
{
	long		timeout = http_client_timeout(indices.http);

	if (is_at_rest() || indices.is_asking)
		return timeout;
	if (indices.has_answer)
		return sooner(timeout, backoff_remaining(&indices.store_backoff));
	return sooner(timeout, Max(Max(ms_until(indices.next_round), ms_until(indices.budget_until)),
							   backoff_remaining(&indices.source_backoff)));
}
