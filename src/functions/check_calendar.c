/*-------------------------------------------------------------------------
 *
 * check_calendar.c
 *	  Step of vnstream_check() about the market's calendar.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "functions/check.h"
#include "market/schedule.h"
#include "shared_state.h"
#include "store/calendar_rows.h"
#include "store/support.h"

/* From so many days before it a year is to be known. */
#define NEXT_YEAR_DAYS 31

/* What the producer has found wrong with the calendar; '' where nothing. */
static void
read_fault(char *fault)
{
	DatabaseEntry *entry;

	fault[0] = '\0';
	if (shared_state == NULL)
		return;
	LWLockAcquire(shared_state->lock, LW_SHARED);
	entry = shared_entry_find(MyDatabaseId);
	if (entry != NULL)
		strlcpy(fault, entry->calendar_fault, WORKER_TEXT_SIZE);
	LWLockRelease(shared_state->lock);
}

/* 2026-08-04 09:00, in Vietnam */
static char *
moment_text(int64 time)
{
	char		text[TIME_TEXT_SIZE];

	time_to_text(time, text);
	text[10] = ' ';
	text[16] = '\0';
	return pstrdup(text);
}

/*
 * "HOSE continuous until 2026-08-04 11:30 ..."; closed ones have no more to say
 * than the next opening of any.
 */
static char *
state_text(const Calendar *calendar, int64 now)
{
	StringInfoData text;
	Exchange	exchange;
	int64		opens;

	initStringInfo(&text);
	for (exchange = EXCHANGE_HOSE; exchange < EXCHANGE_COUNT; exchange++)
	{
		MarketState state;

		calendar_state(calendar, exchange, now, &state);
		appendStringInfo(&text, "%s%s %s", exchange == EXCHANGE_HOSE ? "" : ", ",
						 exchange_name(exchange), market_phase_name(state.phase));
		if (state.holiday != NULL)
			appendStringInfo(&text, " (%s)", text_for_reading(state.holiday));
		else if (state.phase != MARKET_CLOSED)
			appendStringInfo(&text, " until %s", moment_text(state.until));
	}
	if (schedule_market_is_closed(calendar, now, &opens) && opens != CALENDAR_NEVER)
		appendStringInfo(&text, "; the next opening is at %s", moment_text(opens));
	return text.data;
}

void
check_calendar(Check *check, CheckResult *result)
{
	const Calendar *calendar = calendar_rows_get(&check->catalog);
	int64		now = unix_from_timestamp(GetCurrentTimestamp());
	int32		today = calendar_day(now);
	char		fault[WORKER_TEXT_SIZE];
	bool		knows_this = calendar_knows_year(calendar, today);

	/* what one that does not run has left is of another day */
	fault[0] = '\0';
	if (check->run & RUN_PRODUCER)
		read_fault(fault);
	if (!check->settings.goes_by_market)
		check_say(result, CHECK_OK, "vnstream.schedule is always: sweeps do not go by it");
	else if (fault[0] != '\0')
	{
		check_say(result, CHECK_WARNING, "%s", fault);
		check_advise(result, "Put the day with is_holiday = false into vnstream_holiday_overrides.");
	}
	else if (!knows_this || !calendar_knows_year(calendar, today + NEXT_YEAR_DAYS))
	{
		check_say(result, CHECK_WARNING, "it has no holidays of %d, of which then every weekday counts as a trading day",
				  calendar_year(knows_this ? today + NEXT_YEAR_DAYS : today));
		check_advise(result, "Put them into vnstream_holiday_overrides, or update the extension.");
	}
	else
		check_say(result, CHECK_OK, "%s", state_text(calendar, now));
}
