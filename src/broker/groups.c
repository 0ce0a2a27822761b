/*-------------------------------------------------------------------------
 *
 * groups.c
 *	  A topic's partitions, and how far consumer groups have come in them.
 *
 * Three requests.  ListConsumerGroups has the groups' names, and says which broker
 * could not be asked.  rd_kafka_list_groups() has their members; it does not say
 * when it leaves a broker's groups out, so it only adds to the first.  Then
 * ListConsumerGroupOffsets, one request a group, all at once; only for groups that
 * exist, since looking for the coordinator of one makes a broker without
 * __consumer_offsets create that topic.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/requests.h"
#include "broker/topic.h"

/* Of the question's time for one of the first two requests. */
#define LIST_MS 3000

typedef struct GroupsQuestion
{
	TopicQuestion topic;
	char	   *only;
	GroupsAnswer answer;
	rd_kafka_queue_t *answers;
} GroupsQuestion;

/* The first reason is kept. */
static void
note_trouble(GroupsQuestion *question, const char *what, const char *reason)
{
	if (question->answer.trouble[0] == '\0')
		snprintf(question->answer.trouble, sizeof(question->answer.trouble),
				 "%.200s: %.250s", what, reason);
}

static void
note_silence(GroupsQuestion *question, const char *what)
{
	Question   *base = &question->topic.base;

	note_trouble(question, what, base->trouble[0] != '\0' ? base->trouble : "no answer in time");
}

static int
compare_groups(const void *a, const void *b)
{
	return strcmp(((const TopicGroup *) a)->id, ((const TopicGroup *) b)->id);
}

static bool
add_group(GroupsQuestion *question, const char *id, const char *state)
{
	int			partitions = question->topic.answer.partition_count;
	TopicGroup *group = &question->answer.groups[question->answer.count];
	int			i;

	memset(group, 0, sizeof(*group));
	group->members = -1;
	snprintf(group->state, sizeof(group->state), "%s", state);
	group->id = strdup(id);
	group->committed = malloc(sizeof(*group->committed) * ((size_t) partitions + 1));
	if (group->id == NULL || group->committed == NULL)
	{
		free(group->id);
		free(group->committed);
		return question_fail(&question->topic.base, "out of memory");
	}
	for (i = 0; i < partitions; i++)
		group->committed[i] = -1;
	question->answer.count++;
	return true;
}

/* The same group from two brokers, while its coordinator moves, counts once. */
static void
sort_groups(GroupsQuestion *question)
{
	GroupsAnswer *answer = &question->answer;
	int			kept = 0;
	int			i;

	qsort(answer->groups, (size_t) answer->count, sizeof(*answer->groups), compare_groups);
	for (i = 0; i < answer->count; i++)
	{
		if (kept > 0 && compare_groups(&answer->groups[kept - 1], &answer->groups[i]) == 0)
		{
			free(answer->groups[i].id);
			free(answer->groups[i].committed);
		}
		else
			answer->groups[kept++] = answer->groups[i];
	}
	answer->count = kept;
}

static bool
take_list(GroupsQuestion *question, rd_kafka_event_t *event)
{
	const rd_kafka_ListConsumerGroups_result_t *result;
	const rd_kafka_ConsumerGroupListing_t **listings;
	const rd_kafka_error_t **errors;
	size_t		count;
	size_t		i;

	result = rd_kafka_event_ListConsumerGroups_result(event);
	if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR || result == NULL)
	{
		note_trouble(question, "the groups were not listed", rd_kafka_event_error_string(event));
		return true;
	}
	errors = rd_kafka_ListConsumerGroups_result_errors(result, &count);
	for (i = 0; i < count; i++)
		note_trouble(question, "a broker did not list its groups",
					 rd_kafka_error_string(errors[i]));
	listings = rd_kafka_ListConsumerGroups_result_valid(result, &count);
	question->answer.is_listed = count > 0 || question->answer.trouble[0] == '\0';
	question->answer.groups = calloc(count + 1, sizeof(*question->answer.groups));
	if (question->answer.groups == NULL)
		return question_fail(&question->topic.base, "out of memory");
	for (i = 0; i < count; i++)
	{
		const char *id = rd_kafka_ConsumerGroupListing_group_id(listings[i]);
		rd_kafka_consumer_group_state_t state = rd_kafka_ConsumerGroupListing_state(listings[i]);

		if (question->only != NULL && strcmp(question->only, id) != 0)
			continue;
		if (!add_group(question, id, state == RD_KAFKA_CONSUMER_GROUP_STATE_UNKNOWN ? "" :
					   rd_kafka_consumer_group_state_name(state)))
			return false;
	}
	sort_groups(question);
	return true;
}

/* Time for one of several requests: there may be a broker that hangs. */
static int
list_time(Question *base)
{
	int			left = question_remaining_ms(base);

	return left / 2 < LIST_MS ? left / 2 + 1 : LIST_MS;
}

static bool
ask_list(GroupsQuestion *question)
{
	Question   *base = &question->topic.base;
	rd_kafka_AdminOptions_t *options;
	rd_kafka_event_t *event;
	bool		good;

	/* goes to all brokers, not to a coordinator, so may time out */
	options = request_options(base, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, list_time(base), NULL);
	rd_kafka_ListConsumerGroups(base->client->kafka, options, question->answers);
	rd_kafka_AdminOptions_destroy(options);
	event = request_answer(base, question->answers, base->deadline);
	if (event == NULL)
	{
		note_silence(question, "the groups were not listed");
		return true;
	}
	good = take_list(question, event);
	rd_kafka_event_destroy(event);
	return good;
}

static void
take_members(GroupsQuestion *question, const struct rd_kafka_group_info *info)
{
	const char *topic = question->topic.topic;
	TopicGroup	key = {.id = info->group};
	TopicGroup *group;
	int			i;

	group = bsearch(&key, question->answer.groups, (size_t) question->answer.count,
					sizeof(key), compare_groups);
	if (group == NULL || info->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;

	/* how Kafka 4 hides a group of the new protocol from this old request */
	if (info->state != NULL && strcmp(info->state, "Dead") == 0 &&
		group->state[0] != '\0' && strcmp(group->state, "Dead") != 0)
		return;
	group->members = info->member_cnt;
	if (group->state[0] == '\0' && info->state != NULL)
		snprintf(group->state, sizeof(group->state), "%s", info->state);
	for (i = 0; i < info->member_cnt && !group->has_members_here; i++)
	{
		const struct rd_kafka_group_member_info *member = &info->members[i];

		group->has_members_here =
			group_subscribes(member->member_metadata, (size_t) member->member_metadata_size, topic) ||
			group_is_assigned(member->member_assignment, (size_t) member->member_assignment_size, topic);
	}
}

static void
ask_members(GroupsQuestion *question)
{
	Question   *base = &question->topic.base;
	int64_t		until = question_clock_ms() + list_time(base);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	const struct rd_kafka_group_list *list = NULL;
	int			slice;
	int			i;

	question_first_slice(base);
	while (list == NULL && question_clock_ms() < until &&
		   (slice = question_next_slice(base)) > 0)
	{
		code = rd_kafka_list_groups(base->client->kafka, NULL, &list, slice);
		question_listen(base);
		if (list == NULL && !question_is_passing(code))
			break;
		if (list == NULL)
			question_pause();
	}
	for (i = 0; list != NULL && i < list->group_cnt; i++)
		take_members(question, &list->groups[i]);
	if (list != NULL)
		rd_kafka_group_list_destroy(list);
	for (i = 0; i < question->answer.count; i++)
	{
		if (question->answer.groups[i].members < 0)
			note_trouble(question, "members of groups were not told",
						 code != RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_err2str(code) :
						 "a broker or group did not answer");
	}
}

static void
request_committed(GroupsQuestion *question, TopicGroup *group)
{
	Question   *base = &question->topic.base;
	const TopicDescription *topic = &question->topic.answer;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(topic->partition_count);
	rd_kafka_ListConsumerGroupOffsets_t *wanted;
	rd_kafka_AdminOptions_t *options;
	int			i;

	for (i = 0; i < topic->partition_count; i++)
		rd_kafka_topic_partition_list_add(list, question->topic.topic,
										  topic->partitions[i].partition);
	wanted = rd_kafka_ListConsumerGroupOffsets_new(group->id, list);
	options = request_options(base, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
							  REQUEST_NEVER_TIMES_OUT, group);
	rd_kafka_ListConsumerGroupOffsets(base->client->kafka, &wanted, 1, options,
									  question->answers);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_ListConsumerGroupOffsets_destroy(wanted);
	rd_kafka_topic_partition_list_destroy(list);
}

static int
compare_to_number(const void *number, const void *partition)
{
	int32_t		left = *(const int32_t *) number;
	int32_t		right = ((const TopicPartition *) partition)->partition;

	return (left > right) - (left < right);
}

static void
take_offset(GroupsQuestion *question, TopicGroup *group, const rd_kafka_topic_partition_t *told)
{
	const TopicDescription *topic = &question->topic.answer;
	const TopicPartition *partition;

	partition = bsearch(&told->partition, topic->partitions, (size_t) topic->partition_count,
						sizeof(*topic->partitions), compare_to_number);
	if (told->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		note_trouble(question, "a committed offset was not told", rd_kafka_err2str(told->err));
	else if (partition != NULL && told->offset >= 0)
		group->committed[partition - topic->partitions] = told->offset;
}

static bool
is_coordinator_moving(rd_kafka_resp_err_t code)
{
	return question_is_passing(code) ||
		code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS ||
		code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
		code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
}

/* How many groups have nothing to come any more: 1 or 0. */
static int
take_committed(GroupsQuestion *question, rd_kafka_event_t *event)
{
	TopicGroup *group = rd_kafka_event_opaque(event);
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);
	const rd_kafka_group_result_t **results;
	const rd_kafka_topic_partition_list_t *list = NULL;
	size_t		count = 0;
	int			i;

	if (is_coordinator_moving(code))
	{
		question_pause();
		request_committed(question, group);
		return 0;
	}
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		note_trouble(question, "a group's offsets were not told", rd_kafka_event_error_string(event));
		return 1;
	}
	results = rd_kafka_ListConsumerGroupOffsets_result_groups(rd_kafka_event_ListConsumerGroupOffsets_result(event),
															  &count);
	if (count == 1)
		list = rd_kafka_group_result_partitions(results[0]);
	for (i = 0; list != NULL && i < list->cnt; i++)
		take_offset(question, group, &list->elems[i]);
	return 1;
}

static void
ask_committed(GroupsQuestion *question)
{
	Question   *base = &question->topic.base;
	int			pending;

	for (pending = 0; pending < question->answer.count; pending++)
		request_committed(question, &question->answer.groups[pending]);
	while (pending > 0)
	{
		rd_kafka_event_t *event = request_answer(base, question->answers, base->deadline);

		if (event == NULL)
		{
			note_silence(question, "groups' offsets were not told");
			return;
		}
		pending -= take_committed(question, event);
		rd_kafka_event_destroy(event);
	}
}

/* Groups that have nothing to do with the topic. */
static void
drop_strangers(GroupsQuestion *question)
{
	GroupsAnswer *answer = &question->answer;
	int			kept = 0;
	int			i;
	int			j;

	for (i = 0; i < answer->count; i++)
	{
		bool		is_here = answer->groups[i].has_members_here;

		for (j = 0; j < question->topic.answer.partition_count; j++)
			is_here = is_here || answer->groups[i].committed[j] >= 0;
		if (is_here)
			answer->groups[kept++] = answer->groups[i];
		else
		{
			free(answer->groups[i].id);
			free(answer->groups[i].committed);
		}
	}
	answer->count = kept;
}

static bool
ask(Question *base)
{
	GroupsQuestion *question = (GroupsQuestion *) base;

	if (!topic_question_ask(base))
		return false;
	question->answer.topic = &question->topic.answer;
	if (!question->topic.answer.exists || question->topic.answer.partition_count == 0 ||
		(question->only != NULL && question->only[0] == '\0'))
	{
		question->answer.is_listed = true;
		return true;
	}
	question->answers = rd_kafka_queue_new(base->client->kafka);
	if (!ask_list(question))
		return false;
	if (question->only == NULL && question->answer.count > 0)
		ask_members(question);
	ask_committed(question);
	drop_strangers(question);
	return true;
}

static void
release(Question *base)
{
	GroupsQuestion *question = (GroupsQuestion *) base;

	if (question->answers != NULL)
		rd_kafka_queue_destroy(question->answers);
	question->answers = NULL;
	topic_question_release(base);
}

static void
forget(Question *base)
{
	GroupsQuestion *question = (GroupsQuestion *) base;
	int			i;

	for (i = 0; i < question->answer.count; i++)
	{
		free(question->answer.groups[i].id);
		free(question->answer.groups[i].committed);
	}
	free(question->answer.groups);
	free(question->only);
	topic_question_forget(base);
}

static const QuestionKind groups_kind = {ask, release, forget};

Question *
groups_question(const BrokerOptions *options, const char *topic, const char *only,
				int timeout_ms, char *error)
{
	TopicSpecification specification = {topic, 0, 0, -1};
	GroupsQuestion *question;
	bool		opened;

	if (!broker_check_topic(topic, error))
		return NULL;
	question = calloc(1, sizeof(*question));
	if (question == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return NULL;
	}
	question->topic.base.kind = &groups_kind;
	opened = topic_question_open(&question->topic, options, &specification, false, true,
								 timeout_ms, error);
	if (opened && only != NULL)
	{
		question->only = strdup(only);
		opened = question->only != NULL;
		if (!opened)
			snprintf(error, BROKER_ERROR_SIZE, "out of memory");
	}
	if (!opened)
	{
		question_free(&question->topic.base);
		return NULL;
	}
	return &question->topic.base;
}

const GroupsAnswer *
groups_question_answer(const Question *base)
{
	return &((const GroupsQuestion *) base)->answer;
}
