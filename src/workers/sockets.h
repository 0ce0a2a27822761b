/*-------------------------------------------------------------------------
 *
 * sockets.h
 *	  Waiting on the latch and on file descriptors at once.
 *
 * All functions: main thread of a worker, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_SOCKETS_H
#define VNSTREAM_WORKERS_SOCKETS_H

#include "postgres.h"

#include "source/http.h"

/* A file descriptor to wait for besides the latch. */
typedef struct WaitSource
{
	int			fd;
	bool		wants_read;
	bool		wants_write;
	bool		is_readable;	/* out */
	bool		is_writable;	/* out */
} WaitSource;

/*
 * Wait for the latch, which is reset, any of the sources, or timeout_ms.  At
 * most a second is waited, also where timeout_ms is -1: a caller looks around
 * that often.  The process ends where the postmaster is gone.
 */
extern void sockets_wait(WaitSource *sources, int count, long timeout_ms);

/*
 * What an HTTP client waits for, as sources: fills up to HTTP_MAX_SOCKETS and
 * answers how many; and after the wait, carries the client on with them.
 */
extern int	sockets_of_http(HttpClient *client, WaitSource *sources);
extern void sockets_drive_http(HttpClient *client, const WaitSource *sources,
							   int count);

#endif							/* VNSTREAM_WORKERS_SOCKETS_H */
