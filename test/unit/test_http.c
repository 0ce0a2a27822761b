/*-------------------------------------------------------------------------
 *
 * test_http.c
 *	  The HTTP client with a server that does as it should.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include "http_answers.h"
#include "http_names.h"
#include "http_support.h"

static void
test_request(void)
{
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	int64_t		before = now_us();
	HttpResponse *response;
	int			i;

	CHECK(http_client_take(client) == NULL);
	CHECK_INT(http_client_timeout(client), -1);
	start(client, "/echo?group=VN30", "{\"symbols\":[\"VCB\"]}", 77);
	CHECK_INT(http_client_in_flight(client), 1);
	CHECK(http_client_take(client) == NULL);
	while (http_client_in_flight(client) > 0)
		http_wait(client, -1);

	/* Who cannot take a response yet must be able to sleep meanwhile. */
	for (i = 0; i < 100 && http_client_timeout(client) == 0; i++)
		http_wait(client, 0);
	CHECK(http_client_timeout(client) != 0);
	response = http_client_take(client);
	CHECK_INT(response->tag, 77);
	CHECK_INT(response->fault, HTTP_OK);
	CHECK_INT(response->status, 200);
	CHECK_TEXT(response->error, "");
	CHECK_INT(response->retry_after_ms, -1);
	CHECK_INT(response->length, strlen(response->body));
	CHECK(response->received_at >= before && response->received_at <= now_us());
	CHECK(response->duration >= 0);
	CHECK(strncmp(response->body, "POST /echo?group=VN30 HTTP/1.1\r\n", 32) == 0);
	CHECK(strstr(response->body, "\r\nContent-Type: application/json\r\n") != NULL);
	CHECK(strstr(response->body, "\r\nAccept: application/json\r\n") != NULL);
	CHECK(strstr(response->body, "\r\nUser-Agent: vnstock_stream/test\r\n") != NULL);
	CHECK(strstr(response->body, "\r\nAccept-Encoding: gzip, deflate\r\n") != NULL);
	CHECK(strstr(response->body, "\n{\"symbols\":[\"VCB\"]}") != NULL);
	CHECK(strstr(response->body, "Expect:") == NULL);
	http_response_free(response);

	response = fetch(client, "/echo", NULL);
	CHECK(strncmp(response->body, "GET /echo HTTP/1.1\r\n", 20) == 0);
	CHECK(strstr(response->body, "\r\nContent-Type: application/json\r\n") != NULL);

	/* Nothing of the POST before, and no cookie that it was given. */
	CHECK(strstr(response->body, "Content-Length") == NULL);
	CHECK(strstr(response->body, "symbols") == NULL);
	CHECK(strcasestr(response->body, "\nCookie") == NULL);
	http_response_free(response);
	http_client_destroy(client);
}

static void
test_headers(void)
{
	HttpOptions options = usual_options();
	HttpClient *client;
	HttpResponse *response;

	options.headers = " accept: application/json, text/plain, */* \n\n"
		"Referer: https://trading.vietcap.com.vn/\\nDNT: 1";
	client = create(&options);
	response = fetch(client, "/echo", NULL);
	CHECK(strstr(response->body,
				 "\r\naccept: application/json, text/plain, */*\r\n") != NULL);
	CHECK(strstr(response->body, "\r\nAccept: ") == NULL);
	CHECK(strstr(response->body, "\r\nContent-Type: application/json\r\n") != NULL);
	CHECK(strstr(response->body,
				 "\r\nReferer: https://trading.vietcap.com.vn/\r\n") != NULL);
	CHECK(strstr(response->body, "\r\nDNT: 1\r\n") != NULL);
	http_response_free(response);
	http_client_destroy(client);
}

/* A source's own headers: over those of every request, under the settings'. */
static void
test_source_headers(void)
{
	static const char *const headers[] = {
		"x-lang: vi", "Accept: text/json", "Referer: https://source.example/", NULL
	};
	HttpOptions options = usual_options();
	char		url[256];
	char		error[SOURCE_ERROR_SIZE];
	SourceRequest request = {.url = url,.headers = headers};
	SourceRequest plain = {.url = url};
	HttpClient *client;
	HttpResponse *response;

	snprintf(url, sizeof(url), "%s/echo", url_prefix);
	options.headers = "referer: https://desk.example/";
	client = create(&options);
	CHECK(http_client_request(client, &request, 1, error));
	response = http_await(client);
	CHECK(strstr(response->body, "\r\nx-lang: vi\r\n") != NULL);
	CHECK(strstr(response->body, "\r\nAccept: text/json\r\n") != NULL);
	CHECK(strstr(response->body, "Accept: application/json") == NULL);
	CHECK(strstr(response->body, "\r\nContent-Type: application/json\r\n") != NULL);
	CHECK(strstr(response->body, "\r\nreferer: https://desk.example/\r\n") != NULL);
	CHECK(strstr(response->body, "source.example") == NULL);
	http_response_free(response);

	/* the next request, of another source, has none of them */
	CHECK(http_client_request(client, &plain, 2, error));
	response = http_await(client);
	CHECK(strstr(response->body, "x-lang") == NULL);
	CHECK(strstr(response->body, "\r\nAccept: application/json\r\n") != NULL);
	http_response_free(response);
	http_client_destroy(client);
}

static void
test_encodings(void)
{
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	HttpResponse *response = fetch(client, "/gzip", NULL);

	CHECK_INT(response->fault, HTTP_OK);
	CHECK_TEXT(response->body, "{\"zipped\":true}");
	CHECK_INT(response->length, 15);
	http_response_free(response);
	response = fetch(client, "/gzip-chunked", NULL);
	CHECK_INT(response->fault, HTTP_OK);
	CHECK_TEXT(response->body, "{\"zipped\":true}");
	http_response_free(response);
	response = fetch(client, "/chunked", NULL);
	CHECK_INT(response->fault, HTTP_OK);
	CHECK_TEXT(response->body, "00\n11\n22\n33\n44\n");
	http_response_free(response);
	response = fetch(client, "/created", NULL);
	CHECK_INT(response->fault, HTTP_OK);
	CHECK_INT(response->status, 201);
	http_response_free(response);
	response = fetch(client, "/nothing", NULL);
	CHECK_INT(response->fault, HTTP_OK);
	CHECK_TEXT(response->body, "");
	CHECK_INT(response->length, 0);
	http_response_free(response);
	http_client_destroy(client);
}

/* Two sweeps of many requests need as many connections as are in flight. */
static void
test_keep_alive(void)
{
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	int			connections = atomic_load(&server->connections);
	int			requests = atomic_load(&server->requests);
	int			sweep;

	atomic_store(&server->most_active, 0);
	for (sweep = 0; sweep < 2; sweep++)
	{
		HttpResponse *response;
		int			started = 0;
		int			finished = 0;

		while (finished < 12)
		{
			while (started < 12 && http_client_has_room(client))
				start(client, "/slow", "{}", (uint64_t) started++);
			response = http_await(client);
			CHECK_INT(response->fault, HTTP_OK);
			http_response_free(response);
			finished++;
		}
	}
	CHECK_INT(atomic_load(&server->requests) - requests, 24);
	CHECK_INT(atomic_load(&server->connections) - connections, 4);
	CHECK(atomic_load(&server->most_active) <= 4);
	http_client_destroy(client);
}

static void
test_room(void)
{
	HttpOptions options = usual_options();
	HttpClient *client;
	SourceRequest request = {0};
	char		url[128];
	char		error[SOURCE_ERROR_SIZE] = "";
	int			i;

	options.max_in_flight = 3;
	client = create(&options);
	snprintf(url, sizeof(url), "%s/hang", url_prefix);
	request.url = url;
	for (i = 0; i < 3; i++)
		start(client, "/hang", NULL, (uint64_t) i);
	CHECK(!http_client_has_room(client));
	CHECK(!http_client_request(client, &request, 4, error));
	CHECK(strstr(error, "in flight") != NULL);
	CHECK_INT(http_client_in_flight(client), 3);

	/* All three are there, and none of them is afterwards. */
	for (i = 0; i < 20; i++)
		http_wait(client, 5);
	http_client_cancel_all(client);
	CHECK_INT(http_client_in_flight(client), 0);
	CHECK(http_client_take(client) == NULL);
	CHECK(http_await(client) == NULL);
	fetch_well(client);

	/* A finished response that nobody took is given up, too. */
	start(client, "/json", NULL, 9);
	while (http_client_in_flight(client) > 0)
		http_wait(client, -1);
	http_client_cancel_all(client);
	CHECK(http_client_take(client) == NULL);
	CHECK(http_client_reserve_tags(client, 5) + 5 ==
		  http_client_reserve_tags(client, 1));
	http_client_destroy(client);
}

/* The server closes a connection after an answer; the next request must not see it. */
static void
test_closed_connection(void)
{
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	int			i;

	for (i = 0; i < 20; i++)
	{
		HttpResponse *response = fetch(client, "/close", "{}");

		CHECK_INT(response->fault, HTTP_OK);
		http_response_free(response);
	}
	http_client_destroy(client);
}

static void
test_signals(void)
{
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	HttpResponse *response;
	sigset_t	before;
	sigset_t	after;
	unsigned long long mask;
	char		url[64];
	int			number;

	sigemptyset(&before);
	sigaddset(&before, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	atomic_store(&resolver_mask, 0);
	snprintf(url, sizeof(url), "http://source.test:%d/json", server->port);
	start_url(client, url, NULL, 1);
	response = http_await(client);
	CHECK_INT(response->fault, HTTP_OK);
	http_response_free(response);
	http_client_destroy(client);

	/* The C library keeps 32 and 33 for itself. */
	mask = atomic_load(&resolver_mask);
	for (number = 1; number < 32; number++)
	{
		bool		is_blocked = mask >> (number - 1) & 1;
		bool		should_be = number != SIGKILL && number != SIGSTOP &&
			number != SIGSEGV && number != SIGBUS && number != SIGFPE &&
			number != SIGILL;

		if (is_blocked != should_be)
			diag("signal %d is %sblocked on the resolver's thread",
				 number, is_blocked ? "" : "not ");
		CHECK(is_blocked == should_be);
	}

	/* Ours is as it was. */
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (number = 1; number < 32; number++)
		CHECK_INT(sigismember(&after, number), number == SIGUSR2);
	sigemptyset(&before);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/*
 * Name servers that do not answer hold up nothing: neither the timeout, nor
 * giving up, nor the end of the client.  Without that, this would wait until
 * the alarm.
 */
static void
test_hanging_resolver(void)
{
	struct timespec step = {0, 2000000};
	HttpOptions options = usual_options();
	HttpClient *client;
	HttpResponse *response;
	char		error[SOURCE_ERROR_SIZE] = "";
	int			before;

	atomic_store(&resolver_hangs, true);
	options.timeout_ms = 200;
	client = create(&options);
	start_url(client, "http://hang.test/", NULL, 1);
	response = http_await(client);
	CHECK_INT(response->fault, HTTP_TIMED_OUT);
	http_response_free(response);
	before = atomic_load(&resolving);
	CHECK(before > 0);

	options.timeout_ms = 60000;
	CHECK(http_client_reconfigure(client, &options, error));
	start_url(client, "http://hang.test/", NULL, 2);
	while (atomic_load(&resolving) == before)
		http_wait(client, 5);
	http_client_cancel_all(client);
	fetch_well(client);

	start_url(client, "http://hang.test/", NULL, 3);
	before = atomic_load(&resolving);
	while (atomic_load(&resolving) == before)
		http_wait(client, 5);
	http_client_destroy(client);
	CHECK(atomic_load(&resolving) > before);
	atomic_store(&resolver_hangs, false);
	while (atomic_load(&resolving) > 0)
		nanosleep(&step, NULL);

	/* Let the threads free what is theirs, for the leak checker's sake. */
	usleep(50000);
}

static void
test_reconfigure(void)
{
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	HttpResponse *response;
	char		error[SOURCE_ERROR_SIZE] = "";
	char		agent[] = "second/2";

	start(client, "/echo", NULL, 1);
	options.user_agent = agent;
	options.headers = "X-Second: yes";
	options.max_in_flight = 1;
	CHECK(http_client_reconfigure(client, &options, error));
	memset(agent, 'x', strlen(agent));
	CHECK(!http_client_has_room(client));
	response = http_await(client);
	CHECK(strstr(response->body, "vnstock_stream/test") != NULL);
	CHECK(strstr(response->body, "X-Second") == NULL);
	http_response_free(response);
	response = fetch(client, "/echo", NULL);
	CHECK(strstr(response->body, "second/2") != NULL);
	CHECK(strstr(response->body, "X-Second: yes") != NULL);
	http_response_free(response);

	/* Unusable ones change nothing. */
	options.headers = "no colon";
	CHECK(!http_client_reconfigure(client, &options, error));
	CHECK(strstr(error, "colon") != NULL);
	response = fetch(client, "/echo", NULL);
	CHECK(strstr(response->body, "X-Second: yes") != NULL);
	http_response_free(response);
	http_client_destroy(client);
}

/* A thousand requests of all kinds leave nothing open. */
static void
test_open_files(void)
{
	static const char *const paths[] = {
		"/json", "/gzip", "/503", "/reset", "/close", "/bomb", "/json", "/cut",
	};
	HttpOptions options = usual_options();
	int			before;
	int			most = 0;
	int			started = 0;
	int			finished = 0;
	int			i;
	HttpClient *client;
	HttpResponse *response;

	options.max_in_flight = 8;

	/* What libcurl and OpenSSL open once for good. */
	client = create(&options);
	fetch_well(client);
	http_client_destroy(client);
	for (i = 0; i < 500; i++)
	{
		int			now = count_open_files();

		usleep(10000);
		if (now == count_open_files() && i > 10)
			break;
	}
	before = count_open_files();

	client = create(&options);
	while (finished < 1000)
	{
		while (started < 1000 && http_client_has_room(client))
		{
			int			now = count_open_files();

			start(client, paths[started % 8], NULL, (uint64_t) started);
			most = now > most ? now : most;
			started++;
		}
		response = http_await(client);
		http_response_free(response);
		finished++;
	}

	/* Both ends of eight connections, and the server's that are closing. */
	CHECK(most <= before + 100);
	http_client_destroy(client);
	for (i = 0; i < 500 && count_open_files() > before; i++)
		usleep(10000);
	CHECK_INT(count_open_files(), before);
}

int
main(void)
{
	set_up(answer_path);
	test_request();
	test_headers();
	test_source_headers();
	test_encodings();
	test_keep_alive();
	test_room();
	test_closed_connection();
	test_signals();
	test_hanging_resolver();
	test_reconfigure();
	test_open_files();
	return tear_down();
}
