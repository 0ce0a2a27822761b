/*-------------------------------------------------------------------------
 *
 * control.h
 *	  Starting, stopping and asking for things, from SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_FUNCTIONS_CONTROL_H
#define VNSTREAM_FUNCTIONS_CONTROL_H

#include "postgres.h"

#include "store/catalog.h"

/*
 * Watch for ALTER DATABASE … SET and CREATE EXTENSION, by whoever they come, so
 * that the launcher looks again when they commit.  From _PG_init while
 * preloading only.
 */
extern void control_install_hooks(void);

/*
 * Has this transaction asked for something that happens at its COMMIT?
 */
extern bool control_is_pending(void);

/*
 * RUN_* bits that this database wants, as this transaction sees it.  Finds the
 * extension too, and raises where it is not there.
 */
extern int	control_wanted_run(StoreCatalog *catalog);

/* At COMMIT, have the back-fill's worker look at the orders. */
extern void control_look_for_backfills(void);

/*
 * The topic was changed in Kafka, which no ROLLBACK undoes: have the consumers
 * of this database look at it at once.
 */
extern void control_topic_changed(void);

/* At COMMIT, end the consumers of this database and start them anew. */
extern void control_restart_consumers(void);

/*
 * Worker processes that are needed to run that (RUN_* bits) besides those that
 * run already, and how many are free.  Preloaded.
 */
typedef struct WorkerSlots
{
	int			needed;
	int			free;
	int			consumers;		/* of this database, of which they are */
} WorkerSlots;

/* Inside SPI. */
extern void worker_slots_count(int run, WorkerSlots *slots);

#endif							/* VNSTREAM_FUNCTIONS_CONTROL_H */
