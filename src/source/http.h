/*-------------------------------------------------------------------------
 *
 * http.h
 *	  Several HTTP requests in flight, without ever waiting inside libcurl.
 *
 * The caller owns the wait: http_client_sockets() and http_client_timeout()
 * say what to wait for, http_client_drive() carries on after it, and
 * http_client_take() hands out finished responses.  Connections are kept alive
 * between sweeps.  No call waits for the network or for name servers.
 *
 * Plain C with malloc: nothing here raises a PostgreSQL error, so no longjmp
 * can cross libcurl.  All signals are blocked around the calls in which libcurl
 * starts its resolver thread (measured with 7.88.1: it inherits our mask, and
 * PostgreSQL's handlers would run on it).  SIGPIPE must be ignored, as it is in
 * every PostgreSQL process.  One thread at a time, never in the postmaster.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_HTTP_H
#define VNSTREAM_SOURCE_HTTP_H

#include "source/source.h"

typedef struct HttpClient HttpClient;

/*
 * Most requests in flight, and most sockets that http_client_sockets() ever
 * reports: a connection is tried over IPv4 and IPv6 at once, and newer libcurl
 * keeps the sockets of closing ones for a while.
 */
#define HTTP_MAX_IN_FLIGHT 32

/*
 * Most bytes that the bodies of a client's answers may have together, from their
 * arrival until they are taken; the whole market's boards have 5 MB.
 */
#define HTTP_BODIES_MAX (64 * 1024 * 1024)
#define HTTP_MAX_SOCKETS 64

typedef struct HttpOptions
{
	const char *user_agent;
	const char *headers;		/* additional ones, or ""; see
								 * http_check_headers().  They win over the
								 * request's own of the same name, and those
								 * over the ones that every request has */
	const char *proxy;			/* NULL or "": none; see http_check_proxy() */
	const char *ca_file;		/* NULL or "": the system's certificates, else
								 * those of this file alone; see
								 * http_check_ca_file() */
	long		timeout_ms;		/* of one whole request */
	size_t		max_response;	/* bytes, after decompression */
	bool		allow_insecure; /* http:// besides https://, and addresses
								 * that are not public */
	int			max_in_flight;	/* 1 to HTTP_MAX_IN_FLIGHT */
	bool		keep_everything;	/* for a person to look at: headers, bodies of
									 * any status, and the probe */
} HttpOptions;

/* Why there is no usable response; the words in error say more. */
typedef enum HttpFault
{
	HTTP_OK,					/* 200 or 201: body is there */
	HTTP_REFUSED,				/* 401, 403, or a challenge instead of data */
	HTTP_TOO_MANY,				/* 429 */
	HTTP_STATUS,				/* any other status */
	HTTP_UNREACHABLE,			/* resolve, connect, TLS, reset */
	HTTP_TIMED_OUT,
	HTTP_TOO_LARGE,
	HTTP_UNREADABLE				/* breaks HTTP or its compression; sweeps and
								 * look-ups also say so of a body that is not
								 * what was asked for */
} HttpFault;

/*
 * How far a request came, and when: µs since its start, each step counted from
 * there, 0 where it was not reached.  A connection that is used again has
 * nothing to resolve or secure, and takes no time to connect.
 */
typedef struct SourceProbe
{
	int64_t		resolved;		/* the name has an address */
	int64_t		connected;
	int64_t		secured;		/* the TLS handshake is done */
	int64_t		first_byte;		/* of the answer */
	int64_t		total;
	int64_t		date;			/* the source's clock, from its Date header: µs
								 * since 1970 UTC, in whole seconds; 0: none */
	char		address[64];	/* "203.0.113.7:443", "[2001:db8::7]:443": the
								 * one connected to, or tried last; '' none */
	char		tls_version[16];	/* "TLSv1.3"; '' where not known */
} SourceProbe;

typedef struct HttpResponse
{
	uint64_t	tag;			/* the caller's, from http_client_request() */
	HttpFault	fault;
	long		status;			/* 0 where there was none */
	char	   *body;			/* malloc, zero-terminated, decompressed; NULL
								 * unless HTTP_OK */
	size_t		length;
	char	   *headers;		/* keep_everything: status line and headers as
								 * they came, zero-terminated, or NULL.  body
								 * is then kept whatever the fault: what came
								 * until then, up to max_response */
	size_t		headers_length;
	SourceProbe probe;			/* keep_everything */
	int64_t		received_at;	/* last byte's arrival, µs since 1970 UTC */
	int64_t		duration;		/* µs from request to last byte */
	long		retry_after_ms; /* of a Retry-After header, else -1 */
	bool		is_blocked;		/* HTTP_REFUSED by a block or a challenge: about
								 * who asks, not about this request */
	char		error[SOURCE_ERROR_SIZE];	/* a sentence; no query, no secret */
	struct HttpResponse *next;	/* http.c's own */
} HttpResponse;

typedef struct HttpSocket
{
	int			fd;
	bool		wants_read;
	bool		wants_write;
	bool		is_readable;	/* set by the caller before drive */
	bool		is_writable;
} HttpSocket;

/*
 * NULL with error (SOURCE_ERROR_SIZE bytes) where an option is unusable.
 * http_client_reconfigure() takes new options for later requests.
 */
extern HttpClient *http_client_create(const HttpOptions *options, char *error);
extern bool http_client_reconfigure(HttpClient *client,
									const HttpOptions *options, char *error);
extern void http_client_destroy(HttpClient *client);

/*
 * Start a request.  False with error where it cannot even start (bad URL,
 * http:// without allow_insecure, max_in_flight reached).
 */
extern bool http_client_request(HttpClient *client, const SourceRequest *request,
								uint64_t tag, char *error);
extern int	http_client_in_flight(const HttpClient *client);

/* May another request start? */
extern bool http_client_has_room(const HttpClient *client);

/*
 * Tags that nobody else uses on this client: the first of count.  With them, a
 * response that comes late, for someone who gave up, is known as such.
 */
extern uint64_t http_client_reserve_tags(HttpClient *client, uint64_t count);

/*
 * Give up all requests in flight and all responses not yet taken: no response
 * comes for a request that was started before.
 */
extern void http_client_cancel_all(HttpClient *client);

/*
 * Ask anew after each drive, request and cancel: sockets come and go in them.
 * A socket with an error or hang-up counts as ready for what it wants.
 */
extern int	http_client_sockets(HttpClient *client, HttpSocket *sockets);

/*
 * ms until drive must be called though no socket is ready; -1: no need.
 * Responses that wait to be taken do not count: take them after each drive, or
 * wait for whatever keeps you from it.
 */
extern long http_client_timeout(const HttpClient *client);
extern void http_client_drive(HttpClient *client, const HttpSocket *sockets,
							  int count);

/* The next finished response, or NULL.  The caller frees it. */
extern HttpResponse *http_client_take(HttpClient *client);
extern void http_response_free(HttpResponse *response);

/*
 * Checks for settings: a usable base URL (https, or http where insecure is
 * allowed; no user info, query or fragment; ends with a slash), usable header
 * lines: "Name: value", separated by line feeds or by the two characters \n,
 * because ALTER SYSTEM takes no line feed in a value, and a usable User-Agent
 * (printable ASCII on one line, not empty).  False with a sentence in error.
 * A proxy is scheme://host:port (http, https), without user info: settings can
 * be read by others.  A file of certificates is named by an absolute path; it is
 * read when a connection is made, and need not be there before.  "" passes, which
 * is none.  They call nothing of libcurl's and so may run in the postmaster.
 */
extern bool http_check_base_url(const char *url, bool allow_insecure, char *error);
extern bool http_check_headers(const char *headers, char *error);
extern bool http_check_user_agent(const char *user_agent, char *error);
extern bool http_check_proxy(const char *proxy, char *error);
extern bool http_check_ca_file(const char *path, char *error);

/*
 * For those who ask again after a failure.  Is this one of a kind that passes
 * (connection lost, timeout, 5xx)?  And for how many ms to leave the source
 * alone: below a second, random so that several servers do not come at once.
 */
extern bool http_may_pass(HttpFault fault, long status);
extern long http_repeat_delay(void);

/* Need not be unpredictable, only different at different servers. */
extern uint32_t http_random(void);

/* A clock that nobody sets, in ms. */
extern int64_t http_clock_ms(void);

#endif							/* VNSTREAM_SOURCE_HTTP_H */
