/*-------------------------------------------------------------------------
 *
 * quote_time.c
 *	  Dates and times of quotes as text, both ways.
 *
 * Nothing of the C library's calendar is used: it would depend on the
 * process's time zone, and is slow.  Days are counted as in H. Hinnant's
 * "chrono-compatible low-level date algorithms": a year that begins in March
 * has its leap day last, so the months before it have fixed places.
 *
 *-------------------------------------------------------------------------
 */
#include "market/quote.h"

#include <string.h>

#include "market/json.h"

#define MICROSECONDS INT64_C(1000000)
#define SECONDS_A_DAY INT64_C(86400)
#define DAYS_A_CYCLE INT64_C(146097)	/* 400 years */
#define DAYS_TO_1970 INT64_C(719468)	/* from 0000-03-01 */

/* Text that is read, from left to right. */
typedef struct Reader
{
	const char *at;
	const char *end;
} Reader;

static int64_t
days_from_date(int64_t year, int month, int day)
{
	int64_t		cycle;
	int64_t		year_of_cycle;
	int64_t		day_of_year;

	if (month <= 2)
		year--;
	cycle = (year >= 0 ? year : year - 399) / 400;
	year_of_cycle = year - cycle * 400;
	day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return cycle * DAYS_A_CYCLE + year_of_cycle * 365 + year_of_cycle / 4 -
		year_of_cycle / 100 + day_of_year - DAYS_TO_1970;
}

static void
date_from_days(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t		cycle;
	int64_t		day_of_cycle;
	int64_t		year_of_cycle;
	int64_t		day_of_year;
	int64_t		month_from_march;

	days += DAYS_TO_1970;
	cycle = (days >= 0 ? days : days - (DAYS_A_CYCLE - 1)) / DAYS_A_CYCLE;
	day_of_cycle = days - cycle * DAYS_A_CYCLE;
	year_of_cycle = (day_of_cycle - day_of_cycle / 1460 +
					 day_of_cycle / 36524 - day_of_cycle / 146096) / 365;
	day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 -
								  year_of_cycle / 100);
	month_from_march = (5 * day_of_year + 2) / 153;
	*day = (int) (day_of_year - (153 * month_from_march + 2) / 5 + 1);
	*month = (int) (month_from_march < 10 ? month_from_march + 3 :
					month_from_march - 9);
	*year = year_of_cycle + cycle * 400 + (*month <= 2 ? 1 : 0);
}

static int
days_of_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

/* Exactly count digits, making a number from least to most. */
static bool
read_number(Reader *reader, int count, int least, int most, int *number)
{
	*number = 0;
	if (reader->end - reader->at < count)
		return false;
	for (; count > 0; count--)
	{
		if (*reader->at < '0' || *reader->at > '9')
			return false;
		*number = *number * 10 + (*reader->at++ - '0');
	}
	return *number >= least && *number <= most;
}

static bool
read_character(Reader *reader, char c)
{
	if (reader->at >= reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

static bool
read_date(Reader *reader, int64_t *days)
{
	int			year;
	int			month;
	int			day;

	if (!read_number(reader, 4, 1, 9999, &year) ||
		!read_character(reader, '-') ||
		!read_number(reader, 2, 1, 12, &month) ||
		!read_character(reader, '-') ||
		!read_number(reader, 2, 1, days_of_month(year, month), &day))
		return false;
	*days = days_from_date(year, month, day);
	return true;
}

/* .1 to .123456, or nothing */
static bool
read_fraction(Reader *reader, int64_t *microseconds)
{
	int64_t		unit = MICROSECONDS;

	*microseconds = 0;
	if (!read_character(reader, '.'))
		return true;
	do
	{
		int			digit;

		if (!read_number(reader, 1, 0, 9, &digit) || unit == 1)
			return false;
		unit /= 10;
		*microseconds += digit * unit;
	} while (reader->at < reader->end &&
			 *reader->at >= '0' && *reader->at <= '9');
	return true;
}

/* Z, +hh:mm, +hhmm, or nothing, which is Vietnam's */
static bool
read_offset(Reader *reader, int64_t *offset)
{
	int			sign;
	int			hours;
	int			minutes;

	*offset = VIETNAM_UTC_OFFSET;
	if (reader->at == reader->end)
		return true;
	*offset = 0;
	if (read_character(reader, 'Z'))
		return true;

	sign = read_character(reader, '+') ? 1 :
		read_character(reader, '-') ? -1 : 0;
	if (sign == 0 || !read_number(reader, 2, 0, 15, &hours))
		return false;
	(void) read_character(reader, ':');
	if (!read_number(reader, 2, 0, 59, &minutes))
		return false;
	*offset = sign * (hours * 60 + minutes) * 60 * MICROSECONDS;
	return true;
}

bool
time_from_text(const char *text, size_t length, int64_t *time)
{
	Reader		reader = {text, text + length};
	int64_t		days;
	int			hour;
	int			minute;
	int			second;
	int64_t		microseconds;
	int64_t		offset;

	if (!read_date(&reader, &days) ||
		!(read_character(&reader, 'T') || read_character(&reader, ' ')) ||
		!read_number(&reader, 2, 0, 23, &hour) ||
		!read_character(&reader, ':') ||
		!read_number(&reader, 2, 0, 59, &minute) ||
		!read_character(&reader, ':') ||
		!read_number(&reader, 2, 0, 59, &second) ||
		!read_fraction(&reader, &microseconds) ||
		!read_offset(&reader, &offset) ||
		reader.at != reader.end)
		return false;

	*time = (days * SECONDS_A_DAY + hour * 3600 + minute * 60 + second) *
		MICROSECONDS + microseconds - offset;
	return true;
}

bool
date_from_text(const char *text, size_t length, int32_t *date)
{
	Reader		reader = {text, text + length};
	int64_t		days;

	if (!read_date(&reader, &days) || reader.at != reader.end)
		return false;
	*date = (int32_t) days;
	return true;
}

static char *
write_digits(char *text, int64_t number, int count)
{
	int			i;

	for (i = count - 1; i >= 0; i--)
	{
		text[i] = (char) ('0' + number % 10);
		number /= 10;
	}
	return text + count;
}

static char *
write_date(char *text, int64_t days)
{
	int64_t		year;
	int			month;
	int			day;

	date_from_days(days, &year, &month, &day);

	/* Years of other lengths come from damaged numbers only. */
	if (year >= 0 && year <= 9999)
		text = write_digits(text, year, 4);
	else
		text = json_write_integer(year, text);
	*text++ = '-';
	text = write_digits(text, month, 2);
	*text++ = '-';
	return write_digits(text, day, 2);
}

/* The days since 1970 in Vietnam, and the microseconds since its midnight. */
static int64_t
vietnam_days(int64_t time, int64_t *rest)
{
	const int64_t a_day = SECONDS_A_DAY * MICROSECONDS;
	int64_t		days;

	if (time > INT64_MAX - VIETNAM_UTC_OFFSET)
		time = INT64_MAX - VIETNAM_UTC_OFFSET;
	time += VIETNAM_UTC_OFFSET;
	days = time / a_day;
	*rest = time % a_day;
	if (*rest < 0)
	{
		days--;
		*rest += a_day;
	}
	return days;
}

int32_t
vietnam_date(int64_t time)
{
	int64_t		rest;

	return (int32_t) vietnam_days(time, &rest);
}

void
time_to_text(int64_t time, char *text)
{
	int64_t		rest;
	int64_t		days = vietnam_days(time, &rest);
	int64_t		seconds = rest / MICROSECONDS;

	text = write_date(text, days);
	*text++ = 'T';
	text = write_digits(text, seconds / 3600, 2);
	*text++ = ':';
	text = write_digits(text, seconds / 60 % 60, 2);
	*text++ = ':';
	text = write_digits(text, seconds % 60, 2);
	*text++ = '.';
	text = write_digits(text, rest % MICROSECONDS, 6);
	strcpy(text, "+07:00");
}

void
date_to_text(int32_t date, char *text)
{
	*write_date(text, date) = '\0';
}
