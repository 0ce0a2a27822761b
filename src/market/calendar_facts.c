/*-------------------------------------------------------------------------
 *
 * calendar_facts.c
 *	  The sessions and holidays that are built in.
 *
 * When hours change, rows of the exchange's whole new day are added with the
 * day from which they count; the old rows stay, for the days before.  Hours of
 * the market's first years differed from what stands here as their first day.
 *
 * Which weekdays are holidays is announced anew for each year, in autumn.
 * Public lists of one year do differ from each other, which is why a holiday
 * is probed, and why a user's row wins.
 *
 *-------------------------------------------------------------------------
 */
#include "market/calendar_facts.h"

#define AT(hour, minute) ((hour) * 3600 + (minute) * 60)
#define FIRST_DAY "2000-07-28"

const SessionFact session_facts[] = {
	{EXCHANGE_HOSE, MARKET_ATO, AT(9, 0), AT(9, 15), FIRST_DAY},
	{EXCHANGE_HOSE, MARKET_CONTINUOUS, AT(9, 15), AT(11, 30), FIRST_DAY},
	{EXCHANGE_HOSE, MARKET_LUNCH, AT(11, 30), AT(13, 0), FIRST_DAY},
	{EXCHANGE_HOSE, MARKET_CONTINUOUS, AT(13, 0), AT(14, 30), FIRST_DAY},
	{EXCHANGE_HOSE, MARKET_ATC, AT(14, 30), AT(14, 45), FIRST_DAY},
	{EXCHANGE_HNX, MARKET_CONTINUOUS, AT(9, 0), AT(11, 30), FIRST_DAY},
	{EXCHANGE_HNX, MARKET_LUNCH, AT(11, 30), AT(13, 0), FIRST_DAY},
	{EXCHANGE_HNX, MARKET_CONTINUOUS, AT(13, 0), AT(14, 30), FIRST_DAY},
	{EXCHANGE_HNX, MARKET_ATC, AT(14, 30), AT(14, 45), FIRST_DAY},
	{EXCHANGE_HNX, MARKET_PLO, AT(14, 45), AT(15, 0), FIRST_DAY},
	{EXCHANGE_UPCOM, MARKET_CONTINUOUS, AT(9, 0), AT(11, 30), FIRST_DAY},
	{EXCHANGE_UPCOM, MARKET_LUNCH, AT(11, 30), AT(13, 0), FIRST_DAY},
	{EXCHANGE_UPCOM, MARKET_CONTINUOUS, AT(13, 0), AT(15, 0), FIRST_DAY}
};

const int	session_fact_count = sizeof(session_facts) / sizeof(session_facts[0]);

const HolidayFact holiday_facts[] = {
	{"2024-01-01", "New Year's Day"},
	{"2024-02-08", "Lunar New Year"},
	{"2024-02-09", "Lunar New Year"},
	{"2024-02-12", "Lunar New Year"},
	{"2024-02-13", "Lunar New Year"},
	{"2024-02-14", "Lunar New Year"},
	{"2024-04-18", "Hung Kings' Day"},
	{"2024-04-29", "Reunification Day"},
	{"2024-04-30", "Reunification Day"},
	{"2024-05-01", "Labour Day"},
	{"2024-09-02", "National Day"},
	{"2024-09-03", "National Day"},
	{"2025-01-01", "New Year's Day"},
	{"2025-01-27", "Lunar New Year"},
	{"2025-01-28", "Lunar New Year"},
	{"2025-01-29", "Lunar New Year"},
	{"2025-01-30", "Lunar New Year"},
	{"2025-01-31", "Lunar New Year"},
	{"2025-04-07", "Hung Kings' Day"},
	{"2025-04-30", "Reunification Day"},
	{"2025-05-01", "Labour Day"},
	{"2025-05-02", "Labour Day"},
	{"2025-09-01", "National Day"},
	{"2025-09-02", "National Day"},
	{"2026-01-01", "New Year's Day"},
	{"2026-01-02", "New Year's Day"},
	{"2026-02-16", "Lunar New Year"},
	{"2026-02-17", "Lunar New Year"},
	{"2026-02-18", "Lunar New Year"},
	{"2026-02-19", "Lunar New Year"},
	{"2026-02-20", "Lunar New Year"},
	{"2026-04-27", "Hung Kings' Day"},
	{"2026-04-30", "Reunification Day"},
	{"2026-05-01", "Labour Day"},
	{"2026-08-31", "National Day"},
	{"2026-09-01", "National Day"},
	{"2026-09-02", "National Day"},
	{"2026-11-24", "Culture Day"}
};

const int	holiday_fact_count = sizeof(holiday_facts) / sizeof(holiday_facts[0]);
