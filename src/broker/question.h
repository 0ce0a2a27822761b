/*-------------------------------------------------------------------------
 *
 * question.h
 *	  One question to a broker, asked with calls that block.
 *
 * What all kinds of questions share: a client of their own, a deadline, being
 * cancelled by another thread, and a sentence about what went wrong.  A kind is
 * a struct that begins with a Question; its maker allocates it zeroed, sets
 * kind, calls question_open() and hands it to query.c, whose thread asks.
 *
 * Plain C with malloc.  Until it is answered a question belongs to the thread
 * that asks; question_cancel() alone may come from elsewhere.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_QUESTION_H
#define VNSTREAM_BROKER_QUESTION_H

#include "broker/client.h"

typedef struct Question Question;

typedef struct QuestionKind
{
	/* True with the answer in the kind's struct, or false with error. */
	bool		(*ask) (Question *question);
	/* Give back what hangs on the client: topic handles, queues.  Or NULL. */
	void		(*release) (Question *question);
	/* Free the answer and what else is the kind's own.  Or NULL. */
	void		(*forget) (Question *question);
} QuestionKind;

struct Question
{
	const QuestionKind *kind;
	BrokerClient *client;		/* NULL once it is answered */
	char	   *brokers;
	int			timeout_ms;
	int64_t		deadline;		/* of question_clock_ms() */
	int			slice;			/* the next call's time */
	bool		is_cancelled;	/* atomic: set by another thread */
	bool		is_unanswered;	/* it failed for want of an answer, which may
								 * pass */
	/* for a kind that wants each notice of the client; or NULL */
	void		(*heard) (Question *question, const BrokerNotice *notice);
	char		trouble[BROKER_ERROR_SIZE]; /* what the client last complained
											 * of */
	char		error[BROKER_ERROR_SIZE];
};

/*
 * Makes the client; settings (NULL: none, at most 12) come on top of a
 * question's usual ones.  Does not block.  False with a sentence in error,
 * where question_free() is still the caller's.
 */
extern bool question_open(Question *question, const BrokerOptions *options,
						  const BrokerSetting *settings, int timeout_ms,
						  char *error);

/* Frees it all, the struct too; NULL is fine. */
extern void question_free(Question *question);

/* Ask the thread to end soon; any thread. */
extern void question_cancel(Question *question);

/*
 * For the kinds, on the thread that asks.
 */

/* ms of a clock that nobody sets. */
extern int64_t question_clock_ms(void);
/* Past its deadline, or cancelled. */
extern bool question_is_over(const Question *question);
/* ms to the deadline; at least 1, as librdkafka's options want. */
extern int	question_remaining_ms(const Question *question);
/* Time for one more call, in ms; 0 where the question should end. */
extern int	question_next_slice(Question *question);
/* What follows is another call: begin with a short slice. */
extern void question_first_slice(Question *question);
/* A moment, before asking again what was not ready. */
extern void question_pause(void);
/* Keep the last thing that sounds like a reason for having no answer. */
extern void question_listen(Question *question);
/* Does a notice sound like one? */
extern bool question_is_reason(const BrokerNotice *notice);

/* The reason where the client has complained of nothing. */
#define QUESTION_SILENCE \
	"no answer, and no error either (a broker that hangs, a firewall or a name server that drops packets)"

/* Both answer false. */
extern bool question_fail(Question *question, const char *format,...)
			__attribute__((format(printf, 2, 3)));
/*
 * "what within 5000 ms by brokers: trouble"; with NULL, that Kafka did not answer
 * within 5000 ms.
 */
extern bool question_fail_unanswered(Question *question, const char *what);

/* Will the same question have another answer soon? */
extern bool question_is_passing(rd_kafka_resp_err_t code);

#endif							/* VNSTREAM_BROKER_QUESTION_H */
