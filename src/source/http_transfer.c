/*-------------------------------------------------------------------------
 *
 * http_transfer.c
 *	  A request made ready for libcurl, and what libcurl brings of its answer.
 *
 * Every limit that protects the server from a source is set here: protocols,
 * addresses, time, size.
 *
 *-------------------------------------------------------------------------
 */
#include "source/http_transfer.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <sys/socket.h>

#include "source/http_check.h"

/* A connection is there within this time or there is something wrong. */
#define CONNECT_TIMEOUT_MS 5000

/* A connection silent for so long is dead, however long the timeout. */
#define SILENCE_TIMEOUT_S 30

#define FIRST_CAPACITY (16 * 1024)

/* What every request carries; the sources' own clients send Content-Type with GET, too. */
static const char *const default_headers[] =
{
	"Content-Type: application/json",
	"Accept: application/json",
};

#define DEFAULT_HEADER_COUNT \
	(sizeof(default_headers) / sizeof(default_headers[0]))

int64_t
http_clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ----------------------------------------------------------------
 *		Options
 * ----------------------------------------------------------------
 */

void
http_config_release(HttpConfig *config)
{
	if (--config->users > 0)
		return;
	free(config->headers);
	free(config->proxy);
	free(config->ca_file);
	free(config->user_agent);
	free(config);
}

static bool
append_header(HttpTransfer *transfer, const char *line)
{
	struct curl_slist *longer = curl_slist_append(transfer->headers, line);

	if (longer == NULL)
		return false;
	transfer->headers = longer;
	return true;
}

/* Length of a header's name with its colon. */
static size_t
name_length(const char *line)
{
	return strcspn(line, ":") + 1;
}

/* Do the settings have a header of the same name as line? */
static bool
settings_have(const char *headers, const char *line)
{
	const char *other;
	size_t		length;

	while (http_next_header(&headers, &other, &length))
		if (length >= name_length(line) &&
			strncasecmp(other, line, name_length(line)) == 0)
			return true;
	return false;
}

static bool
request_has(const char *const *headers, const char *line)
{
	for (; headers != NULL && *headers != NULL; headers++)
		if (strncasecmp(*headers, line, name_length(line)) == 0)
			return true;
	return false;
}

/* The settings' headers win over the source's, and those over everybody's. */
static bool
build_headers(HttpTransfer *transfer, const char *const *own)
{
	const char *headers = transfer->config->headers;
	const char *const *next;
	const char *line;
	size_t		length;
	size_t		i;

	for (i = 0; i < DEFAULT_HEADER_COUNT; i++)
		if (!settings_have(headers, default_headers[i]) &&
			!request_has(own, default_headers[i]) &&
			!append_header(transfer, default_headers[i]))
			return false;
	for (next = own; next != NULL && *next != NULL; next++)
		if (!settings_have(headers, *next) && !append_header(transfer, *next))
			return false;
	while (http_next_header(&headers, &line, &length))
	{
		char		copy[HTTP_HEADER_LINE_MAX + 1];

		memcpy(copy, line, length);
		copy[length] = '\0';
		if (!append_header(transfer, copy))
			return false;
	}
	return true;
}

static const char *
text_or_empty(const char *text)
{
	return text != NULL ? text : "";
}

static bool
check_options(const HttpOptions *options, char *error)
{
	if (options->timeout_ms < 1)
		snprintf(error, SOURCE_ERROR_SIZE,
				 "the timeout of a request must be at least 1 ms");
	else if (options->max_response < 1 || options->max_response > INT_MAX)
		snprintf(error, SOURCE_ERROR_SIZE,
				 "the largest response must be 1 to %d bytes", INT_MAX);
	else if (options->max_in_flight < 1 ||
			 options->max_in_flight > HTTP_MAX_IN_FLIGHT)
		snprintf(error, SOURCE_ERROR_SIZE,
				 "the number of requests in flight must be 1 to %d",
				 HTTP_MAX_IN_FLIGHT);
	else
		return http_check_user_agent(options->user_agent, error) &&
			http_check_headers(options->headers, error) &&
			http_check_proxy(text_or_empty(options->proxy), error) &&
			http_check_ca_file(text_or_empty(options->ca_file), error);
	return false;
}

HttpConfig *
http_config_create(const HttpOptions *options, char *error)
{
	HttpConfig *config;

	if (!check_options(options, error))
		return NULL;
	config = calloc(1, sizeof(HttpConfig));
	if (config != NULL)
	{
		config->users = 1;
		config->timeout_ms = options->timeout_ms;
		config->max_response = options->max_response;
		config->allow_insecure = options->allow_insecure;
		config->max_in_flight = options->max_in_flight;
		config->keep_everything = options->keep_everything;
		config->user_agent = strdup(options->user_agent);
		config->headers = strdup(options->headers);
		config->proxy = strdup(text_or_empty(options->proxy));
		config->ca_file = strdup(text_or_empty(options->ca_file));
		if (config->user_agent != NULL && config->headers != NULL &&
			config->proxy != NULL && config->ca_file != NULL)
			return config;
		http_config_release(config);
	}
	snprintf(error, SOURCE_ERROR_SIZE, "out of memory");
	return NULL;
}

/* ----------------------------------------------------------------
 *		What libcurl calls
 * ----------------------------------------------------------------
 */

/* Room for bytes more, and a zero byte after them. */
static char *
make_room(HttpTransfer *transfer, char **buffer, size_t length,
		  size_t *capacity, size_t bytes)
{
	size_t		needed = length + bytes + 1;
	size_t		larger_capacity = *capacity;
	char	   *larger;

	if (needed <= *capacity)
		return *buffer;
	if (larger_capacity == 0)
		larger_capacity = FIRST_CAPACITY;
	while (larger_capacity < needed)
		larger_capacity *= 2;
	larger = realloc(*buffer, larger_capacity);
	if (larger == NULL)
	{
		transfer->no_memory = true;
		return NULL;
	}
	*buffer = larger;
	*capacity = larger_capacity;
	return larger;
}

/* Any answer but the number of bytes ends the transfer; why is noted here. */
static size_t
body_arrived(char *data, size_t size, size_t count, void *context)
{
	HttpTransfer *transfer = context;
	HttpResponse *response = transfer->response;
	size_t		bytes = size * count;
	size_t		room = transfer->config->max_response - response->length;

	/*
	 * Counted after decompression: a limit on what came over the network
	 * would let 16 MB of gzip become 16 GB here.
	 */
	if (bytes > room)
	{
		transfer->too_large = true;
		if (!transfer->config->keep_everything)
			return 0;
		bytes = room;
	}
	if (bytes > HTTP_BODIES_MAX - *transfer->held)
	{
		transfer->too_many_bytes = true;
		return 0;
	}
	if (make_room(transfer, &response->body, response->length,
				  &transfer->capacity, bytes) == NULL)
		return 0;
	memcpy(response->body + response->length, data, bytes);
	response->length += bytes;
	*transfer->held += bytes;
	response->body[response->length] = '\0';
	return transfer->too_large ? 0 : bytes;
}

/* libcurl keeps all headers in memory; releases before 8.3 know no limit. */
static size_t
header_arrived(char *data, size_t size, size_t count, void *context)
{
	HttpTransfer *transfer = context;
	HttpResponse *response = transfer->response;
	size_t		bytes = size * count;

	transfer->header_bytes += bytes;
	if (transfer->header_bytes > HTTP_RESPONSE_HEADERS_MAX)
	{
		transfer->headers_too_large = true;
		return 0;
	}
	if (transfer->config->keep_everything)
	{
		if (make_room(transfer, &response->headers, response->headers_length,
					  &transfer->header_capacity, bytes) == NULL)
			return 0;
		memcpy(response->headers + response->headers_length, data, bytes);
		response->headers_length += bytes;
		response->headers[response->headers_length] = '\0';
	}
	return bytes;
}

/*
 * The address is judged here, after the name was resolved and for each address
 * that is tried, so that a name which resolves differently each time does not
 * get around it.  A proxy is where the administrator says; whom it connects to is
 * its own affair.
 */
static curl_socket_t
open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	HttpTransfer *transfer = context;

	if (purpose != CURLSOCKTYPE_IPCXN)
		return CURL_SOCKET_BAD;
	if (transfer->config->keep_everything)
		http_probe_address(transfer, &address->addr);
	if (!transfer->config->allow_insecure && transfer->config->proxy[0] == '\0' &&
		!http_address_is_public(&address->addr))
	{
		transfer->address_refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC,
				  address->protocol);
}

/* ----------------------------------------------------------------
 *		The request
 * ----------------------------------------------------------------
 */

/*
 * All options anew for each request, so that nothing of the last one is left.
 * An option that libcurl refuses is an error: a request without one of these
 * limits must not start.
 */
static CURLcode
set_options(HttpTransfer *transfer, const SourceRequest *request)
{
	const HttpConfig *config = transfer->config;
	long		connect_ms = config->timeout_ms < CONNECT_TIMEOUT_MS ?
		config->timeout_ms : CONNECT_TIMEOUT_MS;
	CURL	   *easy = transfer->easy;
	CURLcode	code = CURLE_OK;

#define SET(option, value) \
	do { \
		if (code == CURLE_OK) \
			code = curl_easy_setopt(easy, option, value); \
	} while (0)

	curl_easy_reset(easy);
	SET(CURLOPT_PRIVATE, transfer);
	SET(CURLOPT_ERRORBUFFER, transfer->curl_error);
	SET(CURLOPT_URL, request->url);

	/* Without it libcurl uses SIGALRM and changes SIGPIPE's handler. */
	SET(CURLOPT_NOSIGNAL, 1L);

	/* The source is the host in the settings and no other. */
#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, config->allow_insecure ? "http,https" : "https");
#else
	SET(CURLOPT_PROTOCOLS, (long) (config->allow_insecure ?
								   CURLPROTO_HTTP | CURLPROTO_HTTPS :
								   CURLPROTO_HTTPS));
#endif
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);

	/* "" is none, not even one from the environment; nor are its exceptions */
	SET(CURLOPT_PROXY, config->proxy);
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, transfer);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_PROXY_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	if (config->ca_file[0] != '\0')
	{
		/* those of the file and no others */
		SET(CURLOPT_CAINFO, config->ca_file);
		SET(CURLOPT_CAPATH, NULL);
		SET(CURLOPT_PROXY_CAINFO, config->ca_file);
		SET(CURLOPT_PROXY_CAPATH, NULL);
#if LIBCURL_VERSION_NUM >= 0x075700
		/* else a file that was changed would count a day later */
		SET(CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
	}

	/*
	 * HTTP/1.1: over HTTP/2 all requests would share one connection, where
	 * one lost packet holds up every answer.
	 */
	SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_TCP_NODELAY, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_TCP_KEEPIDLE, 30L);
	SET(CURLOPT_TCP_KEEPINTVL, 10L);

	SET(CURLOPT_TIMEOUT_MS, config->timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
	if (config->timeout_ms > SILENCE_TIMEOUT_S * 1000L)
	{
		SET(CURLOPT_LOW_SPEED_TIME, (long) SILENCE_TIMEOUT_S);
		SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	}
#if LIBCURL_VERSION_NUM >= 0x075700

	/*
	 * Without it, a request that ends while its name is being resolved waits
	 * for the resolver thread, and this process answers nobody for as long as
	 * the name servers take.  With it, the thread frees its memory itself.
	 */
	SET(CURLOPT_QUICK_EXIT, 1L);
#endif

	/* What the boards use, and not all that libcurl can. */
	SET(CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
	if (config->keep_everything)
	{
		/* what is too large is to be seen up to where it is: no limit ahead */
		SET(CURLOPT_VERBOSE, 1L);
		SET(CURLOPT_DEBUGFUNCTION, http_probe_listen);
		SET(CURLOPT_DEBUGDATA, transfer);
	}
	else
		SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) config->max_response);
	SET(CURLOPT_WRITEFUNCTION, body_arrived);
	SET(CURLOPT_WRITEDATA, transfer);
	SET(CURLOPT_HEADERFUNCTION, header_arrived);
	SET(CURLOPT_HEADERDATA, transfer);

	SET(CURLOPT_USERAGENT, config->user_agent);
	SET(CURLOPT_HTTPHEADER, transfer->headers);
	if (request->body != NULL)
	{
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(request->body));
		SET(CURLOPT_COPYPOSTFIELDS, request->body);
	}
#undef SET
	return code;
}

const char *
http_transfer_prepare(HttpTransfer *transfer, HttpConfig *config,
					  size_t *held, const SourceRequest *request,
					  uint64_t tag)
{
	const char *method = request->body != NULL ? "POST " : "GET ";
	size_t		length = strlen(method);
	CURLcode	code = CURLE_OUT_OF_MEMORY;

	memcpy(transfer->target, method, length);
	http_describe_url(request->url, transfer->target + length,
					  sizeof(transfer->target) - length);
	transfer->config = config;
	config->users++;
	transfer->held = held;
	transfer->capacity = 0;
	transfer->header_capacity = 0;
	transfer->header_bytes = 0;
	transfer->started_at = http_clock_us(CLOCK_MONOTONIC);
	transfer->no_memory = false;
	transfer->too_large = false;
	transfer->too_many_bytes = false;
	transfer->headers_too_large = false;
	transfer->address_refused = false;
	transfer->curl_error[0] = '\0';
	transfer->response = calloc(1, sizeof(HttpResponse));
	if (transfer->easy == NULL)
		transfer->easy = curl_easy_init();
	if (transfer->easy != NULL && transfer->response != NULL &&
		build_headers(transfer, request->headers))
	{
		transfer->response->tag = tag;
		code = set_options(transfer, request);
	}
	if (code == CURLE_OK)
		return NULL;
	http_transfer_release(transfer);
	return curl_easy_strerror(code);
}

void
http_transfer_release(HttpTransfer *transfer)
{
	if (transfer->response != NULL)
		*transfer->held -= transfer->response->length;
	http_response_free(transfer->response);
	transfer->response = NULL;
	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
	http_config_release(transfer->config);
	transfer->config = NULL;
}
