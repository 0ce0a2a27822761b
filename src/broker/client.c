/*-------------------------------------------------------------------------
 *
 * client.c
 *	  A librdkafka client that lives inside a PostgreSQL process.
 *
 * See client.h for what is promised, and why nothing here calls back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* pipe2, pthread_clockjoin_np */
#endif

#include "broker/client.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker/config_file.h"
#include "broker/process_end.h"

#define NOTICES_KEPT 64

/* What errors about a file begin with; its path is not for everybody. */
#define FILE_SETTING "vnstream.kafka_config_file"

/* Destroying takes milliseconds unless a library thread is in getaddrinfo. */
#define DESTROY_WAIT_MS 300

/* Syslog's numbers, as librdkafka's log lines have them. */
#define LEVEL_CRITICAL 2
#define LEVEL_ERROR 3

/*
 * allow.auto.create.topics is a producer's property too in librdkafka (not in
 * Java), and true there by default: a broker with auto.create.topics.enable
 * would create the topic, with one partition, as soon as a producer's metadata
 * request named it.
 *
 * socket.timeout.ms is how long a broker that accepts and never answers is
 * believed; 60 s by default.
 *
 * Nagle's algorithm would hold a small batch back for up to 40 ms while an
 * earlier one is unacknowledged.
 */
static const BrokerSetting common_settings[] = {
	{"allow.auto.create.topics", "false"},
	{"enable.random.seed", "false"},	/* srand() is the process's */
	{"log.queue", "true"},
	{"log.thread.name", "false"},
	{"log_level", "6"},
	{"reconnect.backoff.ms", "100"},
	{"reconnect.backoff.max.ms", "10000"},
	{"socket.keepalive.enable", "true"},
	{"socket.nagle.disable", "true"},
	{"socket.timeout.ms", "15000"},
	{"topic.metadata.refresh.interval.ms", "60000"},
	{NULL, NULL}
};

void
broker_block_signals(sigset_t *previous)
{
	sigset_t	blocked;

	sigfillset(&blocked);
	sigdelset(&blocked, SIGSEGV);
	sigdelset(&blocked, SIGBUS);
	sigdelset(&blocked, SIGFPE);
	sigdelset(&blocked, SIGILL);
	pthread_sigmask(SIG_SETMASK, &blocked, previous);
}

void
broker_restore_signals(const sigset_t *previous)
{
	pthread_sigmask(SIG_SETMASK, previous, NULL);
}

static bool
apply_settings(rd_kafka_conf_t *conf, const BrokerSetting *settings, char *error)
{
	for (; settings != NULL && settings->name != NULL; settings++)
	{
		if (rd_kafka_conf_set(conf, settings->name, settings->value,
							  error, BROKER_ERROR_SIZE) != RD_KAFKA_CONF_OK)
		{
			error[strcspn(error, "\n")] = '\0'; /* some sentences have one */
			return false;
		}
	}
	return true;
}

/*
 * librdkafka takes a blank behind a name for a part of it.
 */
static char *
without_blanks(const char *text)
{
	char	   *copy = malloc(strlen(text) + 1);
	char	   *to = copy;

	if (copy == NULL)
		return NULL;
	for (; *text != '\0'; text++)
	{
		if (*text != ' ' && *text != '\t')
			*to++ = *text;
	}
	*to = '\0';
	return copy;
}

/*
 * What is wrong with a file's value librdkafka says by quoting it, so its own
 * words are not used.
 */
static bool
apply_file(rd_kafka_conf_t *conf, BrokerRole role, const ConfigFile *file, char *error)
{
	char		ignored[BROKER_ERROR_SIZE];
	int			i;

	for (i = 0; i < file->setting_count; i++)
	{
		const ConfigSetting *setting = &file->settings[i];

		if ((setting->use == CONFIG_FOR_PUBLISHERS && role != BROKER_PUBLISHER) ||
			(setting->use == CONFIG_NOT_FOR_QUERIES &&
			 (role == BROKER_QUERY || role == BROKER_PROBE)))
			continue;
		if (rd_kafka_conf_set(conf, setting->name, setting->value,
							  ignored, sizeof(ignored)) != RD_KAFKA_CONF_OK)
		{
			snprintf(error, BROKER_ERROR_SIZE,
					 FILE_SETTING ": line %d: librdkafka does not take the value of \"%s\"",
					 setting->line, setting->name);
			return false;
		}
	}
	return true;
}

/* The file, judged; false with error.  No file is fine. */
static bool
read_file(BrokerClient *client, const char *path, char *error)
{
	static const char begin[] = FILE_SETTING ": ";

	if (path == NULL || path[0] == '\0')
		return true;
	client->file = calloc(1, sizeof(ConfigFile));
	if (client->file == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return false;
	}
	if (config_file_read(client->file, path))
		return true;
	memcpy(error, begin, sizeof(begin));
	config_file_tell_faults(client->file, error + sizeof(begin) - 1,
							BROKER_ERROR_SIZE - sizeof(begin) + 1);
	return false;
}

static rd_kafka_conf_t *
make_configuration(BrokerRole role, const BrokerOptions *options,
				   const BrokerSetting *settings, const ConfigFile *file,
				   char *error)
{
	rd_kafka_conf_t *conf;
	char	   *brokers;
	BrokerSetting identity[] = {
		{"bootstrap.servers", NULL},
		{"security.protocol", NULL},
		{"client.id", options->client_id == NULL ? "vnstock_stream" : options->client_id},
		{"group.id", options->group_id},
		{NULL, NULL}
	};
	int			events = RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_ERROR;
	bool		is_applied;

	if (!broker_check_list(options->brokers, error))
		return NULL;
	if (role == BROKER_READER &&
		(options->group_id == NULL || options->group_id[0] == '\0'))
	{
		snprintf(error, BROKER_ERROR_SIZE, "the consumer group has no name: vnstream.group_id is empty; "
				 "vnstream_start() makes one");
		return NULL;
	}
	identity[1].value = config_file_protocol(file, options->brokers, error);
	if (identity[1].value == NULL)
		return NULL;
	brokers = without_blanks(options->brokers);
	if (brokers == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return NULL;
	}

	identity[0].value = brokers;
	if (role != BROKER_READER)
		identity[3].name = NULL;

	conf = rd_kafka_conf_new();
	is_applied = apply_settings(conf, common_settings, error) &&
		apply_settings(conf, settings, error) &&
		(file == NULL || apply_file(conf, role, file, error)) &&
		apply_settings(conf, identity, error);
	free(brokers);
	if (!is_applied)
	{
		rd_kafka_conf_destroy(conf);
		return NULL;
	}

	if (role == BROKER_PUBLISHER || role == BROKER_PROBE)
		events |= RD_KAFKA_EVENT_DR;
	else if (role == BROKER_READER)
		events |= RD_KAFKA_EVENT_FETCH;
	rd_kafka_conf_set_events(conf, events);
	return conf;
}

static bool
open_wakeup(BrokerClient *client, char *error)
{
	int			ends[2];

	/* a full pipe must not block librdkafka, which writes holding a lock */
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
	{
		snprintf(error, BROKER_ERROR_SIZE, "could not create a pipe: %s",
				 strerror(errno));
		return false;
	}
	client->wake_read = ends[0];
	client->wake_write = ends[1];
	return true;
}

BrokerClient *
broker_client_create(BrokerRole role, const BrokerOptions *options,
					 const BrokerSetting *settings, char *error)
{
	BrokerClient *client;
	rd_kafka_conf_t *conf;
	sigset_t	previous;
	char		refusal[BROKER_ERROR_SIZE]; /* librdkafka empties it first */

	client = calloc(1, sizeof(*client));
	if (client == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		return NULL;
	}
	client->wake_read = -1;
	client->wake_write = -1;
	client->notices = calloc(NOTICES_KEPT, sizeof(*client->notices));
	if (client->notices == NULL)
	{
		snprintf(error, BROKER_ERROR_SIZE, "out of memory");
		broker_client_destroy(client);
		return NULL;
	}
	if (!open_wakeup(client, error))
	{
		broker_client_destroy(client);
		return NULL;
	}
	conf = read_file(client, options->config_file, error) ?
		make_configuration(role, options, settings, client->file, error) : NULL;
	if (conf == NULL)
	{
		broker_client_destroy(client);
		return NULL;
	}

	broker_block_signals(&previous);
	client->kafka = rd_kafka_new(role == BROKER_PUBLISHER || role == BROKER_PROBE ?
								 RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER,
								 conf, refusal, sizeof(refusal));
	broker_restore_signals(&previous);
	if (client->kafka == NULL)
	{
		rd_kafka_conf_destroy(conf);	/* still ours where it failed */
		config_file_hide(client->file, refusal);
		memcpy(error, refusal, sizeof(refusal));
		broker_client_destroy(client);
		return NULL;
	}
	process_end_client_made();

	if (role == BROKER_READER)
	{
		/* errors of the client itself to where the messages are */
		rd_kafka_poll_set_consumer(client->kafka);
		client->queue = rd_kafka_queue_get_consumer(client->kafka);
	}
	else
		client->queue = rd_kafka_queue_get_main(client->kafka);
	rd_kafka_queue_io_event_enable(client->queue, client->wake_write, "!", 1);

	/* last: log lines of the creation move over and must wake the caller */
	rd_kafka_set_log_queue(client->kafka, client->queue);
	return client;
}

static void *
destroy_main(void *kafka)
{
	rd_kafka_destroy_flags(kafka, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	process_end_client_gone();
	return NULL;
}

/*
 * rd_kafka_destroy() joins librdkafka's threads, and one that waits for a name
 * server in getaddrinfo() can neither be interrupted nor be left behind.  So
 * another thread does the joining, and only it has to wait.
 */
static void
destroy_aside(rd_kafka_t *kafka)
{
	pthread_t	thread;
	sigset_t	previous;
	struct timespec until;
	int			failed;

	broker_block_signals(&previous);
	failed = pthread_create(&thread, NULL, destroy_main, kafka);
	if (failed)
		destroy_main(kafka);
	broker_restore_signals(&previous);
	if (failed)
		return;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += DESTROY_WAIT_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) != 0)
		pthread_detach(thread);
}

void
broker_client_destroy(BrokerClient *client)
{
	if (client == NULL)
		return;
	if (client->queue != NULL)
	{
		/* taken back under the queue's lock: nobody writes to it hereafter */
		rd_kafka_queue_io_event_enable(client->queue, -1, NULL, 0);
		rd_kafka_queue_destroy(client->queue);
	}
	if (client->wake_read >= 0)
		close(client->wake_read);
	if (client->wake_write >= 0)
		close(client->wake_write);
	if (client->kafka != NULL)
		destroy_aside(client->kafka);
	config_file_free(client->file);
	free(client->file);
	free(client->notices);
	free(client);
}

void
broker_client_clear_wakeup(BrokerClient *client)
{
	char		bytes[64];
	ssize_t		count;

	do
		count = read(client->wake_read, bytes, sizeof(bytes));
	while (count == (ssize_t) sizeof(bytes) || (count < 0 && errno == EINTR));
}

/* The place for the next notice, made by forgetting the oldest where full. */
static BrokerNotice *
next_notice(BrokerClient *client)
{
	int			at;

	if (client->notice_count == NOTICES_KEPT)
	{
		client->notice_next = (client->notice_next + 1) % NOTICES_KEPT;
		client->notice_count--;
		client->notices_lost++;
	}
	at = (client->notice_next + client->notice_count) % NOTICES_KEPT;
	client->notice_count++;
	memset(&client->notices[at], 0, sizeof(BrokerNotice));
	return &client->notices[at];
}

bool
broker_client_note(BrokerClient *client, rd_kafka_event_t *event)
{
	BrokerNotice *notice;
	const char *text = NULL;
	int			level = LEVEL_ERROR;

	switch (rd_kafka_event_type(event))
	{
		case RD_KAFKA_EVENT_LOG:
			if (rd_kafka_event_log(event, NULL, &text, &level) != 0)
				return true;
			notice = next_notice(client);
			notice->level = level;
			break;
		case RD_KAFKA_EVENT_ERROR:
			notice = next_notice(client);
			notice->code = rd_kafka_event_error(event);
			notice->is_fatal = rd_kafka_event_error_is_fatal(event) != 0;
			notice->level = notice->is_fatal ? LEVEL_CRITICAL : LEVEL_ERROR;
			text = rd_kafka_event_error_string(event);
			break;
		default:
			return false;
	}
	snprintf(notice->text, sizeof(notice->text), "%s", text);
	config_file_hide(client->file, notice->text);
	return true;
}

void
broker_client_note_error(BrokerClient *client, rd_kafka_resp_err_t code,
						 const char *format,...)
{
	BrokerNotice *notice = next_notice(client);
	va_list		arguments;

	notice->is_fatal = code == RD_KAFKA_RESP_ERR__FATAL;
	notice->level = notice->is_fatal ? LEVEL_CRITICAL : LEVEL_ERROR;
	notice->code = code;
	va_start(arguments, format);
	vsnprintf(notice->text, sizeof(notice->text), format, arguments);
	va_end(arguments);
	config_file_hide(client->file, notice->text);
}

bool
broker_client_notice(BrokerClient *client, BrokerNotice *notice)
{
	if (client->notice_count == 0)
		return false;
	*notice = client->notices[client->notice_next];
	client->notice_next = (client->notice_next + 1) % NOTICES_KEPT;
	client->notice_count--;
	return true;
}
