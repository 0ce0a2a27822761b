/*-------------------------------------------------------------------------
 *
 * audit_offsets.c
 *	  The deep audit: which offsets should be rows and are not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "functions/audit_offsets.h"
#include "store/message.h"
#include "workers/loop.h"

#define RUNS_FETCHED 1000

/* Offsets of one question to Kafka, and of all of a segment's questions. */
#define LOOK_SPAN 10000
#define LOOK_MOST 1000000

/* Runs that are named, so that no answer outgrows memory; and in a NOTICE. */
#define RUNS_NAMED 1000
#define RUNS_TOLD 20

/* Quotes that are remembered as missing, to know one that came twice. */
#define QUOTES_REMEMBERED 100000

typedef struct OffsetRun
{
	int64		from;
	int64		to;
} OffsetRun;

/* Some offsets, added once each; runs that come in order are joined. */
typedef struct OffsetSet
{
	int64		count;
	OffsetRun  *runs;			/* RUNS_NAMED at most */
	int			run_count;
	bool		is_cut;
} OffsetSet;

typedef struct QuoteKey
{
	char		ticker[TICKER_MAX + 1];
	int64		time;
} QuoteKey;

/* One segment that lacks some. */
typedef struct Inquiry
{
	const StoreCatalog *catalog;
	AuditKafka *kafka;
	const AuditSegment *segment;
	const TopicPartition *partition;	/* NULL: nothing can be looked at */
	const AuditDrop *drops;
	int			drop_count;
	OffsetSet	unstored;		/* a quote without a row: missing, or a letter
								 * that was purged */
	OffsetSet	unkept;			/* no quote: missing, or a letter that was purged */
	OffsetSet	empty;			/* no message in Kafka: a gap, or compacted since */
	OffsetSet	gone;			/* Kafka does not tell, or the quote's row may
								 * have been in a month that was dropped: any of
								 * these */
	int64		duplicates;		/* seen to be such */
	HTAB	   *keys;			/* of unstored */
	PeekRange  *ranges;			/* to look at next */
	int			range_count;
	int			span;
} Inquiry;

static void
set_add(OffsetSet *set, int64 from, int64 to)
{
	if (from >= to)
		return;
	set->count += to - from;
	if (set->run_count > 0 && !set->is_cut && set->runs[set->run_count - 1].to == from)
		set->runs[set->run_count - 1].to = to;
	else if (set->run_count < RUNS_NAMED)
	{
		set->runs[set->run_count].from = from;
		set->runs[set->run_count].to = to;
		set->run_count++;
	}
	else
		set->is_cut = true;
}

static void
append_set(StringInfo text, const OffsetSet *set, int most)
{
	for (int i = 0; i < set->run_count && i < most; i++)
		appendStringInfo(text, "%s[" INT64_FORMAT "," INT64_FORMAT ")",
						 text->data[text->len - 1] == '{' ? "" : ",",
						 set->runs[i].from, set->runs[i].to);
}

Datum
offsets_datum(const char *text)
{
	Oid			input;
	Oid			parameter;

	getTypeInputInfo(INT8MULTIRANGEOID, &input, &parameter);
	return OidInputFunctionCall(input, unconstify(char *, text), parameter, -1);
}

/* True where an earlier message of this quote has no row either. */
static bool
was_unstored(Inquiry *inquiry, const char *ticker, int64 time)
{
	QuoteKey	key;
	bool		found;

	memset(&key, 0, sizeof(key));
	strlcpy(key.ticker, ticker, sizeof(key.ticker));
	key.time = time;
	(void) hash_search(inquiry->keys, &key,
					   hash_get_num_entries(inquiry->keys) < QUOTES_REMEMBERED ?
					   HASH_ENTER : HASH_FIND, &found);
	return found;
}

static bool
is_of_dropped_month(const Inquiry *inquiry, int64 time)
{
	for (int i = 0; i < inquiry->drop_count; i++)
	{
		if (time >= inquiry->drops[i].from && time < inquiry->drops[i].to)
			return true;
	}
	return false;
}

static int
compare_offsets(const void *a, const void *b)
{
	int64		left = ((const PeekMessage *) a)->offset;
	int64		right = ((const PeekMessage *) b)->offset;

	return left < right ? -1 : left > right ? 1 : 0;
}

/* What each message of an answer is, in the order of offsets. */
static void
judge_messages(Inquiry *inquiry, const PeekMessage *messages, int count)
{
	int64		now = UNIX_FROM_TIMESTAMP(GetCurrentTimestamp());
	char	  **tickers = palloc(sizeof(char *) * Max(count, 1));
	int64	   *times = palloc(sizeof(int64) * Max(count, 1));
	bool	   *found = palloc0(sizeof(bool) * Max(count, 1));
	int64	   *offsets = palloc(sizeof(int64) * Max(count, 1));
	int			quotes = 0;

	for (int i = 0; i < count; i++)
	{
		IngestMessage message = {.value = messages[i].value, .value_length = messages[i].value_length};

		message_judge(&message, now, CurrentMemoryContext);
		if (message.fate != MESSAGE_IS_QUOTE)
		{
			set_add(&inquiry->unkept, messages[i].offset, messages[i].offset + 1);
			continue;
		}
		tickers[quotes] = pstrdup(message.quote.ticker);
		times[quotes] = message.quote.time;
		offsets[quotes++] = messages[i].offset;
	}
	audit_find_quotes(inquiry->catalog, tickers, times, found, quotes);
	for (int i = 0; i < quotes; i++)
	{
		if (found[i] || was_unstored(inquiry, tickers[i], times[i]))
			inquiry->duplicates++;
		else if (is_of_dropped_month(inquiry, times[i]))
			set_add(&inquiry->gone, offsets[i], offsets[i] + 1);
		else
			set_add(&inquiry->unstored, offsets[i], offsets[i] + 1);
	}
}

static void look_at(Inquiry *inquiry, const PeekRange *ranges, int count, int span);

/* The same in two parts, the earlier offsets first. */
static void
look_at_halves(Inquiry *inquiry, const PeekRange *ranges, int count, int span)
{
	PeekRange	first = ranges[0];
	PeekRange	second = ranges[0];
	int			half = count / 2;
	int			half_span = 0;

	if (count == 1)
	{
		half_span = (int) ((first.to - first.from) / 2);
		first.to = first.from + half_span;
		second.from = first.to;
		look_at(inquiry, &first, 1, half_span);
		look_at(inquiry, &second, 1, span - half_span);
		return;
	}
	for (int i = 0; i < half; i++)
		half_span += (int) (ranges[i].to - ranges[i].from);
	look_at(inquiry, ranges, half, half_span);
	look_at(inquiry, ranges + half, count - half, span - half_span);
}

static void
look_at(Inquiry *inquiry, const PeekRange *ranges, int count, int span)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vnstream look into Kafka",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	const PeekAnswer *answer;
	PeekMessage *messages = NULL;
	int			next = 0;
	bool		is_too_large;

	CHECK_FOR_INTERRUPTS();
	answer = audit_kafka_look(inquiry->kafka, inquiry->segment, ranges, count, span);
	is_too_large = answer != NULL && answer->fault == PEEK_TOO_LARGE && span > 1;
	if (answer != NULL && answer->fault == PEEK_FINE)
	{
		messages = palloc(sizeof(PeekMessage) * Max(answer->message_count, 1));
		memcpy(messages, answer->messages, sizeof(PeekMessage) * answer->message_count);
		qsort(messages, answer->message_count, sizeof(PeekMessage), compare_offsets);
	}
	for (int i = 0; i < count && !is_too_large; i++)
	{
		int64		offset = ranges[i].from;

		while (messages != NULL && next < answer->message_count &&
			   messages[next].offset < ranges[i].to)
		{
			if (messages[next].offset >= offset)
			{
				set_add(&inquiry->empty, offset, messages[next].offset);
				offset = messages[next].offset + 1;
			}
			next++;
		}
		set_add(messages != NULL ? &inquiry->empty : &inquiry->gone, offset, ranges[i].to);
	}
	if (messages != NULL)
		judge_messages(inquiry, messages, answer->message_count);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	if (is_too_large)
		look_at_halves(inquiry, ranges, count, span);
}

static void
look_at_all(Inquiry *inquiry)
{
	if (inquiry->range_count > 0)
		look_at(inquiry, inquiry->ranges, inquiry->range_count, inquiry->span);
	inquiry->range_count = 0;
	inquiry->span = 0;
}

static void
take_run(Inquiry *inquiry, const AuditRun *run)
{
	const AuditSegment *segment = inquiry->segment;
	int64		explained = segment->duplicates + segment->gaps + segment->purged;
	int64		from = run->from;
	int64		to;

	if (explained == 0)
	{
		set_add(&inquiry->unstored, run->from, run->to);
		return;
	}
	if (inquiry->partition == NULL || run->of_segment > LOOK_MOST)
	{
		set_add(&inquiry->gone, run->from, run->to);
		return;
	}

	/* What Kafka has deleted, what it has, and what is behind its end. */
	to = Min(run->to, Max(run->from, inquiry->partition->low));
	set_add(&inquiry->gone, from, to);
	from = to;
	to = Min(run->to, Max(from, inquiry->partition->high));
	while (from < to)
	{
		PeekRange  *range = &inquiry->ranges[inquiry->range_count++];

		range->partition = segment->partition;
		range->from = from;
		range->to = Min(to, from + LOOK_SPAN - inquiry->span);
		inquiry->span += (int) (range->to - from);
		from = range->to;
		if (inquiry->range_count == RUNS_FETCHED || inquiry->span == LOOK_SPAN)
			look_at_all(inquiry);
	}
	set_add(&inquiry->gone, from, run->to);
}

static void
tell_undecided(const AuditSegment *segment, const OffsetSet *set, int64 missing)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	append_set(&text, set, RUNS_TOLD);
	appendStringInfoString(&text, set->is_cut || set->run_count > RUNS_TOLD ? ",...}" : "}");
	ereport(NOTICE,
			(errcode(ERRCODE_WARNING),
			 errmsg("segment " INT64_FORMAT ": " INT64_FORMAT " of these " INT64_FORMAT " offsets are missing, and Kafka does not tell which: %s",
					segment->segment, missing, set->count, text.data),
			 errdetail("The others are duplicates, gaps or purged dead letters.")));
	pfree(text.data);
}

/* Which part of a set is missing, where so many of it are something else. */
static int64
resolve(const Inquiry *inquiry, const OffsetSet *set, int64 explained, StringInfo text)
{
	int64		missing = Max(set->count - explained, 0);

	if (missing == 0)
		return 0;
	if (missing == set->count)
		append_set(text, set, RUNS_NAMED);
	else
		tell_undecided(inquiry->segment, set, missing);
	return missing;
}

static void
end_inquiry(Inquiry *inquiry, MissingOffsets *missing)
{
	const AuditSegment *segment = inquiry->segment;
	int64		duplicates;
	int64		conflicts;
	int64		purged;
	int64		gaps;
	StringInfoData text;

	look_at_all(inquiry);

	/*
	 * Letters that were purged are no quotes, or conflicts, whose quote has a
	 * row; only what is left of them can be quotes that PostgreSQL refused.
	 */
	duplicates = Max(segment->duplicates - inquiry->duplicates, 0);
	conflicts = Max(inquiry->duplicates - segment->duplicates, 0);

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	missing->count = resolve(inquiry, &inquiry->unkept, segment->purged, &text);
	purged = Max(segment->purged - inquiry->unkept.count - conflicts, 0);
	missing->count += resolve(inquiry, &inquiry->unstored, purged, &text);
	purged = Max(purged - inquiry->unstored.count, 0);
	missing->count += resolve(inquiry, &inquiry->empty, segment->gaps, &text);
	gaps = Max(segment->gaps - inquiry->empty.count, 0);
	missing->count += resolve(inquiry, &inquiry->gone, duplicates + gaps + purged, &text);
	appendStringInfoChar(&text, '}');
	missing->offsets = offsets_datum(text.data);
	pfree(text.data);
	if (inquiry->unstored.is_cut || inquiry->unkept.is_cut ||
		inquiry->empty.is_cut || inquiry->gone.is_cut)
		ereport(NOTICE,
				(errcode(ERRCODE_WARNING),
				 errmsg("segment " INT64_FORMAT ": more than %d runs of offsets are missing, of which the first are named",
						segment->segment, RUNS_NAMED)));
}

static const AuditSegment *
find_segment(const AuditSegment *segments, int count, int64 number)
{
	for (int i = 0; i < count; i++)
	{
		if (segments[i].segment == number)
			return &segments[i];
	}
	elog(ERROR, "segment " INT64_FORMAT " is not there", number);
}

static void
begin_inquiry(Inquiry *inquiry, const StoreCatalog *catalog, AuditKafka *kafka,
			  const AuditSegment *segment, MemoryContext context)
{
	HASHCTL		control = {.keysize = sizeof(QuoteKey), .entrysize = sizeof(QuoteKey),
	.hcxt = context};
	const AuditDrop *drops = inquiry->drops;
	int			drop_count = inquiry->drop_count;

	MemoryContextReset(context);
	memset(inquiry, 0, sizeof(*inquiry));
	inquiry->drops = drops;
	inquiry->drop_count = drop_count;
	inquiry->catalog = catalog;
	inquiry->kafka = kafka;
	inquiry->segment = segment;
	inquiry->partition = audit_kafka_partition(kafka, segment);
	inquiry->unstored.runs = MemoryContextAlloc(context, sizeof(OffsetRun) * RUNS_NAMED);
	inquiry->unkept.runs = MemoryContextAlloc(context, sizeof(OffsetRun) * RUNS_NAMED);
	inquiry->empty.runs = MemoryContextAlloc(context, sizeof(OffsetRun) * RUNS_NAMED);
	inquiry->gone.runs = MemoryContextAlloc(context, sizeof(OffsetRun) * RUNS_NAMED);
	inquiry->ranges = MemoryContextAlloc(context, sizeof(PeekRange) * RUNS_FETCHED);
	inquiry->keys = hash_create("vnstream missing quotes", 64, &control,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
audit_offsets(const StoreCatalog *catalog, AuditKafka *kafka,
			  const AuditSegment *segments, int count, MissingOffsets *missing)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vnstream inquiry",
												  ALLOCSET_DEFAULT_SIZES);
	AuditRun   *runs = palloc(sizeof(AuditRun) * RUNS_FETCHED);
	Inquiry		inquiry = {.segment = NULL};
	const AuditDrop *drops = audit_drops(catalog, &inquiry.drop_count);
	const AuditSegment *segment = NULL;
	AuditRuns  *found = audit_runs_open(catalog);
	int			run_count;

	inquiry.drops = drops;
	for (int i = 0; i < count; i++)
	{
		missing[i].count = 0;
		missing[i].offsets = offsets_datum("{}");
	}
	while ((run_count = audit_runs_next(found, runs, RUNS_FETCHED)) > 0)
	{
		for (int i = 0; i < run_count; i++)
		{
			CHECK_FOR_INTERRUPTS();
			if (segment == NULL || segment->segment != runs[i].segment)
				segment = find_segment(segments, count, runs[i].segment);
			if (runs[i].of_segment <= segment->duplicates + segment->gaps + segment->purged)
				continue;
			if (segment != inquiry.segment)
			{
				if (inquiry.segment != NULL)
					end_inquiry(&inquiry, &missing[inquiry.segment - segments]);
				begin_inquiry(&inquiry, catalog, kafka, segment, context);
			}
			take_run(&inquiry, &runs[i]);
		}
	}
	if (inquiry.segment != NULL)
		end_inquiry(&inquiry, &missing[inquiry.segment - segments]);
	MemoryContextDelete(context);
	pfree(runs);
}
