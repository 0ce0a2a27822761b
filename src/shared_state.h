/*-------------------------------------------------------------------------
 *
 * shared_state.h
 *	  What the processes of the extension know of each other.
 *
 * One row for each database that runs the pipeline, with a slot for each of
 * its workers; the launcher's own slot; the request budget of each source, and
 * until when it is left alone, which count for the whole server; and slots for
 * looks at a source.  Nothing here is a pointer of one process.
 *
 * Everything but the atomics is read and written under shared_state->lock,
 * held for a few assignments at a time and never across a call that can wait.
 * A slot belongs to its worker while pid is set; the launcher owns it else.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SHARED_STATE_H
#define VNSTREAM_SHARED_STATE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"

#include "config.h"
#include "request_rate.h"

#define WORKER_TEXT_SIZE 200
#define WORKER_ERROR_SIZE 512

typedef enum WorkerRole
{
	ROLE_LAUNCHER,
	ROLE_PRODUCER,
	ROLE_CONSUMER,
	ROLE_BACKFILL
} WorkerRole;

typedef enum WorkerState
{
	WORKER_STOPPED,				/* nobody there, nobody wanted */
	WORKER_STARTING,			/* registered, or not yet at its work */
	WORKER_RUNNING,
	WORKER_BACKING_OFF,			/* something failed; tries again by itself */
	WORKER_FAILED,				/* an administrator must act; tries again rarely */
	WORKER_STOPPING
} WorkerState;

typedef struct WorkerSlot
{
	WorkerRole	role;
	int			number;			/* 1 … for consumers */
	int			pid;			/* 0: no process */
	uint64		generation;		/* of the process that may use this slot */
	WorkerState state;
	TimestampTz since;			/* of state */
	TimestampTz launched_at;	/* when last registered */
	TimestampTz launch_after;	/* back-off across crashes */
	int			failures;		/* exits in a row that nobody asked for */
	int			restarts;
	char		waiting_for[WORKER_TEXT_SIZE];
	TimestampTz retry_at;		/* of a process that backs off; 0 unknown */
	TimestampTz heartbeat;		/* last round of its loop */
	TimestampTz last_activity;
	int64		messages;
	int64		rows;
	int64		errors;
	char		last_error[WORKER_ERROR_SIZE];
	TimestampTz last_error_at;
	int64		lag;			/* messages; -1 unknown */
	TimestampTz behind_since;	/* when lag was last nothing */
	int64		behind_messages;	/* of messages, at that time */
	double		rate;			/* messages a second; < 0 unknown */
	int			partitions;		/* that a consumer has claimed; -1 none yet */
	int64		dead_letters;	/* of the last while; see health.h */
	TimestampTz dead_letters_since;
	TimestampTz dead_letter_at; /* the last one */
	int64		cpu_time;		/* µs, user and system, all threads */
	int64		memory;			/* bytes resident */
	int			setting_count;	/* 0: not told yet */
	uint32		settings[SETTINGS_MAX]; /* hashes, see settings.h */
} WorkerSlot;

/* Producer first, then consumers 1 … MAX_CONSUMERS, then the back-fill. */
#define BACKFILL_WORKER (1 + MAX_CONSUMERS)
#define DATABASE_WORKERS (1 + MAX_CONSUMERS + 1)

/* Most sources that have a budget of requests, or that a database asks. */
#define MAX_SOURCES 4
#define SOURCE_NAME_SIZE 16

/* As source/breaker.h has them. */
typedef enum SourceState
{
	SOURCE_CLOSED,				/* it is asked */
	SOURCE_OPEN,				/* it is left alone until retry_at */
	SOURCE_HALF_OPEN			/* one request tries it */
} SourceState;

/* What a database's producer knows of one of its sources. */
typedef struct SourceView
{
	char		name[SOURCE_NAME_SIZE];
	SourceState state;
	TimestampTz since;			/* of state */
	TimestampTz retry_at;		/* SOURCE_OPEN */
	int			failures;		/* in a row */
	char		last_error[WORKER_TEXT_SIZE];	/* '' none */
	TimestampTz last_error_at;
	TimestampTz last_answer_at; /* 0: none yet */
} SourceView;

/* Room for what a producer calls itself, and for which one of that name it is. */
#define OTHER_NODE_SIZE 256
#define INSTANCE_TEXT_SIZE 48

/* Which producer of that name: by the start of producing, then by chance. */
typedef struct ProducerInstance
{
	int64		start;			/* µs since 1970 UTC; 0: none */
	uint64		random;
	bool		is_published;	/* messages that it has fetched itself */
} ProducerInstance;

/* A second producer of the topic: see workers/other_producer.h. */
typedef struct OtherProducer
{
	char		node[OTHER_NODE_SIZE];	/* as it calls itself */
	bool		is_copy;		/* it calls itself as this one does */
	TimestampTz since;			/* seen again and again since then */
	TimestampTz seen;			/* last; 0: never */
	TimestampTz elder_seen;		/* one that is older than this one */
	int			window_ms;		/* for how long that counts */
	bool		is_told;
} OtherProducer;

typedef struct DatabaseEntry
{
	Oid			database;		/* InvalidOid: the entry is free */
	char		name[NAMEDATALEN];
	int			wanted;			/* RUN_* bits, from pg_db_role_setting */
	int			consumers;		/* own setting; 0: the server's */
	uint32		settings_hash;	/* of this database's vnstream settings */
	uint64		restart_producer;	/* counts requests to start anew */
	uint64		restart_consumer;
	uint64		sweep_requests; /* counts vnstream_sweep() */
	uint64		symbol_requests;	/* counts vnstream_refresh_symbols() */
	uint64		backfill_requests;	/* counts reasons to look for orders of
									 * back-fills */
	uint64		backfills_seen; /* up to which there is nothing left to do */
	uint64		topic_changes;	/* counts changes of the topic that were made
								 * from here: look at it anew */
	uint64		broker_heard;	/* counts how often Kafka came back; see
								 * workers/recovery.h */
	char		target[272];	/* what its live producer publishes to */
	ProducerInstance instance;	/* of its producer; as long as one is wanted */
	OtherProducer other;
	int64		outbox_bytes;	/* that wait for Kafka, and how many may; */
	int64		outbox_limit;
	TimestampTz outbox_half_since;	/* 0: less than half of that */
	char		sweep_error[WORKER_TEXT_SIZE];	/* of the last sweep */
	TimestampTz sweep_failing_since;	/* 0: the last sweep was well */
	char		symbols_error[WORKER_TEXT_SIZE];	/* why there is no new list */
	TimestampTz symbols_failing_since;	/* 0: the last refresh was well, or it
										 * passes by itself, probably */
	char		calendar_fault[WORKER_TEXT_SIZE];	/* what is wrong with the
													 * calendar; or '' */
	TimestampTz calendar_fault_since;
	int			source_count;	/* 0: no producer has told yet */
	SourceView	sources[MAX_SOURCES];	/* in order of preference */
	int			health;			/* HealthStatus, as last judged */
	TimestampTz health_since;	/* 0: not judged yet */
	WorkerSlot	workers[DATABASE_WORKERS];
} DatabaseEntry;

typedef struct SourceBudget
{
	char		name[SOURCE_NAME_SIZE];
	RequestHistory history;		/* by a clock that nobody sets */
} SourceBudget;

/* Room for each source of each of a few databases: mostly they share one address. */
#define MAX_RESTS 16

/* Until when a source that has said no is left alone: see workers/source_rest.h. */
typedef struct SourceRest
{
	uint64		key;			/* of the source and its address; 0: free */
	int64		until;			/* ms, of a clock that nobody sets */
	int			openings;		/* as in Breaker: without a good answer between */
	char		error[WORKER_TEXT_SIZE];
} SourceRest;

/* Most looks at a source at a time, for people (workers/fetch.h). */
#define MAX_FETCHES 4

/* Free when neither session nor worker is there; each clears its own. */
typedef struct FetchSlot
{
	uint64		generation;		/* of the look that has this slot */
	int			session;		/* pid of who waits; 0: nobody any more */
	int			worker;			/* pid of who asks; 0: not yet, or done */
} FetchSlot;

typedef struct SharedState
{
	LWLock	   *lock;
	WorkerSlot	launcher;
	pg_atomic_uint64 generation;	/* last one given to a slot */
	pg_atomic_uint64 scan_requests; /* counts reasons to read the settings */
	uint64		scans_done;		/* value of scan_requests that a scan covers */
	int			default_consumers;	/* vnstream.consumers of the server, as the
									 * launcher sees it: elsewhere a database's
									 * own value hides it */
	Oid			scan_database;	/* one that surely may be connected to */
	ConditionVariable changed;	/* some slot or entry has changed */
	SourceBudget budgets[MAX_SOURCES];
	SourceRest	rests[MAX_RESTS];
	FetchSlot	fetches[MAX_FETCHES];
	int			entry_count;
	DatabaseEntry entries[FLEXIBLE_ARRAY_MEMBER];
} SharedState;

/* NULL where the library is not preloaded. */
extern SharedState *shared_state;

/* Called by shared_memory.c. */
extern void shared_state_request(void);
extern void shared_state_start(void);

/* Raises an error with the line for postgresql.conf where not preloaded. */
extern void shared_state_require(void);

/* The entry of a database or NULL.  Caller holds the lock. */
extern DatabaseEntry *shared_entry_find(Oid database);

/* Is this slot wanted now?  Caller holds the lock. */
extern bool shared_slot_is_wanted(const DatabaseEntry *entry,
								  const WorkerSlot *slot);
/* Consumers that this entry wants.  Caller holds the lock. */
extern int	shared_entry_consumers(const DatabaseEntry *entry);

/* Set the latch of a process that is attached to shared memory. */
extern void shared_wake(int pid);
/* Wake the launcher; with a reason to read the databases' settings. */
extern void shared_request_scan(Oid database);
/* Wake all workers of a database, for them to look at their entry. */
extern void shared_wake_database(Oid database);

/* Somebody acted: workers of the database that wait to be started need not. */
extern void shared_forget_backoff(Oid database);

/*
 * May one more request go to the source now?  0: yes, and it is counted; else
 * ms until one may.  limit is requests a minute, see request_rate.h.
 */
extern long shared_budget_take(const char *source, int limit);
/* Requests to the source within the last minute, of all databases. */
extern int	shared_budget_used(const char *source);

/*
 * Has a second producer been seen of late; one to which this one's gives way?
 * Pure.
 */
extern bool shared_other_is_seen(const OtherProducer *other, TimestampTz now);
extern bool shared_other_is_elder(const OtherProducer *other, TimestampTz now);

/*
 * Is then so many ms ago?  Also where it is yet to come, as the clock was set
 * back: what waits for a time to pass must not wait for that time to come again.
 */
extern bool clock_passed(TimestampTz then, TimestampTz now, int ms);

/*
 * Once a round of a process's loop: was the clock set back since the last one,
 * by so much that what waits for a time would not notice it soon?  *last is the
 * process's own, 0 at its start.
 */
extern bool clock_was_set_back(TimestampTz *last);

extern const char *worker_state_name(WorkerState state);
/* HH:MM:SS in the time zone of the session, or of the worker's settings. */
#define CLOCK_TEXT_SIZE 16
extern void clock_text(TimestampTz time, char *text);
/*
 * What a worker waits for, with until when it backs off; '' where nothing.
 * text has room for WAITING_TEXT_SIZE.
 */
#define WAITING_TEXT_SIZE (WORKER_TEXT_SIZE + 48)
extern void worker_waiting_text(const WorkerSlot *slot, TimestampTz now, char *text);
/* "producer", "consumer 2", "launcher" */
extern void worker_slot_name(const WorkerSlot *slot, char *name, size_t size);

#endif							/* VNSTREAM_SHARED_STATE_H */
