/*-------------------------------------------------------------------------
 *
 * hot.h
 *	  When the symbols of vnstream.hot_symbols are asked for.
 *
 * All functions: main thread of the producer, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_HOT_H
#define VNSTREAM_WORKERS_HOT_H

#include "postgres.h"

/* The settings have been reloaded, or the producer has begun. */
extern void hot_reconfigure(void);

/* Is a hot sweep due?  Not where there are no hot symbols. */
extern bool hot_is_due(void);
/* ms until one is, 0: one is; -1: none will be. */
extern long hot_remaining(void);

/* One has begun, of so many requests; it has ended. */
extern void hot_started(size_t requests);
extern void hot_ended(void);

/* Requests a minute that another sweep may make. */
extern int	hot_budget_of_others(void);

#endif							/* VNSTREAM_WORKERS_HOT_H */
