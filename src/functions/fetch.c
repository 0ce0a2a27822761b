/*-------------------------------------------------------------------------
 *
 * fetch.c
 *	  vnstream_fetch(): what the source says of one ticker, now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "storage/shm_toc.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "functions/control.h"
#include "functions/fetch.h"
#include "functions/ticker.h"
#include "functions/outside_text.h"
#include "functions/worker_setting.h"
#include "market/rules.h"
#include "pg_compat.h"
#include "shared_state.h"
#include "store/catalog.h"
#include "store/role.h"
#include "workers/fetch.h"

PG_FUNCTION_INFO_V1(vnstream_fetch);

#define FETCH_COLUMNS 8

/* Room for the worker to start, and again to end, besides the request's time. */
#define FETCH_WORKER_MS 15000

/* What is asked, and how; palloc'd. */
typedef struct FetchPlan
{
	const SourceProvider *provider;
	FetchRequest request;
	int			requests_per_minute;
	char	   *url;
	char	   *body;			/* or NULL */
	char	   *user_agent;
	char	   *headers;
	char	   *proxy;
	char	   *ca_file;
} FetchPlan;

/* A look under way. */
typedef struct Fetch
{
	dsm_segment *segment;
	shm_mq_handle *queue;
	FetchTicket ticket;
} Fetch;

static bool
fail(FetchAnswer *answer, int sqlstate, char *failure, char *hint)
{
	answer->sqlstate = sqlstate;
	answer->failure = failure;
	answer->hint = hint;
	return false;
}

/* ----------------------------------------------------------------
 *		What to ask
 * ----------------------------------------------------------------
 */

/*
 * The provider's request for one ticker.  It comes with malloc, so nothing may
 * be raised before it is copied.
 */
static void
plan_request(FetchPlan *plan, const char *base_url, const char *ticker)
{
	char		tickers[1][TICKER_MAX + 1];
	SourceRequest request;
	char	   *url;
	char	   *body;

	strlcpy(tickers[0], ticker, sizeof(tickers[0]));
	if (!plan->provider->board_request(base_url, tickers, 1, &request))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	url = MemoryContextAllocExtended(CurrentMemoryContext, strlen(request.url) + 1,
									 MCXT_ALLOC_NO_OOM);
	body = request.body == NULL ? NULL :
		MemoryContextAllocExtended(CurrentMemoryContext, strlen(request.body) + 1,
								   MCXT_ALLOC_NO_OOM);
	if (url != NULL)
		strcpy(url, request.url);
	if (body != NULL)
		strcpy(body, request.body);
	if (url == NULL || (request.body != NULL && body == NULL))
	{
		source_request_free(&request);
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	}
	source_request_free(&request);
	plan->url = url;
	plan->body = body;
}

/*
 * By its name, or the first of a list.
 */
static const SourceProvider *
choose_provider(const char *names, bool is_name)
{
	const SourceProvider *providers[SOURCES_MAX];
	char		error[SOURCE_ERROR_SIZE];

	if (is_name)
		providers[0] = source_find(names);
	else if (source_read_list(names, providers, error) == 0)
		providers[0] = NULL;
	if (providers[0] == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no source \"%s\"", shortened(names)),
				 errhint("The sources of this version are 'vci' and 'kbs'.")));
	return providers[0];
}

static void
make_plan(FetchPlan *plan, const char *ticker, const char *source)
{
	MemoryContext context = CurrentMemoryContext;
	FetchRequest *request = &plan->request;
	StoreCatalog catalog;
	RoleScope	role;
	char	   *base_url;

	memset(plan, 0, sizeof(*plan));
	store_catalog_get_any(&catalog);
	role_scope_enter(&role, catalog.owner);
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	plan->provider = choose_provider(source != NULL ? source :
									 worker_setting("vnstream.sources", context),
									 source != NULL);
	base_url = worker_setting(psprintf("vnstream.%s_url", plan->provider->name), context);
	plan->user_agent = worker_setting("vnstream.user_agent", context);
	plan->headers = worker_setting("vnstream.http_headers", context);
	plan->proxy = worker_setting("vnstream.http_proxy", context);
	plan->ca_file = worker_setting("vnstream.ca_file", context);
	request->timeout_ms = worker_setting_number("vnstream.http_timeout", GUC_UNIT_MS);
	request->max_response = (Size) worker_setting_number("vnstream.http_max_response", GUC_UNIT_KB) * 1024;
	plan->requests_per_minute = worker_setting_number("vnstream.requests_per_minute", 0);
	request->allow_insecure = worker_setting_bool("vnstream.allow_insecure_source");
	PopActiveSnapshot();
	SPI_finish();
	role_scope_leave(&role);

	strlcpy(request->provider, plan->provider->name, sizeof(request->provider));
	strlcpy(request->ticker, ticker, sizeof(request->ticker));
	plan_request(plan, base_url, ticker);
}

/* ----------------------------------------------------------------
 *		Asking
 * ----------------------------------------------------------------
 */

static void
put_text(shm_toc *contents, FetchKey key, const char *text)
{
	char	   *copy = shm_toc_allocate(contents, strlen(text) + 1);

	strcpy(copy, text);
	shm_toc_insert(contents, key, copy);
}

/*
 * The segment with the request and the queue for the answer.  It goes with the
 * resource owner, so with an error too, and takes the slot along.
 */
static void
make_segment(Fetch *fetch, const FetchPlan *plan)
{
	shm_toc_estimator estimator;
	shm_toc    *contents;
	FetchRequest *request;
	shm_mq	   *queue;
	Size		size;

	shm_toc_initialize_estimator(&estimator);
	shm_toc_estimate_keys(&estimator, 8);
	shm_toc_estimate_chunk(&estimator, sizeof(FetchRequest));
	shm_toc_estimate_chunk(&estimator, strlen(plan->url) + 1);
	if (plan->body != NULL)
		shm_toc_estimate_chunk(&estimator, strlen(plan->body) + 1);
	shm_toc_estimate_chunk(&estimator, strlen(plan->user_agent) + 1);
	shm_toc_estimate_chunk(&estimator, strlen(plan->headers) + 1);
	shm_toc_estimate_chunk(&estimator, strlen(plan->proxy) + 1);
	shm_toc_estimate_chunk(&estimator, strlen(plan->ca_file) + 1);
	shm_toc_estimate_chunk(&estimator, FETCH_QUEUE_SIZE);
	size = shm_toc_estimate(&estimator);

	fetch->segment = dsm_create(size, 0);
	contents = shm_toc_create(FETCH_MAGIC, dsm_segment_address(fetch->segment), size);
	request = shm_toc_allocate(contents, sizeof(FetchRequest));
	*request = plan->request;
	shm_toc_insert(contents, FETCH_KEY_REQUEST, request);
	put_text(contents, FETCH_KEY_URL, plan->url);
	if (plan->body != NULL)
		put_text(contents, FETCH_KEY_BODY, plan->body);
	put_text(contents, FETCH_KEY_USER_AGENT, plan->user_agent);
	put_text(contents, FETCH_KEY_HEADERS, plan->headers);
	put_text(contents, FETCH_KEY_PROXY, plan->proxy);
	put_text(contents, FETCH_KEY_CA_FILE, plan->ca_file);
	queue = shm_mq_create(shm_toc_allocate(contents, FETCH_QUEUE_SIZE), FETCH_QUEUE_SIZE);
	shm_toc_insert(contents, FETCH_KEY_QUEUE, queue);
	shm_mq_set_receiver(queue, MyProc);
	fetch->queue = shm_mq_attach(queue, fetch->segment, NULL);
}

/*
 * Until the latch is set or the time is over.
 */
static void
wait_on_latch(long timeout_ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 timeout_ms, wait_event_idle());
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/*
 * Our turn in the budget; false where none came.  The session waits and not the
 * worker, so that no process is taken up for it.
 */
static bool
take_turn(const FetchPlan *plan, int budget_ms)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), budget_ms);

	for (;;)
	{
		long		wait = shared_budget_take(plan->provider->name,
											  plan->requests_per_minute);
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);

		if (wait == 0)
			return true;
		if (wait > left)
			return false;
		wait_on_latch(wait);
	}
}

/*
 * The worker's report with what follows it, or NULL where it ended without one
 * or is too late.  The memory is the queue's.
 */
static char *
await_report(Fetch *fetch, const FetchPlan *plan, Size *length)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													plan->request.timeout_ms + FETCH_WORKER_MS);

	for (;;)
	{
		void	   *report;
		shm_mq_result result = shm_mq_receive(fetch->queue, length, &report, true);
		long		left;

		if (result == SHM_MQ_SUCCESS && *length >= sizeof(FetchReport))
			return report;
		if (result != SHM_MQ_WOULD_BLOCK)
			return NULL;
		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);
		if (left == 0)
			return NULL;
		wait_on_latch(left);
	}
}

/*
 * Until the worker has ended, which it is about to: who asks for many tickers,
 * one after the other, needs one process and not as many as still end.
 */
static void
await_end(BackgroundWorkerHandle *worker)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), FETCH_WORKER_MS);
	pid_t		pid;

	while (GetBackgroundWorkerPid(worker, &pid) == BGWH_STARTED)
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);

		if (left == 0)
			return;
		/* the postmaster tells when it ends, by bgw_notify_pid */
		wait_on_latch(left);
	}
}

/* ----------------------------------------------------------------
 *		What came
 * ----------------------------------------------------------------
 */

/*
 * Header lines end in CR LF, and an empty line ends them all.
 */
static char *
header_lines(const char *headers, Size length)
{
	char	   *lines = palloc(length + 1);
	Size		kept = 0;
	Size		i;

	for (i = 0; i < length; i++)
		if (headers[i] != '\r')
			lines[kept++] = headers[i];
	while (kept > 0 && lines[kept - 1] == '\n')
		kept--;
	return outside_text(lines, kept);
}

static void
tell_verdicts(const Quote *quote, int64 now, FetchAnswer *answer)
{
	RuleVerdict verdicts[RULE_COUNT];
	StringInfoData json;
	int			i;

	rules_judge(quote, now, verdicts);
	initStringInfo(&json);
	for (i = 0; i < RULE_COUNT; i++)
	{
		const char *words = "ok";

		if (verdicts[i].outcome == RULE_BROKEN)
		{
			words = verdicts[i].reason;
			answer->broken_rules++;
		}
		else if (verdicts[i].outcome == RULE_IDLE)
			words = "not applicable: the quote has nothing that it judges";
		appendStringInfoString(&json, i == 0 ? "{" : ", ");
		escape_json(&json, verdicts[i].rule);
		appendStringInfoString(&json, ": ");
		escape_json(&json, words);
	}
	appendStringInfoChar(&json, '}');
	answer->verdicts = json.data;
}

static void
take_report(const char *message, const FetchPlan *plan, FetchAnswer *answer)
{
	FetchReport report;
	const char *headers = message + sizeof(FetchReport);

	memcpy(&report, message, sizeof(report));
	answer->fault = report.fault;
	answer->status = report.status;
	answer->probe = report.probe;
	answer->received_at = report.received_at;
	answer->duration = report.duration;
	if (report.headers_length > 0)
		answer->headers = header_lines(headers, report.headers_length);
	if (report.has_body)
		answer->body = outside_text(headers + report.headers_length, report.body_length);
	answer->body_length = report.body_came;
	answer->body_is_cut = report.body_came > (int64) report.body_length ||
		(report.fault == HTTP_TOO_LARGE && report.body_came > 0);
	if (report.error[0] != '\0')
		answer->error = outside_text(report.error, strlen(report.error));
	if (report.has_quote)
	{
		char		json[QUOTE_JSON_SIZE];

		(void) quote_to_json(&report.quote, json);
		answer->quote = outside_json(json);
		tell_verdicts(&report.quote, report.received_at, answer);
	}
}

bool
fetch_probe(const char *ticker, const char *source, FetchAnswer *answer)
{
	return fetch_probe_within(ticker, source, FETCH_BUDGET_MS, PG_INT32_MAX, answer);
}

bool
fetch_probe_within(const char *ticker, const char *source, int budget_ms, int request_ms,
				   FetchAnswer *answer)
{
	FetchPlan	plan;
	Fetch		fetch;
	BackgroundWorkerHandle *worker;
	char	   *report;
	Size		length;

	shared_state_require();
	memset(answer, 0, sizeof(*answer));
	make_plan(&plan, ticker, source);
	plan.request.timeout_ms = Min(plan.request.timeout_ms, request_ms);
	answer->url = plan.url;
	if (!config_enabled)
		return fail(answer, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"\"vnstream.enabled\" is off, so no worker may ask the source",
					"Set it to on in postgresql.conf and reload.");

	/* one without others: it can make no segment for them either */
	if (!IsUnderPostmaster)
		return fail(answer, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"a server in single-user mode has no worker to ask the source",
					"Start the server as usual.");

	make_segment(&fetch, &plan);
	if (!fetch_slot_take(fetch.segment, &fetch.ticket))
	{
		dsm_detach(fetch.segment);
		return fail(answer, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
					psprintf("%d sessions of this server look at a source already", MAX_FETCHES),
					"Try again when one of them is done.");
	}
	if (!take_turn(&plan, budget_ms))
	{
		dsm_detach(fetch.segment);
		return fail(answer, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
					psprintf("the budget of %d requests a minute is used up, and no turn comes within %d s",
							 plan.requests_per_minute, budget_ms / 1000),
					"Try again later, or raise \"vnstream.requests_per_minute\" where the source tolerates more.");
	}
	worker = fetch_worker_start(&fetch.ticket, ticker);
	if (worker == NULL)
	{
		dsm_detach(fetch.segment);
		return fail(answer, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
					"no background worker slot is free to ask the source",
					psprintf("Set \"max_worker_processes\" to at least %d in postgresql.conf and restart the server.",
							 max_worker_processes + 1));
	}
	shm_mq_set_handle(fetch.queue, worker);

	report = await_report(&fetch, &plan, &length);
	if (report != NULL)
		take_report(report, &plan, answer);
	dsm_detach(fetch.segment);
	await_end(worker);
	if (report == NULL)
		return fail(answer, ERRCODE_INTERNAL_ERROR,
					"the worker that asks the source ended, or was held up, without an answer",
					"The server's log may say why.");
	return true;
}

/* ----------------------------------------------------------------
 *		vnstream_fetch()
 * ----------------------------------------------------------------
 */

static void
set_text(Datum *value, bool *isnull, const char *text)
{
	*isnull = text == NULL;
	if (text != NULL)
		*value = CStringGetTextDatum(text);
}

static void
set_jsonb(Datum *value, bool *isnull, char *json)
{
	*isnull = json == NULL;
	if (json != NULL)
		*value = DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
}

Datum
vnstream_fetch(PG_FUNCTION_ARGS)
{
	char	   *ticker;
	char	   *source = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	FetchAnswer answer;
	TupleDesc	shape;
	Datum		values[FETCH_COLUMNS] = {0};
	bool		nulls[FETCH_COLUMNS] = {0};

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the ticker must not be null"),
				 errhint("Name one, such as 'VCB'.")));
	ticker = ticker_argument(PG_GETARG_TEXT_PP(0));
	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!fetch_probe(ticker, source, &answer))
		ereport(ERROR,
				(errcode(answer.sqlstate), errmsg("%s", answer.failure),
				 answer.hint != NULL ? errhint("%s", answer.hint) : 0));
	if (answer.body_is_cut)
		ereport(NOTICE,
				(errcode(ERRCODE_WARNING),
				 errmsg("body has the first %d bytes of what the source sent",
						(int) Min(answer.body_length, FETCH_BODY_MAX))));

	nulls[0] = answer.status == 0;
	values[0] = Int32GetDatum(answer.status);
	nulls[1] = answer.received_at == 0;
	values[1] = Float8GetDatum(answer.duration / 1000.0);
	set_text(&values[2], &nulls[2], answer.url);
	set_text(&values[3], &nulls[3], answer.headers);
	set_text(&values[4], &nulls[4], answer.body);
	set_jsonb(&values[5], &nulls[5], answer.quote);
	set_jsonb(&values[6], &nulls[6], answer.verdicts);
	set_text(&values[7], &nulls[7], answer.error);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(shape, values, nulls)));
}
