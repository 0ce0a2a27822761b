/*-------------------------------------------------------------------------
 *
 * bucket.c
 *	  Stretches of time into which trades are gathered.
 *
 *-------------------------------------------------------------------------
 */
#include "market/bucket.h"

#include <stddef.h>

#include "market/calendar.h"

/* 1970-01-05, the first Monday: what several days are counted from. */
#define FIRST_MONDAY 4

static int64_t
floor_to(int64_t value, int64_t width)
{
	int64_t		rest = value % width;

	return value - (rest < 0 ? rest + width : rest);
}

/*
 * The civil calendar in eras of 400 years, which all have as many days; years
 * are counted from March, so that the leap day is a year's last.
 */
static void
month_of_date(int32_t date, int *year, int *month)
{
	int32_t		day = date + 719468;	/* since 0000-03-01 */
	int32_t		era = (int32_t) (floor_to(day, 146097) / 146097);
	int32_t		of_era = day - era * 146097;
	int32_t		year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int32_t		of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int			from_march = (5 * of_year + 2) / 153;

	*month = from_march < 10 ? from_march + 3 : from_march - 9;
	*year = year_of_era + era * 400 + (*month <= 2 ? 1 : 0);
}

static int32_t
date_of_month(int year, int month)
{
	int			years = month <= 2 ? year - 1 : year;
	int32_t		era = (int32_t) (floor_to(years, 400) / 400);
	int32_t		year_of_era = years - era * 400;
	int32_t		of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719468;
}

bool
bucket_set(Bucket *bucket, int32_t months, int32_t days, int64_t time, const char **why)
{
	*bucket = (Bucket) {0};
	*why = NULL;
	if (months < 0 || days < 0 || time < 0)
		*why = "it is negative";
	else if (months == 0 && days == 0 && time < MICROSECONDS_PER_MINUTE)
		*why = "it is shorter than a minute";
	else if ((months != 0) + (days != 0) + (time != 0) > 1)
		*why = "it mixes months, days and hours";
	else if (months > 1 || days > BUCKET_DAYS_MAX || time > MICROSECONDS_PER_DAY)
		*why = "it is longer than a month, or than a day in hours";
	else if (time % MICROSECONDS_PER_MINUTE != 0)
		*why = "it is no whole number of minutes";
	else if (time != 0 && MICROSECONDS_PER_DAY % time != 0)
		*why = "it does not divide the day evenly";
	if (*why != NULL)
		return false;
	bucket->months = months;
	bucket->days = days;
	bucket->time = time;
	if (time == MICROSECONDS_PER_DAY)
	{
		bucket->days = 1;
		bucket->time = 0;
	}
	return true;
}

int64_t
bucket_start(const Bucket *bucket, int64_t time)
{
	int32_t		date;
	int			year;
	int			month;

	if (bucket->time != 0)
		return floor_to(time + VIETNAM_UTC_OFFSET, bucket->time) - VIETNAM_UTC_OFFSET;
	date = calendar_day(time);
	if (bucket->days != 0)
		return calendar_time((int32_t) floor_to(date - FIRST_MONDAY, bucket->days) + FIRST_MONDAY, 0);
	month_of_date(date, &year, &month);
	return calendar_time(date_of_month(year, month), 0);
}

int64_t
bucket_end(const Bucket *bucket, int64_t start)
{
	int			year;
	int			month;

	if (bucket->time != 0)
		return start + bucket->time;
	if (bucket->days != 0)
		return start + bucket->days * MICROSECONDS_PER_DAY;
	month_of_date(calendar_day(start), &year, &month);
	return calendar_time(month == 12 ? date_of_month(year + 1, 1) : date_of_month(year, month + 1), 0);
}
