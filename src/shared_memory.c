/*-------------------------------------------------------------------------
 *
 * shared_memory.c
 *	  All shared memory of the extension, asked for and made.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"

#include "event_log.h"
#include "latency.h"
#include "latest.h"
#include "progress.h"
#include "shared_memory.h"
#include "shared_state.h"

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request(void)
{
	if (previous_request_hook)
		previous_request_hook();
	shared_state_request();
	progress_request();
	event_log_request();
	latency_request();
	latest_request();
}

static void
start(void)
{
	if (previous_startup_hook)
		previous_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared_state_start();
	progress_start();
	event_log_start();
	latency_start();
	latest_start();
	LWLockRelease(AddinShmemInitLock);
}

void
shared_memory_install(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start;
}
