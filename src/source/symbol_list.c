/*-------------------------------------------------------------------------
 *
 * symbol_list.c
 *	  What a source's list of symbols is worth: names, rows that contradict
 *	  each other, which symbols make up the market, and when one rests.
 *
 *-------------------------------------------------------------------------
 */
#include "source/symbol_list.h"

#include <stdlib.h>
#include <string.h>

/* A list may lose so much of the market at once, in percent. */
#define LOSS_MAX 20

/* How long a symbol rests at first, and at most. */
#define REST_FIRST_MS INT64_C(300000)
#define REST_MAX_MS INT64_C(3600000)

static const char *const market_kinds[] = {"STOCK", "ETF", "UNIT_TRUST"};
static const char *const market_exchanges[] = {"HOSE", "HNX", "UPCOM"};
static const char *const other_kinds[] = {
	"BOND", "DEBENTURE", "FU", "FU_BOND", "FU_INDEX"
};

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool
is_among(const char *name, const char *const *names, size_t count)
{
	size_t		i;

	for (i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

void
symbol_clean_name(char *name)
{
	const unsigned char *from = (const unsigned char *) name;
	char	   *to = name;

	for (; *from != '\0'; from++)
	{
		if (*from > ' ' && *from != 0x7f)
			*to++ = (char) *from;
		else if (to > name && to[-1] != ' ')
			*to++ = ' ';
	}
	if (to > name && to[-1] == ' ')
		to--;
	*to = '\0';
}

static int
compare_flags(bool a, bool b)
{
	return (int) a - (int) b;
}

/*
 * By ticker; of one ticker, what is on an exchange first, then in an order that
 * is the same whatever the source's was.
 */
static int
compare_symbols(const void *left, const void *right)
{
	const SourceSymbol *a = left;
	const SourceSymbol *b = right;
	int			order;

	if ((order = strcmp(a->ticker, b->ticker)) != 0 ||
		(order = compare_flags(a->is_delisted, b->is_delisted)) != 0 ||
		(order = compare_flags(a->exchange[0] == '\0', b->exchange[0] == '\0')) != 0 ||
		(order = strcmp(a->exchange, b->exchange)) != 0 ||
		(order = strcmp(a->kind, b->kind)) != 0)
		return order;
	return strcmp(a->name, b->name);
}

/* Of two rows of one ticker: is the second one older news, or no news? */
static bool
is_settled(const SourceSymbol *kept, const SourceSymbol *other)
{
	return (!kept->is_delisted && other->is_delisted) ||
		(kept->exchange[0] != '\0' && other->exchange[0] == '\0') ||
		compare_symbols(kept, other) == 0;
}

size_t
symbol_list_tidy(SourceSymbolList *list)
{
	size_t		kept = 0;
	size_t		doubtful = 0;
	size_t		i;

	if (list->count > 0)
		qsort(list->symbols, list->count, sizeof(SourceSymbol), compare_symbols);
	for (i = 0; i < list->count; i++)
	{
		SourceSymbol *symbol = &list->symbols[i];
		SourceSymbol *last = kept > 0 ? &list->symbols[kept - 1] : NULL;

		if (last == NULL || strcmp(last->ticker, symbol->ticker) != 0)
		{
			if (kept < i)
				list->symbols[kept] = *symbol;
			list->symbols[kept++].is_doubtful = false;
		}
		else if (!last->is_doubtful && !is_settled(last, symbol))
		{
			last->is_doubtful = true;
			doubtful++;
		}
	}
	list->count = kept;
	return doubtful;
}

bool
symbol_is_of_market(const char *kind, const char *exchange)
{
	return is_among(kind, market_kinds, LENGTH_OF(market_kinds)) &&
		is_among(exchange, market_exchanges, LENGTH_OF(market_exchanges));
}

bool
symbol_is_of_other_board(const char *kind)
{
	return is_among(kind, other_kinds, LENGTH_OF(other_kinds));
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* Are all but the first so many characters digits, and at least so many? */
static bool
ends_in_digits(const char *ticker, size_t length, size_t first, size_t least)
{
	size_t		i;

	for (i = first; i < length; i++)
		if (!is_digit(ticker[i]))
			return false;
	return length >= first + least;
}

bool
ticker_is_of_other_board(const char *ticker, size_t length)
{
	/*
	 * A share has three characters, an ETF or fund eight and few digits, a
	 * covered warrant four letters and four digits.  Futures until 2025:
	 * VN30F2408, VN30F1M, GB05F2412; since then 41I1G5000: 41, the underlying,
	 * year and month, 000.
	 */
	if (length >= 7 && length <= 9 && is_letter(ticker[0]) &&
		is_letter(ticker[1]) && is_digit(ticker[2]) && is_digit(ticker[3]) &&
		ticker[4] == 'F' && is_digit(ticker[5]))
		return true;
	if (length == 9 && memcmp(ticker, "41", 2) == 0 &&
		memcmp(ticker + 6, "000", 3) == 0)
		return true;

	/* Bonds of companies: VRE12007, VPI124001, CII424002. */
	return length <= 9 && is_letter(ticker[0]) &&
		ends_in_digits(ticker, length, 3, 5);
}

bool
symbol_loss_is_refused(int64_t before, int64_t lost)
{
	return lost * 100 > before * LOSS_MAX;
}

bool
misses_count(int64_t asked, int64_t left_out)
{
	return left_out * 2 <= asked;
}

int64_t
rest_after_misses(int misses)
{
	int64_t		rest = REST_FIRST_MS;

	if (misses < MISSES_TO_REST)
		return 0;
	for (; misses > MISSES_TO_REST && rest < REST_MAX_MS; misses--)
		rest *= 2;
	return rest < REST_MAX_MS ? rest : REST_MAX_MS;
}
