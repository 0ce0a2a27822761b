/*-------------------------------------------------------------------------
 *
 * source.c
 *	  The providers by name, and freeing what they hand out.
 *
 *-------------------------------------------------------------------------
 */
#include "source/source.h"

#include <stdlib.h>
#include <string.h>

#include "market/reason.h"

static const SourceProvider *const known[] = {
	&vci_provider,
	&kbs_provider
};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

_Static_assert(KNOWN_COUNT <= SOURCES_MAX, "SOURCES_MAX must be enough");

const SourceProvider *
source_at(size_t i)
{
	return i < KNOWN_COUNT ? known[i] : NULL;
}

static const SourceProvider *
find(const char *name, size_t length)
{
	size_t		i;

	for (i = 0; i < KNOWN_COUNT; i++)
	{
		if (strlen(known[i]->name) == length &&
			memcmp(known[i]->name, name, length) == 0)
			return known[i];
	}
	return NULL;
}

const SourceProvider *
source_find(const char *name)
{
	return find(name, strlen(name));
}

size_t
source_read_list(const char *names, const SourceProvider *providers[SOURCES_MAX],
				 char *error)
{
	static const char blanks[] = " \t\r\n\v\f";
	size_t		count = 0;

	for (;;)
	{
		const SourceProvider *provider;
		char		excerpt[EXCERPT_SIZE];
		size_t		length;
		size_t		i;

		names += strspn(names, blanks);
		length = strcspn(names, ",");
		while (length > 0 && strchr(blanks, names[length - 1]) != NULL)
			length--;
		if (length == 0)
		{
			reason_write(error, SOURCE_ERROR_SIZE,
						 "there is an empty name in the list");
			return 0;
		}
		provider = find(names, length);
		if (provider == NULL)
		{
			reason_write(error, SOURCE_ERROR_SIZE, "there is no source %s",
						 reason_excerpt(names, length, excerpt));
			return 0;
		}
		for (i = 0; i < count; i++)
		{
			if (providers[i] == provider)
			{
				reason_write(error, SOURCE_ERROR_SIZE,
							 "source \"%s\" is in the list twice",
							 provider->name);
				return 0;
			}
		}
		providers[count++] = provider;
		names += strcspn(names, ",");
		if (*names == '\0')
			return count;
		names++;
	}
}

void
source_request_free(SourceRequest *request)
{
	free(request->url);
	free(request->body);
	request->url = NULL;
	request->body = NULL;
	request->headers = NULL;
}

void
source_symbol_list_free(SourceSymbolList *list)
{
	free(list->symbols);
	memset(list, 0, sizeof(*list));
}

void
board_listing_apply(const BoardListing *listing, Quote *quote)
{
	if (strcmp(listing->kind, "STOCK") == 0 && listing->listed_shares > 0)
		quote_set_integer(quote, QUOTE_LISTED_SHARES, listing->listed_shares);
}

void
board_free(Board *board)
{
	size_t		i;

	for (i = 0; i < board->refusal_count; i++)
		free(board->refusals[i].row);
	free(board->quotes);
	free(board->listings);
	free(board->refusals);
	memset(board, 0, sizeof(*board));
}
