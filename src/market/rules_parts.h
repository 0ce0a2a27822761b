/*-------------------------------------------------------------------------
 *
 * rules_parts.h
 *	  The rules one by one, for the table in rules.c.
 *
 * A rule looks at one quote and adds to error what is wrong with it: value and
 * bound, one sentence a finding.  It answers whether it had anything to judge;
 * what is unknown breaks no rule.
 *
 * Private to rules*.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_MARKET_RULES_PARTS_H
#define VNSTREAM_MARKET_RULES_PARTS_H

#include "market/rules.h"

typedef bool RuleJudge(const Quote *quote, int64_t now, char *error);

/* Of the ticker and the times: rules_time.c */
extern RuleJudge judge_ticker_shape;
extern RuleJudge judge_time_range;
extern RuleJudge judge_exchange_time;

/* Of prices: rules_price.c */
extern RuleJudge judge_price_minimum;
extern RuleJudge judge_price_range;
extern RuleJudge judge_price_scale;
extern RuleJudge judge_limits_order;
extern RuleJudge judge_price_limits;
extern RuleJudge judge_day_range;
extern RuleJudge judge_change;
extern RuleJudge judge_change_percent;

/* Of volumes and values: rules_volume.c */
extern RuleJudge judge_volume_range;
extern RuleJudge judge_value_range;
extern RuleJudge judge_volume_total;
extern RuleJudge judge_volume_listed;
extern RuleJudge judge_average_price;

/* Of the book: rules_book.c */
extern RuleJudge judge_book_crossed;

/* Add one sentence to error; what is there already is kept. */
extern void rule_say(char *error, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* A known field of kind PRICE or VALUE. */
extern double rule_number(const Quote *quote, QuoteFieldId field);

/*
 * Doubles of sums, products and quotients, in VND and percent: a producer that
 * multiplies thousand VND by 1000 makes 8199.999999999999 of 8.2.
 */
#define RULE_BINARY_NOISE 1e-6

/*
 * "lower 61000 is above upper 60000", where both are known and not in this
 * order, by more than noise.  Answers whether both are known.
 */
extern bool rule_in_order(const Quote *quote, QuoteFieldId lower,
						  QuoteFieldId upper, char *error);

#endif							/* VNSTREAM_MARKET_RULES_PARTS_H */
