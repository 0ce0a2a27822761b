/*-------------------------------------------------------------------------
 *
 * clock_test.c
 *	  A clock that a test can set, for whole processes: preloaded by LD_PRELOAD.
 *
 * gettimeofday() is ahead by the seconds that stand, as a 64-bit number, in the
 * file that CLOCK_TEST_FILE names.
 *
 *-------------------------------------------------------------------------
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead = NULL;

__attribute__((constructor)) static void
map_file(void)
{
	const char *name = getenv("CLOCK_TEST_FILE");
	int			file = name != NULL ? open(name, O_RDONLY) : -1;
	void	   *mapped;

	if (file < 0)
		return;
	mapped = mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, file, 0);
	if (mapped != MAP_FAILED)
		ahead = mapped;
	close(file);
}

int
gettimeofday(struct timeval *restrict time, void *restrict zone)
{
	struct timespec now;

	(void) zone;
	clock_gettime(CLOCK_REALTIME, &now);
	time->tv_sec = now.tv_sec + (ahead != NULL ? *ahead : 0);
	time->tv_usec = now.tv_nsec / 1000;
	return 0;
}
