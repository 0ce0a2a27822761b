/*-------------------------------------------------------------------------
 *
 * test_sweep.c
 *	  Sweeps over a source that leaves out, fails, refuses and talks rubbish.
 *
 * Symbols are S00000, S00001, ...; the source counts how often it is asked for
 * each, and a test's behaviour decides what to answer.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include "source/sweep.h"

#include "http_support.h"
#include "stub_provider.h"

#define MAX_SYMBOLS 100000

/* What a test makes of the row of a symbol that is asked for the time-th time. */
typedef enum RowKind
{
	ROW_QUOTE,
	ROW_REFUSED,
	ROW_WITHOUT_TICKER,
	ROW_LEFT_OUT
} RowKind;

typedef struct Behaviour
{
	RowKind		(*row) (int symbol, int time);	/* NULL: a quote */

	/*
	 * The status of a request, from its first symbol and how often that was
	 * asked for; 0: rubbish, -1: too much.  NULL: 200.
	 */
	int			(*status) (int symbol, int time);
	const char *more_rows;		/* after each board */
	int			delay_ms;
} Behaviour;

static Behaviour behaviour;
static atomic_int times_asked[MAX_SYMBOLS];

static bool
answer_board(Server *of, int fd, const ServerRequest *request)
{
	size_t		size = strlen(request->body) + 4096;
	char	   *board = calloc(1, size);
	char	   *at = board;
	const char *next = request->body;
	int			first = atoi(request->body + 1);
	int			status = 200;
	bool		is_first = true;
	bool		goes_on;
	char		line[64];

	while (next != NULL && *next != '\0')
	{
		int			symbol = atoi(next + 1);
		int			time = atomic_fetch_add(&times_asked[symbol], 1) + 1;
		RowKind		kind = ROW_QUOTE;

		if (is_first && behaviour.status != NULL)
			status = behaviour.status(first, time);
		is_first = false;
		if (behaviour.row != NULL)
			kind = behaviour.row(symbol, time);
		if (kind == ROW_QUOTE)
			at += sprintf(at, "S%05d\n", symbol);
		else if (kind == ROW_REFUSED)
			at += sprintf(at, "!S%05d\n", symbol);
		else if (kind == ROW_WITHOUT_TICKER)
			at += sprintf(at, "!\n");
		next = strchr(next, ',');
		next = next == NULL ? NULL : next + 1;
	}
	if (behaviour.more_rows != NULL)
		strcpy(at, behaviour.more_rows);
	server_sleep(of, behaviour.delay_ms);
	if (status == 0)
		goes_on = server_answer(fd, "200 OK", "", "?rubbish", 8);
	else if (status == -1)
		goes_on = server_printf(fd, "HTTP/1.1 200 OK\r\n"
								"Content-Length: 2000000000\r\n\r\n");
	else if (status != 200)
	{
		snprintf(line, sizeof(line), "%d No", status);
		goes_on = server_answer(fd, line, "Retry-After: 7\r\n", "no", 2);
	}
	else
		goes_on = server_answer(fd, "200 OK", "", board, strlen(board));
	free(board);
	return goes_on;
}

/* ----------------------------------------------------------------
 *		Helpers
 * ----------------------------------------------------------------
 */

typedef struct Run
{
	HttpClient *client;
	Sweep	   *sweep;
	int			boards;
	int64_t		rows;
	int64_t		refusals;
	char	   *seen;			/* of each symbol, rows that came out */
} Run;

static Universe
make_universe(int count)
{
	Universe	universe;
	int			i;

	universe.tickers = calloc((size_t) count + 1, sizeof(*universe.tickers));
	universe.count = (size_t) count;
	for (i = 0; i < count; i++)
		sprintf(universe.tickers[i], "S%05d", i);
	return universe;
}

static SweepOptions
usual_sweep(const char *base_url)
{
	SweepOptions options = {
		.provider = &stub_provider,
		.base_url = base_url,
		.symbols_per_request = 50,
		.requests_in_flight = 4
	};

	return options;
}

static void
take_all(Run *run)
{
	HttpResponse *response;
	Board		board;
	size_t		i;

	while ((response = http_client_take(run->client)) != NULL)
	{
		if (!sweep_take(run->sweep, response, &board))
			continue;
		run->boards++;
		run->rows += (int64_t) board.count;
		run->refusals += (int64_t) board.refusal_count;
		for (i = 0; i < board.count; i++)
			run->seen[atoi(board.quotes[i].ticker + 1)]++;
		board_free(&board);
	}
}

/* Begins a sweep over count symbols and runs it to its end. */
static Run
run_sweep(const SweepOptions *options, int count, HttpClient *client)
{
	Universe	universe = make_universe(count);
	Run			run = {.client = client};
	int			i;

	for (i = 0; i < MAX_SYMBOLS; i++)
		atomic_store(&times_asked[i], 0);
	run.seen = calloc(MAX_SYMBOLS, 1);
	run.sweep = sweep_begin(options, &universe);
	universe_free(&universe);
	while (!sweep_is_done(run.sweep))
	{
		sweep_drive(run.sweep, client);
		if (sweep_is_done(run.sweep))
			break;
		http_wait(client, sweep_timeout(run.sweep));
		take_all(&run);
	}
	return run;
}

/* What holds at the end of every sweep. */
static void
check_account(const Run *run, int count)
{
	const SweepCounts *counts = sweep_counts(run->sweep);
	int			missing = 0;
	bool		is_sorted = true;
	bool		is_once = true;
	int			i;

	while (sweep_missing(run->sweep, (size_t) missing) != NULL)
	{
		if (missing > 0 && strcmp(sweep_missing(run->sweep, (size_t) missing - 1),
								  sweep_missing(run->sweep, (size_t) missing)) >= 0)
			is_sorted = false;
		missing++;
	}
	for (i = 0; i < count; i++)
		is_once = is_once && run->seen[i] <= 1;
	CHECK(is_sorted);
	CHECK(is_once);
	CHECK_INT(counts->asked, count);
	CHECK_INT(counts->asked, counts->answered + missing);
	CHECK_INT(counts->refused, run->refusals);
	CHECK_INT(http_client_in_flight(run->client), 0);
	CHECK(http_client_take(run->client) == NULL);
	CHECK_INT(sweep_timeout(run->sweep), -1);
}

static void
end_run(Run *run)
{
	sweep_free(run->sweep);
	free(run->seen);
	memset(&behaviour, 0, sizeof(behaviour));
}

/* ----------------------------------------------------------------
 *		Tests
 * ----------------------------------------------------------------
 */

static void
test_whole_market(void)
{
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep(url_prefix);
	HttpClient *client = create(&http);
	int			connections = atomic_load(&server->connections);
	int			sweep;
	Run			run;

	behaviour.delay_ms = 2;
	for (sweep = 0; sweep < 2; sweep++)
	{
		behaviour.delay_ms = 2;
		atomic_store(&server->most_active, 0);
		run = run_sweep(&options, 1620, client);
		check_account(&run, 1620);
		CHECK_INT(sweep_counts(run.sweep)->answered, 1620);
		CHECK_INT(sweep_counts(run.sweep)->requests, 33);
		CHECK_INT(sweep_counts(run.sweep)->failed_requests, 0);
		CHECK_INT(sweep_counts(run.sweep)->bytes, 1620 * 7);
		CHECK_INT(run.boards, 33);
		CHECK_INT(run.rows, 1620);
		CHECK_INT(sweep_outcome(run.sweep)->fault, HTTP_OK);
		CHECK_TEXT(sweep_outcome(run.sweep)->error, "");
		CHECK_INT(sweep_outcome(run.sweep)->retry_after_ms, -1);
		CHECK(!sweep_outcome(run.sweep)->gave_up);
		CHECK(atomic_load(&server->most_active) <= 4);
		end_run(&run);
	}
	CHECK_INT(atomic_load(&server->connections) - connections, 4);
	http_client_destroy(client);
}

/* Fewer in flight than the client has room for, and the other way round. */
static void
test_in_flight(void)
{
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep(url_prefix);
	HttpClient *client;
	Run			run;
	int			i;

	for (i = 0; i < 2; i++)
	{
		http.max_in_flight = i == 0 ? 8 : 2;
		options.requests_in_flight = i == 0 ? 2 : 8;
		client = create(&http);
		behaviour.delay_ms = 4;
		atomic_store(&server->most_active, 0);
		run = run_sweep(&options, 500, client);
		check_account(&run, 500);
		CHECK_INT(run.rows, 500);
		CHECK(atomic_load(&server->most_active) <= 2);
		end_run(&run);
		http_client_destroy(client);
	}
}

static RowKind
leave_out_once(int symbol, int time)
{
	return symbol % 7 == 0 && time == 1 ? ROW_LEFT_OUT : ROW_QUOTE;
}

static void
test_left_out_once(void)
{
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep(url_prefix);
	HttpClient *client = create(&http);
	bool		is_right = true;
	Run			run;
	int			i;

	behaviour.row = leave_out_once;
	run = run_sweep(&options, 1600, client);
	check_account(&run, 1600);
	CHECK_INT(sweep_counts(run.sweep)->answered, 1600);

	/* 229 symbols were left out: 5 requests more. */
	CHECK_INT(sweep_counts(run.sweep)->requests, 37);
	CHECK_INT(sweep_counts(run.sweep)->failed_requests, 0);
	for (i = 0; i < 1600; i++)
		is_right = is_right && run.seen[i] == 1 &&
			atomic_load(&times_asked[i]) == (i % 7 == 0 ? 2 : 1);
	CHECK(is_right);
	end_run(&run);
	http_client_destroy(client);
}

static RowKind
never_know_some(int symbol, int time)
{
	(void) time;
	return symbol % 100 == 99 ? ROW_LEFT_OUT : ROW_QUOTE;
}

static RowKind
know_nothing(int symbol, int time)
{
	(void) symbol;
	(void) time;
	return ROW_LEFT_OUT;
}

static void
test_unknown(void)
{
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep(url_prefix);
	HttpClient *client = create(&http);
	Run			run;

	behaviour.row = never_know_some;
	run = run_sweep(&options, 1600, client);
	check_account(&run, 1600);
	CHECK_INT(sweep_counts(run.sweep)->answered, 1584);
	CHECK_INT(sweep_counts(run.sweep)->requests, 33);
	CHECK_TEXT(sweep_missing(run.sweep, 0), "S00099");
	CHECK_TEXT(sweep_missing(run.sweep, 15), "S01599");
	CHECK(sweep_missing(run.sweep, 16) == NULL);
	CHECK_INT(atomic_load(&times_asked[99]), 2);
	CHECK_INT(sweep_outcome(run.sweep)->fault, HTTP_OK);
	end_run(&run);

	/* An empty answer is an answer: all of them are asked for once more. */
	behaviour.row = know_nothing;
	run = run_sweep(&options, 120, client);
	check_account(&run, 120);
	CHECK_INT(sweep_counts(run.sweep)->answered, 0);
	CHECK_INT(sweep_counts(run.sweep)->requests, 6);
	CHECK(!sweep_outcome(run.sweep)->gave_up);
	end_run(&run);
	http_client_destroy(client);
}

static void
test_strange_rows(void)
{
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep(url_prefix);
	HttpClient *client = create(&http);
	Run			run;

	/* Not asked for, a second one, almost the same names, a refusal after. */
	behaviour.more_rows = "S00200\nS00001\nS00001\ns00001\nS0000\nS000001\n"
		"!S00001\n!S00200\n";
	run = run_sweep(&options, 100, client);
	check_account(&run, 100);
	CHECK_INT(run.rows, 100);
	CHECK_INT(run.refusals, 0);
	CHECK_INT(run.seen[200], 0);
	CHECK_INT(sweep_counts(run.sweep)->requests, 2);
	end_run(&run);
	http_client_destroy(client);
}

static RowKind
refuse_some(int symbol, int time)
{
	(void) time;
	if (symbol == 10)
		return ROW_WITHOUT_TICKER;
	return symbol % 20 == 5 ? ROW_REFUSED : ROW_QUOTE;
}

static void
test_refused_rows(void)
{
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep(url_prefix);
	HttpClient *client = create(&http);
	Run			run;

	behaviour.row = refuse_some;
	run = run_sweep(&options, 100, client);
	check_account(&run, 100);
	CHECK_INT(run.rows, 94);

	/* Five refused ones are answers; S00010 stays unanswered, asked twice. */
	CHECK_INT(sweep_counts(run.sweep)->answered, 99);
	CHECK_INT(sweep_counts(run.sweep)->refused, 7);
	CHECK_TEXT(sweep_missing(run.sweep, 0), "S00010");
	CHECK_INT(atomic_load(&times_asked[5]), 1);
	CHECK_INT(atomic_load(&times_asked[10]), 2);
	end_run(&run);
	http_client_destroy(client);
}

static int
fail_first_503(int symbol, int time)
{
	return symbol == 100 && time == 1 ? 503 : 200;
}

static int
fail_first_rubbish(int symbol, int time)
{
	return symbol == 100 && time == 1 ? 0 : 200;
}

static int
fail_always_503(int symbol, int time)
{
	(void) time;
	return symbol == 100 ? 503 : 200;
}

static int
fail_always_400(int symbol, int time)
{
	(void) time;
	return symbol == 100 ? 400 : 200;
}

static int
fail_always_too_large(int symbol, int time)
{
	(void) time;
	return symbol == 100 ? -1 : 200;
}

/* A request that fails once, for good, and in a way that is not worth repeating. */
static void
test_failed_request(void)
{
	static const struct
	{
		int			(*status) (int symbol, int time);
		HttpFault	fault;
		int			answered;
		int			failed;
		int			requests;
		const char *error;
	}			cases[] =
	{
		{fail_first_503, HTTP_STATUS, 1600, 1, 33, "status 503"},
		{fail_first_rubbish, HTTP_UNREADABLE, 1600, 1, 33, "no board: the stub"},
		{fail_always_503, HTTP_STATUS, 1550, 2, 33, "status 503"},
		{fail_always_400, HTTP_STATUS, 1550, 1, 32, "status 400"},
		{fail_always_too_large, HTTP_TOO_LARGE, 1550, 1, 32, "more than"},
	};
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep(url_prefix);
	HttpClient *client = create(&http);
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Run			run;

		behaviour.status = cases[i].status;
		run = run_sweep(&options, 1600, client);
		check_account(&run, 1600);
		CHECK_INT(sweep_counts(run.sweep)->answered, cases[i].answered);
		CHECK_INT(sweep_counts(run.sweep)->requests, cases[i].requests);
		CHECK_INT(sweep_counts(run.sweep)->failed_requests, cases[i].failed);
		CHECK_INT(sweep_outcome(run.sweep)->fault, cases[i].fault);
		has_text(sweep_outcome(run.sweep)->error, cases[i].error,
				 "the error of case %zu", i);
		CHECK(!sweep_outcome(run.sweep)->gave_up);
		if (cases[i].answered < 1600)
			CHECK_TEXT(sweep_missing(run.sweep, 0), "S00100");
		end_run(&run);
	}
	http_client_destroy(client);
}

/* A left-out symbol and a failed request are asked again apart. */
static void
test_both_rounds(void)
{
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep(url_prefix);
	HttpClient *client = create(&http);
	Run			run;

	behaviour.row = leave_out_once;
	behaviour.status = fail_always_503;
	run = run_sweep(&options, 1600, client);
	check_account(&run, 1600);
	CHECK_INT(sweep_counts(run.sweep)->answered, 1550);
	CHECK_INT(sweep_counts(run.sweep)->failed_requests, 2);

	/* 32, then 222 left-out symbols in 5 requests, then the failed one. */
	CHECK_INT(sweep_counts(run.sweep)->requests, 38);
	end_run(&run);
	http_client_destroy(client);
}

static int
refuse_403(int symbol, int time)
{
	(void) time;
	return symbol == 250 ? 403 : 200;
}

static int
refuse_429(int symbol, int time)
{
	(void) time;
	return symbol == 250 ? 429 : 200;
}

static void
test_refusal_ends_it(void)
{
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep(url_prefix);
	HttpClient *client = create(&http);
	int			i;

	for (i = 0; i < 2; i++)
	{
		Run			run;
		int			requests;

		behaviour.status = i == 0 ? refuse_403 : refuse_429;
		behaviour.delay_ms = 5;
		run = run_sweep(&options, 1600, client);
		check_account(&run, 1600);
		CHECK(sweep_outcome(run.sweep)->gave_up);
		CHECK_INT(sweep_outcome(run.sweep)->fault,
				  i == 0 ? HTTP_REFUSED : HTTP_TOO_MANY);
		CHECK_INT(sweep_outcome(run.sweep)->retry_after_ms, 7000);
		CHECK_INT(sweep_counts(run.sweep)->failed_requests, 1);

		/* It was the sixth; a few more were in flight, and none came after. */
		CHECK(sweep_counts(run.sweep)->requests >= 6 &&
			  sweep_counts(run.sweep)->requests <= 6 + 3 + 4);
		requests = (int) sweep_counts(run.sweep)->requests;
		sweep_drive(run.sweep, client);
		CHECK_INT(sweep_counts(run.sweep)->requests, requests);
		end_run(&run);
	}
	http_client_destroy(client);
}

static int
fail_all(int symbol, int time)
{
	(void) symbol;
	(void) time;
	return 503;
}

static int
fail_two_of_three(int symbol, int time)
{
	return symbol / 50 % 3 < 2 && time == 1 ? 503 : 200;
}

static void
test_failures_in_row(void)
{
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep(url_prefix);
	HttpClient *client = create(&http);
	Run			run;

	options.requests_in_flight = 1;
	behaviour.status = fail_all;
	run = run_sweep(&options, 1600, client);
	check_account(&run, 1600);
	CHECK(sweep_outcome(run.sweep)->gave_up);
	CHECK_INT(sweep_counts(run.sweep)->requests, 3);
	CHECK_INT(sweep_counts(run.sweep)->answered, 0);
	end_run(&run);

	/* The second round's failures count on from the first's. */
	behaviour.status = fail_all;
	run = run_sweep(&options, 100, client);
	check_account(&run, 100);
	CHECK(sweep_outcome(run.sweep)->gave_up);
	CHECK_INT(sweep_counts(run.sweep)->requests, 3);
	end_run(&run);

	/* Two are no three, however often. */
	behaviour.status = fail_two_of_three;
	run = run_sweep(&options, 450, client);
	check_account(&run, 450);
	CHECK(!sweep_outcome(run.sweep)->gave_up);
	CHECK_INT(sweep_counts(run.sweep)->failed_requests, 6);
	CHECK_INT(sweep_counts(run.sweep)->requests, 15);
	CHECK_INT(sweep_counts(run.sweep)->answered, 450);
	end_run(&run);
	http_client_destroy(client);
}

/* Nothing is there at all. */
static void
test_no_source(void)
{
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep("http://127.0.0.1:1/");
	HttpClient *client = create(&http);
	Run			run = run_sweep(&options, 1600, client);

	check_account(&run, 1600);
	CHECK(sweep_outcome(run.sweep)->gave_up);
	CHECK_INT(sweep_outcome(run.sweep)->fault, HTTP_UNREACHABLE);
	CHECK(sweep_outcome(run.sweep)->error[0] != '\0');
	end_run(&run);

	/* A base URL that cannot be used, which the settings should have refused. */
	options.base_url = "ftp://127.0.0.1/";
	run = run_sweep(&options, 1600, client);
	check_account(&run, 1600);
	CHECK(sweep_outcome(run.sweep)->gave_up);
	CHECK_INT(sweep_counts(run.sweep)->failed_requests, 3);
	has_text(sweep_outcome(run.sweep)->error, "https://", "the error of a bad URL");
	end_run(&run);
	http_client_destroy(client);
}

typedef struct Budget
{
	int			left;
	int			granted;
	int64_t		full_at;		/* http_clock_ms() */
} Budget;

static long
ask_budget(void *context)
{
	Budget	   *budget = context;
	int64_t		now = http_clock_ms();

	if (budget->left == 0 && now >= budget->full_at)
		budget->left = 3;
	if (budget->left == 0)
		return (long) (budget->full_at - now);
	if (--budget->left == 0)
		budget->full_at = now + 20;
	budget->granted++;
	return 0;
}

static void
test_budget(void)
{
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep(url_prefix);
	HttpClient *client = create(&http);
	Budget		budget = {.left = 3};
	int64_t		began = http_clock_ms();
	Universe	universe;
	Sweep	   *sweep;
	Run			run;

	options.may_request = ask_budget;
	options.budget_context = &budget;
	run = run_sweep(&options, 500, client);
	check_account(&run, 500);
	CHECK_INT(sweep_counts(run.sweep)->answered, 500);
	CHECK_INT(budget.granted, 10);
	CHECK(http_clock_ms() - began >= 60);
	end_run(&run);

	/* Nothing in flight, and it says when it may go on. */
	budget.left = 0;
	budget.full_at = http_clock_ms() + 100000;
	universe = make_universe(10);
	sweep = sweep_begin(&options, &universe);
	CHECK_INT(sweep_timeout(sweep), 0);
	sweep_drive(sweep, client);
	CHECK(sweep_timeout(sweep) > 50000 && sweep_timeout(sweep) <= 100000);
	CHECK_INT(http_client_in_flight(client), 0);
	CHECK_INT(sweep_counts(sweep)->requests, 0);
	sweep_free(sweep);
	universe_free(&universe);
	http_client_destroy(client);
}

/* Many symbols, and rows of one request for another's symbols. */
static void
test_large(void)
{
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep(url_prefix);
	HttpClient *client;
	Run			run;

	http.max_in_flight = 8;
	client = create(&http);
	options.requests_in_flight = 8;
	options.symbols_per_request = 100;
	behaviour.row = leave_out_once;
	run = run_sweep(&options, 10000, client);
	check_account(&run, 10000);
	CHECK_INT(sweep_counts(run.sweep)->answered, 10000);
	CHECK_INT(run.rows, 10000);
	CHECK_INT(sweep_counts(run.sweep)->requests, 115);
	end_run(&run);

	options.symbols_per_request = 5000;
	run = run_sweep(&options, MAX_SYMBOLS, client);
	check_account(&run, MAX_SYMBOLS);
	CHECK_INT(run.rows, MAX_SYMBOLS);
	CHECK_INT(sweep_counts(run.sweep)->requests, 20);
	end_run(&run);

	/* More symbols a request than there are, and one. */
	options.symbols_per_request = SIZE_MAX;
	run = run_sweep(&options, 70, client);
	check_account(&run, 70);
	CHECK_INT(sweep_counts(run.sweep)->requests, 1);
	end_run(&run);
	options.symbols_per_request = 1;
	run = run_sweep(&options, 70, client);
	check_account(&run, 70);
	CHECK_INT(sweep_counts(run.sweep)->requests, 70);
	end_run(&run);
	http_client_destroy(client);
}

static void
test_universes(void)
{
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep(url_prefix);
	HttpClient *client = create(&http);
	char		tickers[5][TICKER_MAX + 1] = {
		"S00003", "S00001", "S00003", "S00002", "S00001"
	};
	Universe	universe = {NULL, 0};
	Board		board;
	Run			run = {.client = client};

	run.sweep = sweep_begin(&options, &universe);
	CHECK(sweep_is_done(run.sweep));
	CHECK(sweep_missing(run.sweep, 0) == NULL);
	sweep_drive(run.sweep, client);
	CHECK_INT(sweep_counts(run.sweep)->requests, 0);
	sweep_free(run.sweep);

	/* Unordered, and some twice. */
	universe.tickers = tickers;
	universe.count = 5;
	run.sweep = sweep_begin(&options, &universe);
	CHECK_INT(sweep_counts(run.sweep)->asked, 3);
	sweep_drive(run.sweep, client);
	CHECK_INT(sweep_counts(run.sweep)->requests, 1);
	CHECK(sweep_take(run.sweep, http_await(client), &board));
	CHECK_INT(board.count, 3);
	CHECK(board.quotes[0].time > 0);
	board_free(&board);
	CHECK(sweep_is_done(run.sweep));
	sweep_free(run.sweep);
	http_client_destroy(client);
}

/* A response that another sweep asked for is nobody's. */
static void
test_late_responses(void)
{
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep(url_prefix);
	HttpClient *client = create(&http);
	Universe	universe = make_universe(1600);
	Sweep	   *abandoned = sweep_begin(&options, &universe);
	Run			run;

	behaviour.delay_ms = 10;
	sweep_drive(abandoned, client);
	CHECK_INT(http_client_in_flight(client), 4);
	sweep_free(abandoned);
	run = run_sweep(&options, 1600, client);
	check_account(&run, 1600);
	CHECK_INT(run.boards, 32);
	CHECK_INT(sweep_counts(run.sweep)->answered, 1600);
	end_run(&run);

	/* Given up as the header says. */
	abandoned = sweep_begin(&options, &universe);
	sweep_drive(abandoned, client);
	http_client_cancel_all(client);
	sweep_free(abandoned);
	CHECK(http_await(client) == NULL);
	universe_free(&universe);
	http_client_destroy(client);
}

int
main(void)
{
	set_up(answer_board);
	strcat(url_prefix, "/");
	test_whole_market();
	test_in_flight();
	test_left_out_once();
	test_unknown();
	test_strange_rows();
	test_refused_rows();
	test_failed_request();
	test_both_rounds();
	test_refusal_ends_it();
	test_failures_in_row();
	test_no_source();
	test_budget();
	test_large();
	test_universes();
	test_late_responses();
	return tear_down();
}
