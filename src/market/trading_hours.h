/*-------------------------------------------------------------------------
 *
 * trading_hours.h
 *	  The hours of one day in which orders are matched.
 *
 * Not quite the hours in which an exchange is open: an auction gathers orders
 * and matches them all at its end.
 *
 * Plain C: no PostgreSQL headers, no I/O.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_MARKET_TRADING_HOURS_H
#define VNSTREAM_MARKET_TRADING_HOURS_H

#include <stdint.h>

#include "market/calendar.h"

/* Times are µs since 1970 UTC. */
typedef struct TradingHours
{
	struct
	{
		int64_t		from;
		int64_t		until;		/* of an auction the same: the moment of its matches */
	}			spans[CALENDAR_DAY_SESSIONS];
	int			count;
} TradingHours;

/*
 * The hours of a day as if it were a trading day: quotes with that date know
 * better than the calendar.
 */
extern void trading_hours_set(TradingHours *hours, const Calendar *calendar,
							  Exchange exchange, int32_t day);

/* The µs of continuous matching in [from, until). */
extern int64_t trading_hours_between(const TradingHours *hours, int64_t from, int64_t until);

/*
 * The last moment, at or before that time, at which a match can have been; the
 * time itself where the day has none before it.
 */
extern int64_t trading_hours_last(const TradingHours *hours, int64_t time);

/* As trading_hours_between(), over the trading days of the calendar in [from, until). */
extern int64_t trading_hours_of_days(const Calendar *calendar, Exchange exchange,
									 int64_t from, int64_t until);

#endif							/* VNSTREAM_MARKET_TRADING_HOURS_H */
