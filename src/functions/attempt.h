/*-------------------------------------------------------------------------
 *
 * attempt.h
 *	  What may fail for the sake of the data given to it.
 *
 * Main thread of a session, inside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_FUNCTIONS_ATTEMPT_H
#define VNSTREAM_FUNCTIONS_ATTEMPT_H

#include "postgres.h"

#include "fmgr.h"

/*
 * Runs work(argument) in a subtransaction.  NULL where it succeeded; else it is
 * undone, and the error given, palloc'd, where is_caught() says so, or raised.
 */
extern ErrorData *attempt_catching(void (*work) (void *argument), void *argument,
								   bool (*is_caught) (const ErrorData *error));

/*
 * Runs work(argument) in a subtransaction and gives its result, which is in the
 * current memory context.  False where it raised an error about data (SQLSTATE
 * class 22) or a limit of the program (54); other errors are raised.
 */
extern bool attempt(Datum (*work) (void *argument), void *argument, Datum *result);

/* The same for a type's input function of three arguments, such as jsonb_in. */
extern bool attempt_input(PGFunction input, const char *text, Datum *result);

#endif							/* VNSTREAM_FUNCTIONS_ATTEMPT_H */
