/*-------------------------------------------------------------------------
 *
 * universe.c
 *	  Which symbols a sweep asks for: vnstream.symbols made a list of tickers.
 *
 * A word that the table below does not know and that looks like a ticker is
 * one; whether it exists, the first sweep shows.
 *
 *-------------------------------------------------------------------------
 */
#include "source/universe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "source/http_check.h"
#include "source/symbol_list.h"

typedef enum WordMeaning
{
	WORD_ALL,
	WORD_EXCHANGE,
	WORD_KIND,
	WORD_GROUP,
	WORD_TICKER,
	WORD_REFUSED
} WordMeaning;

typedef struct Word
{
	const char *text;
	WordMeaning meaning;
	const char *reason;			/* why it is refused */
} Word;

#define OTHER_BOARD "derivatives, bonds and covered warrants are not supported"
#define AN_INDEX "it is an index; write HOSE, HNX or UPCOM for an exchange's symbols"

static const Word words[] =
{
	{"all", WORD_ALL, NULL},
	{"HOSE", WORD_EXCHANGE, NULL},
	{"HNX", WORD_EXCHANGE, NULL},
	{"UPCOM", WORD_EXCHANGE, NULL},
	{"STOCK", WORD_KIND, NULL},
	{"ETF", WORD_KIND, NULL},
	{"UNIT_TRUST", WORD_KIND, NULL},
	{"HNX30", WORD_GROUP, NULL},
	{"VN30", WORD_GROUP, NULL},
	{"VN100", WORD_GROUP, NULL},
	{"VNALLSHARE", WORD_GROUP, NULL},
	{"VNMIDCAP", WORD_GROUP, NULL},
	{"VNSMALLCAP", WORD_GROUP, NULL},
	{"VNX50", WORD_GROUP, NULL},
	{"VNXALL", WORD_GROUP, NULL},
	{"ALL", WORD_REFUSED, "write all in lower case"},
	{"HSX", WORD_REFUSED, "write HOSE"},
	{"BOND", WORD_REFUSED, OTHER_BOARD},
	{"CW", WORD_REFUSED, OTHER_BOARD},
	{"DEBENTURE", WORD_REFUSED, OTHER_BOARD},
	{"FU", WORD_REFUSED, OTHER_BOARD},
	{"FU_BOND", WORD_REFUSED, OTHER_BOARD},
	{"FU_INDEX", WORD_REFUSED, OTHER_BOARD},
	{"HNXINDEX", WORD_REFUSED, AN_INDEX},
	{"UPCOMINDEX", WORD_REFUSED, AN_INDEX},
	{"VNINDEX", WORD_REFUSED, AN_INDEX},
};

#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

/* Groups stand together, and are counted from here. */
#define FIRST_GROUP 7

void
universe_free(Universe *universe)
{
	free(universe->tickers);
	universe->tickers = NULL;
	universe->count = 0;
}

/* ----------------------------------------------------------------
 *		The setting's text
 * ----------------------------------------------------------------
 */

/* Unlike isspace(), the same in every locale. */
static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * The next word from *text on, without the blanks around it.  False where no
 * word follows any more; after a comma one must, if only an empty one.
 */
static bool
next_word(const char **text, const char **word, size_t *length)
{
	const char *start = *text;
	const char *end;

	if (start == NULL)
		return false;
	end = start + strcspn(start, ",");
	*text = *end == ',' ? end + 1 : NULL;
	while (start < end && is_blank(*start))
		start++;
	while (end > start && is_blank(end[-1]))
		end--;
	*word = start;
	*length = (size_t) (end - start);
	return true;
}

/* WORD_COUNT where the table does not have it. */
static size_t
find_word(const char *text, size_t length)
{
	size_t		i;

	for (i = 0; i < WORD_COUNT; i++)
		if (strlen(words[i].text) == length &&
			memcmp(words[i].text, text, length) == 0)
			break;
	return i;
}

/* Says why a word is none of ours, with what may have been meant. */
static void
explain_refusal(const char *text, size_t length, char *error)
{
	char		upper[TICKER_MAX + 1];
	char		clean[3 * TICKER_MAX];
	size_t		i;

	http_clean_text(text, length, clean, sizeof(clean));
	if (length == 0)
		snprintf(error, SOURCE_ERROR_SIZE,
				 "there is an empty word; write all, or exchanges, index "
				 "groups and tickers separated by commas, as in VN30,HNX,FPT");
	else if (length == 3 && strncasecmp(text, "all", 3) == 0)
		snprintf(error, SOURCE_ERROR_SIZE,
				 "\"%s\" is written \"all\"", clean);
	else
	{
		for (i = 0; i < length && i < TICKER_MAX; i++)
			upper[i] = text[i] >= 'a' && text[i] <= 'z' ?
				(char) (text[i] - 'a' + 'A') : text[i];
		upper[i] = '\0';
		if (i == length && (find_word(upper, i) < WORD_COUNT ||
							ticker_is_valid(upper, i)))
			snprintf(error, SOURCE_ERROR_SIZE,
					 "\"%s\" must be in upper case: \"%s\"", clean, upper);
		else
			snprintf(error, SOURCE_ERROR_SIZE,
					 "\"%s\" is no exchange, index group or ticker (1 to %d "
					 "of A-Z and 0-9); words are separated by commas",
					 clean, TICKER_MAX);
	}
}

/*
 * What a word means; *index is its place in words[], or WORD_COUNT.  On
 * WORD_REFUSED there is a sentence in error.
 */
static WordMeaning
read_word(const char *text, size_t length, size_t *index, char *error)
{
	*index = find_word(text, length);
	if (*index < WORD_COUNT)
	{
		if (words[*index].meaning == WORD_REFUSED)
			snprintf(error, SOURCE_ERROR_SIZE, "\"%s\" cannot be used: %s",
					 words[*index].text, words[*index].reason);
		return words[*index].meaning;
	}
	if (ticker_is_valid(text, length))
	{
		if (!ticker_is_of_other_board(text, length))
			return WORD_TICKER;
		snprintf(error, SOURCE_ERROR_SIZE,
				 "\"%.*s\" cannot be used: derivatives and bonds are not supported",
				 (int) length, text);
		return WORD_REFUSED;
	}
	explain_refusal(text, length, error);
	return WORD_REFUSED;
}

bool
universe_check(const char *symbols, char *error)
{
	const char *word;
	size_t		length;
	size_t		index;

	while (next_word(&symbols, &word, &length))
		if (read_word(word, length, &index, error) == WORD_REFUSED)
			return false;
	return true;
}

uint32_t
universe_groups(const char *symbols)
{
	char		ignored[SOURCE_ERROR_SIZE];
	uint32_t	groups = 0;
	const char *word;
	size_t		length;
	size_t		i;

	while (next_word(&symbols, &word, &length))
		if (read_word(word, length, &i, ignored) == WORD_GROUP)
			groups |= UINT32_C(1) << (i - FIRST_GROUP);
	return groups;
}

const char *
universe_group_name(int group)
{
	size_t		i = FIRST_GROUP + (size_t) group;

	return i < WORD_COUNT && words[i].meaning == WORD_GROUP ? words[i].text : NULL;
}

int
universe_group_find(const char *name)
{
	int			group;

	for (group = 0; universe_group_name(group) != NULL; group++)
		if (strcmp(universe_group_name(group), name) == 0)
			return group;
	return -1;
}

/* ----------------------------------------------------------------
 *		The setting made tickers
 * ----------------------------------------------------------------
 */

typedef struct Resolution
{
	const char *known;			/* UniverseSymbols, stride bytes apart */
	size_t		count;
	size_t		stride;
	Universe   *universe;
	size_t		capacity;
	UniverseNotes *notes;
} Resolution;

static const UniverseSymbol *
known_symbol(const Resolution *resolution, size_t i)
{
	return (const UniverseSymbol *) (resolution->known + i * resolution->stride);
}

static bool
add_ticker(Resolution *resolution, const char *ticker, size_t length)
{
	Universe   *universe = resolution->universe;

	if (universe->count == resolution->capacity)
	{
		size_t		capacity = resolution->capacity == 0 ? 64 : 2 * resolution->capacity;
		void	   *larger = realloc(universe->tickers,
									 capacity * sizeof(*universe->tickers));

		if (larger == NULL)
			return false;
		universe->tickers = larger;
		resolution->capacity = capacity;
	}
	memcpy(universe->tickers[universe->count], ticker, length);
	universe->tickers[universe->count][length] = '\0';
	universe->count++;
	return true;
}

/* One more word to a note, as far as there is room. */
static void
add_note(char *note, const char *text, const char *more)
{
	size_t		length = strlen(note);

	snprintf(note + length, SOURCE_ERROR_SIZE - length, "%s%s%s",
			 length > 0 ? ", " : "", text, more);
}

static bool
word_has(size_t word, const UniverseSymbol *symbol)
{
	if (words[word].meaning == WORD_GROUP)
		return (symbol->groups & (UINT32_C(1) << (word - FIRST_GROUP))) != 0;
	if (!symbol->is_active || !symbol_is_of_market(symbol->kind, symbol->exchange))
		return false;
	switch (words[word].meaning)
	{
		case WORD_ALL:
			return true;
		case WORD_EXCHANGE:
			return strcmp(words[word].text, symbol->exchange) == 0;
		default:
			return strcmp(words[word].text, symbol->kind) == 0;
	}
}

static int
compare_known(const void *ticker, const void *symbol)
{
	return strcmp(ticker, ((const UniverseSymbol *) symbol)->ticker);
}

/* A ticker of the setting; what the list has as a bond or future is left out. */
static bool
add_named(Resolution *resolution, const char *word, size_t length)
{
	const UniverseSymbol *symbol;
	char		ticker[TICKER_MAX + 1];
	char		kind[QUOTE_NAME_MAX + 4];

	memcpy(ticker, word, length);
	ticker[length] = '\0';
	symbol = resolution->count == 0 ? NULL :
		bsearch(ticker, resolution->known, resolution->count,
				resolution->stride, compare_known);
	if (symbol == NULL || !symbol_is_of_other_board(symbol->kind))
		return add_ticker(resolution, word, length);
	snprintf(kind, sizeof(kind), " (%s)", symbol->kind);
	add_note(resolution->notes->refused, ticker, kind);
	return true;
}

static int
compare_tickers(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
sort_tickers(Universe *universe)
{
	size_t		kept = 0;
	size_t		i;

	if (universe->count > 0)
		qsort(universe->tickers, universe->count, sizeof(*universe->tickers),
			  compare_tickers);
	for (i = 0; i < universe->count; i++)
	{
		if (kept > 0 &&
			strcmp(universe->tickers[i], universe->tickers[kept - 1]) == 0)
			continue;
		if (kept < i)
			memcpy(universe->tickers[kept], universe->tickers[i],
				   sizeof(*universe->tickers));
		kept++;
	}
	universe->count = kept;
}

bool
universe_resolve(const char *symbols, const UniverseSymbol *known, size_t count,
				 size_t stride, Universe *universe, UniverseNotes *notes)
{
	Resolution	resolution = {(const char *) known, count, stride, universe, 0, notes};
	char		ignored[SOURCE_ERROR_SIZE];
	bool		is_whole = true;
	const char *word;
	size_t		length;
	size_t		i;

	memset(universe, 0, sizeof(*universe));
	memset(notes, 0, sizeof(*notes));
	while (is_whole && next_word(&symbols, &word, &length))
	{
		WordMeaning meaning = read_word(word, length, &i, ignored);
		size_t		before = universe->count;
		size_t		symbol;

		if (meaning == WORD_REFUSED)
			continue;
		if (meaning == WORD_TICKER)
		{
			is_whole = add_named(&resolution, word, length);
			continue;
		}
		for (symbol = 0; symbol < count && is_whole; symbol++)
			if (word_has(i, known_symbol(&resolution, symbol)))
				is_whole = add_ticker(&resolution, known_symbol(&resolution, symbol)->ticker,
									  strlen(known_symbol(&resolution, symbol)->ticker));
		if (universe->count == before)
			add_note(notes->empty, words[i].text, "");
	}
	if (!is_whole)
		universe_free(universe);
	sort_tickers(universe);
	return is_whole;
}
