/*-------------------------------------------------------------------------
 *
 * rules.h
 *	  What cannot be true of a quote.
 *
 * A rule is decidable from the quote alone (and the clock), so the producer
 * before publishing and the consumer before storing ask the same rules.  Each
 * has a name, and a rejection says rule, value and bound.
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

/* The lowest price that is believed, in VND; below it is thousand VND. */
#define RULE_PRICE_MIN 100.0

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
#define RULE_COUNT 3

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

#endif							/* VNSTREAM_MARKET_RULES_H */
