/*-------------------------------------------------------------------------
 *
 * http_transfer.h
 *	  One request on its way: for http.c only.
 *
 * http_transfer.c makes a request ready for libcurl and takes in what arrives;
 * http_answer.c judges what became of it; http_probe.c notes how it went, where
 * somebody wants to know.
 *
 * Plain C with malloc.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_HTTP_TRANSFER_H
#define VNSTREAM_SOURCE_HTTP_TRANSFER_H

#include <time.h>

#include <sys/socket.h>

#include <curl/curl.h>

#include "source/http.h"

/* For curl_easy_header(). */
#if LIBCURL_VERSION_NUM < 0x075400
#error "libcurl 7.84.0 or later is needed"
#endif

/* Headers of one response, all together; the boards send about 1 kB. */
#define HTTP_RESPONSE_HEADERS_MAX (64 * 1024)

/*
 * Options as requests use them.  A request in flight keeps the ones it started
 * with while http_client_reconfigure() brings new ones.
 */
typedef struct HttpConfig
{
	int			users;
	char	   *user_agent;
	char	   *headers;		/* of the settings, as text */
	char	   *proxy;			/* "": none */
	char	   *ca_file;		/* "": the system's certificates */
	long		timeout_ms;
	size_t		max_response;
	bool		allow_insecure;
	int			max_in_flight;
	bool		keep_everything;
} HttpConfig;

typedef struct HttpTransfer
{
	CURL	   *easy;
	HttpConfig *config;			/* NULL: idle */
	HttpResponse *response;		/* in the making */
	struct curl_slist *headers;	/* of the request */
	size_t	   *held;			/* bytes of all bodies of the client */
	size_t		capacity;		/* of response->body */
	size_t		header_capacity;	/* of response->headers */
	size_t		header_bytes;
	int64_t		started_at;		/* µs, monotonic */
	bool		no_memory;		/* why a callback gave up */
	bool		too_large;
	bool		too_many_bytes; /* of all bodies together */
	bool		headers_too_large;
	bool		address_refused;
	char		target[160];	/* "POST https://host/path" */
	char		curl_error[CURL_ERROR_SIZE];
} HttpTransfer;

/* As http_client_create(); the caller is the first user. */
extern HttpConfig *http_config_create(const HttpOptions *options, char *error);
extern void http_config_release(HttpConfig *config);

/*
 * Ready to be added to the multi handle, and config is used once more; else
 * NULL.  What arrives is counted in *held, and taken off it by
 * http_transfer_release() or by whoever takes the response away.  The answer is
 * what went wrong (a constant), or NULL.
 */
extern const char *http_transfer_prepare(HttpTransfer *transfer,
										 HttpConfig *config, size_t *held,
										 const SourceRequest *request,
										 uint64_t tag);

/* Idle again; frees what is still there of the response. */
extern void http_transfer_release(HttpTransfer *transfer);

/* libcurl is through with it: fills in the response. */
extern void http_transfer_judge(HttpTransfer *transfer, CURLcode code);

/*
 * For keep_everything: what libcurl tells while it works (a function for
 * CURLOPT_DEBUGFUNCTION, with the transfer), an address that is tried, and what
 * can be asked for at the end.
 */
extern int	http_probe_listen(CURL *easy, curl_infotype kind, char *text,
							  size_t length, void *context);
extern void http_probe_address(HttpTransfer *transfer,
							   const struct sockaddr *address);
extern void http_probe_finish(HttpTransfer *transfer);

/* Microseconds. */
extern int64_t http_clock_us(clockid_t clock);

#endif							/* VNSTREAM_SOURCE_HTTP_TRANSFER_H */
