/*-------------------------------------------------------------------------
 *
 * rules.c
 *	  What cannot be true of a quote.
 *
 *-------------------------------------------------------------------------
 */
#include "market/rules.h"

#include <inttypes.h>
#include <string.h>

#include "market/json.h"
#include "market/reason.h"

/*
 * A rule looks at one quote and adds to error what is wrong with it: value and
 * bound, one sentence a field.  What is unknown breaks no rule.
 */
typedef struct Rule
{
	const char *name;
	QuoteFieldKind kind;		/* looks at the fields of this kind, */
	int			field;			/* or at this one alone, where not -1 */
	void		(*judge) (const Quote *quote, int64_t now, char *error);
} Rule;

static const char *
separator(const char *error)
{
	return error[0] == '\0' ? "" : "; ";
}

static void
judge_volume_range(const Quote *quote, int64_t now, char *error)
{
	int			id;

	(void) now;
	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		int64_t		shares;

		if (quote_fields[id].kind != QUOTE_KIND_SHARES ||
			!quote_knows(quote, (QuoteFieldId) id))
			continue;
		memcpy(&shares, (const char *) quote + quote_fields[id].offset,
			   sizeof(shares));
		if (shares < 0)
			reason_append(error, QUOTE_ERROR_SIZE,
						  "%s%s %" PRId64 " is below 0 shares",
						  separator(error),
						  quote_fields[id].name, shares);
		else if (shares > RULE_VOLUME_MAX)
			reason_append(error, QUOTE_ERROR_SIZE,
						  "%s%s %" PRId64 " is beyond %" PRId64 " shares",
						  separator(error),
						  quote_fields[id].name, shares, RULE_VOLUME_MAX);
	}
}

static void
judge_price_minimum(const Quote *quote, int64_t now, char *error)
{
	char		price[JSON_NUMBER_SIZE];

	(void) now;
	if (!quote_knows(quote, QUOTE_PRICE) || quote->price >= RULE_PRICE_MIN)
		return;
	json_write_number(quote->price, price);
	reason_append(error, QUOTE_ERROR_SIZE,
				  "%sprice %s is below %.0f VND"
				  " (prices are in VND, not thousand VND)",
				  separator(error), price, RULE_PRICE_MIN);
}

static void
judge_time_range(const Quote *quote, int64_t now, char *error)
{
	char		time[TIME_TEXT_SIZE];
	char		bound[TIME_TEXT_SIZE];

	if (!quote_knows(quote, QUOTE_TIME) ||
		(quote->time >= QUOTE_TIME_MIN &&
		 quote->time <= now + QUOTE_TIME_AHEAD))
		return;
	time_to_text(quote->time, time);
	if (quote->time < QUOTE_TIME_MIN)
	{
		time_to_text(QUOTE_TIME_MIN, bound);
		reason_append(error, QUOTE_ERROR_SIZE,
					  "%stime %s is before %s, the market's first day",
					  separator(error), time, bound);
	}
	else
	{
		time_to_text(now, bound);
		reason_append(error, QUOTE_ERROR_SIZE,
					  "%stime %s is more than a day ahead of the clock, %s",
					  separator(error), time, bound);
	}
}

static const Rule rules[] = {
	{"volume_range", QUOTE_KIND_SHARES, -1, judge_volume_range},
	{"price_minimum", QUOTE_KIND_PRICE, QUOTE_PRICE, judge_price_minimum},
	{"time_range", QUOTE_KIND_TIME, QUOTE_TIME, judge_time_range}
};

_Static_assert(sizeof(rules) / sizeof(rules[0]) == RULE_COUNT,
			   "RULE_COUNT must count the rules");

bool
rules_accept(const Quote *quote, int64_t now, const char **rule, char *error)
{
	size_t		i;

	*rule = NULL;
	error[0] = '\0';
	for (i = 0; i < RULE_COUNT; i++)
	{
		rules[i].judge(quote, now, error);
		if (*rule == NULL && error[0] != '\0')
			*rule = rules[i].name;
	}
	return *rule == NULL;
}

/* Does the quote know any field that the rule looks at? */
static bool
has_something_for(const Rule *rule, const Quote *quote)
{
	int			id;

	if (rule->field >= 0)
		return quote_knows(quote, (QuoteFieldId) rule->field);
	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		if (quote_fields[id].kind == rule->kind &&
			quote_knows(quote, (QuoteFieldId) id))
			return true;
	}
	return false;
}

void
rules_judge(const Quote *quote, int64_t now, RuleVerdict *verdicts)
{
	size_t		i;

	for (i = 0; i < RULE_COUNT; i++)
	{
		RuleVerdict *verdict = &verdicts[i];

		verdict->rule = rules[i].name;
		verdict->reason[0] = '\0';
		rules[i].judge(quote, now, verdict->reason);
		if (verdict->reason[0] != '\0')
			verdict->outcome = RULE_BROKEN;
		else if (has_something_for(&rules[i], quote))
			verdict->outcome = RULE_KEPT;
		else
			verdict->outcome = RULE_IDLE;
	}
}
