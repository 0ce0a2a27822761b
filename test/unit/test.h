/*-------------------------------------------------------------------------
 *
 * test.h
 *	  What a unit test needs: results as TAP, and the captured answers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_TEST_H
#define VNSTREAM_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One result each; the name may be a format.  They answer whether it is good. */
extern bool ok(bool is_good, const char *name,...)
			__attribute__((format(printf, 2, 3)));
extern bool is_text(const char *got, const char *expected, const char *name,...)
			__attribute__((format(printf, 3, 4)));
extern bool is_integer(int64_t got, int64_t expected, const char *name,...)
			__attribute__((format(printf, 3, 4)));
extern bool is_number(double got, double expected, const char *name,...)
			__attribute__((format(printf, 3, 4)));

/* Does the text have this part?  For sentences that end in a detail. */
extern bool has_text(const char *got, const char *part, const char *name,...)
			__attribute__((format(printf, 3, 4)));

/* A result that cannot be had here. */
extern void skip(const char *reason);

extern void diag(const char *format,...)
			__attribute__((format(printf, 1, 2)));

/* The plan; the answer is main()'s. */
extern int	done_testing(void);

/*
 * A file of test/fixtures (or of the directory VNSTREAM_FIXTURES), with
 * exactly its bytes in memory so that AddressSanitizer sees the first one
 * read past them.  Ends the program where it cannot be read.  The caller frees.
 */
extern char *read_fixture(const char *path, size_t *length);

/* The same for text: a copy without the zero byte. */
extern char *exact_copy(const char *text, size_t length);

#endif							/* VNSTREAM_TEST_H */
