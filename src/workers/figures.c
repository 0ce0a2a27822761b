/*-------------------------------------------------------------------------
 *
 * figures.c
 *	  What this process costs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/resource.h>
#include <unistd.h>

#include "utils/timestamp.h"

#include "workers/figures.h"

/*
 * Bytes resident, from the kernel; 0 where it does not tell this way.
 */
static int64
resident_memory(void)
{
	long		pages = 0;
	FILE	   *file = fopen("/proc/self/statm", "r");

	if (file == NULL)
		return 0;
	if (fscanf(file, "%*s %ld", &pages) != 1)
		pages = 0;
	fclose(file);
	return (int64) pages * sysconf(_SC_PAGESIZE);
}

static int64
microseconds(struct timeval time)
{
	return time.tv_sec * USECS_PER_SEC + time.tv_usec;
}

void
figures_update(WorkerSlot *slot)
{
	struct rusage usage;
	int64		memory = resident_memory();

	getrusage(RUSAGE_SELF, &usage);
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	slot->cpu_time = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
	slot->memory = memory;
	LWLockRelease(shared_state->lock);
}
