/*-------------------------------------------------------------------------
 *
 * event_log.h
 *	  What happened lately: the last events of each worker, of the launcher
 *	  about each database, and of the launcher about the whole server.
 *
 * They are in shared memory, so they outlive the process that wrote them, and
 * are gone with a restart of the server.  Each list keeps EVENT_LIST_SIZE
 * events, in the order of their last occurrence.  A full list drops its oldest
 * event, but ordinary events (info) never push out more than half of it.
 *
 * What says the same again within a few minutes is no new event: it is counted,
 * and shows the newest text.  Of warnings and errors, numbers in the text may
 * differ; of ordinary events nothing.
 *
 * A list belongs to one database; events of another are neither written to it
 * nor read from it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_EVENT_LOG_H
#define VNSTREAM_EVENT_LOG_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "shared_state.h"

#define EVENT_LIST_SIZE 48
#define EVENT_TEXT_SIZE 304

/* A database's lists: its workers' by their place in the entry, then */
#define EVENT_LIST_LAUNCHER DATABASE_WORKERS
#define EVENT_LISTS (DATABASE_WORKERS + 1)

typedef enum EventLevel
{
	EVENT_INFO,
	EVENT_WARNING,
	EVENT_ERROR
} EventLevel;

typedef struct Event
{
	TimestampTz first;
	TimestampTz last;
	TimestampTz logged;			/* last written to the server's log */
	int			unlogged;		/* occurrences since */
	int			repeated;		/* after the first */
	EventLevel	level;
	int			sqlstate;		/* 0: none */
	char		text[EVENT_TEXT_SIZE];	/* one line */
} Event;

/* Called by shared_memory.c. */
extern void event_log_request(void);
extern void event_log_start(void);

/*
 * The entry is another database's from now on: its lists are emptied.  Caller
 * holds shared_state->lock, which is taken before a list's own.
 */
extern void event_log_assign(const DatabaseEntry *entry, Oid database);

/*
 * Any process; caller does not hold shared_state->lock.  database InvalidOid:
 * the list about the whole server.  The text is kept as one_line() makes it.
 *
 * Answers what the server's log should get, so that it is not flooded: -1
 * nothing, since the same was written within the last minute; 0 this is the
 * first; else how often it came since it was last written, this time included.
 */
extern int	event_log_add(Oid database, int list, EventLevel level, int sqlstate,
						  const char *text);

/*
 * Copies a list, the oldest first; events has room for EVENT_LIST_SIZE.
 * Answers how many; texts are valid in this database's encoding.
 */
extern int	event_log_read(Oid database, int list, Event *events);

extern const char *event_level_name(EventLevel level);

/*
 * A text as one line of at most size - 1 bytes: cut between characters, control
 * characters as spaces, what is not in this database's encoding as '?'.
 */
extern void one_line(char *to, size_t size, const char *from);

#endif							/* VNSTREAM_EVENT_LOG_H */
