/*-------------------------------------------------------------------------
 *
 * bench_quote.c
 *	  How fast one core reads and writes messages.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "market/json.h"
#include "market/rules.h"
#include "source/source.h"
#include "test.h"

#define ROUNDS 300000

/* The compiler must not see that results are unused. */
static volatile size_t sink;

static double
cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void
report(const char *what, size_t bytes, int rounds, double seconds)
{
	printf("%-28s %5zu bytes %8.0f /s %8.2f us %7.0f MB/s\n", what, bytes,
		   rounds / seconds, seconds / rounds * 1e6,
		   (double) bytes * rounds / seconds / 1e6);
}

static void
bench_message(const char *message)
{
	size_t		length = strlen(message);
	Quote		quote;
	char		json[QUOTE_JSON_SIZE];
	char		error[QUOTE_ERROR_SIZE];
	const char *rule;
	double		start;
	int			i;

	start = cpu_seconds();
	for (i = 0; i < ROUNDS; i++)
		sink += json_check(message, length, error);
	report("json_check", length, ROUNDS, cpu_seconds() - start);

	start = cpu_seconds();
	for (i = 0; i < ROUNDS; i++)
		sink += quote_from_message(message, length, &quote, error);
	report("quote_from_message", length, ROUNDS, cpu_seconds() - start);

	start = cpu_seconds();
	for (i = 0; i < ROUNDS; i++)
		sink += rules_accept(&quote, quote.time, &rule, error);
	report("rules_accept", length, ROUNDS, cpu_seconds() - start);

	start = cpu_seconds();
	for (i = 0; i < ROUNDS; i++)
		sink += quote_to_json(&quote, json);
	report("quote_to_json", strlen(json), ROUNDS, cpu_seconds() - start);

	start = cpu_seconds();
	for (i = 0; i < ROUNDS / 10; i++)
	{
		cJSON	   *object = json_parse(message, length, error);

		sink += object != NULL;
		cJSON_Delete(object);
	}
	report("json_parse (with cJSON)", length, ROUNDS / 10, cpu_seconds() - start);
}

int
main(void)
{
	size_t		length;
	char	   *body = read_fixture("vci/getList_VCB_2026-08-04_lunch.json", &length);
	char		error[SOURCE_ERROR_SIZE];
	Board		board;
	Quote		old;
	char		json[QUOTE_JSON_SIZE];
	double		start;
	int			i;

	start = cpu_seconds();
	for (i = 0; i < ROUNDS / 10; i++)
	{
		vci_provider.read_board(body, length, 1785817798104512, &board, error);
		sink += board.count;
		board_free(&board);
	}
	report("a row of the vci board", length, ROUNDS / 10, cpu_seconds() - start);

	if (!vci_provider.read_board(body, length, 1785817798104512, &board, error))
		return EXIT_FAILURE;
	quote_to_json(&board.quotes[0], json);
	bench_message(json);

	/* As the old deployment's: only its fourteen fields. */
	old = board.quotes[0];
	old.known &= (UINT64_C(1) << QUOTE_OLD_FIELD_COUNT) - 1;
	quote_to_json(&old, json);
	bench_message(json);

	board_free(&board);
	free(body);
	return EXIT_SUCCESS;
}
