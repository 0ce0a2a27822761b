/*-------------------------------------------------------------------------
 *
 * test_broker.c
 *	  What of src/broker can be seen without a Kafka.
 *
 *-------------------------------------------------------------------------
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/client.h"
#include "test.h"

static char error[BROKER_ERROR_SIZE];

static void
accept_list(const char *list)
{
	error[0] = '\0';
	ok(broker_check_list(list, error), "brokers \"%s\" %s", list, error);
}

static void
refuse_list(const char *list, const char *reason)
{
	error[0] = '\0';
	ok(!broker_check_list(list, error) && strstr(error, reason) != NULL,
	   "refused: %s", error);
}

static void
test_lists(void)
{
	accept_list("localhost:9092");
	accept_list("localhost");
	accept_list("a.b-c_d.vn:1,10.0.0.1:65535");
	accept_list(" kafka1:9092 ,\tkafka2:9092 ");
	accept_list("[::1]:9092");
	accept_list("[fe80::1%eth0]");
	accept_list("PLAINTEXT://kafka:9092,plaintext://[::1]:9092");
	accept_list("SSL://kafka:9093,SASL_SSL://kafka:9094,SASL_PLAINTEXT://kafka");

	refuse_list("", "is empty");
	refuse_list(" \t", "is empty");
	refuse_list("a,", "broker 2 of the list is empty");
	refuse_list(",a", "broker 1 of the list is empty");
	refuse_list("a, ,b", "broker 2 of the list is empty");
	refuse_list("kafka:", "a port that is not a number");
	refuse_list("kafka:0", "a port that is not a number");
	refuse_list("kafka:65536", "a port that is not a number");
	refuse_list("kafka:9092x", "a port that is not a number");
	refuse_list("kafka:000009092", "a port that is not a number");
	refuse_list("kafka:-1", "a port that is not a number");
	refuse_list("kafka: 9092", "a port that is not a number");
	refuse_list(":9092", "has no host name");
	refuse_list("PLAINTEXT://", "has no host name");
	refuse_list("::1", "has no host name");
	refuse_list("fe80::1:9092", "more than one colon");
	refuse_list("[::1", "brackets");
	refuse_list("[]:9092", "brackets");
	refuse_list("[::1]9092", "a character that a host name cannot have");
	refuse_list("http://kafka:9092", "protocol");
	refuse_list("kafka://kafka:9092", "protocol");
	refuse_list("PLAINTEXT://SSL://kafka", "has a port");
	refuse_list("kafka:9092/", "a port that is not a number");
	refuse_list("kafka 1:9092", "a character that a host name cannot have");
	refuse_list("kafka\n:9092", "\"kafka?:9092\"");
	refuse_list("k\xc3\xa4" "fka:9092", "a character that a host name cannot have");
	refuse_list("user:word@kafka:9092", "more than one colon");
	error[0] = '\0';
	ok(!broker_check_list(NULL, error), "no list at all: %s", error);
}

static void
test_topics(void)
{
	char		longest[251];

	memset(longest, 't', sizeof(longest));
	longest[249] = '\0';
	ok(broker_check_topic("stock-quotes", error) &&
	   broker_check_topic("A.b_9", error) && broker_check_topic("...", error) &&
	   broker_check_topic(longest, error), "names of topics");
	longest[249] = 't';
	longest[250] = '\0';
	ok(!broker_check_topic(longest, error) && strstr(error, "249") != NULL,
	   "250 characters are too many");
	ok(!broker_check_topic("", error) && !broker_check_topic(NULL, error) &&
	   !broker_check_topic(".", error) && !broker_check_topic("..", error) &&
	   !broker_check_topic("a b", error) && !broker_check_topic("a/b", error) &&
	   !broker_check_topic("k\xc3\xa4", error), "what are none");
}

static BrokerClient *
create_client(void)
{
	BrokerOptions options = {" 127.0.0.1:1 , 127.0.0.1:2 ", "test", NULL};
	BrokerClient *client;

	client = broker_client_create(BROKER_QUERY, &options, NULL, error);
	if (client == NULL)
	{
		ok(false, "client: %s", error);
		exit(1);
	}
	return client;
}

static void
test_notices(void)
{
	BrokerClient *client = create_client();
	BrokerNotice notice;
	bool		in_order = true;
	int			i;

	ok(!broker_client_notice(client, &notice), "no notice at first");
	for (i = 0; i < 100; i++)
		broker_client_note_error(client, RD_KAFKA_RESP_ERR__FAIL, "number %d", i);
	ok(client->notices_lost == 36, "of 100 notices the oldest 36 are lost");
	for (i = 36; broker_client_notice(client, &notice); i++)
		in_order = in_order && atoi(notice.text + strlen("number ")) == i &&
			notice.code == RD_KAFKA_RESP_ERR__FAIL && notice.level == 3;
	ok(in_order && i == 100, "the others come in their order");
	broker_client_destroy(client);
}

static void
test_descriptors(void)
{
	BrokerClient *client = create_client();
	char		byte;
	int			i;

	ok((fcntl(client->wake_read, F_GETFL) & O_NONBLOCK) != 0 &&
	   (fcntl(client->wake_write, F_GETFL) & O_NONBLOCK) != 0,
	   "neither end of the pipe blocks");
	ok(fcntl(client->wake_read, F_GETFD) == FD_CLOEXEC &&
	   fcntl(client->wake_write, F_GETFD) == FD_CLOEXEC,
	   "no child process inherits it");
	for (i = 0; i < 1000; i++)
	{
		if (write(client->wake_write, "!", 1) != 1)
			break;
	}
	broker_client_clear_wakeup(client);
	ok(i == 1000 && read(client->wake_read, &byte, 1) < 0, "cleared completely");
	broker_client_clear_wakeup(client);
	ok(true, "clearing an empty one does not wait");
	broker_client_destroy(client);
	broker_client_destroy(NULL);
}

static void
test_settings(void)
{
	BrokerOptions options = {"127.0.0.1:1", "test", NULL};
	BrokerSetting unknown[] = {{"no.such.setting", "1"}, {NULL, NULL}};

	ok(broker_client_create(BROKER_QUERY, &options, unknown, error) == NULL &&
	   strstr(error, "no.such.setting") != NULL, "a setting is refused: %s", error);
	options.brokers = "a b";
	ok(broker_client_create(BROKER_QUERY, &options, NULL, error) == NULL,
	   "brokers are refused: %s", error);
}

int
main(void)
{
	test_lists();
	test_topics();
	test_notices();
	test_descriptors();
	test_settings();
	return done_testing();
}
