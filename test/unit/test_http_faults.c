/*-------------------------------------------------------------------------
 *
 * test_http_faults.c
 *	  What the HTTP client makes of servers that fail, refuse and attack.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include "http_answers.h"
#include "http_names.h"
#include "http_support.h"

static const struct
{
	const char *path;
	HttpFault	fault;
	long		status;
	long		retry_after_ms;
	const char *error;			/* a part of it */
}			faults[] =

{
	{"/401", HTTP_REFUSED, 401, -1, "refused with status 401"},
	{"/403", HTTP_REFUSED, 403, -1,
	"\"<!DOCTYPE html> <title>Just a moment...</title> ?? and a great deal more of s...\""},
	{"/html", HTTP_REFUSED, 200, -1, "a web page instead of JSON"},
	{"/html-type", HTTP_REFUSED, 200, -1, "a web page instead of JSON"},
	{"/html-as-json", HTTP_REFUSED, 200, -1, "a web page instead of JSON"},
	{"/429", HTTP_TOO_MANY, 429, -1, "status 429: \"{\"error\":\"slow\"}\""},
	{"/429-seconds", HTTP_TOO_MANY, 429, 17000, "wait 17 s"},
	{"/429-much", HTTP_TOO_MANY, 429, 86400000, "wait 86400 s"},
	{"/429-rubbish", HTTP_TOO_MANY, 429, -1, "429"},
	{"/429-broken", HTTP_TOO_MANY, 429, 3000, "429"},
	{"/503-past", HTTP_STATUS, 503, 0, "status 503"},
	{"/503", HTTP_STATUS, 503, -1, "status 503: \"upstream connect error\""},
	{"/400", HTTP_STATUS, 400, -1, "status 400"},
	{"/204", HTTP_STATUS, 204, -1, "status 204"},
	{"/redirect", HTTP_STATUS, 302, -1, "redirect"},
	{"/cut", HTTP_UNREACHABLE, 200, -1, "failed"},
	{"/cut-chunked", HTTP_UNREACHABLE, 200, -1, "failed"},
	{"/silent", HTTP_UNREACHABLE, 0, -1, "failed"},
	{"/reset", HTTP_UNREACHABLE, 200, -1, "failed"},
	{"/rubbish", HTTP_UNREADABLE, 0, -1, "no valid HTTP"},
	{"/gzip-bad", HTTP_UNREADABLE, 200, -1, "no valid HTTP"},
	{"/huge", HTTP_TOO_LARGE, 200, -1, "more than 1000000 bytes"},
	{"/huge-chunked", HTTP_TOO_LARGE, 200, -1, "more than 1000000 bytes"},
	{"/bomb", HTTP_TOO_LARGE, 200, -1, "more than 1000000 bytes"},
	{"/headers", HTTP_TOO_LARGE, 200, -1, "bytes of headers"},
};

static void
test_faults(void)
{
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	size_t		i;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
	{
		int			requests = atomic_load(&server->requests);
		char		path[128];
		char		place[128];
		HttpResponse *response;

		snprintf(path, sizeof(path), "%s?key=" CANARY, faults[i].path);
		response = fetch(client, path, "{}");
		if (response->fault != faults[i].fault ||
			strstr(response->error, faults[i].error) == NULL)
			diag("%s: fault %d, %s", path, response->fault,
				 response->error);
		CHECK_INT(response->fault, faults[i].fault);
		CHECK_INT(response->status, faults[i].status);
		CHECK_INT(response->retry_after_ms, faults[i].retry_after_ms);
		CHECK(strstr(response->error, faults[i].error) != NULL);
		CHECK(response->body == NULL);
		CHECK_INT(response->length, 0);
		CHECK(response->received_at > 0);

		/*
		 * What for, but not the query; one line; nothing followed, or asked
		 * twice.
		 */
		snprintf(place, sizeof(place), "POST http://127.0.0.1:%d%s ",
				 server->port, faults[i].path);
		CHECK(strstr(response->error, place) == response->error);
		CHECK(strstr(response->error, CANARY) == NULL);
		CHECK(is_one_printable_line(response->error));
		CHECK_INT(atomic_load(&server->requests) - requests, 1);
		http_response_free(response);
	}
	fetch_well(client);
	http_client_destroy(client);
}

/* Answers that are allowed one by one are too much together. */
static void
test_bodies(void)
{
	HttpOptions options = usual_options();
	HttpClient *client;
	HttpResponse *response;
	int			good = 0;
	int			refused = 0;
	int			i;

	options.max_response = 20000000;
	client = create(&options);
	for (i = 0; i < 4; i++)
		start(client, "/20-million", NULL, (uint64_t) i);
	while (http_client_in_flight(client) > 0)
		http_wait(client, -1);
	while ((response = http_client_take(client)) != NULL)
	{
		if (response->fault == HTTP_OK && response->length == 20000000)
			good++;
		else if (response->fault == HTTP_TOO_LARGE &&
				 strstr(response->error, "more than 67108864 bytes together") != NULL)
			refused++;
		else
			diag("fault %d: %s", response->fault, response->error);
		http_response_free(response);
	}
	/* how many fail at the same moment is chance; 80 million bytes never fit */
	CHECK(refused >= 1);
	CHECK_INT(good + refused, 4);

	/* What was taken, given up or cancelled is counted no longer. */
	for (i = 0; i < 2; i++)
		start(client, "/20-million", NULL, 5);
	http_wait(client, -1);
	http_client_cancel_all(client);
	for (i = 0; i < 5; i++)
	{
		response = fetch(client, "/20-million", NULL);
		CHECK_INT(response->fault, HTTP_OK);
		http_response_free(response);
	}
	http_client_destroy(client);
}

static void
test_retry_after_date(void)
{
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	HttpResponse *response = fetch(client, "/429-date", NULL);

	CHECK_INT(response->fault, HTTP_TOO_MANY);
	CHECK(response->retry_after_ms > 3000000 && response->retry_after_ms <= 3600000);
	http_response_free(response);
	http_client_destroy(client);
}

static void
test_timeouts(void)
{
	static const char *const paths[] = {"/hang?" CANARY, "/drip?" CANARY};
	HttpOptions options = usual_options();
	HttpClient *client;
	size_t		i;

	options.timeout_ms = 200;
	client = create(&options);
	for (i = 0; i < 2; i++)
	{
		HttpResponse *response = fetch(client, paths[i], NULL);

		CHECK_INT(response->fault, HTTP_TIMED_OUT);
		CHECK(strstr(response->error, "timed out") != NULL);
		CHECK(strstr(response->error, CANARY) == NULL);
		CHECK(response->duration >= 190000);
		CHECK(response->body == NULL);
		http_response_free(response);
	}
	http_client_destroy(client);
}

static void
test_unreachable(void)
{
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	HttpResponse *response;
	int			idle = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t	size = sizeof(address);
	char		url[128];

	/* A port that is taken but listens to nobody. */
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(idle, (struct sockaddr *) &address, size) == 0);
	CHECK(getsockname(idle, (struct sockaddr *) &address, &size) == 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/x?" CANARY,
			 ntohs(address.sin_port));
	start_url(client, url, NULL, 1);
	response = http_await(client);
	CHECK_INT(response->fault, HTTP_UNREACHABLE);
	CHECK_INT(response->status, 0);
	CHECK(strstr(response->error, "refused") != NULL ||
		  strstr(response->error, "connect") != NULL);
	CHECK(strstr(response->error, CANARY) == NULL);
	http_response_free(response);
	close(idle);

	start_url(client, "http://nowhere.test/x?" CANARY, NULL, 1);
	response = http_await(client);
	CHECK_INT(response->fault, HTTP_UNREACHABLE);
	CHECK(strstr(response->error, "nowhere.test") != NULL);
	CHECK(strstr(response->error, CANARY) == NULL);
	http_response_free(response);
	http_client_destroy(client);
}

/* Neither a proxy nor a password may come from the server's environment. */
static void
test_environment(void)
{
	char		home[] = "/tmp/test_http.XXXXXX";
	char		path[64];
	FILE	   *netrc;
	HttpOptions options = usual_options();
	HttpClient *client;
	HttpResponse *response;

	CHECK(mkdtemp(home) != NULL);
	snprintf(path, sizeof(path), "%s/.netrc", home);
	netrc = fopen(path, "w");
	fputs("machine 127.0.0.1 login me password " CANARY "\n", netrc);
	fclose(netrc);
	setenv("HOME", home, 1);
	setenv("NETRC", path, 1);
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("all_proxy", "http://127.0.0.1:1/", 1);
	client = create(&options);
	response = fetch(client, "/echo", NULL);
	CHECK_INT(response->fault, HTTP_OK);
	CHECK(response->body != NULL && strstr(response->body, "Authorization") == NULL);
	http_response_free(response);
	http_client_destroy(client);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unlink(path);
	rmdir(home);
}

static void
test_secure_only(void)
{
	HttpOptions options = usual_options();
	HttpClient *client;
	HttpResponse *response;
	SourceRequest request = {0};
	char		error[SOURCE_ERROR_SIZE] = "";
	char		url[128];
	int			connections = atomic_load(&server->connections);
	int			i;

	options.allow_insecure = false;
	client = create(&options);
	snprintf(url, sizeof(url), "%s/json", url_prefix);
	request.url = url;
	CHECK(!http_client_request(client, &request, 1, error));
	CHECK(strstr(error, "vnstream.allow_insecure_source") != NULL);
	CHECK_INT(http_client_in_flight(client), 0);

	/* https, but to where only this host can reach: by address and by name. */
	for (i = 0; i < 2; i++)
	{
		snprintf(url, sizeof(url), "https://%s:%d/json",
				 i == 0 ? "127.0.0.1" : "source.test", server->port);
		start_url(client, url, NULL, 1);
		response = http_await(client);
		CHECK_INT(response->fault, HTTP_UNREACHABLE);
		CHECK(strstr(response->error, "not a public one") != NULL);
		http_response_free(response);
	}
	CHECK_INT(atomic_load(&server->connections) - connections, 0);

	/* Where that is allowed, plain HTTP does not pass for TLS. */
	options.allow_insecure = true;
	CHECK(http_client_reconfigure(client, &options, error));
	start_url(client, url, NULL, 1);
	response = http_await(client);
	CHECK_INT(response->fault, HTTP_UNREACHABLE);
	CHECK(strstr(response->error, "SSL") != NULL ||
		  strstr(response->error, "TLS") != NULL);
	http_response_free(response);
	fetch_well(client);
	http_client_destroy(client);
}

/* A server whose certificate nobody vouches for. */
static void
test_certificate(void)
{
	char		directory[] = "/tmp/test_http.XXXXXX";
	char		command[512];
	char		line[256] = "";
	char		url[64];
	int			out[2];
	int			port = 0;
	pid_t		child;
	FILE	   *output;
	HttpOptions options = usual_options();
	HttpClient *client;
	HttpResponse *response;

	if (system("command -v openssl >/dev/null 2>&1") != 0)
	{
		printf("# no openssl command: certificates are not tested\n");
		return;
	}
	CHECK(mkdtemp(directory) != NULL);
	snprintf(command, sizeof(command), "cd %s && openssl req -x509 -newkey ec "
			 "-pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key -out cert "
			 "-days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 "
			 ">/dev/null 2>&1", directory);
	CHECK_INT(system(command), 0);
	CHECK_INT(pipe(out), 0);
	child = fork();
	if (child == 0)
	{
		if (chdir(directory) != 0)
			_exit(1);
		dup2(out[1], 1);
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(1);
		execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0",
			   "-cert", "cert", "-key", "key", "-www", (char *) NULL);
		_exit(1);
	}
	close(out[1]);
	output = fdopen(out[0], "r");
	while (port == 0 && fgets(line, sizeof(line), output) != NULL)
		sscanf(line, "ACCEPT 127.0.0.1:%d", &port);
	CHECK(port > 0);
	client = create(&options);
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", port);
	start_url(client, url, NULL, 1);
	response = http_await(client);
	CHECK_INT(response->fault, HTTP_UNREACHABLE);
	CHECK(strstr(response->error, "certificate") != NULL);
	http_response_free(response);
	http_client_destroy(client);
	kill(child, SIGTERM);
	waitpid(child, NULL, 0);
	fclose(output);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	CHECK_INT(system(command), 0);
}

int
main(void)
{
	set_up(answer_path);
	test_faults();
	test_bodies();
	test_retry_after_date();
	test_timeouts();
	test_unreachable();
	test_environment();
	test_secure_only();
	test_certificate();
	return tear_down();
}
