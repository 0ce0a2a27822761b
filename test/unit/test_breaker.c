/*-------------------------------------------------------------------------
 *
 * test_breaker.c
 *	  When a source is left alone, and when it is tried again.
 *
 *-------------------------------------------------------------------------
 */
#include "source/breaker.h"
#include "test.h"

static const BreakerFailure timed_out = {HTTP_TIMED_OUT, false, -1};
static const BreakerFailure refused = {HTTP_REFUSED, false, -1};
static const BreakerFailure blocked = {HTTP_REFUSED, true, -1};
static const BreakerFailure too_many = {HTTP_TOO_MANY, false, -1};

static int64_t now = 1000000;

/* A request that fails at once. */
static void
fail(Breaker *breaker, const BreakerFailure *failure)
{
	breaker_fail(breaker, breaker_request(breaker, now), now, failure, 0);
}

static void
succeed(Breaker *breaker)
{
	breaker_succeed(breaker, breaker_request(breaker, now), now);
}

static void
test_failures_in_row(void)
{
	Breaker		breaker;
	int			i;

	breaker_init(&breaker, now);
	is_integer(breaker.since, now, "closed since it was made");
	for (i = 0; i < 5; i++)
	{
		fail(&breaker, &timed_out);
		fail(&breaker, &timed_out);
		ok(breaker_allows(&breaker, now), "two failures leave it closed");
		succeed(&breaker);
		is_integer(breaker.failures, 0, "a good answer forgets them");
	}
	for (i = 0; i < 3; i++)
		fail(&breaker, &timed_out);
	is_text(breaker_state_name(breaker.state), "open", "three open it");
	ok(!breaker_allows(&breaker, now), "nothing goes");
	is_integer(breaker_wait(&breaker, now), 1000, "for a second");
	ok(!breaker_allows(&breaker, now + 999), "and not sooner");
	ok(breaker_allows(&breaker, now + 1000), "then one may");
}

static void
test_trial(void)
{
	Breaker		breaker;
	uint32_t	trial;
	int			i;

	breaker_init(&breaker, now);
	fail(&breaker, &refused);
	is_integer(breaker_wait(&breaker, now), 60000, "a refusal opens it at once, for a minute");
	now += 60000;
	trial = breaker_request(&breaker, now);
	is_text(breaker_state_name(breaker.state), "half-open", "the trial goes");
	ok(!breaker_allows(&breaker, now) && breaker_is_trying(&breaker), "alone");
	is_integer(breaker_wait(&breaker, now), -1, "until it has ended");
	breaker_succeed(&breaker, trial, now + 5);
	is_text(breaker_state_name(breaker.state), "closed", "a good one closes it");
	is_integer(breaker.since, now + 5, "since then");

	/* a bad one opens it for twice the time, whatever came between */
	fail(&breaker, &refused);
	for (i = 0; i < 6; i++)
	{
		static const int expected[] = {60000, 120000, 240000, 480000, 900000, 900000};

		is_integer(breaker_wait(&breaker, now), expected[i], "opening %d", i + 1);
		now = breaker.retry_at;
		fail(&breaker, &refused);
	}
	now = breaker.retry_at;
	succeed(&breaker);
	fail(&breaker, &too_many);
	is_integer(breaker_wait(&breaker, now), 60000, "a good one begins that anew");

	/* a trial that nobody waits for any more */
	now = breaker.retry_at;
	trial = breaker_request(&breaker, now);
	breaker_abandon(&breaker, trial, now);
	ok(breaker_allows(&breaker, now), "an abandoned trial leaves room for another");
	trial = breaker_request(&breaker, now);
	breaker_succeed(&breaker, trial - 2, now);
	ok(breaker_is_trying(&breaker), "an answer of before is not the trial's");
	breaker_abandon(&breaker, trial - 2, now);
	ok(breaker_is_trying(&breaker), "nor is one that is abandoned");
	breaker_fail(&breaker, trial, now, &timed_out, 0);
	is_text(breaker_state_name(breaker.state), "open", "one failure is enough for a trial");
}

static void
test_times(void)
{
	static const struct
	{
		BreakerFailure failure;
		uint32_t	random;
		int			wait;
	}			cases[] =
	{
		{{HTTP_TOO_MANY, false, -1}, 0, 60000},
		{{HTTP_TOO_MANY, false, -1}, 999, 74985},
		{{HTTP_TOO_MANY, false, 7000}, 999, 7000},
		{{HTTP_TOO_MANY, false, 0}, 0, 5000},
		{{HTTP_TOO_MANY, false, 1000}, 0, 5000},
		{{HTTP_TOO_MANY, false, 3600000}, 0, 900000},
		{{HTTP_REFUSED, true, -1}, 0, 300000},
		{{HTTP_REFUSED, true, 20000}, 0, 20000},
		{{HTTP_REFUSED, false, -1}, 0, 60000}
	};
	Breaker		breaker;
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		breaker_init(&breaker, now);
		breaker_fail(&breaker, breaker_request(&breaker, now), now,
					 &cases[i].failure, cases[i].random);
		is_integer(breaker_wait(&breaker, now), cases[i].wait, "case %zu", i);
	}

	/* failures that pass double up to a minute, blocks up to fifteen */
	breaker_init(&breaker, now);
	for (i = 0; i < 12; i++)
	{
		fail(&breaker, &timed_out);
		now += breaker_wait(&breaker, now);
	}
	fail(&breaker, &timed_out);
	is_integer(breaker_wait(&breaker, now), 60000, "a minute at most");
	breaker_init(&breaker, now);
	for (i = 0; i < 4; i++)
	{
		fail(&breaker, &blocked);
		now += breaker_wait(&breaker, now);
	}
	fail(&breaker, &blocked);
	is_integer(breaker_wait(&breaker, now), 900000, "fifteen minutes at most");
}

/* Four requests were under way when the first refusal came. */
static void
test_late_answers(void)
{
	BreakerFailure wish = {HTTP_TOO_MANY, false, 600000};
	Breaker		breaker;
	uint32_t	eras[4];
	int			i;

	breaker_init(&breaker, now);
	for (i = 0; i < 4; i++)
		eras[i] = breaker_request(&breaker, now);
	breaker_fail(&breaker, eras[0], now, &too_many, 0);
	breaker_fail(&breaker, eras[1], now, &too_many, 0);
	is_integer(breaker_wait(&breaker, now), 60000, "the others' refusals do not double it");
	breaker_succeed(&breaker, eras[2], now);
	ok(!breaker_allows(&breaker, now), "a good one among them does not close it");
	breaker_fail(&breaker, eras[3], now, &wish, 0);
	is_integer(breaker_wait(&breaker, now), 600000, "a longer wish counts");
	breaker_try_now(&breaker, now);
	ok(breaker_allows(&breaker, now), "somebody wants it tried");
	(void) breaker_request(&breaker, now);
	ok(breaker_is_trying(&breaker), "that is the trial");
	ok(!breaker_allows(&breaker, now), "one alone still");
	breaker_try_now(&breaker, now);
	ok(!breaker_allows(&breaker, now), "also when somebody wants it again");
}

/* A source that says 0, or a time that is over, whenever it is tried. */
static void
test_empty_wishes(void)
{
	static const int expected[] = {5000, 10000, 20000, 40000, 80000, 160000, 320000, 640000, 900000, 900000};
	BreakerFailure now_again = {HTTP_TOO_MANY, false, 0};
	BreakerFailure later = {HTTP_STATUS, false, 600000};
	Breaker		breaker;
	size_t		i;

	breaker_init(&breaker, now);
	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
	{
		fail(&breaker, &now_again);
		is_integer(breaker_wait(&breaker, now), expected[i], "a wish for nothing, %zu times", i + 1);
		now = breaker.retry_at;
	}
	succeed(&breaker);
	fail(&breaker, &now_again);
	is_integer(breaker_wait(&breaker, now), 5000, "a good answer begins that anew");
	now = breaker.retry_at;
	fail(&breaker, &later);
	is_integer(breaker_wait(&breaker, now), 600000, "a longer wish counts as it is");
	for (i = 0; i < 100; i++)
	{
		now = breaker.retry_at;
		fail(&breaker, &now_again);
	}
	is_integer(breaker_wait(&breaker, now), 900000, "however often");
}

/* What another process was told. */
static void
test_learning(void)
{
	Breaker		breaker;
	uint32_t	era;
	int			i;

	breaker_init(&breaker, now);
	for (i = 0; i < 3; i++)
		fail(&breaker, &timed_out);
	ok(!breaker.is_told, "what passes is no wish of the source");
	breaker_init(&breaker, now);
	fail(&breaker, &refused);
	ok(breaker.is_told, "a refusal is");

	breaker_init(&breaker, now);
	era = breaker_request(&breaker, now);
	breaker_learn(&breaker, now, 1, now);
	ok(breaker_allows(&breaker, now), "what is over is not learnt");
	breaker_learn(&breaker, now + 600000, 2, now);
	is_text(breaker_state_name(breaker.state), "open", "it is left alone");
	ok(breaker.is_told, "as one that was told");
	is_integer(breaker_wait(&breaker, now), 600000, "for as long");
	breaker_succeed(&breaker, era, now);
	ok(!breaker_allows(&breaker, now), "an answer of before does not close it");
	breaker_learn(&breaker, now + 60000, 1, now);
	is_integer(breaker_wait(&breaker, now), 600000, "a shorter time changes nothing");
	breaker_learn(&breaker, now + 700000, 1, now);
	is_integer(breaker_wait(&breaker, now), 700000, "a longer one counts");
	now = breaker.retry_at;
	fail(&breaker, &refused);
	is_integer(breaker_wait(&breaker, now), 240000, "and it goes on where the other one was");

	now = breaker.retry_at;
	era = breaker_request(&breaker, now);
	breaker_learn(&breaker, now + 60000, 1, now);
	ok(breaker_is_trying(&breaker), "a trial under way says more");
	breaker_succeed(&breaker, era, now);
	ok(breaker_allows(&breaker, now), "and closes it");
}

int
main(void)
{
	test_failures_in_row();
	test_trial();
	test_times();
	test_late_answers();
	test_empty_wishes();
	test_learning();
	return done_testing();
}
