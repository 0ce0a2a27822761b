/*-------------------------------------------------------------------------
 *
 * http_answer.c
 *	  What became of a request: its fault, and a sentence about it.
 *
 * A sentence names method and URL without the query, and quotes the source's
 * own words only cleaned and cut short.
 *
 *-------------------------------------------------------------------------
 */
#include "source/http_transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "source/http_check.h"
#include "source/refusal.h"

/* Longest wait that is believed of a Retry-After header: one day. */
#define RETRY_AFTER_MAX_S 86400L

/* How much of a body an error quotes. */
#define SNIPPET_SIZE 81

/* Seconds or an HTTP date; -1 where there is none or it is neither. */
static long
read_retry_after(CURL *easy)
{
	struct curl_header *header;
	const char *value;
	char	   *end;
	int64_t		seconds;

	if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1,
						 &header) != CURLHE_OK)
		return -1;
	value = header->value;
	if (*value >= '0' && *value <= '9')
	{
		/*
		 * strtoll() answers the largest number where there are too many
		 * digits
		 */
		seconds = strtoll(value, &end, 10);
		if (*end != '\0')
			return -1;
	}
	else
	{
		time_t		date = curl_getdate(value, NULL);

		if (date == (time_t) -1)
			return -1;
		seconds = (int64_t) date - (int64_t) time(NULL);
		if (seconds < 0)
			seconds = 0;
	}
	if (seconds > RETRY_AFTER_MAX_S)
		seconds = RETRY_AFTER_MAX_S;
	return (long) seconds * 1000;
}

static bool
has_html_type(CURL *easy)
{
	char	   *type = NULL;

	curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
	return type != NULL && (strncasecmp(type, "text/html", 9) == 0 ||
							strncasecmp(type, "application/xhtml", 17) == 0);
}

/* Is the answer that HTTP brought the one that was asked for? */
static HttpFault
judge_answer(const HttpTransfer *transfer, HttpResponse *response)
{
	const char *target = transfer->target;
	struct curl_header *ray;
	AnswerSigns signs = {
		.status = response->status,
		.is_html = has_html_type(transfer->easy),
		.has_ray = curl_easy_header(transfer->easy, "cf-ray", 0, CURLH_HEADER,
									-1, &ray) == CURLHE_OK,
		.body = response->body != NULL ? response->body : "",
		.length = response->length
	};
	AnswerVerdict verdict;
	char		snippet[SNIPPET_SIZE] = "";
	char		wish[64] = "";
	char	   *error = response->error;
	size_t		size = sizeof(response->error);

	refusal_judge(&signs, &verdict);
	response->is_blocked = verdict.is_blocked;
	if (verdict.fault == HTTP_OK)
		return HTTP_OK;
	http_clean_text(signs.body, signs.length, snippet, sizeof(snippet));
	if (response->retry_after_ms >= 0)
		snprintf(wish, sizeof(wish), " and the wish to wait %ld s",
				 response->retry_after_ms / 1000);

	if (verdict.told_status != 0)
		snprintf(error, size,
				 "%s was answered with status %ld, told in a body that came "
				 "with status %ld%s: \"%s\"", target, verdict.told_status,
				 response->status, wish, snippet);
	else if (response->status == 200 || response->status == 201)
		snprintf(error, size,
				 "%s was answered with a web page instead of JSON, as a "
				 "block or a challenge is: \"%s\"", target, snippet);
	else if (response->status == 429)
		snprintf(error, size,
				 "%s was one request too many: status 429%s: \"%s\"",
				 target, wish, snippet);
	else if (verdict.fault == HTTP_REFUSED)
		snprintf(error, size, "%s was refused with status %ld%s: \"%s\"",
				 target, response->status, wish, snippet);
	else if (response->status >= 300 && response->status < 400)
		snprintf(error, size,
				 "%s was answered with status %ld, a redirect, which is never "
				 "followed", target, response->status);
	else
		snprintf(error, size, "%s was answered with status %ld%s: \"%s\"",
				 target, response->status, wish, snippet);
	return verdict.fault;
}

/* Why did HTTP bring no answer? */
static HttpFault
judge_failure(const HttpTransfer *transfer, HttpResponse *response,
			  CURLcode code)
{
	const char *target = transfer->target;
	const char *words = transfer->curl_error;
	char		clean[CURL_ERROR_SIZE];

	if (transfer->no_memory || code == CURLE_OUT_OF_MEMORY)
	{
		snprintf(response->error, sizeof(response->error),
				 "%s failed: out of memory", target);
		return HTTP_UNREACHABLE;
	}
	if (transfer->headers_too_large)
	{
		snprintf(response->error, sizeof(response->error),
				 "%s was answered with more than %d bytes of headers",
				 target, HTTP_RESPONSE_HEADERS_MAX);
		return HTTP_TOO_LARGE;
	}
	if (transfer->too_many_bytes)
	{
		snprintf(response->error, sizeof(response->error),
				 "%s was given up: the answers under way have more than %d bytes together",
				 target, HTTP_BODIES_MAX);
		return HTTP_TOO_LARGE;
	}
	if (transfer->too_large || code == CURLE_FILESIZE_EXCEEDED)
	{
		snprintf(response->error, sizeof(response->error),
				 "%s was answered with more than %zu bytes",
				 target, transfer->config->max_response);
		return HTTP_TOO_LARGE;
	}
	if (transfer->address_refused && code == CURLE_COULDNT_CONNECT)
	{
		snprintf(response->error, sizeof(response->error),
				 "%s was not sent: the host's address is not a public one "
				 "(vnstream.allow_insecure_source = on allows a source on "
				 "this host or a trusted network)", target);
		return HTTP_UNREACHABLE;
	}
	if (words[0] == '\0')
		words = curl_easy_strerror(code);
	http_clean_text(words, strlen(words), clean, sizeof(clean));
	switch (code)
	{
		case CURLE_SSL_CACERT_BADFILE:
			snprintf(response->error, sizeof(response->error),
					 "%s failed: no certificates can be read from %s%.200s",
					 target, transfer->config->ca_file[0] == '\0' ?
					 "the system's files" : "vnstream.ca_file, ",
					 transfer->config->ca_file);
			return HTTP_UNREACHABLE;
		case CURLE_OPERATION_TIMEDOUT:
			snprintf(response->error, sizeof(response->error),
					 "%s timed out: %s", target, clean);
			return HTTP_TIMED_OUT;
		case CURLE_BAD_CONTENT_ENCODING:
		case CURLE_UNSUPPORTED_PROTOCOL:	/* HTTP/0.9 */
		case CURLE_WEIRD_SERVER_REPLY:
			snprintf(response->error, sizeof(response->error),
					 "%s was answered with what is no valid HTTP: %s",
					 target, clean);
			return HTTP_UNREADABLE;
		default:
			snprintf(response->error, sizeof(response->error),
					 "%s failed: %s", target, clean);
			return HTTP_UNREACHABLE;
	}
}

void
http_transfer_judge(HttpTransfer *transfer, CURLcode code)
{
	HttpResponse *response = transfer->response;
	CURL	   *easy = transfer->easy;

	response->received_at = http_clock_us(CLOCK_REALTIME);
	response->duration = http_clock_us(CLOCK_MONOTONIC) - transfer->started_at;
	response->retry_after_ms = read_retry_after(easy);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &response->status);
	if (code == CURLE_OK && response->body == NULL)
	{
		response->body = calloc(1, 1);
		if (response->body == NULL)
			code = CURLE_OUT_OF_MEMORY;
	}

	/* A refusal is one whatever became of the page that explains it. */
	if (code == CURLE_OK || response->status == 401 ||
		response->status == 403 || response->status == 429)
		response->fault = judge_answer(transfer, response);
	else
		response->fault = judge_failure(transfer, response, code);
	if (transfer->config->keep_everything)
		http_probe_finish(transfer);
	else if (response->fault != HTTP_OK)
	{
		free(response->body);
		*transfer->held -= response->length;
		response->body = NULL;
		response->length = 0;
	}
}
