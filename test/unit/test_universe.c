/*-------------------------------------------------------------------------
 *
 * test_universe.c
 *	  vnstream.symbols: what it may say, and which tickers that is.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include "source/universe.h"

#include "http_support.h"
#include "stub_provider.h"

/* What the source answers: each request takes the next one, the last stays. */
typedef struct Answer
{
	const char *status;
	const char *body;
} Answer;

static Answer answers[8];
static int	answer_count;
static atomic_int asked;
static char paths[8][64];

static const char market[] =
"VCB HOSE STOCK\n"
"FPT HOSE STOCK\n"
"SHS HNX STOCK\n"
"BSR UPCOM STOCK\n"
"E1VFVN30 HOSE ETF\n"
"FUCVREIT HOSE UNIT_TRUST\n"
"OLD - STOCK\n"
"OLDETF - ETF\n"
"CVNM2401 HOSE CW\n"
"VN30F2401 HNX FU\n"
"BID123 HOSE BOND\n"
"CII424 HNX DEBENTURE\n"
"ODD OTHER STOCK\n";

static bool
answer_list(Server *of, int fd, const ServerRequest *request)
{
	int			number = atomic_fetch_add(&asked, 1);
	const Answer *answer = &answers[number < answer_count ? number :
									answer_count - 1];

	(void) of;
	if (number < 8)
		snprintf(paths[number], sizeof(paths[0]), "%.60s", request->path);
	return server_answer(fd, answer->status, "Retry-After: 9\r\n", answer->body,
						 strlen(answer->body));
}

static void
set_answers(int count, const Answer *list)
{
	memcpy(answers, list, (size_t) count * sizeof(Answer));
	answer_count = count;
	memset(paths, 0, sizeof(paths));
	atomic_store(&asked, 0);
}

/* ----------------------------------------------------------------
 *		Helpers
 * ----------------------------------------------------------------
 */

static HttpFault last_fault;
static long last_retry_after;
static bool last_has_list;

/* What a look-up has brought, as what is known. */
static UniverseSymbol known[64];
static size_t known_count;

static int
compare_known(const void *a, const void *b)
{
	return strcmp(((const UniverseSymbol *) a)->ticker,
				  ((const UniverseSymbol *) b)->ticker);
}

static UniverseSymbol *
know(const char *ticker)
{
	size_t		i;

	for (i = 0; i < known_count && strcmp(known[i].ticker, ticker) != 0; i++)
		;
	if (i == known_count)
	{
		memset(&known[i], 0, sizeof(known[i]));
		snprintf(known[i].ticker, sizeof(known[i].ticker), "%s", ticker);
		known_count++;
	}
	return &known[i];
}

static void
know_lists(const SymbolLists *lists)
{
	int			group;
	size_t		i;

	known_count = 0;
	for (i = 0; i < lists->list.count; i++)
	{
		const SourceSymbol *row = &lists->list.symbols[i];
		UniverseSymbol *symbol = know(row->ticker);

		snprintf(symbol->exchange, sizeof(symbol->exchange), "%s", row->exchange);
		snprintf(symbol->kind, sizeof(symbol->kind), "%s", row->kind);
		symbol->is_active = !row->is_delisted;
	}
	for (group = 0; universe_group_name(group) != NULL; group++)
		for (i = 0; i < lists->groups[group].count; i++)
			know(lists->groups[group].symbols[i].ticker)->groups |=
				UINT32_C(1) << group;
	qsort(known, known_count, sizeof(known[0]), compare_known);
}

static UniverseNotes notes;

/* The tickers that a setting stands for, with blanks between them. */
static const char *
resolve(const char *symbols)
{
	static char text[4096];
	Universe	universe;
	char	   *at = text;
	size_t		i;

	*text = '\0';
	CHECK(universe_resolve(symbols, known, known_count, sizeof(known[0]),
						   &universe, &notes));
	for (i = 0; i < universe.count; i++)
		at += sprintf(at, "%s%s", i > 0 ? " " : "", universe.tickers[i]);
	universe_free(&universe);
	return text;
}

/* The tickers after a look-up, or "failed: " and why. */
static const char *
look_up(const char *symbols, RequestBudget may_request, void *context)
{
	static char text[4096];
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	HttpResponse *response;
	char		error[SOURCE_ERROR_SIZE] = "";
	SymbolLists lists;
	UniverseLookup *lookup = universe_lookup_begin(&stub_provider, url_prefix,
												   universe_groups(symbols));

	while (!universe_lookup_is_done(lookup))
	{
		universe_lookup_drive(lookup, client, may_request, context);
		if (!universe_lookup_is_done(lookup))
			http_wait(client, universe_lookup_timeout(lookup));
		while ((response = http_client_take(client)) != NULL)
			universe_lookup_take(lookup, response);
	}
	CHECK_INT(universe_lookup_timeout(lookup), -1);
	CHECK_INT(http_client_in_flight(client), 0);
	if (!universe_lookup_result(lookup, &lists, &last_fault,
								&last_retry_after, error))
		snprintf(text, sizeof(text), "failed: %s", error);
	else
	{
		know_lists(&lists);
		snprintf(text, sizeof(text), "%s", resolve(symbols));
	}
	last_has_list = lists.has_list;
	symbol_lists_free(&lists);
	universe_lookup_free(lookup);
	http_client_destroy(client);
	return text;
}

/* ----------------------------------------------------------------
 *		Tests
 * ----------------------------------------------------------------
 */

static void
test_settings(void)
{
	static const char *const good[] = {
		"all", " all ", "VCB", "VN30", "HOSE,ETF", "VCB,FPT , VN30\n,\tHNX30",
		"STOCK", "UNIT_TRUST", "all,VN30", "E1VFVN30", "FUEVFVND", "CVNM2401",
		"41I1G5", "VN30F", "VCB12", "A32", "VCB,VCB", "HNX", "UPCOM",
		"VNMIDCAP,VNSMALLCAP,VNALLSHARE,VNX50,VNXALL,VN100", "ABCDEFGHIJKLMNOPQRST",
	};
	static const struct
	{
		const char *symbols;
		const char *error;		/* a part of it */
	}			bad[] =
	{
		{"", "empty"},
		{"  \n", "empty"},
		{",", "empty"},
		{"VCB,", "empty"},
		{",VCB", "empty"},
		{"VCB,,FPT", "empty"},
		{"vn30", "\"VN30\""},
		{"VCB,fpt", "\"FPT\""},
		{"Hose", "\"HOSE\""},
		{"ALL", "lower case"},
		{"All", "\"all\""},
		{"VCB FPT", "separated by commas"},
		{"VCB;FPT", "separated by commas"},
		{"VCB.VN", "\"VCB.VN\""},
		{"ABCDEFGHIJKLMNOPQRSTU", "1 to 20"},
		{"abcdefghijklmnopqrstu", "1 to 20"},
		{"V\xc3\x89" "B", "\"V??B\""},
		{"FU_INDEX", "not supported"},
		{"fu_index", "\"FU_INDEX\""},
		{"FU_BOND", "not supported"},
		{"BOND", "not supported"},
		{"CW", "not supported"},
		{"VCB,41I1G5000", "\"41I1G5000\" cannot be used: derivatives and bonds"},
		{"VN30F2408", "\"VN30F2408\" cannot be used: derivatives and bonds"},
		{"VN30F1M", "derivatives and bonds"},
		{"GB05F2412", "derivatives and bonds"},
		{"VRE12007", "derivatives and bonds"},
		{"VPI124001", "derivatives and bonds"},
		{"TD2030015", "derivatives and bonds"},
		{"HSX", "write HOSE"},
		{"VNINDEX", "HOSE"},
	};
	char		error[SOURCE_ERROR_SIZE];
	size_t		i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		error[0] = '\0';
		if (!CHECK(universe_check(good[i], error)))
			diag("%s: %s", good[i], error);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		error[0] = '\0';
		if (!CHECK(!universe_check(bad[i].symbols, error)))
			diag("%s", bad[i].symbols);
		has_text(error, bad[i].error, "what is wrong with \"%s\"", bad[i].symbols);
	}
}

static void
test_words(void)
{
	Answer		list = {"200 OK", market};

	/* Tickers need not be known. */
	known_count = 0;
	CHECK_TEXT(resolve(" FPT,VCB, ACB,FPT"), "ACB FPT VCB");
	set_answers(1, &list);
	CHECK_TEXT(look_up(" FPT,VCB, ACB,FPT", NULL, NULL), "ACB FPT VCB");
	CHECK_INT(atomic_load(&asked), 1);

	set_answers(1, &list);
	CHECK_TEXT(look_up("all", NULL, NULL), "BSR E1VFVN30 FPT FUCVREIT SHS VCB");
	CHECK_INT(atomic_load(&asked), 1);
	CHECK_TEXT(paths[0], "/list");
	CHECK_TEXT(look_up("HOSE", NULL, NULL), "E1VFVN30 FPT FUCVREIT VCB");
	CHECK_TEXT(look_up("ETF", NULL, NULL), "E1VFVN30");
	CHECK_TEXT(look_up("STOCK", NULL, NULL), "BSR FPT SHS VCB");

	/* Words are joined; one list serves all of them. */
	set_answers(1, &list);
	CHECK_TEXT(look_up("UPCOM,ETF,HNX,AAA,all", NULL, NULL),
			   "AAA BSR E1VFVN30 FPT FUCVREIT SHS VCB");
	CHECK_INT(atomic_load(&asked), 1);
	CHECK_TEXT(resolve("HOSE,ETF"), "E1VFVN30 FPT FUCVREIT VCB");
	CHECK_TEXT(resolve("UNIT_TRUST"), "FUCVREIT");
	CHECK_TEXT(notes.empty, "");
	CHECK_TEXT(notes.refused, "");

	/* What the list knows to be on another board is left out, and named. */
	CHECK_TEXT(resolve("VCB,BID123,CVNM2401,CII424,OLD,NEW1"), "CVNM2401 NEW1 OLD VCB");
	CHECK_TEXT(notes.refused, "BID123 (BOND), CII424 (DEBENTURE)");

	/* A word that stands for nothing is told, and takes nothing away. */
	CHECK_TEXT(resolve("VN30,HNX,VN100"), "SHS");
	CHECK_TEXT(notes.empty, "VN30, VN100");
	known_count = 0;
	CHECK_TEXT(resolve("all"), "");
	CHECK_TEXT(notes.empty, "all");

	/* What has left the list is not of the market, but may be named. */
	know("VCB");
	strcpy(known[0].exchange, "HOSE");
	strcpy(known[0].kind, "STOCK");
	CHECK_TEXT(resolve("all"), "");
	CHECK_TEXT(resolve("VCB"), "VCB");
	known[0].is_active = true;
	CHECK_TEXT(resolve("all"), "VCB");
}

/* More notes than there is room for. */
static void
test_long_notes(void)
{
	char		setting[4096] = "VCB";
	int			i;

	known_count = 0;
	for (i = 0; i < 60; i++)
	{
		char		ticker[TICKER_MAX + 1];

		snprintf(ticker, sizeof(ticker), "BONDBONDBONDBOND%02dX", i);
		strcpy(know(ticker)->kind, "BOND");
		sprintf(setting + strlen(setting), ",%s", ticker);
	}
	CHECK_TEXT(resolve(setting), "VCB");
	CHECK_INT(strlen(notes.refused), SOURCE_ERROR_SIZE - 1);
}

static void
test_groups(void)
{
	Answer		groups[] = {
		{"200 OK", market}, {"200 OK", "SHS\nPVS\n"}, {"200 OK", "VCB\nACB\n"},
	};

	set_answers(3, groups);
	CHECK_TEXT(look_up("VN30,UPCOM,HNX30,VN30", NULL, NULL),
			   "ACB BSR PVS SHS VCB");
	CHECK_INT(atomic_load(&asked), 3);
	CHECK_TEXT(paths[0], "/list");
	CHECK_TEXT(paths[1], "/group?name=HNX30");
	CHECK_TEXT(paths[2], "/group?name=VN30");
}

static void
test_failures(void)
{
	Answer		once[] = {{"503 No", "no"}, {"200 OK", market}};
	Answer		each_once[] = {
		{"503 No", "no"}, {"200 OK", market}, {"200 OK", "?"}, {"200 OK", "ACB"},
	};
	Answer		always = {"500 No", "no"};
	Answer		bad_request = {"400 No", "no"};
	Answer		refused = {"403 No", "no"};
	Answer		too_many = {"429 No", "no"};
	Answer		rubbish = {"200 OK", "?"};
	Answer		empty = {"200 OK", ""};
	Answer		empty_once[] = {{"200 OK", ""}, {"200 OK", market}};
	Answer		no_market = {"200 OK", "VN30F2401 HNX FU\nOLD - ETF\n"};
	Answer		no_group[] = {{"200 OK", market}, {"200 OK", ""}};

	set_answers(2, once);
	CHECK_TEXT(look_up("ETF", NULL, NULL), "E1VFVN30");
	CHECK_INT(atomic_load(&asked), 2);

	/* One retry a request, not one a look-up. */
	set_answers(4, each_once);
	CHECK_TEXT(look_up("ETF,VN30", NULL, NULL), "ACB E1VFVN30");
	CHECK_INT(atomic_load(&asked), 4);

	set_answers(1, &always);
	has_text(look_up("VN30,ETF", NULL, NULL), "failed: ", "always 500");
	CHECK_INT(last_fault, HTTP_STATUS);
	CHECK_INT(last_retry_after, 9000);
	CHECK_INT(atomic_load(&asked), 2);

	set_answers(1, &bad_request);
	has_text(look_up("all", NULL, NULL), "status 400", "always 400");
	CHECK_INT(atomic_load(&asked), 1);

	set_answers(1, &refused);
	has_text(look_up("all", NULL, NULL), "status 403", "always 403");
	CHECK_INT(last_fault, HTTP_REFUSED);
	CHECK_INT(atomic_load(&asked), 1);

	set_answers(1, &too_many);
	has_text(look_up("all", NULL, NULL), "status 429", "always 429");
	CHECK_INT(last_fault, HTTP_TOO_MANY);
	CHECK_INT(last_retry_after, 9000);
	CHECK_INT(atomic_load(&asked), 1);

	set_answers(1, &rubbish);
	has_text(look_up("all", NULL, NULL), "no list of symbols: the stub",
			 "always rubbish");
	CHECK_INT(last_fault, HTTP_UNREADABLE);
	CHECK_INT(atomic_load(&asked), 2);

	/* A list without what a word stands for. */
	set_answers(1, &empty);
	has_text(look_up("all", NULL, NULL), "none is a symbol of the market", "no list");
	CHECK_INT(last_fault, HTTP_UNREADABLE);
	CHECK_INT(atomic_load(&asked), 2);
	CHECK(!last_has_list);
	set_answers(1, &no_market);
	has_text(look_up("HOSE,ETF", NULL, NULL), "2 rows, and none is a symbol of the market",
			 "no market");

	/* What came before the fault is there. */
	set_answers(2, no_group);
	has_text(look_up("VN30", NULL, NULL), "none is a symbol of VN30", "no group");
	CHECK(last_has_list);
	set_answers(2, empty_once);
	CHECK_TEXT(look_up("ETF", NULL, NULL), "E1VFVN30");
}

static long
grant_every_other(void *context)
{
	int		   *calls = context;

	return (*calls)++ % 2 == 0 ? 5 : 0;
}

static long
grant_nothing(void *context)
{
	(void) context;
	return 100000;
}

static void
test_budget(void)
{
	Answer		groups[] = {{"200 OK", market}, {"200 OK", "SHS"}, {"200 OK", "VCB"}};
	int			calls = 0;
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	UniverseLookup *lookup;

	set_answers(3, groups);
	CHECK_TEXT(look_up("VN30,HNX30", grant_every_other, &calls), "SHS VCB");
	CHECK_INT(calls, 6);
	CHECK_INT(atomic_load(&asked), 3);

	/* Nothing in flight, and it says when it may go on. */
	lookup = universe_lookup_begin(&stub_provider, url_prefix, 0);
	CHECK_INT(universe_lookup_timeout(lookup), 0);
	universe_lookup_drive(lookup, client, grant_nothing, NULL);
	CHECK(universe_lookup_timeout(lookup) > 50000 &&
		  universe_lookup_timeout(lookup) <= 100000);
	CHECK_INT(http_client_in_flight(client), 0);
	universe_lookup_free(lookup);
	http_client_destroy(client);
}

/* Given up half way; what it had asked for is nobody's afterwards. */
static void
test_late_responses(void)
{
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	char		error[SOURCE_ERROR_SIZE] = "";
	Answer		lists[] = {{"200 OK", market}, {"200 OK", "VCB HOSE STOCK"}};
	SymbolLists result;
	UniverseLookup *first = universe_lookup_begin(&stub_provider, url_prefix, 0);
	UniverseLookup *second = universe_lookup_begin(&stub_provider, url_prefix, 0);

	set_answers(2, lists);
	universe_lookup_drive(first, client, NULL, NULL);
	CHECK_INT(universe_lookup_timeout(first), -1);
	universe_lookup_free(first);
	while (atomic_load(&asked) == 0)
		http_wait(client, 5);
	universe_lookup_drive(second, client, NULL, NULL);
	universe_lookup_take(second, http_await(client));
	CHECK(!universe_lookup_is_done(second));
	universe_lookup_take(second, http_await(client));
	CHECK(universe_lookup_is_done(second));
	CHECK(universe_lookup_result(second, &result, &last_fault,
								 &last_retry_after, error));
	CHECK_INT(last_fault, HTTP_OK);
	CHECK_INT(result.list.count, 1);
	CHECK_TEXT(result.list.symbols[0].ticker, "VCB");
	symbol_lists_free(&result);
	universe_lookup_free(second);
	http_client_destroy(client);
}

int
main(void)
{
	set_up(answer_list);
	strcat(url_prefix, "/");
	test_settings();
	test_words();
	test_long_notes();
	test_groups();
	test_failures();
	test_budget();
	test_late_responses();
	return tear_down();
}
