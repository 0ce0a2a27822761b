/*-------------------------------------------------------------------------
 *
 * lock_wait.h
 *	  Does a process wait for a lock, and whose?
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_LOCK_WAIT_H
#define VNSTREAM_LOCK_WAIT_H

#include "postgres.h"

#define LOCK_WAIT_TEXT_SIZE 96

/*
 * True with "a lock that process 1234 holds" in text (LOCK_WAIT_TEXT_SIZE
 * bytes) while pid waits for a heavyweight lock.  Looks into the lock table
 * only where it does.  Main thread of a process attached to shared memory;
 * leaves a little memory behind in the current context.
 */
extern bool lock_wait_text(int pid, char *text);

#endif							/* VNSTREAM_LOCK_WAIT_H */
