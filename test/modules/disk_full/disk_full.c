/*-------------------------------------------------------------------------
 *
 * disk_full.c
 *	  A disk that a test can fill, for whole processes: preloaded by LD_PRELOAD.
 *
 * While the file that DISK_FULL_FILE names exists, files below the directory
 * DISK_FULL_DIRECTORY cannot grow: what would make one longer fails with ENOSPC
 * and writes nothing.  As on a disk that is full, what a file has already can be
 * written over, and files of no bytes can be made.
 *
 * These are the functions by which PostgreSQL's server writes files.  stdio is
 * left alone: the C library does not call itself by these names.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char switch_file[PATH_MAX];	/* "": none */
static char directory[PATH_MAX + 1];	/* with a slash at its end; "": none */

static ssize_t (*next_write) (int, const void *, size_t);
static ssize_t (*next_pwrite) (int, const void *, size_t, off_t);
static ssize_t (*next_pwritev) (int, const struct iovec *, int, off_t);
static int	(*next_ftruncate) (int, off_t);
static int	(*next_posix_fallocate) (int, off_t, off_t);

__attribute__((constructor)) static void
find_all(void)
{
	const char *name = getenv("DISK_FULL_DIRECTORY");
	char		path[PATH_MAX];

	next_write = (ssize_t (*) (int, const void *, size_t)) dlsym(RTLD_NEXT, "write");
	next_pwrite = (ssize_t (*) (int, const void *, size_t, off_t)) dlsym(RTLD_NEXT, "pwrite");
	next_pwritev = (ssize_t (*) (int, const struct iovec *, int, off_t)) dlsym(RTLD_NEXT, "pwritev");
	next_ftruncate = (int (*) (int, off_t)) dlsym(RTLD_NEXT, "ftruncate");
	next_posix_fallocate = (int (*) (int, off_t, off_t)) dlsym(RTLD_NEXT, "posix_fallocate");

	/* a copy: the server writes its title over where its environment was */
	if (getenv("DISK_FULL_FILE") != NULL)
		snprintf(switch_file, sizeof(switch_file), "%s", getenv("DISK_FULL_FILE"));
	/* descriptors are known by their real paths */
	if (name != NULL && realpath(name, path) != NULL)
		snprintf(directory, sizeof(directory), "%s/", path);
}

/*
 * Is it a file below the directory, and the disk full?
 */
static bool
is_full(int file)
{
	char		link[64];
	char		path[PATH_MAX];
	int			before = errno;
	bool		found = false;

	if (switch_file[0] != '\0' && directory[0] != '\0' && access(switch_file, F_OK) == 0)
	{
		ssize_t		length;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
		length = readlink(link, path, sizeof(path));
		found = length >= (ssize_t) strlen(directory) &&
			strncmp(path, directory, strlen(directory)) == 0;
	}
	errno = before;
	return found;
}

/*
 * Would the file be longer if its bytes up to here were written?
 */
static bool
is_growth(int file, off_t end)
{
	struct stat status;

	return fstat(file, &status) == 0 && S_ISREG(status.st_mode) && end > status.st_size;
}

ssize_t
write(int file, const void *bytes, size_t length)
{
	if (length > 0 && is_full(file))
	{
		bool		appends = (fcntl(file, F_GETFL) & O_APPEND) != 0;
		off_t		at = lseek(file, 0, appends ? SEEK_END : SEEK_CUR);

		if (at >= 0 && is_growth(file, at + (off_t) length))
		{
			errno = ENOSPC;
			return -1;
		}
	}
	return next_write(file, bytes, length);
}

ssize_t
pwrite(int file, const void *bytes, size_t length, off_t offset)
{
	if (is_full(file) && is_growth(file, offset + (off_t) length))
	{
		errno = ENOSPC;
		return -1;
	}
	return next_pwrite(file, bytes, length, offset);
}

ssize_t
pwritev(int file, const struct iovec *parts, int count, off_t offset)
{
	if (is_full(file))
	{
		off_t		end = offset;
		int			i;

		for (i = 0; i < count; i++)
			end += (off_t) parts[i].iov_len;
		if (is_growth(file, end))
		{
			errno = ENOSPC;
			return -1;
		}
	}
	return next_pwritev(file, parts, count, offset);
}

int
ftruncate(int file, off_t length)
{
	if (is_full(file) && is_growth(file, length))
	{
		errno = ENOSPC;
		return -1;
	}
	return next_ftruncate(file, length);
}

/* It answers the error, and leaves errno alone. */
int
posix_fallocate(int file, off_t offset, off_t length)
{
	if (is_full(file) && is_growth(file, offset + length))
		return ENOSPC;
	return next_posix_fallocate(file, offset, length);
}
