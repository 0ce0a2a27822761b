/*-------------------------------------------------------------------------
 *
 * ask.h
 *	  SQL functions that ask Kafka something, and wait for the answer.
 *
 * The waiting is the latch's: Ctrl-C, pg_terminate_backend() and a shutdown end
 * it at once, whatever the broker does.  The client is the question's own, never
 * the workers', and its thread frees it, also where nobody waits any more.
 *
 * Main thread of a session, inside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_FUNCTIONS_ASK_H
#define VNSTREAM_FUNCTIONS_ASK_H

#include "postgres.h"

#include "broker/query.h"

/* How long a broker may take for all of one function's questions. */
#define ASK_TIMEOUT_MS 10000

/*
 * How to reach the brokers, and by which names, as this database's workers do;
 * palloc'd.  Raises where the extension is not in this database, or not
 * preloaded.
 */
typedef struct AskTarget
{
	BrokerOptions options;
	char	   *topic;
	char	   *group_id;		/* '' where none was made yet */
} AskTarget;

extern void ask_target(AskTarget *target);

/*
 * A setting that is a number, as this database's workers start with it, in unit
 * (GUC_UNIT_S, or 0).
 */
extern int	ask_setting(const char *name, int unit);

/*
 * Waits for the answer and returns the question, which is freed with the
 * current memory context.  A question of NULL raises error (BROKER_ERROR_SIZE
 * bytes, which its maker has set), and so does a question that failed:
 * ERRCODE_CONNECTION_FAILURE with hint (NULL: to check vnstream.brokers).
 */
extern Question *ask_broker(Question *question, const char *error, const char *hint);

/*
 * The same, but a question that failed is NULL, with error filled in: a text of
 * this database.
 */
extern Question *ask_broker_gently(Question *question, char *error);

/*
 * Raise, at NOTICE or ERROR, that Kafka could not be asked, why, and what to check:
 * the settings where the question could not be made, the brokers where it was_asked.
 */
extern void ask_failed(int elevel, bool was_asked, const char *why);

/* Say that the topic is not there, and how to make it. */
extern void notice_no_topic(const AskTarget *target);

#endif							/* VNSTREAM_FUNCTIONS_ASK_H */
