/*-------------------------------------------------------------------------
 *
 * topic.h
 *	  What a broker knows of a topic, and creating it.
 *
 * A kind of question; query.c has the functions that others use.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_TOPIC_H
#define VNSTREAM_BROKER_TOPIC_H

#include "broker/query.h"
#include "broker/question.h"

typedef struct TopicQuestion
{
	Question	base;
	TopicSpecification specification;	/* without is_creation its name only */
	bool		is_creation;
	bool		watermarks;
	rd_kafka_topic_t *handle;
	char	   *topic;
	int64_t		absent_since;	/* the topic was denied since; 0: was not */
	TopicDescription answer;
} TopicQuestion;

/* NULL with error where the options are unusable. */
extern Question *topic_question(const BrokerOptions *options,
								const TopicSpecification *specification,
								bool is_creation, bool watermarks,
								int timeout_ms, char *error);

/*
 * For kinds whose struct begins with a TopicQuestion, to ask more about the
 * topic: like topic_question(), for a struct that is allocated and has its kind;
 * the maker frees the question where this is false.  Such a kind's functions call
 * these.
 */
extern bool topic_question_open(TopicQuestion *question, const BrokerOptions *options,
								const TopicSpecification *specification,
								bool is_creation, bool watermarks, int timeout_ms,
								char *error);
extern bool topic_question_ask(Question *question);
extern void topic_question_release(Question *question);
extern void topic_question_forget(Question *question);

/* The answer becomes the caller's, to free. */
extern void topic_question_answer(Question *question, TopicDescription *answer);

#endif							/* VNSTREAM_BROKER_TOPIC_H */
