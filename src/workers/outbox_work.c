/*-------------------------------------------------------------------------
 *
 * outbox_work.c
 *	  The transactions in which delivery.c reads and settles the outbox.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "workers/outbox_work.h"

typedef struct LoadWork
{
	int64		after;
	int			max;
	MemoryContext context;
	OutboxResponse *responses;
	int			count;
} LoadWork;

typedef struct SettleWork
{
	const int64 *responses;
	int			count;
} SettleWork;

static void
load_responses(void *argument)
{
	LoadWork   *work = argument;
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	work->count = outbox_load(&catalog, work->after, work->max, work->context,
							  &work->responses);
}

int
outbox_work_load(int64 after, int max, MemoryContext context,
				 OutboxResponse **responses, Backoff *backoff)
{
	LoadWork	work = {after, max, context, NULL, 0};
	StoreError	error;

	(void) store_transaction(load_responses, &work, "reading the outbox",
							 OUTBOX_TIMEOUT_MS, &error);
	if (worker_store_failed(&error, backoff))
		return -1;
	*responses = work.responses;
	return work.count;
}

static void
find_newest(void *argument)
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	*(int64 *) argument = outbox_newest(&catalog);
}

bool
outbox_work_newest(int64 *response, Backoff *backoff)
{
	StoreError	error;

	(void) store_transaction(find_newest, response, "reading the outbox",
							 OUTBOX_TIMEOUT_MS, &error);
	return !worker_store_failed(&error, backoff);
}

static void
settle_responses(void *argument)
{
	SettleWork *work = argument;
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	outbox_settle(&catalog, work->responses, work->count);
}

bool
outbox_work_settle(const int64 *responses, int count, Backoff *backoff)
{
	SettleWork	work = {responses, count};
	StoreError	error;

	(void) store_transaction(settle_responses, &work, "settling the outbox",
							 OUTBOX_TIMEOUT_MS, &error);
	return !worker_store_failed(&error, backoff);
}
