/*-------------------------------------------------------------------------
 *
 * launcher.h
 *	  The one static worker: starts what databases want to have running.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_LAUNCHER_H
#define VNSTREAM_WORKERS_LAUNCHER_H

#include "postgres.h"

/* What the launcher tells a worker, in bgw_extra. */
typedef struct WorkerTicket
{
	uint64		generation;		/* the slot is this process's while it has this */
	uint64		scan;			/* scout: the requests that its scan covers */
	Oid			database;
	int			entry;			/* index in shared_state->entries */
	int			worker;			/* index in DatabaseEntry.workers */
} WorkerTicket;

/* Registers the launcher.  From _PG_init while preloading only. */
extern void launcher_register(void);

/* Entry points that the postmaster calls. */
extern PGDLLEXPORT void vnstream_launcher_main(Datum argument);
extern PGDLLEXPORT void vnstream_scout_main(Datum argument);
extern PGDLLEXPORT void vnstream_worker_main(Datum argument);

/*
 * What vnstream_worker_main() runs for a slot's role, in an attached process
 * with a database connection; they return when the worker is to end.
 */
extern void producer_main(void);
extern void consumer_main(void);
extern void backfill_main(void);

#endif							/* VNSTREAM_WORKERS_LAUNCHER_H */
