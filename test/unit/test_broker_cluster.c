/*-------------------------------------------------------------------------
 *
 * test_broker_cluster.c
 *	  Questions about brokers, topics and groups against a real Kafka.
 *
 * Stops the broker of KAFKA_DATA for a while: run nothing else on it.
 *
 *-------------------------------------------------------------------------
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/brokers.h"
#include "broker/groups.h"
#include "broker/topics.h"
#include "broker_support.h"
#include "test.h"

#define TIMEOUT_MS 20000

static char error[BROKER_ERROR_SIZE];

static BrokerOptions
test_brokers(void)
{
	BrokerOptions options = {kafka_bootstrap(), "broker-test", NULL};

	return options;
}

/* The answered question, or NULL with error. */
static Question *
await_question(Question *question)
{
	BrokerQuery *query = broker_query_begin(question, error);

	if (query == NULL)
		return NULL;
	if (!wait_readable(broker_query_fd(query), 60000))
		give_up("a question is not done in time");
	return broker_query_take(query, error);
}

static Question *
ask_topics(const char *topic)
{
	BrokerOptions options = test_brokers();
	Question   *question = await_question(topics_question(&options, topic, TIMEOUT_MS, error));

	if (question == NULL)
		give_up("topics: %s", error);
	return question;
}

static Question *
ask_groups(const char *topic, const char *only)
{
	BrokerOptions options = test_brokers();
	Question   *question = await_question(groups_question(&options, topic, only,
														  TIMEOUT_MS, error));

	if (question == NULL)
		give_up("groups: %s", error);
	return question;
}

static void
test_brokers_up(void)
{
	BrokerOptions options = test_brokers();
	char	   *topic = new_topic(5, NULL, NULL);
	const ClusterBroker *brokers;
	const char *failure;
	Question   *question;
	char		address[300];
	int			count;

	question = await_question(brokers_question(&options, TIMEOUT_MS, error));
	if (question == NULL)
		give_up("brokers: %s", error);
	brokers = brokers_question_answer(question, &count, &failure);
	snprintf(address, sizeof(address), "%s:%d", brokers[0].host, brokers[0].port);
	ok(count == 1 && brokers[0].id == 1 && brokers[0].is_controller && failure == NULL,
	   "one broker");
	is_text(address, kafka_bootstrap(), "its address");
	ok(brokers[0].round_trip_us > 0 && brokers[0].error[0] == '\0',
	   "it answers, in %ld us", (long) brokers[0].round_trip_us);
	ok(brokers[0].leaders >= 5 && brokers[0].under_replicated == 0, "leads %d partitions",
	   brokers[0].leaders);
	question_free(question);
	free(topic);
}

static const ClusterTopic *
find_topic(const ClusterTopic *topics, int count, const char *name)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (strcmp(topics[i].name, name) == 0)
			return &topics[i];
	}
	return NULL;
}

static void
test_topics(void)
{
	char	   *kept_an_hour = new_topic(3, "retention.ms", "3600000");
	char	   *kept = new_topic(1, "retention.ms", "-1");
	char	   *compacted = new_topic(1, "cleanup.policy", "compact");
	char	   *both = new_topic(1, "cleanup.policy", "compact,delete");
	char	   *absent = unique_name("absent");
	const ClusterTopic *topics;
	const ClusterTopic *topic;
	Question   *question;
	bool		exists;
	bool		sorted = true;
	bool		internal = false;
	int			count;
	int			i;

	publish_numbers(kept_an_hour, 300);
	delete_records(kept_an_hour, 1, 7);

	/* makes __consumer_offsets */
	(void) committed_offset(unique_name("group"), kept, 0);

	question = ask_topics(kept_an_hour);
	topics = topics_question_answer(question, &count, &exists);
	for (i = 0; i < count; i++)
	{
		sorted = sorted && (i == 0 || strcmp(topics[i - 1].name, topics[i].name) < 0);
		internal = internal || strncmp(topics[i].name, "__", 2) == 0;
	}
	ok(exists && sorted, "topics in the order of their names");
	ok(topic_exists("__consumer_offsets") && !internal, "internal topics are left out");
	topic = find_topic(topics, count, kept_an_hour);
	ok(topic != NULL && topic->partitions == 3 && topic->replication == 1 &&
	   topic->without_leader == 0 && topic->messages == 293 &&
	   topic->retention_ms == 3600000, "a topic with messages");
	topic = find_topic(topics, count, kept);
	ok(topic != NULL && topic->retention_ms == RETENTION_FOREVER && topic->messages == 0,
	   "one that is kept for ever");
	topic = find_topic(topics, count, compacted);
	ok(topic != NULL && topic->retention_ms == RETENTION_FOREVER, "a compacted one");
	topic = find_topic(topics, count, both);
	ok(topic != NULL && topic->retention_ms == INT64_C(604800000),
	   "one that is compacted and deleted");
	question_free(question);

	question = ask_topics(absent);
	topics = topics_question_answer(question, &count, &exists);
	ok(!exists && find_topic(topics, count, kept) != NULL,
	   "without the topic the others are told");
	question_free(question);
	sleep_ms(500);
	ok(!topic_exists(absent), "and it is not created by asking");
	free(kept_an_hour);
	free(kept);
	free(compacted);
	free(both);
	free(absent);
}

/* More topics than are asked for in one request. */
static void
test_many_topics(void)
{
	enum {MANY = 230};
	char	   *names[MANY];
	const ClusterTopic *topics;
	Question   *question;
	double		start;
	bool		exists;
	int			count;
	int			good = 0;
	int			i;

	for (i = 0; i < MANY; i++)
		names[i] = new_topic(1, "retention.ms", "7200000");
	start = seconds_now();
	question = ask_topics(names[0]);
	diag("%d topics in %.3f s", MANY, seconds_now() - start);
	topics = topics_question_answer(question, &count, &exists);
	for (i = 0; i < MANY; i++)
	{
		const ClusterTopic *topic = find_topic(topics, count, names[i]);

		good += topic != NULL && topic->retention_ms == 7200000 && topic->messages == 0;
	}
	is_integer(good, MANY, "all of %d topics are told of", MANY);
	question_free(question);
	for (i = 0; i < MANY; i++)
	{
		drop_topic(names[i]);
		free(names[i]);
	}
}

static rd_kafka_t *
group_client(const char *group)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *client;

	rd_kafka_conf_set(conf, "bootstrap.servers", kafka_bootstrap(), NULL, 0);
	rd_kafka_conf_set(conf, "group.id", group, NULL, 0);
	rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", NULL, 0);
	rd_kafka_conf_set(conf, "enable.auto.commit", "false", NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
	client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
	if (client == NULL)
		give_up("rd_kafka_new: %s", error);
	rd_kafka_poll_set_consumer(client);
	return client;
}

/* A member of the group, until it has been assigned something. */
static rd_kafka_t *
join_group(const char *group, const char *topic)
{
	rd_kafka_t *client = group_client(group);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_t *assigned = NULL;
	int			tries;

	rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
	rd_kafka_subscribe(client, list);
	rd_kafka_topic_partition_list_destroy(list);
	for (tries = 0; tries < 300; tries++)
	{
		rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 100);

		if (message != NULL)
			rd_kafka_message_destroy(message);
		if (rd_kafka_assignment(client, &assigned) == 0 && assigned != NULL)
		{
			bool		is_member = assigned->cnt > 0;

			rd_kafka_topic_partition_list_destroy(assigned);
			if (is_member)
				return client;
		}
	}
	give_up("no assignment in group %s", group);
}

static void
commit(const char *group, const char *topic, int32_t partition, int64_t offset)
{
	rd_kafka_t *client = group_client(group);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	int			tries;

	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
	for (tries = 0; tries < 100 && code != 0; tries++)
	{
		code = rd_kafka_commit(client, list, 0);
		if (code != 0)
			sleep_ms(200);
	}
	if (code != 0)
		give_up("commit of %s: %s", group, rd_kafka_err2str(code));
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(client);
}

static const TopicGroup *
find_group(const GroupsAnswer *answer, const char *id)
{
	int			i;

	for (i = 0; i < answer->count; i++)
	{
		if (strcmp(answer->groups[i].id, id) == 0)
			return &answer->groups[i];
	}
	return NULL;
}

static void
test_groups(void)
{
	char	   *topic = new_topic(3, NULL, NULL);
	char	   *other = new_topic(1, NULL, NULL);
	char	   *silent = unique_name("silent");
	char	   *member = unique_name("member");
	char	   *stranger = unique_name("stranger");
	char	   *absent = unique_name("absent");
	rd_kafka_t *client;
	const GroupsAnswer *answer;
	const TopicGroup *group;
	Question   *question;

	publish_numbers(topic, 30);
	commit(silent, topic, 2, 4);
	commit(silent, topic, 0, 0);
	commit(stranger, other, 0, 0);
	client = join_group(member, topic);

	question = ask_groups(topic, NULL);
	answer = groups_question_answer(question);
	ok(answer->is_listed && answer->count == 2 && answer->topic->partition_count == 3 &&
	   answer->topic->cluster_id[0] != '\0', "the groups of a topic");
	is_text(answer->trouble, "", "nothing is unknown");
	group = find_group(answer, silent);
	ok(group != NULL && group->members == 0 && strcmp(group->state, "Empty") == 0 &&
	   group->committed[0] == 0 && group->committed[1] == -1 && group->committed[2] == 4,
	   "one without members, and what it has committed");
	group = find_group(answer, member);
	ok(group != NULL && group->members == 1 && strcmp(group->state, "Stable") == 0 &&
	   group->has_members_here && group->committed[0] == -1,
	   "one with a member that has committed nothing");
	ok(find_group(answer, stranger) == NULL, "one of another topic is left out");
	question_free(question);

	question = ask_groups(topic, silent);
	answer = groups_question_answer(question);
	ok(answer->count == 1 && find_group(answer, silent) != NULL &&
	   answer->groups[0].committed[2] == 4, "one group alone");
	question_free(question);
	question = ask_groups(topic, absent);
	ok(groups_question_answer(question)->is_listed &&
	   groups_question_answer(question)->count == 0, "one that does not exist");
	question_free(question);
	question = ask_groups(topic, "");
	ok(groups_question_answer(question)->topic->exists &&
	   groups_question_answer(question)->count == 0, "no group, just the topic");
	question_free(question);
	question = ask_groups(absent, NULL);
	ok(!groups_question_answer(question)->topic->exists &&
	   groups_question_answer(question)->count == 0, "a topic that does not exist");
	question_free(question);
	ok(!topic_exists(absent), "and is not created by asking");
	rd_kafka_destroy(client);
	free(topic);
	free(other);
	free(silent);
	free(member);
	free(stranger);
	free(absent);
}

static void
test_refused(void)
{
	BrokerOptions options = {"here:port", "broker-test", NULL};

	ok(brokers_question(&options, 1000, error) == NULL && strstr(error, "port") != NULL,
	   "brokers are checked");
	options.brokers = kafka_bootstrap();
	ok(topics_question(&options, "a b", 1000, error) == NULL &&
	   strstr(error, "letters") != NULL, "the topic is checked");
	ok(groups_question(&options, "..", NULL, 1000, error) == NULL && error[0] != '\0',
	   "here too");
}

static Question *
make_question(int number, const BrokerOptions *options, const char *topic, int timeout_ms)
{
	switch (number % 3)
	{
		case 0:
			return brokers_question(options, timeout_ms, error);
		case 1:
			return topics_question(options, topic, timeout_ms, error);
		default:
			return groups_question(options, topic, NULL, timeout_ms, error);
	}
}

static void
test_gone(void)
{
	BrokerOptions options = {NO_BROKER, "broker-test", NULL};
	int			i;

	for (i = 1; i < 3; i++)
	{
		Question   *question = await_question(make_question(i, &options, "topic", 2500));

		ok(question == NULL && strstr(error, NO_BROKER) != NULL &&
		   strstr(error, "refused") != NULL, "nobody there: %s", error);
		question_free(question);
	}
}

/* Without an answer the addresses are all that is known, and why of each. */
static void
test_addresses(void)
{
	BrokerOptions options = {"127.0.0.1:1, no-such-host.invalid ,PLAINTEXT://[::1]:2", "broker-test", NULL};
	static const char *const hosts[] = {"127.0.0.1", "no-such-host.invalid", "[::1]"};
	static const int ports[] = {1, 9092, 2};
	Question   *question = await_question(brokers_question(&options, 2500, error));
	const ClusterBroker *brokers;
	const char *failure;
	int			count;
	int			i;

	if (question == NULL)
		give_up("brokers: %s", error);
	brokers = brokers_question_answer(question, &count, &failure);
	ok(failure != NULL && strstr(failure, "2500 ms") != NULL, "nobody there: %s", failure);
	is_integer(count, 3, "every address is told of");
	for (i = 0; i < 3; i++)
	{
		is_text(brokers[i].host, hosts[i], "its host");
		ok(brokers[i].port == ports[i] && brokers[i].id == -1 && brokers[i].round_trip_us == -1,
		   "its port, and nothing else");
		diag("%s", brokers[i].error);
	}
	ok(strstr(brokers[0].error, "refused") != NULL && strstr(brokers[0].error, "127.0.0.1:1/") != NULL,
	   "why the first does not answer");
	ok(strstr(brokers[1].error, "resolve") != NULL, "and the second");
	ok(brokers[2].error[0] != '\0', "and the third");
	question_free(question);
}

/* Straight away, where test/kafka would take longer than a question does. */
static void
signal_broker(int number)
{
	char		path[1000];
	FILE	   *file;
	long		pid;

	snprintf(path, sizeof(path), "%s/node-1/pid", getenv("KAFKA_DATA"));
	file = fopen(path, "r");
	if (file == NULL || fscanf(file, "%ld", &pid) != 1 || kill((pid_t) pid, number) != 0)
		give_up("no process of %s", path);
	fclose(file);
}

/*
 * Frozen at one moment or another of the question.  librdkafka would abort this
 * process where a request to a group's coordinator timed out unsent.
 */
static void
test_frozen(void)
{
	enum {ROUNDS = 15};
	BrokerOptions options = test_brokers();
	char	   *topic = new_topic(1, NULL, NULL);
	char	   *group = unique_name("group");
	int			threads;
	int			descriptors;
	int			done = 0;
	int			i;

	commit(group, topic, 0, 0);
	threads = count_threads();
	descriptors = count_descriptors();
	for (i = 0; i < ROUNDS; i++)
	{
		BrokerQuery *query;

		/* it is back from the last time */
		question_free(ask_groups(topic, NULL));
		query = broker_query_begin(make_question(i, &options, topic, 2500), error);
		if (query == NULL)
			give_up("question: %s", error);
		sleep_ms(i / 3 * 2 + 1);
		signal_broker(SIGSTOP);
		if (wait_readable(broker_query_fd(query), 30000))
		{
			Question   *question = broker_query_take(query, error);
			bool		is_about_groups = i % 3 == 2 && question != NULL;

			diag("%d: %s", i, question == NULL ? error : !is_about_groups ? "answered" :
				 groups_question_answer(question)->trouble);
			done++;
			question_free(question);
		}
		else
			broker_query_abandon(query);
		signal_broker(SIGCONT);
	}
	is_integer(done, ROUNDS, "a broker that freezes meanwhile ends every question");

	signal_broker(SIGSTOP);
	for (i = 0; i < 9; i++)
	{
		BrokerQuery *query = broker_query_begin(make_question(i, &options, topic, 60000), error);

		if (query == NULL)
			give_up("question: %s", error);
		sleep_ms(i < 6 ? 20 : 400);
		broker_query_abandon(query);
	}
	ok(threads_return_to(threads), "abandoned, their threads end while it is frozen");
	ok(count_descriptors() <= descriptors, "and close everything");
	signal_broker(SIGCONT);
	question_free(ask_groups(topic, NULL));
	free(topic);
	free(group);
}

static void
test_cycles(void)
{
	BrokerOptions options = test_brokers();
	char	   *topic = new_topic(2, NULL, NULL);
	int			threads = count_threads();
	int			descriptors = count_descriptors();
	int			good = 0;
	double		start = seconds_now();
	int			i;

	for (i = 0; i < 90; i++)
	{
		Question   *question = await_question(make_question(i, &options, topic, TIMEOUT_MS));

		good += question != NULL;
		question_free(question);
	}
	is_integer(good, 90, "90 questions in %.1f s", seconds_now() - start);
	ok(threads_return_to(threads), "leave no thread");
	ok(count_descriptors() <= descriptors, "and no descriptor");
	free(topic);
}

int
main(void)
{
	test_brokers_up();
	test_topics();
	test_groups();
	test_refused();
	test_gone();
	test_addresses();
	test_cycles();
	test_frozen();
	test_many_topics();
	return done_testing();
}
