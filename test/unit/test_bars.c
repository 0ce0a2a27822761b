/*-------------------------------------------------------------------------
 *
 * test_bars.c
 *	  Bars: what is asked of VCI and KBS, and their answers as they were
 *	  captured, value for value; and answers that are wrong.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/bars.h"
#include "source/kbs.h"
#include "source/vci.h"
#include "test.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

/* 2026-08-04 12:00:00 in Vietnam */
#define NOON INT64_C(1785819600000000)
/* 2026-08-04 00:00 in Vietnam */
#define MIDNIGHT INT64_C(1785776400000000)

typedef bool (*BarsReader) (const char *body, size_t length, const BarWindow *window,
							int64_t received_at, BarList *list, char *error);

static char error[SOURCE_ERROR_SIZE];

static BarWindow
window_of(const char *ticker, BarLength bar, int64_t from, int64_t until)
{
	BarWindow	window;

	memset(&window, 0, sizeof(window));
	strcpy(window.ticker, ticker);
	window.bar = bar;
	window.from = from;
	window.until = until;
	return window;
}

static BarWindow
all_of(const char *ticker, BarLength bar)
{
	return window_of(ticker, bar, QUOTE_TIME_MIN, NOON + DAY);
}

static bool
read_text(BarsReader reader, const char *body, const BarWindow *window, BarList *list)
{
	char	   *copy = exact_copy(body, strlen(body));
	bool		is_good = reader(copy, strlen(body), window, NOON, list, error);

	free(copy);
	return is_good;
}

static void
read_file(BarsReader reader, const char *path, const BarWindow *window, int64_t received_at,
		  BarList *list)
{
	size_t		length;
	char	   *body = read_fixture(path, &length);

	error[0] = '\0';
	ok(reader(body, length, window, received_at, list, error), "%s is read %s", path, error);
	is_integer(list->rejected, 0, "nothing of it is rejected %s", list->reason);
	free(body);
}

/* A bar as a line; value in VND. */
static const char *
line_of(const Bar *bar)
{
	static char line[200];
	static const char *const adjusted[] = {"unknown", "no", "yes"};
	char		starts[TIME_TEXT_SIZE];
	char		value[32] = "-";

	time_to_text(bar->starts, starts);
	if (!isnan(bar->value))
		snprintf(value, sizeof(value), "%.0f", bar->value);
	snprintf(line, sizeof(line), "%.16s %.10g %.10g %.10g %.10g %lld %s %s %s", starts,
			 bar->open, bar->high, bar->low, bar->close, (long long) bar->volume, value,
			 adjusted[bar->adjusted], bar->is_finished ? "finished" : "unfinished");
	return line;
}

static void
are_bars(const BarList *list, const char *const *expected, size_t count, const char *what)
{
	size_t		i;

	is_integer(list->count, count, "%s: %zu bars", what, count);
	for (i = 0; i < count && i < list->count; i++)
		is_text(line_of(&list->bars[i]), expected[i], "%s, bar %zu", what, i + 1);
}

#define ARE_BARS(list, expected, what) \
	are_bars(list, expected, sizeof(expected) / sizeof((expected)[0]), what)

/*
 * The captures.  Days of before 2026-07-23 were changed for a corporate action:
 * VCI by a factor to two decimals, KBS to a whole VND and of 07-22 only some.
 */
static void
test_vci_days(void)
{
	static const char *const vcb[] = {
		"2026-06-29T00:00 61088.72 61683.74 60890.38 61485.4 5490215 339857420000 yes finished",
		"2026-06-30T00:00 61683.74 62080.42 61386.23 61683.74 4630222 287780560000 yes finished",
		"2026-07-01T00:00 61882.08 62477.1 61584.57 62477.1 4242742 265392030000 yes finished",
		"2026-07-02T00:00 62477.1 62576.27 61584.57 61584.57 2753926 171687120000 yes finished",
		"2026-07-03T00:00 61782.91 61882.08 61485.4 61485.4 2608426 161755210000 yes finished",
		"2026-07-06T00:00 61485.4 61981.25 60196.19 60692.04 4185902 257199140000 yes finished",
		"2026-07-07T00:00 60692.04 60989.55 60394.53 60791.21 2555289 155779570000 yes finished",
		"2026-07-08T00:00 60791.21 61287.06 60592.87 61088.72 2057927 126161990000 yes finished",
		"2026-07-09T00:00 60791.21 60989.55 60493.7 60592.87 2216543 135196030000 yes finished",
		"2026-07-10T00:00 60592.87 60989.55 59997.85 59997.85 3027528 183534890000 yes finished",
		"2026-07-13T00:00 59997.85 59997.85 58311.96 58411.13 6813411 403000530000 yes finished",
		"2026-07-14T00:00 58411.13 59006.15 58113.62 58708.64 2836121 167290470000 yes finished",
		"2026-07-15T00:00 58708.64 58906.98 58212.79 58708.64 2645866 155359360000 yes finished",
		"2026-07-16T00:00 58609.47 59303.66 57915.28 58906.98 3363952 197144610000 yes finished",
		"2026-07-17T00:00 58807.81 58807.81 58014.45 58014.45 2005298 117052670000 yes finished",
		"2026-07-20T00:00 58311.96 58311.96 55832.71 56229.39 8570744 486847760000 yes finished",
		"2026-07-21T00:00 56229.39 56725.24 56130.22 56229.39 3422678 194093080000 yes finished",
		"2026-07-22T00:00 56328.56 56626.07 54047.65 54047.65 9207098 508487750000 yes finished",
		"2026-07-23T00:00 54100 54900 52600 54000 7464625 398109830000 unknown finished",
		"2026-07-24T00:00 54000 55300 53200 54100 2515532 135952380000 unknown finished",
		"2026-07-27T00:00 54500 54800 53500 54000 2605658 139665980000 unknown finished",
		"2026-07-28T00:00 53700 54600 53300 54100 2621120 140958480000 unknown finished",
		"2026-07-29T00:00 54200 54700 54000 54600 2079079 112659770000 unknown finished",
		"2026-07-30T00:00 55000 56700 54700 56500 5439189 303248280000 unknown finished",
		"2026-07-31T00:00 57700 60400 57300 59300 18337788 1085096920000 unknown finished"
	};
	static const char *const two[] = {
		"2026-08-03T00:00 59600 61000 59300 60800 7671066 462162220000 unknown finished",
		"2026-08-04T00:00 60900 60900 59900 60000 1877000 112945040000 no unfinished"
	};
	static const char *const hpg[] = {
		"2026-01-26T00:00 23880.69 23925.33 23345.05 23478.96 33821325 892527125000 yes finished",
		"2026-01-27T00:00 23523.6 23702.15 23389.69 23612.87 21036241 554313570000 yes finished",
		"2026-01-28T00:00 23702.15 24193.15 23702.15 23836.06 30011992 801736560000 yes finished",
		"2026-01-29T00:00 23925.33 24193.15 23925.33 24193.15 27633000 745309240000 yes finished",
		"2026-01-30T00:00 24371.7 24550.25 23880.69 23925.33 40604861 1096645740000 yes finished"
	};
	BarWindow	window = all_of("VCB", BAR_DAY);
	BarList		list;

	read_file(vci_read_bars, "vci/gap-chart_ONE_DAY_VCB_25bars.json", &window, NOON, &list);
	ARE_BARS(&list, vcb, "VCB's days of VCI");
	is_integer(list.sent, 25, "25 were sent");
	/* 2026-06-29 00:00 +07 */
	is_integer(list.oldest, INT64_C(1782666000000000), "the oldest one");
	bar_list_free(&list);

	read_file(vci_read_bars, "vci/gap-chart_ONE_DAY_VCB_2bars.json", &window, NOON, &list);
	ARE_BARS(&list, two, "two days, one of which goes on");
	bar_list_free(&list);

	window = all_of("HPG", BAR_DAY);
	read_file(vci_read_bars, "vci/gap-chart_ONE_DAY_HPG_5bars.json", &window, NOON, &list);
	ARE_BARS(&list, hpg, "HPG's days of VCI");
	bar_list_free(&list);

	/* of the window only what is in it, but the oldest one sent counts */
	window = window_of("VCB", BAR_DAY, MIDNIGHT, MIDNIGHT + DAY);
	read_file(vci_read_bars, "vci/gap-chart_ONE_DAY_VCB_2bars.json", &window, NOON, &list);
	are_bars(&list, &two[1], 1, "the window's day");
	is_integer(list.sent, 2, "two were sent");
	is_integer(list.oldest, MIDNIGHT - DAY, "the day before is the oldest one");
	bar_list_free(&list);
}

static void
test_vci_minutes(void)
{
	BarWindow	window = all_of("VCB", BAR_MINUTE);
	BarList		list;
	double		value = 0;
	int			unknown = 0;
	size_t		i;

	read_file(vci_read_bars, "constructed/vci_gap-chart_ONE_MINUTE_VCB_2026-08-04_morning.json",
			  &window, NOON, &list);
	is_integer(list.count, 135, "135 minutes");
	if (list.count != 135)
		return;
	/* totals run over the day there */
	is_text(line_of(&list.bars[0]),
			"2026-08-04T09:15 60900 60900 60800 60800 48300 2940970000 no finished", "the first");
	is_text(line_of(&list.bars[1]),
			"2026-08-04T09:16 60900 60900 60800 60900 6400 389660000 no finished", "the second");
	is_text(line_of(&list.bars[2]),
			"2026-08-04T09:17 60800 60900 60800 60900 5000 304300000 no finished", "the third");
	is_text(line_of(&list.bars[134]),
			"2026-08-04T11:29 60000 60100 60000 60000 7100 426350000 no finished", "the last");
	for (i = 0; i < list.count; i++)
	{
		if (isnan(list.bars[i].value))
			unknown++;
		else
			value += list.bars[i].value;
	}
	is_integer(unknown, 1, "where ticks were lost the value is unknown");
	is_number(value, 103512930000.0, "the others add up to the total of the tape without it");
	bar_list_free(&list);

	/* the minute that goes on, and one whose last trades may yet come */
	read_file(vci_read_bars, "constructed/vci_gap-chart_ONE_MINUTE_VCB_2026-08-04_morning.json",
			  &window, MIDNIGHT + 11 * HOUR + 30 * 60 * SECOND + 59 * SECOND, &list);
	ok(!list.bars[134].is_finished && list.bars[133].is_finished,
	   "a minute is finished a minute after its end");
	bar_list_free(&list);
}

static void
test_kbs_days(void)
{
	static const char *const vcb[] = {
		"2026-07-16T00:00 58666 59361 57971 58964 3349700 - yes finished",
		"2026-07-17T00:00 58865 58865 58071 58071 1990100 - yes finished",
		"2026-07-20T00:00 58368 58368 55887 56284 8536800 - yes finished",
		"2026-07-21T00:00 56284 56780 56185 56284 3413200 - yes finished",
		"2026-07-22T00:00 56383 56681 54100 54100 9173400 - yes finished",
		"2026-07-23T00:00 54100 54900 52600 54000 7435600 398109830000 unknown finished",
		"2026-07-24T00:00 54000 55300 53200 54100 2503700 135952380000 unknown finished",
		"2026-07-27T00:00 54500 54800 53500 54000 2581300 139665980000 unknown finished",
		"2026-07-28T00:00 53700 54600 53300 54100 2607000 140958480000 unknown finished",
		"2026-07-29T00:00 54200 54700 54000 54600 2072300 112659770000 unknown finished",
		"2026-07-30T00:00 55000 56700 54700 56500 5427800 303248280000 unknown finished"
	};
	BarWindow	window = all_of("VCB", BAR_DAY);
	BarList		list;

	read_file(kbs_read_bars, "kbs/stocks_VCB_data_day.json", &window, NOON, &list);
	ARE_BARS(&list, vcb, "VCB's days of KBS");
	bar_list_free(&list);
}

static void
is_request(bool (*make) (const char *, const BarWindow *, SourceRequest *),
		   const BarWindow *window, const char *url, const char *body, const char *name)
{
	SourceRequest request;

	ok(make("http://h/", window, &request), "a request: %s", name);
	is_text(request.url, url, "its URL: %s", name);
	is_text(request.body != NULL ? request.body : "", body, "its body: %s", name);
	source_request_free(&request);
}

static void
test_requests(void)
{
	BarWindow	window;
	BarList		list;

	/* 09:00 to 09:30: up to the minute before the end */
	window = window_of("VCB", BAR_MINUTE, MIDNIGHT + 9 * HOUR, MIDNIGHT + 9 * HOUR + 1800 * SECOND);
	is_request(vci_bars_request, &window, "http://h/chart/OHLCChart/gap-chart",
			   "{\"timeFrame\":\"ONE_MINUTE\",\"symbols\":[\"VCB\"],\"to\":1785810599,\"countBack\":31}",
			   "half an hour");
	window = window_of("VCB", BAR_DAY, MIDNIGHT - 2 * DAY, MIDNIGHT + DAY);
	/* the 4th, as VCI stamps it */
	is_request(vci_bars_request, &window, "http://h/chart/OHLCChart/gap-chart",
			   "{\"timeFrame\":\"ONE_DAY\",\"symbols\":[\"VCB\"],\"to\":1785801600,\"countBack\":10}",
			   "three days");
	window = window_of("VCB", BAR_HOUR, QUOTE_TIME_MIN, MIDNIGHT);
	is_request(vci_bars_request, &window, "http://h/chart/OHLCChart/gap-chart",
			   "{\"timeFrame\":\"ONE_HOUR\",\"symbols\":[\"VCB\"],\"to\":1785776399,\"countBack\":1000}",
			   "all hours");

	memset(&list, 0, sizeof(list));
	list.sent = 1000;
	list.oldest = MIDNIGHT - 90 * DAY;
	is_integer(vci_bars_next(&window, &list), list.oldest, "the next piece ends where this begins");
	list.oldest = MIDNIGHT;
	is_integer(vci_bars_next(&window, &list), window.from, "a source that does not go back ends it");
	list.sent = 0;
	list.oldest = INT64_MAX;
	is_integer(vci_bars_next(&window, &list), window.from, "an empty piece is the last");

	window = window_of("VCB", BAR_DAY, MIDNIGHT - 2 * DAY, MIDNIGHT + DAY);
	is_request(kbs_bars_request, &window,
			   "http://h/stocks/VCB/data_day?sdate=02-08-2026&edate=04-08-2026", "", "three days");
	ok(kbs_bars_next(&window, &list) <= window.from, "and that is all");
	window = window_of("VCB", BAR_MINUTE, MIDNIGHT - 7 * DAY + HOUR, MIDNIGHT + 10 * HOUR);
	is_request(kbs_bars_request, &window,
			   "http://h/stocks/VCB/data_1P?sdate=31-07-2026&edate=04-08-2026", "", "minutes of days");
	is_integer(kbs_bars_next(&window, &list), MIDNIGHT - 4 * DAY, "the next piece");
	window.until = MIDNIGHT - 4 * DAY;
	is_request(kbs_bars_request, &window,
			   "http://h/stocks/VCB/data_1P?sdate=28-07-2026&edate=30-07-2026", "", "the rest of them");
	ok(kbs_bars_next(&window, &list) <= window.from, "is the last piece");
	window = window_of("VNINDEX", BAR_MINUTE, MIDNIGHT, MIDNIGHT + DAY);
	window.is_index = true;
	is_request(kbs_bars_request, &window,
			   "http://h/index/VNINDEX/data_1P?sdate=04-08-2026&edate=04-08-2026", "", "an index");
}

/* VCI's answer of one day with one column replaced. */
static const char *
vci_day(const char *o, const char *h, const char *l, const char *c, const char *v, const char *t)
{
	static char body[1000];

	snprintf(body, sizeof(body),
			 "[{\"symbol\":\"VCB\",\"o\":[%s],\"h\":[%s],\"l\":[%s],\"c\":[%s],\"v\":[%s],\"t\":[%s]}]",
			 o, h, l, c, v, t);
	return body;
}

/* The second of two days is wrong: it is rejected, and the first kept. */
static void
rejects_vci(const char *body, const char *reason)
{
	BarWindow	window = all_of("VCB", BAR_DAY);
	BarList		list;

	if (!ok(read_text(vci_read_bars, body, &window, &list), "read, but one bar: %s", reason))
	{
		diag("%s", error);
		return;
	}
	is_integer(list.count, 1, "the other bar is kept: %s", reason);
	is_integer(list.rejected, 1, "one is rejected: %s", reason);
	has_text(list.reason, reason, "the reason");
	bar_list_free(&list);
}

static void
refuses(BarsReader reader, const char *body, bool is_index, const char *expected)
{
	BarWindow	window = all_of(is_index ? "VNINDEX" : "VCB", BAR_DAY);
	BarList		list;

	window.is_index = is_index;
	ok(!read_text(reader, body, &window, &list), "refused: %.60s", body);
	has_text(error, expected, "why");
	ok(list.bars == NULL, "nothing is left to free");
}

#define DAY_1 "1785715200"
#define DAY_2 "1785801600"
#define DAYS "\"" DAY_1 "\",\"" DAY_2 "\""

static void
test_vci_wrong(void)
{
	BarWindow	window = all_of("VCB", BAR_DAY);
	BarList		list;

	rejects_vci(vci_day("100,null", "110,110", "90,90", "100,100", "1,1", DAYS), "o is null");
	rejects_vci(vci_day("100,100", "110,\"110\"", "90,90", "100,100", "1,1", DAYS), "h is a string");
	rejects_vci(vci_day("100,100", "110,110", "90,{}", "100,100", "1,1", DAYS), "l is an object");
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,true", "1,1", DAYS), "c is true");
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,100", "1,\"200.0\"", DAYS), "v is a string");
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,100", "1,1.5", DAYS), "v is 1.5");
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,100", "1,-1", DAYS), "volume -1");
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,100", "1,9e15", DAYS), "volume 9000000000000000");
	rejects_vci(vci_day("100,100", "110,90", "90,110", "100,100", "1,1", DAYS), "low 110 is above high 90");
	rejects_vci(vci_day("100,120", "110,110", "90,90", "100,100", "1,1", DAYS), "open 120 is not between");
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,80", "1,1", DAYS), "close 80 is not between");
	rejects_vci(vci_day("100,0", "110,0", "90,0", "100,0", "1,0", DAYS), "low 0 is not positive");
	rejects_vci(vci_day("100,-5", "110,110", "90,-5", "100,100", "1,1", DAYS), "low -5 is not positive");
	rejects_vci(vci_day("100,60.8", "110,61", "90,59.3", "100,60", "1,1", DAYS), "is it in thousands?");
	rejects_vci(vci_day("100,2e9", "110,2e9", "90,90", "100,100", "1,1", DAYS), "above 1000000000");
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,100", "1,1", "\"" DAY_1 "\",\"soon\""), "t is a string");
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,100", "1,1", "\"" DAY_1 "\",null"), "t is null");
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,100", "1,1", "\"" DAY_1 "\",\"\""), "t is a string");
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,100", "1,1", "\"" DAY_1 "\",\"-5\""), "t is a string");
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,100", "1,1", "\"" DAY_1 "\",1e300"), "t is a number");
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,100", "1,1", "\"" DAY_1 "\",\"99999999999\""), "s since 1970");
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,100", "1,1", "\"" DAY_1 "\",\"1785888000\""), "in the future");
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,100", "1,1", "\"" DAY_1 "\",\"800000000\""), "before the market");
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,100", "1,1", "\"" DAY_1 "\",\"" DAY_1 "\""), "it is there twice");
	/* a day as milliseconds */
	rejects_vci(vci_day("100,100", "110,110", "90,90", "100,100", "1,1", "\"" DAY_1 "\",\"1785801600000\""), "t is a string");

	/* t as numbers, and not in order: taken */
	ok(read_text(vci_read_bars, vci_day("100,101", "110,110", "90,90", "100,100", "1,1", DAY_2 "," DAY_1),
				 &window, &list), "times as numbers are read %s", error);
	ok(list.count == 2 && list.rejected == 0 && list.bars[0].open == 101 && list.bars[1].open == 100,
	   "and brought in order");
	ok(isnan(list.bars[0].value), "without totals the value is unknown");
	bar_list_free(&list);

	ok(read_text(vci_read_bars, "[]", &window, &list) && list.count == 0 && list.sent == 0,
	   "an unknown symbol: an empty answer");
	bar_list_free(&list);
	ok(read_text(vci_read_bars, vci_day("", "", "", "", "", ""), &window, &list) && list.count == 0,
	   "no bar at all");
	bar_list_free(&list);

	window.bar = BAR_MINUTE;
	ok(read_text(vci_read_bars, vci_day("100", "110", "90", "100", "1", "1785801630"), &window, &list) &&
	   list.count == 0 && list.rejected == 1, "half a minute is rejected");
	has_text(list.reason, "not a whole minute", "the reason");
	bar_list_free(&list);

	refuses(vci_read_bars, vci_day("100", "110,110", "90,90", "100,100", "1,1", DAYS), false,
			"\"h\" has 2 elements where \"o\" has 1");
	refuses(vci_read_bars, vci_day("100,100", "110,110", "90,90", "100,100", "1,1", "\"" DAY_1 "\""), false,
			"\"t\" has 1 elements");
	refuses(vci_read_bars, "[{\"symbol\":\"FPT\",\"o\":[],\"h\":[],\"l\":[],\"c\":[],\"v\":[],\"t\":[]}]", false,
			"the answer is of \"FPT\", VCB was asked for");
	refuses(vci_read_bars, "[{\"o\":[],\"h\":[],\"l\":[],\"c\":[],\"v\":[],\"t\":[]}]", false, "no \"symbol\"");
	refuses(vci_read_bars, "[{\"symbol\":\"VCB\",\"o\":[],\"h\":[],\"l\":[],\"c\":[],\"v\":[]}]", false,
			"\"t\" is not an array");
	refuses(vci_read_bars, "[{\"symbol\":\"VCB\",\"o\":1,\"h\":[],\"l\":[],\"c\":[],\"v\":[],\"t\":[]}]", false,
			"\"o\" is not an array");
	refuses(vci_read_bars, "[{\"symbol\":\"VCB\",\"o\":[1e400]}]", false, "malformed");
	refuses(vci_read_bars, "[{\"symbol\":\"VCB\",\"o\":[1", false, "malformed");
	refuses(vci_read_bars, "[1]", false, "no \"symbol\"");
	refuses(vci_read_bars, "<!DOCTYPE html><title>Just a moment...</title>", false, "HTML, not JSON");
	refuses(vci_read_bars, "{\"statusCode\":400}", false, "a JSON object, an array was expected");
	refuses(vci_read_bars, "", false, "empty");
	refuses(vci_read_bars, "  \n", false, "empty");
	refuses(vci_read_bars, "Forbidden", false, "not JSON");
}

#define KBS_GOOD "{\"t\":\"2026-08-03 07:00\",\"o\":100,\"h\":110,\"l\":90,\"c\":100,\"v\":1,\"va\":100}"

static void
kbs_rejects(const char *bar, const char *reason)
{
	BarWindow	window = all_of("VCB", BAR_DAY);
	char		body[1000];
	BarList		list;

	snprintf(body, sizeof(body), "{\"symbol\":\"VCB\",\"data_day\":[%s,%s]}", bar, KBS_GOOD);
	if (!ok(read_text(kbs_read_bars, body, &window, &list), "read, but one bar: %s", reason))
	{
		diag("%s", error);
		return;
	}
	is_integer(list.count, 1, "the other bar is kept: %s", reason);
	is_integer(list.rejected, 1, "one is rejected: %s", reason);
	has_text(list.reason, reason, "the reason");
	bar_list_free(&list);
}

static void
test_kbs_wrong(void)
{
	BarWindow	window = all_of("VCB", BAR_DAY);
	BarList		list;

	kbs_rejects("{\"t\":\"2026-08-04 07:00\",\"o\":100,\"h\":110,\"l\":90,\"c\":100}", "v is missing");
	kbs_rejects("{\"t\":\"2026-08-04 07:00\",\"o\":null,\"h\":110,\"l\":90,\"c\":100,\"v\":1}", "o is null");
	kbs_rejects("{\"t\":\"2026-08-04 07:00\",\"o\":\"0x64\",\"h\":110,\"l\":90,\"c\":100,\"v\":1}", "o is a string");
	kbs_rejects("{\"t\":\"2026-08-04 07:00\",\"o\":100,\"h\":90,\"l\":110,\"c\":100,\"v\":1}", "low 110 is above");
	kbs_rejects("{\"t\":\"2026-08-04 07:00\",\"o\":100,\"h\":110,\"l\":90,\"c\":100,\"v\":-1}", "volume -1 is not between");
	kbs_rejects("{\"t\":\"2026-08-04 07:00\",\"o\":100,\"h\":110,\"l\":90,\"c\":100,\"v\":1,\"va\":-1}", "value -1");
	kbs_rejects("{\"t\":\"2026-08-04 07:00\",\"o\":100,\"h\":110,\"l\":90,\"c\":100,\"v\":1,\"va\":[]}", "va is an array");
	kbs_rejects("{\"t\":\"2026-08-05 07:00\",\"o\":100,\"h\":110,\"l\":90,\"c\":100,\"v\":1}", "in the future");
	kbs_rejects("{\"t\":\"1999-08-05 07:00\",\"o\":100,\"h\":110,\"l\":90,\"c\":100,\"v\":1}", "before the market");
	kbs_rejects("{\"t\":\"04/08/2026\",\"o\":100,\"h\":110,\"l\":90,\"c\":100,\"v\":1}", "not a minute");
	kbs_rejects("{\"t\":\"2026-02-30 07:00\",\"o\":100,\"h\":110,\"l\":90,\"c\":100,\"v\":1}", "not a minute");
	kbs_rejects("{\"t\":1785801600,\"o\":100,\"h\":110,\"l\":90,\"c\":100,\"v\":1}", "not a minute");
	kbs_rejects("{\"o\":100,\"h\":110,\"l\":90,\"c\":100,\"v\":1}", "t is missing");
	kbs_rejects("17", "the bar is a number");
	kbs_rejects("{\"t\":\"2026-08-04 07:00\",\"o\":1e400}", "1e400");
	kbs_rejects("{\"t\":\"2026-08-04 07:00\",\"o\":1,\"o\":2}", "\"o\"");
	kbs_rejects(KBS_GOOD, "it is there twice");

	/* numbers as strings, as on the board */
	ok(read_text(kbs_read_bars, "{\"symbol\":\"VCB\",\"data_day\":[{\"t\":\"2026-08-03 07:00:00\",\"o\":\"22000.0\","
				 "\"h\":22000,\"l\":\"21000\",\"c\":22000,\"v\":\"1200\",\"va\":null}]}", &window, &list) &&
	   list.count == 1 && list.bars[0].open == 22000 && list.bars[0].volume == 1200 &&
	   isnan(list.bars[0].value), "numbers as strings are read %s", error);
	bar_list_free(&list);

	refuses(kbs_read_bars, "{\"symbol\":\"FPT\",\"data_day\":[]}", false, "the answer is of \"FPT\"");
	refuses(kbs_read_bars, "{\"data_day\":[]}", false, "no \"symbol\"");
	refuses(kbs_read_bars, "{\"symbol\":\"VCB\",\"data_1P\":[]}", false, "without an array \"data_day\"");
	refuses(kbs_read_bars, "{\"symbol\":\"VCB\",\"data_day\":{}}", false, "without an array \"data_day\"");
	refuses(kbs_read_bars, "{\"symbol\":\"VCB\",\"data_day\":[", false, "malformed");
	refuses(kbs_read_bars, "[]", false, "no \"symbol\"");
	refuses(kbs_read_bars, "No context-path matches the request URI.", false, "not JSON");
	refuses(kbs_read_bars, "", false, "empty");
	refuses(kbs_read_bars, "{\"symbol\":\"HNXINDEX\",\"data_day\":[]}", true, "VNINDEX was asked for");
}

static void
test_index(void)
{
	BarWindow	window = window_of("VNINDEX", BAR_MINUTE, MIDNIGHT, MIDNIGHT + DAY);
	BarList		list;

	window.is_index = true;
	ok(read_text(kbs_read_bars, "{\"symbol\":\"VNINDEX\",\"data_1P\":["
				 "{\"t\":\"2026-08-04 11:59\",\"o\":\"1860.90\",\"h\":\"1861.35\",\"l\":1855.67,\"c\":1856,\"v\":\"1200\",\"va\":5},"
				 "{\"t\":\"2026-08-04 11:58\",\"o\":82.1,\"h\":82.5,\"l\":82,\"c\":82.33}]}", &window, &list),
	   "an index's minutes are read %s", error);
	is_integer(list.count, 2, "points are no prices: none is too small");
	is_integer(list.bars[0].volume, BAR_VOLUME_UNKNOWN, "an index may have no volume");
	is_text(line_of(&list.bars[1]), "2026-08-04T11:59 1860.9 1861.35 1855.67 1856 1200 5 no unfinished",
			"the last minute goes on");
	bar_list_free(&list);
}

static void
test_settle(void)
{
	Bar			bar = {.starts = MIDNIGHT - DAY, .open = 120000, .high = 120000, .low = 118000,
		.close = 119000, .volume = 1000, .value = 119e6};

	bar_settle(&bar, BAR_DAY, "VNM", NOON);
	ok(bar.adjusted == BAR_ADJUSTED_UNKNOWN, "a price on the ticks tells nothing");
	bar.value = 238e6;
	bar_settle(&bar, BAR_DAY, "VNM", NOON);
	ok(bar.adjusted == BAR_ADJUSTED_YES, "more value than its highest price allows: halved for a split");
	bar.value = NAN;
	bar.close = 119050;
	bar_settle(&bar, BAR_DAY, "VNM", NOON);
	ok(bar.adjusted == BAR_ADJUSTED_YES, "119,050 is between two ticks of a share");
	bar_settle(&bar, BAR_DAY, "FUEVFVND", NOON);
	ok(bar.adjusted == BAR_ADJUSTED_UNKNOWN, "an ETF has other ticks");
	bar.close = 119050.5;
	bar_settle(&bar, BAR_DAY, "FUEVFVND", NOON);
	ok(bar.adjusted == BAR_ADJUSTED_YES, "but no half VND");
	bar_settle(&bar, BAR_DAY, "VNM", MIDNIGHT - 1);
	ok(bar.adjusted == BAR_ADJUSTED_NO, "on its own day nothing is adjusted yet");
	bar_settle(&bar, BAR_DAY, "VNM", bar.starts + 15 * HOUR + 899 * SECOND);
	ok(!bar.is_finished, "a day goes on until 15:15");
	bar_settle(&bar, BAR_DAY, "VNM", bar.starts + 15 * HOUR + 900 * SECOND);
	ok(bar.is_finished, "and then is finished");
	is_integer(bar_day(-1), -7 * HOUR, "a day before 1970");
}

int
main(void)
{
	test_vci_days();
	test_vci_minutes();
	test_kbs_days();
	test_requests();
	test_vci_wrong();
	test_kbs_wrong();
	test_index();
	test_settle();
	return done_testing();
}
