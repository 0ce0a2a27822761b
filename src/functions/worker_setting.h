/*-------------------------------------------------------------------------
 *
 * worker_setting.h
 *	  Settings as this database's workers get them, for functions that act like
 *	  them: a session's own SET, or its role's, changes nothing here.
 *
 * Main thread of a session, inside a transaction, SPI connected.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_FUNCTIONS_WORKER_SETTING_H
#define VNSTREAM_FUNCTIONS_WORKER_SETTING_H

#include "postgres.h"

/*
 * The value of one of this database's own settings as this transaction sees
 * it, or NULL: what workers start with, where the session may still have an
 * earlier one.  The text goes with SPI_finish().
 */
extern char *database_setting(const char *name);

/*
 * That, or else the value that this session began with; in context, never
 * NULL.  Whoever calls, also of settings that superusers alone may read: do not
 * show it.
 */
extern char *worker_setting(const char *name, MemoryContext context);

/*
 * Has this database, or else the server, a text for the setting that is not ''?
 * What the session began with or has set is nothing, where it was the
 * database's or a role's: the database may have given it up since.
 */
extern bool worker_setting_is_given(const char *name);

/* worker_setting() of a number; unit is GUC_UNIT_MS and the like, or 0. */
extern int	worker_setting_number(const char *name, int unit);
extern bool worker_setting_bool(const char *name);

#endif							/* VNSTREAM_FUNCTIONS_WORKER_SETTING_H */
