/*-------------------------------------------------------------------------
 *
 * calendar.c
 *	  When the market is open: vnstream_market_state(), what the views
 *	  vnstream_sessions and vnstream_holidays show, and what keeps overlapping
 *	  sessions out of vnstream_session_overrides.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "functions/columns.h"
#include "store/calendar_rows.h"
#include "store/outbox.h"
#include "store/support.h"

PG_FUNCTION_INFO_V1(vnstream_market_state);
PG_FUNCTION_INFO_V1(vnstream_calendar_sessions);
PG_FUNCTION_INFO_V1(vnstream_calendar_holidays);
PG_FUNCTION_INFO_V1(vnstream_calendar_guard);

#define STATE_COLUMNS 9
#define SESSION_COLUMNS 8
#define HOLIDAY_COLUMNS 4

#define DAYS_TO_2000 (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)

static const char *const origins[] = {"built in", "yours"};

static const Calendar *
read_calendar(void)
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	return calendar_rows_get(&catalog);
}

/* NULL for what there is no time for. */
static void
column_moment(Datum *value, bool *isnull, int64 time)
{
	*isnull = time == CALENDAR_NEVER || time == CALENDAR_ALWAYS;
	*value = *isnull ? (Datum) 0 : TimestampTzGetDatum(timestamp_from_unix(time));
}

static void
column_day(Datum *value, bool *isnull, int32 day)
{
	*isnull = day == CALENDAR_FOR_EVER;
	*value = *isnull ? (Datum) 0 : DateADTGetDatum(day - DAYS_TO_2000);
}

/*
 * The time that is asked about, within what a calendar can count.
 */
static int64
moment_argument(FunctionCallInfo fcinfo)
{
	TimestampTz at;
	int64		first = timestamp_from_unix(QUOTE_TIME_MIN);
	int64		last = timestamp_from_unix(INT64CONST(253402275600000000)); /* 10000-01-01 +07 */

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the time must not be NULL"),
				 errhint("Leave it out for the present.")));
	at = PG_GETARG_TIMESTAMPTZ(0);
	if (at < first || at >= last)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("there is no calendar for this time"),
				 errhint("The market's first day was 2000-07-28; the last year that counts is 9999.")));
	return unix_from_timestamp(at);
}

/* The exchange that is asked about; EXCHANGE_ALL where none is named. */
static Exchange
exchange_argument(FunctionCallInfo fcinfo)
{
	char	   *name;
	int			exchange;

	if (PG_ARGISNULL(1))
		return EXCHANGE_ALL;
	name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	exchange = exchange_from_name(name);
	if (exchange < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no exchange \"%s\"", name),
				 errhint("The exchanges are HOSE, HNX and UPCOM.")));
	return (Exchange) exchange;
}

Datum
vnstream_market_state(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		at = moment_argument(fcinfo);
	Exchange	wanted = exchange_argument(fcinfo);
	const Calendar *calendar;
	Exchange	exchange;

	InitMaterializedSRF(fcinfo, 0);
	calendar = read_calendar();
	for (exchange = EXCHANGE_HOSE; exchange < EXCHANGE_COUNT; exchange++)
	{
		Datum		values[STATE_COLUMNS] = {0};
		bool		nulls[STATE_COLUMNS] = {0};
		MarketState state;

		if (wanted != EXCHANGE_ALL && wanted != exchange)
			continue;
		calendar_state(calendar, exchange, at, &state);
		values[0] = CStringGetTextDatum(exchange_name(exchange));
		values[1] = CStringGetTextDatum(market_phase_name(state.phase));
		values[2] = BoolGetDatum(state.is_open);
		column_moment(&values[3], &nulls[3], state.since);
		column_moment(&values[4], &nulls[4], state.until);
		column_moment(&values[5], &nulls[5], state.next_open);
		values[6] = BoolGetDatum(state.is_trading_day);
		column_text(&values[7], &nulls[7],
					state.holiday != NULL ? text_for_reading(state.holiday) : "");
		values[8] = BoolGetDatum(state.is_year_known);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* Is this row among those that count today? */
static bool
is_in_force(const Calendar *calendar, const CalendarSession *session, int32 today)
{
	CalendarSession sessions[CALENDAR_DAY_SESSIONS];
	int			count = calendar_sessions(calendar, session->exchange, today, sessions);
	int			i;

	for (i = 0; i < count; i++)
	{
		if (sessions[i].origin == session->origin && sessions[i].starts == session->starts &&
			sessions[i].valid_from == session->valid_from)
			return true;
	}
	return false;
}

Datum
vnstream_calendar_sessions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int32		today = calendar_day(unix_from_timestamp(GetCurrentTimestamp()));
	const Calendar *calendar;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	calendar = read_calendar();
	for (i = 0; i < calendar->session_count; i++)
	{
		const CalendarSession *session = &calendar->sessions[i];
		Datum		values[SESSION_COLUMNS] = {0};
		bool		nulls[SESSION_COLUMNS] = {0};

		values[0] = CStringGetTextDatum(exchange_name(session->exchange));
		values[1] = CStringGetTextDatum(market_phase_name(session->phase));
		values[2] = TimeADTGetDatum(session->starts * USECS_PER_SEC);
		values[3] = TimeADTGetDatum(session->ends * USECS_PER_SEC);
		column_day(&values[4], &nulls[4], session->valid_from);
		column_day(&values[5], &nulls[5], session->valid_until);
		values[6] = CStringGetTextDatum(origins[session->origin]);
		values[7] = BoolGetDatum(is_in_force(calendar, session, today));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

static void
put_holiday(ReturnSetInfo *result, const CalendarHoliday *holiday, Exchange exchange)
{
	Datum		values[HOLIDAY_COLUMNS] = {0};
	bool		nulls[HOLIDAY_COLUMNS] = {0};

	column_day(&values[0], &nulls[0], holiday->day);
	column_text(&values[1], &nulls[1],
				exchange == EXCHANGE_ALL ? "" : exchange_name(exchange));
	values[2] = CStringGetTextDatum(text_for_reading(holiday->name));
	values[3] = CStringGetTextDatum(origins[holiday->origin]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * What counts: one row for all exchanges where they agree, else one for each.
 */
static void
put_day(ReturnSetInfo *result, const Calendar *calendar, int32 day)
{
	const CalendarHoliday *deciding[EXCHANGE_COUNT];
	Exchange	exchange;
	bool		is_one = true;

	for (exchange = EXCHANGE_HOSE; exchange < EXCHANGE_COUNT; exchange++)
	{
		deciding[exchange] = calendar_holiday(calendar, exchange, day);
		is_one = is_one && deciding[exchange] == deciding[EXCHANGE_HOSE];
	}
	for (exchange = EXCHANGE_HOSE; exchange < EXCHANGE_COUNT; exchange++)
	{
		if (deciding[exchange] == NULL || !deciding[exchange]->is_holiday)
			continue;
		put_holiday(result, deciding[exchange], is_one ? EXCHANGE_ALL : exchange);
		if (is_one)
			break;
	}
}

Datum
vnstream_calendar_holidays(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const Calendar *calendar;
	int			i;
	int			j;

	InitMaterializedSRF(fcinfo, 0);
	calendar = read_calendar();
	for (i = 0; i < calendar->holiday_count; i++)
	{
		/* each day once, at its first row */
		for (j = 0; j < i && calendar->holidays[j].day != calendar->holidays[i].day; j++)
			;
		if (j == i)
			put_day(result, calendar, calendar->holidays[i].day);
	}
	return (Datum) 0;
}

/*
 * A constraint trigger, at COMMIT: rows that would leave no calendar are
 * refused, so whoever writes them hears of it.  Two sessions at a time can
 * still get by; then the workers keep the calendar that they have, and say so.
 */
Datum
vnstream_calendar_guard(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger")));
	/* what the last statement wrote is to be seen, as by foreign keys' triggers */
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	(void) read_calendar();
	PopActiveSnapshot();
	return PointerGetDatum(NULL);
}
