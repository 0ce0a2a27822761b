/*-------------------------------------------------------------------------
 *
 * peek.c
 *	  Some messages of a topic, looked at beside the pipeline.
 *
 * A course is the reading of one partition, window by window: of the ranges
 * that are wanted, or backwards from the end, where offsets may hold no message
 * (control records, compaction), so that nobody knows how far back the last n
 * begin.  Some courses are under way at a time, the fewer the more messages
 * each may keep; the messages of one that is over are cut to the limit at once.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/peek.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/peek_parts.h"
#include "broker/topic.h"

/* Courses under way: messages that they may keep all together, and the most. */
#define KEPT_BY_COURSES 20000
#define MOST_COURSES 32

/* Between two ranges it is cheaper to read on than to begin anew. */
#define WORTH_A_JUMP 5000

/* The topic's description has no more of the question's time than this. */
#define DESCRIPTION_MS 10000

/* A question that is cancelled ends within this. */
#define POLL_MS 100

typedef struct Course
{
	const PeekPartition *partition;
	const PeekRange *ranges;	/* of this partition, sorted; not for the end */
	int			range_count;
	int64_t		from;			/* the window */
	int64_t		to;
	int64_t		step;			/* backwards: the last window's length */
	bool		is_started;
	PeekMessage *kept;
	int			count;
	int			capacity;
	int			done;			/* backwards: kept of later windows */
} Course;

typedef struct PeekQuestion
{
	TopicQuestion topic;
	PeekRequest request;
	PeekRange  *ranges;			/* the request's, sorted */
	rd_kafka_queue_t *queue;
	Course	   *courses;
	int			course_count;
	int			next_course;	/* the first that never was under way */
	int			under_way;
	size_t		bytes;			/* of all messages that are kept */
	PeekAnswer	answer;
} PeekQuestion;

static const BrokerSetting peek_settings[] = {
	{"enable.auto.commit", "false"},
	{"enable.auto.offset.store", "false"},
	{"auto.offset.reset", "earliest"},	/* what retention takes meanwhile */
	{"check.crcs", "true"},
	{"enable.partition.eof", "true"},
	{"fetch.max.bytes", "8388608"},
	{"queued.min.messages", "1000000"},
	{"queued.max.messages.kbytes", "16384"},
	{NULL, NULL}
};

static bool
fail_out_of_memory(PeekQuestion *question)
{
	return question_fail(&question->topic.base, "out of memory");
}

/* True: that is the answer. */
static bool
fault(PeekQuestion *question, PeekFault what, int32_t partition, int64_t offset)
{
	question->answer.fault = what;
	question->answer.at_partition = partition;
	question->answer.at_offset = offset;
	return true;
}

static void
drop_messages(PeekQuestion *question, PeekMessage *messages, int count)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		question->bytes -= messages[i].bytes;
		free(messages[i].block);
	}
}

/* Backwards: of the window only the last ones are of use. */
static void
cut_window(PeekQuestion *question, Course *course)
{
	int			surplus = course->count - question->request.limit;

	if (question->request.from != PEEK_END || surplus <= 0)
		return;
	drop_messages(question, course->kept + course->done, surplus);
	memmove(course->kept + course->done, course->kept + course->done + surplus,
			sizeof(PeekMessage) * (size_t) (course->count - course->done - surplus));
	course->count -= surplus;
}

static bool
keep(PeekQuestion *question, Course *course, const rd_kafka_message_t *message)
{
	PeekMessage copy;

	if (course->count == course->capacity)
	{
		int			capacity = course->capacity > 0 ? course->capacity * 2 : 16;
		PeekMessage *larger = realloc(course->kept, sizeof(*larger) * (size_t) capacity);

		if (larger == NULL)
			return fail_out_of_memory(question);
		course->kept = larger;
		course->capacity = capacity;
	}
	if (!peek_message_copy(&copy, message))
		return fail_out_of_memory(question);
	course->kept[course->count++] = copy;
	question->bytes += copy.bytes;
	if (course->count >= 2 * question->request.limit ||
		question->bytes > question->request.memory_limit)
		cut_window(question, course);
	if (question->bytes > question->request.memory_limit)
		fault(question, PEEK_TOO_LARGE, message->partition, message->offset);
	return true;
}

/* What a course has kept becomes part of the answer, as far as it belongs there. */
static bool
take_kept(PeekQuestion *question, Course *course)
{
	PeekAnswer *answer = &question->answer;
	int			limit = question->request.limit;
	int			surplus;
	PeekMessage *all;

	if (course->count == 0)
		return true;
	all = realloc(answer->messages,
				  sizeof(*all) * (size_t) (answer->message_count + course->count));
	if (all == NULL)
		return fail_out_of_memory(question);
	memcpy(all + answer->message_count, course->kept,
		   sizeof(*all) * (size_t) course->count);
	answer->messages = all;
	answer->message_count += course->count;
	course->count = 0;
	qsort(all, (size_t) answer->message_count, sizeof(*all), peek_message_compare);

	surplus = answer->message_count - limit;
	if (surplus > 0 && question->request.from == PEEK_END)
	{
		drop_messages(question, all, surplus);
		memmove(all, all + surplus, sizeof(*all) * (size_t) limit);
	}
	else if (surplus > 0)
		drop_messages(question, all + limit, surplus);
	if (surplus > 0)
		answer->message_count = limit;
	return true;
}

static void
stop_course(PeekQuestion *question, Course *course)
{
	if (course->is_started)
		rd_kafka_consume_stop(question->topic.handle, course->partition->partition);
	course->is_started = false;
}

/* Read the window from its beginning; what was read before is out of date. */
static bool
start_window(PeekQuestion *question, Course *course)
{
	stop_course(question, course);
	if (rd_kafka_consume_start_queue(question->topic.handle,
									 course->partition->partition, course->from,
									 question->queue) != 0)
		return question_fail(&question->topic.base,
							 "partition %d of the topic \"%s\" cannot be read: %s",
							 (int) course->partition->partition, question->topic.topic,
							 rd_kafka_err2str(rd_kafka_last_error()));
	course->is_started = true;
	return true;
}

/*
 * The next range that Kafka has something of, at position or later; false where
 * there is none.
 */
static bool
next_range(Course *course, int64_t position)
{
	if (position < course->partition->low)
		position = course->partition->low;
	while (course->range_count > 0)
	{
		const PeekRange *range = course->ranges++;

		course->range_count--;
		course->from = range->from > position ? range->from : position;
		course->to = range->to < course->partition->high ?
			range->to : course->partition->high;
		if (course->from < course->to)
			return true;
	}
	return false;
}

/* Backwards: the window before, four times as long. */
static bool
previous_window(PeekQuestion *question, Course *course)
{
	cut_window(question, course);
	course->done = course->count;
	course->to = course->from;
	if (course->count >= question->request.limit || course->to <= course->partition->low)
		return false;
	course->step *= 4;
	course->from = course->to - course->step;
	if (course->from < course->partition->low)
		course->from = course->partition->low;
	return true;
}

/* The window is read; position is the next offset. */
static bool
end_window(PeekQuestion *question, Course *course, int64_t position)
{
	bool		goes_on = question->request.from == PEEK_END ?
		previous_window(question, course) :
		course->count < question->request.limit && next_range(course, position);

	if (goes_on && question->request.from == PEEK_RANGES &&
		course->from - position < WORTH_A_JUMP)
		return true;
	if (goes_on)
		return start_window(question, course);
	stop_course(question, course);
	question->under_way--;
	return take_kept(question, course);
}

/* Courses are in the order of partitions. */
static Course *
find_course(PeekQuestion *question, int32_t partition)
{
	int			low = 0;
	int			high = question->next_course - 1;

	while (low <= high)
	{
		int			middle = (low + high) / 2;
		Course	   *course = &question->courses[middle];

		if (course->partition->partition == partition)
			return course;
		if (course->partition->partition < partition)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return NULL;
}

static bool
take_trouble(PeekQuestion *question, const Course *course,
			 const rd_kafka_message_t *message)
{
	const char *reason = rd_kafka_message_errstr(message);

	switch (message->err)
	{
		case RD_KAFKA_RESP_ERR__BAD_MSG:
		case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
		case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
			snprintf(question->answer.reason, sizeof(question->answer.reason), "%s", reason);
			return fault(question, PEEK_DAMAGED, message->partition,
						 message->offset >= 0 ? message->offset : course->from);
		default:
			if (question_is_passing(message->err))
			{
				snprintf(question->topic.base.trouble,
						 sizeof(question->topic.base.trouble), "%s", reason);
				return true;
			}
			return question_fail(&question->topic.base,
								 "partition %d of the topic \"%s\" cannot be read: %s",
								 (int) message->partition, question->topic.topic, reason);
	}
}

static bool
take_message(PeekQuestion *question, const rd_kafka_message_t *message)
{
	Course	   *course;

	/* about a partition, or else question_listen() hears of it */
	course = message->rkt == NULL ? NULL : find_course(question, message->partition);
	if (course == NULL || !course->is_started)
		return true;
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		return end_window(question, course, message->offset);
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return take_trouble(question, course, message);
	while (course->is_started && message->offset >= course->to)
	{
		if (!end_window(question, course, message->offset))
			return false;
		/* what is further back, if anything, is read from its beginning */
		if (question->request.from == PEEK_END)
			return true;
	}
	if (!course->is_started || message->offset < course->from)
		return true;
	if (!keep(question, course, message))
		return false;
	if (question->answer.fault != PEEK_FINE)
		return true;
	if (message->offset + 1 >= course->to ||
		(question->request.from != PEEK_END && course->count >= question->request.limit))
		return end_window(question, course, message->offset + 1);
	return true;
}

/* Let as many be under way as may be. */
static bool
start_courses(PeekQuestion *question)
{
	int			most = KEPT_BY_COURSES / question->request.limit;

	if (most < 1)
		most = 1;
	else if (most > MOST_COURSES)
		most = MOST_COURSES;
	while (question->under_way < most && question->next_course < question->course_count)
	{
		question->under_way++;
		if (!start_window(question, &question->courses[question->next_course++]))
			return false;
	}
	return true;
}

static bool
read_courses(PeekQuestion *question)
{
	Question   *base = &question->topic.base;

	question->queue = rd_kafka_queue_new(base->client->kafka);
	while (start_courses(question) && question->under_way > 0 &&
		   question->answer.fault == PEEK_FINE)
	{
		rd_kafka_message_t *message;
		bool		succeeded;

		if (question_is_over(base))
			return question_fail_unanswered(base, "the messages were not read");
		message = rd_kafka_consume_queue(question->queue, POLL_MS);
		if (message == NULL)
		{
			question_listen(base);
			continue;
		}
		succeeded = take_message(question, message);
		rd_kafka_message_destroy(message);
		if (!succeeded)
			return false;
	}
	return question->under_way == 0 || question->answer.fault != PEEK_FINE;
}

/*
 * The course of one partition, where there is anything to read.
 */
static void
plan_course(PeekQuestion *question, const PeekPartition *partition)
{
	Course	   *course = &question->courses[question->course_count];
	int			limit = question->request.limit;
	int			i;

	course->partition = partition;
	if (question->request.from == PEEK_RANGES)
	{
		for (i = 0; i < question->request.range_count; i++)
		{
			if (question->ranges[i].partition != partition->partition)
				continue;
			if (course->range_count++ == 0)
				course->ranges = &question->ranges[i];
		}
		if (!next_range(course, 0))
			return;
	}
	else if (question->request.from == PEEK_END)
	{
		course->step = limit;
		course->to = partition->high;
		course->from = course->to - limit;
		if (course->from < partition->low)
			course->from = partition->low;
	}
	else
	{
		course->from = partition->start;
		course->to = partition->high;
	}
	if (course->from < course->to)
		question->course_count++;
}

/* Every partition whose messages are wanted must be there and have a leader. */
static bool
plan_courses(PeekQuestion *question)
{
	PeekAnswer *answer = &question->answer;
	int			i;
	int			j;

	for (i = 0; i < question->request.range_count; i++)
	{
		int32_t		partition = question->ranges[i].partition;

		for (j = 0; j < answer->partition_count; j++)
		{
			if (answer->partitions[j].partition == partition)
				break;
		}
		if (j == answer->partition_count)
			return fault(question, PEEK_NO_PARTITION, partition, -1);
		if (answer->partitions[j].leader < 0)
			return fault(question, PEEK_NO_LEADER, partition, -1);
	}
	question->courses = calloc((size_t) answer->partition_count + 1,
							   sizeof(*question->courses));
	if (question->courses == NULL)
		return fail_out_of_memory(question);
	for (i = 0; i < answer->partition_count; i++)
	{
		if (question->request.from != PEEK_RANGES && answer->partitions[i].leader < 0)
			return fault(question, PEEK_NO_LEADER, answer->partitions[i].partition, -1);
		plan_course(question, &answer->partitions[i]);
	}
	return true;
}

static bool
find_starts(PeekQuestion *question)
{
	const TopicDescription *topic = &question->topic.answer;
	PeekAnswer *answer = &question->answer;
	int64_t    *times = NULL;
	int			i;

	answer->partitions = calloc((size_t) topic->partition_count + 1,
								sizeof(*answer->partitions));
	if (question->request.from == PEEK_TIME)
		times = calloc((size_t) topic->partition_count + 1, sizeof(*times));
	if (answer->partitions == NULL ||
		(question->request.from == PEEK_TIME && times == NULL))
	{
		free(times);
		return fail_out_of_memory(question);
	}
	if (times != NULL &&
		!topic_offsets_for_time(&question->topic, question->request.time, times))
	{
		free(times);
		return false;
	}
	answer->partition_count = topic->partition_count;
	for (i = 0; i < topic->partition_count; i++)
	{
		PeekPartition *partition = &answer->partitions[i];

		partition->partition = topic->partitions[i].partition;
		partition->leader = topic->partitions[i].leader;
		partition->low = topic->partitions[i].low;
		partition->high = topic->partitions[i].high;
		if (times != NULL)
			partition->start = times[i];
		else if (question->request.from == PEEK_END)
			partition->start = partition->high;
		else
			partition->start = partition->low;
	}
	free(times);
	return true;
}

/* Brokers that are gone shall not be waited for as long as many messages are. */
static bool
describe(Question *base)
{
	int64_t		deadline = base->deadline;
	int			timeout_ms = base->timeout_ms;

	if (timeout_ms > DESCRIPTION_MS)
	{
		base->deadline -= timeout_ms - DESCRIPTION_MS;
		base->timeout_ms = DESCRIPTION_MS;
	}
	if (!topic_describe((TopicQuestion *) base))
		return false;
	base->deadline = deadline;
	base->timeout_ms = timeout_ms;
	return true;
}

static bool
ask(Question *base)
{
	PeekQuestion *question = (PeekQuestion *) base;

	if (!describe(base))
		return false;
	memcpy(question->answer.cluster_id, question->topic.answer.cluster_id,
		   sizeof(question->answer.cluster_id));
	if (!question->topic.answer.exists)
		return fault(question, PEEK_NO_TOPIC, -1, -1);
	if (!find_starts(question))
		return false;
	if (question->request.limit == 0)
		return true;
	return plan_courses(question) &&
		(question->answer.fault != PEEK_FINE || read_courses(question));
}

static void
release(Question *base)
{
	PeekQuestion *question = (PeekQuestion *) base;
	int			i;

	for (i = 0; i < question->next_course; i++)
		stop_course(question, &question->courses[i]);
	if (question->queue != NULL)
		rd_kafka_queue_destroy(question->queue);
	question->queue = NULL;
	topic_release(base);
}

static void
forget(Question *base)
{
	PeekQuestion *question = (PeekQuestion *) base;
	int			i;

	for (i = 0; i < question->course_count; i++)
	{
		drop_messages(question, question->courses[i].kept, question->courses[i].count);
		free(question->courses[i].kept);
	}
	free(question->courses);
	drop_messages(question, question->answer.messages, question->answer.message_count);
	free(question->answer.messages);
	free(question->answer.partitions);
	free(question->ranges);
	topic_forget(base);
}

static const QuestionKind peek_kind = {ask, release, forget};

Question *
peek_question(const BrokerOptions *options, const PeekRequest *request,
			  int timeout_ms, char *error)
{
	PeekQuestion *question = calloc(1, sizeof(*question));
	size_t		count = request->from == PEEK_RANGES ? (size_t) request->range_count : 0;

	if (question == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return NULL;
	}
	question->topic.base.kind = &peek_kind;
	question->topic.watermarks = true;
	question->request = *request;
	question->request.range_count = (int) count;
	question->ranges = peek_ranges_copy(request->ranges, count);
	if (question->ranges == NULL)
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
	if (question->ranges == NULL ||
		!topic_question_open(&question->topic, options, peek_settings,
							 request->topic, timeout_ms, error))
	{
		question_free(&question->topic.base);
		return NULL;
	}
	return &question->topic.base;
}

const PeekAnswer *
peek_question_answer(const Question *question)
{
	return &((const PeekQuestion *) question)->answer;
}
