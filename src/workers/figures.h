/*-------------------------------------------------------------------------
 *
 * figures.h
 *	  What this process costs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_FIGURES_H
#define VNSTREAM_WORKERS_FIGURES_H

#include "shared_state.h"

/*
 * CPU time of all threads and resident memory of this process, into its slot.
 * Some system calls; takes the lock for the assignments.
 */
extern void figures_update(WorkerSlot *slot);

#endif							/* VNSTREAM_WORKERS_FIGURES_H */
