/*-------------------------------------------------------------------------
 *
 * role.h
 *	  Acting as another role.
 *
 * All functions: main thread, inside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_ROLE_H
#define VNSTREAM_STORE_ROLE_H

#include "postgres.h"

/*
 * Acting as another role, as VACUUM and ANALYZE do: security-restricted, with
 * search_path pinned, so that code which the role has attached to its tables
 * cannot reach the worker's own rights, now or at commit.  An error that
 * leaves the (sub)transaction undoes it; role_scope_leave() is for success.
 */
typedef struct RoleScope
{
	Oid			user;
	int			security;
	int			guc_level;
} RoleScope;

extern void role_scope_enter(RoleScope *scope, Oid role);
extern void role_scope_leave(const RoleScope *scope);

/* A setting for as long as the present RoleScope, or GUC nest level, lasts. */
extern void setting_pin(const char *name, const char *value);

#endif							/* VNSTREAM_STORE_ROLE_H */
