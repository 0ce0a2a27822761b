/*-------------------------------------------------------------------------
 *
 * columns.c
 *	  Values that several functions' result rows have in common.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "functions/columns.h"

/* The most that is worth saying about what is left: ten years. */
#define TIME_LEFT_MAX_SECONDS 315360000.0

void
column_text(Datum *value, bool *isnull, const char *text)
{
	*isnull = text[0] == '\0';
	*value = *isnull ? (Datum) 0 : CStringGetTextDatum(text);
}

void
column_time(Datum *value, bool *isnull, TimestampTz time)
{
	*isnull = time == 0;
	*value = TimestampTzGetDatum(time);
}

void
column_time_left(Datum *value, bool *isnull, int64 to_go, double rate)
{
	Interval   *left;

	*isnull = to_go <= 0 || rate <= 0 || to_go / rate > TIME_LEFT_MAX_SECONDS;
	if (*isnull)
		return;
	left = palloc0(sizeof(Interval));
	left->time = (TimeOffset) (to_go / rate) * USECS_PER_SEC;
	*value = IntervalPGetDatum(left);
}
