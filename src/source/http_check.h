/*-------------------------------------------------------------------------
 *
 * http_check.h
 *	  What http.c refuses before and after a request, and how it says so.
 *
 * URLs, header lines and addresses that must not be used, and text from
 * outside made fit for an error message.  Nothing here calls libcurl, so that
 * a setting's check hook may run in the postmaster.
 *
 * Plain C.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_HTTP_CHECK_H
#define VNSTREAM_SOURCE_HTTP_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/socket.h>

/* Longer header lines and URLs are mistakes, and servers refuse them. */
#define HTTP_HEADER_LINE_MAX 1024
#define HTTP_URL_MAX 2048

/* As PostgreSQL's MAXPGPATH. */
#define HTTP_PATH_MAX 1024

/*
 * Is this the URL of a request?  As http_check_base_url(), but any path and a
 * query may follow.  The error never quotes the URL, which may hold a password.
 */
extern bool http_check_url(const char *url, bool allow_insecure, char *error);

/*
 * The next header line of the setting from *headers on, with blanks around it
 * removed; lines end at a line feed or at the two characters \n.  False at the
 * end.  Empty lines are skipped.
 */
extern bool http_next_header(const char **headers, const char **line,
							 size_t *length);

/* scheme://host:port/path of a checked URL: no query, cut where too long. */
extern void http_describe_url(const char *url, char *text, size_t size);

/*
 * Text from outside as one line of printable ASCII: runs of blanks and control
 * characters become one blank, other bytes '?'; "..." where it had to be cut.
 */
extern void http_clean_text(const char *text, size_t length,
							char *clean, size_t size);

/*
 * May a source live there?  Not where allow_insecure is off and the address is
 * a loopback, link-local, private, shared, multicast or reserved one: no name
 * in DNS may lead the server to hosts that only it can reach.
 */
extern bool http_address_is_public(const struct sockaddr *address);

#endif							/* VNSTREAM_SOURCE_HTTP_CHECK_H */
