/*-------------------------------------------------------------------------
 *
 * bench.c
 *	  Batches of realistic quotes: every ticker of a market in each sweep.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/resource.h>

#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/memutils.h"

#include "store_test.h"

#define TICKERS 1600
#define FIRST_TIME INT64CONST(1785817798104512) /* 2026-08-04 11:29:58 +07 */

static void
realistic_quote(Quote *quote, int64 number)
{
	int			stock = (int) (number % TICKERS);
	int64		sweep = number / TICKERS;
	double		reference = 10000 + (stock * 37) % 900 * 100;
	double		price = reference + ((stock + sweep) % 13 - 6) * 50;
	char		ticker[4];

	ticker[0] = 'A' + stock / 64 % 26;
	ticker[1] = 'A' + stock / 8 % 8;
	ticker[2] = 'A' + stock % 8;
	ticker[3] = '\0';

	quote_clear(quote);
	(void) quote_set_text(quote, QUOTE_TICKER, ticker);
	quote_set_integer(quote, QUOTE_TIME, FIRST_TIME + sweep * 1000000 + stock);
	quote_set_number(quote, QUOTE_PRICE, price);
	quote_set_integer(quote, QUOTE_VOLUME, 100 + number % 5000);
	quote_set_integer(quote, QUOTE_TOTAL_VOLUME, 1000000 + number);
	quote_set_number(quote, QUOTE_CHANGE, price - reference);
	quote_set_number(quote, QUOTE_CHANGE_PERCENT, (price - reference) / reference * 100);
	quote_set_number(quote, QUOTE_CEILING_PRICE, reference * 1.07);
	quote_set_number(quote, QUOTE_FLOOR_PRICE, reference * 0.93);
	quote_set_number(quote, QUOTE_REFERENCE_PRICE, reference);
	quote_set_number(quote, QUOTE_HIGHEST_PRICE, price + 100);
	quote_set_number(quote, QUOTE_LOWEST_PRICE, price - 100);
	quote_set_number(quote, QUOTE_BID_PRICE, price - 50);
	quote_set_number(quote, QUOTE_ASK_PRICE, price + 50);
	quote_set_number(quote, QUOTE_OPEN_PRICE, reference);
	quote_set_number(quote, QUOTE_TOTAL_VALUE, price * 1000000);
	quote_set_integer(quote, QUOTE_MATCH_TIME, FIRST_TIME + sweep * 1000000 - 500000);
	(void) quote_set_text(quote, QUOTE_MATCH_SIDE, number % 2 ? "b" : "s");
	quote_set_integer(quote, QUOTE_SOURCE_TIME, FIRST_TIME + sweep * 1000000 - 400000);
	quote_set_integer(quote, QUOTE_TRADING_DATE, 20669);
	(void) quote_set_text(quote, QUOTE_SESSION, "LO");
	(void) quote_set_text(quote, QUOTE_EXCHANGE, stock % 3 ? "UPCOM" : "HOSE");
	(void) quote_set_text(quote, QUOTE_SOURCE, "vci");
	quote_set_integer(quote, QUOTE_BID_VOLUME, 1000 + number % 77);
	quote_set_number(quote, QUOTE_BID_PRICE_2, price - 100);
	quote_set_integer(quote, QUOTE_BID_VOLUME_2, 2000);
	quote_set_number(quote, QUOTE_BID_PRICE_3, price - 150);
	quote_set_integer(quote, QUOTE_BID_VOLUME_3, 3000);
	quote_set_integer(quote, QUOTE_ASK_VOLUME, 1000 + number % 55);
	quote_set_number(quote, QUOTE_ASK_PRICE_2, price + 100);
	quote_set_integer(quote, QUOTE_ASK_VOLUME_2, 2000);
	quote_set_number(quote, QUOTE_ASK_PRICE_3, price + 150);
	quote_set_integer(quote, QUOTE_ASK_VOLUME_3, 3000);
	quote_set_integer(quote, QUOTE_FOREIGN_BUY_VOLUME, 12000);
	quote_set_integer(quote, QUOTE_FOREIGN_SELL_VOLUME, 13000);
	quote_set_number(quote, QUOTE_FOREIGN_BUY_VALUE, price * 12000);
	quote_set_number(quote, QUOTE_FOREIGN_SELL_VALUE, price * 13000);
	quote_set_integer(quote, QUOTE_FOREIGN_ROOM, 99999999);
}

/* Beside the clock, since a test's machine has other work too. */
static double
cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
		(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void
bench_run(Position *position, const PositionKey *key, int batches, int size,
		  bool has_memory_report, StringInfo result)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "vnstream bench batch",
												  ALLOCSET_DEFAULT_SIZES);
	IngestMessage *messages = MemoryContextAllocHuge(TopMemoryContext,
													 sizeof(IngestMessage) * size);
	int			fates[4] = {0};
	double		seconds = 0;
	double		cpu = 0;
	Size		early = 0;

	for (int b = 0; b < batches; b++)
	{
		IngestBatch batch = {.key = *key, .context = context, .messages = messages,
		.count = size, .positions = position, .position_count = 1};
		PositionAdvance advance = {.partition = position->partition, .last_offset = -1};
		instr_time	start;
		instr_time	end;
		StoreError	error;
		StoreOutcome outcome;

		advance.from_offset = position->next_offset;
		advance.next_offset = position->next_offset + size;
		batch.advances = &advance;
		for (int i = 0; i < size; i++)
		{
			memset(&messages[i], 0, offsetof(IngestMessage, quote));
			messages[i].partition = position->partition;
			messages[i].offset = advance.from_offset + i;
			messages[i].kafka_time = -1;
			realistic_quote(&messages[i].quote, messages[i].offset);
		}
		cpu -= cpu_seconds();
		INSTR_TIME_SET_CURRENT(start);
		outcome = ingest_batch(&batch, 60000, &error);
		INSTR_TIME_SET_CURRENT(end);
		cpu += cpu_seconds();
		INSTR_TIME_SUBTRACT(end, start);
		seconds += INSTR_TIME_GET_DOUBLE(end);
		if (outcome != STORE_DONE)
		{
			append_outcome(result, outcome, &error);
			return;
		}
		for (int i = 0; i < size; i++)
			fates[messages[i].fate]++;
		MemoryContextReset(context);
		if (b == batches / 10)
			early = MemoryContextMemAllocated(TopMemoryContext, true);
	}
	appendStringInfo(result, "%d stored, %d duplicates, %d dead\n",
					 fates[MESSAGE_STORED], fates[MESSAGE_DUPLICATE], fates[MESSAGE_IS_DEAD]);
	if (has_memory_report)
		appendStringInfo(result, "memory grew by %zd bytes\n",
						 (ssize_t) MemoryContextMemAllocated(TopMemoryContext, true) - (ssize_t) early);
	else
		appendStringInfo(result, "%.0f rows/s, %.0f rows/s of CPU time\n",
						 batches * (double) size / seconds, batches * (double) size / cpu);
	pfree(messages);
	MemoryContextDelete(context);
}
