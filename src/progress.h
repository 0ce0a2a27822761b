/*-------------------------------------------------------------------------
 *
 * progress.h
 *	  How far long work has come: what vnstream_progress() shows.
 *
 * A few slots in shared memory serve all processes of the server, sessions and
 * workers alike.  One process has at most one.  Where none is free, or the
 * library is not preloaded, the work goes on unseen.
 *
 * A slot is given back by progress_end(), by the rollback of the transaction or
 * subtransaction in which it was begun, and when the process ends.  A COMMIT
 * leaves it, so that a procedure may commit on its way; then the rollback of a
 * later transaction ends it.  One begun outside of a transaction is left alone
 * by all of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_PROGRESS_H
#define VNSTREAM_PROGRESS_H

#include "postgres.h"

#include "datatype/timestamp.h"

#define PROGRESS_SLOTS 32
#define PROGRESS_TEXT_SIZE 48

/* One slot, as progress_read() copies it. */
typedef struct ProgressRow
{
	int			pid;
	Oid			database;
	char		what[PROGRESS_TEXT_SIZE];
	TimestampTz started;
	int64		done;
	int64		total;			/* -1 unknown */
} ProgressRow;

/* Called by shared_memory.c. */
extern void progress_request(void);
extern void progress_start(void);

/*
 * Main thread of any process, inside of a transaction or outside.  what is a
 * few ASCII words, such as 'replaying dead letters'; total and done count
 * whatever the work is made of, total -1 where nobody knows.  progress_begin()
 * ends what this process began before.  progress_add() takes no lock, and does
 * nothing where nothing is begun; so does progress_end().  They raise no error.
 */
extern void progress_begin(const char *what, int64 total);
extern void progress_add(int64 done);
extern void progress_end(void);

/* Copies the slots of a database; rows has room for PROGRESS_SLOTS. */
extern int	progress_read(Oid database, ProgressRow *rows);

#endif							/* VNSTREAM_PROGRESS_H */
