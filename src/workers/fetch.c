/*-------------------------------------------------------------------------
 *
 * fetch.c
 *	  The worker that makes one request for a person.
 *
 * Signals: SIGTERM die, acted on in the loop; SIGHUP is ignored, as the settings
 * come with the request; SIGUSR1 procsignal_sigusr1_handler, which bgworker.c
 * sets for a worker with the flag of a database connection, as this one has, to
 * answer barriers and be seen in pg_stat_activity.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "storage/shm_toc.h"
#include "tcop/tcopprot.h"

#include "shared_state.h"
#include "workers/fetch.h"
#include "workers/sockets.h"

StaticAssertDecl(sizeof(FetchTicket) <= BGW_EXTRALEN,
				 "a ticket must fit into bgw_extra");

static FetchTicket my_ticket;	/* of the worker */

/* ----------------------------------------------------------------
 *		The session's part
 * ----------------------------------------------------------------
 */

/*
 * The session wishes for nothing any more.  It has one slot at most; the worker,
 * if it runs, is woken by the queue's own callback, which comes after this.
 */
static void
give_up_slot(dsm_segment *segment, Datum argument)
{
	int			i;

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	for (i = 0; i < MAX_FETCHES; i++)
		if (shared_state->fetches[i].session == MyProcPid)
			shared_state->fetches[i].session = 0;
	LWLockRelease(shared_state->lock);
}

bool
fetch_slot_take(dsm_segment *segment, FetchTicket *ticket)
{
	bool		found = false;
	int			i;

	/* first: nothing may fail between taking the slot and this */
	on_dsm_detach(segment, give_up_slot, (Datum) 0);

	memset(ticket, 0, sizeof(*ticket));
	ticket->segment = dsm_segment_handle(segment);
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	for (i = 0; i < MAX_FETCHES && !found; i++)
	{
		FetchSlot  *slot = &shared_state->fetches[i];

		if (slot->session != 0 || slot->worker != 0)
			continue;
		slot->generation = pg_atomic_add_fetch_u64(&shared_state->generation, 1);
		slot->session = MyProcPid;
		ticket->generation = slot->generation;
		ticket->slot = i;
		found = true;
	}
	LWLockRelease(shared_state->lock);
	return found;
}

BackgroundWorkerHandle *
fetch_worker_start(const FetchTicket *ticket, const char *ticker)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	/* on standbys, too: it writes nothing */
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "vnstock_stream");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "vnstream_fetch_main");
	snprintf(worker.bgw_type, BGW_MAXLEN, "vnstream fetch");
	snprintf(worker.bgw_name, BGW_MAXLEN, "vnstream fetch %s", ticker);
	memcpy(worker.bgw_extra, ticket, sizeof(*ticket));
	return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : NULL;
}

/* ----------------------------------------------------------------
 *		The worker's part
 * ----------------------------------------------------------------
 */

static void
detach_slot(int code, Datum argument)
{
	FetchSlot  *slot = &shared_state->fetches[my_ticket.slot];

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	if (slot->worker == MyProcPid)
		slot->worker = 0;
	LWLockRelease(shared_state->lock);
}

/*
 * False where the session is gone already, and maybe another has its slot.
 */
static bool
attach_slot(void)
{
	FetchSlot  *slot = &shared_state->fetches[my_ticket.slot];
	bool		ours;

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	ours = slot->generation == my_ticket.generation && slot->session != 0 &&
		slot->worker == 0;
	if (ours)
		slot->worker = MyProcPid;
	LWLockRelease(shared_state->lock);
	if (ours)
		before_shmem_exit(detach_slot, 0);
	return ours;
}

static bool
session_waits(void)
{
	bool		waits;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	waits = shared_state->fetches[my_ticket.slot].session != 0;
	LWLockRelease(shared_state->lock);
	return waits;
}

static HttpClient *
make_client(const FetchRequest *request, shm_toc *contents, char *error)
{
	HttpOptions options;

	memset(&options, 0, sizeof(options));
	options.user_agent = shm_toc_lookup(contents, FETCH_KEY_USER_AGENT, false);
	options.headers = shm_toc_lookup(contents, FETCH_KEY_HEADERS, false);
	options.proxy = shm_toc_lookup(contents, FETCH_KEY_PROXY, false);
	options.ca_file = shm_toc_lookup(contents, FETCH_KEY_CA_FILE, false);
	options.timeout_ms = request->timeout_ms;
	options.max_response = request->max_response;
	options.allow_insecure = request->allow_insecure;
	options.max_in_flight = 1;
	options.keep_everything = true;
	return http_client_create(&options, error);
}

/*
 * The response, or NULL, with error filled, where the request cannot start.
 * Does not return where the session has gone.
 */
static HttpResponse *
make_request(const FetchRequest *request, shm_toc *contents, char *error)
{
	HttpClient *client = make_client(request, contents, error);
	SourceRequest what;
	HttpResponse *response;

	if (client == NULL)
		return NULL;
	what.url = shm_toc_lookup(contents, FETCH_KEY_URL, false);
	what.body = shm_toc_lookup(contents, FETCH_KEY_BODY, true);
	what.headers = source_find(request->provider)->headers;
	if (!http_client_request(client, &what, 0, error))
		return NULL;

	while ((response = http_client_take(client)) == NULL)
	{
		WaitSource	sources[HTTP_MAX_SOCKETS];
		int			count;

		CHECK_FOR_INTERRUPTS();
		if (!session_waits())
			proc_exit(0);
		count = sockets_of_http(client, sources);
		sockets_wait(sources, count, http_client_timeout(client));
		sockets_drive_http(client, sources, count);
	}

	/*
	 * The client is left to the end of the process, which is near: freeing it
	 * could wait for a resolver thread with older releases of libcurl.
	 */
	return response;
}

/*
 * The row of the ticker that was asked for.
 */
static void
find_quote(const FetchRequest *request, const Board *board, FetchReport *report)
{
	const BoardRefusal *nameless = NULL;
	size_t		i;

	for (i = 0; i < board->count; i++)
	{
		if (strcmp(board->quotes[i].ticker, request->ticker) != 0)
			continue;
		report->quote = board->quotes[i];
		report->has_quote = true;
		return;
	}
	for (i = 0; i < board->refusal_count; i++)
	{
		const BoardRefusal *refusal = &board->refusals[i];

		if (refusal->ticker[0] == '\0')
			nameless = refusal;
		else if (strcmp(refusal->ticker, request->ticker) == 0)
		{
			snprintf(report->error, sizeof(report->error), "the row of %s is no quote: %s",
					 request->ticker, refusal->reason);
			return;
		}
	}
	if (nameless != NULL)
		snprintf(report->error, sizeof(report->error),
				 "the answer has no row for %s, but one without a ticker: %s",
				 request->ticker, nameless->reason);
	else if (board->count + board->refusal_count > 0)
		snprintf(report->error, sizeof(report->error),
				 "the answer has no row for %s, but %zu for others", request->ticker,
				 board->count + board->refusal_count);
	else
		snprintf(report->error, sizeof(report->error),
				 "the source has no row for %s", request->ticker);
}

static void
judge_response(const FetchRequest *request, const HttpResponse *response,
			   FetchReport *report)
{
	const SourceProvider *provider = source_find(request->provider);
	Board		board;

	report->fault = response->fault;
	report->status = (int) response->status;
	report->received_at = response->received_at;
	report->duration = response->duration;
	report->probe = response->probe;
	report->headers_length = response->headers_length;
	report->has_body = response->body != NULL;
	report->body_came = response->length;
	report->body_length = Min(response->length, FETCH_BODY_MAX);
	if (response->fault != HTTP_OK)
		strlcpy(report->error, response->error, sizeof(report->error));
	else if (provider->read_board(response->body, response->length,
								  response->received_at, &board, report->error))
	{
		find_quote(request, &board, report);
		board_free(&board);
	}
	else
		report->fault = HTTP_UNREADABLE;
}

void
vnstream_fetch_main(Datum argument)
{
	dsm_segment *segment;
	shm_toc    *contents;
	shm_mq	   *queue;
	shm_mq_handle *answer;
	FetchRequest *request;
	FetchReport *report;
	HttpResponse *response;
	shm_mq_iovec parts[3];

	memcpy(&my_ticket, MyBgworkerEntry->bgw_extra, sizeof(my_ticket));
	if (shared_state == NULL || !attach_slot())
		proc_exit(0);

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("vnstream fetch");

	/* gone with the session */
	segment = dsm_attach(my_ticket.segment);
	if (segment == NULL)
		proc_exit(0);
	contents = shm_toc_attach(FETCH_MAGIC, dsm_segment_address(segment));
	if (contents == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s: the shared memory segment is not the session's",
						MyBgworkerEntry->bgw_name)));
	request = shm_toc_lookup(contents, FETCH_KEY_REQUEST, false);
	queue = shm_toc_lookup(contents, FETCH_KEY_QUEUE, false);
	shm_mq_set_sender(queue, MyProc);
	answer = shm_mq_attach(queue, segment, NULL);

	report = palloc0(sizeof(FetchReport));
	response = make_request(request, contents, report->error);
	if (response != NULL)
		judge_response(request, response, report);
	else
		report->fault = HTTP_UNREACHABLE;

	/* ends, too, when the session detaches */
	parts[0].data = (char *) report;
	parts[0].len = sizeof(*report);
	parts[1].data = response != NULL ? response->headers : NULL;
	parts[1].len = report->headers_length;
	parts[2].data = response != NULL ? response->body : NULL;
	parts[2].len = report->body_length;
	(void) shm_mq_sendv(answer, parts, lengthof(parts), false, true);
	http_response_free(response);
	proc_exit(0);
}
