/*-------------------------------------------------------------------------
 *
 * probe_symbols.c
 *	  A few symbols that surely have a match on a day that trades.
 *
 *-------------------------------------------------------------------------
 */
#include "source/probe_symbols.h"

#include <stdlib.h>
#include <string.h>

/* Shares with the most matches of HOSE in 2026, and two of HNX. */
static const char *const liquid[PROBE_SYMBOLS] = {
	"HPG", "SSI", "VIX", "SHB", "MBB", "STB", "FPT", "VCB", "SHS", "CEO"
};

static bool
has(const Universe *universe, const char *ticker)
{
	size_t		i;

	for (i = 0; i < universe->count; i++)
	{
		if (strcmp(universe->tickers[i], ticker) == 0)
			return true;
	}
	return false;
}

static void
take(Universe *few, const char *ticker)
{
	if (few->count < PROBE_SYMBOLS && !has(few, ticker))
		strcpy(few->tickers[few->count++], ticker);
}

bool
probe_symbols(const Universe *all, Universe *few)
{
	size_t		i;

	few->count = 0;
	few->tickers = calloc(PROBE_SYMBOLS, sizeof(few->tickers[0]));
	if (few->tickers == NULL)
		return false;
	for (i = 0; i < PROBE_SYMBOLS; i++)
	{
		if (has(all, liquid[i]))
			take(few, liquid[i]);
	}
	for (i = 0; i < all->count && few->count < PROBE_SYMBOLS; i++)
		take(few, all->tickers[i]);
	return true;
}
