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

static BreakerFailure last_failure;

/* The tickers with blanks between them, or "failed: " and why. */
static const char *
look_up(const char *symbols, RequestBudget may_request, void *context)
{
	static char text[4096];
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	HttpResponse *response;
	char		error[SOURCE_ERROR_SIZE] = "";
	Universe	universe = {NULL, 0};
	UniverseLookup *lookup = universe_lookup_begin(&stub_provider, url_prefix,
												   symbols, error);
	char	   *at = text;
	size_t		i;

	if (lookup == NULL)
	{
		http_client_destroy(client);
		snprintf(text, sizeof(text), "refused: %s", error);
		return text;
	}
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
	*text = '\0';
	if (!universe_lookup_result(lookup, &universe, &last_failure, error))
		snprintf(text, sizeof(text), "failed: %s", error);
	for (i = 0; i < universe.count; i++)
		at += sprintf(at, "%s%s", i > 0 ? " " : "", universe.tickers[i]);
	universe_free(&universe);
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
		"STOCK", "all,VN30", "E1VFVN30", "41I1G5000", "VCB,VCB", "HNX", "UPCOM",
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
	has_text(look_up("vn30", NULL, NULL), "refused: \"vn30\" must be in upper case",
			 "a look-up refuses a bad setting");
}

static void
test_words(void)
{
	Answer		list = {"200 OK", market};

	/* Tickers alone ask nobody. */
	set_answers(1, &list);
	CHECK_TEXT(look_up(" FPT,VCB, ACB,FPT", NULL, NULL), "ACB FPT VCB");
	CHECK_INT(atomic_load(&asked), 0);

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
	Answer		no_etf = {"200 OK", "VCB HOSE STOCK\nOLD - ETF\n"};

	set_answers(2, once);
	CHECK_TEXT(look_up("ETF", NULL, NULL), "E1VFVN30");
	CHECK_INT(atomic_load(&asked), 2);

	/* One retry a request, not one a look-up. */
	set_answers(4, each_once);
	CHECK_TEXT(look_up("ETF,VN30", NULL, NULL), "ACB E1VFVN30");
	CHECK_INT(atomic_load(&asked), 4);

	set_answers(1, &always);
	has_text(look_up("VN30,ETF", NULL, NULL), "failed: ", "always 500");
	CHECK_INT(last_failure.fault, HTTP_STATUS);
	CHECK_INT(last_failure.retry_after_ms, 9000);
	CHECK_INT(atomic_load(&asked), 2);

	set_answers(1, &bad_request);
	has_text(look_up("all", NULL, NULL), "status 400", "always 400");
	CHECK_INT(atomic_load(&asked), 1);

	set_answers(1, &refused);
	has_text(look_up("all", NULL, NULL), "status 403", "always 403");
	CHECK_INT(last_failure.fault, HTTP_REFUSED);
	CHECK_INT(atomic_load(&asked), 1);

	set_answers(1, &too_many);
	has_text(look_up("all", NULL, NULL), "status 429", "always 429");
	CHECK_INT(last_failure.fault, HTTP_TOO_MANY);
	CHECK_INT(last_failure.retry_after_ms, 9000);
	CHECK_INT(atomic_load(&asked), 1);

	set_answers(1, &rubbish);
	has_text(look_up("all", NULL, NULL), "no list of symbols: the stub",
			 "always rubbish");
	CHECK_INT(last_failure.fault, HTTP_UNREADABLE);
	CHECK_INT(atomic_load(&asked), 2);

	/* A list without what a word stands for. */
	set_answers(1, &empty);
	has_text(look_up("all", NULL, NULL), "none is a symbol of all", "no list");
	CHECK_INT(last_failure.fault, HTTP_UNREADABLE);
	CHECK_INT(atomic_load(&asked), 2);
	set_answers(1, &empty);
	has_text(look_up("VN30", NULL, NULL), "none is a symbol of VN30", "no group");
	set_answers(1, &no_etf);
	has_text(look_up("HOSE,ETF", NULL, NULL), "2 rows, and none is a symbol of ETF",
			 "no ETF");
	set_answers(2, empty_once);
	CHECK_TEXT(look_up("ETF", NULL, NULL), "E1VFVN30");
}

static long
grant_every_other(void *context, const SourceProvider *provider)
{
	int		   *calls = context;

	(void) provider;
	return (*calls)++ % 2 == 0 ? 5 : 0;
}

static long
grant_nothing(void *context, const SourceProvider *provider)
{
	(void) context;
	(void) provider;
	return 100000;
}

static void
test_budget(void)
{
	Answer		groups[] = {{"200 OK", "SHS"}, {"200 OK", "VCB"}};
	int			calls = 0;
	HttpOptions options = usual_options();
	HttpClient *client = create(&options);
	UniverseLookup *lookup;
	char		error[SOURCE_ERROR_SIZE] = "";

	set_answers(2, groups);
	CHECK_TEXT(look_up("VN30,HNX30", grant_every_other, &calls), "SHS VCB");
	CHECK_INT(calls, 4);
	CHECK_INT(atomic_load(&asked), 2);

	/* Nothing in flight, and it says when it may go on. */
	lookup = universe_lookup_begin(&stub_provider, url_prefix, "VN30", error);
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
	Answer		groups[] = {{"200 OK", "SHS"}, {"200 OK", "VCB"}};
	Universe	universe = {NULL, 0};
	UniverseLookup *first = universe_lookup_begin(&stub_provider, url_prefix,
												  "VN30", error);
	UniverseLookup *second = universe_lookup_begin(&stub_provider, url_prefix,
												   "HNX30", error);

	set_answers(2, groups);
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
	CHECK(universe_lookup_result(second, &universe, &last_failure, error));
	CHECK_INT(last_failure.fault, HTTP_OK);
	CHECK_INT(universe.count, 1);
	CHECK_TEXT(universe.tickers[0], "VCB");
	universe_free(&universe);
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
	test_groups();
	test_failures();
	test_budget();
	test_late_responses();
	return tear_down();
}
