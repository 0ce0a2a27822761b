/*-------------------------------------------------------------------------
 *
 * breaker.c
 *	  When a source is left alone, and when it is tried again.
 *
 *-------------------------------------------------------------------------
 */
#include "source/breaker.h"

#include <string.h>

#define PASSING_FIRST_MS 1000
#define PASSING_MOST_MS 60000
#define REFUSED_FIRST_MS 60000
#define BLOCKED_FIRST_MS 300000
#define REFUSED_MOST_MS 900000

/* What is believed of a Retry-After. */
#define WISH_LEAST_MS 5000
#define WISH_MOST_MS 900000

static void
change_state(Breaker *breaker, BreakerState state, int64_t now)
{
	breaker->state = state;
	breaker->since = now;
	breaker->era++;
}

void
breaker_init(Breaker *breaker, int64_t now)
{
	memset(breaker, 0, sizeof(*breaker));
	breaker->since = now;
}

bool
breaker_allows(const Breaker *breaker, int64_t now)
{
	return breaker_wait(breaker, now) == 0;
}

bool
breaker_is_trying(const Breaker *breaker)
{
	return breaker->state == BREAKER_HALF_OPEN;
}

int64_t
breaker_wait(const Breaker *breaker, int64_t now)
{
	switch (breaker->state)
	{
		case BREAKER_CLOSED:
			return 0;
		case BREAKER_OPEN:
			return now < breaker->retry_at ? breaker->retry_at - now : 0;
		case BREAKER_HALF_OPEN:
			break;
	}
	return -1;
}

uint32_t
breaker_request(Breaker *breaker, int64_t now)
{
	if (breaker->state == BREAKER_OPEN)
		change_state(breaker, BREAKER_HALF_OPEN, now);
	return breaker->era;
}

void
breaker_succeed(Breaker *breaker, uint32_t era, int64_t now)
{
	/* a good answer of before says nothing against a refusal since then */
	if (era != breaker->era)
		return;
	breaker->failures = 0;
	breaker->openings = 0;
	if (breaker->state == BREAKER_HALF_OPEN)
		change_state(breaker, BREAKER_CLOSED, now);
}

static bool
is_refusal(HttpFault fault)
{
	return fault == HTTP_REFUSED || fault == HTTP_TOO_MANY;
}

/* Doubled for each opening but the first. */
static int64_t
open_time(const Breaker *breaker, const BreakerFailure *failure, uint32_t random)
{
	bool		refused = is_refusal(failure->fault);
	int64_t		most = refused ? REFUSED_MOST_MS : PASSING_MOST_MS;
	int64_t		time = PASSING_FIRST_MS;
	int			i;

	if (refused)
		time = failure->is_blocked ? BLOCKED_FIRST_MS : REFUSED_FIRST_MS;
	for (i = 1; i < breaker->openings && time < most; i++)
		time *= 2;
	if (time > most)
		time = most;
	return time + time / 4 * (random % 1000) / 1000;
}

/* At the openings-th opening. */
static int64_t
believed_wish(int openings, long retry_after_ms)
{
	int64_t		least = WISH_LEAST_MS;
	int			i;

	for (i = 1; i < openings && least < WISH_MOST_MS; i++)
		least *= 2;
	if (retry_after_ms > least)
		least = retry_after_ms;
	return least > WISH_MOST_MS ? WISH_MOST_MS : least;
}

void
breaker_fail(Breaker *breaker, uint32_t era, int64_t now,
			 const BreakerFailure *failure, uint32_t random)
{
	bool		has_wish = failure->retry_after_ms >= 0;
	int64_t		retry_at;

	if (era != breaker->era)
	{
		retry_at = now + believed_wish(1, failure->retry_after_ms);
		if (has_wish && breaker->state == BREAKER_OPEN && retry_at > breaker->retry_at)
		{
			breaker->retry_at = retry_at;
			breaker->is_told = true;
		}
		return;
	}

	breaker->failures++;
	if (breaker->state == BREAKER_CLOSED && !is_refusal(failure->fault) &&
		breaker->failures < BREAKER_FAILURES)
		return;
	breaker->openings++;
	retry_at = now + (has_wish ?
					  believed_wish(breaker->openings, failure->retry_after_ms) :
					  open_time(breaker, failure, random));
	breaker->retry_at = retry_at;
	breaker->is_told = has_wish || is_refusal(failure->fault);
	change_state(breaker, BREAKER_OPEN, now);
}

void
breaker_learn(Breaker *breaker, int64_t retry_at, int openings, int64_t now)
{
	if (breaker->state == BREAKER_HALF_OPEN || retry_at <= now ||
		(breaker->state == BREAKER_OPEN && retry_at <= breaker->retry_at))
		return;
	if (openings > breaker->openings)
		breaker->openings = openings;
	breaker->retry_at = retry_at;
	breaker->is_told = true;
	if (breaker->state != BREAKER_OPEN)
		change_state(breaker, BREAKER_OPEN, now);
}

void
breaker_abandon(Breaker *breaker, uint32_t era, int64_t now)
{
	if (era != breaker->era || breaker->state != BREAKER_HALF_OPEN)
		return;
	breaker->retry_at = now;
	change_state(breaker, BREAKER_OPEN, now);
}

void
breaker_try_now(Breaker *breaker, int64_t now)
{
	if (breaker->state == BREAKER_OPEN && breaker->retry_at > now)
		breaker->retry_at = now;
}

const char *
breaker_state_name(BreakerState state)
{
	switch (state)
	{
		case BREAKER_CLOSED:
			return "closed";
		case BREAKER_OPEN:
			return "open";
		case BREAKER_HALF_OPEN:
			return "half-open";
	}
	return "?";
}
