/*-------------------------------------------------------------------------
 *
 * fetch.h
 *	  The worker that makes one request for a person, and what it is told and
 *	  tells.
 *
 * A session takes a slot, puts what to ask into a dynamic shared memory segment
 * and starts the worker, which answers through a queue in the same segment and
 * ends.  It has no database and no transaction.
 *
 * Who goes first frees the other: the session's detaching from the segment,
 * whatever the reason, gives up its part of the slot and wakes the worker, which
 * then ends; a worker that ends, whatever the reason, detaches from the queue,
 * and the session sees that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_FETCH_H
#define VNSTREAM_WORKERS_FETCH_H

#include "postgres.h"

#include "postmaster/bgworker.h"
#include "storage/dsm.h"

#include "source/http.h"

/* The segment's table of contents (storage/shm_toc.h); texts end with a zero. */
#define FETCH_MAGIC 0x564e4654
typedef enum FetchKey
{
	FETCH_KEY_REQUEST,			/* FetchRequest */
	FETCH_KEY_URL,
	FETCH_KEY_BODY,				/* absent: a GET */
	FETCH_KEY_USER_AGENT,
	FETCH_KEY_HEADERS,
	FETCH_KEY_PROXY,
	FETCH_KEY_CA_FILE,
	FETCH_KEY_QUEUE				/* shm_mq from the worker to the session */
} FetchKey;

#define FETCH_QUEUE_SIZE 65536

/* Most bytes of a body that the session gets; all of it is judged. */
#define FETCH_BODY_MAX (1024 * 1024)

typedef struct FetchRequest
{
	char		provider[QUOTE_NAME_MAX + 1];
	char		ticker[TICKER_MAX + 1];
	int			timeout_ms;
	Size		max_response;	/* bytes */
	bool		allow_insecure;
} FetchRequest;

/* The one message of the queue; bytes of headers and of body follow it. */
typedef struct FetchReport
{
	HttpFault	fault;			/* HTTP_UNREADABLE also where the body is not
								 * what was asked for */
	int			status;
	int64		received_at;	/* as in HttpResponse; 0: it could not start */
	int64		duration;
	SourceProbe probe;
	Size		headers_length;
	Size		body_length;	/* that follow */
	int64		body_came;		/* that came */
	bool		has_body;
	bool		has_quote;
	Quote		quote;
	char		error[SOURCE_ERROR_SIZE + 64];	/* '' where all is well */
} FetchReport;

/* What the session tells the worker in bgw_extra. */
typedef struct FetchTicket
{
	uint64		generation;
	dsm_handle	segment;
	int			slot;
} FetchTicket;

/*
 * Take a free slot for this session; false where there is none.  It is given
 * up when the session detaches from segment.  Main thread of a session.
 */
extern bool fetch_slot_take(dsm_segment *segment, FetchTicket *ticket);

/* Start the worker; NULL where the server has no process to spare. */
extern BackgroundWorkerHandle *fetch_worker_start(const FetchTicket *ticket,
												  const char *ticker);

/* Entry point that the postmaster calls. */
extern PGDLLEXPORT void vnstream_fetch_main(Datum argument);

#endif							/* VNSTREAM_WORKERS_FETCH_H */
