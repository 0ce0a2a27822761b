/*-------------------------------------------------------------------------
 *
 * calendar_facts.h
 *	  The sessions and holidays that are built in.  For calendar.c only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_MARKET_CALENDAR_FACTS_H
#define VNSTREAM_MARKET_CALENDAR_FACTS_H

#include "market/calendar.h"

typedef struct SessionFact
{
	Exchange	exchange;
	MarketPhase phase;
	int32_t		starts;			/* seconds of the day */
	int32_t		ends;
	const char *valid_from;
} SessionFact;

typedef struct HolidayFact
{
	const char *day;
	const char *name;
} HolidayFact;

extern const SessionFact session_facts[];
extern const int session_fact_count;

/* For all exchanges, in the order of the days. */
extern const HolidayFact holiday_facts[];
extern const int holiday_fact_count;

#endif							/* VNSTREAM_MARKET_CALENDAR_FACTS_H */
