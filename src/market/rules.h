/*-------------------------------------------------------------------------
 *
 * rules.h
 *	  What cannot be true of a quote.
 *
 * A rule is decidable from the quote alone (and the clock), so the producer
 * before publishing and the consumer before storing ask the same rules.  Each
 * has a name, and a rejection says rule, value and bound.  What is only
 * suspicious, or needs an earlier quote (day.h), is flagged by the producer and
 * published all the same.
 *
 * Plain C: no PostgreSQL headers, no I/O.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_MARKET_RULES_H
#define VNSTREAM_MARKET_RULES_H

#include "market/quote.h"

/*
 * The largest volume that is believed, in shares: more than ten times the
 * largest company's listed shares (8.4 thousand million for VCB in 2026).
 */
#define RULE_VOLUME_MAX INT64_C(100000000000)

/*
 * The lowest price that is believed, in VND; below it is thousand VND.  A
 * covered warrant may be worth one tick.  The highest is beyond seventy times
 * the dearest share there ever was (1.4 million VND).
 */
#define RULE_PRICE_MIN 100.0
#define RULE_WARRANT_MIN 10.0
#define RULE_PRICE_MAX 100e6

/* The largest value of a day, in VND: some thirty times the whole market's. */
#define RULE_VALUE_MAX 1e15

/*
 * How far a quote's time may be ahead of the clock here, and the source's times
 * ahead of the quote's, in µs.  Clocks of servers that somebody looks after are
 * within seconds, those of others within minutes; less than that would refuse
 * true quotes for a clock.  A time zone taken for another is an hour off, and is
 * refused: such a quote would be the newest for as long.
 */
#define RULE_CLOCK_SKEW INT64_C(300000000)

/*
 * How many days after the quote the board's trading date may lie: boards turn
 * to the next one when they like, and Tet closes the market for nine.
 */
#define RULE_TRADING_DATE_AHEAD 15

/*
 * Does the quote keep every rule?  now is the clock in µs since 1970 UTC.
 * Where not, false; *rule is the name of the first broken one (a constant),
 * and error (QUOTE_ERROR_SIZE bytes) has a sentence that names every broken
 * rule's value and bound, separated by "; ".
 */
extern bool rules_accept(const Quote *quote, int64_t now,
						 const char **rule, char *error);

/*
 * What each rule says of one quote, for a person.  One that has nothing to
 * judge, because the quote knows none of its fields, is RULE_IDLE; neither
 * that nor RULE_KEPT has a reason.
 */
#define RULE_COUNT 17

typedef enum RuleOutcome
{
	RULE_KEPT,
	RULE_BROKEN,
	RULE_IDLE
} RuleOutcome;

typedef struct RuleVerdict
{
	const char *rule;			/* its name, a constant */
	RuleOutcome outcome;
	char		reason[QUOTE_ERROR_SIZE];	/* as rules_accept() has it */
} RuleVerdict;

/* Fills verdicts[RULE_COUNT], in the order in which rules_accept() asks. */
extern void rules_judge(const Quote *quote, int64_t now, RuleVerdict *verdicts);

/*
 * Is total_volume within a count of listed shares that the quote does not have
 * itself: a fund's or a warrant's, or one of a list of symbols?  Such counts
 * are stale at times, so this is a flag, named RULE_FLAG_LISTED.  Where not,
 * false and a sentence in reason (QUOTE_ERROR_SIZE bytes).  A count of 0 or
 * less is no count.
 */
#define RULE_FLAG_LISTED "volume_listed"
extern bool rules_flag_listed(const Quote *quote, int64_t listed_shares,
							  char *reason);

#endif							/* VNSTREAM_MARKET_RULES_H */
