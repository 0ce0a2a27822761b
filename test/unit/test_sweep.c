/*-------------------------------------------------------------------------
 *
 * test_sweep.c
 *	  Sweeps over a source that answers, if not always all that was asked.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include "sweep_support.h"

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
	const char *first = "";
	Run			run;

	behaviour.row = never_know_some;
	run = run_sweep(&options, 1600, client);
	check_account(&run, 1600);
	CHECK_INT(sweep_counts(run.sweep)->answered, 1584);
	CHECK_INT(sweep_counts(run.sweep)->requests, 33);
	CHECK_TEXT(sweep_missing(run.sweep, 0), "S00099");
	CHECK_TEXT(sweep_missing(run.sweep, 15), "S01599");
	CHECK(sweep_missing(run.sweep, 16) == NULL);
	CHECK_INT(count_outcome(&run, SYMBOL_HAS_ROW, &first), 1584);
	CHECK_TEXT(first, "S00000");
	CHECK_INT(count_outcome(&run, SYMBOL_LEFT_OUT, &first), 16);
	CHECK_TEXT(first, "S00099");
	CHECK_INT(count_outcome(&run, SYMBOL_NOT_ANSWERED, &first), 0);
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
	options.sources[0].budget_context = &budget;
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
	const SourceProvider *provider = NULL;
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
	CHECK(sweep_take(run.sweep, http_await(client), &board, &provider));
	CHECK_INT(board.count, 3);
	CHECK(board.quotes[0].time > 0);
	board_free(&board);
	CHECK(sweep_is_done(run.sweep));
	sweep_free(run.sweep);
	http_client_destroy(client);
}

/*
 * A response that another sweep asked for is nobody's.  The two sweeps cut
 * their requests differently, so that a mistaken one shows in the bytes.
 */
static void
test_late_responses(void)
{
	HttpOptions http = usual_options();
	SweepOptions options = usual_sweep(url_prefix);
	HttpClient *client;
	Universe	universe = make_universe(1600);
	Sweep	   *abandoned = sweep_begin(&options, &universe);
	Run			run;

	http.max_in_flight = 8;
	client = create(&http);
	behaviour.delay_ms = 10;
	sweep_drive(abandoned, client);
	CHECK_INT(http_client_in_flight(client), 4);
	sweep_free(abandoned);
	options.symbols_per_request = 20;
	run = run_sweep(&options, 1600, client);
	check_account(&run, 1600);
	CHECK_INT(run.boards, 80);
	CHECK_INT(sweep_counts(run.sweep)->answered, 1600);
	CHECK_INT(sweep_counts(run.sweep)->bytes, 1600 * 7);
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
	test_budget();
	test_large();
	test_universes();
	test_late_responses();
	return tear_down();
}
