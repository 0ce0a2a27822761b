/*-------------------------------------------------------------------------
 *
 * outgoing.c
 *	  The newest quote of each ticker that is in the outbox or went through it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"

#include "workers/outgoing.h"

typedef struct Outgoing
{
	char		ticker[TICKER_MAX + 1];
	Quote		quote;
} Outgoing;

static HTAB *outgoing_quotes;

void
outgoing_begin(MemoryContext context)
{
	HASHCTL		control;

	memset(&control, 0, sizeof(control));
	control.keysize = TICKER_MAX + 1;
	control.entrysize = sizeof(Outgoing);
	control.hcxt = context;
	outgoing_quotes = hash_create("vnstream outgoing quotes", 2048, &control,
									  HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

void
outgoing_remember(const char *message)
{
	char		error[QUOTE_ERROR_SIZE];
	Outgoing *found;
	Quote		quote;

	if (!quote_from_message(message, strlen(message), &quote, error))
		return;
	found = hash_search(outgoing_quotes, quote.ticker, HASH_ENTER, NULL);
	found->quote = quote;
}

const Quote *
outgoing_quote(const char *ticker)
{
	char		key[TICKER_MAX + 1];
	Outgoing *found;

	strlcpy(key, ticker, sizeof(key));
	found = hash_search(outgoing_quotes, key, HASH_FIND, NULL);
	return found != NULL ? &found->quote : NULL;
}
