/*-------------------------------------------------------------------------
 *
 * control.h
 *	  Starting, stopping and asking for things, from SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_FUNCTIONS_CONTROL_H
#define VNSTREAM_FUNCTIONS_CONTROL_H

#include "postgres.h"

/*
 * Watch for ALTER DATABASE … SET and CREATE EXTENSION, by whoever they come, so
 * that the launcher looks again when they commit.  From _PG_init while
 * preloading only.
 */
extern void control_install_hooks(void);

/*
 * Has this transaction asked for something that happens at its COMMIT?
 */
extern bool control_is_pending(void);

/*
 * Run the rest of the function with the rights of the extension's owner and a
 * pinned search_path, as SECURITY DEFINER with SET would; rights_return() goes
 * back, and so does an error.
 */
typedef struct Rights
{
	Oid			user;
	int			security;
	int			nest_level;
} Rights;

extern Rights rights_of_owner(Oid owner);
extern void rights_return(Rights rights);

#endif							/* VNSTREAM_FUNCTIONS_CONTROL_H */
