/*-------------------------------------------------------------------------
 *
 * http.c
 *	  Several HTTP requests in flight, without ever waiting inside libcurl.
 *
 * libcurl tells through two callbacks which sockets it waits for and until
 * when; the caller waits for them together with its own events, and
 * http_client_drive() hands the readiness back to libcurl.  The callbacks only
 * take notes: they start, free and raise nothing.
 *
 * The life of a request:
 *
 *		idle -> http_client_request() -> running -> collect_finished() ->
 *		its response is in client->ready -> http_client_take()
 *
 * The response is allocated when the request starts, so that finishing cannot
 * fail for memory.  The easy handle stays with its transfer for the next
 * request; the open connection stays with the multi handle.
 *
 *-------------------------------------------------------------------------
 */
#include "source/http.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "source/http_check.h"
#include "source/http_transfer.h"

/* When the table of sockets is full, libcurl is asked itself so often. */
#define BLIND_INTERVAL_MS 20

struct HttpClient
{
	CURLM	   *multi;
	HttpConfig *config;
	HttpTransfer transfers[HTTP_MAX_IN_FLIGHT];
	int			in_flight;
	size_t		held;			/* bytes of bodies, in transfers and in ready */
	HttpSocket	sockets[HTTP_MAX_SOCKETS];
	int			socket_count;
	bool		is_blind;		/* libcurl waits for sockets not in the table */
	int64_t		wake_at;		/* µs, monotonic; -1: libcurl has no timer */
	uint64_t	next_tag;
	HttpResponse *ready;		/* oldest first */
	HttpResponse **ready_end;
};

static int64_t
monotonic_us(void)
{
	return http_clock_us(CLOCK_MONOTONIC);
}

int64_t
http_clock_ms(void)
{
	return monotonic_us() / 1000;
}

bool
http_may_pass(HttpFault fault, long status)
{
	switch (fault)
	{
		case HTTP_UNREACHABLE:
		case HTTP_TIMED_OUT:
		case HTTP_UNREADABLE:
			return true;
		case HTTP_STATUS:
			return status >= 500 || status == 408;
		case HTTP_OK:
		case HTTP_REFUSED:
		case HTTP_TOO_MANY:
		case HTTP_TOO_LARGE:
			break;
	}
	return false;
}

uint32_t
http_random(void)
{
	uint64_t	mix = (uint64_t) monotonic_us() ^ (uint64_t) getpid() << 32;

	mix *= UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t) (mix >> 33);
}

long
http_repeat_delay(void)
{
	return 250 + (long) (http_random() % 500);
}

/*
 * Threads start with the mask of the thread that starts them.  Faults of the
 * processor stay deliverable: blocked, they would kill without a trace.
 */
static void
block_signals(sigset_t *saved)
{
	sigset_t	mask;

	sigfillset(&mask);
	sigdelset(&mask, SIGSEGV);
	sigdelset(&mask, SIGBUS);
	sigdelset(&mask, SIGFPE);
	sigdelset(&mask, SIGILL);
	pthread_sigmask(SIG_BLOCK, &mask, saved);
}

static void
restore_signals(const sigset_t *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}

/* ----------------------------------------------------------------
 *		What libcurl calls
 * ----------------------------------------------------------------
 */

static HttpSocket *
find_socket(HttpClient *client, curl_socket_t fd)
{
	int			i;

	for (i = 0; i < client->socket_count; i++)
		if (client->sockets[i].fd == fd)
			return &client->sockets[i];
	return NULL;
}

static int
socket_changed(CURL *easy, curl_socket_t fd, int what, void *context, void *data)
{
	HttpClient *client = context;
	HttpSocket *known = find_socket(client, fd);

	(void) easy;
	(void) data;
	if (what == CURL_POLL_REMOVE)
	{
		if (known != NULL)
			*known = client->sockets[--client->socket_count];
		return 0;
	}
	if (known == NULL)
	{
		if (client->socket_count == HTTP_MAX_SOCKETS)
		{
			client->is_blind = true;
			return 0;
		}
		known = &client->sockets[client->socket_count++];
		memset(known, 0, sizeof(HttpSocket));
		known->fd = fd;
	}
	known->wants_read = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
	known->wants_write = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
	return 0;
}

static int
timer_changed(CURLM *multi, long timeout_ms, void *context)
{
	HttpClient *client = context;

	(void) multi;
	client->wake_at = timeout_ms < 0 ? -1 :
		monotonic_us() + (int64_t) timeout_ms * 1000;
	return 0;
}

/* ----------------------------------------------------------------
 *		From running to ready
 * ----------------------------------------------------------------
 */

static void
stop_transfer(HttpClient *client, HttpTransfer *transfer)
{
	curl_multi_remove_handle(client->multi, transfer->easy);
	http_transfer_release(transfer);
	client->in_flight--;
}

static void
finish_transfer(HttpClient *client, HttpTransfer *transfer, CURLcode code)
{
	HttpResponse *response = transfer->response;

	http_transfer_judge(transfer, code);
	transfer->response = NULL;
	stop_transfer(client, transfer);
	*client->ready_end = response;
	client->ready_end = &response->next;
}

static void
collect_finished(HttpClient *client)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(client->multi, &left)) != NULL)
	{
		HttpTransfer *transfer = NULL;
		CURLcode	code = message->data.result;

		/* Removing the handle frees the message. */
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
		finish_transfer(client, transfer, code);
	}
}

/* libcurl itself is in trouble; without this, requests would never end. */
static void
fail_all(HttpClient *client, CURLMcode code)
{
	int			i;

	for (i = 0; i < HTTP_MAX_IN_FLIGHT; i++)
	{
		HttpTransfer *transfer = &client->transfers[i];

		if (transfer->config == NULL)
			continue;
		snprintf(transfer->curl_error, sizeof(transfer->curl_error), "%s",
				 curl_multi_strerror(code));
		finish_transfer(client, transfer, CURLE_FAILED_INIT);
	}
}

/* ----------------------------------------------------------------
 *		The client
 * ----------------------------------------------------------------
 */

static bool
init_library(char *error)
{
	static bool is_done = false;

	if (!is_done && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
	{
		snprintf(error, SOURCE_ERROR_SIZE, "libcurl cannot be initialized");
		return false;
	}
	is_done = true;
	return true;
}

/* As many idle connections as requests can be in flight. */
static void
limit_connections(HttpClient *client)
{
	curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS,
					  (long) client->config->max_in_flight);
}

/*
 * libcurl's process-wide state is made here, by the worker that first needs
 * it, and not in _PG_init: what OpenSSL and libcurl set up in the postmaster
 * would be shared by all its children through fork().
 */
HttpClient *
http_client_create(const HttpOptions *options, char *error)
{
	HttpClient *client;
	sigset_t	saved;

	if (!init_library(error))
		return NULL;
	client = calloc(1, sizeof(HttpClient));
	if (client == NULL)
	{
		snprintf(error, SOURCE_ERROR_SIZE, "out of memory");
		return NULL;
	}
	client->ready_end = &client->ready;
	client->wake_at = -1;
	client->next_tag = 1;
	client->config = http_config_create(options, error);
	if (client->config == NULL)
	{
		free(client);
		return NULL;
	}
	block_signals(&saved);
	client->multi = curl_multi_init();
	restore_signals(&saved);
	if (client->multi == NULL)
	{
		snprintf(error, SOURCE_ERROR_SIZE, "out of memory");
		http_config_release(client->config);
		free(client);
		return NULL;
	}
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, timer_changed);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_PIPELINING,
					  (long) CURLPIPE_NOTHING);
#if LIBCURL_VERSION_NUM >= 0x081400
	/* As CURLOPT_QUICK_EXIT for a request, so this for the end of the client. */
	curl_multi_setopt(client->multi, CURLMOPT_QUICK_EXIT, 1L);
#endif
	limit_connections(client);
	return client;
}

bool
http_client_reconfigure(HttpClient *client, const HttpOptions *options,
						char *error)
{
	HttpConfig *config = http_config_create(options, error);

	if (config == NULL)
		return false;
	http_config_release(client->config);
	client->config = config;
	limit_connections(client);
	return true;
}

void
http_client_destroy(HttpClient *client)
{
	sigset_t	saved;
	int			i;

	if (client == NULL)
		return;
	http_client_cancel_all(client);
	block_signals(&saved);
	for (i = 0; i < HTTP_MAX_IN_FLIGHT; i++)
		if (client->transfers[i].easy != NULL)
			curl_easy_cleanup(client->transfers[i].easy);
	curl_multi_cleanup(client->multi);
	restore_signals(&saved);
	http_config_release(client->config);
	free(client);
}

static HttpTransfer *
find_idle_transfer(HttpClient *client)
{
	int			i;

	for (i = 0; client->transfers[i].config != NULL; i++)
		;
	return &client->transfers[i];
}

bool
http_client_request(HttpClient *client, const SourceRequest *request,
					uint64_t tag, char *error)
{
	HttpTransfer *transfer;
	const char *problem;
	sigset_t	saved;

	if (!http_client_has_room(client))
	{
		snprintf(error, SOURCE_ERROR_SIZE, "%d requests are in flight already",
				 client->in_flight);
		return false;
	}
	if (!http_check_url(request->url, client->config->allow_insecure, error))
		return false;

	transfer = find_idle_transfer(client);
	block_signals(&saved);
	problem = http_transfer_prepare(transfer, client->config, &client->held,
									request, tag);
	if (problem == NULL)
	{
		CURLMcode	code = curl_multi_add_handle(client->multi, transfer->easy);

		if (code == CURLM_OK)
			client->in_flight++;
		else
		{
			problem = curl_multi_strerror(code);
			http_transfer_release(transfer);
		}
	}
	restore_signals(&saved);
	if (problem != NULL)
		snprintf(error, SOURCE_ERROR_SIZE, "%s could not be started: %s",
				 transfer->target, problem);
	return problem == NULL;
}

int
http_client_in_flight(const HttpClient *client)
{
	return client->in_flight;
}

bool
http_client_has_room(const HttpClient *client)
{
	return client->in_flight < client->config->max_in_flight;
}

uint64_t
http_client_reserve_tags(HttpClient *client, uint64_t count)
{
	uint64_t	first = client->next_tag;

	client->next_tag += count;
	return first;
}

void
http_client_cancel_all(HttpClient *client)
{
	HttpResponse *response;
	sigset_t	saved;
	int			i;

	block_signals(&saved);
	for (i = 0; i < HTTP_MAX_IN_FLIGHT; i++)
	{
		HttpTransfer *transfer = &client->transfers[i];

		if (transfer->config != NULL)
			stop_transfer(client, transfer);
	}
	restore_signals(&saved);
	while ((response = http_client_take(client)) != NULL)
		http_response_free(response);
}

int
http_client_sockets(HttpClient *client, HttpSocket *sockets)
{
	int			count = 0;
	int			i;

	for (i = 0; i < client->socket_count; i++)
		if (client->sockets[i].wants_read || client->sockets[i].wants_write)
			sockets[count++] = client->sockets[i];
	return count;
}

long
http_client_timeout(const HttpClient *client)
{
	int64_t		wait;

	if (client->wake_at < 0)
		return client->is_blind ? BLIND_INTERVAL_MS : -1;

	/* Rounded up: a wait that ends early would only be repeated. */
	wait = (client->wake_at - monotonic_us() + 999) / 1000;
	if (wait < 0)
		wait = 0;
	if (client->is_blind && wait > BLIND_INTERVAL_MS)
		wait = BLIND_INTERVAL_MS;
	return (long) wait;
}

void
http_client_drive(HttpClient *client, const HttpSocket *sockets, int count)
{
	CURLMcode	trouble = CURLM_OK;
	CURLMcode	code;
	sigset_t	saved;
	int			running;
	int			i;

	block_signals(&saved);

	/* Collected after each step, because received_at is taken there. */
	for (i = 0; i < count; i++)
	{
		int			mask = (sockets[i].is_readable ? CURL_CSELECT_IN : 0) |
			(sockets[i].is_writable ? CURL_CSELECT_OUT : 0);

		/* One step may close another's socket. */
		if (mask == 0 || find_socket(client, sockets[i].fd) == NULL)
			continue;
		code = curl_multi_socket_action(client->multi, sockets[i].fd, mask,
										&running);
		if (code != CURLM_OK && code != CURLM_BAD_SOCKET)
			trouble = code;
		collect_finished(client);
	}
	if (client->wake_at >= 0 && client->wake_at <= monotonic_us())
	{
		/* libcurl sets the next one from within the call. */
		client->wake_at = -1;
		code = curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0,
										&running);
		if (code != CURLM_OK)
			trouble = code;
		collect_finished(client);
	}
	if (client->is_blind)
	{
		code = curl_multi_perform(client->multi, &running);
		if (code != CURLM_OK)
			trouble = code;
		collect_finished(client);
		client->is_blind = client->in_flight > 0;
	}
	if (trouble != CURLM_OK)
		fail_all(client, trouble);
	restore_signals(&saved);
}

HttpResponse *
http_client_take(HttpClient *client)
{
	HttpResponse *response = client->ready;

	if (response == NULL)
		return NULL;
	client->held -= response->length;
	client->ready = response->next;
	if (client->ready == NULL)
		client->ready_end = &client->ready;
	response->next = NULL;
	return response;
}

void
http_response_free(HttpResponse *response)
{
	if (response == NULL)
		return;
	free(response->body);
	free(response->headers);
	free(response);
}
