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

typedef struct TopicQuestion TopicQuestion;

struct TopicQuestion
{
	Question	base;
	TopicSpecification specification;	/* without is_creation its name only */
	bool		is_creation;
	bool		watermarks;
	rd_kafka_topic_t *handle;
	char	   *topic;
	int64_t		absent_since;	/* the topic was denied since; 0: was not */
	/* for a kind that wants more of the topic's metadata; false with error */
	bool		(*seen) (TopicQuestion *question,
						 const struct rd_kafka_metadata *metadata);
	TopicDescription answer;
};

/* NULL with error where the options are unusable. */
extern Question *topic_question(const BrokerOptions *options,
								const TopicSpecification *specification,
								bool is_creation, bool watermarks,
								int timeout_ms, char *error);

/* The answer becomes the caller's, to free. */
extern void topic_question_answer(Question *question, TopicDescription *answer);

/*
 * For kinds that begin with a TopicQuestion, zeroed and with its kind set.
 * topic_question_open() is question_open() with the topic's handle; where it
 * fails, question_free() is still the caller's.  The other two ask, on the
 * question's thread.  topic_describe() fills the answer, anew each time.
 * topic_offsets_for_time() wants watermarks asked for before: offsets[i] is the
 * first offset of answer.partitions[i] whose message is not older than time (ms
 * since 1970 UTC), or the end.  topic_release() and topic_forget() are to be
 * called by the kind's own.
 */
extern bool topic_question_open(TopicQuestion *question,
								const BrokerOptions *options,
								const BrokerSetting *settings,
								const char *topic, int timeout_ms, char *error);
extern bool topic_describe(TopicQuestion *question);
extern bool topic_offsets_for_time(TopicQuestion *question, int64_t time,
								   int64_t *offsets);
extern void topic_release(Question *question);
extern void topic_forget(Question *question);

#endif							/* VNSTREAM_BROKER_TOPIC_H */
