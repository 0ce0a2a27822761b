/*-------------------------------------------------------------------------
 *
 * transaction.h
 *	  One transaction of a worker, with what went wrong told as a value.
 *
 * A worker's main loop must outlive every database error, and must know which
 * kind it was: wait and try the same again (TRANSIENT), stop and tell the
 * administrator (DRIFT), or give the partition up (FENCED).
 *
 * Main thread of a worker only, outside of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_TRANSACTION_H
#define VNSTREAM_STORE_TRANSACTION_H

#include "postgres.h"

#define STORE_ERROR_SIZE 512

typedef enum StoreOutcome
{
	STORE_DONE,
	STORE_TRANSIENT,			/* try again later, unchanged */
	STORE_DRIFT,				/* the database is not as it must be: 42501,
								 * 42P01, 42703 and the like */
	STORE_FENCED,				/* another owner moved the position */
	STORE_GONE					/* the extension is not in this database */
} StoreOutcome;

typedef struct StoreError
{
	StoreOutcome outcome;
	int			sqlstate;		/* as by MAKE_SQLSTATE */
	char		message[STORE_ERROR_SIZE];	/* with its detail, one line */
	char		hint[STORE_ERROR_SIZE];
} StoreError;

/* ereport(ERROR) codes of our own that store_transaction() understands. */
#define ERRCODE_VNSTREAM_FENCED MAKE_SQLSTATE('V', 'N', '0', '0', '1')
#define ERRCODE_VNSTREAM_GONE MAKE_SQLSTATE('V', 'N', '0', '0', '2')
#define ERRCODE_VNSTREAM_LETTERS_FULL MAKE_SQLSTATE('V', 'N', '0', '0', '3')
#define ERRCODE_VNSTREAM_TOO_MANY_LETTERS MAKE_SQLSTATE('V', 'N', '0', '0', '4')
#define ERRCODE_VNSTREAM_VERSION MAKE_SQLSTATE('V', 'N', '0', '0', '5')

typedef void (*StoreWork) (void *argument);

/*
 * Run work(argument) in a READ COMMITTED transaction of its own, SPI connected,
 * a snapshot pushed, as the extension's owner (so state tables are reachable),
 * and commit.  An error rolls back and is returned, not thrown; only FATAL
 * (shutdown, pg_terminate_backend) leaves.  activity is what pg_stat_activity
 * shows meanwhile.  Reports statistics at the end.  Work that takes longer than
 * timeout_ms (0: no bound) is cancelled and counts as TRANSIENT: background
 * workers do not arm statement_timeout by themselves.
 */
extern StoreOutcome store_transaction(StoreWork work, void *argument,
									  const char *activity, int timeout_ms,
									  StoreError *error);

#endif							/* VNSTREAM_STORE_TRANSACTION_H */
