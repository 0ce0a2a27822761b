/*-------------------------------------------------------------------------
 *
 * store_test.h
 *	  What the files of this test module share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_STORE_TEST_H
#define VNSTREAM_STORE_TEST_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "store/ingest.h"

/* Executes the script, and appends what came of each command. */
extern void script_run(char *script, StringInfo result);

/* "DONE", or the outcome's name, SQLSTATE, message and hint. */
extern void append_outcome(StringInfo result, StoreOutcome outcome,
						   const StoreError *error);

/* Stores batches of realistic quotes and appends how fast that went. */
extern void bench_run(Position *position, const PositionKey *key, int batches,
					  int size, bool has_memory_report, StringInfo result);

#endif							/* VNSTREAM_STORE_TEST_H */
