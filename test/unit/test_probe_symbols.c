/*-------------------------------------------------------------------------
 *
 * test_probe_symbols.c
 *	  Which symbols are asked on a day that is called a holiday.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "source/probe_symbols.h"
#include "test.h"

/* Tickers separated by blanks: what is followed, and what is asked. */
static void
asks(const char *followed, const char *expected, const char *name)
{
	Universe	all = {NULL, 0};
	Universe	few = {NULL, 0};
	char		text[512];
	char		got[512] = "";
	char	   *word;
	size_t		i;

	strcpy(text, followed);
	for (word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
	{
		all.tickers = realloc(all.tickers, (all.count + 1) * sizeof(all.tickers[0]));
		if (all.tickers == NULL)
			abort();
		strcpy(all.tickers[all.count++], word);
	}
	ok(probe_symbols(&all, &few), "%s: there are symbols", name);
	for (i = 0; i < few.count; i++)
		strcat(strcat(got, i > 0 ? " " : ""), few.tickers[i]);
	is_text(got, expected, "%s", name);
	universe_free(&all);
	universe_free(&few);
}

int
main(void)
{
	asks("", "", "none followed");
	asks("AAA BBB", "AAA BBB", "few followed");
	asks("AAA BBB HPG", "HPG AAA BBB", "the most traded first");
	asks("AAA BBB CCC CEO DDD EEE FFF GGG HHH III JJJ KKK SHS",
		 "SHS CEO AAA BBB CCC DDD EEE FFF GGG HHH", "ten at most");
	asks("AAA CEO FPT HPG MBB SHB SHS SSI STB VCB VIX ZZZ",
		 "HPG SSI VIX SHB MBB STB FPT VCB SHS CEO", "ten of the most traded");
	return done_testing();
}
