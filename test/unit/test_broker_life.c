/*-------------------------------------------------------------------------
 *
 * test_broker_life.c
 *	  What clients leave behind in the process: threads, descriptors, signals.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* RTLD_NEXT */
#endif

#include <dirent.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker_support.h"
#include "test.h"

#define CYCLES 200
#define LOOKUP_MS 4000

typedef int (*Lookup) (const char *, const char *, const struct addrinfo *,
					   struct addrinfo **);

/*
 * librdkafka finds this one before the C library's: a name server that takes
 * its time for one name.
 */
int
getaddrinfo(const char *node, const char *service,
			const struct addrinfo *hints, struct addrinfo **result)
{
	Lookup		real;

	if (strcmp(node, "slow.invalid") == 0)
	{
		sleep_ms(LOOKUP_MS);
		return EAI_NONAME;
	}
	*(void **) &real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(node, service, hints, result);
}

static void
publish_one(const char *topic, bool await)
{
	Publisher  *publisher = open_publisher(topic, 30000);
	PublisherReport report;
	char		error[BROKER_ERROR_SIZE];

	publisher_send(publisher, "k", "v", 1, NULL, 0, 0, error);
	if (await && !await_report(publisher, &report, 30000))
		give_up("no report");
	publisher_destroy(publisher);
}

static void
read_one(const char *topic, bool await)
{
	Reader	   *reader = open_reader(topic, "unused");
	ReaderPosition position = {0, 0};
	ReaderEvent event;
	char		error[BROKER_ERROR_SIZE];

	if (!reader_assign(reader, &position, 1, error))
		give_up("assign: %s", error);
	if (await)
	{
		if (!await_event(reader, &event, 30000))
			give_up("no event");
		reader_commit(reader, &position, 1);
	}
	reader_destroy(reader);
}

static void
test_cycles(void)
{
	char	   *topic = new_topic(1, NULL, NULL);
	int			descriptors;
	int			threads;
	int			i;

	publish_one(topic, true);
	read_one(topic, true);
	sleep_ms(200);
	descriptors = count_descriptors();
	threads = count_threads();
	for (i = 0; i < CYCLES; i++)
	{
		publish_one(topic, i % 4 == 0);
		read_one(topic, i % 4 == 0);
	}
	ok(threads_return_to(threads), "%d cycles leave no thread", CYCLES);
	ok(count_descriptors() <= descriptors, "and no descriptor");
	free(topic);
}

/* The signals that no thread but the main one may get. */
static bool
is_ours_alone(int number)
{
	switch (number)
	{
		case SIGKILL:			/* these two cannot be blocked */
		case SIGSTOP:
		case SIGSEGV:			/* faults of the thread itself */
		case SIGBUS:
		case SIGFPE:
		case SIGILL:
		case 32:				/* the C library's own */
		case 33:
			return false;
		default:
			return true;
	}
}

static bool
blocks_all(const char *thread)
{
	char		path[300];
	char		line[200];
	unsigned long long mask = 0;
	FILE	   *file;
	int			number;

	snprintf(path, sizeof(path), "/proc/self/task/%s/status", thread);
	file = fopen(path, "r");
	if (file == NULL)
		return true;			/* has ended meanwhile */
	while (fgets(line, sizeof(line), file) != NULL)
		sscanf(line, "SigBlk: %llx", &mask);
	fclose(file);
	for (number = 1; number <= 64; number++)
	{
		if (is_ours_alone(number) && (mask & (1ULL << (number - 1))) == 0)
		{
			diag("thread %s does not block signal %d", thread, number);
			return false;
		}
	}
	return true;
}

/* How many threads there are, 0 where one of them can get a signal. */
static int
threads_that_block(void)
{
	DIR		   *folder = opendir("/proc/self/task");
	struct dirent *entry;
	char		own[32];
	int			count = 0;
	bool		good = true;

	snprintf(own, sizeof(own), "%d", (int) getpid());
	while ((entry = readdir(folder)) != NULL)
	{
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, own) == 0)
			continue;
		count++;
		good = blocks_all(entry->d_name) && good;
	}
	closedir(folder);
	return good ? count : 0;
}

static void
test_signals(void)
{
	char	   *topic = new_topic(1, NULL, NULL);
	BrokerOptions nobody = {NO_BROKER, "test", NULL};
	Publisher  *publisher = open_publisher(topic, 30000);
	Reader	   *reader = open_reader(topic, "unused");
	ReaderPosition position = {0, 0};
	ReaderEvent event;
	PublisherReport report;
	BrokerQuery *query;
	char		error[BROKER_ERROR_SIZE];
	sigset_t	before;
	sigset_t	after;
	int			number;
	int			changed = 0;
	int			threads;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	query = broker_query_describe(&nobody, "topic", false, 60000, error);
	publisher_send(publisher, "k", "v", 1, NULL, 0, 0, error);
	await_report(publisher, &report, 30000);
	reader_assign(reader, &position, 1, error);
	if (!await_event(reader, &event, 30000))
		give_up("no event");
	reader_release(&event);
	threads = threads_that_block();
	ok(threads >= 10, "%d threads of the library and the query block every signal",
	   threads);
	broker_query_abandon(query);
	publisher_destroy(publisher);
	reader_destroy(reader);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (number = 1; number <= 64; number++)
		changed += sigismember(&before, number) != sigismember(&after, number);
	ok(changed == 0, "the caller's own mask is as before");
	free(topic);
}

static void
test_slow_names(void)
{
	PublisherOptions publishing = {{"slow.invalid:9092", "test", NULL}, "topic", 60000};
	ReaderOptions reading = {{"slow.invalid:9092", "test", "group"}, "topic"};
	int			threads = count_threads();
	int			descriptors = count_descriptors();
	char		error[BROKER_ERROR_SIZE];
	Publisher  *publisher = publisher_create(&publishing, error);
	Reader	   *reader = reader_create(&reading, error);
	BrokerQuery *query = broker_query_describe(&reading.broker, "topic", false,
											   1000, error);
	TopicDescription answer;
	double		start;

	if (publisher == NULL || reader == NULL || query == NULL)
		give_up("create: %s", error);
	publisher_send(publisher, "k", "v", 1, NULL, 0, 0, error);
	sleep_ms(300);
	start = seconds_now();
	publisher_destroy(publisher);
	reader_destroy(reader);
	start = seconds_now() - start;
	ok(start < 2.5, "with a slow name server (4 s) both are gone in %.3f s", start);
	ok(threads_that_block() > 0, "what is left to do is done with signals blocked");
	start = seconds_now();
	if (!wait_readable(broker_query_fd(query), 20000))
		give_up("a query never ended");
	ok(!broker_query_finish(query, &answer, error) && seconds_now() - start < 3,
	   "a query ends in its time: %s", error);
	ok(threads_return_to(threads) && count_descriptors() <= descriptors,
	   "in the end nothing is left");
}

/*
 * Stands for what libraries run at the end of a process: the status shows
 * whether it ran.
 */
static bool has_destructor;

static void
destructor(void)
{
	if (has_destructor)
		_exit(7);
}

/* The status of a child that ends after (or without) asking. */
static int
status_of_child(bool asks)
{
	BrokerOptions options = {"slow.invalid:9092", "test", NULL};
	char		error[BROKER_ERROR_SIZE];
	int			status = 0;
	pid_t		child = fork();

	if (child == 0)
	{
		has_destructor = true;
		if (asks)
		{
			BrokerQuery *query = broker_query_describe(&options, "topic", false,
													   60000, error);

			sleep_ms(300);
			broker_query_abandon(query);
		}
		exit(3);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		give_up("a child did not end by exit()");
	return WEXITSTATUS(status);
}

static void
test_end_of_process(void)
{
	ok(status_of_child(false) == 7,
	   "without a client the libraries' destructors run at the end");
	ok(status_of_child(true) == 3,
	   "with one whose thread hangs they do not, and the status is kept");
}

int
main(void)
{
	/* before the first client, as a library that is loaded early */
	atexit(destructor);
	test_cycles();
	test_signals();
	test_slow_names();
	test_end_of_process();
	return done_testing();
}
