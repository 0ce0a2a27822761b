/*-------------------------------------------------------------------------
 *
 * query.c
 *	  Questions to a broker that librdkafka can only answer by blocking.
 *
 * Two share a query: the caller and the thread.  Each leaves it once, the last
 * one frees it.  The question belongs to the thread, and from is_done on to the
 * caller, when the thread has taken the client out of it, to end it; the read
 * end of the pipe is the caller's, the write end the thread's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* pipe2 */
#endif

#include "broker/query.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/topic.h"

struct BrokerQuery
{
	pthread_mutex_t lock;
	int			holders;		/* under the lock, like the next */
	bool		is_done;
	bool		succeeded;
	int			done_read;
	int			done_write;
	Question   *question;
};

static void
leave(BrokerQuery *query)
{
	bool		is_last;

	pthread_mutex_lock(&query->lock);
	is_last = --query->holders == 0;
	pthread_mutex_unlock(&query->lock);
	if (!is_last)
		return;
	pthread_mutex_destroy(&query->lock);
	if (query->done_read >= 0)
		close(query->done_read);
	if (query->done_write >= 0)
		close(query->done_write);
	question_free(query->question);
	free(query);
}

static void *
query_main(void *argument)
{
	BrokerQuery *query = argument;
	Question   *question = query->question;
	BrokerClient *client;
	ssize_t		written;

	query->succeeded = question->kind->ask(question);
	if (question->kind->release != NULL)
		question->kind->release(question);
	client = question->client;
	question->client = NULL;

	pthread_mutex_lock(&query->lock);
	query->is_done = true;
	pthread_mutex_unlock(&query->lock);

	/* the caller may have closed its end: SIGPIPE is blocked here */
	do
		written = write(query->done_write, "!", 1);
	while (written < 0 && errno == EINTR);

	/* takes its time; the caller has the answer meanwhile */
	broker_client_destroy(client);
	leave(query);
	return NULL;
}

static bool
open_pipe(BrokerQuery *query, char *error)
{
	int			ends[2];

	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
	{
		snprintf(error, BROKER_ERROR_SIZE, "could not create a pipe: %s",
				 strerror(errno));
		return false;
	}
	query->done_read = ends[0];
	query->done_write = ends[1];
	return true;
}

static bool
start_thread(BrokerQuery *query, char *error)
{
	pthread_t	thread;
	sigset_t	previous;
	int			failure;

	query->holders++;
	broker_block_signals(&previous);
	failure = pthread_create(&thread, NULL, query_main, query);
	broker_restore_signals(&previous);
	if (failure != 0)
	{
		query->holders--;
		snprintf(error, BROKER_ERROR_SIZE, "could not start a thread: %s",
				 strerror(failure));
		return false;
	}
	pthread_detach(thread);
	return true;
}

BrokerQuery *
broker_query_begin(Question *question, char *error)
{
	BrokerQuery *query;

	if (question == NULL)
		return NULL;
	query = calloc(1, sizeof(*query));
	if (query == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		question_free(question);
		return NULL;
	}
	pthread_mutex_init(&query->lock, NULL);
	query->holders = 1;
	query->done_read = -1;
	query->done_write = -1;
	query->question = question;
	if (!open_pipe(query, error) || !start_thread(query, error))
	{
		leave(query);
		return NULL;
	}
	return query;
}

BrokerQuery *
broker_query_describe(const BrokerOptions *options, const char *topic,
					  bool watermarks, int timeout_ms, char *error)
{
	TopicSpecification specification = {topic, 0, 0, -1};

	return broker_query_begin(topic_question(options, &specification, false,
											 watermarks, timeout_ms, error),
							  error);
}

BrokerQuery *
broker_query_create(const BrokerOptions *options,
					const TopicSpecification *specification, bool watermarks,
					int timeout_ms, char *error)
{
	return broker_query_begin(topic_question(options, specification, true,
											 watermarks, timeout_ms, error),
							  error);
}

int
broker_query_fd(const BrokerQuery *query)
{
	return query->done_read;
}

bool
broker_query_is_done(BrokerQuery *query)
{
	bool		answer;

	pthread_mutex_lock(&query->lock);
	answer = query->is_done;
	pthread_mutex_unlock(&query->lock);
	return answer;
}

Question *
broker_query_take(BrokerQuery *query, char *error)
{
	Question   *question = NULL;

	if (!broker_query_is_done(query))
		snprintf(error, BROKER_ERROR_SIZE, "the query is not done");
	else if (!query->succeeded)
		snprintf(error, BROKER_ERROR_SIZE, "%s", query->question->error);
	else
	{
		question = query->question;
		query->question = NULL;
	}
	broker_query_abandon(query);
	return question;
}

bool
broker_query_finish(BrokerQuery *query, TopicDescription *answer, char *error)
{
	Question   *question = broker_query_take(query, error);

	memset(answer, 0, sizeof(*answer));
	if (question == NULL)
		return false;
	topic_question_answer(question, answer);
	question_free(question);
	return true;
}

void
broker_query_abandon(BrokerQuery *query)
{
	if (query == NULL)
		return;
	if (query->question != NULL)
		question_cancel(query->question);
	close(query->done_read);
	query->done_read = -1;
	leave(query);
}
