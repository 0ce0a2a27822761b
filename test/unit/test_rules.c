/*-------------------------------------------------------------------------
 *
 * test_rules.c
 *	  What is refused for being impossible, and in which words.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
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
			"price 15.47 is below 100 VND (prices are in VND, not thousand VND); "
			"volume 9217126554917738496 is above total_volume 0");
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
		quote_forget(&quote, QUOTE_VOLUME); /* which a total could not be below */
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
	quote_set_integer(&quote, QUOTE_TIME, NOW + RULE_CLOCK_SKEW);
	accepts(&quote, "a clock five minutes ahead");
	quote_set_integer(&quote, QUOTE_TIME, NOW + RULE_CLOCK_SKEW + 1);
	refuses(&quote, "time_range",
			"time 2026-08-04T11:34:58.104513+07:00 is more than 5 minutes ahead of "
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

/* The outcome of one rule, by its name. */
static const RuleVerdict *
verdict_of(const RuleVerdict *verdicts, const char *rule)
{
	int			i;

	for (i = 0; i < RULE_COUNT; i++)
	{
		if (strcmp(verdicts[i].rule, rule) == 0)
			return &verdicts[i];
	}
	ok(false, "there is a rule %s", rule);
	return NULL;
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
		if (verdicts[i].outcome == RULE_BROKEN)
			all_kept = false;
		else
			is_text(verdicts[i].reason, "", "%s: %s has no reason", name,
					verdicts[i].rule);
	}
	ok(accepted == all_kept, "%s: judged as accepted", name);
	for (i = 0; i < 3; i++)
	{
		static const char *const outcomes[] = {"kept", "", "idle"};
		const RuleVerdict *verdict = verdict_of(verdicts, names[i]);

		if (verdict != NULL)
			is_text(verdict->outcome == RULE_BROKEN ? verdict->reason :
					outcomes[verdict->outcome], expected[i], "%s: %s", name,
					names[i]);
	}
}

static void
test_verdicts(void)
{
	Quote		quote;
	RuleVerdict verdicts[RULE_COUNT];
	int			i;
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
	rules_judge(&quote, NOW, verdicts);
	for (i = 0; i < RULE_COUNT; i++)
		ok(verdicts[i].outcome == RULE_IDLE, "nothing for %s", verdicts[i].rule);
}

/*
 * The board of VCB at the lunch break of 2026-08-04, as captured, and what may
 * be said of it instead: members of a message, as a message has them.
 */
static const struct
{
	const char *name;
	const char *value;
}			captured[] = {
	{"ticker", "\"VCB\""},
	{"time", "\"2026-08-04T11:29:58.104512+07:00\""},
	{"price", "60000"},
	{"volume", "200"},
	{"total_volume", "1877000"},
	{"change", "-800"},
	{"change_percent", "-1.315789"},
	{"ceiling_price", "65000"},
	{"floor_price", "56600"},
	{"reference_price", "60800"},
	{"highest_price", "60900"},
	{"lowest_price", "59900"},
	{"bid_price", "60000"},
	{"ask_price", "60100"},
	{"open_price", "60900"},
	{"total_value", "112945040000"},
	{"match_time", "\"2026-08-04T11:29:57.692+07:00\""},
	{"source_time", "\"2026-08-04T11:29:57.692+07:00\""},
	{"trading_date", "\"2026-08-04\""},
	{"session", "\"LO_MORNING\""},
	{"exchange", "\"HOSE\""},
	{"source", "\"vci\""},
	{"foreign_buy_volume", "317385"},
	{"foreign_room", "823957987"},
	{"listed_shares", "8355675094"}
};

/*
 * The captured quote with other members, given as "name":value separated by
 * blanks; null takes one away.
 */
static bool
altered_quote(const char *members, Quote *quote)
{
	char		message[4096] = "{";
	char		error[QUOTE_ERROR_SIZE];
	char	   *at = message + 1;
	size_t		i;

	for (i = 0; i < sizeof(captured) / sizeof(captured[0]); i++)
	{
		char		key[64];

		sprintf(key, "\"%s\":", captured[i].name);
		if (strstr(members, key) == NULL)
			at += sprintf(at, "%s%s,", key, captured[i].value);
	}
	if (members[0] == '\0')
		at--;
	for (; *members != '\0'; members++)
		*at++ = (*members == ' ') ? ',' : *members;
	strcpy(at, "}");
	return ok(quote_from_message(message, strlen(message), quote, error),
			  "a message: %s", error);
}

static void
test_each_rule(void)
{
	static const struct
	{
		const char *members;
		const char *rule;		/* NULL: accepted */
		const char *reason;
	}			cases[] = {
		{"", NULL, NULL},

		/* limits */
		{"\"price\":65000 \"change\":4200 \"change_percent\":6.907895 \"highest_price\":65000", NULL, NULL},
		{"\"price\":65100 \"change\":4300 \"change_percent\":7.072368 \"highest_price\":null",
		"price_limits", "price 65100 is above ceiling_price 65000"},
		{"\"price\":56500 \"change\":-4300 \"change_percent\":-7.072368 \"lowest_price\":null",
		"price_limits", "floor_price 56600 is above price 56500"},
		{"\"price\":56500 \"change\":-4300 \"change_percent\":-7.072368 \"lowest_price\":null \"floor_price\":null",
		NULL, NULL},
		{"\"price\":56500 \"change\":-4300 \"change_percent\":-7.072368 \"lowest_price\":null \"ceiling_price\":null",
		"price_limits", "floor_price 56600 is above price 56500"},
		{"\"ceiling_price\":null \"floor_price\":null", NULL, NULL},
		/* at the limits, by a producer that multiplies thousand VND: 64.1 * 1000, 8.2 * 1000 */
		{"\"price\":64100 \"change\":3300 \"change_percent\":5.427632 \"highest_price\":64100 "
		"\"ceiling_price\":64099.99999999999", NULL, NULL},
		{"\"price\":8199.999999999999 \"change\":null \"change_percent\":null \"reference_price\":8800 \"ceiling_price\":9400 "
		"\"floor_price\":8200 \"highest_price\":8200 \"lowest_price\":8200 \"open_price\":null \"bid_price\":null "
		"\"ask_price\":8200 \"total_value\":null", NULL, NULL},
		{"\"price\":579.9999999999999 \"change\":null \"change_percent\":null \"reference_price\":null \"ceiling_price\":null "
		"\"floor_price\":null \"highest_price\":null \"lowest_price\":null \"open_price\":null \"bid_price\":null "
		"\"ask_price\":null \"total_value\":null", NULL, NULL},
		{"\"price\":null \"lowest_price\":null \"highest_price\":null \"ceiling_price\":56600 \"floor_price\":65000 \"total_value\":null",
		"limits_order",
		"floor_price 65000 is above ceiling_price 56600; floor_price 65000 is above reference_price 60800; "
		"reference_price 60800 is above ceiling_price 56600"},
		{"\"reference_price\":66000 \"change\":-6000 \"change_percent\":-9.090909",
		"limits_order", "reference_price 66000 is above ceiling_price 65000"},

		/* the day's range */
		{"\"highest_price\":59950 \"total_value\":null", "day_range", "price 60000 is above highest_price 59950"},
		{"\"lowest_price\":60050 \"total_value\":null", "day_range", "lowest_price 60050 is above price 60000"},
		{"\"highest_price\":59900 \"lowest_price\":60100 \"total_value\":null", "day_range",
		"lowest_price 60100 is above highest_price 59900; lowest_price 60100 is above price 60000; "
		"price 60000 is above highest_price 59900"},
		{"\"highest_price\":65100", "day_range", "highest_price 65100 is above ceiling_price 65000"},
		{"\"lowest_price\":56500", "day_range", "floor_price 56600 is above lowest_price 56500"},
		{"\"highest_price\":60000 \"lowest_price\":60000 \"total_value\":112620000000", NULL, NULL},

		/* change and percent, to the bound and beyond */
		{"\"change\":-799.5", NULL, NULL},
		{"\"change\":-799.4", "change",
		"change -799.4 is not -800 VND, as price 60000 and reference_price 60800 make it"},
		{"\"change\":800", "change",
		"change 800 is not -800 VND, as price 60000 and reference_price 60800 make it"},
		{"\"change_percent\":-1.32", NULL, NULL},
		{"\"change_percent\":-1.3357", "change_percent",
		"change_percent -1.3357 is not -1.315789 percent, as price 60000 and reference_price 60800 make it"},
		{"\"change_percent\":-0.013158", "change_percent",
		"change_percent -0.013158 is not -1.315789 percent, as price 60000 and reference_price 60800 make it"},
		{"\"change\":0 \"change_percent\":0 \"reference_price\":0", NULL, NULL},

		/* the scale: some in thousand VND, or all */
		{"\"price\":60", "price_minimum",
		"price 60 is below 100 VND (prices are in VND, not thousand VND); "
		"price 60 is about 1/1000 of ceiling_price 65000 (prices are in VND, not thousand VND); "
		"floor_price 56600 is above price 60; lowest_price 59900 is above price 60; "
		"change -800 is not -60740 VND, as price 60 and reference_price 60800 make it; "
		"change_percent -1.315789 is not -99.901316 percent, as price 60 and reference_price 60800 make it"},
		{"\"price\":null \"ceiling_price\":65 \"floor_price\":null \"reference_price\":null \"highest_price\":null "
		"\"lowest_price\":null \"bid_price\":60 \"ask_price\":null \"open_price\":null", "price_scale",
		"ceiling_price 65 is below 100 VND (prices are in VND, not thousand VND); "
		"bid_price 60 is below 100 VND (prices are in VND, not thousand VND)"},
		{"\"price\":129.2 \"ceiling_price\":138.2 \"floor_price\":120.2 \"reference_price\":129.2 "
		"\"highest_price\":130 \"lowest_price\":129 \"bid_price\":129.1 \"ask_price\":129.2 \"open_price\":129.2 "
		"\"change\":0 \"change_percent\":0 \"total_value\":null", "price_scale",
		"price 129.2 has a fraction of a VND (prices are in VND, not thousand VND); "
		"ceiling_price 138.2 has a fraction of a VND (prices are in VND, not thousand VND); "
		"floor_price 120.2 has a fraction of a VND (prices are in VND, not thousand VND); "
		"reference_price 129.2 has a fraction of a VND (prices are in VND, not thousand VND); "
		"bid_price 129.1 has a fraction of a VND (prices are in VND, not thousand VND); "
		"ask_price 129.2 has a fraction of a VND (prices are in VND, not thousand VND); "
		"open_price 129.2 has a fra..."},
		{"\"price\":129 \"change\":null \"change_percent\":null \"reference_price\":129000 \"ceiling_price\":138000 "
		"\"floor_price\":null \"highest_price\":null \"lowest_price\":null \"open_price\":null \"bid_price\":null "
		"\"ask_price\":null", "price_scale",
		"price 129 is about 1/1000 of ceiling_price 138000 (prices are in VND, not thousand VND)"},
		/* a first day's limits, and a warrant's, are of one unit */
		{"\"ceiling_price\":39200 \"floor_price\":16800 \"reference_price\":28000 \"price\":null \"highest_price\":null "
		"\"lowest_price\":null \"open_price\":null \"bid_price\":28000 \"ask_price\":null \"total_volume\":0 \"total_value\":0",
		NULL, NULL},
		{"\"ticker\":\"CVRE2501\" \"price\":10 \"change\":-20 \"change_percent\":-66.666667 \"reference_price\":30 "
		"\"ceiling_price\":2010 \"floor_price\":10 \"highest_price\":20 \"lowest_price\":10 \"open_price\":20 "
		"\"bid_price\":null \"ask_price\":10 \"total_value\":20000000", NULL, NULL},
		{"\"ticker\":\"CVRE2501\" \"price\":9 \"change\":null \"change_percent\":null \"lowest_price\":null "
		"\"total_value\":null \"floor_price\":null", "price_minimum",
		"price 9 is below 10 VND (prices are in VND, not thousand VND)"},
		{"\"ticker\":\"CVRE250A\" \"price\":10 \"change\":null \"change_percent\":null \"lowest_price\":null "
		"\"total_value\":null \"floor_price\":null \"ceiling_price\":null \"reference_price\":null \"highest_price\":null "
		"\"bid_price\":null \"ask_price\":null \"open_price\":null", "price_minimum",
		"price 10 is below 100 VND (prices are in VND, not thousand VND)"},

		/* impossible numbers */
		{"\"bid_price\":-60000", "price_range", "bid_price -60000 is below 0 VND"},
		{"\"bid_price_3\":-1 \"ask_price_2\":-0.5", "price_range",
		"bid_price_3 -1 is below 0 VND; ask_price_2 -0.5 is below 0 VND"},
		{"\"ask_price_3\":1e300", "price_range",
		"ask_price_3 1e+300 is beyond 100000000 VND"},
		{"\"foreign_buy_value\":-1", "value_range", "foreign_buy_value -1 is below 0 VND"},
		{"\"put_through_value\":1e16", "value_range", "put_through_value 1e+16 is beyond 1000000000000000 VND"},

		/* volumes */
		{"\"volume\":1877000", NULL, NULL},
		{"\"volume\":1877001", "volume_total", "volume 1877001 is above total_volume 1877000"},
		{"\"volume\":200 \"total_volume\":0 \"total_value\":0", "volume_total", "volume 200 is above total_volume 0"},
		{"\"listed_shares\":1877000", NULL, NULL},
		{"\"listed_shares\":0", NULL, NULL},
		{"\"listed_shares\":1876999", "volume_listed", "total_volume 1877000 is above listed_shares 1876999"},
		{"\"foreign_buy_volume\":317387 \"foreign_sell_volume\":1", NULL, NULL},

		/* the average price, to the rounding of the value */
		{"\"total_value\":112432310000", NULL, NULL},
		{"\"total_value\":112432290000", NULL, NULL},
		{"\"total_value\":112432289999", "average_price",
		"total_value 112432289999 is below total_volume 1877000 at lowest_price 59900"},
		{"\"total_value\":114309310000", NULL, NULL},
		{"\"total_value\":114309310001", "average_price",
		"total_value 114309310001 is above total_volume 1877000 at highest_price 60900"},
		{"\"total_value\":112945.04", "average_price",
		"total_value 112945.04 is below total_volume 1877000 at lowest_price 59900"},
		{"\"total_value\":112945.04 \"highest_price\":null", "average_price",
		"total_value 112945.04 is below total_volume 1877000 at lowest_price 59900"},
		{"\"total_value\":1 \"highest_price\":null \"lowest_price\":null", NULL, NULL},
		{"\"total_value\":112945040000 \"total_volume\":0 \"volume\":0", "average_price",
		"total_value 112945040000 is of total_volume 0"},

		/* times */
		{"\"match_time\":\"2026-08-04T11:34:58.104512+07:00\"", NULL, NULL},
		{"\"match_time\":\"2026-08-04T11:34:58.104513+07:00\"", "exchange_time",
		"match_time 2026-08-04T11:34:58.104513+07:00 is more than 5 minutes after the quote's time, "
		"2026-08-04T11:29:58.104512+07:00"},
		{"\"source_time\":\"2026-08-04T18:29:57.692+07:00\"", "exchange_time",
		"source_time 2026-08-04T18:29:57.692000+07:00 is more than 5 minutes after the quote's time, "
		"2026-08-04T11:29:58.104512+07:00"},
		{"\"source_time\":\"1970-01-01T00:00:00Z\"", "exchange_time",
		"source_time 1970-01-01T07:00:00.000000+07:00 is before 2000-07-28T00:00:00.000000+07:00, the market's first day"},
		{"\"trading_date\":\"2026-08-19\"", NULL, NULL},
		{"\"trading_date\":\"2026-08-20\"", "exchange_time",
		"trading_date 2026-08-20 is more than 15 days after the quote's time, 2026-08-04"},
		{"\"trading_date\":\"1999-12-31\"", "exchange_time",
		"trading_date 1999-12-31 is before 2000-07-28, the market's first day"},

		/* the book, at 11:29:57 in continuous trading */
		{"\"bid_price\":60100", NULL, NULL},
		{"\"bid_price\":60200", "book_crossed", "bid_price 60200 is above ask_price 60100"},
		{"\"bid_price\":60200 \"session\":\"ATO\"", NULL, NULL},
		{"\"bid_price\":60200 \"session\":\"ATC\"", NULL, NULL},
		/* labels of which nobody knows that they are of continuous trading */
		{"\"bid_price\":60200 \"session\":\"PCA\"", NULL, NULL},
		{"\"bid_price\":60200 \"session\":\"HALT\"", NULL, NULL},
		{"\"bid_price\":60200 \"session\":\"P\"", NULL, NULL},
		{"\"bid_price\":60200 \"session\":\"O\"", "book_crossed", "bid_price 60200 is above ask_price 60100"},
		{"\"bid_price\":60200 \"session\":null", "book_crossed", "bid_price 60200 is above ask_price 60100"},
		{"\"bid_price\":60200 \"source_time\":null", "book_crossed", "bid_price 60200 is above ask_price 60100"},
		/* LO_MORNING lingers: the book is of an auction by its time */
		{"\"bid_price\":60200 \"source_time\":\"2026-08-04T09:05:00+07:00\"", NULL, NULL},
		{"\"bid_price\":60200 \"source_time\":\"2026-08-04T09:15:59+07:00\"", NULL, NULL},
		{"\"bid_price\":60200 \"source_time\":\"2026-08-04T09:16:00+07:00\"", "book_crossed",
		"bid_price 60200 is above ask_price 60100"},
		{"\"bid_price\":60200 \"source_time\":\"2026-08-04T09:05:00+07:00\" \"exchange\":\"UPCOM\"", "book_crossed",
		"bid_price 60200 is above ask_price 60100"},
		{"\"bid_price\":60200 \"source_time\":\"2026-08-04T09:05:00+07:00\" \"exchange\":null", NULL, NULL},
		{"\"bid_price\":60200 \"time\":\"2026-08-03T14:29:30+07:00\" \"source_time\":\"2026-08-03T14:29:30+07:00\" "
		"\"trading_date\":\"2026-08-03\" \"match_time\":null", NULL, NULL},
		{"\"bid_price\":60200 \"time\":\"2026-08-03T14:40:00+07:00\" \"source_time\":\"2026-08-03T14:40:00+07:00\" "
		"\"trading_date\":\"2026-08-03\" \"match_time\":null", NULL, NULL},
		{"\"bid_price\":60200 \"time\":\"2026-08-03T14:40:00+07:00\" \"source_time\":\"2026-08-03T14:40:00+07:00\" "
		"\"trading_date\":\"2026-08-03\" \"match_time\":null \"exchange\":\"UPCOM\"", "book_crossed",
		"bid_price 60200 is above ask_price 60100"},
		/* lunch, evening, Sunday: who knows of when the book is */
		{"\"bid_price\":60200 \"source_time\":\"2026-08-03T12:00:00+07:00\"", NULL, NULL},
		{"\"bid_price\":60200 \"source_time\":\"2026-08-03T20:00:00+07:00\"", NULL, NULL},
		{"\"bid_price\":60200 \"source_time\":\"2026-08-02T10:00:00+07:00\"", NULL, NULL},
		{"\"bid_price\":60200 \"source_time\":\"2026-07-31T10:00:00+07:00\"", "book_crossed",
		"bid_price 60200 is above ask_price 60100"},
		{"\"bid_price\":60200 \"ask_price\":null", NULL, NULL}
	};
	bool		is_broken[RULE_COUNT] = {false};
	RuleVerdict verdicts[RULE_COUNT];
	Quote		quote;
	size_t		i;
	int			r;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		if (!altered_quote(cases[i].members, &quote))
			continue;
		if (cases[i].rule == NULL)
			accepts(&quote, cases[i].members[0] != '\0' ? cases[i].members : "as captured");
		else
			refuses(&quote, cases[i].rule, cases[i].reason);
		rules_judge(&quote, NOW, verdicts);
		for (r = 0; r < RULE_COUNT; r++)
			is_broken[r] |= verdicts[r].outcome == RULE_BROKEN;
	}

	/* What no message can have, or has tests above. */
	quote_set_text(&quote, QUOTE_TICKER, "vcb");
	refuses(&quote, "ticker_shape", "ticker is not 1 to 20 letters A-Z and digits");
	if (altered_quote("", &quote))
	{
		rules_judge(&quote, NOW, verdicts);
		for (r = 0; r < RULE_COUNT; r++)
		{
			ok(verdicts[r].outcome == RULE_KEPT, "%s judges the capture, and finds it good",
			   verdicts[r].rule);
			ok(is_broken[r] || strcmp(verdicts[r].rule, "ticker_shape") == 0 ||
			   strcmp(verdicts[r].rule, "volume_range") == 0 ||
			   strcmp(verdicts[r].rule, "time_range") == 0, "%s has been broken", verdicts[r].rule);
		}
	}
}

/* The board of KBS on a Sunday, as captured, with Friday's date: its numbers keep the rules. */
static void
test_kbs_capture(void)
{
	static const char *const members[] = {
		"\"ticker\":\"HPG\" \"time\":\"2026-08-09T10:00:00+07:00\" \"price\":22000 \"volume\":1329700 "
		"\"total_volume\":13018100 \"change\":150 \"change_percent\":0.6864988558352403 \"ceiling_price\":23350 "
		"\"floor_price\":20350 \"reference_price\":21850 \"highest_price\":22300 \"lowest_price\":21750 "
		"\"bid_price\":22000 \"ask_price\":22050 \"open_price\":21900 \"total_value\":287111730000 \"match_time\":null "
		"\"source_time\":\"2026-08-07T15:33:11.635+07:00\" \"trading_date\":\"2026-08-07\" \"session\":null "
		"\"source\":\"kbs\" \"foreign_buy_volume\":2173801 \"foreign_room\":2299133934 \"listed_shares\":8442964520",
		"\"ticker\":\"VNM\" \"time\":\"2026-08-09T10:00:00+07:00\" \"price\":62000 \"volume\":347600 "
		"\"total_volume\":13239500 \"change\":3000 \"change_percent\":5.084745762711865 \"ceiling_price\":63100 "
		"\"floor_price\":54900 \"reference_price\":59000 \"highest_price\":63100 \"lowest_price\":59000 "
		"\"bid_price\":61900 \"ask_price\":62000 \"open_price\":59000 \"total_value\":821613530000 \"match_time\":null "
		"\"source_time\":\"2026-08-07T15:32:27.519+07:00\" \"trading_date\":\"2026-08-07\" \"session\":null "
		"\"source\":\"kbs\" \"foreign_buy_volume\":3411501 \"foreign_room\":1054008536 \"listed_shares\":2089955445",
		"\"ticker\":\"VCB\" \"time\":\"2026-08-09T10:00:00+07:00\" \"price\":59700 \"volume\":134600 "
		"\"total_volume\":6522200 \"change\":700 \"change_percent\":1.1864406779661016 \"ceiling_price\":63100 "
		"\"floor_price\":54900 \"reference_price\":59000 \"highest_price\":60800 \"lowest_price\":58700 "
		"\"bid_price\":59700 \"ask_price\":59800 \"open_price\":58700 \"total_value\":392536840000 \"match_time\":null "
		"\"source_time\":\"2026-08-07T15:32:25.118+07:00\" \"trading_date\":\"2026-08-07\" \"session\":null "
		"\"source\":\"kbs\" \"foreign_buy_volume\":1324078 \"foreign_room\":821552899 \"listed_shares\":8355675094"
	};
	size_t		i;

	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
	{
		Quote		quote;
		const char *rule;
		char		error[QUOTE_ERROR_SIZE];

		if (!altered_quote(members[i], &quote))
			continue;
		ok(rules_accept(&quote, quote.time, &rule, error), "%s of the capture: %s",
		   quote.ticker, error);
		ok(quote_knows(&quote, QUOTE_PRICE) && quote_knows(&quote, QUOTE_TRADING_DATE),
		   "with Friday's numbers and Friday's date on a Sunday");
	}
}

static void
test_flag(void)
{
	Quote		quote;
	char		reason[QUOTE_ERROR_SIZE] = "not set";

	if (!altered_quote("\"listed_shares\":null", &quote))
		return;
	ok(rules_flag_listed(&quote, 1877000, reason), "a total at the count is no flag");
	is_text(reason, "", "and has no reason");
	ok(!rules_flag_listed(&quote, 1876999, reason), "one beyond it is");
	is_text(reason, "total_volume 1877000 is above the listed shares, 1876999, a count that may be stale",
			"with value and bound");
	ok(rules_flag_listed(&quote, 0, reason), "no count, no flag");
	quote_set_integer(&quote, QUOTE_LISTED_SHARES, 1);
	ok(rules_flag_listed(&quote, 1, reason), "the quote's own count is a rule's matter");
	quote_forget(&quote, QUOTE_LISTED_SHARES);
	quote_forget(&quote, QUOTE_TOTAL_VOLUME);
	ok(rules_flag_listed(&quote, 1, reason), "no total, no flag");
}

/* Numbers at the ends of their types overflow nothing. */
static void
test_extremes(void)
{
	static const int64_t ends[] = {INT64_MIN, INT64_MAX};
	int			i;
	int			id;

	for (i = 0; i < 2; i++)
	{
		Quote		quote;
		const char *rule;
		char		error[QUOTE_ERROR_SIZE];

		quote_clear(&quote);
		for (id = 0; id < QUOTE_FIELD_COUNT; id++)
		{
			if (quote_fields[id].kind == QUOTE_KIND_TIME ||
				quote_fields[id].kind == QUOTE_KIND_SHARES)
				quote_set_integer(&quote, (QuoteFieldId) id, ends[i]);
			else if (quote_fields[id].kind == QUOTE_KIND_DATE)
				quote_set_integer(&quote, (QuoteFieldId) id, i == 0 ? INT32_MIN : INT32_MAX);
			else if (quote_fields[id].kind != QUOTE_KIND_TEXT)
				quote_set_number(&quote, (QuoteFieldId) id, i == 0 ? -1e308 : 1e308);
		}
		ok(!rules_accept(&quote, NOW, &rule, error), "refused");
		is_text(rule, "volume_range", "for a reason");
	}
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
	test_each_rule();
	test_kbs_capture();
	test_flag();
	test_extremes();
	return done_testing();
}
