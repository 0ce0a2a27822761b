/*-------------------------------------------------------------------------
 *
 * groups.h
 *	  A topic's partitions, and how far consumer groups have come in them.
 *
 * A kind of question, which begins as one about the topic.  It succeeds when the
 * topic is described; what could not be learned of the groups is told beside it.
 *
 * Plain C with malloc.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_GROUPS_H
#define VNSTREAM_BROKER_GROUPS_H

#include "broker/query.h"
#include "broker/question.h"

#define GROUP_STATE_SIZE 32

typedef struct TopicGroup
{
	char	   *id;				/* bytes as Kafka has them */
	char		state[GROUP_STATE_SIZE];	/* Kafka's word; '' unknown */
	int			members;		/* of the group, whatever they read; -1 unknown */
	bool		has_members_here;	/* one has the topic assigned or subscribed */
	int64_t    *committed;		/* one a partition of the description; -1 none */
} TopicGroup;

typedef struct GroupsAnswer
{
	const TopicDescription *topic;	/* with watermarks */
	bool		is_listed;		/* false: nothing is known of groups, see trouble */
	int			count;
	TopicGroup *groups;			/* in the order of their ids */
	char		trouble[BROKER_ERROR_SIZE]; /* why groups, or some of them, are
											 * unknown; '' where all are known */
} GroupsAnswer;

/*
 * only: NULL for all groups that have committed offsets or members on the topic;
 * else the one with that id ('': none), without its members.  A group that does
 * not exist is just not there.  NULL with error where the options are unusable.
 */
extern Question *groups_question(const BrokerOptions *options, const char *topic,
								 const char *only, int timeout_ms, char *error);

/* The question's own. */
extern const GroupsAnswer *groups_question_answer(const Question *question);

/*
 * Is the topic named in what a member of a group has sent or been assigned?  Both
 * are bytes of the member's making: false where they make no sense.
 */
extern bool group_subscribes(const void *metadata, size_t size, const char *topic);
extern bool group_is_assigned(const void *assignment, size_t size, const char *topic);

#endif							/* VNSTREAM_BROKER_GROUPS_H */
