/*-------------------------------------------------------------------------
 *
 * sockets.c
 *	  Waiting on the latch and on file descriptors at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"

#include "pg_compat.h"
#include "workers/sockets.h"

/* Longest single wait, in ms. */
#define WAIT_MAX_MS 1000

void
sockets_wait(WaitSource *sources, int count, long timeout_ms)
{
	/* made anew each time: a library may close a socket and open another of
	 * the same number, which a kept set would not notice */
	WaitEventSet *set = wait_event_set_create(count + 2);
	WaitEvent	events[16];
	int			fired;
	int			i;

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (i = 0; i < count; i++)
	{
		uint32		wanted = (sources[i].wants_read ? WL_SOCKET_READABLE : 0) |
			(sources[i].wants_write ? WL_SOCKET_WRITEABLE : 0);

		sources[i].is_readable = sources[i].is_writable = false;
		if (wanted != 0)
			AddWaitEventToSet(set, wanted, sources[i].fd, NULL, &sources[i]);
	}

	if (timeout_ms < 0 || timeout_ms > WAIT_MAX_MS)
		timeout_ms = WAIT_MAX_MS;
	fired = WaitEventSetWait(set, timeout_ms, events, lengthof(events), wait_event_idle());
	for (i = 0; i < fired; i++)
	{
		WaitSource *source = events[i].user_data;

		if (events[i].events & WL_LATCH_SET)
			ResetLatch(MyLatch);
		if (source != NULL)
		{
			source->is_readable = (events[i].events & WL_SOCKET_READABLE) != 0;
			source->is_writable = (events[i].events & WL_SOCKET_WRITEABLE) != 0;
		}
	}
	FreeWaitEventSet(set);
}

int
sockets_of_http(HttpClient *client, WaitSource *sources)
{
	HttpSocket	sockets[HTTP_MAX_SOCKETS];
	int			count = http_client_sockets(client, sockets);
	int			i;

	for (i = 0; i < count; i++)
	{
		memset(&sources[i], 0, sizeof(WaitSource));
		sources[i].fd = sockets[i].fd;
		sources[i].wants_read = sockets[i].wants_read;
		sources[i].wants_write = sockets[i].wants_write;
	}
	return count;
}

void
sockets_drive_http(HttpClient *client, const WaitSource *sources, int count)
{
	HttpSocket	sockets[HTTP_MAX_SOCKETS];
	int			i;

	for (i = 0; i < count; i++)
	{
		sockets[i].fd = sources[i].fd;
		sockets[i].wants_read = sources[i].wants_read;
		sockets[i].wants_write = sources[i].wants_write;
		sockets[i].is_readable = sources[i].is_readable;
		sockets[i].is_writable = sources[i].is_writable;
	}
	http_client_drive(client, sockets, count);
}
