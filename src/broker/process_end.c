/*-------------------------------------------------------------------------
 *
 * process_end.c
 *	  An end of the process while librdkafka's threads still run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* on_exit */
#endif

#include "broker/process_end.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static int	live_clients;		/* atomic */
static pthread_once_t registered = PTHREAD_ONCE_INIT;

/*
 * Handlers run in the reverse order of their registration: PostgreSQL's
 * proc_exit() has done all of its work when it calls exit(), and what libraries
 * registered before this comes after it, so never.
 */
static void
leave_at_once(int status, void *argument)
{
	(void) argument;
	if (__atomic_load_n(&live_clients, __ATOMIC_ACQUIRE) > 0)
		_exit(status);
}

static void
install(void)
{
	(void) on_exit(leave_at_once, NULL);
}

void
process_end_client_made(void)
{
	__atomic_fetch_add(&live_clients, 1, __ATOMIC_ACQ_REL);
	pthread_once(&registered, install);
}

void
process_end_client_gone(void)
{
	__atomic_fetch_sub(&live_clients, 1, __ATOMIC_ACQ_REL);
}
