/*-------------------------------------------------------------------------
 *
 * test_group_member.c
 *	  What members of consumer groups say of their topics, rightly or wrongly.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "broker/groups.h"
#include "test.h"

/* Version 0; the topics "ab" (partitions 0 and 7) and "quotes" (1). */
static const char assignment[] =
	"\0\0" "\0\0\0\2"
	"\0\2" "ab" "\0\0\0\2" "\0\0\0\0" "\0\0\0\7"
	"\0\6" "quotes" "\0\0\0\1" "\0\0\0\1"
	"\xff\xff\xff\xff";

/* Version 1; the same topics. */
static const char subscription[] =
	"\0\1" "\0\0\0\2" "\0\2" "ab" "\0\6" "quotes" "\xff\xff\xff\xff" "\0\0\0\0";

static void
test_good(void)
{
	size_t		size = sizeof(assignment) - 1;

	ok(group_is_assigned(assignment, size, "ab") &&
	   group_is_assigned(assignment, size, "quotes"), "topics of an assignment");
	ok(!group_is_assigned(assignment, size, "a") &&
	   !group_is_assigned(assignment, size, "abc") &&
	   !group_is_assigned(assignment, size, "quote") &&
	   !group_is_assigned(assignment, size, ""), "no others");
	size = sizeof(subscription) - 1;
	ok(group_subscribes(subscription, size, "ab") &&
	   group_subscribes(subscription, size, "quotes"), "topics of a subscription");
	ok(!group_subscribes(subscription, size, "x"), "no others");
	ok(!group_is_assigned("\0\0\0\0\0\1\0\1a\0\0\0\0", 13, "a"),
	   "a topic without partitions is not assigned");
	ok(!group_is_assigned(NULL, 0, "a") && !group_subscribes(NULL, 0, "a"),
	   "nothing is no topic");
}

/* Cut short anywhere, in memory that ends there. */
static void
test_cut_short(void)
{
	size_t		whole = sizeof(assignment) - 1 - 4;	/* user data is not read */
	size_t		size;
	int			found = 0;

	for (size = 0; size < whole; size++)
	{
		char	   *bytes = exact_copy(assignment, size);

		found += group_is_assigned(bytes, size, "quotes");
		free(bytes);
	}
	is_integer(found, 0, "an assignment that is cut short has no last topic");
	whole = sizeof(subscription) - 1 - 8;
	for (size = 0; size < whole; size++)
	{
		char	   *bytes = exact_copy(subscription, size);

		found += group_subscribes(bytes, size, "quotes");
		free(bytes);
	}
	is_integer(found, 0, "nor has a subscription");
}

/* Lengths and counts that point outside, every byte in turn. */
static void
test_wrong(void)
{
	size_t		size = sizeof(assignment) - 1;
	size_t		i;
	int			answered = 0;

	for (i = 0; i < size; i++)
	{
		char	   *bytes = exact_copy(assignment, size);

		bytes[i] = (char) 0xff;
		answered += !group_is_assigned(bytes, size, "no such topic");
		answered += !group_subscribes(bytes, size, "no such topic");
		free(bytes);
	}
	is_integer(answered, (int64_t) size * 2, "wrong lengths are survived");
	ok(!group_is_assigned("\0\0\xff\xff\xff\xff", 6, "a"), "many topics, and none there");
	ok(!group_is_assigned("\0\0\0\0\0\1\0\1a\xff\xff\xff\xff", 13, "a"),
	   "many partitions, and none there");
}

int
main(void)
{
	test_good();
	test_cut_short();
	test_wrong();
	return done_testing();
}
