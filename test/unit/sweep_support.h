/*-------------------------------------------------------------------------
 *
 * sweep_support.h
 *	  A source for sweeps, and sweeps over it.
 *
 * Symbols are S00000, S00001, ...; the source counts how often it is asked for
 * each, and a test's behaviour decides what to answer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TEST_SWEEP_SUPPORT_H
#define TEST_SWEEP_SUPPORT_H

#include "source/sweep.h"

#include "http_support.h"
#include "stub_provider.h"

#define MAX_SYMBOLS 100000

/* What a test makes of the row of a symbol that is asked for the time-th time. */
typedef enum RowKind
{
	ROW_QUOTE,
	ROW_REFUSED,
	ROW_WITHOUT_TICKER,
	ROW_LEFT_OUT
} RowKind;

typedef struct Behaviour
{
	RowKind		(*row) (int symbol, int time);	/* NULL: a quote */

	/*
	 * The status of a request, from its first symbol and how often that was
	 * asked for; 0: rubbish, -1: too much.  NULL: 200.
	 */
	int			(*status) (int symbol, int time);
	const char *more_rows;		/* after each board */
	int			delay_ms;
} Behaviour;

static Behaviour behaviour;
static atomic_int times_asked[MAX_SYMBOLS];

static SERVER_UNUSED bool
answer_board(Server *of, int fd, const ServerRequest *request)
{
	size_t		size = strlen(request->body) + 4096;
	char	   *board = calloc(1, size);
	char	   *at = board;
	const char *next = request->body;
	int			first = atoi(request->body + 1);
	int			status = 200;
	bool		is_first = true;
	bool		goes_on;
	char		line[64];

	while (next != NULL && *next != '\0')
	{
		int			symbol = atoi(next + 1);
		int			time = atomic_fetch_add(&times_asked[symbol], 1) + 1;
		RowKind		kind = ROW_QUOTE;

		if (is_first && behaviour.status != NULL)
			status = behaviour.status(first, time);
		is_first = false;
		if (behaviour.row != NULL)
			kind = behaviour.row(symbol, time);
		if (kind == ROW_QUOTE)
			at += sprintf(at, "S%05d\n", symbol);
		else if (kind == ROW_REFUSED)
			at += sprintf(at, "!S%05d\n", symbol);
		else if (kind == ROW_WITHOUT_TICKER)
			at += sprintf(at, "!\n");
		next = strchr(next, ',');
		next = next == NULL ? NULL : next + 1;
	}
	if (behaviour.more_rows != NULL)
		strcpy(at, behaviour.more_rows);
	server_sleep(of, behaviour.delay_ms);
	if (status == 0)
		goes_on = server_answer(fd, "200 OK", "", "?rubbish", 8);
	else if (status == -1)
		goes_on = server_printf(fd, "HTTP/1.1 200 OK\r\n"
								"Content-Length: 2000000000\r\n\r\n");
	else if (status != 200)
	{
		snprintf(line, sizeof(line), "%d No", status);
		goes_on = server_answer(fd, line, "Retry-After: 7\r\n", "no", 2);
	}
	else
		goes_on = server_answer(fd, "200 OK", "", board, strlen(board));
	free(board);
	return goes_on;
}

typedef struct Run
{
	HttpClient *client;
	Sweep	   *sweep;
	int			boards;
	int64_t		rows;
	int64_t		refusals;
	char	   *seen;			/* of each symbol, rows that came out */
} Run;

static SERVER_UNUSED Universe
make_universe(int count)
{
	Universe	universe;
	int			i;

	universe.tickers = calloc((size_t) count + 1, sizeof(*universe.tickers));
	universe.count = (size_t) count;
	for (i = 0; i < count; i++)
		sprintf(universe.tickers[i], "S%05d", i);
	return universe;
}

static SERVER_UNUSED SweepOptions
usual_sweep(const char *base_url)
{
	SweepOptions options = {
		.provider = &stub_provider,
		.base_url = base_url,
		.symbols_per_request = 50,
		.requests_in_flight = 4
	};

	return options;
}

static SERVER_UNUSED void
take_all(Run *run)
{
	HttpResponse *response;
	Board		board;
	size_t		i;

	while ((response = http_client_take(run->client)) != NULL)
	{
		if (!sweep_take(run->sweep, response, &board))
			continue;
		run->boards++;
		run->rows += (int64_t) board.count;
		run->refusals += (int64_t) board.refusal_count;
		for (i = 0; i < board.count; i++)
			run->seen[atoi(board.quotes[i].ticker + 1)]++;
		board_free(&board);
	}
}

/* Begins a sweep over count symbols and runs it to its end. */
static SERVER_UNUSED Run
run_sweep(const SweepOptions *options, int count, HttpClient *client)
{
	Universe	universe = make_universe(count);
	Run			run = {.client = client};
	int			i;

	for (i = 0; i < MAX_SYMBOLS; i++)
		atomic_store(&times_asked[i], 0);
	run.seen = calloc(MAX_SYMBOLS, 1);
	run.sweep = sweep_begin(options, &universe);
	universe_free(&universe);
	while (!sweep_is_done(run.sweep))
	{
		sweep_drive(run.sweep, client);
		if (sweep_is_done(run.sweep))
			break;
		http_wait(client, sweep_timeout(run.sweep));
		take_all(&run);
	}
	return run;
}

/* What holds at the end of every sweep. */
static SERVER_UNUSED void
check_account(const Run *run, int count)
{
	const SweepCounts *counts = sweep_counts(run->sweep);
	int			missing = 0;
	bool		is_sorted = true;
	bool		is_once = true;
	int			i;

	while (sweep_missing(run->sweep, (size_t) missing) != NULL)
	{
		if (missing > 0 && strcmp(sweep_missing(run->sweep, (size_t) missing - 1),
								  sweep_missing(run->sweep, (size_t) missing)) >= 0)
			is_sorted = false;
		missing++;
	}
	for (i = 0; i < count; i++)
		is_once = is_once && run->seen[i] <= 1;
	CHECK(is_sorted);
	CHECK(is_once);
	CHECK_INT(counts->asked, count);
	CHECK_INT(counts->asked, counts->answered + missing);
	CHECK_INT(counts->refused, run->refusals);
	CHECK_INT(http_client_in_flight(run->client), 0);
	CHECK(http_client_take(run->client) == NULL);
	CHECK_INT(sweep_timeout(run->sweep), -1);
}

/* How many symbols have this outcome; the first of them in *first. */
static SERVER_UNUSED int
count_outcome(const Run *run, SymbolOutcome wanted, const char **first)
{
	SymbolOutcome outcome;
	const char *ticker;
	int			count = 0;
	size_t		i;

	for (i = 0; (ticker = sweep_symbol(run->sweep, i, &outcome)) != NULL; i++)
	{
		if (outcome == wanted && count++ == 0)
			*first = ticker;
	}
	return count;
}

static SERVER_UNUSED void
end_run(Run *run)
{
	sweep_free(run->sweep);
	free(run->seen);
	memset(&behaviour, 0, sizeof(behaviour));
}

static SERVER_UNUSED RowKind
leave_out_once(int symbol, int time)
{
	return symbol % 7 == 0 && time == 1 ? ROW_LEFT_OUT : ROW_QUOTE;
}

#endif							/* TEST_SWEEP_SUPPORT_H */
