/*-------------------------------------------------------------------------
 *
 * notices.c
 *	  What librdkafka says, told by a worker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "postmaster/bgworker.h"
#include "utils/timestamp.h"

#include "workers/loop.h"
#include "workers/notice_text.h"
#include "workers/notices.h"
#include "workers/tell.h"

/* librdkafka's levels are syslog's. */
#define NOTICE_CRITICAL 2
#define NOTICE_WARNING 4

/* How long a line waits for the error that says the same. */
#define LINE_WAIT_MS 1000
#define LINES_MAX 8

typedef struct WaitingLine
{
	TimestampTz came_at;
	int			level;
	char		text[BROKER_ERROR_SIZE];
} WaitingLine;

static WaitingLine lines[LINES_MAX];	/* the oldest first */
static int	line_count;

static void
drop_line(int at)
{
	line_count--;
	memmove(&lines[at], &lines[at + 1], sizeof(WaitingLine) * (line_count - at));
}

static void
tell_oldest_line(void)
{
	WaitingLine line = lines[0];

	drop_line(0);
	worker_tell(EVENT_WARNING, line.level <= NOTICE_CRITICAL ? LOG : DEBUG1,
				ERRCODE_CONNECTION_EXCEPTION, "librdkafka: %s", line.text);
}

void
worker_tell_lines(void)
{
	while (line_count > 0 &&
		   clock_passed(lines[0].came_at, GetCurrentTimestamp(), LINE_WAIT_MS))
		tell_oldest_line();
}

static void
keep_line(const BrokerNotice *notice)
{
	WaitingLine *line;

	if (line_count == LINES_MAX)
		tell_oldest_line();
	line = &lines[line_count++];
	line->came_at = GetCurrentTimestamp();
	line->level = notice->level;
	strlcpy(line->text, notice->text, sizeof(line->text));
}

static void
take_error(const BrokerNotice *notice)
{
	int			i;

	for (i = line_count - 1; i >= 0; i--)
		if (notice_covers(notice->text, lines[i].text))
			drop_line(i);
	worker_error(LOG, ERRCODE_CONNECTION_FAILURE,
				 "Check vnstream.brokers, and whether the brokers are up.",
				 "Kafka: %s", notice->text);
}

bool
worker_take_notices(BrokerClient *client)
{
	BrokerNotice notice;
	bool		fatal = false;

	while (broker_client_notice(client, &notice))
	{
		fatal = fatal || notice.is_fatal;
		notice_shorten(notice.text);
		if (notice.code != RD_KAFKA_RESP_ERR_NO_ERROR)
			take_error(&notice);
		else if (notice.level <= NOTICE_WARNING && !notice_is_noise(notice.text))
			keep_line(&notice);
		else
			ereport(DEBUG1,
					(errcode(ERRCODE_CONNECTION_EXCEPTION),
					 errmsg("%s: librdkafka: %s", MyBgworkerEntry->bgw_name, notice.text)));
	}
	return fatal;
}
