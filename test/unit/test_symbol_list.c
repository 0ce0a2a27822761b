/*-------------------------------------------------------------------------
 *
 * test_symbol_list.c
 *	  Lists of symbols that contradict themselves or lose the market, and when
 *	  a symbol rests.
 *
 *-------------------------------------------------------------------------
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "source/hot.h"
#include "source/symbol_list.h"
#include "test.h"

typedef struct Row
{
	const char *ticker;
	const char *exchange;
	const char *kind;
	const char *name;
	bool		is_delisted;
} Row;

static SourceSymbolList
make_list(const Row *rows, size_t count, bool backwards)
{
	SourceSymbolList list = {calloc(count + 1, sizeof(SourceSymbol)), count, 0, 0};
	size_t		i;

	for (i = 0; i < count; i++)
	{
		const Row  *row = &rows[backwards ? count - 1 - i : i];
		SourceSymbol *symbol = &list.symbols[i];

		strcpy(symbol->ticker, row->ticker);
		strcpy(symbol->exchange, row->exchange);
		strcpy(symbol->kind, row->kind);
		strcpy(symbol->name, row->name);
		symbol->is_delisted = row->is_delisted;
	}
	return list;
}

static void
test_tidy(void)
{
	static const Row rows[] = {
		{"VCB", "HOSE", "STOCK", "bank", false},
		{"FPT", "HOSE", "STOCK", "software", false},
		{"VCB", "HOSE", "STOCK", "bank", false},	/* says the same */
		{"OLD", "", "STOCK", "first", true},	/* was given away again */
		{"OLD", "UPCOM", "STOCK", "second", false},
		{"DUP", "HNX", "STOCK", "one", false},	/* which is right? */
		{"DUP", "HOSE", "STOCK", "one", false},
		{"DUP", "HNX", "STOCK", "one", false},
		{"NAM", "HNX", "STOCK", "one", false},
		{"NAM", "HNX", "STOCK", "two", false},
		{"BND", "", "BOND", "", false},
		{"BND", "HNX", "BOND", "", false},
	};
	static const struct
	{
		const char *ticker;
		const char *exchange;
		const char *name;
		bool		is_doubtful;
	}			expected[] =
	{
		{"BND", "HNX", "", false}, {"DUP", "HNX", "one", true}, {"FPT", "HOSE", "software", false},
		{"NAM", "HNX", "one", true}, {"OLD", "UPCOM", "second", false}, {"VCB", "HOSE", "bank", false},
	};
	SourceSymbolList list;
	int			backwards;
	size_t		i;

	/* Whatever the order of the rows is, the same comes out. */
	for (backwards = 0; backwards <= 1; backwards++)
	{
		list = make_list(rows, sizeof(rows) / sizeof(rows[0]), backwards);
		is_integer((int64_t) symbol_list_tidy(&list), 2, "two symbols are doubtful");
		is_integer((int64_t) list.count, 6, "each ticker is there once");
		for (i = 0; i < list.count && i < 6; i++)
		{
			is_text(list.symbols[i].ticker, expected[i].ticker, "in order");
			is_text(list.symbols[i].exchange, expected[i].exchange, "its exchange");
			is_text(list.symbols[i].name, expected[i].name, "its name");
			is_integer(list.symbols[i].is_doubtful, expected[i].is_doubtful, "doubtful or not");
		}
		source_symbol_list_free(&list);
	}
	list = make_list(rows, 0, false);
	is_integer((int64_t) symbol_list_tidy(&list), 0, "an empty list is tidy");
	source_symbol_list_free(&list);
}

static void
test_market(void)
{
	ok(symbol_is_of_market("STOCK", "UPCOM"), "a share of UPCOM is of the market");
	ok(symbol_is_of_market("UNIT_TRUST", "HOSE"), "so is a fund of HOSE");
	ok(!symbol_is_of_market("STOCK", ""), "one of no exchange is not");
	ok(!symbol_is_of_market("CW", "HOSE"), "nor a covered warrant");
	ok(!symbol_is_of_market("", "HOSE"), "nor what has no kind");
	ok(symbol_is_of_other_board("FU") && symbol_is_of_other_board("BOND"), "futures and bonds are of other boards");
	ok(!symbol_is_of_other_board("CW") && !symbol_is_of_other_board(""), "covered warrants, and what is unknown, are not");
}

/* Every ticker of a real list: is its shape that of its kind? */
static void
test_shapes(void)
{
	SourceSymbolList list;
	char		error[SOURCE_ERROR_SIZE];
	size_t		length;
	char	   *body = read_fixture("constructed/vci_getAll_full_from_csv.json", &length);
	int			wrong = 0;
	size_t		i;

	ok(vci_provider.read_list(body, length, &list, error), "a real list");
	for (i = 0; i < list.count; i++)
	{
		const SourceSymbol *symbol = &list.symbols[i];
		bool		is_other = symbol_is_of_other_board(symbol->kind);

		/* a debenture of 2007 has the shape of a covered warrant */
		if (ticker_is_of_other_board(symbol->ticker, strlen(symbol->ticker)) != is_other &&
			strcmp(symbol->ticker, "HCMA0307") != 0)
		{
			diag("%s is a %s", symbol->ticker, symbol->kind);
			wrong++;
		}
	}
	is_integer(wrong, 0, "all bonds and futures, and nothing else, are known by their shape");
	ok(ticker_is_of_other_board("41I1G5000", 9), "and so are futures of today");
	source_symbol_list_free(&list);
	free(body);
}

static void
test_loss(void)
{
	ok(!symbol_loss_is_refused(0, 0), "a first list has nothing to lose");
	ok(!symbol_loss_is_refused(1600, 320), "a fifth may go");
	ok(symbol_loss_is_refused(1600, 321), "no more");
	ok(symbol_loss_is_refused(1600, 1600), "all may not");
	ok(symbol_loss_is_refused(1, 1), "however few there are");
}

static void
test_rests(void)
{
	int			misses;
	int64_t		before = 0;
	bool		grows = true;

	ok(misses_count(1600, 800), "half of the symbols left out: they are missing");
	ok(!misses_count(1600, 801), "more: the source is");
	ok(!misses_count(1, 1), "also where there is one");
	for (misses = 0; misses < MISSES_TO_REST; misses++)
		is_integer(rest_after_misses(misses), 0, "after %d misses a symbol does not rest", misses);
	is_integer(rest_after_misses(5), 300000, "after five it rests for five minutes");
	is_integer(rest_after_misses(6), 600000, "then for ten");
	is_integer(rest_after_misses(8), 2400000, "and so on");
	is_integer(rest_after_misses(9), 3600000, "an hour at most");
	is_integer(rest_after_misses(INT_MAX), 3600000, "however often");
	for (misses = 0; misses < 100; misses++)
	{
		grows = grows && rest_after_misses(misses) >= before;
		before = rest_after_misses(misses);
	}
	ok(grows, "a rest is never shorter than the one before");
}

static void
test_hot(void)
{
	int			limit;
	size_t		requests;
	bool		is_shared = true;

	is_integer(hot_interval(5000, 1, 120), 5000, "one request every five seconds fits into 120 a minute");
	is_integer(hot_reserve(5000, 1, 120), 12, "and wants twelve of them");
	is_integer(hot_interval(500, 1, 120), 1000, "every half second does not: half of the budget is 60");
	is_integer(hot_interval(5000, 10, 20), 60000, "ten requests of twenty a minute: once a minute");
	is_integer(hot_reserve(60000, 10, 20), 5, "and a quarter is kept for them");
	is_integer(hot_interval(5000, 1, 1), 120000, "with one request a minute, every other minute");
	is_integer(hot_reserve(120000, 1, 1), 0, "with nothing kept");
	for (limit = 1; limit <= 6000; limit += 7)
		for (requests = 1; requests <= 33; requests += 4)
		{
			int64_t		interval = hot_interval(1000, requests, limit);

			is_shared = is_shared &&
				(int64_t) requests * 60000 <= interval * limit / 2 + 60000 &&
				hot_reserve(interval, requests, limit) <= limit / 4;
		}
	ok(is_shared, "hot sweeps never take more than half of the budget");
}

int
main(void)
{
	test_tidy();
	test_market();
	test_shapes();
	test_loss();
	test_rests();
	test_hot();
	return done_testing();
}
