/*-------------------------------------------------------------------------
 *
 * check_symbols.c
 *	  Step of vnstream_check() about the list of symbols.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "config.h"
#include "functions/check.h"
#include "source/symbol_list.h"

/* A list that is older than this missed a day of the market, holidays aside. */
#define STALE_DAYS 4

/* One number of vnstream_symbols. */
static double
count_symbols(const Check *check, const char *condition)
{
	return check_query(check,
					   psprintf("SELECT count(*)::pg_catalog.float8 FROM %s.vnstream_symbols WHERE %s",
								check->catalog.schema_name, condition), 0);
}

void
check_symbols(Check *check, CheckResult *result)
{
	const char *market = "active AND kind IN ('STOCK', 'ETF', 'UNIT_TRUST')"
		" AND exchange IN ('HOSE', 'HNX', 'UPCOM')";
	double		symbols = count_symbols(check, market);
	double		resting = count_symbols(check,
										psprintf("active AND misses >= %d", MISSES_TO_REST));
	double		hours = check_query(check,
									psprintf("SELECT (extract(epoch FROM pg_catalog.now() - pg_catalog.max(ended)) / 3600)::pg_catalog.float8"
											 " FROM %s.vnstream_symbol_refreshes WHERE error IS NULL",
											 check->catalog.schema_name), -1);

	if (hours < 0)
	{
		check_say(result, check->run & RUN_PRODUCER ? CHECK_WARNING : CHECK_SKIPPED,
				  "the source's list of symbols was never taken over");
		check_advise(result, "The producer asks for it with its first sweep; see vnstream_symbol_refreshes for what went wrong.");
		return;
	}
	if (hours > STALE_DAYS * 24 && (check->run & RUN_PRODUCER))
	{
		check_say(result, CHECK_WARNING,
				  "%.0f symbols of the market are listed, %.0f rest; the list is %.0f days old",
				  symbols, resting, hours / 24);
		check_advise(result, "Look at vnstream_symbol_refreshes for why, then SELECT vnstream_refresh_symbols().");
		return;
	}
	check_say(result, CHECK_OK,
			  "%.0f symbols of the market are listed, %.0f rest, as they do not answer; refreshed %.1f hours ago",
			  symbols, resting, hours);
}
