/*-------------------------------------------------------------------------
 *
 * test_sweep_failover.c
 *	  Sweeps over two sources, of which one or both have trouble.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include "sweep_support.h"

static SourceProvider provider_b;
static Breaker breaker_a;
static Breaker breaker_b;
static char url_a[128];
static char url_b[128];
static HttpClient *client;

static Run
sweep_two(int count)
{
	SweepOptions options = usual_sweep(url_a);
	Run			run;

	options.sources[0].breaker = &breaker_a;
	options.sources[1] = (SweepSource) {&provider_b, url_b, &breaker_b};
	options.source_count = 2;
	run = run_sweep(&options, count, client);
	check_account(&run, count);
	CHECK_INT(sweep_source_counts(run.sweep, 1)->answered, run.rows_of_b);
	CHECK_INT(sweep_source_counts(run.sweep, 0)->answered, run.rows - run.rows_of_b);
	return run;
}

static void
forget(void)
{
	breaker_init(&breaker_a, http_clock_ms());
	breaker_init(&breaker_b, http_clock_ms());
}

/* How many of count symbols were asked for so often at each source. */
static int
count_asked(int count, int at_a, int at_b)
{
	int			found = 0;
	int			i;

	for (i = 0; i < count; i++)
		found += atomic_load(&times_asked[i]) == at_a &&
			atomic_load(&times_asked_b[i]) == at_b;
	return found;
}

static int
always_403(int symbol, int time)
{
	(void) symbol;
	(void) time;
	return 403;
}

static int
always_429(int symbol, int time)
{
	(void) symbol;
	(void) time;
	return 429;
}

static int
always_503(int symbol, int time)
{
	(void) symbol;
	(void) time;
	return 503;
}

static int
one_503(int symbol, int time)
{
	(void) time;
	return symbol == 100 ? 503 : 200;
}

static int
one_503_once(int symbol, int time)
{
	return symbol == 100 && time == 1 ? 503 : 200;
}

static int
one_400(int symbol, int time)
{
	(void) time;
	return symbol == 100 ? 400 : 200;
}

static RowKind
leave_out_always(int symbol, int time)
{
	(void) time;
	return symbol % 7 == 0 ? ROW_LEFT_OUT : ROW_QUOTE;
}

static void
test_first_is_well(void)
{
	Run			run;

	forget();
	run = sweep_two(1600);
	CHECK_INT(run.rows, 1600);
	CHECK_INT(run.rows_of_b, 0);
	CHECK_INT(sweep_counts(run.sweep)->requests, 32);
	end_run(&run);

	behaviour.row = leave_out_once;
	run = sweep_two(1600);
	CHECK_INT(run.rows, 1600);
	CHECK_INT(run.rows_of_b, 0);
	end_run(&run);
}

static void
test_first_refuses(void)
{
	static int	(*const refusals[]) (int, int) = {always_403, always_429};
	size_t		i;

	for (i = 0; i < 2; i++)
	{
		Run			run;

		forget();
		behaviour.status = refusals[i];
		run = sweep_two(1600);
		CHECK_INT(run.rows, 1600);
		CHECK_INT(run.rows_of_b, 1600);
		CHECK(!sweep_outcome(run.sweep)->gave_up);
		CHECK_INT(sweep_outcome(run.sweep)->source, 0);
		CHECK_INT(sweep_outcome(run.sweep)->fault, i == 0 ? HTTP_REFUSED : HTTP_TOO_MANY);
		CHECK_INT(breaker_a.state, BREAKER_OPEN);
		CHECK_INT(breaker_a.openings, 1);
		CHECK_INT(breaker_b.state, BREAKER_CLOSED);

		/* no more than were in flight when the first refusal came */
		CHECK(sweep_source_counts(run.sweep, 0)->failed_requests <= 4);
		CHECK_INT(sweep_counts(run.sweep)->requests,
				  32 + sweep_source_counts(run.sweep, 0)->failed_requests);
		end_run(&run);

		/* the next sweep leaves it alone */
		behaviour.status = refusals[i];
		run = sweep_two(1600);
		CHECK_INT(run.rows_of_b, 1600);
		CHECK_INT(sweep_counts(run.sweep)->failed_requests, 0);
		CHECK_INT(count_asked(1600, 0, 1), 1600);
		end_run(&run);
	}
}

static void
test_first_fails(void)
{
	Run			run;

	forget();
	behaviour.status = always_503;
	run = sweep_two(1600);
	CHECK_INT(run.rows, 1600);
	CHECK_INT(run.rows_of_b, 1600);
	CHECK(breaker_a.state == BREAKER_OPEN);
	CHECK(sweep_source_counts(run.sweep, 0)->failed_requests >= 3);
	end_run(&run);

	/* One request alone fails: it goes to the other, and no other does. */
	forget();
	behaviour.status = one_503;
	run = sweep_two(1600);
	CHECK_INT(run.rows, 1600);
	CHECK_INT(run.rows_of_b, 50);
	CHECK_INT(sweep_counts(run.sweep)->requests, 33);
	CHECK_INT(count_asked(1600, 1, 1), 50);
	CHECK_INT(breaker_a.state, BREAKER_CLOSED);
	CHECK(sweep_outcome(run.sweep)->error[0] != '\0');
	end_run(&run);

	/* So it does where repeating would be no use. */
	forget();
	behaviour.status = one_400;
	run = sweep_two(1600);
	CHECK_INT(run.rows, 1600);
	CHECK_INT(run.rows_of_b, 50);
	end_run(&run);

	/* The other fails at it, too, but not always. */
	forget();
	behaviour.status = one_400;
	behaviour_b.status = one_503_once;
	run = sweep_two(1600);
	CHECK_INT(run.rows, 1600);
	CHECK_INT(run.rows_of_b, 50);
	CHECK_INT(count_asked(1600, 1, 2), 50);
	end_run(&run);

	/* Both cannot answer it: twice at each, and then it is missing. */
	forget();
	behaviour.status = one_503;
	behaviour_b.status = one_503;
	run = sweep_two(1600);
	CHECK_INT(run.rows, 1550);
	CHECK_INT(count_asked(1600, 2, 2), 50);
	CHECK(!sweep_outcome(run.sweep)->gave_up);
	end_run(&run);
}

static void
test_left_out(void)
{
	Run			run;

	/* Once more there, and then at the other. */
	forget();
	behaviour.row = leave_out_always;
	run = sweep_two(1600);
	CHECK_INT(run.rows, 1600);
	CHECK_INT(run.rows_of_b, 229);
	CHECK_INT(count_asked(1600, 2, 1), 229);
	CHECK_INT(count_asked(1600, 1, 0), 1371);
	end_run(&run);

	/* Which is believed when it leaves them out, too. */
	forget();
	behaviour.row = leave_out_always;
	behaviour_b.row = leave_out_always;
	run = sweep_two(1600);
	CHECK_INT(run.rows, 1371);
	CHECK_INT(count_asked(1600, 2, 1), 229);
	CHECK_INT(breaker_b.state, BREAKER_CLOSED);
	end_run(&run);

	/* The other one alone is asked twice, as the first would be. */
	forget();
	behaviour.status = always_403;
	behaviour_b.row = leave_out_once;
	run = sweep_two(1600);
	CHECK_INT(run.rows, 1600);
	CHECK_INT(run.rows_of_b, 1600);
	end_run(&run);
}

static void
test_none_is_well(void)
{
	Run			run;

	forget();
	behaviour.status = always_403;
	behaviour_b.status = always_429;
	run = sweep_two(1600);
	CHECK_INT(run.rows, 0);
	CHECK(sweep_outcome(run.sweep)->gave_up);
	CHECK_INT(breaker_a.state, BREAKER_OPEN);
	CHECK_INT(breaker_b.state, BREAKER_OPEN);
	CHECK(sweep_counts(run.sweep)->requests <= 8);
	end_run(&run);

	/* And so it is until one may be asked again. */
	run = sweep_two(1600);
	CHECK_INT(run.rows, 0);
	CHECK(sweep_outcome(run.sweep)->gave_up);
	CHECK_INT(sweep_counts(run.sweep)->requests, 0);
	has_text(sweep_outcome(run.sweep)->error, "no source may be asked yet", "why");
	end_run(&run);
	breaker_try_now(&breaker_b, http_clock_ms());
	run = sweep_two(1600);
	CHECK_INT(run.rows_of_b, 1600);
	CHECK_INT(breaker_a.state, BREAKER_OPEN);
	CHECK_INT(breaker_b.state, BREAKER_CLOSED);
	end_run(&run);
}

static void
test_return(void)
{
	Run			run;

	/* One request tries the first, the others do not wait for it. */
	forget();
	breaker_a.state = BREAKER_OPEN;
	breaker_a.failures = 3;
	behaviour.delay_ms = 60;
	behaviour_b.delay_ms = 5;
	run = sweep_two(1600);
	CHECK_INT(run.rows, 1600);
	CHECK(run.rows_of_b >= 150);
	CHECK(run.rows - run.rows_of_b >= 50);
	CHECK_INT(breaker_a.state, BREAKER_CLOSED);
	CHECK_INT(breaker_a.failures, 0);
	end_run(&run);

	/* It is well again: everything goes there. */
	run = sweep_two(1600);
	CHECK_INT(run.rows_of_b, 0);
	end_run(&run);

	/* It is not: one request was the price. */
	breaker_a.state = BREAKER_OPEN;
	breaker_a.failures = 3;
	breaker_a.openings = 8;
	behaviour.status = always_503;
	run = sweep_two(1600);
	CHECK_INT(run.rows_of_b, 1600);
	CHECK_INT(sweep_counts(run.sweep)->failed_requests, 1);
	CHECK_INT(sweep_counts(run.sweep)->requests, 33);
	CHECK_INT(breaker_a.state, BREAKER_OPEN);
	end_run(&run);
}

static atomic_int stumbles_left;

/* So many requests get rubbish, whichever they are. */
static int
stumble(int symbol, int time)
{
	(void) symbol;
	(void) time;
	return atomic_fetch_sub(&stumbles_left, 1) > 0 ? 0 : 200;
}

/* Both stumble, one after the other: the sweep waits for the first to be back. */
static void
test_stumble_in_turn(void)
{
	Run			run;

	forget();
	atomic_store(&stumbles_left, 10);
	behaviour.status = stumble;
	behaviour_b.status = stumble;
	run = sweep_two(1600);
	CHECK_INT(run.rows, 1600);
	CHECK(!sweep_outcome(run.sweep)->gave_up);
	CHECK(sweep_counts(run.sweep)->failed_requests >= 6);
	end_run(&run);

	/* But not for long. */
	forget();
	breaker_a.state = BREAKER_OPEN;
	breaker_a.retry_at = http_clock_ms() + 60000;
	behaviour_b.status = always_403;
	run = sweep_two(1600);
	CHECK_INT(run.rows, 0);
	CHECK(sweep_outcome(run.sweep)->gave_up);
	end_run(&run);
}

/* One that failed goes to the other at once: no pause, no waiting for a round. */
static void
test_repeated_at_once(void)
{
	SweepOptions options = usual_sweep(url_a);
	Universe	universe = make_universe(50);
	const SourceProvider *provider = NULL;
	Sweep	   *sweep;
	Board		board;

	forget();
	options.sources[0].breaker = &breaker_a;
	options.sources[1] = (SweepSource) {&provider_b, url_b, &breaker_b};
	options.source_count = 2;
	behaviour.status = always_503;
	sweep = sweep_begin(&options, &universe);
	sweep_drive(sweep, client);
	CHECK(!sweep_take(sweep, http_await(client), &board, &provider));
	CHECK_INT(sweep_in_flight(sweep), 0);
	sweep_drive(sweep, client);
	CHECK_INT(sweep_in_flight(sweep), 1);
	CHECK(sweep_take(sweep, http_await(client), &board, &provider));
	CHECK(provider == &provider_b);
	CHECK_INT(board.count, 50);
	CHECK(sweep_is_done(sweep));
	board_free(&board);
	sweep_free(sweep);
	universe_free(&universe);
	memset(&behaviour, 0, sizeof(behaviour));
}

/* A source alone that was left alone: one request first, then the others. */
static void
test_trial_alone(void)
{
	SweepOptions options = usual_sweep(url_a);
	Run			run;

	stub_breaker.state = BREAKER_OPEN;
	atomic_store(&server->most_active, 0);
	behaviour.delay_ms = 5;
	run = run_sweep(&options, 200, client);
	check_account(&run, 200);
	CHECK_INT(run.rows, 200);
	CHECK(atomic_load(&server->most_active) <= 3);
	end_run(&run);

	stub_breaker.state = BREAKER_OPEN;
	behaviour.status = always_503;
	run = run_sweep(&options, 200, client);
	check_account(&run, 200);
	CHECK_INT(sweep_counts(run.sweep)->requests, 1);
	CHECK(sweep_outcome(run.sweep)->gave_up);
	end_run(&run);
}

/* A sweep that is given up from outside leaves no trial behind. */
static void
test_abandoned_trial(void)
{
	SweepOptions options = usual_sweep(url_a);
	Universe	universe = make_universe(100);
	Sweep	   *sweep;

	stub_breaker.state = BREAKER_OPEN;
	behaviour.delay_ms = 50;
	sweep = sweep_begin(&options, &universe);
	sweep_drive(sweep, client);
	CHECK(breaker_is_trying(&stub_breaker));
	CHECK_INT(sweep_timeout(sweep), -1);
	http_client_cancel_all(client);
	sweep_free(sweep);
	CHECK(breaker_allows(&stub_breaker, http_clock_ms()));
	universe_free(&universe);
	breaker_init(&stub_breaker, 0);
	memset(&behaviour, 0, sizeof(behaviour));
}

/* Whatever the first does: the second is well, so nothing is missing. */
static unsigned chaos_seed;

static unsigned
dice(int symbol, int time)
{
	unsigned	mix = (unsigned) symbol * 2654435761u + (unsigned) time * 40503u +
		chaos_seed * 2246822519u;

	mix ^= mix >> 15;
	mix *= 2654435761u;
	return mix >> 16;
}

static int
chaos_status(int symbol, int time)
{
	static const int statuses[] = {200, 200, 200, 200, 503, 0, 400, -1, 429, 403};

	return statuses[dice(symbol, time) % (chaos_seed % 2 == 0 ? 10 : 8)];
}

static RowKind
chaos_row(int symbol, int time)
{
	return dice(symbol, time + 10) % 5 == 0 ? ROW_LEFT_OUT : ROW_QUOTE;
}

static void
test_chaos(void)
{
	for (chaos_seed = 1; chaos_seed <= 30; chaos_seed++)
	{
		Run			run;

		if (chaos_seed % 5 == 1)
			forget();
		breaker_try_now(&breaker_a, http_clock_ms());
		behaviour.status = chaos_status;

		/* of two that leave symbols out neither is well */
		if (chaos_seed % 3 == 0)
			behaviour_b.row = leave_out_once;
		else
			behaviour.row = chaos_row;
		run = sweep_two(1600);
		if (run.rows != 1600)
			diag("seed %u: %s", chaos_seed, sweep_outcome(run.sweep)->error);
		CHECK_INT(run.rows, 1600);
		CHECK(!sweep_outcome(run.sweep)->gave_up);
		end_run(&run);
	}
}

int
main(void)
{
	HttpOptions http = usual_options();

	set_up(answer_board);
	snprintf(url_a, sizeof(url_a), "%s/a/", url_prefix);
	snprintf(url_b, sizeof(url_b), "%s/b/", url_prefix);
	provider_b = stub_provider;
	provider_b.name = "other";
	client = create(&http);
	test_first_is_well();
	test_first_refuses();
	test_first_fails();
	test_left_out();
	test_none_is_well();
	test_return();
	test_stumble_in_turn();
	test_repeated_at_once();
	test_trial_alone();
	test_abandoned_trial();
	test_chaos();
	http_client_destroy(client);
	return tear_down();
}
