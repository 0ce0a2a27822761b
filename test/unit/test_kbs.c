/*-------------------------------------------------------------------------
 *
 * test_kbs.c
 *	  Provider "kbs": its requests, and its answers as they were captured.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/rules.h"
#include "source/source.h"
#include "test.h"

/* 2026-08-09 10:00:00.000001 in Vietnam, a Sunday */
#define RECEIVED INT64_C(1786244400000001)

#define TIME_TEXT "2026-08-09T10:00:00.000001+07:00"

static bool
read_board(const char *body, Board *board, char *error)
{
	size_t		length = strlen(body);
	char	   *copy = exact_copy(body, length);
	bool		is_good = kbs_provider.read_board(copy, length, RECEIVED, board,
												  error);

	free(copy);
	return is_good;
}

static void
is_message(const Quote *quote, const char *expected, const char *name)
{
	char		json[QUOTE_JSON_SIZE];

	quote_to_json(quote, json);
	is_text(json, expected, "%s", name);
}

/*
 * The real capture, byte for byte, every field of its three rows.  On a Sunday
 * it shows Friday's close, with Friday's date; there is no time of the match.
 */
static void
test_capture(void)
{
	size_t		length;
	char	   *body = read_fixture("kbs/stock_iss_HPG_VNM_VCB_closed_sunday.json",
									&length);
	char		error[SOURCE_ERROR_SIZE];
	const char *rule;
	Board		board;
	size_t		i;

	if (!ok(kbs_provider.read_board(body, length, RECEIVED, &board, error),
			"the captured board is read"))
		return;
	free(body);
	is_integer((int64_t) board.count, 3, "three quotes");
	is_integer((int64_t) board.refusal_count, 0, "no refusal");
	is_message(&board.quotes[0],
			   "{\"ticker\":\"HPG\",\"time\":\"" TIME_TEXT "\","
			   "\"price\":22000,\"volume\":1329700,\"total_volume\":13018100,"
			   "\"change\":150,\"change_percent\":0.6864988558352403,"
			   "\"ceiling_price\":23350,\"floor_price\":20350,"
			   "\"reference_price\":21850,\"highest_price\":22300,"
			   "\"lowest_price\":21750,\"bid_price\":22000,\"ask_price\":22050,"
			   "\"open_price\":21900,\"total_value\":287111730000,"
			   "\"source_time\":\"2026-08-07T15:33:11.635000+07:00\","
			   "\"trading_date\":\"2026-08-07\",\"session\":\"K\","
			   "\"exchange\":\"HOSE\",\"source\":\"kbs\","
			   "\"bid_volume\":112000,\"bid_price_2\":21950,\"bid_volume_2\":482400,"
			   "\"bid_price_3\":21900,\"bid_volume_3\":286700,"
			   "\"ask_volume\":20700,\"ask_price_2\":22100,\"ask_volume_2\":199300,"
			   "\"ask_price_3\":22150,\"ask_volume_3\":297600,"
			   "\"foreign_buy_volume\":2173801,\"foreign_sell_volume\":920939,"
			   "\"foreign_room\":2299133934,"
			   "\"put_through_volume\":200000,\"put_through_value\":4070000000}",
			   "HPG at the close of 2026-08-07");
	is_message(&board.quotes[1],
			   "{\"ticker\":\"VNM\",\"time\":\"" TIME_TEXT "\","
			   "\"price\":62000,\"volume\":347600,\"total_volume\":13239500,"
			   "\"change\":3000,\"change_percent\":5.084745762711865,"
			   "\"ceiling_price\":63100,\"floor_price\":54900,"
			   "\"reference_price\":59000,\"highest_price\":63100,"
			   "\"lowest_price\":59000,\"bid_price\":61900,\"ask_price\":62000,"
			   "\"open_price\":59000,\"total_value\":821613530000,"
			   "\"source_time\":\"2026-08-07T15:32:27.519000+07:00\","
			   "\"trading_date\":\"2026-08-07\",\"session\":\"K\","
			   "\"exchange\":\"HOSE\",\"source\":\"kbs\","
			   "\"bid_volume\":10100,\"bid_price_2\":61800,\"bid_volume_2\":5500,"
			   "\"bid_price_3\":61700,\"bid_volume_3\":59400,"
			   "\"ask_volume\":21900,\"ask_price_2\":62100,\"ask_volume_2\":116100,"
			   "\"ask_price_3\":62200,\"ask_volume_3\":53100,"
			   "\"foreign_buy_volume\":3411501,\"foreign_sell_volume\":829187,"
			   "\"foreign_room\":1054008536,"
			   "\"put_through_volume\":500000,\"put_through_value\":31550000000}",
			   "VNM");
	is_message(&board.quotes[2],
			   "{\"ticker\":\"VCB\",\"time\":\"" TIME_TEXT "\","
			   "\"price\":59700,\"volume\":134600,\"total_volume\":6522200,"
			   "\"change\":700,\"change_percent\":1.1864406779661016,"
			   "\"ceiling_price\":63100,\"floor_price\":54900,"
			   "\"reference_price\":59000,\"highest_price\":60800,"
			   "\"lowest_price\":58700,\"bid_price\":59700,\"ask_price\":59800,"
			   "\"open_price\":58700,\"total_value\":392536840000,"
			   "\"source_time\":\"2026-08-07T15:32:25.118000+07:00\","
			   "\"trading_date\":\"2026-08-07\",\"session\":\"K\","
			   "\"exchange\":\"HOSE\",\"source\":\"kbs\","
			   "\"bid_volume\":28600,\"bid_price_2\":59600,\"bid_volume_2\":58300,"
			   "\"bid_price_3\":59500,\"bid_volume_3\":64500,"
			   "\"ask_volume\":5100,\"ask_price_2\":59900,\"ask_volume_2\":14000,"
			   "\"ask_price_3\":60000,\"ask_volume_3\":47000,"
			   "\"foreign_buy_volume\":1324078,\"foreign_sell_volume\":1783022,"
			   "\"foreign_room\":821552899,"
			   "\"put_through_volume\":857000,\"put_through_value\":51569400000}",
			   "VCB");
	is_integer(board.listings[0].listed_shares, INT64_C(8442964520), "HPG's listed shares");
	is_integer(board.listings[1].listed_shares, INT64_C(2089955445), "VNM's");
	is_integer(board.listings[2].listed_shares, INT64_C(8355675094), "VCB's");
	for (i = 0; i < board.count; i++)
	{
		is_text(board.listings[i].kind, "", "no kind is told");
		is_text(board.listings[i].isin, "", "no ISIN");
		is_text(board.listings[i].trading_status, "", "no trading status");
		ok(!quote_knows(&board.quotes[i], QUOTE_MATCH_TIME), "no time of the match");
		ok(!quote_knows(&board.quotes[i], QUOTE_MATCH_SIDE), "and no side");
		if (!ok(rules_accept(&board.quotes[i], RECEIVED, &rule, error),
				"it keeps the rules"))
			diag("%s", error);
	}
	board_free(&board);
}

/* The one quote of a board of one row with these members after its ticker. */
static bool
read_row(const char *members, Quote *quote, BoardListing *listing, char *reason)
{
	char		body[2048];
	char		error[SOURCE_ERROR_SIZE] = "";
	Board		board;
	bool		is_quote;

	snprintf(body, sizeof(body), "[{\"SB\":\"AAA\"%s}]", members);
	reason[0] = '\0';
	if (!ok(read_board(body, &board, error), "a board with %s", members))
	{
		diag("%s", error);
		return false;
	}
	is_quote = board.count == 1;
	if (is_quote)
	{
		*quote = board.quotes[0];
		*listing = board.listings[0];
	}
	else if (board.refusal_count == 1)
	{
		/* what is no JSON has no ticker either */
		is_text(board.refusals[0].ticker,
				strstr(board.refusals[0].reason, "not JSON") != NULL ? "" : "AAA",
				"refused with its ticker");
		snprintf(reason, QUOTE_ERROR_SIZE, "%s", board.refusals[0].reason);
	}
	board_free(&board);
	return is_quote;
}

/* What a member makes of a row: the field's value as JSON, or why it is refused. */
static void
test_members(void)
{
	static const struct
	{
		const char *members;
		const char *part;		/* of the message, or of the reason */
		bool		is_quote;
	}			cases[] =
	{
		/* 0 is unknown in a price, and a fact in a volume */
		{",\"CP\":0,\"CV\":0,\"CH\":0,\"CHP\":0,\"TT\":0,\"TV\":0",
			"\"price\":null,\"volume\":null,\"total_volume\":0,\"change\":null,"
		"\"change_percent\":null,", true},
		{",\"TT\":0,\"TV\":0", "\"total_value\":0,", true},
		{",\"CL\":0,\"FL\":0,\"RE\":0,\"HI\":0,\"LO\":0,\"OP\":0",
			"\"ceiling_price\":null,\"floor_price\":null,\"reference_price\":null,"
		"\"highest_price\":null,\"lowest_price\":null,", true},
		{",\"CP\":null,\"CV\":100", "\"price\":null,\"volume\":null,", true},
		{",\"B1\":\"0.0\",\"V1\":0,\"B2\":0,\"V2\":0", "\"bid_volume\":0,\"bid_volume_2\":0", true},
		{",\"B1\":\"ATO\",\"V1\":150000", "\"bid_price\":null,\"ask_price\":null", true},
		{",\"B1\":\"ATO\",\"V1\":150000", "\"bid_volume\":150000", true},
		{",\"S1\":\"ATC\",\"U1\":200", "\"ask_volume\":200", true},
		{",\"B1\":\"\",\"S1\":null", "\"bid_price\":null,\"ask_price\":null", true},

		/* numbers as text, texts as numbers */
		{",\"CP\":\"22000.0\",\"CV\":\"100.0\"", "\"price\":22000,\"volume\":100,", true},
		{",\"B1\":22000", "\"bid_price\":22000", true},

		/* the board's change counts, and is computed where it has none */
		{",\"CP\":10100,\"RE\":10000,\"CH\":5,\"CHP\":7", "\"change\":5,\"change_percent\":7,", true},
		{",\"CP\":10100,\"RE\":10000", "\"change\":100,\"change_percent\":1,", true},
		{",\"CP\":10000,\"RE\":10000,\"CH\":0,\"CHP\":0", "\"change\":0,\"change_percent\":0,", true},

		/* times and labels */
		{",\"t\":1786091591635", "\"source_time\":\"2026-08-07T15:33:11.635000+07:00\"", true},
		{",\"ts\":1786091591635,\"t\":1", "\"source_time\":\"2026-08-07T15:33:11.635000+07:00\"", true},
		{",\"ts\":\"1786091591635\"", "\"source_time\":\"2026-08-07T15:33:11.635000+07:00\"", true},
		{",\"ts\":0,\"EX\":\"HNX\"", "\"ask_price\":null,\"exchange\":\"HNX\"", true},
		{",\"ts\":1786091591,\"EX\":\"HNX\"", "\"ask_price\":null,\"exchange\":\"HNX\"", true},
		{",\"EX\":\"HSX\"", "\"exchange\":\"HOSE\"", true},
		{",\"EX\":\"UPCOM\"", "\"exchange\":\"UPCOM\"", true},
		{",\"EX\":\"XSTC\",\"MS\":\"O\"", "\"ask_price\":null,\"session\":\"O\",\"source\"", true},
		{",\"TD\":\"29/02/2028\"", "\"trading_date\":\"2028-02-29\"", true},
		{",\"TD\":\"\",\"MS\":\"\",\"EX\":\"\"", "\"ask_price\":null,\"source\"", true},
		{",\"MS\":\"0123456789012345678901234567890123\"", "\"ask_price\":null,\"source\"", true},

		/* members that are new, or mean nothing to us */
		{",\"XX\":{\"a\":[1,2]},\"CA\":7,\"ST\":true", "\"ask_price\":null,\"source\"", true},

		/* of the wrong type, each names itself */
		{",\"CP\":true", "\"CP\" is true, a number was expected", false},
		{",\"CV\":1.5", "\"CV\" is a number (1.5), a whole number of shares was expected", false},
		{",\"TT\":1e300", "\"TT\" is a number (1e+300), a number of 64 bits was expected", false},
		{",\"CH\":\"x\"", "\"CH\" is a string (\"x\"), a number was expected", false},
		{",\"CHP\":[]", "\"CHP\" is an array, a number was expected", false},
		{",\"CL\":{}", "\"CL\" is an object, a number was expected", false},
		{",\"FL\":\"1,5\"", "\"FL\" is a string (\"1,5\"), a number was expected", false},
		{",\"RE\":false", "\"RE\" is false, a number was expected", false},
		{",\"HI\":\"ATO\"", "\"HI\" is a string (\"ATO\"), a number was expected", false},
		{",\"LO\":\"-\"", "\"LO\" is a string (\"-\"), a number was expected", false},
		{",\"OP\":\"007\"", "\"OP\" is a string (\"007\"), a number was expected", false},
		{",\"TV\":\"NaN\"", "\"TV\" is a string (\"NaN\"), a number was expected", false},
		{",\"B1\":\"MP\"", "\"B1\" is a string (\"MP\"), a number was expected", false},
		{",\"B2\":true", "\"B2\" is true, a number was expected", false},
		{",\"B3\":[1]", "\"B3\" is an array, a number was expected", false},
		{",\"S1\":\"ato\"", "\"S1\" is a string (\"ato\"), a number was expected", false},
		{",\"S2\":{}", "\"S2\" is an object, a number was expected", false},
		{",\"S3\":\"1e400\"", "\"S3\" is a string (\"1e400\"), a number was expected", false},
		{",\"V1\":0.5", "\"V1\" is a number (0.5), a whole number", false},
		{",\"V2\":\"a\"", "\"V2\" is a string (\"a\"), a number was expected", false},
		{",\"V3\":true", "\"V3\" is true, a number was expected", false},
		{",\"U1\":[]", "\"U1\" is an array, a number was expected", false},
		{",\"U2\":{}", "\"U2\" is an object, a number was expected", false},
		{",\"U3\":1.25", "\"U3\" is a number (1.25), a whole number", false},
		{",\"FB\":\"x\"", "\"FB\" is a string (\"x\"), a number was expected", false},
		{",\"FS\":true", "\"FS\" is true, a number was expected", false},
		{",\"FR\":1.5", "\"FR\" is a number (1.5), a whole number", false},
		{",\"PTQ\":{}", "\"PTQ\" is an object, a number was expected", false},
		{",\"PTV\":\"?\"", "\"PTV\" is a string (\"?\"), a number was expected", false},
		{",\"TD\":20260807", "\"TD\" is a number (20260807), a string was expected", false},
		{",\"TD\":\"2026-08-07\"", "\"TD\" is a string (\"2026-08-07\"), a date such as \"07/08/2026\"", false},
		{",\"TD\":\"31/02/2026\"", "\"TD\" is a string (\"31/02/2026\"), a date", false},
		{",\"TD\":\"7/8/2026\"", "\"TD\" is a string (\"7/8/2026\"), a date", false},
		{",\"ts\":\"today\"", "\"ts\" is a string (\"today\"), a time in milliseconds", false},
		{",\"ts\":1.5", "\"ts\" is a number (1.5), a time in milliseconds", false},
		{",\"ts\":-1", "\"ts\" is a number (-1), a time in milliseconds", false},
		{",\"ts\":1e300", "\"ts\" is a number (1e+300), a time in milliseconds", false},
		{",\"t\":true", "\"t\" is true, a time in milliseconds", false},
		{",\"EX\":5", "\"EX\" is a number (5), a string was expected", false},
		{",\"MS\":{}", "\"MS\" is an object, a string was expected", false},
		{",\"CP\":1,\"CP\":2", "key \"CP\" is there twice", false},
		{",\"CP\":1e400", "row is not JSON", false}
	};
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Quote		quote;
		BoardListing listing;
		char		text[QUOTE_JSON_SIZE];
		bool		is_quote = read_row(cases[i].members, &quote, &listing, text);

		if (is_quote)
			quote_to_json(&quote, text);
		ok(is_quote == cases[i].is_quote, "%s is %s", cases[i].members,
		   cases[i].is_quote ? "a quote" : "refused");
		has_text(text, cases[i].part, "with %s", cases[i].members);
	}
}

static void
test_listed_shares(void)
{
	static const struct
	{
		const char *members;
		int64_t		shares;
	}			cases[] =
	{
		{",\"LS\":\"8442964520\"", INT64_C(8442964520)},
		{",\"LS\":8442964520", INT64_C(8442964520)},
		{",\"LS\":\"0\"", 0},
		{",\"LS\":-5", 0},
		{",\"LS\":1e300", 0},
		{",\"LS\":\"many\"", 0},
		{",\"LS\":null", 0},
		{"", 0}
	};
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Quote		quote;
		BoardListing listing;
		char		reason[QUOTE_JSON_SIZE];

		if (ok(read_row(cases[i].members, &quote, &listing, reason),
			   "nothing of the listing refuses a row:%s", cases[i].members))
			is_integer(listing.listed_shares, cases[i].shares, "and its shares");
	}
}

/* Rows that are no quote cost only themselves. */
static void
test_bad_rows(void)
{
	static const char body[] =
		"{\"status\":200,\"data\":[{\"SB\":\"AAA\",\"CP\":10000},"
		"{\"SB\":\"aaa\"},{\"SB\":5},{\"CP\":1},[1],\"BBB\",null,"
		"{\"SB\":\"CCC\",\"CP\":\"\xff\"},{\"SB\":\"DDD\",\"CP\":007},"
		"{\"SB\":\"EEE\",\"MS\":\"]}\\\"\",\"CP\":20000}],\"more\":[{}]}";
	static const struct
	{
		const char *ticker;
		const char *part;
	}			refused[] =
	{
		{"", "\"SB\" is a string (\"aaa\"), a ticker of 1 to 20 letters"},
		{"", "\"SB\" is a number (5), a string was expected"},
		{"", "\"SB\" is missing"},
		{"", "row is an array, an object was expected"},
		{"", "row is a string (\"BBB\"), an object was expected"},
		{"", "row is null, an object was expected"},
		{"", "row is not JSON"},
		{"", "row is not JSON"}
	};
	char		error[SOURCE_ERROR_SIZE] = "";
	Board		board;
	size_t		i;

	if (!ok(read_board(body, &board, error), "a board of bad rows, wrapped"))
	{
		diag("%s", error);
		return;
	}
	is_integer((int64_t) board.count, 2, "two quotes");
	is_text(board.quotes[0].ticker, "AAA", "the first");
	is_text(board.quotes[1].ticker, "EEE", "and the last");
	is_number(board.quotes[1].price, 20000, "with brackets in a text before its price");
	is_integer((int64_t) board.refusal_count, 8, "eight refusals");
	for (i = 0; i < board.refusal_count && i < 8; i++)
	{
		is_text(board.refusals[i].ticker, refused[i].ticker, "ticker of refusal %zu", i);
		has_text(board.refusals[i].reason, refused[i].part, "reason of refusal %zu", i);
	}
	board_free(&board);
}

/* Answers that are no board at all. */
static void
test_bad_answers(void)
{
	static const struct
	{
		const char *body;
		const char *part;
	}			cases[] =
	{
		{"", "the answer is empty"},
		{"   \n", "the answer is empty"},
		{"No context-path matches the request URI.", "is not JSON: \"No context-path"},
		{"<html>Just a moment...</html>", "is HTML, not JSON"},
		{"null", "is not JSON"},
		{"{\"status\":500,\"message\":\"oops\"}", "without an array \"data\": \"{\\\"status\\\":500"},
		{"{\"data\":{}}", "without an array \"data\""},
		{"{\"data\":null}", "without an array \"data\""},
		{"{\"Data\":[]}", "without an array \"data\""},
		{"{\"data\":[],\"data\":[]}", "without an array \"data\""},
		{"{\"x\":{\"data\":[]}}", "without an array \"data\""},
		{"[{\"SB\":\"AAA\"}", "is malformed"},
		{"[{\"SB\":\"AAA\"}] x", "is malformed"},
		{"{\"data\":[{\"SB\":\"AAA\"}", "is malformed"},
		{"{\"data\":[{\"SB\":\"AAA\"}]", "is malformed"},
		{"{\"data\":[{\"SB\":\"AAA\"}]} x", "is malformed"},
		{"{\"data\":[{\"SB\":\"AAA\"}],", "is malformed"},
		{"{\"data\":[", "is malformed"},
		{"{\"data", "without an array \"data\""},
		{"{\"data\\", "without an array \"data\""},
		{"{", "without an array \"data\""}
	};
	char		error[SOURCE_ERROR_SIZE];
	Board		board;
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		error[0] = '\0';
		ok(!read_board(cases[i].body, &board, error), "no board: %s", cases[i].body);
		has_text(error, cases[i].part, "what is said of it");
		ok(board.quotes == NULL && board.refusals == NULL, "nothing is left of it");
	}
	ok(read_board("[]", &board, error) && board.count == 0, "an empty board is one");
	board_free(&board);
	ok(read_board("{\"status\":200,\"data\":[]}", &board, error) && board.count == 0,
	   "wrapped, too");
	board_free(&board);
}

static void
is_request(bool is_built, SourceRequest *request, const char *url, const char *body)
{
	if (!ok(is_built, "a request for %s", url))
		return;
	is_text(request->url, url, "its URL");
	if (body == NULL)
		ok(request->body == NULL, "a GET");
	else
		is_text(request->body, body, "its body");
	ok(request->headers == kbs_provider.headers, "with the source's headers");
	source_request_free(request);
}

static void
test_requests(void)
{
	static const char base[] = "https://example.com/investment/";
	static const char tickers[][TICKER_MAX + 1] = {"HPG", "VNM"};
	static const char *const groups[][2] = {
		{"VN30", "30"}, {"VN100", "100"}, {"VNMIDCAP", "MID"}, {"VNSMALLCAP", "SML"},
		{"VNX50", "X50"}, {"VNXALL", "XALL"}, {"VNALLSHARE", "ALL"},
		{"HNX30", "HNX30"}, {"HOSE", "HOSE"}, {"ETF", "FUND"}, {"A/B?c", "A%2FB%3Fc"}
	};
	SourceRequest request;
	size_t		i;

	is_request(kbs_provider.list_request(base, &request), &request,
			   "https://example.com/investment/stock/search/data", NULL);
	is_request(kbs_provider.board_request(base, tickers, 2, &request), &request,
			   "https://example.com/investment/stock/iss", "{\"code\":\"HPG,VNM\"}");
	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
	{
		char		url[128];

		snprintf(url, sizeof(url), "%sindex/%s/stocks", base, groups[i][1]);
		is_request(kbs_provider.group_request(base, groups[i][0], &request),
				   &request, url, NULL);
	}
	is_text(kbs_provider.headers[0], "x-lang: vi", "it is asked in Vietnamese");
	ok(kbs_provider.headers[1] == NULL, "without Origin and Referer");
}

static void
test_lists(void)
{
	size_t		length;
	char	   *body = read_fixture("kbs/stock_search_data_row_2026-04-20.json", &length);
	static const char constructed[] =
		"[{\"symbol\":\"E1VFVN30\",\"exchange\":\"HOSE\",\"type\":\"etf\"},"
		"{\"symbol\":\"FUCVREIT\",\"exchange\":\"HSX\",\"type\":\"fund\"},"
		"{\"symbol\":\"CACB2501\",\"exchange\":\"HOSE\",\"type\":\"cw\"},"
		"{\"symbol\":\"X1\",\"exchange\":\"BOND\",\"type\":\"bond\"},"
		"{\"symbol\":\"X2\",\"exchange\":null,\"type\":\"new-kind\"},"
		"{\"symbol\":\"X3\",\"type\":\"a kind too long to keep\"},"
		"{\"symbol\":\"x4\"},{\"name\":\"x\"},7,null]";
	SourceSymbolList list;
	char		error[SOURCE_ERROR_SIZE] = "";

	if (ok(kbs_provider.read_list(body, length, &list, error), "the captured row") &&
		ok(list.count == 1, "is one symbol"))
	{
		is_text(list.symbols[0].ticker, "DPP", "its ticker");
		is_text(list.symbols[0].exchange, "UPCOM", "its exchange");
		is_text(list.symbols[0].kind, "STOCK", "its kind");
	}
	source_symbol_list_free(&list);
	free(body);

	if (ok(kbs_provider.read_list(constructed, strlen(constructed), &list, error), "a list") &&
		ok(list.count == 6 && list.refused == 4, "six symbols and four other rows"))
	{
		is_text(list.symbols[0].kind, "ETF", "an ETF");
		is_text(list.symbols[1].kind, "UNIT_TRUST", "a fund");
		is_text(list.symbols[1].exchange, "HOSE", "of HOSE");
		is_text(list.symbols[2].kind, "CW", "a warrant");
		is_text(list.symbols[3].kind, "BOND", "a bond");
		is_text(list.symbols[3].exchange, "", "of no exchange of ours");
		is_text(list.symbols[4].kind, "NEW-KIND", "what is new is kept");
		is_text(list.symbols[5].kind, "", "unless it is too long");
	}
	source_symbol_list_free(&list);
}

static void
test_groups(void)
{
	size_t		length;
	char	   *body = read_fixture("kbs/index_30_stocks_2026-02-28.json", &length);
	static const char constructed[] = "{\"status\":200,\"data\":[\"ACB\",5,\"x\",null,{}]}";
	SourceSymbolList list;
	char		error[SOURCE_ERROR_SIZE] = "";

	if (ok(kbs_provider.read_group(body, length, &list, error), "the captured group") &&
		ok(list.count == 30 && list.refused == 0, "has thirty members"))
	{
		is_text(list.symbols[0].ticker, "ACB", "the first");
		is_text(list.symbols[29].ticker, "VRE", "the last");
		is_text(list.symbols[29].kind, "", "of which nothing else is told");
	}
	source_symbol_list_free(&list);
	free(body);

	ok(kbs_provider.read_group(constructed, strlen(constructed), &list, error) &&
	   list.count == 1 && list.refused == 4, "members that are none are counted");
	source_symbol_list_free(&list);

	body = read_fixture("kbs/index_VN30_stocks_unknown_group_2026-02-28.json", &length);
	ok(!kbs_provider.read_group(body, length, &list, error), "an unknown group");
	has_text(error, "the list is empty, as it is for a group that the source does not know",
			 "what is said of it");
	ok(list.symbols == NULL, "nothing is left of it");
	free(body);
}

static void
test_source_list(void)
{
	static const struct
	{
		const char *names;
		const char *found;		/* names, or what is said */
	}			cases[] =
	{
		{"vci", "vci "},
		{"kbs", "kbs "},
		{"vci,kbs", "vci kbs "},
		{" kbs ,\tvci ", "kbs vci "},
		{"", "there is an empty name in the list"},
		{" ", "there is an empty name in the list"},
		{"vci,", "there is an empty name in the list"},
		{",vci", "there is an empty name in the list"},
		{"vci,,kbs", "there is an empty name in the list"},
		{"VCI", "there is no source \"VCI\""},
		{"vci kbs", "there is no source \"vci kbs\""},
		{"vci;kbs", "there is no source \"vci;kbs\""},
		{"tcbs", "there is no source \"tcbs\""},
		{"vci, kbs, vci", "source \"vci\" is in the list twice"},
		{"kbs,kbs,kbs,kbs,kbs,kbs", "source \"kbs\" is in the list twice"}
	};
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const SourceProvider *providers[SOURCES_MAX];
		char		text[SOURCE_ERROR_SIZE] = "";
		size_t		count = source_read_list(cases[i].names, providers, text);
		size_t		j;

		for (j = 0; j < count; j++)
		{
			strcat(text, providers[j]->name);
			strcat(text, " ");
		}
		is_text(text, cases[i].found, "'%s'", cases[i].names);
	}
}

int
main(void)
{
	test_capture();
	test_members();
	test_listed_shares();
	test_bad_rows();
	test_bad_answers();
	test_requests();
	test_lists();
	test_groups();
	test_source_list();
	return done_testing();
}
