/*-------------------------------------------------------------------------
 *
 * delivery_queue.c
 *	  The responses that delivery.c has loaded from the outbox, and which of
 *	  their messages Kafka has acknowledged.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "market/quote.h"
#include "workers/delivery_queue.h"

/* Most messages that are not acknowledged; the rest waits in the outbox. */
#define MISSING_MAX 20000

/*
 * Most bytes of messages kept here.  A response stays until its last message is
 * acknowledged, so one partition without a leader would keep all of them.
 */
#define HELD_BYTES_MAX (32 * 1024 * 1024)

/* Messages of one response that a tag can tell apart, in bits. */
#define TAG_INDEX_BITS 16

/* One response on its way. */
typedef struct Delivery
{
	dlist_node	node;
	MemoryContext context;		/* holds this and the response */
	uint64		serial;
	OutboxResponse response;
	bool	   *is_acknowledged;	/* of each message */
	int			acknowledged;	/* how many are */
	int			next;			/* the first to look at for this client */
	int			under_way;		/* this client has, without a report */
	TimestampTz sent_at;		/* the first that this client was given */
} Delivery;

static MemoryContext queue_context;
static dlist_head deliveries = DLIST_STATIC_INIT(deliveries);
static Delivery *sending;		/* all before it were given to the client; NULL:
								 * all were */
static Delivery *last_reported; /* reports come in runs; NULL: none */
static uint64 last_serial;
static int64 newest;
static int	missing;			/* messages that are not acknowledged */
static int64 held_bytes;

void
delivery_queue_begin(void)
{
	queue_context = AllocSetContextCreate(TopMemoryContext, "vnstream delivery",
										  ALLOCSET_DEFAULT_SIZES);
}

void
delivery_queue_add(const OutboxResponse *response)
{
	MemoryContext context = AllocSetContextCreate(queue_context, "vnstream response",
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
	delivery->is_acknowledged = palloc0(sizeof(bool) * response->count);
	for (i = 0; i < response->count; i++)
	{
		delivery->response.tickers[i] = pstrdup(response->tickers[i]);
		delivery->response.messages[i] = pstrdup(response->messages[i]);
	}
	MemoryContextSwitchTo(before);

	dlist_push_tail(&deliveries, &delivery->node);
	if (sending == NULL)
		sending = delivery;
	newest = response->response;
	missing += response->count;
	held_bytes += response->bytes;
}

bool
delivery_queue_has_room(int messages)
{
	return missing + messages <= MISSING_MAX && held_bytes < HELD_BYTES_MAX;
}

bool
delivery_queue_wants_more(void)
{
	return missing < MISSING_MAX / 2 && held_bytes < HELD_BYTES_MAX;
}

bool
delivery_queue_is_empty(void)
{
	return dlist_is_empty(&deliveries);
}

int64
delivery_queue_newest(void)
{
	return newest;
}

static Delivery *
following(Delivery *delivery)
{
	return dlist_has_next(&deliveries, &delivery->node) ?
		dlist_container(Delivery, node, dlist_next_node(&deliveries, &delivery->node)) : NULL;
}

bool
delivery_queue_next(QueuedMessage *message)
{
	for (; sending != NULL; sending = following(sending))
	{
		Delivery   *delivery = sending;

		while (delivery->next < delivery->response.count &&
			   delivery->is_acknowledged[delivery->next])
			delivery->next++;
		if (delivery->next == delivery->response.count)
			continue;
		message->response = &delivery->response;
		message->index = delivery->next;
		message->tag = delivery->serial << TAG_INDEX_BITS | delivery->next;
		return true;
	}
	return false;
}

void
delivery_queue_sent(void)
{
	if (sending->under_way == 0)
		sending->sent_at = GetCurrentTimestamp();
	sending->under_way++;
	sending->next++;
}

static Delivery *
find_delivery(uint64 serial)
{
	dlist_iter	iterator;

	if (last_reported != NULL && last_reported->serial == serial)
		return last_reported;
	dlist_foreach(iterator, &deliveries)
	{
		Delivery   *delivery = dlist_container(Delivery, node, iterator.cur);

		if (delivery->serial == serial)
			return last_reported = delivery;
	}
	return NULL;
}

static bool
is_complete(const Delivery *delivery)
{
	return delivery->acknowledged == delivery->response.count;
}

const OutboxResponse *
delivery_queue_acknowledge(uint64 tag, bool *completed)
{
	Delivery   *delivery = find_delivery(tag >> TAG_INDEX_BITS);
	int			index = (int) (tag & ((1 << TAG_INDEX_BITS) - 1));

	*completed = false;
	if (delivery == NULL || delivery->is_acknowledged[index])
		return NULL;
	delivery->is_acknowledged[index] = true;
	delivery->acknowledged++;
	delivery->under_way--;
	missing--;
	*completed = is_complete(delivery);
	return &delivery->response;
}

/*
 * An acknowledged message with an older one of its ticker missing is to be sent
 * once more, behind that one.
 */
static void
forget_overtaking(void)
{
	HASHCTL		control;
	HTAB	   *tickers;
	dlist_iter	iterator;

	memset(&control, 0, sizeof(control));
	control.keysize = TICKER_MAX + 1;
	control.entrysize = TICKER_MAX + 1;
	control.hcxt = queue_context;
	tickers = hash_create("vnstream missing tickers", 1024, &control,
						  HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	dlist_foreach(iterator, &deliveries)
	{
		Delivery   *delivery = dlist_container(Delivery, node, iterator.cur);
		int			i;

		for (i = 0; i < delivery->response.count; i++)
		{
			char		ticker[TICKER_MAX + 1];
			bool		is_missing;

			strlcpy(ticker, delivery->response.tickers[i], sizeof(ticker));
			if (!delivery->is_acknowledged[i])
				(void) hash_search(tickers, ticker, HASH_ENTER, NULL);
			else
			{
				(void) hash_search(tickers, ticker, HASH_FIND, &is_missing);
				if (!is_missing)
					continue;
				delivery->is_acknowledged[i] = false;
				delivery->acknowledged--;
				missing++;
			}
		}
	}
	hash_destroy(tickers);
}

void
delivery_queue_rewind(void)
{
	dlist_iter	iterator;

	forget_overtaking();
	sending = NULL;
	dlist_foreach(iterator, &deliveries)
	{
		Delivery   *delivery = dlist_container(Delivery, node, iterator.cur);

		delivery->next = 0;
		delivery->under_way = 0;
		if (sending == NULL)
			sending = delivery;
	}
}

TimestampTz
delivery_queue_waiting_since(void)
{
	dlist_iter	iterator;

	/* sent in order, so the first one has waited for longest */
	dlist_foreach(iterator, &deliveries)
	{
		Delivery   *delivery = dlist_container(Delivery, node, iterator.cur);

		if (delivery->under_way > 0)
			return delivery->sent_at;
	}
	return 0;
}

int
delivery_queue_complete(int64 **responses)
{
	dlist_iter	iterator;
	int			total = 0;
	int			count = 0;

	dlist_foreach(iterator, &deliveries)
		total++;
	*responses = palloc(sizeof(int64) * (total + 1));
	dlist_foreach(iterator, &deliveries)
	{
		Delivery   *delivery = dlist_container(Delivery, node, iterator.cur);

		if (is_complete(delivery))
			(*responses)[count++] = delivery->response.response;
	}
	return count;
}

void
delivery_queue_drop(int64 *messages, int64 *bytes)
{
	dlist_mutable_iter iterator;

	*messages = *bytes = 0;
	dlist_foreach_modify(iterator, &deliveries)
	{
		Delivery   *delivery = dlist_container(Delivery, node, iterator.cur);

		if (!is_complete(delivery))
			continue;
		*messages += delivery->response.count;
		*bytes += delivery->response.bytes;
		if (sending == delivery)
			sending = following(delivery);
		dlist_delete(&delivery->node);
		MemoryContextDelete(delivery->context);
	}
	held_bytes -= *bytes;
	last_reported = NULL;
}
