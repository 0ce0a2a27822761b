/*-------------------------------------------------------------------------
 *
 * refusal.h
 *	  Is an answer that HTTP brought the data that was asked for, or a no in
 *	  whatever clothes?
 *
 * Sources stand behind networks that answer for them: with a page for people
 * where JSON was asked for, with status 200 too, with a challenge that only a
 * browser passes; and services say no in a JSON object with status 200.
 *
 * Plain C.  Any thread may call it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_SOURCE_REFUSAL_H
#define VNSTREAM_SOURCE_REFUSAL_H

#include "source/http.h"

typedef struct AnswerSigns
{
	long		status;			/* of HTTP */
	bool		is_html;		/* by its Content-Type */
	bool		has_ray;		/* a header "cf-ray", as Cloudflare's */
	const char *body;
	size_t		length;
} AnswerSigns;

typedef struct AnswerVerdict
{
	HttpFault	fault;			/* HTTP_OK, _REFUSED, _TOO_MANY, _STATUS, or
								 * _UNREADABLE for an error that may pass and
								 * is told with status 200 */
	bool		is_blocked;		/* refused by a block or a challenge that is about
								 * who asks, and so lasts longer */
	bool		is_page;		/* a page for people */
	long		told_status;	/* that a JSON object with status 200 tells; 0:
								 * none */
} AnswerVerdict;

extern void refusal_judge(const AnswerSigns *signs, AnswerVerdict *verdict);

#endif							/* VNSTREAM_SOURCE_REFUSAL_H */
