/*-------------------------------------------------------------------------
 *
 * test_day.c
 *	  A match of another date, and totals that fall.
 *
 *-------------------------------------------------------------------------
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "market/day.h"
#include "source/source.h"
#include "test.h"

/* VCB on Friday, 2026-08-07, as a message of the given dates would have it. */
static bool
read_quote(Quote *quote, const char *dates)
{
	char		message[2048];
	char		error[QUOTE_ERROR_SIZE];

	snprintf(message, sizeof(message),
			 "{\"ticker\":\"VCB\",\"time\":\"2026-08-10T08:40:00+07:00\",\"price\":59700,\"volume\":134600,"
			 "\"total_volume\":6522200,\"change\":700,\"change_percent\":1.186441,\"ceiling_price\":63100,"
			 "\"floor_price\":54900,\"reference_price\":59000,\"highest_price\":60800,\"lowest_price\":58700,"
			 "\"bid_price\":59700,\"ask_price\":59800,\"open_price\":58700,\"total_value\":392536840000,"
			 "\"match_side\":\"b\",\"foreign_buy_volume\":1324078,\"foreign_room\":821552899,\"source\":\"vci\"%s}",
			 dates);
	return ok(quote_from_message(message, strlen(message), quote, error), "%s: a message %s",
			  dates, error);
}

/* Is exactly this known? Names in the order of the fields. */
static void
knows(const Quote *quote, const char *expected, const char *name)
{
	char		names[1024] = "";
	int			id;

	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		if (!quote_knows(quote, (QuoteFieldId) id))
			continue;
		if (names[0] != '\0')
			strcat(names, " ");
		strcat(names, quote_fields[id].name);
	}
	is_text(names, expected, "%s", name);
}

#define ALL "ticker time price volume total_volume change change_percent ceiling_price floor_price " \
	"reference_price highest_price lowest_price bid_price ask_price open_price total_value match_time " \
	"match_side trading_date source foreign_buy_volume foreign_room"

static void
test_other_match(void)
{
	static const char of_board[] =
		"ticker time ceiling_price floor_price reference_price bid_price ask_price trading_date source foreign_room";
	Quote		quote;

	if (read_quote(&quote, ",\"match_time\":\"2026-08-07T14:45:15+07:00\",\"trading_date\":\"2026-08-07\""))
		knows(&quote, ALL, "Friday's numbers on a Monday morning carry Friday's date");
	if (read_quote(&quote, ",\"match_time\":\"2026-08-07T14:45:15+07:00\",\"trading_date\":\"2026-08-10\""))
		knows(&quote, of_board, "but under Monday's date they are unknown");
	if (read_quote(&quote, ",\"match_time\":\"2026-08-10T09:15:00+07:00\",\"trading_date\":\"2026-08-07\""))
		knows(&quote, of_board, "as is a match of a later date than the board's");

	/* Vietnam's midnight, not UTC's, divides the days. */
	if (read_quote(&quote, ",\"match_time\":\"2026-08-09T17:00:00Z\",\"trading_date\":\"2026-08-10\""))
		knows(&quote, ALL, "17:00 UTC is the next day in Vietnam");
	if (read_quote(&quote, ",\"match_time\":\"2026-08-09T16:59:59.999999Z\",\"trading_date\":\"2026-08-10\""))
		knows(&quote, of_board, "a microsecond before is not");

	if (read_quote(&quote, ",\"trading_date\":\"2026-08-10\""))
		ok(quote_knows(&quote, QUOTE_PRICE), "without a match_time nobody knows, and nothing is forgotten");

	/* A row that has not changed on the date, or a date that is still to come. */
	if (read_quote(&quote, ",\"source_time\":\"2026-08-07T15:32:25+07:00\",\"trading_date\":\"2026-08-10\""))
		knows(&quote, "ticker time ceiling_price floor_price reference_price bid_price ask_price source_time "
			  "trading_date source foreign_room", "but a row of Friday has no match of Monday");
	if (read_quote(&quote, ",\"source_time\":\"2026-08-10T00:00:00+07:00\",\"trading_date\":\"2026-08-10\""))
		ok(quote_knows(&quote, QUOTE_PRICE), "one that has changed on Monday may have");
	if (read_quote(&quote, ",\"source_time\":\"2026-08-10T08:00:00+07:00\",\"trading_date\":\"2026-08-07\""))
		ok(quote_knows(&quote, QUOTE_PRICE), "and one of Friday may have changed since");
	if (read_quote(&quote, ",\"trading_date\":\"2026-08-11\""))
		knows(&quote, of_board, "on Monday nothing is matched on Tuesday yet");
	if (read_quote(&quote, ",\"match_time\":\"2026-08-07T14:45:15+07:00\""))
		ok(quote_knows(&quote, QUOTE_PRICE), "nor without a trading_date");
}

/* The board has begun its day, all totals are 0, and still shows the last match. */
static void
test_reset_board(void)
{
	static const char message[] =
		"{\"ticker\":\"VCB\",\"time\":\"2026-08-10T08:40:00+07:00\",\"price\":59700,\"volume\":134600,"
		"\"total_volume\":0,\"total_value\":0,\"change\":700,\"change_percent\":1.186441,"
		"\"foreign_buy_volume\":0,\"match_time\":\"2026-08-07T14:45:15+07:00\",\"trading_date\":\"2026-08-10\"}";
	Quote		quote;
	char		error[QUOTE_ERROR_SIZE];

	if (ok(quote_from_message(message, strlen(message), &quote, error), "a message %s", error))
		knows(&quote, "ticker time total_volume total_value trading_date foreign_buy_volume",
			  "totals of 0 are the new day's");
}

/* The same of a row of the board. */
static void
test_board(void)
{
	static const char body[] =
		"[{\"listingInfo\":{\"symbol\":\"VCB\",\"refPrice\":59700,\"tradingDate\":\"%s\"},"
		"\"matchPrice\":{\"symbol\":\"VCB\",\"matchPrice\":59700,\"matchVol\":134600,\"matchType\":\"b\","
		"\"accumulatedVolume\":6522200,\"accumulatedValue\":392536.84,\"highest\":60800,\"lowest\":58700,"
		"\"openPrice\":58700,\"time\":\"2026-08-07T07:45:15.000Z\"}}]";
	static const char *const dates[] = {"2026-08-07", "2026-08-10"};
	int			i;

	for (i = 0; i < 2; i++)
	{
		char		text[1024];
		char		error[SOURCE_ERROR_SIZE];
		Board		board;

		snprintf(text, sizeof(text), body, dates[i]);
		if (!ok(vci_provider.read_board(text, strlen(text), INT64_C(1786300000000000), &board, error) &&
				board.count == 1, "a row of %s", dates[i]))
			continue;
		knows(&board.quotes[0], i == 0 ?
			  "ticker time price volume total_volume change change_percent reference_price highest_price "
			  "lowest_price open_price total_value match_time match_side source_time trading_date source" :
			  "ticker time reference_price source_time trading_date source",
			  i == 0 ? "Friday's board" : "Monday's board with Friday's match");
		board_free(&board);
	}
}

static Quote
total(const char *ticker, const char *source, int64_t time, int32_t date, int64_t volume,
	  double value)
{
	Quote		quote;

	quote_clear(&quote);
	quote_set_text(&quote, QUOTE_TICKER, ticker);
	quote_set_text(&quote, QUOTE_SOURCE, source);
	quote_set_integer(&quote, QUOTE_TIME, time);
	quote_set_integer(&quote, QUOTE_TRADING_DATE, date);
	if (volume >= 0)
		quote_set_integer(&quote, QUOTE_TOTAL_VOLUME, volume);
	if (value >= 0)
		quote_set_number(&quote, QUOTE_TOTAL_VALUE, value);
	return quote;
}

static void
notes(DayTotals *totals, Quote quote, const char *expected_flag, const char *expected_reason,
	  const char *name)
{
	char		reason[QUOTE_ERROR_SIZE] = "not set";
	const char *flag = day_totals_note(totals, &quote, reason);

	is_text(flag == NULL ? "none" : flag, expected_flag, "%s", name);
	is_text(reason, expected_reason, "with its reason");
}

#define MONDAY 20675			/* 2026-08-10 */

static void
test_totals(void)
{
	DayTotals  *totals = day_totals_create();
	int			i;
	int			flags = 0;

	notes(totals, total("VCB", "vci", 1, MONDAY, 1000, 60e6), "none", "", "a first total");
	notes(totals, total("VCB", "vci", 2, MONDAY, 1000, 60e6), "none", "", "the same");
	notes(totals, total("VCB", "vci", 3, MONDAY, 1200, 72e6), "none", "", "a higher one");
	notes(totals, total("VCB", "vci", 4, MONDAY, 1100, 66e6), DAY_FLAG_VOLUME,
		  "total_volume 1100 is below 1200, which it was before on 2026-08-10", "a lower one");
	notes(totals, total("VCB", "vci", 5, MONDAY, 1100, 66e6), "none", "", "which counts from then on");
	notes(totals, total("VCB", "vci", 6, MONDAY, 1100, 65e6), DAY_FLAG_VALUE,
		  "total_value 65000000 is below 66000000, which it was before on 2026-08-10", "a lower value alone");
	notes(totals, total("VCB", "vci", 7, MONDAY, 1100, 65e6 - 10000), "none", "", "but for its rounding");
	notes(totals, total("VCB", "kbs", 8, MONDAY, 900, 54e6), "none", "", "another source has its own totals");
	notes(totals, total("FPT", "vci", 8, MONDAY, 900, 54e6), "none", "", "and another ticker");
	notes(totals, total("VCB", "vci", 5, MONDAY, 100, 6e6), "none", "", "an earlier answer that comes late is no fall");
	notes(totals, total("VCB", "vci", 9, MONDAY, -1, -1), "none", "", "unknown is no fall");
	notes(totals, total("VCB", "vci", 10, MONDAY, 1000, -1), DAY_FLAG_VOLUME,
		  "total_volume 1000 is below 1100, which it was before on 2026-08-10", "and does not make one forgotten");
	notes(totals, total("VCB", "vci", 11, MONDAY + 1, 0, 0), "none", "", "a new day begins at 0");
	notes(totals, total("VCB", "vci", 12, MONDAY + 1, 100, 6e6), "none", "", "and goes on");
	notes(totals, total("VCB", "vci", 13, MONDAY + 1, 0, 0), DAY_FLAG_VOLUME,
		  "total_volume 0 is below 100, which it was before on 2026-08-11", "a reset within the day is told");
	day_totals_free(totals);

	/* More tickers than there is room for: those that came first are watched. */
	totals = day_totals_create();
	for (i = 0; i < DAY_TOTALS_MAX + 1000; i++)
	{
		char		ticker[TICKER_MAX + 1];
		char		reason[QUOTE_ERROR_SIZE];
		Quote		quote;

		sprintf(ticker, "T%d", i);
		quote = total(ticker, "vci", 1, MONDAY, 100, -1);
		(void) day_totals_note(totals, &quote, reason);
		quote = total(ticker, "vci", 2, MONDAY, 50, -1);
		flags += day_totals_note(totals, &quote, reason) != NULL;
	}
	is_integer(flags, DAY_TOTALS_MAX, "bounded, and each of them watched");
	day_totals_free(totals);
	day_totals_free(NULL);
}

int
main(void)
{
	test_other_match();
	test_reset_board();
	test_board();
	test_totals();
	return done_testing();
}
