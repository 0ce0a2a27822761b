/*-------------------------------------------------------------------------
 *
 * ticker.c
 *	  Tickers as arguments of SQL functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

#include "functions/ticker.h"
#include "market/quote.h"

/* Bytes of an argument that a message repeats. */
#define ECHO_MAX 40

char *
shortened(const char *text)
{
	int			length = (int) strlen(text);

	if (length <= ECHO_MAX)
		return pstrdup(text);
	return psprintf("%.*s...", pg_mbcliplen(text, length, ECHO_MAX), text);
}

char *
ticker_argument(const text *argument)
{
	char	   *ticker = text_to_cstring(argument);
	char	   *upper;

	if (ticker_is_valid(ticker, strlen(ticker)))
		return ticker;
	upper = asc_toupper(ticker, strlen(ticker));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is no ticker", shortened(ticker)),
			 ticker_is_valid(upper, strlen(upper)) ?
			 errhint("Tickers are in upper case: '%s'.", upper) :
			 errhint("A ticker is 1 to %d letters A to Z and digits, such as 'VCB'.",
					 TICKER_MAX)));
	return NULL;				/* keep compiler quiet */
}
