/*-------------------------------------------------------------------------
 *
 * http_support.h
 *	  What the tests of the HTTP client and its users have in common.
 *
 * The client is driven with poll(2), as workers do with a WaitEventSet.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TEST_HTTP_SUPPORT_H
#define TEST_HTTP_SUPPORT_H

#include <dirent.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "source/http.h"

#include "http_server.h"
#include "test.h"

/* A result that is named by what it looks at. */
#define CHECK(condition) \
	ok(condition, "%s: %s", __func__, #condition)
#define CHECK_INT(got, expected) \
	is_integer((int64_t) (got), (int64_t) (expected), "%s: %s", __func__, #got)
#define CHECK_TEXT(got, expected) \
	is_text(got, expected, "%s: %s", __func__, #got)

/* Stands in queries and passwords; no error may have it. */
#define CANARY "canary4711"

static Server *server;
static char url_prefix[64];

/* One wait of at most limit_ms (-1: as long as it takes), and one drive. */
static SERVER_UNUSED void
http_wait(HttpClient *client, long limit_ms)
{
	HttpSocket	sockets[HTTP_MAX_SOCKETS];
	struct pollfd fds[HTTP_MAX_SOCKETS];
	int			count = http_client_sockets(client, sockets);
	long		timeout = http_client_timeout(client);
	int			i;

	for (i = 0; i < count; i++)
	{
		fds[i].fd = sockets[i].fd;
		fds[i].events = (short) ((sockets[i].wants_read ? POLLIN : 0) |
								 (sockets[i].wants_write ? POLLOUT : 0));
		fds[i].revents = 0;
	}
	if (timeout < 0 || (limit_ms >= 0 && limit_ms < timeout))
		timeout = limit_ms;
	poll(fds, (nfds_t) count, (int) timeout);
	for (i = 0; i < count; i++)
	{
		short		trouble = fds[i].revents & (POLLERR | POLLHUP | POLLNVAL);

		sockets[i].is_readable = sockets[i].wants_read &&
			((fds[i].revents & POLLIN) || trouble);
		sockets[i].is_writable = sockets[i].wants_write &&
			((fds[i].revents & POLLOUT) || trouble);
	}
	http_client_drive(client, sockets, count);
}

/* The next response, or NULL where none is to come. */
static SERVER_UNUSED HttpResponse *
http_await(HttpClient *client)
{
	HttpResponse *response;

	while ((response = http_client_take(client)) == NULL &&
		   http_client_in_flight(client) > 0)
		http_wait(client, -1);
	return response;
}

static SERVER_UNUSED HttpOptions
usual_options(void)
{
	HttpOptions options = {
		.user_agent = "vnstock_stream/test",
		.headers = "",
		.timeout_ms = 20000,
		.max_response = 1000000,
		.allow_insecure = true,
		.max_in_flight = 4
	};

	return options;
}

static SERVER_UNUSED HttpClient *
create(const HttpOptions *options)
{
	char		error[SOURCE_ERROR_SIZE] = "";
	HttpClient *client = http_client_create(options, error);

	if (client == NULL)
	{
		diag("http_client_create: %s", error);
		exit(1);
	}
	return client;
}

/* Starts a request; one that cannot start ends the test. */
static SERVER_UNUSED void
start_url(HttpClient *client, const char *url, const char *body, uint64_t tag)
{
	SourceRequest request = {0};
	char		error[SOURCE_ERROR_SIZE] = "";

	request.url = strdup(url);
	request.body = body != NULL ? strdup(body) : NULL;
	if (!http_client_request(client, &request, tag, error))
	{
		diag("http_client_request(%s): %s", url, error);
		exit(1);
	}

	/* The client keeps nothing of the caller's. */
	memset(request.url, 'x', strlen(request.url));
	free(request.url);
	if (request.body != NULL)
		memset(request.body, 'x', strlen(request.body));
	free(request.body);
}

static SERVER_UNUSED void
start(HttpClient *client, const char *path, const char *body, uint64_t tag)
{
	char		url[512];

	snprintf(url, sizeof(url), "%s%s", url_prefix, path);
	start_url(client, url, body, tag);
}

static SERVER_UNUSED HttpResponse *
fetch(HttpClient *client, const char *path, const char *body)
{
	start(client, path, body, 1);
	return http_await(client);
}

/* One GET that must succeed. */
static SERVER_UNUSED void
fetch_well(HttpClient *client)
{
	HttpResponse *response = fetch(client, "/json", NULL);

	CHECK_INT(response->fault, HTTP_OK);
	CHECK_TEXT(response->body, "{\"a\":1}");
	http_response_free(response);
}

static SERVER_UNUSED int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static SERVER_UNUSED int
count_open_files(void)
{
	DIR		   *directory = opendir("/proc/self/fd");
	int			count = 0;

	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

static SERVER_UNUSED bool
is_one_printable_line(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < 0x20 || *text > 0x7e)
			return false;
	return true;
}

/* Around the tests.  Nothing in them may hang for longer than the alarm. */
static SERVER_UNUSED void
set_up(ServerHandler handler)
{
	signal(SIGPIPE, SIG_IGN);
	alarm(120);
	server = server_start(handler);
	snprintf(url_prefix, sizeof(url_prefix), "http://127.0.0.1:%d",
			 server->port);
}

static SERVER_UNUSED int
tear_down(void)
{
	server_stop(server);
	return done_testing();
}

#endif							/* TEST_HTTP_SUPPORT_H */
