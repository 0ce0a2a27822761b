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

/* Of a second source, whose paths begin with /b/. */
static Behaviour behaviour_b;
static atomic_int times_asked_b[MAX_SYMBOLS];

static SERVER_UNUSED bool
answer_board(Server *of, int fd, const ServerRequest *request)
{
	bool		is_b = strncmp(request->path, "/b/", 3) == 0;
	const Behaviour *shown = is_b ? &behaviour_b : &behaviour;
	atomic_int *asked = is_b ? times_asked_b : times_asked;
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
		int			time = atomic_fetch_add(&asked[symbol], 1) + 1;
		RowKind		kind = ROW_QUOTE;

		if (is_first && shown->status != NULL)
			status = shown->status(first, time);
		is_first = false;
		if (shown->row != NULL)
			kind = shown->row(symbol, time);
		if (kind == ROW_QUOTE)
			at += sprintf(at, "S%05d\n", symbol);
		else if (kind == ROW_REFUSED)
			at += sprintf(at, "!S%05d\n", symbol);
		else if (kind == ROW_WITHOUT_TICKER)
			at += sprintf(at, "!\n");
		next = strchr(next, ',');
		next = next == NULL ? NULL : next + 1;
	}
	if (shown->more_rows != NULL)
		strcpy(at, shown->more_rows);
	server_sleep(of, shown->delay_ms);
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
	int64_t		rows_of_b;		/* of rows, those of the second source */
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

static Breaker stub_breaker;

static SERVER_UNUSED SweepOptions
usual_sweep(const char *base_url)
{
	SweepOptions options = {
		.sources = {{&stub_provider, base_url, &stub_breaker}},
		.source_count = 1,
		.symbols_per_request = 50,
		.requests_in_flight = 4
	};

	return options;
}

static SERVER_UNUSED void
take_all(Run *run)
{
	HttpResponse *response;
	const SourceProvider *provider;
	Board		board;
	size_t		i;

	while ((response = http_client_take(run->client)) != NULL)
	{
		if (!sweep_take(run->sweep, response, &board, &provider))
			continue;
		run->boards++;
		run->rows += (int64_t) board.count;
		if (provider != &stub_provider)
			run->rows_of_b += (int64_t) board.count;
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
	{
		atomic_store(&times_asked[i], 0);
		atomic_store(&times_asked_b[i], 0);
	}
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
	breaker_init(&stub_breaker, 0);
	free(run->seen);
	memset(&behaviour, 0, sizeof(behaviour));
	memset(&behaviour_b, 0, sizeof(behaviour_b));
}

static SERVER_UNUSED RowKind
leave_out_once(int symbol, int time)
{
	return symbol % 7 == 0 && time == 1 ? ROW_LEFT_OUT : ROW_QUOTE;
}

#endif							/* TEST_SWEEP_SUPPORT_H */
