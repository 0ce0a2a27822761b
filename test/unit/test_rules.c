/*-------------------------------------------------------------------------
 *
 * test_rules.c
 *	  What is refused for being impossible, and in which words.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "market/rules.h"
#include "test.h"

/* 2026-08-04 11:29:58.104512 in Vietnam */
#define NOW INT64_C(1785817798104512)

static void
good_quote(Quote *quote)
{
	quote_clear(quote);
	quote_set_text(quote, QUOTE_TICKER, "VCB");
	quote_set_integer(quote, QUOTE_TIME, NOW);
	quote_set_number(quote, QUOTE_PRICE, 60000);
	quote_set_integer(quote, QUOTE_VOLUME, 200);
}

static void
accepts(const Quote *quote, const char *name)
{
	const char *rule = "not set";
	char		error[QUOTE_ERROR_SIZE] = "not set";

	ok(rules_accept(quote, NOW, &rule, error), "%s", name);
	ok(rule == NULL, "breaks no rule");
	is_text(error, "", "and has no reason");
}

static void
refuses(const Quote *quote, const char *expected_rule, const char *reason)
{
	const char *rule = NULL;
	char		error[QUOTE_ERROR_SIZE];

	ok(!rules_accept(quote, NOW, &rule, error), "refused: %s", reason);
	is_text(rule, expected_rule, "by its rule");
	is_text(error, reason, "with value and bound");
}

static void
test_seed_sample(void)
{
	static const char message[] =
		"{\"ticker\": \"VIC\", \"time\": \"2025-10-12T14:12:50.804477\", "
		"\"price\": 15.47, \"volume\": 9217126554917738496, "
		"\"total_volume\": 0, \"change\": 0.0, \"change_percent\": 0.0, "
		"\"ceiling_price\": 0.0, \"floor_price\": 0.0, "
		"\"reference_price\": 0.0, \"highest_price\": 0.0, "
		"\"lowest_price\": 0.0, \"bid_price\": 0.0, \"ask_price\": 0.0}";
	Quote		quote;
	char		error[QUOTE_ERROR_SIZE];

	ok(quote_from_message(message, strlen(message), &quote, error),
	   "the old deployment's sample is a message");
	refuses(&quote, "volume_range",
			"volume 9217126554917738496 is beyond 100000000000 shares; "
			"price 15.47 is below 100 VND (prices are in VND, not thousand VND)");
}

static void
test_volumes(void)
{
	Quote		quote;
	char		name[64];
	char		reason[128];
	int			id;
	int			fields = 0;

	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		if (quote_fields[id].kind != QUOTE_KIND_SHARES)
			continue;
		fields++;
		good_quote(&quote);
		quote_set_integer(&quote, (QuoteFieldId) id, 0);
		strcat(strcpy(name, quote_fields[id].name), " of 0");
		accepts(&quote, name);
		quote_set_integer(&quote, (QuoteFieldId) id, RULE_VOLUME_MAX);
		strcat(strcpy(name, quote_fields[id].name), " at the bound");
		accepts(&quote, name);
		quote_set_integer(&quote, (QuoteFieldId) id, RULE_VOLUME_MAX + 1);
		strcat(strcpy(reason, quote_fields[id].name),
			   " 100000000001 is beyond 100000000000 shares");
		refuses(&quote, "volume_range", reason);
		quote_set_integer(&quote, (QuoteFieldId) id, -1);
		strcat(strcpy(reason, quote_fields[id].name), " -1 is below 0 shares");
		refuses(&quote, "volume_range", reason);
		quote_forget(&quote, (QuoteFieldId) id);
		strcat(strcpy(name, "no "), quote_fields[id].name);
		accepts(&quote, name);
	}
	is_integer(fields, 13, "all fields of shares");
}

static void
test_price(void)
{
	Quote		quote;

	good_quote(&quote);
	quote_set_number(&quote, QUOTE_PRICE, RULE_PRICE_MIN);
	accepts(&quote, "a price at the bound");
	quote_set_number(&quote, QUOTE_PRICE, 99.99);
	refuses(&quote, "price_minimum",
			"price 99.99 is below 100 VND (prices are in VND, not thousand VND)");
	quote_set_number(&quote, QUOTE_PRICE, -1);
	refuses(&quote, "price_minimum",
			"price -1 is below 100 VND (prices are in VND, not thousand VND)");
	quote_set_number(&quote, QUOTE_PRICE, 0);
	accepts(&quote, "no price");
}

static void
test_time(void)
{
	Quote		quote;

	good_quote(&quote);
	quote_set_integer(&quote, QUOTE_TIME, QUOTE_TIME_MIN);
	accepts(&quote, "the first time");
	quote_set_integer(&quote, QUOTE_TIME, QUOTE_TIME_MIN - 1);
	refuses(&quote, "time_range",
			"time 2000-07-27T23:59:59.999999+07:00 is before "
			"2000-07-28T00:00:00.000000+07:00, the market's first day");
	quote_set_integer(&quote, QUOTE_TIME, NOW + QUOTE_TIME_AHEAD);
	accepts(&quote, "a day ahead");
	quote_set_integer(&quote, QUOTE_TIME, NOW + QUOTE_TIME_AHEAD + 1);
	refuses(&quote, "time_range",
			"time 2026-08-05T11:29:58.104513+07:00 is more than a day ahead of "
			"the clock, 2026-08-04T11:29:58.104512+07:00");
}

static void
test_many(void)
{
	Quote		quote;
	const char *rule;
	char		error[QUOTE_ERROR_SIZE];
	int			id;

	good_quote(&quote);
	quote_set_number(&quote, QUOTE_PRICE, 1);
	quote_set_integer(&quote, QUOTE_TIME, 0);
	refuses(&quote, "price_minimum",
			"price 1 is below 100 VND (prices are in VND, not thousand VND); "
			"time 1970-01-01T07:00:00.000000+07:00 is before "
			"2000-07-28T00:00:00.000000+07:00, the market's first day");

	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		if (quote_fields[id].kind == QUOTE_KIND_SHARES)
			quote_set_integer(&quote, (QuoteFieldId) id, INT64_MIN);
	}
	ok(!rules_accept(&quote, NOW, &rule, error), "everything wrong at once");
	is_text(rule, "volume_range", "has a first rule");
	is_integer((int64_t) strlen(error), QUOTE_ERROR_SIZE - 1,
			   "and as many reasons as there is room for");
	is_text(error + QUOTE_ERROR_SIZE - 4, "...", "with a mark that there are more");
}

static void
judges(const Quote *quote, const char *volume, const char *price,
	   const char *time, const char *name)
{
	static const char *const names[] = {"volume_range", "price_minimum", "time_range"};
	const char *expected[] = {volume, price, time};
	RuleVerdict verdicts[RULE_COUNT];
	const char *rule;
	char		error[QUOTE_ERROR_SIZE];
	bool		accepted = rules_accept(quote, NOW, &rule, error);
	bool		all_kept = true;
	int			i;

	rules_judge(quote, NOW, verdicts);
	for (i = 0; i < RULE_COUNT; i++)
	{
		static const char *const outcomes[] = {"kept", "", "idle"};
		const char *outcome = outcomes[verdicts[i].outcome];

		is_text(verdicts[i].rule, names[i], "%s: rule %d", name, i);
		if (verdicts[i].outcome == RULE_BROKEN)
		{
			all_kept = false;
			outcome = verdicts[i].reason;
		}
		else
			is_text(verdicts[i].reason, "", "%s: %s has no reason", name, names[i]);
		is_text(outcome, expected[i], "%s: %s", name, names[i]);
	}
	ok(accepted == all_kept, "%s: judged as accepted", name);
}

static void
test_verdicts(void)
{
	Quote		quote;
	static const char low[] =
		"price 1 is below 100 VND (prices are in VND, not thousand VND)";

	good_quote(&quote);
	judges(&quote, "kept", "kept", "kept", "a good quote");
	quote_set_number(&quote, QUOTE_PRICE, 1);
	judges(&quote, "kept", low, "kept", "one rule broken");
	quote_set_integer(&quote, QUOTE_VOLUME, -1);
	judges(&quote, "volume -1 is below 0 shares", low, "kept", "two, each its own words");
	quote_forget(&quote, QUOTE_PRICE);
	quote_set_number(&quote, QUOTE_CEILING_PRICE, 1);
	judges(&quote, "volume -1 is below 0 shares", "idle", "kept", "no price");
	quote_forget(&quote, QUOTE_VOLUME);
	judges(&quote, "idle", "idle", "kept", "nothing but a time");
	quote_set_integer(&quote, QUOTE_FOREIGN_ROOM, 0);
	judges(&quote, "kept", "idle", "kept", "any volume counts");
	quote_clear(&quote);
	judges(&quote, "idle", "idle", "idle", "nothing at all");
}

int
main(void)
{
	Quote		quote;

	good_quote(&quote);
	accepts(&quote, "a good quote");
	test_seed_sample();
	test_volumes();
	test_price();
	test_time();
	test_many();
	test_verdicts();
	return done_testing();
}
