/*-------------------------------------------------------------------------
 *
 * test_candles.c
 *	  Buckets, hours of matching, and candles at their edges.  What candles are
 *	  made of quotes is tested through SQL, with captures.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "market/candles.h"
#include "test.h"

#define HOUR (60 * MICROSECONDS_PER_MINUTE)

/* 2026-08-04, a Tuesday; 2026-08-01 was a Saturday */
#define TUESDAY 20669

static int64_t
at(int day, int hour, int minute, int second)
{
	return calendar_time(day, hour * 3600 + minute * 60 + second);
}

static void
refuses(int32_t months, int32_t days, int64_t time, const char *expected)
{
	Bucket		bucket;
	const char *why = NULL;

	ok(!bucket_set(&bucket, months, days, time, &why), "%d months %d days %lld µs is no bucket",
	   months, days, (long long) time);
	has_text(why, expected, "since %s", expected);
}

static void
starts(int32_t months, int32_t days, int64_t width, int64_t time, int64_t start, int64_t end,
	   const char *name)
{
	Bucket		bucket;
	const char *why = "not set";

	ok(bucket_set(&bucket, months, days, width, &why), "%s", name);
	ok(why == NULL, "no reason");
	is_integer(bucket_start(&bucket, time), start, "starts");
	is_integer(bucket_start(&bucket, start), start, "has its start");
	is_integer(bucket_end(&bucket, start), end, "ends");
	is_integer(bucket_start(&bucket, end - 1), start, "has the moment before its end");
	is_integer(bucket_start(&bucket, end), end, "the next one begins there");
}

static void
test_buckets(void)
{
	refuses(0, 0, 0, "shorter than a minute");
	refuses(0, 0, MICROSECONDS_PER_MINUTE - 1, "shorter than a minute");
	refuses(0, 0, MICROSECONDS_PER_MINUTE + 1, "no whole number of minutes");
	refuses(0, 0, 7 * MICROSECONDS_PER_MINUTE, "does not divide");
	refuses(0, 0, MICROSECONDS_PER_DAY + HOUR, "longer");
	refuses(0, 0, INT64_MAX, "longer");
	refuses(0, 0, INT64_MIN, "negative");
	refuses(0, 32, 0, "longer");
	refuses(2, 0, 0, "longer");
	refuses(-1, 0, 0, "negative");
	refuses(0, -1, HOUR, "negative");
	refuses(0, 1, HOUR, "mixes");
	refuses(1, 1, 0, "mixes");

	starts(0, 0, MICROSECONDS_PER_MINUTE, at(TUESDAY, 14, 45, 0) - 1, at(TUESDAY, 14, 44, 0),
		   at(TUESDAY, 14, 45, 0), "a minute");
	starts(0, 0, 4 * HOUR, at(TUESDAY, 9, 15, 0), at(TUESDAY, 8, 0, 0), at(TUESDAY, 12, 0, 0),
		   "four hours, from midnight in Vietnam");
	starts(0, 0, 24 * HOUR, at(TUESDAY, 6, 59, 0), at(TUESDAY, 0, 0, 0), at(TUESDAY + 1, 0, 0, 0),
		   "24 hours are a day");
	starts(0, 7, 0, at(TUESDAY, 12, 0, 0), at(TUESDAY - 1, 0, 0, 0), at(TUESDAY + 6, 0, 0, 0),
		   "a week is from Monday");
	starts(0, 7, 0, at(2, 0, 0, 0), at(-3, 0, 0, 0), at(4, 0, 0, 0), "also over the first of 1970");
	starts(1, 0, 0, at(TUESDAY, 12, 0, 0), at(TUESDAY - 3, 0, 0, 0), at(TUESDAY + 28, 0, 0, 0),
		   "August has 31 days");
	starts(1, 0, 0, at(19782, 23, 0, 0), at(19754, 0, 0, 0), at(19783, 0, 0, 0),
		   "February 2024 has 29");
	starts(1, 0, 0, at(11016, 12, 0, 0), at(10988, 0, 0, 0), at(11017, 0, 0, 0), "February 2000 too");
	starts(1, 0, 0, at(20453, 12, 0, 0), at(20423, 0, 0, 0), at(20454, 0, 0, 0), "December ends the year");
}

static void
test_hours(void)
{
	Calendar	calendar;
	TradingHours hours;

	ok(calendar_begin(&calendar), "a calendar");
	trading_hours_set(&hours, &calendar, EXCHANGE_HOSE, TUESDAY);
	is_integer(trading_hours_between(&hours, at(TUESDAY, 0, 0, 0), at(TUESDAY + 1, 0, 0, 0)),
			   (135 + 90) * MICROSECONDS_PER_MINUTE, "HOSE matches continuously for 3:45");
	is_integer(trading_hours_between(&hours, at(TUESDAY, 11, 29, 0), at(TUESDAY, 13, 1, 0)),
			   2 * MICROSECONDS_PER_MINUTE, "lunch is not in it");
	is_integer(trading_hours_between(&hours, at(TUESDAY, 13, 0, 0), at(TUESDAY, 11, 0, 0)), 0,
			   "nothing between later and earlier");
	is_integer(trading_hours_last(&hours, at(TUESDAY, 11, 45, 0)), at(TUESDAY, 11, 30, 0) - 1,
			   "the last match of the morning is before its end");
	is_integer(trading_hours_last(&hours, at(TUESDAY, 14, 44, 59)), at(TUESDAY, 14, 30, 0) - 1,
			   "during the auction nothing is matched");
	is_integer(trading_hours_last(&hours, at(TUESDAY, 14, 45, 0)), at(TUESDAY, 14, 45, 0),
			   "but at its end");
	is_integer(trading_hours_last(&hours, at(TUESDAY, 20, 0, 0)), at(TUESDAY, 14, 45, 0),
			   "which is the day's last");
	is_integer(trading_hours_last(&hours, at(TUESDAY, 9, 20, 0)), at(TUESDAY, 9, 20, 0), "within");
	is_integer(trading_hours_last(&hours, at(TUESDAY, 8, 0, 0)), at(TUESDAY, 8, 0, 0), "before all");
	is_integer(trading_hours_of_days(&calendar, EXCHANGE_HOSE, at(TUESDAY - 4, 0, 0, 0), at(TUESDAY + 1, 0, 0, 0)),
			   3 * (135 + 90) * MICROSECONDS_PER_MINUTE, "a weekend is between Friday and Tuesday");
	calendar_free(&calendar);
}

static CandleSample
sample(const char *source, int64_t time, double price, int64_t total)
{
	CandleSample made = {.time = time,.match_time = NO_TIME,.price = price,.open = NAN,.high = NAN,
	.low = NAN,.total_value = NAN,.total_volume = total};

	strncpy(made.source, source, QUOTE_NAME_MAX);
	return made;
}

static void
test_edges(void)
{
	Calendar	calendar;
	CandleSample samples[8];
	Candle		candles[32];
	CandleList	list = {.candles = candles,.capacity = 32};
	CandleDay	day = {.date = TUESDAY,.samples = samples,.hole_limit = 3 * MICROSECONDS_PER_MINUTE};
	Bucket		bucket = {.time = MICROSECONDS_PER_MINUTE};

	calendar_begin(&calendar);
	trading_hours_set(&day.hours, &calendar, EXCHANGE_HOSE, TUESDAY);
	candles_add_day(&list, &bucket, &day);
	is_integer(list.count, 0, "no quote, no candle");

	samples[0] = sample("vci", at(TUESDAY, 9, 15, 30), 100, NO_VOLUME);
	samples[1] = sample("vci", at(TUESDAY, 9, 15, 40), 100, -5);
	day.sample_count = 2;
	candles_add_day(&list, &bucket, &day);
	is_integer(list.count, 0, "none of unknown or impossible totals");

	/* names that contain each other are two */
	samples[0] = sample("vci", at(TUESDAY, 9, 14, 30), NAN, 0);
	samples[1] = sample("vci", at(TUESDAY, 9, 15, 30), 100, 10);
	samples[2] = sample("vci", at(TUESDAY, 9, 15, 40), 100, 20);
	samples[3] = sample("vc", at(TUESDAY, 9, 30, 10), 101, 25);
	samples[4] = sample("vc", at(TUESDAY, 9, 30, 30), 101, 30);
	samples[5] = sample("vci", at(TUESDAY, 9, 30, 40), 102, 40);
	day.sample_count = 6;
	candles_add_day(&list, &bucket, &day);
	is_integer(list.count, 2, "two candles");
	is_text(candles[0].sources, "vci", "of one source");
	is_text(candles[1].sources, "vc, vci", "and of two");
	is_integer(candles[0].net_volume, 20, "volume before the hole");
	is_integer(candles[1].volume_over_hole, 5, "over it");
	is_integer(candles[1].net_volume, 15, "and after");

	/* totals at the edge of what fits */
	list.count = 0;
	samples[0] = sample("vci", at(TUESDAY, 9, 14, 30), NAN, 0);
	samples[1] = sample("vci", at(TUESDAY, 9, 15, 30), 100, INT64_MAX);
	samples[2] = sample("vci", at(TUESDAY, 9, 16, 30), 100, 0);
	samples[3] = sample("vci", at(TUESDAY, 9, 17, 30), 100, INT64_MAX);
	day.sample_count = 4;
	candles_add_day(&list, &bucket, &day);
	is_integer(list.count, 3, "no overflow");
	is_integer(candles[1].net_volume, -INT64_MAX, "taken back");
	is_integer(candles[1].corrected, INT64_MAX, "as a correction");
	ok(!candle_has_price(&candles[1]), "without a price");

	/* the same in one bucket, and over holes: as much as fits */
	list.count = 0;
	bucket.time = HOUR;
	samples[1].time = at(TUESDAY, 10, 15, 30);
	samples[2].time = at(TUESDAY, 10, 16, 30);
	samples[3].time = at(TUESDAY, 10, 17, 30);
	samples[4] = sample("vci", at(TUESDAY, 10, 18, 30), 100, 0);
	day.sample_count = 5;
	candles_add_day(&list, &bucket, &day);
	is_integer(list.count, 1, "one candle");
	is_integer(candles[0].volume_over_hole, INT64_MAX, "over the hole");
	is_integer(candles[0].corrected, INT64_MAX, "corrected twice");
	calendar_free(&calendar);
}

static void
test_append(void)
{
	Candle		sum;
	Candle		day;

	candle_begin(&sum, at(TUESDAY, 0, 0, 0));
	candle_begin(&day, at(TUESDAY, 0, 0, 0));
	day.volume_over_hole = 5;
	day.samples = 1;
	strcpy(day.sources, "vc");
	candle_append(&sum, &day);
	ok(!candle_has_price(&sum), "a day without a price brings none");
	is_text(sum.sources, "vc", "but its source");

	day = (Candle) {.open_time = at(TUESDAY, 9, 15, 0),.close_time = at(TUESDAY, 9, 15, 0),.open = 10,.high = 12,.low = 9,
	.close = 11,.net_volume = 7,.value = 70,.samples = 2,.sources = "kbs, vci"};
	candle_append(&sum, &day);
	day = (Candle) {.open_time = at(TUESDAY + 1, 9, 15, 0),.close_time = at(TUESDAY + 1, 14, 45, 0),.open = 8,.high = 11,
		.low = 8,.close = 9,.net_volume = INT64_MAX,.value = NAN,.samples = 3,.corrected = 1,.sources = "vci, kbs"};
	candle_append(&sum, &day);
	is_text(sum.sources, "vc, kbs, vci", "each source once");
	ok(sum.open == 10 && sum.high == 12 && sum.low == 8 && sum.close == 9, "prices of all days");
	is_integer(sum.net_volume, INT64_MAX, "as much volume as fits");
	ok(isnan(sum.value), "an unknown value makes the sum unknown");
	is_integer(sum.samples, 6, "samples");
	is_integer(sum.volume_over_hole, 5, "volume over holes");
	is_integer(sum.corrected, 1, "corrections");
}

int
main(void)
{
	test_buckets();
	test_hours();
	test_edges();
	test_append();
	return done_testing();
}
