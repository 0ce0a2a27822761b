/*-------------------------------------------------------------------------
 *
 * reason.h
 *	  Sentences that say why something from outside is refused.
 *
 * They end in dead letters, in sweeps and in the server's log, whose encoding
 * is not ours to know.  So they are plain ASCII, without a newline: whatever
 * they quote from outside is escaped first, and cutting one can break nothing.
 *
 * Plain C: no PostgreSQL headers, no I/O.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_MARKET_REASON_H
#define VNSTREAM_MARKET_REASON_H

#include <stddef.h>

/* Room for an excerpt, with quotes, dots and the final zero byte. */
#define EXCERPT_SIZE 96

/*
 * Write a sentence into buffer, or add one to what is there.  What does not
 * fit is cut and ends in "...".  Arguments for %s must be ASCII: constants,
 * numbers, valid tickers, excerpts.
 */
extern void reason_write(char *buffer, size_t size, const char *format,...)
			__attribute__((format(printf, 3, 4)));
extern void reason_append(char *buffer, size_t size, const char *format,...)
			__attribute__((format(printf, 3, 4)));

/*
 * The beginning of some text, in double quotes: ASCII as it is, other
 * characters as \u1ea1, bytes that are no UTF-8 as \xff.  excerpt has
 * EXCERPT_SIZE bytes and is returned, for use as an argument.
 */
extern const char *reason_excerpt(const char *text, size_t length,
								  char *excerpt);

/*
 * Bytes of the UTF-8 character at text, by Unicode's table 3-7 (no overlong
 * forms, no surrogates, nothing past U+10FFFF); 0 where there is none.
 */
extern size_t utf8_length(const char *text, size_t length);

#endif							/* VNSTREAM_MARKET_REASON_H */
