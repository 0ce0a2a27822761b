/*-------------------------------------------------------------------------
 *
 * market_day.c
 *	  The calendar as the producer has it, and what quotes say of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "config.h"
#include "market/schedule.h"
#include "store/calendar_rows.h"
#include "workers/loop.h"
#include "workers/market_day.h"
#include "workers/tell.h"

#define READ_AGAIN_MS 60000
#define STORE_TIMEOUT_MS 5000

/* From this month on the next year's holidays should be known. */
#define NEXT_YEAR_FROM_MONTH 12

typedef struct ExchangePhase
{
	int64		since;			/* of the phase that was looked up last */
	int64		until;
} ExchangePhase;

static struct
{
	Calendar	built_in;		/* until the first was read */
	const Calendar *calendar;
	MemoryContext context;		/* of calendar; NULL: built_in */
	TimestampTz read_at;
	Backoff		store_backoff;
	char		fault[QUOTE_ERROR_SIZE];	/* of the rows, when last read */
	int32		found_day;
	int			told_year;		/* that it is not known */
	ExchangePhase phases[EXCHANGE_COUNT];
}			market_day;

typedef struct Reading
{
	MemoryContext context;
	const Calendar *calendar;
	char		error[QUOTE_ERROR_SIZE];
} Reading;

static int64
unix_now(void)
{
	return UNIX_FROM_TIMESTAMP(GetCurrentTimestamp());
}

const Calendar *
market_day_calendar(void)
{
	return market_day.calendar;
}

int32
market_day_found(void)
{
	return market_day.found_day;
}

/* In store_transaction(). */
static void
read_rows(void *argument)
{
	Reading    *reading = argument;
	MemoryContext before;
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	before = MemoryContextSwitchTo(reading->context);
	reading->calendar = calendar_rows_read(&catalog, reading->error);
	MemoryContextSwitchTo(before);
}

/*
 * What health says; '' where nothing is wrong.
 */
static void
publish_fault(const char *fault)
{
	char		line[WORKER_TEXT_SIZE];

	one_line(line, sizeof(line), fault);
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	if (strcmp(worker_entry->calendar_fault, line) != 0)
	{
		strlcpy(worker_entry->calendar_fault, line, sizeof(worker_entry->calendar_fault));
		worker_entry->calendar_fault_since = fault[0] != '\0' ? GetCurrentTimestamp() : 0;
	}
	LWLockRelease(shared_state->lock);
}

static void
judge_calendar(void)
{
	int32		today = calendar_day(unix_now());
	char		fault[QUOTE_ERROR_SIZE + 128] = "";
	char		day[DATE_TEXT_SIZE];

	/* the day is over, the user has put it right, or nothing goes by it */
	if (market_day.found_day != SCHEDULE_NO_DAY &&
		(market_day.found_day != today || config_schedule != SCHEDULE_MARKET ||
		 !schedule_is_doubtful_day(market_day.calendar, today)))
	{
		market_day.found_day = SCHEDULE_NO_DAY;
		memset(market_day.phases, 0, sizeof(market_day.phases));
	}

	if (market_day.fault[0] != '\0')
		snprintf(fault, sizeof(fault), "the calendar's rows do not go together, so those of before count: %s",
				 market_day.fault);
	else if (market_day.found_day != SCHEDULE_NO_DAY)
	{
		date_to_text(market_day.found_day, day);
		snprintf(fault, sizeof(fault), "the calendar is wrong: it calls %s a holiday, but the market trades; see vnstream_holiday_overrides",
				 day);
	}
	publish_fault(fault);
}

/*
 * Once for a year: this one, or the next when it is near.
 */
static void
tell_unknown_year(void)
{
	int32		today = calendar_day(unix_now());
	char		text[DATE_TEXT_SIZE];
	int			year;

	date_to_text(today, text);
	year = calendar_year(today);
	if (calendar_knows_year(market_day.calendar, today))
	{
		/* within December no day is in another year than 31 days later's */
		if (atoi(text + 5) < NEXT_YEAR_FROM_MONTH ||
			calendar_knows_year(market_day.calendar, today + 31))
			return;
		year++;
	}
	if (config_schedule != SCHEDULE_MARKET || market_day.told_year >= year)
		return;
	market_day.told_year = year;
	tell(worker_database, WORKER_EVENT_LIST, EVENT_WARNING, WARNING, ERRCODE_WARNING,
		 "Put them into vnstream_holiday_overrides, or update the extension.",
		 "the calendar has no holidays of %d: every weekday of it counts as a trading day", year);
}

static void
read_calendar(void)
{
	Reading		reading = {0};
	StoreError	error;

	market_day.read_at = GetCurrentTimestamp();
	reading.context = AllocSetContextCreate(TopMemoryContext, "vnstream calendar",
											ALLOCSET_SMALL_SIZES);
	(void) store_transaction(read_rows, &reading, "reading the calendar", STORE_TIMEOUT_MS,
							 &error);
	if (worker_store_failed(&error, &market_day.store_backoff))
	{
		/* the one that is there is as good as it was; again in a minute */
		MemoryContextDelete(reading.context);
		return;
	}
	if (reading.calendar == NULL)
	{
		MemoryContextDelete(reading.context);
		worker_error(WARNING, ERRCODE_INVALID_OBJECT_DEFINITION,
					 "Correct vnstream_session_overrides or vnstream_holiday_overrides.",
					 "the calendar's rows do not go together, so those of before count: %s",
					 reading.error);
		strlcpy(market_day.fault, reading.error, sizeof(market_day.fault));
	}
	else
	{
		if (market_day.context != NULL)
			MemoryContextDelete(market_day.context);
		market_day.context = reading.context;
		market_day.calendar = reading.calendar;
		market_day.fault[0] = '\0';
		memset(market_day.phases, 0, sizeof(market_day.phases));
	}
	judge_calendar();
	tell_unknown_year();
}

void
market_day_begin(void)
{
	if (market_day.calendar == NULL)
	{
		if (!calendar_begin(&market_day.built_in))
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
		market_day.calendar = &market_day.built_in;
		market_day.found_day = SCHEDULE_NO_DAY;
	}
	read_calendar();
}

void
market_day_reconfigure(void)
{
	read_calendar();
}

void
market_day_round(void)
{
	if (clock_passed(market_day.read_at, GetCurrentTimestamp(), READ_AGAIN_MS))
		read_calendar();
}

/* Was there a match on the quote's own trading date, and is that the day? */
static bool
has_match_of(const Quote *quote, int32 day)
{
	return quote_knows(quote, QUOTE_PRICE) &&
		quote_knows(quote, QUOTE_TRADING_DATE) && quote->trading_date == day &&
		quote_knows(quote, QUOTE_TOTAL_VOLUME) && quote->total_volume > 0;
}

void
market_day_note(const Quote *quote)
{
	int32		today = calendar_day(quote->time);
	const CalendarHoliday *holiday;
	char		day[DATE_TEXT_SIZE];

	if (config_schedule != SCHEDULE_MARKET ||
		market_day.found_day == today || !has_match_of(quote, today) ||
		!schedule_is_doubtful_day(market_day.calendar, today))
		return;
	market_day.found_day = today;
	/* it was one phase, closed, until now */
	memset(market_day.phases, 0, sizeof(market_day.phases));
	date_to_text(today, day);
	holiday = calendar_holiday(market_day.calendar, EXCHANGE_HOSE, today);
	tell(worker_database, WORKER_EVENT_LIST, EVENT_WARNING, WARNING, ERRCODE_WARNING,
		 "Put the day with is_holiday = false into vnstream_holiday_overrides.",
		 "%s is called a holiday%s, but %s has a match of it: it is swept like a trading day",
		 day, holiday != NULL && holiday->origin == CALENDAR_YOURS ?
		 " in vnstream_holiday_overrides" : "", quote->ticker);
	judge_calendar();
}

/*
 * The span of an exchange's phase at a time.  On a day that is called a holiday
 * and trades, the sessions are what they would be; the calendar has none.
 */
static void
phase_at(Exchange exchange, int64 time, ExchangePhase *phase)
{
	CalendarSession sessions[CALENDAR_DAY_SESSIONS];
	MarketState state;
	int32		day = calendar_day(time);
	int			count;

	if (day != market_day.found_day)
	{
		calendar_state(market_day.calendar, exchange, time, &state);
		phase->since = state.since;
		phase->until = state.until;
		return;
	}
	phase->since = calendar_time(day, 0);
	phase->until = calendar_time(day + 1, 0);
	count = calendar_sessions(market_day.calendar, exchange, day, sessions);
	for (int i = 0; i < count; i++)
	{
		int64		edges[] = {calendar_time(day, sessions[i].starts),
		calendar_time(day, sessions[i].ends)};

		for (int e = 0; e < 2; e++)
		{
			if (edges[e] <= time)
				phase->since = Max(phase->since, edges[e]);
			else
				phase->until = Min(phase->until, edges[e]);
		}
	}
}

bool
market_day_is_new_phase(const Quote *quote, int64 earlier)
{
	int			exchange = quote_knows(quote, QUOTE_EXCHANGE) ?
		exchange_from_name(quote->exchange) : -1;
	ExchangePhase *phase;

	if (exchange < 0 || config_schedule != SCHEDULE_MARKET)
		return false;
	phase = &market_day.phases[exchange];
	if (quote->time < phase->since || quote->time >= phase->until)
		phase_at((Exchange) exchange, quote->time, phase);
	return earlier < phase->since;
}
