/*-------------------------------------------------------------------------
 *
 * delivery.c
 *	  From the outbox to Kafka.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "broker/publisher.h"
#include "broker/query.h"
#include "config.h"
#include "market/quote.h"
#include "workers/delivery.h"
#include "workers/notices.h"
#include "workers/outbox_work.h"
#include "workers/recovery.h"
#include "workers/timing.h"
#include "workers/topic.h"

/* Most messages handed to librdkafka at a time; the rest waits in the outbox. */
#define IN_FLIGHT_MAX 20000

/* Responses read from the outbox at a time. */
#define LOAD_MAX 100

/* When librdkafka gives a message back that no broker acknowledged. */
#define DELIVERY_TIMEOUT_MS 60000

/* A broker that has not acknowledged after this long is the trouble. */
#define SLOW_ACKNOWLEDGEMENT_MS 10000

/*
 * How long an end waits for acknowledgements.  A broker that is well needs
 * milliseconds; what it leaves open is sent again by the next process.
 */
#define DRAIN_MS 2000

/* Messages of one response that a tag can tell apart, in bits. */
#define TAG_INDEX_BITS 16

/* One response on its way. */
typedef struct Delivery
{
	dlist_node	node;
	MemoryContext context;		/* holds this and the response */
	uint64		serial;
	OutboxResponse response;
	int			sent;			/* messages handed to librdkafka, from the first */
	int			acknowledged;
	TimestampTz sent_at;		/* the first of them */
} Delivery;

static MemoryContext delivery_context;
static Publisher *publisher;
static BrokerQuery *topic_query;
static bool topic_is_known;
static dlist_head deliveries = DLIST_STATIC_INIT(deliveries);
static uint64 last_serial;
static int	in_flight;			/* messages of deliveries without a report */
static int64 loaded_through;	/* newest response of the outbox in deliveries */
static bool has_backlog;		/* there may be newer ones in the outbox */
static int64 waiting_messages;
static int64 waiting_bytes;
static bool is_failing;
static bool must_settle;
static bool is_measured;		/* the outbox, once */
static Backoff broker_backoff;
static Backoff store_backoff;
static char node_header[NAMEDATALEN * 2 + 300];

static void
measure_outbox(void *argument)
{
	StoreCatalog catalog;
	int64		responses;

	store_catalog_get(&catalog);
	outbox_size(&catalog, &responses, &waiting_messages, &waiting_bytes);
	snprintf(node_header, sizeof(node_header), UINT64_FORMAT "/%s/%s",
			 GetSystemIdentifier(), get_database_name(MyDatabaseId), config_node_name);
}

/*
 * What waits, and what to call ourselves.  Nothing is sent before both are
 * known.
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
	delivery_context = AllocSetContextCreate(TopMemoryContext, "vnstream delivery",
											 ALLOCSET_DEFAULT_SIZES);
	has_backlog = true;
	measure();
}

static void
drop_delivery(Delivery *delivery)
{
	dlist_delete(&delivery->node);
	MemoryContextDelete(delivery->context);
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
 * Start over from the outbox, in order, with a new client.
 */
static void
start_over(void)
{
	dlist_mutable_iter iterator;

	delivery_end();
	dlist_foreach_modify(iterator, &deliveries)
		drop_delivery(dlist_container(Delivery, node, iterator.cur));
	in_flight = 0;
	must_settle = false;
	loaded_through = 0;
	has_backlog = true;
	topic_is_known = false;
	is_failing = true;
	backoff_fail(&broker_backoff, 0);
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

/*
 * Put a copy of the response at the end of the queue.
 */
static void
enqueue(const OutboxResponse *response)
{
	MemoryContext context = AllocSetContextCreate(delivery_context, "vnstream response",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	Delivery   *delivery = palloc0(sizeof(Delivery));
	int			i;

	Assert(response->count < (1 << TAG_INDEX_BITS));
	delivery->context = context;
	delivery->serial = ++last_serial;
	delivery->response = *response;
	delivery->response.source = pstrdup(response->source);
	delivery->response.tickers = palloc(sizeof(char *) * response->count);
	delivery->response.messages = palloc(sizeof(char *) * response->count);
	for (i = 0; i < response->count; i++)
	{
		delivery->response.tickers[i] = pstrdup(response->tickers[i]);
		delivery->response.messages[i] = pstrdup(response->messages[i]);
	}
	dlist_push_tail(&deliveries, &delivery->node);
	in_flight += response->count;
	loaded_through = response->response;
	MemoryContextSwitchTo(before);
}

void
delivery_add(const OutboxResponse *response)
{
	if (response->count == 0)
		return;
	waiting_messages += response->count;
	waiting_bytes += response->bytes;

	/* behind others in the outbox, or too many under way: its turn comes */
	if (has_backlog || in_flight + response->count > IN_FLIGHT_MAX)
		has_backlog = true;
	else
		enqueue(response);
}

static void
load_backlog(void)
{
	MemoryContext context;
	OutboxResponse *responses;
	int			count;
	int			i;

	if (!has_backlog || in_flight >= IN_FLIGHT_MAX / 2 || !backoff_is_over(&store_backoff))
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "vnstream load",
									ALLOCSET_DEFAULT_SIZES);
	count = outbox_work_load(loaded_through, LOAD_MAX, context, &responses, &store_backoff);
	if (count >= 0)
	{
		for (i = 0; i < count; i++)
			enqueue(&responses[i]);
		has_backlog = count == LOAD_MAX;

		/* the table says so, whatever was counted: a row may have been deleted */
		if (dlist_is_empty(&deliveries))
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
	dlist_iter	iterator;

	dlist_foreach(iterator, &deliveries)
	{
		Delivery   *delivery = dlist_container(Delivery, node, iterator.cur);
		OutboxResponse *response = &delivery->response;
		char		fetched_at[TIME_TEXT_SIZE];
		PublisherHeader headers[3];

		if (delivery->sent == response->count)
			continue;
		if (delivery->sent == 0)
			delivery->sent_at = GetCurrentTimestamp();
		time_to_text(response->fetched_at, fetched_at);
		headers[0].name = "schema";
		headers[0].value = QUOTE_SCHEMA_VERSION;
		headers[1].name = "node";
		headers[1].value = node_header;
		headers[2].name = "fetched-at";
		headers[2].value = fetched_at;

		for (; delivery->sent < response->count; delivery->sent++)
		{
			const char *message = response->messages[delivery->sent];
			char		error[BROKER_ERROR_SIZE];

			switch (publisher_send(publisher, response->tickers[delivery->sent],
								   message, strlen(message), headers, lengthof(headers),
								   delivery->serial << TAG_INDEX_BITS | delivery->sent,
								   error))
			{
				case PUBLISH_QUEUED:
					break;
				case PUBLISH_FULL:
					return true;
				case PUBLISH_FAILED:
					worker_error(LOG, ERRCODE_CONNECTION_FAILURE, NULL,
								 "could not publish: %s", error);
					return false;
			}
		}
	}
	return true;
}

static Delivery *
find_delivery(uint64 serial)
{
	dlist_iter	iterator;

	/* reports come in order, so it is among the first */
	dlist_foreach(iterator, &deliveries)
	{
		Delivery   *delivery = dlist_container(Delivery, node, iterator.cur);

		if (delivery->serial == serial)
			return delivery;
	}
	return NULL;
}

/*
 * Has something waited for too long?  While it does, acknowledgements of later
 * ones, or of other partitions' messages, do not mean that Kafka is well.
 */
static bool
is_slow(void)
{
	dlist_iter	iterator;

	dlist_foreach(iterator, &deliveries)
	{
		Delivery   *delivery = dlist_container(Delivery, node, iterator.cur);

		/* sent in order, so the first one has waited for longest */
		if (delivery->sent > delivery->acknowledged)
			return TimestampDifferenceExceeds(delivery->sent_at, GetCurrentTimestamp(),
											  SLOW_ACKNOWLEDGEMENT_MS);
	}
	return false;
}

static bool
take_reports(void)
{
	PublisherReport report;
	char		failure[BROKER_ERROR_SIZE];
	TimestampTz now = GetCurrentTimestamp();
	int			acknowledged = 0;
	int			failed = 0;

	broker_client_clear_wakeup(publisher_client(publisher));
	while (publisher_report(publisher, &report))
	{
		Delivery   *delivery = find_delivery(report.tag >> TAG_INDEX_BITS);

		if (!report.is_acknowledged)
		{
			if (failed++ == 0)
				strlcpy(failure, report.error, sizeof(failure));
			continue;
		}
		if (delivery == NULL)
			continue;
		acknowledged++;
		in_flight--;
		timing_acknowledged(delivery->response.fetched_at, &report, now);
		if (++delivery->acknowledged == delivery->response.count)
			must_settle = true;
	}
	if (acknowledged > 0)
	{
		worker_add(acknowledged, 0);
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

static bool
is_delivered(const Delivery *delivery)
{
	return delivery->acknowledged == delivery->response.count;
}

/*
 * Remove from the outbox what Kafka has.
 */
static void
settle(void)
{
	dlist_mutable_iter iterator;
	int64	   *responses;
	int			count = 0;
	int			total = 0;
	bool		is_settled;

	if (!must_settle || !backoff_is_over(&store_backoff))
		return;
	dlist_foreach_modify(iterator, &deliveries)
		total++;
	responses = palloc(sizeof(int64) * (total + 1));
	dlist_foreach_modify(iterator, &deliveries)
	{
		Delivery   *delivery = dlist_container(Delivery, node, iterator.cur);

		if (is_delivered(delivery))
			responses[count++] = delivery->response.response;
	}
	is_settled = outbox_work_settle(responses, count, &store_backoff);
	pfree(responses);
	if (!is_settled)
		return;

	/* whole responses get through: single messages may while others cannot */
	backoff_succeed(&broker_backoff);
	must_settle = false;
	dlist_foreach_modify(iterator, &deliveries)
	{
		Delivery   *delivery = dlist_container(Delivery, node, iterator.cur);

		if (!is_delivered(delivery))
			continue;
		waiting_messages -= delivery->response.count;
		waiting_bytes -= delivery->response.bytes;
		drop_delivery(delivery);
	}
	ConditionVariableBroadcast(&shared_state->changed);
}

void
delivery_round(void)
{
	bool		good = true;

	measure();
	if (is_measured)
		connect_publisher();
	if (publisher != NULL)
	{
		load_backlog();
		good = send_messages();
		good = take_reports() && good;
		good = !worker_take_notices(publisher_client(publisher)) && good;
	}
	settle();
	if (!good)
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
	if (must_settle || (publisher != NULL && has_backlog && in_flight < IN_FLIGHT_MAX / 2))
		timeout = sooner(timeout, backoff_remaining(&store_backoff));
	return timeout;
}
