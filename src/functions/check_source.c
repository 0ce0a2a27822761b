/*-------------------------------------------------------------------------
 *
 * check_source.c
 *	  Steps of vnstream_check() about the source of quotes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "config.h"
#include "functions/check.h"
#include "shared_state.h"

/* How long the look may wait for its turn, and take. */
#define TURN_MS 5000
#define REQUEST_MS 8000

/* How far clocks may be apart, in µs; Date headers have whole seconds. */
#define CLOCK_TOLERANCE_US 2000000.0
#define DATE_ROUNDING_US 1000000.0

/* Where a piece of advice names the setting of the source's address. */
#define URL_SETTING "@url@"

/* What is asked for where the settings name no ticker. */
#define USUAL_TICKER "VCB"

/*
 * The first ticker that vnstream.symbols names: three characters, where groups
 * and exchanges have others.
 */
static void
choose_ticker(const char *symbols, char *ticker)
{
	while (*symbols != '\0')
	{
		size_t		length;

		symbols += strspn(symbols, ", \t");
		length = strcspn(symbols, ", \t");
		if (length == 3 && strncmp(symbols, "HNX", 3) != 0 &&
			strncmp(symbols, "ETF", 3) != 0 && strncmp(symbols, "all", 3) != 0)
		{
			strlcpy(ticker, symbols, 4);
			return;
		}
		symbols += length;
	}
	strcpy(ticker, USUAL_TICKER);
}

/* One look for all steps, at the first of them.  Is there an answer? */
static bool
look(Check *check, CheckResult *result)
{
	char		ticker[8];
	char		error[SOURCE_ERROR_SIZE];

	if (check->source->no_fetch == NULL && !check->source->has_fetch)
	{
		check->source->no_fetch = "the look at the source has failed";
		if (shared_state == NULL)
			check->source->no_fetch = "the library is not preloaded, so no worker can ask";
		else if (!http_check_base_url(check->source->url,
									  check->settings.allow_insecure_source, error))
			check->source->no_fetch = psprintf("%s cannot be used; see the step \"settings\"", check->source->url_setting);
		else
		{
			choose_ticker(check->settings.symbols, ticker);
			check->source->has_fetch = fetch_probe_within(ticker, check->source->provider->name, TURN_MS, REQUEST_MS,
												  &check->source->fetch);
			if (!check->source->has_fetch)
			{
				check->source->no_fetch = check->source->fetch.failure;
				check->source->no_fetch_advice = check->source->fetch.hint;
			}
		}
	}
	if (check->source->has_fetch)
		return true;
	check_say(result, CHECK_SKIPPED, "%s", check->source->no_fetch);
	result->ms = 0;
	/* once is enough */
	result->advice = check->source->no_fetch_advice;
	check->source->no_fetch_advice = NULL;
	check->source->no_fetch = "the source is not asked; see its first step";
	return false;
}

static bool
is_plain(const Check *check)
{
	return pg_strncasecmp(check->source->url, "http://", 7) == 0;
}

static bool
has_address(const Check *check)
{
	const SourceProbe *probe = &check->source->fetch.probe;

	return probe->resolved > 0 || probe->connected > 0 || probe->address[0] != '\0';
}

static bool
is_connected(const Check *check)
{
	return check->source->fetch.probe.connected > 0 || check->source->fetch.status != 0;
}

static bool
is_secured(const Check *check)
{
	return is_plain(check) || check->source->fetch.probe.secured > 0 || check->source->fetch.status != 0;
}

static void
skip(CheckResult *result, const char *why)
{
	check_say(result, CHECK_SKIPPED, "%s", why);
	result->ms = 0;
}

static void
fail_with_error(Check *check, CheckResult *result, const char *advice)
{
	const char *place = strstr(advice, URL_SETTING);

	check_say(result, CHECK_FAILED, "%s",
			  check->source->fetch.error != NULL ? check->source->fetch.error : "the request failed");
	if (place == NULL)
		check_advise(result, "%s", advice);
	else
		check_advise(result, "%.*s%s%s", (int) (place - advice), advice,
					 check->source->url_setting, place + strlen(URL_SETTING));
}

void
check_source_resolve(Check *check, CheckResult *result)
{
	const SourceProbe *probe = &check->source->fetch.probe;

	if (!look(check, result))
		return;
	result->ms = probe->resolved / 1000.0;
	if (!has_address(check) && check->source->fetch.received_at == 0)
		fail_with_error(check, result, "Check " URL_SETTING " and vnstream.allow_insecure_source.");
	else if (!has_address(check))
		fail_with_error(check, result, "Check the host in " URL_SETTING " and this machine's name servers.");
	else
		check_say(result, CHECK_OK, "%s", probe->address);
}

void
check_source_connect(Check *check, CheckResult *result)
{
	const SourceProbe *probe = &check->source->fetch.probe;

	if (!look(check, result))
		return;
	result->ms = Max(probe->connected - probe->resolved, 0) / 1000.0;
	if (!has_address(check))
		skip(result, "the name has no address");
	else if (!is_connected(check))
		fail_with_error(check, result, "Check " URL_SETTING ", the network and firewalls between here and there.");
	else
		check_say(result, CHECK_OK, "%s", probe->address);
}

void
check_source_tls(Check *check, CheckResult *result)
{
	const SourceProbe *probe = &check->source->fetch.probe;

	if (!look(check, result))
		return;
	result->ms = Max(probe->secured - probe->connected, 0) / 1000.0;
	if (is_plain(check))
		skip(result, "the address is http://, without TLS");
	else if (!is_connected(check))
		skip(result, "there is no connection");
	else if (!is_secured(check))
		fail_with_error(check, result, "Check that " URL_SETTING " is a server with TLS, its certificate, and this machine's clock and certificates.");
	else
		check_say(result, CHECK_OK, "%s", probe->tls_version[0] != '\0' ? probe->tls_version : "TLS");
}

void
check_source_answer(Check *check, CheckResult *result)
{
	const FetchAnswer *fetch = &check->source->fetch;
	int64		before = Max(fetch->probe.connected, fetch->probe.secured);

	if (!look(check, result))
		return;
	result->ms = Max(fetch->probe.total - before, 0) / 1000.0;
	if (!is_connected(check) || !is_secured(check))
	{
		skip(result, "there is no connection");
		return;
	}
	switch (fetch->fault)
	{
		case HTTP_REFUSED:
			fail_with_error(check, result, "The source refuses this address or this user agent: see vnstream.user_agent and vnstream.http_headers, and ask its operator.");
			break;
		case HTTP_TOO_MANY:
			fail_with_error(check, result, "Lower vnstream.requests_per_minute.");
			break;
		case HTTP_TIMED_OUT:
			fail_with_error(check, result, "Raise vnstream.http_timeout where the line is slow.");
			break;
		case HTTP_TOO_LARGE:
			fail_with_error(check, result, "Raise vnstream.http_max_response, or lower vnstream.symbols_per_request.");
			break;
		case HTTP_STATUS:
		case HTTP_UNREACHABLE:
			fail_with_error(check, result, "The source has trouble of its own, or " URL_SETTING " is wrong.");
			break;
		case HTTP_UNREADABLE:
			if (fetch->status != 200 && fetch->status != 201)
			{
				fail_with_error(check, result, "Check " URL_SETTING ": what answers there does not keep to HTTP.");
				break;
			}
			/* FALLTHROUGH */
		case HTTP_OK:
			check_say(result, CHECK_OK, "status %d, " INT64_FORMAT " bytes", fetch->status,
					  fetch->body_length);
			break;
	}
}

void
check_source_parse(Check *check, CheckResult *result)
{
	const FetchAnswer *fetch = &check->source->fetch;

	if (!look(check, result))
		return;
	result->ms = 0;
	if (fetch->status != 200 && fetch->status != 201)
		skip(result, "there is no answer");
	else if (fetch->fault == HTTP_UNREADABLE)
		fail_with_error(check, result, "Check that " URL_SETTING " is the source's board; vnstream_fetch() shows what came.");
	else if (fetch->fault != HTTP_OK)
		skip(result, "there is no answer");
	else if (fetch->quote == NULL)
	{
		check_say(result, CHECK_WARNING, "%s", fetch->error != NULL ? fetch->error : "there is no quote");
		check_advise(result, "vnstream_fetch() shows what came; other tickers may fare better.");
	}
	else if (fetch->broken_rules > 0)
	{
		check_say(result, CHECK_WARNING, "the quote breaks %d rules, and would be rejected", fetch->broken_rules);
		check_advise(result, "vnstream_fetch() shows the quote and the rules.");
	}
	else
		check_say(result, CHECK_OK, "a quote that breaks no rule");
}

/*
 * The Date header's second began half a round trip, roughly, before its answer
 * arrived.
 */
void
check_source_clock(Check *check, CheckResult *result)
{
	const FetchAnswer *fetch = &check->source->fetch;
	double		apart;
	double		tolerance;

	if (!look(check, result))
		return;
	result->ms = 0;
	if (fetch->probe.date == 0)
	{
		skip(result, fetch->status == 0 ? "there is no answer" : "the answer has no Date header");
		return;
	}
	apart = (double) (fetch->received_at - fetch->probe.date) - DATE_ROUNDING_US / 2;
	tolerance = CLOCK_TOLERANCE_US + fetch->duration / 2.0 + DATE_ROUNDING_US;
	if (fabs(apart) <= tolerance)
		check_say(result, CHECK_OK, "within %.1f s of the answer's Date header", tolerance / 1e6);
	else
	{
		check_say(result, CHECK_WARNING, "this server's clock is %.1f s %s the source's (its Date header)",
				  fabs(apart) / 1e6, apart > 0 ? "ahead of" : "behind");
		check_advise(result, "Set this machine's clock by NTP; quotes carry its time.");
	}
}

void
check_interval(Check *check, CheckResult *result)
{
	const CheckSettings *settings = &check->settings;
	const char *last = "SELECT %s FROM %s.vnstream_sweeps WHERE ended IS NOT NULL"
		" AND asked OPERATOR(pg_catalog.>) 0"
	/* those of some symbols are short */
		" AND trigger OPERATOR(pg_catalog.<>) ALL ('{hot,probe}'::pg_catalog.text[])"
		" ORDER BY sweep DESC LIMIT 1";
	double		asked;
	double		took;
	double		requests;
	double		needed;

	asked = check_query(check, psprintf(last, "asked::pg_catalog.float8",
										check->catalog.schema_name), -1);
	if (asked < 0)
	{
		skip(result, "no sweep has ended yet");
		return;
	}
	took = check_query(check, psprintf(last, "pg_catalog.date_part('epoch', ended OPERATOR(pg_catalog.-) started)",
									   check->catalog.schema_name), 0);
	requests = ceil(asked / Max(settings->symbols_per_request, 1));
	needed = requests * 60 / Max(settings->requests_per_minute, 1);
	if (needed > settings->interval)
	{
		check_say(result, CHECK_WARNING, "a sweep of %.0f symbols is %.0f requests, which at %d a minute take %.0f s; the interval is %d s",
				  asked, requests, settings->requests_per_minute, needed, settings->interval);
		check_advise(result, "Raise vnstream.interval to %.0fs, or vnstream.requests_per_minute to %.0f, or vnstream.symbols_per_request.",
					 ceil(needed), ceil(requests * 60 / Max(settings->interval, 1)));
	}
	else if (took > settings->interval)
	{
		check_say(result, CHECK_WARNING, "the last sweep took %.1f s; the interval is %d s", took, settings->interval);
		check_advise(result, "Raise vnstream.interval or vnstream.requests_in_flight.");
	}
	else
		check_say(result, CHECK_OK, "%.0f symbols in %.0f requests fit into %d s; the last sweep took %.1f s",
				  asked, requests, settings->interval, took);
}
