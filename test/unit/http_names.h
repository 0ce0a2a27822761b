/*-------------------------------------------------------------------------
 *
 * http_names.h
 *	  Name service under the test's control.
 *
 * getaddrinfo() is the program's own (the linker prefers it to the C library's):
 * "source.test" is this host, "hang.test" takes as long as the test wants, and
 * others do not exist.  The thread that libcurl calls it on is looked at.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TEST_HTTP_NAMES_H
#define TEST_HTTP_NAMES_H

#include <netdb.h>

#include "http_support.h"

static atomic_int resolving;
static atomic_bool resolver_hangs;
static atomic_ullong resolver_mask; /* SigBlk of the last resolver thread */

static unsigned long long
read_own_blocked_signals(void)
{
	char		path[64];
	char		line[256];
	unsigned long long mask = 0;
	FILE	   *file;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/status",
			 syscall(SYS_gettid));
	file = fopen(path, "r");
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "SigBlk: %llx", &mask) == 1)
			break;
	fclose(file);
	return mask;
}

int
getaddrinfo(const char *node, const char *service,
			const struct addrinfo *hints, struct addrinfo **result)
{
	struct timespec step = {0, 2000000};
	struct addrinfo *info;
	struct sockaddr_in *address;

	(void) hints;
	atomic_fetch_add(&resolving, 1);
	atomic_store(&resolver_mask, read_own_blocked_signals());
	while (strcmp(node, "hang.test") == 0 && atomic_load(&resolver_hangs))
		nanosleep(&step, NULL);
	atomic_fetch_sub(&resolving, 1);
	if (strcmp(node, "source.test") != 0)
		return EAI_NONAME;
	info = calloc(1, sizeof(struct addrinfo) + sizeof(struct sockaddr_in));
	address = (struct sockaddr_in *) (info + 1);
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address->sin_port = htons((uint16_t) atoi(service));
	info->ai_family = AF_INET;
	info->ai_socktype = SOCK_STREAM;
	info->ai_addrlen = sizeof(struct sockaddr_in);
	info->ai_addr = (struct sockaddr *) address;
	*result = info;
	return 0;
}

void
freeaddrinfo(struct addrinfo *info)
{
	free(info);
}

#endif							/* TEST_HTTP_NAMES_H */
