/*-------------------------------------------------------------------------
 *
 * bucket.h
 *	  Stretches of time into which trades are gathered: a minute to a month, by
 *	  the clock and calendar of Vietnam.
 *
 * A bucket has its start and not its end: a match at 14:45:00 is in the minute
 * that starts at 14:45, as in the sources' own bars.
 *
 * Plain C: no PostgreSQL headers, no I/O.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_MARKET_BUCKET_H
#define VNSTREAM_MARKET_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define MICROSECONDS_PER_SECOND INT64_C(1000000)
#define MICROSECONDS_PER_MINUTE (60 * MICROSECONDS_PER_SECOND)
#define MICROSECONDS_PER_DAY (1440 * MICROSECONDS_PER_MINUTE)

/* The longest bucket in days; longer is a month, or refused. */
#define BUCKET_DAYS_MAX 31

/* Exactly one of them is not 0. */
typedef struct Bucket
{
	int			months;			/* 1: calendar months */
	int			days;			/* 7: weeks from Monday; others count from a Monday too */
	int64_t		time;			/* µs: whole minutes that divide a day evenly, from midnight */
} Bucket;

/*
 * What PostgreSQL's interval of so many months, days and µs is as a bucket.
 * False, with the reason for a person in why, where it is none: shorter than
 * a minute, not dividing the day, mixed, longer than a month.  24 hours are a
 * day.
 */
extern bool bucket_set(Bucket *bucket, int32_t months, int32_t days, int64_t time,
					   const char **why);

/* The bucket that a time (µs since 1970 UTC) is in, and the end of the one that starts there. */
extern int64_t bucket_start(const Bucket *bucket, int64_t time);
extern int64_t bucket_end(const Bucket *bucket, int64_t start);

#endif							/* VNSTREAM_MARKET_BUCKET_H */
