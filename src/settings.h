/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The extension's settings as PostgreSQL keeps them: all of them, whatever
 *	  config.c defines, and hashes of their values.
 *
 * A worker writes a hash of each setting into its slot, so that another process
 * can tell whether the worker has a value without knowing the worker's.
 *
 * Main thread of any process.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SETTINGS_H
#define VNSTREAM_SETTINGS_H

#include "postgres.h"

#include "config.h"

struct config_generic;

/*
 * Every setting of the extension, by name; palloc'd.  What they point to is
 * PostgreSQL's, for reading.
 */
extern struct config_generic **settings_list(int *count);

/* Does the name begin as the extension's settings do? */
extern bool setting_is_ours(const char *name);

/* Of a setting's name and its value as SHOW prints it. */
extern uint32 setting_hash(const char *name, const char *value);

/*
 * The hashes of all settings as this process has them; answers how many.  Needs
 * no transaction.
 */
extern int	settings_hashes(uint32 hashes[SETTINGS_MAX]);

#endif							/* VNSTREAM_SETTINGS_H */
