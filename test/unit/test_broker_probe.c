/*-------------------------------------------------------------------------
 *
 * test_broker_probe.c
 *	  The way to the brokers and through a topic, step by step, against a real
 *	  Kafka.
 *
 * Stops the broker of KAFKA_DATA for a while: run nothing else on it.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/probe.h"
#include "broker_support.h"
#include "test.h"

#define TIMEOUT_MS 15000

static char error[BROKER_ERROR_SIZE];

static Question *
probe(const char *brokers, const char *file, const char *topic, bool may_write)
{
	BrokerOptions options = {brokers, "probe-test", NULL, file};
	BrokerQuery *query = broker_query_begin(probe_question(&options, topic, may_write,
														   TIMEOUT_MS, error), error);
	Question   *question;

	if (query == NULL)
		give_up("no question: %s", error);
	if (!wait_readable(broker_query_fd(query), 60000))
		give_up("a question is not done in time");
	question = broker_query_take(query, error);
	if (question == NULL)
		give_up("no answer: %s", error);
	return question;
}

/* "oowfss": each stage's outcome by its first letter. */
static const char *
outcomes(const Question *question)
{
	static char text[PROBE_STAGES + 1];
	int			i;

	for (i = 0; i < PROBE_STAGES; i++)
		text[i] = "sowf"[probe_question_answer(question)->stages[i].outcome];
	return text;
}

static const char *
detail(const Question *question, ProbeStage stage)
{
	return probe_question_answer(question)->stages[stage].detail;
}

static void
test_good(void)
{
	char	   *topic = new_topic(2, "retention.ms", "7200000");
	Question   *question = probe(kafka_bootstrap(), NULL, topic, true);
	const ProbeAnswer *answer = probe_question_answer(question);

	is_text(outcomes(question), "oooooo", "an empty topic");
	is_integer(answer->partitions, 2, "its partitions");
	is_integer(answer->replication, 1, "its replicas");
	is_integer(answer->retention_ms, 7200000, "its retention");
	is_integer(answer->max_message_bytes, 1048588, "its largest message");
	is_integer(answer->newest_ms, 0, "no message yet");
	is_integer(end_offset(topic, 0), 0, "and none by looking");
	is_integer(end_offset(topic, 1), 0, "in no partition");
	question_free(question);

	publish_numbers(topic, 20);
	question = probe(kafka_bootstrap(), NULL, topic, false);
	answer = probe_question_answer(question);
	is_text(outcomes(question), "ooooso", "with messages, and no wish to write");
	ok(answer->newest_ms > 0 && answer->newest_read_ms - answer->newest_ms < 60000 &&
	   answer->newest_read_ms >= answer->newest_ms, "the newest one's time");
	question_free(question);
}

/* A message that could be made small enough would be appended. */
static void
test_compression(void)
{
	char	   *topic = new_topic(1, "compression.type", "gzip");
	char		path[] = "/tmp/vnstream-probe.XXXXXX";
	int			fd = mkstemp(path);
	FILE	   *stream = fd < 0 ? NULL : fdopen(fd, "w");
	Question   *question;

	if (stream == NULL)
		give_up("no file");
	fputs("compression.type=zstd\nmessage.max.bytes=5000\nsocket.timeout.ms=20000\n", stream);
	fclose(stream);
	question = probe(kafka_bootstrap(), path, topic, true);
	is_text(outcomes(question), "oooooo", "compressed here and there");
	is_integer(end_offset(topic, 0), 0, "nothing is written");
	question_free(question);
	unlink(path);
}

static void
test_deleted_records(void)
{
	char	   *topic = new_topic(1, NULL, NULL);
	Question   *question;

	publish_numbers(topic, 5);
	delete_records(topic, 0, 5);
	question = probe(kafka_bootstrap(), NULL, topic, true);
	is_text(outcomes(question), "oooooo", "all messages are deleted");
	is_integer(probe_question_answer(question)->newest_ms, 0, "so none is read");
	question_free(question);
}

static void
test_faults(void)
{
	char		list[400];
	char	   *missing = unique_name("missing");
	Question   *question = probe(kafka_bootstrap(), NULL, missing, true);

	is_text(outcomes(question), "ooofss", "no topic");
	ok(!topic_exists(missing), "and none by looking");
	question_free(question);

	question = probe("no-such-host.invalid", NULL, "t", true);
	is_text(outcomes(question), "fsssss", "no name");
	has_text(detail(question, PROBE_RESOLVE), "no-such-host.invalid", "is told by it");
	question_free(question);

	question = probe("PLAINTEXT://[::1]:1", NULL, "t", true);
	is_text(outcomes(question), "ofssss", "no broker at an address in brackets");
	has_text(detail(question, PROBE_CONNECT), "0 of 1 brokers; ::1:1: ", "is told by it");
	question_free(question);

	snprintf(list, sizeof(list), " PLAINTEXT://%s , %s, no-such-host.invalid:1", kafka_bootstrap(), NO_BROKER);
	question = probe(list, NULL, missing, true);
	is_text(outcomes(question), "wwofss", "one of three is there");
	has_text(detail(question, PROBE_CONNECT), "1 of 3 brokers; 127.0.0.1:1: Connection refused", "and which not");
	question_free(question);

	/* many: only so many are looked at, and no more is read than there is */
	memset(list, ',', sizeof(list));
	list[0] = '\0';
	while (strlen(list) < 360)
		strcat(list, list[0] == '\0' ? "127.0.0.1:1" : ",127.0.0.1:1");
	question = probe(list, NULL, "t", true);
	is_text(outcomes(question), "ofssss", "a long list");
	question_free(question);
}

static void
test_frozen(void)
{
	char	   *topic = new_topic(1, NULL, NULL);
	BrokerOptions options = {kafka_bootstrap(), "probe-test", NULL, NULL};
	BrokerQuery *query;
	Question   *question;
	double		began;
	int			threads;
	int			descriptors;

	kafka_tool("pause");
	began = seconds_now();
	question = probe(kafka_bootstrap(), NULL, topic, true);
	ok(seconds_now() - began < 20, "a frozen broker is waited for as long as was said");
	is_text(outcomes(question), "oofsss", "it accepts connections, and does not answer");
	question_free(question);

	threads_return_to(1);
	threads = count_threads();
	descriptors = count_descriptors();
	query = broker_query_begin(probe_question(&options, topic, true, TIMEOUT_MS, error), error);
	sleep_ms(300);
	began = seconds_now();
	broker_query_abandon(query);
	ok(seconds_now() - began < 2, "nobody has to wait for it");
	ok(threads_return_to(threads), "its threads end");
	is_integer(count_descriptors(), descriptors, "and leave nothing open");
	kafka_tool("resume");

	/* a thawed broker may be without leaders for a moment */
	began = seconds_now();
	question = probe(kafka_bootstrap(), NULL, topic, true);
	while (strcmp(outcomes(question), "oooooo") != 0 && seconds_now() - began < 60)
	{
		question_free(question);
		sleep_ms(500);
		question = probe(kafka_bootstrap(), NULL, topic, true);
	}
	is_text(outcomes(question), "oooooo", "afterwards all is well");
	question_free(question);
}

int
main(void)
{
	test_good();
	test_compression();
	test_deleted_records();
	test_faults();
	test_frozen();
	return done_testing();
}
