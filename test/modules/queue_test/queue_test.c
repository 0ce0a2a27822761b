/*-------------------------------------------------------------------------
 *
 * queue_test.c
 *	  src/workers/delivery_queue.c driven by a script: what test/t/041_outbox.pl
 *	  loads.  The queue is the session's.
 *
 *	 add A B		a response of these tickers; they are numbered from 1 on
 *	 send			hand everything that is next to the client; prints it: 1:A 1:B
 *	 ack 1:B		Kafka has it
 *	 rewind			the client is gone
 *	 settle			forget what is complete; prints the responses' numbers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "market/quote.h"
#include "workers/delivery_queue.h"

PG_MODULE_MAGIC;

#define RESPONSES_MAX 16
#define TICKERS_MAX 16

PG_FUNCTION_INFO_V1(queue_test);

static uint64 tags[RESPONSES_MAX + 1][TICKERS_MAX];
static char *tickers[RESPONSES_MAX + 1][TICKERS_MAX];
static int	response_count;

static void
add(char *names)
{
	OutboxResponse response;
	char	   *rest;
	char	   *name;

	memset(&response, 0, sizeof(response));
	response.response = ++response_count;
	response.source = pstrdup("test");
	response.tickers = palloc(sizeof(char *) * TICKERS_MAX);
	for (name = strtok_r(names, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest))
	{
		tickers[response_count][response.count] = MemoryContextStrdup(TopMemoryContext, name);
		response.tickers[response.count++] = pstrdup(name);
	}
	response.messages = response.tickers;
	response.bytes = response.count;
	delivery_queue_add(&response);
}

static void
send_all(StringInfo result)
{
	QueuedMessage message;

	while (delivery_queue_next(&message))
	{
		int			number = (int) message.response->response;

		tags[number][message.index] = message.tag;
		appendStringInfo(result, " %d:%s", number, message.response->tickers[message.index]);
		delivery_queue_sent();
	}
}

static void
acknowledge(const char *text)
{
	const char *ticker = strchr(text, ':') + 1;
	int			number = atoi(text);
	bool		is_complete;
	int			i;

	for (i = 0; i < TICKERS_MAX && tickers[number][i] != NULL; i++)
		if (strcmp(tickers[number][i], ticker) == 0)
			(void) delivery_queue_acknowledge(tags[number][i], &is_complete);
}

static void
settle(StringInfo result)
{
	int64	   *responses;
	int64		messages;
	int64		bytes;
	int			count = delivery_queue_complete(&responses);
	int			i;

	for (i = 0; i < count; i++)
		appendStringInfo(result, " " INT64_FORMAT, responses[i]);
	delivery_queue_drop(&messages, &bytes);
	appendStringInfo(result, " (" INT64_FORMAT ")", messages);
}

/* One command; what it prints, or ''. */
Datum
queue_test(PG_FUNCTION_ARGS)
{
	char	   *command = text_to_cstring(PG_GETARG_TEXT_PP(0));
	StringInfoData result;

	initStringInfo(&result);
	if (response_count == 0)
		delivery_queue_begin();
	if (strncmp(command, "add ", 4) == 0)
		add(command + 4);
	else if (strcmp(command, "send") == 0)
		send_all(&result);
	else if (strncmp(command, "ack ", 4) == 0)
		acknowledge(command + 4);
	else if (strcmp(command, "rewind") == 0)
		delivery_queue_rewind();
	else if (strcmp(command, "settle") == 0)
		settle(&result);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no such command: \"%s\"", command)));
	PG_RETURN_TEXT_P(cstring_to_text(result.data));
}
