/*-------------------------------------------------------------------------
 *
 * clock_test.c
 *	  A clock that a test can set, for whole processes: preloaded by LD_PRELOAD.
 *
 * gettimeofday(), time() and clock_gettime() of the wall clock are ahead by the
 * seconds that stand, as a 64-bit number, in the file that CLOCK_TEST_FILE
 * names.  Monotonic clocks are left alone, and so are those that wait: the C
 * library and the kernel know nothing of it.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
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

/* Not by the C library's function of that name, which is this one. */
int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int			result = (int) syscall(SYS_clock_gettime, clock, now);

	if (result == 0 && ahead != NULL &&
		(clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += *ahead;
	return result;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec precise;

	(void) zone;
	clock_gettime(CLOCK_REALTIME, &precise);
	now->tv_sec = precise.tv_sec;
	now->tv_usec = precise.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *now)
{
	struct timespec precise;

	clock_gettime(CLOCK_REALTIME, &precise);
	if (now != NULL)
		*now = precise.tv_sec;
	return precise.tv_sec;
}
