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

static const SourceProvider *const providers[] = {
	&vci_provider
};

const SourceProvider *
source_find(const char *name)
{
	size_t		i;

	for (i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
	{
		if (strcmp(providers[i]->name, name) == 0)
			return providers[i];
	}
	return NULL;
}

void
source_request_free(SourceRequest *request)
{
	free(request->url);
	free(request->body);
	request->url = NULL;
	request->body = NULL;
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
	free(board->quotes);
	free(board->listings);
	free(board->refusals);
	memset(board, 0, sizeof(*board));
}
