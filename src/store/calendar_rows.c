/*-------------------------------------------------------------------------
 *
 * calendar_rows.c
 *	  The calendar that counts in this database.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"

#include "market/reason.h"
#include "store/calendar_rows.h"
#include "store/support.h"

/* Days between 1970-01-01, as market/ counts, and PostgreSQL's first. */
#define DAYS_TO_2000 (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)

/*
 * A user's rows in memory of PostgreSQL's: a calendar's own is malloc'd, so
 * nothing may be raised while one is made.
 */
typedef struct UserRows
{
	CalendarSession *sessions;
	int			session_count;
	CalendarHoliday *holidays;
	int			holiday_count;
} UserRows;

static Datum
column_of(int row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

static char *
text_of(int row, int column, bool *isnull)
{
	Datum		value = column_of(row, column, isnull);

	return *isnull ? NULL : TextDatumGetCString(value);
}

static int
select_rows(const char *query)
{
	/* one more than there may be, so that too many are noticed */
	if (SPI_execute(query, true, CALENDAR_ROWS_MAX + 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the calendar");
	return (int) SPI_processed;
}

/* Names that the tables' constraints do not know end up as a refused row. */
static void
read_sessions(const StoreCatalog *catalog, MemoryContext context, UserRows *rows)
{
	bool		isnull;
	int			i;

	rows->session_count =
		select_rows(psprintf("SELECT exchange, phase, starts, ends, valid_from, valid_until"
							 " FROM %s.vnstream_session_overrides"
							 " ORDER BY exchange, valid_from, starts", catalog->schema_name));
	rows->sessions = MemoryContextAllocZero(context,
											sizeof(CalendarSession) * (rows->session_count + 1));
	for (i = 0; i < rows->session_count; i++)
	{
		CalendarSession *session = &rows->sessions[i];
		Datum		until;

		session->exchange = (Exchange) exchange_from_name(text_of(i, 1, &isnull));
		session->phase = (MarketPhase) market_phase_from_name(text_of(i, 2, &isnull));
		session->starts = DatumGetTimeADT(column_of(i, 3, &isnull)) / USECS_PER_SEC;
		session->ends = DatumGetTimeADT(column_of(i, 4, &isnull)) / USECS_PER_SEC;
		session->valid_from = DatumGetDateADT(column_of(i, 5, &isnull)) + DAYS_TO_2000;
		until = column_of(i, 6, &isnull);
		session->valid_until = isnull ? CALENDAR_FOR_EVER : DatumGetDateADT(until) + DAYS_TO_2000;
	}
}

static void
read_holidays(const StoreCatalog *catalog, MemoryContext context, UserRows *rows)
{
	bool		isnull;
	int			i;

	rows->holiday_count =
		select_rows(psprintf("SELECT day, exchange, is_holiday, name"
							 " FROM %s.vnstream_holiday_overrides"
							 " ORDER BY day, exchange", catalog->schema_name));
	rows->holidays = MemoryContextAllocZero(context,
											sizeof(CalendarHoliday) * (rows->holiday_count + 1));
	for (i = 0; i < rows->holiday_count; i++)
	{
		CalendarHoliday *holiday = &rows->holidays[i];
		char	   *text;

		holiday->day = DatumGetDateADT(column_of(i, 1, &isnull)) + DAYS_TO_2000;
		text = text_of(i, 2, &isnull);
		holiday->exchange = isnull ? EXCHANGE_ALL : (Exchange) exchange_from_name(text);
		holiday->is_holiday = DatumGetBool(column_of(i, 3, &isnull));
		text = text_of(i, 4, &isnull);
		strlcpy(holiday->name, isnull ? "holiday" : text_from_server(text), HOLIDAY_NAME_SIZE);
	}
}

static bool
fill(Calendar *calendar, const UserRows *rows, char *error)
{
	int			i;

	if (!calendar_begin(calendar))
	{
		reason_write(error, QUOTE_ERROR_SIZE, "there is no memory for the calendar");
		return false;
	}
	for (i = 0; i < rows->session_count; i++)
	{
		if (!calendar_add_session(calendar, &rows->sessions[i], error))
			return false;
	}
	for (i = 0; i < rows->holiday_count; i++)
	{
		if (!calendar_add_holiday(calendar, &rows->holidays[i], error))
			return false;
	}
	return calendar_is_sound(calendar, error);
}

static void
free_calendar(void *argument)
{
	calendar_free(argument);
}

const Calendar *
calendar_rows_read(const StoreCatalog *catalog, char *error)
{
	MemoryContext context = CurrentMemoryContext;
	Calendar   *calendar = palloc0(sizeof(Calendar));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));
	UserRows	rows;
	RoleScope	role;

	role_scope_enter(&role, catalog->owner);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	read_sessions(catalog, context, &rows);
	read_holidays(catalog, context, &rows);
	SPI_finish();
	role_scope_leave(&role);

	callback->func = free_calendar;
	callback->arg = calendar;
	MemoryContextRegisterResetCallback(context, callback);
	if (!fill(calendar, &rows, error))
	{
		calendar_free(calendar);
		calendar = NULL;
	}
	pfree(rows.sessions);
	pfree(rows.holidays);
	return calendar;
}

const Calendar *
calendar_rows_get(const StoreCatalog *catalog)
{
	char		error[QUOTE_ERROR_SIZE];
	const Calendar *calendar = calendar_rows_read(catalog, error);

	if (calendar == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("the calendar's rows do not go together: %s", error),
				 errhint("Correct %s.vnstream_session_overrides or vnstream_holiday_overrides.",
						 catalog->schema_name)));
	return calendar;
}
