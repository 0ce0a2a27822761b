/*-------------------------------------------------------------------------
 *
 * test_sweep_faults.c
 *	  Sweeps over a source that fails, refuses and talks rubbish.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include "sweep_support.h"

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
		{
			const char *first = "";

			/* of a request that failed nobody can say that it was left out */
			CHECK_TEXT(sweep_missing(run.sweep, 0), "S00100");
			CHECK_INT(count_outcome(&run, SYMBOL_LEFT_OUT, &first), 0);
			CHECK_INT(count_outcome(&run, SYMBOL_NOT_ANSWERED, &first), 50);
			CHECK_TEXT(first, "S00100");
		}
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
	return symbol >= 250 ? 403 : 200;
}

static int
refuse_429(int symbol, int time)
{
	(void) time;
	return symbol >= 250 ? 429 : 200;
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

		/* as long as the source wishes */
		CHECK_INT(stub_breaker.state, BREAKER_OPEN);
		CHECK_INT(stub_breaker.retry_at - stub_breaker.since, 7000);
		CHECK_INT(sweep_counts(run.sweep)->failed_requests, 1);

		/* Five good ones, then no more than were in flight, and none after. */
		CHECK(sweep_counts(run.sweep)->requests <= 5 + 4);
		CHECK(sweep_counts(run.sweep)->answered <= 250);
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
	options.sources[0].base_url = "ftp://127.0.0.1/";
	run = run_sweep(&options, 1600, client);
	check_account(&run, 1600);
	CHECK(sweep_outcome(run.sweep)->gave_up);
	CHECK_INT(sweep_counts(run.sweep)->failed_requests, 3);
	has_text(sweep_outcome(run.sweep)->error, "https://", "the error of a bad URL");
	end_run(&run);
	http_client_destroy(client);
}

int
main(void)
{
	set_up(answer_board);
	strcat(url_prefix, "/");
	test_failed_request();
	test_both_rounds();
	test_refusal_ends_it();
	test_failures_in_row();
	test_no_source();
	return tear_down();
}
