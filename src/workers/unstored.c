/*-------------------------------------------------------------------------
 *
 * unstored.c
 *	  Quotes that are in the outbox and no rows yet, among the latest quotes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "latest.h"
#include "workers/outbox_work.h"
#include "workers/unstored.h"

/*
 * How far back a start looks: an hour of sweeps of the whole market, or some 60
 * MB.  A ticker of which nothing was published for that long has the heartbeat.
 */
#define LOOK_BACK_RESPONSES 2000

#define LOAD_MAX 100

void
unstored_add(const OutboxResponse *response)
{
	for (int i = 0; i < response->count; i++)
	{
		char		error[QUOTE_ERROR_SIZE];
		Quote		quote;

		if (quote_from_message(response->messages[i], strlen(response->messages[i]),
							   &quote, error))
			latest_put(&quote);
	}
}

void
unstored_begin(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vnstream unstored",
												  ALLOCSET_DEFAULT_SIZES);
	Backoff		backoff = {0};
	int64		after;
	int			count;

	latest_claim();
	if (outbox_work_newest(&after, &backoff))
	{
		after -= LOOK_BACK_RESPONSES;
		do
		{
			OutboxResponse *responses;

			count = outbox_work_load(after, LOAD_MAX, context, &responses, &backoff);
			for (int i = 0; i < count; i++)
			{
				unstored_add(&responses[i]);
				after = responses[i].response;
			}
			MemoryContextReset(context);
			CHECK_FOR_INTERRUPTS();
		} while (count == LOAD_MAX);
	}
	MemoryContextDelete(context);
}
