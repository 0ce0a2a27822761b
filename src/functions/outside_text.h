/*-------------------------------------------------------------------------
 *
 * outside_text.h
 *	  Bytes from outside, which may be anything, as text of this database.
 *
 * Main thread of a session, inside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_FUNCTIONS_OUTSIDE_TEXT_H
#define VNSTREAM_FUNCTIONS_OUTSIDE_TEXT_H

#include "postgres.h"

/*
 * Palloc'd.  UTF-8 that the database's encoding has is converted, other
 * characters are written \u1ea1, bytes that are no UTF-8, and zero bytes, \xff.
 */
extern char *outside_text(const char *bytes, Size length);

/* The same of a string that ends with a zero byte. */
extern char *outside_string(const char *string);

/*
 * The same for JSON in UTF-8, which stays JSON: within its strings, where all
 * that is not ASCII must be, the backslash of such an escape is doubled.
 */
extern char *outside_json(const char *json);

#endif							/* VNSTREAM_FUNCTIONS_OUTSIDE_TEXT_H */
