/*-------------------------------------------------------------------------
 *
 * vnstock_stream.c
 *	  What PostgreSQL needs to load the library, and nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "config.h"
#include "functions/control.h"
#include "latest_commit.h"
#include "shared_memory.h"
#include "store/insertion.h"
#include "workers/launcher.h"

#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "vnstock_stream",.version = VNSTREAM_VERSION);
#else
PG_MODULE_MAGIC;
#endif

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	config_define();

	/*
	 * Not preloaded, or under pg_upgrade: no shared memory and no workers, only
	 * functions, which say so.
	 */
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;

	shared_memory_install();
	quotes_listener = latest_commit_gather;
	control_install_hooks();
	launcher_register();
}
