/*-------------------------------------------------------------------------
 *
 * sweep_report.c
 *	  What is told of a sweep: a source at fault, and how it ended.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "workers/loop.h"
#include "workers/sweep_report.h"
#include "workers/tell.h"

void
sweep_report_fault(const char *source, HttpFault fault, const char *error)
{
	const char *hint = NULL;
	char		text[200];

	switch (fault)
	{
		case HTTP_TOO_MANY:
			hint = "Lower vnstream.requests_per_minute, or raise vnstream.interval.";
			break;
		case HTTP_REFUSED:
			snprintf(text, sizeof(text),
					 "The source may refuse this address; check vnstream.%s_url, vnstream.user_agent and vnstream.http_headers.",
					 source);
			hint = text;
			break;
		case HTTP_TOO_LARGE:
			hint = "Raise vnstream.http_max_response, or lower vnstream.symbols_per_request.";
			break;
		case HTTP_TIMED_OUT:
			hint = "Raise vnstream.http_timeout, or lower vnstream.symbols_per_request.";
			break;
		default:
			break;
	}
	worker_error(LOG, ERRCODE_CONNECTION_EXCEPTION, hint, "source %s: %s", source, error);
}

void
sweep_report(const SweepRun *run)
{
	const SweepTotals *totals = &run->totals;
	char		line[WORKER_TEXT_SIZE];

	worker_tell(EVENT_INFO, 0, ERRCODE_SUCCESSFUL_COMPLETION,
				"sweep " INT64_FORMAT ": asked " INT64_FORMAT ", answered " INT64_FORMAT
				", missing " INT64_FORMAT "; so far " INT64_FORMAT " published, " INT64_FORMAT
				" waiting, " INT64_FORMAT " unchanged, " INT64_FORMAT " rejected; %.1f s%s%s",
				run->number, run->asked, totals->answered, run->missing, totals->published,
				totals->waiting, totals->unchanged, totals->rejected, totals->seconds,
				run->error[0] != '\0' ? "; " : "", run->error);

	/* a few symbols that are well, or not, do not say how the last sweep of all was */
	if (run->is_probe)
		return;
	one_line(line, sizeof(line), run->error);
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	strlcpy(worker_entry->sweep_error, line, sizeof(worker_entry->sweep_error));
	if (run->error[0] == '\0')
		worker_entry->sweep_failing_since = 0;
	else if (worker_entry->sweep_failing_since == 0)
		worker_entry->sweep_failing_since = GetCurrentTimestamp();
	LWLockRelease(shared_state->lock);
}
