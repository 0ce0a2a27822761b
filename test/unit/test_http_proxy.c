/*-------------------------------------------------------------------------
 *
 * test_http_proxy.c
 *	  Requests through a proxy, and the file of certificates.
 *
 * The server is the proxy; nothing else of these requests exists.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include "http_support.h"

/* A proxy that lets nobody through, and answers what it is asked for itself. */
static bool
answer_as_proxy(Server *proxy, int fd, const ServerRequest *request)
{
	(void) proxy;
	if (strcmp(request->method, "CONNECT") == 0)
	{
		/* the head comes back as the reason, for the test to look at */
		bool		has_secret = strstr(request->head, CANARY) != NULL;

		server_answer(fd, has_secret ? "418 It saw a header" : "403 Forbidden",
					  "Set-Cookie: a=b\r\nRetry-After: 77\r\n", "no", 2);
		return false;
	}
	return server_answer(fd, "200 OK", "", request->head, strlen(request->head));
}

static HttpResponse *
fetch_url(HttpClient *client, const char *url)
{
	start_url(client, url, NULL, 1);
	return http_await(client);
}

static void
test_plain(void)
{
	HttpOptions options = usual_options();
	HttpClient *client;
	HttpResponse *response;

	options.proxy = url_prefix;
	client = create(&options);
	response = fetch_url(client, "http://source.invalid/board");
	CHECK_INT(response->fault, HTTP_OK);
	CHECK(strncmp(response->body, "GET http://source.invalid/board HTTP/1.1\r\n", 42) == 0);
	http_response_free(response);

	/* it can be taken away while requests are under way, and given */
	options.proxy = "";
	CHECK(http_client_reconfigure(client, &options, (char[SOURCE_ERROR_SIZE]) {0}));
	response = fetch(client, "/direct", NULL);
	CHECK(strncmp(response->body, "GET /direct HTTP/1.1\r\n", 22) == 0);
	http_response_free(response);
	http_client_destroy(client);
}

/* The proxy may live anywhere, the source nowhere but in public. */
static void
test_tunnel(void)
{
	HttpOptions options = usual_options();
	HttpClient *client;
	HttpResponse *response;
	int			requests;

	options.allow_insecure = false;
	options.headers = "X-Team: " CANARY;
	options.proxy = url_prefix;
	client = create(&options);
	response = fetch_url(client, "https://source.invalid/board");
	CHECK_INT(response->fault, HTTP_UNREACHABLE);
	CHECK_INT(response->status, 0);
	CHECK_INT(response->retry_after_ms, -1);
	CHECK(strstr(response->error, "403") != NULL);
	diag("%s", response->error);
	http_response_free(response);

	options.proxy = NULL;
	CHECK(http_client_reconfigure(client, &options, (char[SOURCE_ERROR_SIZE]) {0}));
	requests = atomic_load(&server->requests);
	response = fetch_url(client, "https://127.0.0.1:1/board");
	CHECK_INT(response->fault, HTTP_UNREACHABLE);
	CHECK(strstr(response->error, "not a public one") != NULL);
	CHECK_INT(atomic_load(&server->requests), requests);
	http_response_free(response);
	http_client_destroy(client);
}

/* What the environment says counts for nothing. */
static void
test_environment(void)
{
	static const char *const names[] = {
		"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"
	};
	HttpOptions options = usual_options();
	HttpClient *client;
	HttpResponse *response;
	size_t		i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		setenv(names[i], "http://127.0.0.1:1", 1);
	client = create(&options);
	response = fetch(client, "/direct", NULL);
	CHECK_INT(response->fault, HTTP_OK);
	http_response_free(response);
	http_client_destroy(client);

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	setenv("no_proxy", "*", 1);
	setenv("NO_PROXY", "source.invalid", 1);
	options.proxy = url_prefix;
	client = create(&options);
	response = fetch_url(client, "http://source.invalid/board");
	CHECK_INT(response->fault, HTTP_OK);
	http_response_free(response);
	http_client_destroy(client);
	unsetenv("no_proxy");
	unsetenv("NO_PROXY");
}

static void
test_no_proxy_there(void)
{
	HttpOptions options = usual_options();
	HttpClient *client;
	HttpResponse *response;

	options.proxy = "http://127.0.0.1:1";
	client = create(&options);
	response = fetch_url(client, "http://source.invalid/board");
	CHECK_INT(response->fault, HTTP_UNREACHABLE);
	CHECK(response->error[0] != '\0');
	http_response_free(response);
	options.proxy = "http://nowhere.invalid:3128";
	CHECK(http_client_reconfigure(client, &options, (char[SOURCE_ERROR_SIZE]) {0}));
	response = fetch_url(client, "http://source.invalid/board");
	CHECK_INT(response->fault, HTTP_UNREACHABLE);
	CHECK(strstr(response->error, "proxy") != NULL);
	http_response_free(response);
	http_client_destroy(client);
}

/* One that is not there, and one that holds no certificate. */
static void
test_certificates(void)
{
	static const char *const files[] = {"/nonexistent/ca.pem", "/dev/null"};
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	HttpResponse *response;
	char		url[128];
	size_t		i;

	snprintf(url, sizeof(url), "https%s/board", url_prefix + strlen("http"));
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
	{
		options.ca_file = files[i];
		CHECK(http_client_reconfigure(client, &options, (char[SOURCE_ERROR_SIZE]) {0}));
		response = fetch_url(client, url);
		CHECK_INT(response->fault, HTTP_UNREACHABLE);
		CHECK(strstr(response->error, "vnstream.ca_file") != NULL);
		CHECK(strstr(response->error, files[i]) != NULL);
		http_response_free(response);
	}

	/* without it, the server is only not one with TLS */
	options.ca_file = "";
	CHECK(http_client_reconfigure(client, &options, (char[SOURCE_ERROR_SIZE]) {0}));
	response = fetch_url(client, url);
	CHECK_INT(response->fault, HTTP_UNREACHABLE);
	CHECK(strstr(response->error, "ca_file") == NULL);
	http_response_free(response);
	http_client_destroy(client);
}

int
main(void)
{
	set_up(answer_as_proxy);
	test_plain();
	test_tunnel();
	test_environment();
	test_no_proxy_there();
	test_certificates();
	return tear_down();
}
