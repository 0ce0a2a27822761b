/*-------------------------------------------------------------------------
 *
 * test_refusal.c
 *	  What answers that are none become.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "market/json.h"
#include "source/refusal.h"
#include "test.h"

typedef struct Case
{
	const char *name;
	long		status;
	bool		is_html;
	bool		has_ray;
	const char *body;
	HttpFault	fault;
	bool		is_blocked;
} Case;

static void
test_case(const Case *of)
{
	size_t		length = strlen(of->body);
	char	   *body = exact_copy(of->body, length);
	AnswerSigns signs = {of->status, of->is_html, of->has_ray, body, length};
	AnswerVerdict verdict;

	refusal_judge(&signs, &verdict);
	is_integer(verdict.fault, of->fault, "%s", of->name);
	ok(verdict.is_blocked == of->is_blocked, "%s: %s", of->name,
	   of->is_blocked ? "a block" : "no block");
	free(body);
}

/* Every entry of the collection, with what it must become. */
static void
test_collection(void)
{
	static const struct
	{
		const char *name;
		HttpFault	fault;
		bool		is_blocked;
	}			expected[] =
	{
		{"429_plain", HTTP_TOO_MANY, false},
		{"429_cloudflare", HTTP_TOO_MANY, false},
		{"403_cloudflare", HTTP_REFUSED, true},
		{"403_plain", HTTP_REFUSED, false},
		{"200_challenge", HTTP_REFUSED, true},
		{"404_kbs_gateway", HTTP_STATUS, false},
		{"503_upstream", HTTP_STATUS, false},
		{"200_truncated", HTTP_OK, false},	/* the board's reader's matter */
		{"200_empty", HTTP_OK, false},	/* a board that leaves all symbols out */
		{"400", HTTP_STATUS, false}
	};
	size_t		length;
	char	   *text = read_fixture("constructed/error_bodies.json", &length);
	char		error[JSON_ERROR_SIZE];
	cJSON	   *all = json_parse(text, length, error);
	size_t		i;

	is_integer(cJSON_GetArraySize(all), sizeof(expected) / sizeof(expected[0]),
			   "each entry has an expectation");
	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
	{
		const cJSON *entry = json_member(all, expected[i].name);
		const cJSON *headers = json_member(entry, "headers");
		Case		of = {expected[i].name};

		if (!ok(entry != NULL, "there is %s", expected[i].name))
			continue;
		of.status = (long) json_member(entry, "status")->valuedouble;
		of.is_html = strstr(json_member(headers, "Content-Type")->valuestring,
							"text/html") != NULL;
		of.has_ray = json_member(headers, "cf-ray") != NULL;
		of.body = json_member(entry, "body")->valuestring;
		of.fault = expected[i].fault;
		of.is_blocked = expected[i].is_blocked;
		test_case(&of);
	}
	cJSON_Delete(all);
	free(text);
}

static void
test_more(void)
{
	static const Case cases[] = {
		/* data */
		{"a board", 200, false, true, "[{\"SB\":\"AAA\"}]", HTTP_OK, false},
		{"a board with 201", 201, false, false, "[]", HTTP_OK, false},
		{"a wrapped board", 200, false, false, "{\"status\":200,\"data\":[]}", HTTP_OK, false},
		{"a board that has such words", 200, false, false,
		"[{\"issuerName\":\"Captcha JSC, error 1015\"}]", HTTP_OK, false},
		{"an object that has them", 200, false, false,
		"{\"data\":[\"Just a moment\"]}", HTTP_OK, false},
		{"nothing at all", 200, false, false, "", HTTP_OK, false},
		{"rubbish", 200, false, false, "OK", HTTP_OK, false},
		{"an object with another status", 200, false, false, "{\"status\":\"ok\"}", HTTP_OK, false},
		{"a status that is none", 200, false, false, "{\"status\":4290}", HTTP_OK, false},

		/* pages with 200 */
		{"a page by its first character", 200, false, false, " \n<!doctype html><p>Hello", HTTP_REFUSED, false},
		{"a page after a byte order mark", 200, false, false, "\xef\xbb\xbf<html>", HTTP_REFUSED, false},
		{"a page by its type", 200, true, false, "maintenance", HTTP_REFUSED, false},
		{"JSON that calls itself a page", 200, true, false, "[]", HTTP_REFUSED, false},
		{"a captcha", 200, true, false, "<html>Please solve this CAPTCHA", HTTP_REFUSED, true},
		{"a captcha in plain text", 200, false, false, "captcha required", HTTP_REFUSED, true},
		{"a limit in a page", 200, true, true, "<html>Error 1015 You are being rate limited", HTTP_TOO_MANY, false},
		{"a limit in plain text", 200, false, false, "Too Many Requests", HTTP_TOO_MANY, false},
		{"words far down", 200, true, false, NULL, HTTP_REFUSED, false},

		/* errors told in an object with 200 */
		{"429 in a body", 200, false, false, "{\"status\":429,\"message\":\"slow down\"}", HTTP_TOO_MANY, false},
		{"403 in a body", 200, false, true, "{\"statusCode\":403,\"message\":\"Forbidden\"}", HTTP_REFUSED, false},
		{"401 as text", 200, false, false, "{\"code\":\"401\"}", HTTP_REFUSED, false},
		{"500 in a body", 200, false, false, "{\"status\":500,\"message\":\"x\"}", HTTP_UNREADABLE, false},
		{"404 in a body", 200, false, false, "{\"status\":404,\"data\":[]}", HTTP_STATUS, false},

		/* other statuses */
		{"401", 401, false, false, "", HTTP_REFUSED, false},
		{"403 in JSON", 403, false, false, "{\"message\":\"Forbidden\"}", HTTP_REFUSED, false},
		{"403 in JSON by way of a CDN", 403, false, true, "{\"message\":\"Forbidden\"}", HTTP_REFUSED, false},
		{"403 in plain text by a CDN", 403, false, true, "Forbidden", HTTP_REFUSED, true},
		{"403 with 1020", 403, true, false, "<html>Error 1020", HTTP_REFUSED, true},
		{"403 that is a limit", 403, true, true, "<html>Error 1015", HTTP_TOO_MANY, false},
		{"503 that is a challenge", 503, true, true, "<html><title>Just a moment...</title>", HTTP_REFUSED, true},
		{"503 that is a page", 503, true, false, "<html>Service Unavailable", HTTP_STATUS, false},
		{"500 in JSON", 500, false, false, "{\"statusCode\":500}", HTTP_STATUS, false},
		{"a redirect", 302, false, false, "", HTTP_STATUS, false},
		{"no content", 204, false, false, "", HTTP_STATUS, false}
	};
	size_t		size = 32768;
	char	   *page = malloc(size);
	size_t		i;

	memset(page, ' ', size);
	memcpy(page, "<html>", 6);
	strcpy(page + size - 16, "captcha");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Case		of = cases[i];

		if (of.body == NULL)
			of.body = page;
		test_case(&of);
	}
	free(page);
}

int
main(void)
{
	test_collection();
	test_more();
	return done_testing();
}
