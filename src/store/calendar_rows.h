/*-------------------------------------------------------------------------
 *
 * calendar_rows.h
 *	  The calendar that counts in this database: the built-in one, and the rows
 *	  of vnstream_session_overrides and vnstream_holiday_overrides.
 *
 * All functions: main thread, inside a transaction with a snapshot; also on a
 * standby.  They read the tables as the extension's owner, so whoever may call
 * a function about the calendar needs no right to them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_CALENDAR_ROWS_H
#define VNSTREAM_STORE_CALENDAR_ROWS_H

#include "market/calendar.h"
#include "store/catalog.h"

/*
 * Reads it anew; two short queries.  It lives as long as the current memory
 * context.  NULL, with a sentence in error (QUOTE_ERROR_SIZE bytes), where the
 * rows do not go together; what the database refuses is raised.
 */
extern const Calendar *calendar_rows_read(const StoreCatalog *catalog, char *error);

/* The same for a session: raises ERRCODE_INVALID_OBJECT_DEFINITION with a hint. */
extern const Calendar *calendar_rows_get(const StoreCatalog *catalog);

#endif							/* VNSTREAM_STORE_CALENDAR_ROWS_H */
