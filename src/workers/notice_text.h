/*-------------------------------------------------------------------------
 *
 * notice_text.h
 *	  librdkafka's sentences, made fit for people.
 *
 * Pure functions of text; any process, also in a callback.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_NOTICE_TEXT_H
#define VNSTREAM_WORKERS_NOTICE_TEXT_H

#include "postgres.h"

/*
 * Take out " (after 3ms in state CONNECT, 2 identical error(s) suppressed)",
 * wherever it is.
 */
extern void notice_shorten(char *text);

/* Does the log line tell nobody anything? */
extern bool notice_is_noise(const char *line);

/* Does the error say all that the log line does?  Both are shortened. */
extern bool notice_covers(const char *error, const char *line);

#endif							/* VNSTREAM_WORKERS_NOTICE_TEXT_H */
