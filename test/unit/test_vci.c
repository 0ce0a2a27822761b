/*-------------------------------------------------------------------------
 *
 * test_vci.c
 *	  Provider "vci": its requests, and its answers as they were captured.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/json.h"
#include "market/rules.h"
#include "source/reading.h"
#include "source/source.h"
#include "test.h"

/* 2026-08-04 11:29:58.104512 in Vietnam */
#define RECEIVED INT64_C(1785817798104512)

static bool
read_board(const char *body, size_t length, Board *board, char *error)
{
	char	   *copy = exact_copy(body, length);
	bool		is_good = vci_provider.read_board(copy, length, RECEIVED, board,
												  error);

	free(copy);
	return is_good;
}

static bool
read_board_fixture(const char *path, Board *board)
{
	size_t		length;
	char	   *body = read_fixture(path, &length);
	char		error[SOURCE_ERROR_SIZE];
	bool		is_good = vci_provider.read_board(body, length, RECEIVED, board,
												  error);

	ok(is_good, "%s is read", path);
	if (!is_good)
		diag("%s", error);
	free(body);
	return is_good;
}

/* The message that the one quote of a board becomes. */
static void
is_message(const Quote *quote, const char *expected, const char *name)
{
	char		json[QUOTE_JSON_SIZE];

	quote_to_json(quote, json);
	is_text(json, expected, "%s", name);
}

static const Quote *
find_quote(const Board *board, const char *ticker)
{
	size_t		i;

	for (i = 0; i < board->count; i++)
	{
		if (strcmp(board->quotes[i].ticker, ticker) == 0)
			return &board->quotes[i];
	}
	ok(false, "a quote of %s", ticker);
	exit(done_testing());
}

static const char *
find_refusal(const Board *board, const char *ticker)
{
	size_t		i;

	for (i = 0; i < board->refusal_count; i++)
	{
		if (strcmp(board->refusals[i].ticker, ticker) == 0)
			return board->refusals[i].reason;
	}
	return "(not refused)";
}

static bool
knows_none(const Quote *quote, const QuoteFieldId *fields, size_t count)
{
	size_t		i;

	for (i = 0; i < count; i++)
	{
		if (quote_knows(quote, fields[i]))
			return false;
	}
	return true;
}

static const QuoteFieldId match_fields[] = {
	QUOTE_PRICE, QUOTE_VOLUME, QUOTE_CHANGE, QUOTE_CHANGE_PERCENT,
	QUOTE_MATCH_TIME, QUOTE_MATCH_SIDE
};

#define MATCH_FIELDS (sizeof(match_fields) / sizeof(match_fields[0]))

/* The one real capture, byte for byte, every field of it. */
static void
test_capture(void)
{
	Board		board;

	if (!read_board_fixture("vci/getList_VCB_2026-08-04_lunch.json", &board))
		return;
	is_integer((int64_t) board.count, 1, "one quote");
	is_integer((int64_t) board.refusal_count, 0, "no refusal");
	is_message(&board.quotes[0],
			   "{\"ticker\":\"VCB\",\"time\":\"2026-08-04T11:29:58.104512+07:00\","
			   "\"price\":60000,\"volume\":200,\"total_volume\":1877000,"
			   "\"change\":-800,\"change_percent\":-1.315789,"
			   "\"ceiling_price\":65000,\"floor_price\":56600,"
			   "\"reference_price\":60800,\"highest_price\":60900,"
			   "\"lowest_price\":59900,\"bid_price\":60000,\"ask_price\":60100,"
			   "\"open_price\":60900,\"total_value\":112945040000,"
			   "\"match_time\":\"2026-08-04T11:29:57.692000+07:00\","
			   "\"match_side\":\"s\","
			   "\"source_time\":\"2026-08-04T11:29:57.692000+07:00\","
			   "\"trading_date\":\"2026-08-04\",\"session\":\"LO_MORNING\","
			   "\"exchange\":\"HOSE\",\"source\":\"vci\","
			   "\"bid_volume\":33200,\"bid_price_2\":59900,\"bid_volume_2\":70800,"
			   "\"bid_price_3\":59800,\"bid_volume_3\":84000,"
			   "\"ask_volume\":15700,\"ask_price_2\":60200,\"ask_volume_2\":57500,"
			   "\"ask_price_3\":60300,\"ask_volume_3\":85800,"
			   "\"foreign_buy_volume\":317385,\"foreign_sell_volume\":86520,"
			   "\"foreign_buy_value\":19104298000,"
			   "\"foreign_sell_value\":5215372000,\"foreign_room\":823957987,\"listed_shares\":8355675094}",
			   "VCB at the lunch break of 2026-08-04");
	is_text(board.listings[0].kind, "STOCK", "its kind");
	is_text(board.listings[0].isin, "VN000000VCB4", "its ISIN");
	is_text(board.listings[0].trading_status, "TRADING_ACTIVATED", "its trading status");
	is_integer(board.listings[0].listed_shares, INT64_C(8355675094), "its listed shares");
	board_free(&board);
	ok(board.quotes == NULL && board.count == 0, "a freed board is empty");
}

static void
test_multi(void)
{
	static const QuoteFieldId of_bids[] = {
		QUOTE_BID_PRICE, QUOTE_BID_PRICE_2, QUOTE_BID_PRICE_3
	};
	static const QuoteFieldId of_day[] = {
		QUOTE_HIGHEST_PRICE, QUOTE_LOWEST_PRICE, QUOTE_OPEN_PRICE
	};
	Board		board;
	const Quote *quote;
	const char *rule;
	char		error[QUOTE_ERROR_SIZE];
	size_t		i;
	size_t		good = 0;

	if (!read_board_fixture("constructed/vci_getList_multi.json", &board))
		return;
	is_integer((int64_t) board.count, 10, "ten quotes");
	is_integer((int64_t) board.refusal_count, 0, "no refusal");
	for (i = 0; i < board.count; i++)
	{
		Quote		later = board.quotes[i];

		/* The rows are of three days later. */
		quote_set_integer(&later, QUOTE_TIME, RECEIVED + 4 * QUOTE_TIME_AHEAD);
		good += rules_accept(&later, later.time, &rule, error);
	}
	is_integer((int64_t) good, 10, "all of which keep the rules");

	quote = find_quote(&board, "HPG");
	is_number(quote->price, 22000, "HPG's price");
	is_number(quote->change, 150, "its change");
	is_number(quote->change_percent, 0.686499, "in percent");
	is_integer(quote->total_volume, 13018100, "its volume");
	is_number(quote->total_value, 287111730000.0, "and value in VND");
	ok(!quote_knows(quote, QUOTE_MATCH_SIDE), "\"unknown\" is no side");
	is_text(find_quote(&board, "VNM")->exchange, "HOSE", "HSX is HOSE");
	is_text(find_quote(&board, "SHS")->exchange, "HNX", "HNX is HNX");
	is_text(find_quote(&board, "ACV")->exchange, "UPCOM", "UPCOM is UPCOM");
	is_text(find_quote(&board, "ACV")->match_side, "b", "a buyer's match");

	/* No match on the day, once with zeros and once with nulls. */
	quote = find_quote(&board, "A32");
	ok(knows_none(quote, match_fields, MATCH_FIELDS), "A32 has no match");
	ok(knows_none(quote, of_day, 3), "nor high, low, open");
	ok(quote_knows(quote, QUOTE_TOTAL_VOLUME) && quote->total_volume == 0 &&
	   quote_knows(quote, QUOTE_TOTAL_VALUE), "nothing traded is a fact");
	is_number(quote->reference_price, 33100, "it has its limits");
	ok(knows_none(quote, of_bids, 3) && quote_knows(quote, QUOTE_BID_VOLUME) &&
	   quote_knows(quote, QUOTE_ASK_VOLUME_3) && quote->bid_volume[0] == 0 &&
	   quote->ask_volume[2] == 0, "its book is empty: no price, volume 0");
	ok(!quote_knows(quote, QUOTE_SOURCE_TIME), "no time of the source");
	quote = find_quote(&board, "DPP");
	ok(knows_none(quote, match_fields, MATCH_FIELDS) &&
	   knows_none(quote, of_day, 3), "DPP has no match either");
	is_number(quote->bid_price[0], 28000, "but a bid");
	ok(quote_knows(quote, QUOTE_BID_VOLUME_2) && quote->bid_volume[1] == 0 &&
	   !quote_knows(quote, QUOTE_BID_PRICE_2), "one level of it");

	quote = find_quote(&board, "HBC");
	ok(quote_knows(quote, QUOTE_ASK_PRICE_2) && quote->ask_price[1] == 6300 &&
	   !quote_knows(quote, QUOTE_ASK_PRICE_3), "HBC has two levels of asks");

	/* Suspended for months: the time is the source's, not a match's. */
	quote = find_quote(&board, "SUS");
	ok(knows_none(quote, match_fields, MATCH_FIELDS), "SUS has no match");
	ok(quote_knows(quote, QUOTE_SOURCE_TIME), "but a row of some time");
	is_integer(quote->time, RECEIVED, "while its time is the answer's");
	is_integer(quote->trading_date, 20395, "and its date the board's");

	/* An order at any price in the opening auction. */
	quote = find_quote(&board, "ATOX");
	ok(!quote_knows(quote, QUOTE_BID_PRICE), "ATO orders have no price");
	is_integer(quote->bid_volume[0], 150000, "but a volume");
	is_number(quote->bid_price[1], 25200, "and others behind them do");
	ok(!quote_knows(quote, QUOTE_ASK_PRICE_3) && quote->ask_volume[2] == 0,
	   "a level of zeros is an empty one");
	is_text(quote->session, "ATO", "in its session");

	/* Delisted: nearly nothing is there. */
	is_message(find_quote(&board, "NUL"),
			   "{\"ticker\":\"NUL\",\"time\":\"2026-08-04T11:29:58.104512+07:00\","
			   "\"price\":null,\"volume\":null,\"total_volume\":null,"
			   "\"change\":null,\"change_percent\":null,\"ceiling_price\":null,"
			   "\"floor_price\":null,\"reference_price\":null,"
			   "\"highest_price\":null,\"lowest_price\":null,"
			   "\"bid_price\":null,\"ask_price\":null,\"source\":\"vci\"}",
			   "NUL has only nulls");
	board_free(&board);
}

static void
test_hostile(void)
{
	static const struct
	{
		const char *ticker;
		const char *reason;
	}			refused[] =
	{
		{"H04", "\"matchPrice.accumulatedVolume\" is a number (1e+300), a number of 64 bits was expected"},
		{"H09", "\"matchPrice.accumulatedVolume\" is a number (123.5), a whole number of shares was expected"},
		{"H10", "\"matchPrice.time\" is a string (\"not a time\"), a time such as \"2026-08-04T04:29:57.692Z\" was expected"},
		{"H13", "\"bidAsk.bidPrices\" is an object, an array was expected"},
		{"H14", "\"matchPrice.matchPrice\" is true, a number was expected"},
		{"", "\"listingInfo.symbol\" is a string (\"\\\"; DROP TABLE\"), a ticker of 1 to 20 letters A-Z and digits was expected"}
	};
	Board		board;
	const Quote *quote;
	const char *rule;
	char		error[QUOTE_ERROR_SIZE];
	size_t		i;

	if (!read_board_fixture("constructed/vci_getList_hostile.json", &board))
		return;
	is_integer((int64_t) board.count, 9, "nine quotes");
	is_integer((int64_t) board.refusal_count, 6, "six refusals");
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		is_text(find_refusal(&board, refused[i].ticker), refused[i].reason,
				"refused: %s", refused[i].ticker);

	is_number(find_quote(&board, "H05")->price, 20500, "a price in quotes");
	is_integer(find_quote(&board, "H06")->volume, 100, "\"100.0\" shares");
	quote = find_quote(&board, "H07");
	is_number(quote->reference_price, 20000, "limits of 0: matchPrice's count");
	is_number(quote->change, 500, "so that there is a change");

	/* Well-formed but impossible: the rules' matter. */
	ok(!rules_accept(find_quote(&board, "H02"), RECEIVED, &rule, error) &&
	   strcmp(rule, "price_minimum") == 0, "H02's price of -1");
	ok(!rules_accept(find_quote(&board, "H03"), RECEIVED, &rule, error) &&
	   strcmp(rule, "volume_range") == 0, "H03's volume");
	ok(!rules_accept(find_quote(&board, "H12"), RECEIVED, &rule, error) &&
	   strcmp(rule, "price_minimum") == 0, "H12's price in thousand VND");
	board_free(&board);
}

/*
 * The board before May 2025, from what is known of it: codes that are numbers,
 * other members beside ours, no openPrice, no foreign values, no second
 * volumes, times with six digits, levels of zeros.
 */
static void
test_old_schema(void)
{
	static const char body[] =
		"[{\"listingInfo\":{\"code\":\"436\",\"symbol\":\"ACB\",\"ceiling\":26300,"
		"\"floor\":22900,\"refPrice\":24600,\"priorClosePrice\":24600,"
		"\"stockType\":\"STOCK\",\"board\":\"HSX\",\"exercisePrice\":0,"
		"\"tradingStatus\":null,\"benefit\":\"\",\"averageMatchVolume2Week\":9841230,"
		"\"listedShare\":4466657912,\"tradingDate\":\"2025-04-18\",\"id\":8424500},"
		"\"bidAsk\":{\"code\":\"436\",\"symbol\":\"ACB\",\"session\":\"ENDED\","
		"\"bidPrices\":[{\"price\":24500,\"volume\":220300},"
		"{\"price\":24450,\"volume\":113000},{\"price\":24400,\"volume\":91900}],"
		"\"receivedTime\":\"2025-04-18T07:45:03.133Z\",\"messageType\":\"TP\","
		"\"askPrices\":[{\"price\":24550,\"volume\":36000},"
		"{\"price\":24600,\"volume\":69800},{\"price\":0,\"volume\":0}],"
		"\"time\":\"2025-04-18T07:45:03.000000Z\"},"
		"\"matchPrice\":{\"code\":\"436\",\"symbol\":\"ACB\",\"matchPrice\":24500,"
		"\"matchVol\":\"1200.0\",\"highest\":24850,\"lowest\":24350,"
		"\"foreignBuyVolume\":83700,\"foreignSellVolume\":1405300,"
		"\"session\":\"ATC\",\"accumulatedVolume\":\"9215100\","
		"\"accumulatedValue\":226417.305,\"totalAccumulatedValue\":230101.1,"
		"\"currentRoom\":0,\"matchType\":\"unknown\","
		"\"time\":\"2025-04-18T07:45:02.000000Z\"}}]";
	Board		board;
	char		error[SOURCE_ERROR_SIZE];

	if (!ok(read_board(body, strlen(body), &board, error), "the old schema") ||
		!ok(board.count == 1, "has one quote"))
		return;
	is_message(&board.quotes[0],
			   "{\"ticker\":\"ACB\",\"time\":\"2026-08-04T11:29:58.104512+07:00\","
			   "\"price\":24500,\"volume\":1200,\"total_volume\":9215100,"
			   "\"change\":-100,\"change_percent\":-0.406504,"
			   "\"ceiling_price\":26300,\"floor_price\":22900,"
			   "\"reference_price\":24600,\"highest_price\":24850,"
			   "\"lowest_price\":24350,\"bid_price\":24500,\"ask_price\":24550,"
			   "\"total_value\":226417305000,"
			   "\"match_time\":\"2025-04-18T14:45:02.000000+07:00\","
			   "\"source_time\":\"2025-04-18T14:45:03.000000+07:00\","
			   "\"trading_date\":\"2025-04-18\",\"session\":\"ENDED\","
			   "\"exchange\":\"HOSE\",\"source\":\"vci\","
			   "\"bid_volume\":220300,\"bid_price_2\":24450,\"bid_volume_2\":113000,"
			   "\"bid_price_3\":24400,\"bid_volume_3\":91900,"
			   "\"ask_volume\":36000,\"ask_price_2\":24600,\"ask_volume_2\":69800,"
			   "\"ask_volume_3\":0,"
			   "\"foreign_buy_volume\":83700,\"foreign_sell_volume\":1405300,"
			   "\"foreign_room\":0}",
			   "the book's time and session are the newer ones");
	board_free(&board);
}

/* One row, in which the reader finds one thing to say. */
static void
row_refused(const char *row, const char *ticker, const char *reason)
{
	char		body[4096];
	Board		board;
	char		error[SOURCE_ERROR_SIZE];
	int			length = snprintf(body, sizeof(body),
								  "[{\"matchPrice\":{\"symbol\":\"AAA\"}},%s,"
								  "{\"matchPrice\":{\"symbol\":\"BBB\"}}]", row);

	if (!ok(read_board(body, (size_t) length, &board, error),
			"a board with a bad row"))
	{
		diag("%s", error);
		return;
	}
	is_integer((int64_t) board.count, 2, "has its neighbours");
	if (is_integer((int64_t) board.refusal_count, 1, "and one refusal"))
	{
		is_text(board.refusals[0].ticker, ticker, "of the ticker");
		is_text(board.refusals[0].reason, reason, "with a reason");
	}
	board_free(&board);
}

static void
test_rows(void)
{
	Board		board;
	char		error[SOURCE_ERROR_SIZE];
	const char *body;

	row_refused("7", "", "row is a number (7), an object was expected");
	row_refused("null", "", "row is null, an object was expected");
	row_refused("[]", "", "row is an array, an object was expected");
	row_refused("{}", "", "\"symbol\" is missing");
	row_refused("{\"listingInfo\":\"VCB\"}", "",
				"\"listingInfo\" is a string (\"VCB\"), an object was expected");
	row_refused("{\"listingInfo\":{\"symbol\":\"VCB\"},\"matchPrice\":[],\"bidAsk\":1}", "VCB",
				"\"bidAsk\" is a number (1), an object was expected");
	row_refused("{\"listingInfo\":{\"symbol\":436}}", "",
				"\"listingInfo.symbol\" is a number (436), a string was expected");
	row_refused("{\"listingInfo\":{\"symbol\":\"VCB\"},\"bidAsk\":{\"symbol\":\"FPT\"}}",
				"VCB", "\"bidAsk\" is of \"FPT\" in a row of \"VCB\"");
	row_refused("{\"listingInfo\":{\"symbol\":\"VCB\",\"ceiling\":\"65.000,0\"}}",
				"VCB", "\"listingInfo.ceiling\" is a string (\"65.000,0\"), a number was expected");
	row_refused("{\"listingInfo\":{\"symbol\":\"VCB\",\"ceiling\":\"1e400\"}}",
				"VCB", "\"listingInfo.ceiling\" is a string (\"1e400\"), a number was expected");
	row_refused("{\"listingInfo\":{\"symbol\":\"VCB\",\"ceiling\":\"null\"}}",
				"VCB", "\"listingInfo.ceiling\" is a string (\"null\"), a number was expected");
	row_refused("{\"listingInfo\":{\"symbol\":\"VCB\",\"tradingDate\":\"2025-02-30\"}}",
				"VCB", "\"listingInfo.tradingDate\" is a string (\"2025-02-30\"), a date such as \"2026-08-04\" was expected");
	row_refused("{\"listingInfo\":{\"symbol\":\"VCB\",\"board\":1}}",
				"VCB", "\"listingInfo.board\" is a number (1), a string was expected");
	row_refused("{\"matchPrice\":{\"symbol\":\"VCB\",\"matchVol\":1.5}}",
				"VCB", "\"matchPrice.matchVol\" is a number (1.5), a whole number of shares was expected");
	row_refused("{\"matchPrice\":{\"symbol\":\"VCB\",\"accumulatedValue\":[]}}",
				"VCB", "\"matchPrice.accumulatedValue\" is an array, a number was expected");
	row_refused("{\"matchPrice\":{\"symbol\":\"VCB\",\"time\":1785817797}}",
				"VCB", "\"matchPrice.time\" is a number (1785817797), a string was expected");
	row_refused("{\"matchPrice\":{\"symbol\":\"VCB\",\"time\":\"2026-08-04T04:29:57.692\"}}",
				"VCB", "\"matchPrice.time\" is a string (\"2026-08-04T04:29:57.692\"), a time such as \"2026-08-04T04:29:57.692Z\" was expected");
	row_refused("{\"matchPrice\":{\"symbol\":\"VCB\",\"matchType\":1}}",
				"VCB", "\"matchPrice.matchType\" is a number (1), a string was expected");
	row_refused("{\"matchPrice\":{\"symbol\":\"VCB\",\"session\":true}}",
				"VCB", "\"matchPrice.session\" is true, a string was expected");
	row_refused("{\"bidAsk\":{\"symbol\":\"VCB\",\"askPrices\":[60100]}}",
				"VCB", "\"bidAsk.askPrices\" is a number (60100), an array of objects was expected");
	row_refused("{\"bidAsk\":{\"symbol\":\"VCB\",\"askPrices\":[{\"price\":60100,\"volume\":0.5}]}}",
				"VCB", "\"askPrices.volume\" is a number (0.5), a whole number of shares was expected");

	/* What is no JSON in one row costs no other its quote. */
	row_refused("{\"matchPrice\":{\"symbol\":\"VCB\",\"matchPrice\":1e400}}", "",
				"row is not JSON: number 1e400 of \"matchPrice\" at offset 43 is more than a double can hold");
	row_refused("{\"matchPrice\":{\"symbol\":\"VCB\",\"symbol\":\"FPT\"}}", "",
				"row is not JSON: key \"symbol\" is there twice, at offsets 15 and 30");
	row_refused("{\"matchPrice\":{\"symbol\":\"VCB\",\"matchVol\":9007199254740993}}", "",
				"row is not JSON: number 9007199254740993 of \"matchVol\" at offset 41 would be changed by being read as a double");
	row_refused("{\"organName\":\"\xff\"}", "",
				"row is not JSON: invalid UTF-8 at offset 14 (byte \\xff)");
	row_refused("{\"organName\":\"\\u0000\"}", "",
				"row is not JSON: zero character in a string at offset 14: \"\\\\u0000\"");
	row_refused("{\"a\":007}", "", "row is not JSON: number 007 of \"a\" at offset 5 begins with a zero");

	/* Tolerated: null groups and levels, empty strings, a long session. */
	body = "[{\"listingInfo\":null,\"bidAsk\":{\"bidPrices\":[null,{},{\"price\":\"\"},{\"x\":1},7],"
		"\"session\":\"\",\"time\":\"0001-01-01T00:00:00Z\"},"
		"\"matchPrice\":{\"symbol\":\"VCB\",\"matchPrice\":\"60000.0\",\"matchVol\":null,"
		"\"accumulatedVolume\":\"\",\"ceilingPrice\":65000,\"time\":\"\","
		"\"session\":\"A_SESSION_OF_MORE_THAN_31_CHARACTERS\"},\"news\":{\"symbol\":\"FPT\"}}]";
	ok(read_board(body, strlen(body), &board, error) && board.count == 1,
	   "a row with many gaps");
	if (board.refusal_count > 0)
		diag("%s", board.refusals[0].reason);
	if (board.count == 1)
		is_message(&board.quotes[0],
				   "{\"ticker\":\"VCB\",\"time\":\"2026-08-04T11:29:58.104512+07:00\","
				   "\"price\":60000,\"volume\":null,\"total_volume\":null,"
				   "\"change\":null,\"change_percent\":null,"
				   "\"ceiling_price\":65000,\"floor_price\":null,"
				   "\"reference_price\":null,\"highest_price\":null,"
				   "\"lowest_price\":null,\"bid_price\":null,\"ask_price\":null,"
				   "\"source\":\"vci\",\"bid_volume\":0}",
				   "has what is there");
	board_free(&board);

	/* What both groups have is listingInfo's; 1970 is no time of a match. */
	body = "[{\"listingInfo\":{\"symbol\":\"VCB\",\"ceiling\":65000},"
		"\"matchPrice\":{\"ceilingPrice\":65100,\"matchPrice\":60000,"
		"\"time\":\"1970-01-01T00:00:01Z\",\"accumulatedValue\":131688.49}}]";
	ok(read_board(body, strlen(body), &board, error) && board.count == 1,
	   "a row with doubles");
	is_number(board.quotes[0].ceiling_price, 65000, "the first counts");
	ok(!quote_knows(&board.quotes[0], QUOTE_MATCH_TIME) &&
	   !quote_knows(&board.quotes[0], QUOTE_SOURCE_TIME),
	   "a placeholder is no time");
	is_number(board.quotes[0].total_value, 131688490000.0,
			  "the value is whole VND");
	board_free(&board);

	/* Futures have two names. */
	body = "[{\"listingInfo\":{\"symbol\":\"VN30F2608\",\"mappingSymbol\":\"41I1G8000\"},"
		"\"matchPrice\":{\"symbol\":\"41I1G8000\",\"matchPrice\":1890.5}}]";
	ok(read_board(body, strlen(body), &board, error) && board.count == 1 &&
	   board.quotes[0].price == 1890.5, "a second name is the same symbol");
	board_free(&board);
}

static void
answer_refused(const char *body, size_t length, const char *reason)
{
	Board		board;
	SourceSymbolList list;
	char		error[SOURCE_ERROR_SIZE] = "";
	char	   *copy = exact_copy(body, length);

	ok(!vci_provider.read_board(copy, length, RECEIVED, &board, error),
	   "no board: %s", reason);
	is_text(error, reason, "and why");
	ok(board.quotes == NULL && board.count == 0 && board.refusals == NULL &&
	   board.refusal_count == 0, "with nothing to free");
	error[0] = '\0';
	ok(!vci_provider.read_list(copy, length, &list, error), "nor a list");
	is_text(error, reason, "for the same reason");
	ok(list.symbols == NULL && list.count == 0, "with nothing to free");
	free(copy);
}

static void
test_answers(void)
{
	size_t		length;
	char	   *body = read_fixture("vci/getList_VCB_2026-08-04_lunch.json", &length);
	size_t		i;
	size_t		refused = 0;
	Board		board;
	char		error[SOURCE_ERROR_SIZE];

	answer_refused("", 0, "the answer is empty");
	answer_refused(" \r\n", 3, "the answer is empty");
	answer_refused("<html><title>Just a moment...</title></html>", 44,
				   "the answer is HTML, not JSON: \"<html><title>Just a moment...</title></html>\"");
	answer_refused("\n<!DOCTYPE html>", 16,
				   "the answer is HTML, not JSON: \"<!DOCTYPE html>\"");
	answer_refused("Too Many Requests", 17,
				   "the answer is not JSON: \"Too Many Requests\"");
	answer_refused("{\"message\":\"no\"}", 16,
				   "the answer is a JSON object, an array was expected: \"{\\\"message\\\":\\\"no\\\"}\"");
	answer_refused("null", 4, "the answer is not JSON: \"null\"");
	answer_refused("\0\0", 2, "the answer is not JSON: \"\\x00\\x00\"");
	answer_refused("[{\"listingInfo\":{\"symbol\":\"VCB\"", 31,
				   "the answer is malformed: the array is cut off after 31 bytes");
	answer_refused("[{\"symbol\":\"VCB\"}", 17,
				   "the answer is malformed: the array is cut off after 17 bytes");
	answer_refused("[{\"symbol\":\"VCB\"}]<!-- x -->", 28,
				   "the answer is malformed: the array is malformed at offset 18: \"<!-- x -->\"");

	/* Nothing asked for is known. */
	ok(read_board("[]", 2, &board, error) && board.count == 0 &&
	   board.refusal_count == 0, "an empty board is a board");
	board_free(&board);

	/* Cut off anywhere. */
	for (i = 0; i < length; i++)
	{
		if (!read_board(body, i, &board, error))
			refused++;
		else
			board_free(&board);
	}
	is_integer((int64_t) refused, (int64_t) length, "no beginning is a board");
	free(body);

	/* Rows of two bytes, of which each takes hundreds; good ones likewise. */
	body = malloc(READING_BOARD_ROWS_MAX * 2 + 4);
	for (i = 0; i <= READING_BOARD_ROWS_MAX; i++)
		memcpy(body + i * 2, i == 0 ? "[1" : ",1", 2);
	strcpy(body + READING_BOARD_ROWS_MAX * 2, "]");
	if (ok(read_board(body, strlen(body), &board, error) &&
		   board.refusal_count == READING_BOARD_ROWS_MAX,
		   "as many rows as may be are refused one by one"))
		board_free(&board);
	strcpy(body + READING_BOARD_ROWS_MAX * 2, ",1]");
	ok(!read_board(body, strlen(body), &board, error), "with one more, no board");
	is_text(error, "the answer has more than 10000 rows", "and it says so");
	free(body);

	/* 20,000 levels in one row. */
	body = malloc(40002);
	memset(body, '[', 20001);
	memset(body + 20001, ']', 20001);
	ok(read_board(body, 40002, &board, error) && board.refusal_count == 1,
	   "deep nesting refuses its row");
	is_text(board.refusals[0].reason,
			"row is not JSON: nested deeper than 32 levels, at offset 32",
			"for what it is");
	board_free(&board);
	free(body);
}

/* Rows are taken over completely when the arrays grow. */
static void
test_many(void)
{
	size_t		count = 1700;
	char	   *body = malloc(count * 80);
	char	   *at = body + sprintf(body, "[");
	Board		board;
	char		error[SOURCE_ERROR_SIZE];
	size_t		i;
	size_t		good = 0;

	for (i = 0; i < count; i++)
		at += sprintf(at, "%s{\"matchPrice\":{\"symbol\":\"T%zu\",\"matchPrice\":%s}}",
					  i == 0 ? "" : ",", i, i % 2 == 0 ? "50000" : "true");
	at += sprintf(at, "]");
	ok(read_board(body, (size_t) (at - body), &board, error), "1,700 rows");
	is_integer((int64_t) board.count, 850, "half of them good");
	is_integer((int64_t) board.refusal_count, 850, "half of them not");
	for (i = 0; i < board.count && i < board.refusal_count; i++)
	{
		char		ticker[32];
		char		bad_ticker[32];

		sprintf(ticker, "T%zu", i * 2);
		sprintf(bad_ticker, "T%zu", i * 2 + 1);
		good += strcmp(board.quotes[i].ticker, ticker) == 0 &&
			board.quotes[i].price == 50000 &&
			strcmp(board.refusals[i].ticker, bad_ticker) == 0;
	}
	is_integer((int64_t) good, 850, "each in its place");
	board_free(&board);
	free(body);
}

static void
test_lists(void)
{
	static const char body[] =
		"[{\"symbol\":\"VNM\",\"type\":\"STOCK\",\"board\":\"HSX\"},"
		"{\"symbol\":\"E1VFVN30\",\"type\":\"ETF\",\"board\":\"HSX\"},"
		"{\"symbol\":\"SHS\",\"type\":\"STOCK\",\"board\":\"HNX\"},"
		"{\"symbol\":\"A32\",\"type\":null,\"board\":\"UPCOM\"},"
		"{\"symbol\":\"OLD\",\"type\":\"STOCK\",\"board\":\"DELISTED\"},"
		"{\"symbol\":\"BND\",\"type\":7,\"board\":null},"
		"{\"symbol\":\"FND\",\"type\":\"A_KIND_WITH_A_LONG_NAME\"},"
		"{\"symbol\":null},{\"symbol\":\"vnm\"},{\"symbol\":\"ABCDEFGHIJKLMNOPQRSTU\"},"
		"{\"symbol\":436},7,null,{\"a\":007},{}]";
	static const char *const expected[][3] = {
		{"VNM", "HOSE", "STOCK"}, {"E1VFVN30", "HOSE", "ETF"},
		{"SHS", "HNX", "STOCK"}, {"A32", "UPCOM", ""}, {"OLD", "", "STOCK"},
		{"BND", "", ""}, {"FND", "", ""}
	};
	SourceSymbolList list;
	char		error[SOURCE_ERROR_SIZE];
	char	   *fixture;
	size_t		length;
	size_t		i;

	ok(vci_provider.read_list(body, strlen(body), &list, error), "a list");
	is_integer((int64_t) list.count, 7, "of seven symbols");
	is_integer((int64_t) list.refused, 8, "and eight rows without one");
	for (i = 0; i < list.count; i++)
	{
		is_text(list.symbols[i].ticker, expected[i][0], "symbol %zu", i + 1);
		is_text(list.symbols[i].exchange, expected[i][1], "its exchange");
		is_text(list.symbols[i].kind, expected[i][2], "its kind");
	}
	is_integer((int64_t) list.unreadable, 6, "of which six may have been any symbol's");
	ok(list.symbols[4].is_delisted && !list.symbols[5].is_delisted, "one is delisted");
	source_symbol_list_free(&list);
	ok(list.symbols == NULL && list.count == 0, "a freed list is empty");

	fixture = read_fixture("constructed/vci_getAll_sample.json", &length);
	ok(vci_provider.read_list(fixture, length, &list, error) &&
	   list.count == 3 && list.refused == 0, "the sample of getAll");
	is_text(list.symbols[2].ticker, "VIC", "has VIC");
	is_text(list.symbols[0].exchange, "UPCOM", "and YTC on UPCOM");
	source_symbol_list_free(&list);
	free(fixture);

	fixture = read_fixture("constructed/vci_getByGroup_VN30.json", &length);
	ok(vci_provider.read_group(fixture, length, &list, error) &&
	   list.count == 30 && list.refused == 0, "VN30 has 30 members");
	is_text(list.symbols[0].ticker, "ACB", "ACB is the first");
	is_text(list.symbols[0].kind, "", "of a kind that is not told");
	source_symbol_list_free(&list);
	free(fixture);

	ok(vci_provider.read_list("[]", 2, &list, error) && list.count == 0,
	   "an empty list is a list");
	source_symbol_list_free(&list);
}

/* Names are of people: of any length, and of any kind of JSON. */
static void
test_names(void)
{
	static const struct
	{
		const char *name;		/* JSON */
		const char *expected;
	}			names[] =
	{
		{"\"Ng\xc3\xa2n h\xc3\xa0ng TMCP Ngo\xe1\xba\xa1i th\xc6\xb0\xc6\xa1ng\"",
		"Ng\xc3\xa2n h\xc3\xa0ng TMCP Ngo\xe1\xba\xa1i th\xc6\xb0\xc6\xa1ng"},
		{"\"\\u0110\\u1EA5t Xanh\"", "\xc4\x90\xe1\xba\xa5t Xanh"},
		{"null", ""}, {"7", ""}, {"[\"a\"]", ""}, {"true", ""}, {"\"\"", ""}, {"\"  \"", ""},
		{"\" two\\n\\tlines\\u0001 \"", "two lines"},
		{"\"\\u007f\"", ""},
	};
	char		body[2048];
	char		name[400];
	SourceSymbolList list;
	char		error[SOURCE_ERROR_SIZE];
	char	   *fixture;
	size_t		length;
	size_t		i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		snprintf(body, sizeof(body), "[{\"symbol\":\"VCB\",\"organName\":%s}]", names[i].name);
		ok(vci_provider.read_list(body, strlen(body), &list, error) && list.count == 1,
		   "a symbol with the name %s", names[i].name);
		is_text(list.symbols[0].name, names[i].expected, "has that name");
		source_symbol_list_free(&list);
	}

	/* The longest, and one that is too long: unknown, not cut within a letter. */
	for (i = SYMBOL_NAME_MAX; i <= SYMBOL_NAME_MAX + 1; i++)
	{
		memset(name, 'a', i);
		name[i] = '\0';
		snprintf(body, sizeof(body), "[{\"symbol\":\"VCB\",\"organName\":\"%s\"}]", name);
		ok(vci_provider.read_list(body, strlen(body), &list, error), "a name of %zu bytes", i);
		is_integer((int64_t) strlen(list.symbols[0].name), i == SYMBOL_NAME_MAX ? (int64_t) i : 0,
				   "is taken, or unknown");
		source_symbol_list_free(&list);
	}

	/* Bytes that are no UTF-8 cost their row, and nobody else's. */
	snprintf(body, sizeof(body), "[{\"symbol\":\"AAA\",\"organName\":\"\xc3(\"},{\"symbol\":\"VCB\"},"
			 "{\"symbol\":\"BBB\",\"organName\":\"\\ud800\"},{\"symbol\":\"CCC\",\"organName\":\"\\u0000\"}]");
	ok(vci_provider.read_list(body, strlen(body), &list, error), "names that are no UTF-8");
	is_integer((int64_t) list.count, 1, "leave the one between them");
	is_integer((int64_t) list.unreadable, 3, "and are told as unreadable");
	source_symbol_list_free(&list);

	fixture = read_fixture("constructed/vci_getAll_full_from_csv.json", &length);
	ok(vci_provider.read_list(fixture, length, &list, error), "the whole list");
	is_integer((int64_t) list.count, 2758, "has all its symbols");
	is_integer((int64_t) list.refused, 0, "and refuses none");
	for (i = 0; i < list.count && strcmp(list.symbols[i].ticker, "VNM") != 0; i++)
		;
	is_text(i < list.count ? list.symbols[i].name : "", "C\xc3\xb4ng ty C\xe1\xbb\x95 ph\xe1\xba\xa7n S\xe1\xbb\xaf" "a Vi\xe1\xbb\x87t Nam",
			"VNM's name is as it is written");
	source_symbol_list_free(&list);
	free(fixture);
}

static void
test_requests(void)
{
	static const char tickers[3][TICKER_MAX + 1] = {
		"VCB", "FPT", "ABCDEFGHIJKLMNOPQRST"
	};
	const char *base = "https://trading.vietcap.com.vn/api/";
	SourceRequest request;

	ok(vci_provider.list_request(base, &request), "a request for all symbols");
	is_text(request.url, "https://trading.vietcap.com.vn/api/price/symbols/getAll",
			"goes there");
	ok(request.body == NULL, "as a GET");
	source_request_free(&request);
	ok(request.url == NULL, "a freed request is empty");

	ok(vci_provider.group_request(base, "VN30", &request), "one for a group");
	is_text(request.url, "https://trading.vietcap.com.vn/api/price/symbols/getByGroup?group=VN30",
			"goes there");
	ok(request.body == NULL, "as a GET");
	source_request_free(&request);
	vci_provider.group_request(base, "A&b=/ \xff?#", &request);
	is_text(request.url, "https://trading.vietcap.com.vn/api/price/symbols/getByGroup?group=A%26b%3D%2F%20%FF%3F%23",
			"and cannot be anything else");
	source_request_free(&request);

	ok(vci_provider.board_request(base, tickers, 3, &request), "one for a board");
	is_text(request.url, "https://trading.vietcap.com.vn/api/price/symbols/getList",
			"goes there");
	is_text(request.body, "{\"symbols\":[\"VCB\",\"FPT\",\"ABCDEFGHIJKLMNOPQRST\"]}",
			"with these symbols");
	source_request_free(&request);
	ok(vci_provider.board_request(base, tickers, 0, &request), "one for none");
	is_text(request.body, "{\"symbols\":[]}", "asks for none");
	source_request_free(&request);

	ok(source_find("vci") == &vci_provider, "the provider has a name");
	is_text(vci_provider.name, "vci", "which it knows");
	ok(source_find("VCI") == NULL && source_find("") == NULL,
	   "and others are nobody's");
}

/* No change of a byte makes the reader crash or speak in riddles. */
static void
test_mutations(void)
{
	size_t		length;
	char	   *body = read_fixture("vci/getList_VCB_2026-08-04_lunch.json", &length);
	uint64_t	state = 99;
	int			i;
	int			bad = 0;
	int			quotes = 0;

	for (i = 0; i < 20000; i++)
	{
		Board		board;
		char		error[SOURCE_ERROR_SIZE] = "";
		size_t		at;
		char		was;
		const char *said;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		at = (state >> 8) % length;
		was = body[at];
		body[at] = (char) state;
		if (vci_provider.read_board(body, length, RECEIVED, &board, error))
		{
			quotes += (int) board.count;
			said = board.refusal_count > 0 ? board.refusals[0].reason : "fine";
		}
		else
			said = error;
		bad += (said[0] == '\0');
		for (; *said != '\0'; said++)
			bad += (*said < 0x20 || *said > 0x7e);
		body[at] = was;
		board_free(&board);
	}
	is_integer(bad, 0, "each refusal has a plain sentence");
	ok(quotes > 3000 && quotes < 20000, "%d of 20000 are still quotes", quotes);
	free(body);
}

/* Only a company's listed shares are a bound of what can be traded. */
static void
test_listed_shares(void)
{
	static const struct
	{
		const char *listing;
		int64_t		listed_shares;	/* -1: unknown */
	}			cases[] = {
		{"\"type\":\"STOCK\",\"listedShare\":8355675094", INT64_C(8355675094)},
		{"\"type\":\"STOCK\",\"listedShare\":0", -1},
		{"\"type\":\"STOCK\",\"listedShare\":-5", -1},
		{"\"type\":\"STOCK\",\"listedShare\":\"many\"", -1},
		{"\"type\":\"ETF\",\"listedShare\":1000", -1},
		{"\"type\":\"CW\",\"listedShare\":1000", -1},
		{"\"type\":null,\"listedShare\":1000", -1},
		{"\"listedShare\":1000", -1}
	};
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		body[256];
		char		error[SOURCE_ERROR_SIZE];
		Board		board;

		snprintf(body, sizeof(body), "[{\"listingInfo\":{\"symbol\":\"VCB\",%s}}]",
				 cases[i].listing);
		ok(vci_provider.read_board(body, strlen(body), RECEIVED, &board, error) &&
		   board.count == 1, "{%s} is a row", cases[i].listing);
		is_integer(quote_knows(&board.quotes[0], QUOTE_LISTED_SHARES) ?
				   board.quotes[0].listed_shares : -1,
				   cases[i].listed_shares, "with its listed shares");
		board_free(&board);
	}
}

int
main(void)
{
	test_capture();
	test_multi();
	test_listed_shares();
	test_hostile();
	test_old_schema();
	test_rows();
	test_answers();
	test_many();
	test_lists();
	test_names();
	test_requests();
	test_mutations();
	return done_testing();
}
