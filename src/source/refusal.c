/*-------------------------------------------------------------------------
 *
 * refusal.c
 *	  Is an answer that HTTP brought the data that was asked for?
 *
 * The words are those of Cloudflare's pages, which many services stand behind,
 * and of challenges in general.  They are looked for in pages and plain text
 * alone: in data they would mean nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "source/refusal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "market/json.h"

/* How much of a page is searched: its title and first words are enough. */
#define SEARCHED_MAX 16384

/* A JSON object larger than this holds data and is no error. */
#define ERROR_OBJECT_MAX 4096

static const char *const rate_marks[] = {
	"error 1015", "you are being rate limited", "too many requests", NULL
};

static const char *const block_marks[] = {
	"just a moment", "captcha", "challenge-platform", "cf-chl",
	"you have been blocked", "attention required", "access denied",
	"error 1020", "checking your browser", NULL
};

/* Members by which services tell a status in a body. */
static const char *const status_names[] = {"status", "statusCode", "code"};

static bool
has_mark(const AnswerSigns *signs, const char *const *marks)
{
	size_t		length = signs->length < SEARCHED_MAX ?
		signs->length : SEARCHED_MAX;

	for (; *marks != NULL; marks++)
	{
		size_t		mark_length = strlen(*marks);
		size_t		i;

		for (i = 0; i + mark_length <= length; i++)
			if (strncasecmp(signs->body + i, *marks, mark_length) == 0)
				return true;
	}
	return false;
}

/* The first character that says what a body is; 0 where it is empty. */
static char
first_character(const AnswerSigns *signs)
{
	size_t		i = 0;

	if (signs->length >= 3 && memcmp(signs->body, "\xef\xbb\xbf", 3) == 0)
		i = 3;
	while (i < signs->length && memchr(" \t\r\n", signs->body[i], 4) != NULL)
		i++;
	return i < signs->length ? signs->body[i] : '\0';
}

/* A status of 400 or above that an object of an error tells; else 0. */
static long
told_status(const AnswerSigns *signs)
{
	char		error[JSON_ERROR_SIZE];
	cJSON	   *object;
	long		status = 0;
	size_t		i;

	if (signs->length > ERROR_OBJECT_MAX)
		return 0;
	object = json_parse(signs->body, signs->length, error);
	for (i = 0; i < sizeof(status_names) / sizeof(status_names[0]) && status == 0; i++)
	{
		const cJSON *item = json_member(object, status_names[i]);

		if (cJSON_IsNumber(item) && item->valuedouble >= 400 &&
			item->valuedouble < 600)
			status = (long) item->valuedouble;
		else if (cJSON_IsString(item) && strlen(item->valuestring) == 3 &&
				 strspn(item->valuestring, "0123456789") == 3 &&
				 atol(item->valuestring) >= 400 && atol(item->valuestring) < 600)
			status = atol(item->valuestring);
	}
	cJSON_Delete(object);
	return status;
}

void
refusal_judge(const AnswerSigns *signs, AnswerVerdict *verdict)
{
	char		first = first_character(signs);
	bool		is_json = !signs->is_html && (first == '{' || first == '[');
	bool		is_success = signs->status == 200 || signs->status == 201;
	long		status = signs->status;
	bool		is_limit;
	bool		is_block;

	memset(verdict, 0, sizeof(*verdict));
	verdict->is_page = signs->is_html || first == '<';
	if (is_success && is_json && first == '{')
		verdict->told_status = told_status(signs);
	if (verdict->told_status != 0)
		status = verdict->told_status;
	is_limit = !is_json && has_mark(signs, rate_marks);
	is_block = !is_json && has_mark(signs, block_marks);

	if (status == 429)
		verdict->fault = HTTP_TOO_MANY;
	else if (status == 401 || status == 403)
	{
		/* what only the network in front of the service would say */
		verdict->is_blocked = is_block || (signs->has_ray && !is_json);
		verdict->fault = is_limit && !is_block ? HTTP_TOO_MANY : HTTP_REFUSED;
	}
	else if (is_limit && !is_block)
		verdict->fault = HTTP_TOO_MANY;
	else if (is_block)
	{
		verdict->is_blocked = true;
		verdict->fault = HTTP_REFUSED;
	}
	else if (verdict->told_status != 0)
		verdict->fault = status >= 500 || status == 408 ?
			HTTP_UNREADABLE : HTTP_STATUS;
	else if (!is_success)
		verdict->fault = HTTP_STATUS;
	else
		verdict->fault = verdict->is_page ? HTTP_REFUSED : HTTP_OK;
	if (verdict->fault != HTTP_REFUSED)
		verdict->is_blocked = false;
}
