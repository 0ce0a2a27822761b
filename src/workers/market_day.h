/*-------------------------------------------------------------------------
 *
 * market_day.h
 *	  The calendar as the producer has it, and what quotes say of it.
 *
 * It is read anew every minute, so that a user's row counts without a restart.
 * Rows that do not go together leave the calendar of before; that is told, and
 * health says so.  So is a match of a day that the calendar calls a holiday:
 * public calendars do differ, and matches do not err.
 *
 * All functions: main thread of the producer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_MARKET_DAY_H
#define VNSTREAM_WORKERS_MARKET_DAY_H

#include "postgres.h"

#include "market/calendar.h"

extern void market_day_begin(void);
/* The settings have been reloaded: somebody may have changed rows too. */
extern void market_day_reconfigure(void);
/* Once a round; reads the calendar where that is due. */
extern void market_day_round(void);

/* Good until the next market_day_round(). */
extern const Calendar *market_day_calendar(void);

/* Today, where it is called a holiday and has matches; else SCHEDULE_NO_DAY. */
extern int32 market_day_found(void);

/* A quote has come: does it prove the calendar wrong? */
extern void market_day_note(const Quote *quote);

/*
 * Has the quote's exchange gone into another phase since a time?  Not where the
 * quote knows no exchange, nor where the schedule does not go by the market.
 */
extern bool market_day_is_new_phase(const Quote *quote, int64 earlier);

#endif							/* VNSTREAM_WORKERS_MARKET_DAY_H */
