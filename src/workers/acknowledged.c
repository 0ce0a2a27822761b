/*-------------------------------------------------------------------------
 *
 * acknowledged.c
 *	  The newest quote of each ticker that Kafka has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"

#include "workers/acknowledged.h"

typedef struct Acknowledged
{
	char		ticker[TICKER_MAX + 1];
	Quote		quote;
} Acknowledged;

static HTAB *acknowledged_quotes;

void
acknowledged_begin(MemoryContext context)
{
	HASHCTL		control;

	memset(&control, 0, sizeof(control));
	control.keysize = TICKER_MAX + 1;
	control.entrysize = sizeof(Acknowledged);
	control.hcxt = context;
	acknowledged_quotes = hash_create("vnstream acknowledged quotes", 2048, &control,
									  HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

void
acknowledged_remember(const char *message)
{
	char		error[QUOTE_ERROR_SIZE];
	Acknowledged *found;
	Quote		quote;

	if (!quote_from_message(message, strlen(message), &quote, error))
		return;
	found = hash_search(acknowledged_quotes, quote.ticker, HASH_ENTER, NULL);
	found->quote = quote;
}

const Quote *
acknowledged_quote(const char *ticker)
{
	char		key[TICKER_MAX + 1];
	Acknowledged *found;

	strlcpy(key, ticker, sizeof(key));
	found = hash_search(acknowledged_quotes, key, HASH_FIND, NULL);
	return found != NULL ? &found->quote : NULL;
}
