/*-------------------------------------------------------------------------
 *
 * health.h
 *	  Is the pipeline of a database well?
 *
 * Judged from shared memory alone: no table, no Kafka, no network, so that
 * there is an answer always and at once.
 *
 *	 failed		somebody must act, or a process is stuck
 *	 degraded	something is not as it should be, and may pass by itself
 *	 ok			all else; that the market is closed, or says nothing new for
 *				hours, is no reason for anything, nor is to be a standby
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_HEALTH_H
#define VNSTREAM_HEALTH_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "lock_wait.h"
#include "shared_state.h"

/* For how long a dead letter is a reason. */
#define HEALTH_DEAD_LETTER_MS 600000

#define HEALTH_REASONS 64
#define HEALTH_REASON_SIZE 384

typedef enum HealthStatus
{
	HEALTH_OK,
	HEALTH_DEGRADED,
	HEALTH_FAILED
} HealthStatus;

/* What is judged: a copy of one moment. */
typedef struct HealthView
{
	bool		is_standby;
	bool		is_enabled;		/* vnstream.enabled */
	bool		is_known;		/* there is an entry */
	bool		is_wanted[DATABASE_WORKERS];
	char		lock_wait[DATABASE_WORKERS][LOCK_WAIT_TEXT_SIZE];	/* or '' */
	TimestampTz server_start;
	WorkerSlot	launcher;
	DatabaseEntry entry;
} HealthView;

typedef struct HealthReason
{
	HealthStatus status;		/* that it is a reason for */
	TimestampTz since;			/* 0: nobody knows */
	char		text[HEALTH_REASON_SIZE];
} HealthReason;

typedef struct HealthReport
{
	HealthStatus status;
	TimestampTz since;			/* of the earliest reason for status; 0 unknown */
	int			count;			/* reasons, those for the status first */
	HealthReason reasons[HEALTH_REASONS];
} HealthReport;

/*
 * Copies what is to be judged.  Any process attached to shared memory, main
 * thread; caller does not hold shared_state->lock.  The view is some kB: not
 * for the stack of a deep caller.
 */
extern void health_look(Oid database, HealthView *view);

/* Pure: the same view and time give the same report. */
extern void health_judge(const HealthView *view, TimestampTz now, HealthReport *report);

/*
 * Remember a report with the database's entry: since becomes when this status
 * began.  Where the status has changed, that is an event of the launcher's, and
 * a line in the server's log.
 */
extern void health_remember(Oid database, HealthReport *report);

/* The reasons as one text. */
extern char *health_summary(const HealthReport *report);

extern const char *health_status_name(HealthStatus status);

#endif							/* VNSTREAM_HEALTH_H */
