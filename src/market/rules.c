/*-------------------------------------------------------------------------
 *
 * rules.c
 *	  What cannot be true of a quote: the table of rules, and asking them.
 *
 *-------------------------------------------------------------------------
 */
#include "market/rules.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "market/json.h"
#include "market/reason.h"
#include "market/rules_parts.h"

/*
 * What a quote is called by is asked first, since it names the rejection: a
 * price in another unit breaks nearly every rule of prices.
 */
static const struct
{
	const char *name;
	RuleJudge  *judge;
}			rules[] = {
	{"ticker_shape", judge_ticker_shape},
	{"volume_range", judge_volume_range},
	{"price_minimum", judge_price_minimum},
	{"price_range", judge_price_range},
	{"price_scale", judge_price_scale},
	{"value_range", judge_value_range},
	{"time_range", judge_time_range},
	{"exchange_time", judge_exchange_time},
	{"limits_order", judge_limits_order},
	{"price_limits", judge_price_limits},
	{"day_range", judge_day_range},
	{"change", judge_change},
	{"change_percent", judge_change_percent},
	{"volume_total", judge_volume_total},
	{"volume_listed", judge_volume_listed},
	{"average_price", judge_average_price},
	{"book_crossed", judge_book_crossed}
};

_Static_assert(sizeof(rules) / sizeof(rules[0]) == RULE_COUNT,
			   "RULE_COUNT must count the rules");

void
rule_say(char *error, const char *format,...)
{
	char		sentence[QUOTE_ERROR_SIZE];
	va_list		arguments;

	va_start(arguments, format);
	(void) vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	reason_append(error, QUOTE_ERROR_SIZE, "%s%s", error[0] == '\0' ? "" : "; ",
				  sentence);
}

double
rule_number(const Quote *quote, QuoteFieldId field)
{
	double		number;

	memcpy(&number, (const char *) quote + quote_fields[field].offset,
		   sizeof(number));
	return number;
}

bool
rule_in_order(const Quote *quote, QuoteFieldId lower, QuoteFieldId upper,
			  char *error)
{
	char		below[JSON_NUMBER_SIZE];
	char		above[JSON_NUMBER_SIZE];

	if (!quote_knows(quote, lower) || !quote_knows(quote, upper))
		return false;
	if (rule_number(quote, lower) > rule_number(quote, upper) + RULE_BINARY_NOISE)
	{
		json_write_number(rule_number(quote, lower), below);
		json_write_number(rule_number(quote, upper), above);
		rule_say(error, "%s %s is above %s %s", quote_fields[lower].name, below,
				 quote_fields[upper].name, above);
	}
	return true;
}

bool
rules_accept(const Quote *quote, int64_t now, const char **rule, char *error)
{
	size_t		i;

	*rule = NULL;
	error[0] = '\0';
	for (i = 0; i < RULE_COUNT; i++)
	{
		(void) rules[i].judge(quote, now, error);
		if (*rule == NULL && error[0] != '\0')
			*rule = rules[i].name;
	}
	return *rule == NULL;
}

void
rules_judge(const Quote *quote, int64_t now, RuleVerdict *verdicts)
{
	size_t		i;

	for (i = 0; i < RULE_COUNT; i++)
	{
		RuleVerdict *verdict = &verdicts[i];
		bool		has_judged;

		verdict->rule = rules[i].name;
		verdict->reason[0] = '\0';
		has_judged = rules[i].judge(quote, now, verdict->reason);
		if (verdict->reason[0] != '\0')
			verdict->outcome = RULE_BROKEN;
		else
			verdict->outcome = has_judged ? RULE_KEPT : RULE_IDLE;
	}
}

bool
rules_flag_listed(const Quote *quote, int64_t listed_shares, char *reason)
{
	reason[0] = '\0';
	if (listed_shares <= 0 || quote_knows(quote, QUOTE_LISTED_SHARES) ||
		!quote_knows(quote, QUOTE_TOTAL_VOLUME) ||
		quote->total_volume <= listed_shares)
		return true;
	rule_say(reason, "total_volume %" PRId64 " is above the listed shares, %" PRId64
			 ", a count that may be stale", quote->total_volume, listed_shares);
	return false;
}
