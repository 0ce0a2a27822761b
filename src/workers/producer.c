/*-------------------------------------------------------------------------
 *
 * producer.c
 *	  The producer worker: from the source into the outbox, and on to Kafka.
 *
 * agenda.c says when a sweep is due, sweeping.c makes it, answer.c writes what it
 * brings to the outbox, and delivery.c sends that, beside the sweep.  Source and
 * broker fail apart from each other: while Kafka is away sweeps go on into the
 * outbox, up to its limit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "config.h"
#include "workers/agenda.h"
#include "workers/answer.h"
#include "workers/delivery.h"
#include "workers/hot.h"
#include "workers/indices.h"
#include "workers/launcher.h"
#include "workers/loop.h"
#include "workers/other_producer.h"
#include "workers/outbox_level.h"
#include "workers/sweeping.h"
#include "workers/symbol_refresh.h"
#include "workers/target.h"
#include "workers/tell.h"
#include "workers/timing.h"
#include "workers/unstored.h"
#include "workers/topic.h"

static void
producer_cleanup(int code, Datum argument)
{
	delivery_end();
	sweeping_release();
	indices_release();
}

/*
 * May another sweep begin, as far as others are concerned?
 */
static bool
may_sweep(void)
{
	return !outbox_level_is_full() && !other_producer_is_elder();
}

/*
 * Is a hot sweep due, and may one begin?  A sweep of all makes room for it.
 */
static bool
consider_hot_sweep(void)
{
	return hot_is_due() &&
		backoff_is_over(sweeping_store_backoff()) &&
		backoff_is_over(sweeping_source_backoff()) && may_sweep() &&
		sweeping_start_hot();
}

/*
 * Is a sweep due, and may one begin?
 */
static void
consider_sweep(void)
{
	SweepOrder	order;
	SweepStart	start;

	if (refresh_is_requested() && backoff_is_over(sweeping_store_backoff()) &&
		sweeping_start_refresh())
		return;
	if (!backoff_is_over(sweeping_store_backoff()) || !may_sweep() ||
		!agenda_due(sweeping_source_backoff(), &order))
		return;
	start = sweeping_start(order.trigger);
	if (start != SWEEP_PUT_OFF)
		agenda_started(&order, start == SWEEP_STARTED ? sweeping_trigger() : NULL);
}

static void
tell_state(void)
{
	const Backoff *source = sweeping_source_backoff();
	const Backoff *store = sweeping_store_backoff();
	char		waiting[AGENDA_TEXT_SIZE];

	if (!backoff_is_over(store))
		worker_back_off(store->until, "the database");
	else if (delivery_store_is_failing())
		worker_back_off(delivery_retry_at(), "the database");
	else if (other_producer_is_elder())
		worker_set_state(WORKER_FAILED,
						 "an administrator: a second producer publishes to this topic, sweeps pause");
	else if (outbox_level_is_full())
		worker_set_state(WORKER_FAILED, "the broker: the outbox is full, sweeps pause");
	else if (other_producer_is_seen())
		worker_set_state(WORKER_FAILED,
						 "an administrator: a second producer publishes to this topic");
	else if (delivery_is_failing())
		worker_back_off(delivery_retry_at(), "the broker; %lld messages in the outbox",
						(long long) delivery_waiting());
	else if (source->failures > 0 && sweeping_is_idle())
	{
		agenda_retry_text(source, waiting);
		worker_set_state(WORKER_BACKING_OFF, "the source; %s", waiting);
	}
	else if (source->failures > 0)
		worker_set_state(WORKER_BACKING_OFF, "the source: trying again");
	else if (sweeping_is_idle())
	{
		agenda_waiting_text(waiting);
		worker_set_state(WORKER_RUNNING, "%s", waiting);
	}
	else
		worker_set_state(WORKER_RUNNING, "answers of the source");
}

static void
producer_wait(void)
{
	WaitSource	sources[2 * HTTP_MAX_SOCKETS + 2];
	int			sweeping_count = sweeping_sources(sources);
	int			indices_count = indices_sources(&sources[sweeping_count]);
	int			count = sweeping_count + indices_count;
	long		timeout;

	memset(&sources[count], 0, 2 * sizeof(WaitSource));
	count += delivery_sources(&sources[count]);

	timeout = sooner(sooner(sweeping_timeout(), indices_timeout()), delivery_timeout());
	if (sweeping_is_idle() && may_sweep())
	{
		long		due = agenda_remaining(sweeping_source_backoff());

		/* what keeps a sweep from beginning now is waited for */
		if (refresh_is_requested())
			due = 0;
		if (due >= 0)
			timeout = sooner(timeout, Max(due, backoff_remaining(sweeping_store_backoff())));
	}
	if (!hot_is_due() && may_sweep())
		timeout = sooner(timeout, hot_remaining());
	worker_wait(sources, count, timeout);
	sweeping_drive(sources, sweeping_count);
	indices_drive(&sources[sweeping_count], indices_count);
}

/*
 * What this process cannot take over while it runs.
 */
static char *
fixed_settings(void)
{
	return psprintf("%s %s %s %s %s %s", config_brokers, config_topic, config_sources,
					config_vci_url, config_kbs_url, config_node_name);
}

static void
apply_settings(const char *fixed)
{
	char	   *now = fixed_settings();
	bool		same = strcmp(now, fixed) == 0;

	pfree(now);
	if (!same || worker_broker_file_changed())
		worker_restart("where to read from or publish to has changed");
	sweeping_reconfigure();
	indices_reconfigure();
	agenda_reconfigure();
}

void
producer_main(void)
{
	char	   *fixed;
	bool		is_idle;

	MemoryContextSwitchTo(AllocSetContextCreate(TopMemoryContext, "vnstream producer",
												ALLOCSET_DEFAULT_SIZES));
	answer_begin();
	before_shmem_exit(producer_cleanup, 0);

	while (!target_claim())
	{
		worker_wait(NULL, 0, -1);
		if (worker_is_to_end())
			return;
	}

	other_producer_begin();

	/* only now: a reload may have come while that was waited for */
	fixed = fixed_settings();
	timing_begin(true);
	unstored_begin();
	delivery_begin();
	sweeping_begin();
	indices_begin();
	agenda_begin();
	while (!worker_is_to_end())
	{
		if (worker_reloaded())
			apply_settings(fixed);
		/* the round that begins a sweep also sends its first requests */
		is_idle = sweeping_round();
		if (consider_hot_sweep())
			(void) sweeping_round();
		else if (is_idle)
		{
			consider_sweep();
			(void) sweeping_round();
		}
		indices_round();
		delivery_round();
		outbox_level_round();
		other_producer_round();
		tell_state();
		producer_wait();
	}
	worker_set_state(WORKER_STOPPING, "acknowledgements");
	delivery_drain();
	delivery_end();
	sweeping_end();
	other_producer_end();
}
