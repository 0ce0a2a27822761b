/*-------------------------------------------------------------------------
 *
 * notices.h
 *	  What librdkafka says, told by a worker.
 *
 * All functions: main thread of a worker, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_NOTICES_H
#define VNSTREAM_WORKERS_NOTICES_H

#include "broker/client.h"

/*
 * What librdkafka said since the last time: errors to worker_error(), warnings
 * to vnstream_log(), other lines to the server's log when it is to have
 * everything.  True where the client is of no more use.
 *
 * librdkafka tells a fault of a broker twice, as a line of its log and then as
 * an error.  Only the error is told, so a line has to wait for it, for a second.
 */
extern bool worker_take_notices(BrokerClient *client);

/* Once a second or so: tell the lines for which no error has come. */
extern void worker_tell_lines(void);

#endif							/* VNSTREAM_WORKERS_NOTICES_H */
