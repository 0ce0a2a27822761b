/*-------------------------------------------------------------------------
 *
 * universe.c
 *	  Which symbols a sweep asks for: vnstream.symbols made a list of tickers.
 *
 * A word that the table below does not know and that looks like a ticker is
 * one; whether it exists, the first sweep shows.  Requests go one after the
 * other: first the source's list, where a word needs it, then each group.
 *
 *-------------------------------------------------------------------------
 */
#include "source/universe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "source/http_check.h"

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

/* What a look-up takes from the source's list. */
static const char *const listed_kinds[] = {"STOCK", "ETF", "UNIT_TRUST"};
static const char *const listed_exchanges[] = {"HOSE", "HNX", "UPCOM"};

struct UniverseLookup
{
	const SourceProvider *provider;
	char	   *base_url;
	bool		wanted[WORD_COUNT]; /* which of words[] the setting has */
	size_t		found[WORD_COUNT];	/* how many symbols each stood for */

	/* Indexes into words[]; one of another meaning than WORD_GROUP: the list. */
	size_t		steps[WORD_COUNT];
	size_t		step_count;
	size_t		step;			/* the one that is on */
	bool		is_repeat;
	bool		in_flight;
	bool		waits_for_room;
	uint64_t	tag;
	int64_t		not_before;		/* ms, http_clock_ms() */

	Universe	universe;		/* as far as known; with duplicates until done */
	size_t		capacity;
	bool		is_done;
	bool		has_failed;
	BreakerFailure failure;
	char		error[SOURCE_ERROR_SIZE];
};

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
		return WORD_TICKER;
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

/* ----------------------------------------------------------------
 *		The look-up
 * ----------------------------------------------------------------
 */

static void
fail(UniverseLookup *lookup, HttpFault fault, const char *error)
{
	lookup->is_done = true;
	lookup->has_failed = true;
	lookup->failure.fault = fault;
	snprintf(lookup->error, sizeof(lookup->error), "%s", error);
}

static bool
add_ticker(UniverseLookup *lookup, const char *ticker, size_t length)
{
	Universe   *universe = &lookup->universe;

	if (universe->count == lookup->capacity)
	{
		size_t		capacity = lookup->capacity == 0 ? 64 : 2 * lookup->capacity;
		void	   *larger = realloc(universe->tickers,
									 capacity * sizeof(*universe->tickers));

		if (larger == NULL)
			return false;
		universe->tickers = larger;
		lookup->capacity = capacity;
	}
	memcpy(universe->tickers[universe->count], ticker, length);
	universe->tickers[universe->count][length] = '\0';
	universe->count++;
	return true;
}

static int
compare_tickers(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
sort_and_finish(UniverseLookup *lookup)
{
	Universe   *universe = &lookup->universe;
	size_t		kept = 0;
	size_t		i;

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
	lookup->is_done = true;
}

/* Notes what the setting asks for.  False: out of memory. */
static bool
read_setting(UniverseLookup *lookup, const char *symbols)
{
	char		ignored[SOURCE_ERROR_SIZE];
	bool		needs_list = false;
	const char *word;
	size_t		length;
	size_t		i;

	while (next_word(&symbols, &word, &length))
	{
		if (read_word(word, length, &i, ignored) != WORD_TICKER)
			lookup->wanted[i] = true;
		else if (!add_ticker(lookup, word, length))
			return false;
	}
	for (i = 0; i < WORD_COUNT; i++)
	{
		if (!lookup->wanted[i])
			continue;
		if (words[i].meaning != WORD_GROUP && needs_list)
			continue;
		if (words[i].meaning != WORD_GROUP)
			needs_list = true;
		lookup->steps[lookup->step_count++] = i;
	}
	return true;
}

UniverseLookup *
universe_lookup_begin(const SourceProvider *provider, const char *base_url,
					  const char *symbols, char *error)
{
	UniverseLookup *lookup;

	if (!universe_check(symbols, error))
		return NULL;
	lookup = calloc(1, sizeof(UniverseLookup));
	if (lookup != NULL)
	{
		lookup->provider = provider;
		lookup->failure.retry_after_ms = -1;
		lookup->base_url = strdup(base_url);
		if (lookup->base_url != NULL && read_setting(lookup, symbols))
		{
			if (lookup->step_count == 0)
				sort_and_finish(lookup);
			return lookup;
		}
		universe_lookup_free(lookup);
	}
	snprintf(error, SOURCE_ERROR_SIZE, "out of memory");
	return NULL;
}

static bool
is_group_step(const UniverseLookup *lookup)
{
	return words[lookup->steps[lookup->step]].meaning == WORD_GROUP;
}

static bool
build_request(UniverseLookup *lookup, SourceRequest *request)
{
	if (is_group_step(lookup))
		return lookup->provider->group_request(lookup->base_url,
											   words[lookup->steps[lookup->step]].text,
											   request);
	return lookup->provider->list_request(lookup->base_url, request);
}

void
universe_lookup_drive(UniverseLookup *lookup, HttpClient *client,
					  RequestBudget may_request, void *context)
{
	SourceRequest request = {0};
	char		error[SOURCE_ERROR_SIZE];
	int64_t		now = http_clock_ms();
	long		wait;

	lookup->waits_for_room = !http_client_has_room(client);
	if (lookup->is_done || lookup->in_flight || lookup->waits_for_room ||
		now < lookup->not_before)
		return;
	wait = may_request != NULL ? may_request(context, lookup->provider) : 0;
	if (wait > 0)
	{
		lookup->not_before = now + wait;
		return;
	}
	if (!build_request(lookup, &request))
	{
		fail(lookup, HTTP_OK, "out of memory");
		return;
	}
	lookup->tag = http_client_reserve_tags(client, 1);
	lookup->in_flight = http_client_request(client, &request, lookup->tag,
											error);
	if (!lookup->in_flight)
		fail(lookup, HTTP_UNREACHABLE, error);
	source_request_free(&request);
}

/* Place of name in names[], or count. */
static size_t
find_name(const char *name, const char *const *names, size_t count)
{
	size_t		i;

	for (i = 0; i < count && strcmp(name, names[i]) != 0; i++)
		;
	return i;
}

/*
 * Does one of the setting's words stand for this row of the step's answer?
 * Counts for each word.
 */
static bool
match_words(UniverseLookup *lookup, const SourceSymbol *symbol)
{
	bool		answer = false;
	size_t		i;

	if (is_group_step(lookup))
	{
		lookup->found[lookup->steps[lookup->step]]++;
		return true;
	}
	if (find_name(symbol->kind, listed_kinds, 3) == 3 ||
		find_name(symbol->exchange, listed_exchanges, 3) == 3)
		return false;
	for (i = 0; i < WORD_COUNT; i++)
	{
		const Word *word = &words[i];

		if (!lookup->wanted[i])
			continue;
		if (word->meaning == WORD_ALL ||
			(word->meaning == WORD_EXCHANGE &&
			 strcmp(word->text, symbol->exchange) == 0) ||
			(word->meaning == WORD_KIND &&
			 strcmp(word->text, symbol->kind) == 0))
		{
			lookup->found[i]++;
			answer = true;
		}
	}
	return answer;
}

/* A word of the step that stood for nothing, or NULL. */
static const char *
find_empty_word(const UniverseLookup *lookup)
{
	size_t		i;

	if (is_group_step(lookup))
	{
		i = lookup->steps[lookup->step];
		return lookup->found[i] == 0 ? words[i].text : NULL;
	}
	for (i = 0; i < WORD_COUNT; i++)
		if (lookup->wanted[i] && words[i].meaning != WORD_GROUP &&
			lookup->found[i] == 0)
			return words[i].text;
	return NULL;
}

/* Reads what arrived for the step; HTTP_OK, or what is wrong with it. */
static HttpFault
read_answer(UniverseLookup *lookup, const HttpResponse *response, char *error)
{
	const SourceProvider *provider = lookup->provider;
	SourceSymbolList list = {NULL, 0, 0};
	char		reason[SOURCE_ERROR_SIZE];
	const char *empty;
	size_t		i;

	if (!(is_group_step(lookup) ? provider->read_group : provider->read_list)
		(response->body, response->length, &list, reason))
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "source %s answered what is no list of symbols: %.400s",
				 provider->name, reason);
		return HTTP_UNREADABLE;
	}
	for (i = 0; i < list.count; i++)
	{
		const char *ticker = list.symbols[i].ticker;

		if (match_words(lookup, &list.symbols[i]) &&
			!add_ticker(lookup, ticker, strlen(ticker)))
		{
			source_symbol_list_free(&list);
			fail(lookup, HTTP_OK, "out of memory");
			return HTTP_OK;
		}
	}
	empty = find_empty_word(lookup);
	if (empty != NULL)
		snprintf(error, SOURCE_ERROR_SIZE,
				 "source %s answered %zu rows, and none is a symbol of %s",
				 provider->name, list.count + list.refused, empty);
	source_symbol_list_free(&list);
	return empty != NULL ? HTTP_UNREADABLE : HTTP_OK;
}

void
universe_lookup_take(UniverseLookup *lookup, HttpResponse *response)
{
	HttpFault	fault = response->fault;
	char		error[SOURCE_ERROR_SIZE];

	if (!lookup->in_flight || response->tag != lookup->tag)
	{
		http_response_free(response);
		return;
	}
	lookup->in_flight = false;
	lookup->failure.retry_after_ms = response->retry_after_ms;
	lookup->failure.is_blocked = response->is_blocked;
	snprintf(error, sizeof(error), "%s", response->error);
	if (fault == HTTP_OK)
		fault = read_answer(lookup, response, error);
	if (lookup->is_done)
		;						/* out of memory */
	else if (fault == HTTP_OK)
	{
		lookup->is_repeat = false;
		if (++lookup->step == lookup->step_count)
			sort_and_finish(lookup);
	}
	else if (!lookup->is_repeat && http_may_pass(fault, response->status))
	{
		lookup->is_repeat = true;
		lookup->not_before = http_clock_ms() + http_repeat_delay();
	}
	else
		fail(lookup, fault, error);
	http_response_free(response);
}

bool
universe_lookup_is_done(const UniverseLookup *lookup)
{
	return lookup->is_done;
}

long
universe_lookup_timeout(const UniverseLookup *lookup)
{
	int64_t		wait = lookup->not_before - http_clock_ms();

	if (lookup->is_done || lookup->in_flight || lookup->waits_for_room)
		return -1;
	return wait > 0 ? (long) wait : 0;
}

bool
universe_lookup_result(UniverseLookup *lookup, Universe *universe,
					   BreakerFailure *failure, char *error)
{
	*failure = lookup->failure;
	if (lookup->has_failed)
	{
		snprintf(error, SOURCE_ERROR_SIZE, "%s", lookup->error);
		return false;
	}
	*universe = lookup->universe;
	memset(&lookup->universe, 0, sizeof(Universe));
	lookup->capacity = 0;
	return true;
}

void
universe_lookup_free(UniverseLookup *lookup)
{
	if (lookup == NULL)
		return;
	universe_free(&lookup->universe);
	free(lookup->base_url);
	free(lookup);
}
