/*-------------------------------------------------------------------------
 *
 * tell.c
 *	  Telling what happens.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/timestamp.h"

#include "workers/loop.h"
#include "workers/tell.h"

/* Most lines that one process writes to the server's log in a minute. */
#define LINES_PER_MINUTE 30

static TimestampTz minute_began;
static int	minute_lines;

/*
 * May one more line go to the server's log?
 */
static bool
log_has_room(void)
{
	TimestampTz now = GetCurrentTimestamp();

	if (clock_passed(minute_began, now, 60000))
	{
		minute_began = now;
		minute_lines = 0;
	}
	if (++minute_lines == LINES_PER_MINUTE + 1)
		ereport(LOG,
				(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				 errmsg("%s: more than %d messages within a minute; the others are in vnstream_log()",
						MyBgworkerEntry->bgw_name, LINES_PER_MINUTE)));
	return minute_lines <= LINES_PER_MINUTE;
}

static void
tell_text(Oid database, int list, EventLevel level, int elevel, int sqlstate,
		  const char *hint, const char *text)
{
	int			repeats = event_log_add(database, list, level, sqlstate, text);

	if (elevel == 0 || repeats < 0)
		return;
	if (elevel >= LOG && !log_has_room())
		return;
	ereport(elevel,
			(errcode(sqlstate),
			 errmsg("%s: %s", MyBgworkerEntry->bgw_name, text),
			 repeats > 0 ? errdetail("The same again, %d times since it was last logged.",
									 repeats) : 0,
			 hint != NULL && hint[0] != '\0' ? errhint("%s", hint) : 0));
}

void
tell(Oid database, int list, EventLevel level, int elevel, int sqlstate,
	 const char *hint, const char *format,...)
{
	char		text[WORKER_ERROR_SIZE];
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	tell_text(database, list, level, elevel, sqlstate, hint, text);
}

void
worker_tell(EventLevel level, int elevel, int sqlstate, const char *format,...)
{
	char		text[WORKER_ERROR_SIZE];
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	tell_text(worker_database, WORKER_EVENT_LIST, level, elevel, sqlstate, NULL, text);
}
