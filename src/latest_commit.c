/*-------------------------------------------------------------------------
 *
 * latest_commit.c
 *	  Quotes of this transaction on their way into the map of the latest.
 *
 * XACT_EVENT_PRE_COMMIT comes when nothing of the transaction is visible yet,
 * XACT_EVENT_COMMIT when all of it is: in between, which is as long as the WAL
 * takes to the disk or to a synchronous standby, the marks stand.  A process that
 * dies there takes all shared memory along (SIGKILL), or goes through the abort.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "config.h"
#include "latest.h"
#include "latest_commit.h"

typedef struct Gathered
{
	char		ticker[TICKER_MAX + 1];	/* hash key */
	LatestChange change;
} Gathered;

/* What one level of the transaction has gathered.  In TopTransactionContext. */
typedef struct Layer
{
	struct Layer *below;
	int			level;
	bool		has_more;		/* more tickers than a map has slots */
	HTAB	   *changes;
} Layer;

static Layer *top_layer = NULL;

/* From PRE_COMMIT on. */
static bool is_marked = false;
static LatestChange *marked;
static int	marked_count;
static bool marked_more;
static LatestTicket ticket;

static Layer *
push_layer(int level)
{
	HASHCTL		control = {.keysize = TICKER_MAX + 1,.entrysize = sizeof(Gathered),
	.hcxt = TopTransactionContext};
	Layer	   *layer = MemoryContextAllocZero(TopTransactionContext, sizeof(Layer));

	layer->changes = hash_create("vnstream quotes of a transaction", 256, &control,
								 HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	layer->level = level;
	layer->below = top_layer;
	top_layer = layer;
	return layer;
}

static void
pop_layer(void)
{
	Layer	   *layer = top_layer;

	top_layer = layer->below;
	hash_destroy(layer->changes);
	pfree(layer);
}

static void
gather(Layer *layer, uint64 table_state, const Quote *quote)
{
	bool		found;
	Gathered   *gathered;

	gathered = hash_search(layer->changes, quote->ticker,
						   hash_get_num_entries(layer->changes) < config_max_symbols ?
						   HASH_ENTER : HASH_FIND, &found);
	if (gathered == NULL)
	{
		layer->has_more = true;
		return;
	}
	if (found && gathered->change.quote.time > quote->time)
		return;
	gathered->change.quote = *quote;
	gathered->change.table_state = table_state;
	gathered->change.slot = -1;
}

/* What a subtransaction has gathered is its parent's now. */
static void
merge_layer(void)
{
	Layer	   *layer = top_layer;
	HASH_SEQ_STATUS status;
	Gathered   *gathered;

	if (layer->below == NULL || layer->below->level < layer->level - 1)
	{
		layer->level--;
		return;
	}
	hash_seq_init(&status, layer->changes);
	while ((gathered = hash_seq_search(&status)) != NULL)
		gather(layer->below, gathered->change.table_state, &gathered->change.quote);
	layer->below->has_more |= layer->has_more;
	pop_layer();
}

static void
mark(void)
{
	HASH_SEQ_STATUS status;
	Gathered   *gathered;

	if (top_layer == NULL)
		return;
	Assert(top_layer->below == NULL);
	marked = MemoryContextAllocHuge(TopTransactionContext,
									hash_get_num_entries(top_layer->changes) * sizeof(LatestChange));
	marked_count = 0;
	marked_more = top_layer->has_more;
	hash_seq_init(&status, top_layer->changes);
	while ((gathered = hash_seq_search(&status)) != NULL)
		marked[marked_count++] = gathered->change;
	latest_mark(marked, marked_count, marked_more, &ticket);
	is_marked = true;
}

static void
at_transaction_end(XactEvent event, void *argument)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			mark();
			return;
		case XACT_EVENT_PRE_PREPARE:
			if (top_layer != NULL)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has stored quotes"),
						 errhint("Replay and import in a transaction of their own, ended by COMMIT.")));
			return;
		case XACT_EVENT_COMMIT:
			if (is_marked)
				latest_apply(marked, marked_count, marked_more, &ticket);
			break;
		case XACT_EVENT_ABORT:
			if (is_marked)
				latest_unmark(marked, marked_count, marked_more, &ticket);
			break;
		default:
			return;
	}

	/* the memory goes with the transaction */
	is_marked = false;
	top_layer = NULL;
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subtransaction,
					  SubTransactionId parent, void *argument)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		if (top_layer != NULL && top_layer->level == level)
			merge_layer();
	}
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (top_layer != NULL && top_layer->level >= level)
			pop_layer();
	}
}

void
latest_commit_gather(uint64 table_state, const Quote *quote)
{
	static bool is_installed = false;
	int			level = GetCurrentTransactionNestLevel();

	if (!is_installed)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		RegisterSubXactCallback(at_subtransaction_end, NULL);
		is_installed = true;
	}
	if (top_layer == NULL || top_layer->level < level)
		(void) push_layer(level);
	gather(top_layer, table_state, quote);
}

bool
latest_commit_has_gathered(void)
{
	return top_layer != NULL;
}
