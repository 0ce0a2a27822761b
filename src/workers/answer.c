/*-------------------------------------------------------------------------
 *
 * answer.c
 *	  An answer of the source, made messages of the outbox.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "config.h"
#include "market/day.h"
#include "market/rules.h"
#include "store/outbox.h"
#include "store/rejects.h"
#include "workers/answer.h"
#include "workers/delivery.h"
#include "workers/market_day.h"
#include "workers/outgoing.h"
#include "workers/symbol_book.h"
#include "workers/timing.h"
#include "workers/unstored.h"

/* How long the database may take for one answer. */
#define STORE_TIMEOUT_MS 30000

/* A board made ready for the outbox; kept until it is committed. */
typedef struct PendingResponse
{
	bool		is_there;
	OutboxResponse response;
	int64		answered;
	int64		unchanged;
	int64		rejected;
	int64		judged_at;		/* µs since 1970 UTC */
	Reject	   *rejects;		/* refused or flagged */
	int			reject_count;
} PendingResponse;

/* What was wrong with a board; one line in the log for all of it. */
typedef struct Rejections
{
	int			count;
	char		ticker[32];
	char		reason[QUOTE_ERROR_SIZE];
} Rejections;

static MemoryContext answer_context;
static PendingResponse pending;
static DayTotals *day_totals;

void
answer_begin(void)
{
	answer_context = AllocSetContextCreate(TopMemoryContext, "vnstream answer",
										   ALLOCSET_DEFAULT_SIZES);
	outgoing_begin(TopMemoryContext);
	day_totals_free(day_totals);
	day_totals = day_totals_create();
	if (day_totals == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

bool
answer_is_pending(void)
{
	return pending.is_there;
}

/*
 * Is the quote worth a message?  Besides what is new, a first one of each phase
 * of its exchange (a trading date of its own is new by itself), so that whoever
 * reads rows finds where each phase began.
 */
static bool
says_something_new(const Quote *quote)
{
	const Quote *earlier;

	if (config_heartbeat == 0)
		return true;
	earlier = outgoing_quote(quote->ticker);
	return earlier == NULL || !quote_is_unchanged(earlier, quote) ||
		market_day_is_new_phase(quote, earlier->time) ||
		quote->time - earlier->time >= (int64) config_heartbeat * USECS_PER_SEC;
}

static void
note_rejection(Rejections *rejections, const char *ticker, const char *reason)
{
	if (rejections->count++ > 0)
		return;
	strlcpy(rejections->ticker, ticker[0] != '\0' ? ticker : "a row without a ticker",
			sizeof(rejections->ticker));
	strlcpy(rejections->reason, reason, sizeof(rejections->reason));
}

/* Room for one more is there: each row has at most one rejection, or two flags. */
static void
add_reject(const char *ticker, const char *rule, bool is_flag, const char *reason,
		   char *row)
{
	Reject	   *reject = &pending.rejects[pending.reject_count++];

	reject->ticker = ticker[0] != '\0' ? pstrdup(ticker) : NULL;
	reject->rule = rule;
	reject->is_flag = is_flag;
	reject->reason = pstrdup(reason);
	reject->row = row;
}

/*
 * What the list of symbols knows and the row does not: the kind, without which
 * the row's count of listed shares is nobody's; and, good for a flag only, a
 * count.
 */
static void
complete_quote(Quote *quote, BoardListing *listing)
{
	const BookSymbol *known = symbol_book_find(quote->ticker);

	if (known == NULL || quote_knows(quote, QUOTE_LISTED_SHARES))
		return;
	if (listing->kind[0] == '\0')
	{
		strlcpy(listing->kind, known->symbol.kind, sizeof(listing->kind));
		board_listing_apply(listing, quote);
	}
	if (listing->listed_shares <= 0)
		listing->listed_shares = known->listed_shares;
}

/* What is suspicious of a quote that the rules accept. */
static void
flag_quote(const Quote *quote, const BoardListing *listing, const char *message)
{
	char		reason[QUOTE_ERROR_SIZE];
	const char *flag = day_totals_note(day_totals, quote, reason);

	if (flag != NULL)
		add_reject(quote->ticker, flag, true, reason, pstrdup(message));
	if (!rules_flag_listed(quote, listing->listed_shares, reason))
		add_reject(quote->ticker, RULE_FLAG_LISTED, true, reason, pstrdup(message));
}

void
answer_take(const Board *board, const char *source, int64 sweep, bool publishes_all)
{
	OutboxResponse *response = &pending.response;
	Rejections	rejections = {0};
	MemoryContext before;
	int64		now = UNIX_FROM_TIMESTAMP(GetCurrentTimestamp());
	size_t		i;

	MemoryContextReset(answer_context);
	before = MemoryContextSwitchTo(answer_context);
	memset(&pending, 0, sizeof(pending));
	response->sweep = sweep;
	response->source = pstrdup(source);
	response->tickers = palloc(sizeof(char *) * (board->count + 1));
	response->messages = palloc(sizeof(char *) * (board->count + 1));
	pending.answered = board->count;
	pending.judged_at = now;
	pending.rejects = palloc(sizeof(Reject) * (2 * board->count + board->refusal_count + 1));

	for (i = 0; i < board->count; i++)
	{
		Quote		completed = board->quotes[i];
		const Quote *quote = &completed;
		BoardListing listing = board->listings[i];
		char		error[QUOTE_ERROR_SIZE];
		char		message[QUOTE_JSON_SIZE];
		const char *rule;

		complete_quote(&completed, &listing);
		(void) quote_to_json(quote, message);
		if (!rules_accept(quote, now, &rule, error))
		{
			note_rejection(&rejections, quote->ticker, error);
			add_reject(quote->ticker, rule, false, error, pstrdup(message));
			pending.rejected++;
			continue;
		}
		market_day_note(quote);
		if (!publishes_all && !says_something_new(quote))
		{
			pending.unchanged++;
			continue;
		}
		flag_quote(quote, &listing, message);
		timing_published(quote);
		response->fetched_at = quote->time;
		response->tickers[response->count] = pstrdup(quote->ticker);
		response->messages[response->count++] = pstrdup(message);
	}
	for (i = 0; i < board->refusal_count; i++)
	{
		const BoardRefusal *refusal = &board->refusals[i];

		note_rejection(&rejections, refusal->ticker, refusal->reason);
		add_reject(refusal->ticker, REJECT_FORM, false, refusal->reason,
				   reject_row(refusal->row, refusal->length));
		if (refusal->ticker[0] == '\0')
			continue;
		pending.answered++;
		pending.rejected++;
	}
	if (rejections.count > 0)
		worker_error(LOG, ERRCODE_DATA_EXCEPTION, NULL,
					 "%d of %zu quotes were rejected; the first, %s: %s", rejections.count,
					 board->count + board->refusal_count, rejections.ticker,
					 rejections.reason);
	pending.is_there = pending.answered > 0 || pending.reject_count > 0;
	MemoryContextSwitchTo(before);
}

static void
store_pending(void *argument)
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	outbox_add(&catalog, &pending.response, pending.answered, pending.unchanged,
			   pending.rejected);
	rejects_add(&catalog, pending.response.sweep, pending.response.source,
				pending.judged_at, pending.rejects, pending.reject_count,
				config_rejects_limit);
}

bool
answer_flush(Backoff *store_backoff)
{
	StoreError	error;
	int			i;

	if (!pending.is_there)
		return true;
	if (!backoff_is_over(store_backoff))
		return false;
	(void) store_transaction(store_pending, NULL, "writing to the outbox",
							 STORE_TIMEOUT_MS, &error);
	if (worker_store_failed(&error, store_backoff))
		return false;
	pending.is_there = false;
	for (i = 0; i < pending.response.count; i++)
		outgoing_remember(pending.response.messages[i]);
	unstored_add(&pending.response);
	worker_add(0, pending.response.count);
	latency_flush();
	delivery_add(&pending.response);
	return true;
}
