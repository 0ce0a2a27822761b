/*-------------------------------------------------------------------------
 *
 * test_http_probe.c
 *	  The HTTP client when it keeps everything for a person to look at.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include "source/http_transfer.h"

#include "http_answers.h"
#include "http_names.h"
#include "http_support.h"

static HttpOptions
keeping_options(void)
{
	HttpOptions options = usual_options();

	options.keep_everything = true;
	return options;
}

/* Steps come in order, and the whole is the whole. */
static void
has_times(const HttpResponse *response, bool is_answered)
{
	const SourceProbe *probe = &response->probe;

	CHECK(probe->connected > 0);
	CHECK(probe->resolved <= probe->connected);
	CHECK_INT(probe->secured, 0);
	CHECK_TEXT(probe->tls_version, "");
	CHECK(probe->total >= probe->connected);
	if (is_answered)
		CHECK(probe->first_byte >= probe->connected &&
			  probe->first_byte <= probe->total);
	else
		CHECK_INT(probe->first_byte, 0);
}

static void
is_at_server(const HttpResponse *response)
{
	char		address[64];

	snprintf(address, sizeof(address), "127.0.0.1:%d", server->port);
	CHECK_TEXT(response->probe.address, address);
}

static void
test_good_answer(void)
{
	HttpOptions options = keeping_options();
	HttpClient *client = create(&options);
	HttpResponse *response;
	char		url[128];

	/* by a name, so that there is something to resolve */
	snprintf(url, sizeof(url), "http://source.test:%d/json", server->port);
	start_url(client, url, NULL, 1);
	response = http_await(client);
	CHECK_INT(response->fault, HTTP_OK);
	CHECK_TEXT(response->body, "{\"a\":1}");
	CHECK(strncmp(response->headers, "HTTP/1.1 200 OK\r\n", 17) == 0);
	CHECK(strstr(response->headers, "\r\nContent-Type: application/json\r\n") != NULL);
	CHECK_INT(response->headers_length, strlen(response->headers));
	CHECK(response->probe.resolved > 0);
	CHECK_INT(response->probe.date, 0);
	has_times(response, true);
	is_at_server(response);
	http_response_free(response);
	http_client_destroy(client);
}

static void
test_date(void)
{
	HttpOptions options = keeping_options();
	HttpClient *client = create(&options);
	HttpResponse *response = fetch(client, "/date", NULL);

	CHECK_INT(response->probe.date, INT64_C(784111777) * 1000000);
	http_response_free(response);
	response = fetch(client, "/date-rubbish", NULL);
	CHECK_INT(response->fault, HTTP_OK);
	CHECK_INT(response->probe.date, 0);
	http_response_free(response);
	http_client_destroy(client);
}

/* Whatever the fault: what came is there. */
static void
test_bodies_of_faults(void)
{
	static const struct
	{
		const char *path;
		HttpFault	fault;
		int			status;
		const char *body;
	}			cases[] =

	{
		{"/429", HTTP_TOO_MANY, 429, "{\"error\":\"slow\"}"},
		{"/401", HTTP_REFUSED, 401, "{}"},
		{"/503", HTTP_STATUS, 503, "upstream connect error"},
		{"/400", HTTP_STATUS, 400, ""},
		{"/redirect", HTTP_STATUS, 302, "{}"},
		{"/html-type", HTTP_REFUSED, 200, "[]"},
		{"/cut", HTTP_UNREACHABLE, 200, "[1,2"},
		{"/429-broken", HTTP_TOO_MANY, 429, "no"},
	};
	HttpOptions options = keeping_options();
	HttpClient *client = create(&options);
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		HttpResponse *response = fetch(client, cases[i].path, NULL);
		char		status_line[32];

		is_integer(response->fault, cases[i].fault, "%s: fault", cases[i].path);
		is_integer(response->status, cases[i].status, "%s: status", cases[i].path);
		is_text(response->body, cases[i].body, "%s: body", cases[i].path);
		is_integer((int64_t) response->length, (int64_t) strlen(cases[i].body),
				   "%s: length", cases[i].path);
		snprintf(status_line, sizeof(status_line), "HTTP/1.1 %d ", cases[i].status);
		ok(strncmp(response->headers, status_line, strlen(status_line)) == 0,
		   "%s: headers", cases[i].path);
		ok(response->error[0] != '\0', "%s: error", cases[i].path);
		http_response_free(response);
	}
	http_client_destroy(client);
}

/* Too much is kept up to the limit, and no further. */
static void
test_too_large(void)
{
	static const char *const paths[] = {"/huge-chunked", "/bomb"};
	HttpOptions options = keeping_options();
	HttpClient *client;
	HttpResponse *response;
	char		error[SOURCE_ERROR_SIZE];
	size_t		i;

	options.max_response = 10000;
	client = create(&options);
	for (i = 0; i < 2; i++)
	{
		response = fetch(client, paths[i], NULL);
		is_integer(response->fault, HTTP_TOO_LARGE, "%s: fault", paths[i]);
		is_integer((int64_t) response->length, 10000, "%s: length", paths[i]);
		is_integer((int64_t) strlen(response->body), 10000, "%s: body", paths[i]);
		http_response_free(response);
	}

	/* a limit that is exactly met is none */
	options.max_response = 7;
	CHECK(http_client_reconfigure(client, &options, error));
	response = fetch(client, "/json", NULL);
	CHECK_INT(response->fault, HTTP_OK);
	http_response_free(response);
	options.max_response = 6;
	CHECK(http_client_reconfigure(client, &options, error));
	response = fetch(client, "/json", NULL);
	CHECK_INT(response->fault, HTTP_TOO_LARGE);
	CHECK_TEXT(response->body, "{\"a\":1");
	http_response_free(response);

	response = fetch(client, "/headers", NULL);
	CHECK_INT(response->fault, HTTP_TOO_LARGE);
	CHECK(response->headers_length <= 64 * 1024);
	http_response_free(response);
	http_client_destroy(client);
}

static void
test_no_answer(void)
{
	HttpOptions options = keeping_options();
	HttpClient *client;
	HttpResponse *response;

	options.timeout_ms = 300;
	client = create(&options);
	response = fetch(client, "/hang", NULL);
	CHECK_INT(response->fault, HTTP_TIMED_OUT);
	CHECK(response->body == NULL || response->length == 0);
	CHECK(response->headers == NULL);
	has_times(response, false);
	http_response_free(response);

	/* nobody listens: the address is told all the same */
	start_url(client, "http://127.0.0.1:1/", NULL, 1);
	response = http_await(client);
	CHECK_INT(response->fault, HTTP_UNREACHABLE);
	CHECK_INT(response->probe.connected, 0);
	CHECK_TEXT(response->probe.address, "127.0.0.1:1");
	http_response_free(response);
	start_url(client, "http://[::1]:1/", NULL, 1);
	response = http_await(client);
	CHECK_TEXT(response->probe.address, "[::1]:1");
	http_response_free(response);

	/* the name does not exist */
	start_url(client, "http://nowhere.test/", NULL, 1);
	response = http_await(client);
	CHECK_INT(response->fault, HTTP_UNREACHABLE);
	CHECK_INT(response->probe.resolved, 0);
	CHECK_TEXT(response->probe.address, "");
	http_response_free(response);
	http_client_destroy(client);
}

/* What libcurl says with OpenSSL and with GnuTLS, and what it does not say. */
static void
test_tls_version(void)
{
	static const struct
	{
		const char *text;
		const char *version;
	}			cases[] =

	{
		{"SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384\n", "TLSv1.3"},
		{"SSL connection using TLS1.2 / ECDHE_RSA_AES_256_GCM\n", "TLS1.2"},
		{"SSL connection using TLSv1.3", "TLSv1.3"},
		{"SSL connection using a name of several words\n", "a"},
		{"SSL connection using /\n", ""},
		{"SSL connection using ", ""},
		{"SSL connection timeout\n", ""},
		{"Server certificate:\n", ""},
	};
	static const char longest[] = "SSL connection using 1234567890123456789\n";
	HttpTransfer transfer;
	HttpResponse response;
	size_t		i;

	memset(&transfer, 0, sizeof(transfer));
	transfer.response = &response;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		copy[128];

		memset(&response, 0, sizeof(response));
		strcpy(copy, cases[i].text);
		http_probe_listen(NULL, CURLINFO_HEADER_IN, copy, strlen(copy), &transfer);
		CHECK_TEXT(response.probe.tls_version, "");
		http_probe_listen(NULL, CURLINFO_TEXT, copy, strlen(copy), &transfer);
		is_text(response.probe.tls_version, cases[i].version, "%zu: TLS version", i);
	}
	memset(&response, 0, sizeof(response));
	http_probe_listen(NULL, CURLINFO_TEXT, (char *) longest, strlen(longest), &transfer);
	CHECK_TEXT(response.probe.tls_version, "123456789012345");
}

/* Sweeps keep nothing: neither memory nor libcurl's chatter. */
static void
test_usual_keeps_nothing(void)
{
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	HttpResponse *response = fetch(client, "/503", NULL);

	CHECK(response->body == NULL);
	CHECK_INT(response->length, 0);
	CHECK(response->headers == NULL);
	CHECK_INT(response->probe.total, 0);
	CHECK_TEXT(response->probe.address, "");
	http_response_free(response);
	http_client_destroy(client);
}

int
main(void)
{
	set_up(answer_path);
	test_good_answer();
	test_date();
	test_bodies_of_faults();
	test_too_large();
	test_no_answer();
	test_tls_version();
	test_usual_keeps_nothing();
	return tear_down();
}
