/*-------------------------------------------------------------------------
 *
 * delivery.c
 *	  From the outbox to Kafka.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "broker/publisher.h"
#include "broker/query.h"
#include "config.h"
#include "market/quote.h"
#include "workers/delivery.h"
#include "workers/delivery_queue.h"
#include "workers/notices.h"
#include "workers/other_producer.h"
#include "workers/outbox_work.h"
#include "workers/recovery.h"
#include "workers/timing.h"
#include "workers/topic.h"

/* Responses read from the outbox at a time. */
#define LOAD_MAX 100

/* When librdkafka gives a message back that no broker acknowledged. */
#define DELIVERY_TIMEOUT_MS 60000

/* A broker that has not acknowledged after this long is the trouble. */
#define SLOW_ACKNOWLEDGEMENT_MS 10000

/*
 * How long a client that is given up may still tell what Kafka has: what it does
 * not is sent again.
 */
#define LAST_REPORTS_MS 1000

/*
 * How long an end waits for acknowledgements.  A broker that is well needs
 * milliseconds; what it leaves open is sent again by the next process.
 */
#define DRAIN_MS 2000

static Publisher *publisher;
static BrokerQuery *topic_query;
static bool topic_is_known;
static bool has_backlog;		/* there may be newer ones in the outbox */
static int64 waiting_messages;
static int64 waiting_bytes;
static bool is_failing;
static TimestampTz given_up;	/* until then the client may report; 0: it is well */
static bool must_settle;
static bool is_measured;		/* the outbox, once */
static Backoff broker_backoff;
static Backoff store_backoff;
static char node_header[OTHER_NODE_SIZE];
static char instance_header[INSTANCE_TEXT_SIZE];

static void
measure_outbox(void *argument)
{
	StoreCatalog catalog;
	int64		responses;

	store_catalog_get(&catalog);
	outbox_size(&catalog, &responses, &waiting_messages, &waiting_bytes);
}

/*
 * What waits.  Nothing is sent before it is known.
 */
static void
measure(void)
{
	StoreError	error;

	if (is_measured || !backoff_is_over(&store_backoff))
		return;
	(void) store_transaction(measure_outbox, NULL, "measuring the outbox",
							 OUTBOX_TIMEOUT_MS, &error);
	is_measured = !worker_store_failed(&error, &store_backoff);
}

void
delivery_begin(void)
{
	delivery_queue_begin();
	producer_node_text(node_header);
	producer_instance_text(instance_header);
	has_backlog = true;
	measure();
}

void
delivery_end(void)
{
	if (publisher != NULL)
		publisher_destroy(publisher);
	publisher = NULL;
	if (topic_query != NULL)
		broker_query_abandon(topic_query);
	topic_query = NULL;
}

/*
 * Another client is to send what is not acknowledged, in order.
 */
static void
start_over(void)
{
	delivery_end();
	given_up = 0;
	topic_is_known = false;
	is_failing = true;
	backoff_fail(&broker_backoff, 0);
}

/*
 * A message was not taken, so this client is given nothing more.  Has it told of
 * all that it was given, or can it not?
 */
static bool
has_had_its_say(bool is_fatal)
{
	if (given_up == 0)
		given_up = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LAST_REPORTS_MS);
	return is_fatal || publisher_pending(publisher) == 0 || ms_until(given_up) == 0;
}

static void
connect_publisher(void)
{
	PublisherOptions options;
	char		error[BROKER_ERROR_SIZE];

	if (topic_query != NULL && broker_query_is_done(topic_query))
	{
		TopicDescription topic;
		BrokerQuery *query = topic_query;

		topic_query = NULL;
		if (broker_query_finish(query, &topic, error))
		{
			topic_description_free(&topic);
			topic_is_known = true;

			/* with nothing to send, no acknowledgement will tell */
			if (waiting_messages == 0)
			{
				recovery_reached(is_failing);
				is_failing = false;
			}
		}
		else
		{
			worker_error(LOG, ERRCODE_CONNECTION_FAILURE,
						 "Check vnstream.brokers, and whether the brokers are up.",
						 "%s", error);
			is_failing = true;
			backoff_fail(&broker_backoff, 0);
		}
	}
	if (publisher != NULL || topic_query != NULL ||
		(!backoff_is_over(&broker_backoff) && !recovery_is_heard()))
		return;

	broker_backoff.until = 0;
	recovery_try();
	if (!topic_is_known)
	{
		topic_query = topic_ask(false);
		if (topic_query == NULL)
		{
			is_failing = true;
			backoff_fail(&broker_backoff, 0);
		}
		return;
	}

	options.broker = worker_broker_options();
	options.topic = config_topic;
	options.delivery_timeout_ms = DELIVERY_TIMEOUT_MS;
	publisher = publisher_create(&options, error);
	if (publisher == NULL)
	{
		worker_error(LOG, ERRCODE_CONNECTION_FAILURE, NULL, "%s", error);
		is_failing = true;
		backoff_fail(&broker_backoff, 0);
	}
}

void
delivery_add(const OutboxResponse *response)
{
	if (response->count == 0)
		return;
	waiting_messages += response->count;
	waiting_bytes += response->bytes;

	/* behind others in the outbox, or too many under way: its turn comes */
	if (has_backlog || !delivery_queue_has_room(response->count))
		has_backlog = true;
	else
		delivery_queue_add(response);
}

static void
load_backlog(void)
{
	MemoryContext context;
	OutboxResponse *responses;
	int			count;
	int			i;

	if (!has_backlog || !delivery_queue_wants_more() || !backoff_is_over(&store_backoff))
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "vnstream load",
									ALLOCSET_DEFAULT_SIZES);
	count = outbox_work_load(delivery_queue_newest(), LOAD_MAX, context, &responses,
							 &store_backoff);
	if (count >= 0)
	{
		for (i = 0; i < count; i++)
			delivery_queue_add(&responses[i]);
		has_backlog = count == LOAD_MAX;

		/* the table says so, whatever was counted: a row may have been deleted */
		if (delivery_queue_is_empty())
			waiting_messages = waiting_bytes = 0;
	}
	MemoryContextDelete(context);
}

/*
 * Hand over what librdkafka takes.  Answers false where the client is of no
 * more use.
 */
static bool
send_messages(void)
{
	const OutboxResponse *response = NULL;
	QueuedMessage message;
	char		fetched_at[TIME_TEXT_SIZE];
	PublisherHeader headers[] = {
		{"schema", QUOTE_SCHEMA_VERSION},
		{"node", node_header},
		{"instance", instance_header},
		{"fetched-at", fetched_at},
	};

	while (delivery_queue_next(&message))
	{
		const char *text = message.response->messages[message.index];
		char		error[BROKER_ERROR_SIZE];

		if (message.response != response)
		{
			response = message.response;
			time_to_text(response->fetched_at, fetched_at);
		}
		switch (publisher_send(publisher, response->tickers[message.index], text,
							   strlen(text), headers, lengthof(headers), message.tag, error))
		{
			case PUBLISH_QUEUED:
				delivery_queue_sent();
				break;
			case PUBLISH_FULL:
				return true;
			case PUBLISH_FAILED:
				worker_error(LOG, ERRCODE_CONNECTION_FAILURE, NULL,
							 "could not publish: %s", error);
				return false;
		}
	}
	return true;
}

/*
 * Has something waited for too long?  While it does, acknowledgements of later
 * ones, or of other partitions' messages, do not mean that Kafka is well.
 */
static bool
is_slow(void)
{
	TimestampTz since = delivery_queue_waiting_since();

	return since != 0 &&
		TimestampDifferenceExceeds(since, GetCurrentTimestamp(), SLOW_ACKNOWLEDGEMENT_MS);
}

static bool
take_reports(void)
{
	PublisherReport report;
	char		failure[BROKER_ERROR_SIZE];
	TimestampTz now = GetCurrentTimestamp();
	int64		newest = 0;
	int			acknowledged = 0;
	int			failed = 0;

	broker_client_clear_wakeup(publisher_client(publisher));
	while (publisher_report(publisher, &report))
	{
		const OutboxResponse *response;
		bool		is_complete;

		if (!report.is_acknowledged)
		{
			if (failed++ == 0)
				strlcpy(failure, report.error, sizeof(failure));
			continue;
		}
		response = delivery_queue_acknowledge(report.tag, &is_complete);
		if (response == NULL)
			continue;
		acknowledged++;
		timing_acknowledged(response->fetched_at, &report, now);
		newest = Max(newest, response->fetched_at);
		must_settle = must_settle || is_complete;
	}
	if (acknowledged > 0)
	{
		worker_add(acknowledged, 0);
		other_producer_published(newest);
		latency_flush();
		if (!is_slow())
		{
			recovery_reached(is_failing);
			is_failing = false;
		}
	}

	/* they all fail together: one error, not thousands */
	if (failed > 0)
		worker_error(LOG, ERRCODE_CONNECTION_FAILURE,
					 "They are sent again from the outbox. Check whether the brokers are up.",
					 "Kafka did not take %d messages: %s", failed, failure);
	return failed == 0;
}

/*
 * Remove from the outbox what Kafka has.
 */
static void
settle(void)
{
	int64	   *responses;
	int64		messages;
	int64		bytes;
	int			count;
	bool		is_settled;

	if (!must_settle || !backoff_is_over(&store_backoff))
		return;
	count = delivery_queue_complete(&responses);
	is_settled = outbox_work_settle(responses, count, &store_backoff);
	pfree(responses);
	if (!is_settled)
		return;

	/* whole responses get through: single messages may while others cannot */
	backoff_succeed(&broker_backoff);
	must_settle = false;
	delivery_queue_drop(&messages, &bytes);
	waiting_messages -= messages;
	waiting_bytes -= bytes;
	ConditionVariableBroadcast(&shared_state->changed);
}

void
delivery_round(void)
{
	bool		is_over = false;

	measure();
	if (is_measured)
		connect_publisher();
	if (publisher != NULL)
	{
		bool		good = given_up == 0;
		bool		is_fatal;

		if (good)
		{
			load_backlog();
			good = send_messages();
		}
		good = take_reports() && good;
		is_fatal = worker_take_notices(publisher_client(publisher));
		is_over = (!good || is_fatal) && has_had_its_say(is_fatal);
	}
	/* before it leaves the outbox: some of what is acknowledged may be sent again */
	if (is_over)
		delivery_queue_rewind();
	settle();
	if (is_over)
		start_over();
	else if (!is_failing && is_slow())
	{
		worker_error(LOG, ERRCODE_CONNECTION_FAILURE, "Check whether the brokers are up.",
					 "Kafka has not acknowledged within %d s what was sent to it",
					 SLOW_ACKNOWLEDGEMENT_MS / 1000);
		is_failing = true;
	}
	worker_set_lag(Max(waiting_messages, 0));
}

void
delivery_drain(void)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), DRAIN_MS);
	WaitSource	sources[2];

	while (waiting_messages > 0 && !is_failing && ms_until(deadline) > 0)
	{
		memset(sources, 0, sizeof(sources));
		worker_wait(sources, delivery_sources(sources),
					sooner(delivery_timeout(), ms_until(deadline)));
		CHECK_FOR_INTERRUPTS();
		delivery_round();
	}
}

int64
delivery_waiting(void)
{
	return Max(waiting_messages, 0);
}

bool
delivery_is_measured(void)
{
	return is_measured;
}

int64
delivery_waiting_bytes(void)
{
	return Max(waiting_bytes, 0);
}

bool
delivery_is_failing(void)
{
	return is_failing;
}

bool
delivery_store_is_failing(void)
{
	return store_backoff.failures > 0;
}

TimestampTz
delivery_retry_at(void)
{
	return delivery_store_is_failing() ? store_backoff.until : broker_backoff.until;
}

int
delivery_sources(WaitSource *sources)
{
	int			count = 0;

	if (publisher != NULL)
	{
		sources[count].fd = publisher_client(publisher)->wake_read;
		sources[count++].wants_read = true;
	}
	if (topic_query != NULL)
	{
		sources[count].fd = broker_query_fd(topic_query);
		sources[count++].wants_read = true;
	}
	return count;
}

long
delivery_timeout(void)
{
	long		timeout = -1;

	if (!is_measured)
		return backoff_remaining(&store_backoff);
	if (publisher == NULL && topic_query == NULL)
		timeout = backoff_remaining(&broker_backoff);
	if (given_up != 0)
		timeout = ms_until(given_up);
	if (must_settle ||
		(publisher != NULL && given_up == 0 && has_backlog && delivery_queue_wants_more()))
		timeout = sooner(timeout, backoff_remaining(&store_backoff));
	return timeout;
}
