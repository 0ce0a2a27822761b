/*-------------------------------------------------------------------------
 *
 * sources.c
 *	  The sources of a producer in order of preference.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "config.h"
#include "workers/loop.h"
#include "workers/source_rest.h"
#include "workers/sources.h"
#include "workers/tell.h"

StaticAssertDecl(SOURCES_MAX == MAX_SOURCES,
				 "shared memory must have room for as many sources as there may be");

/* Where one is being tried, it is looked at again after this. */
#define TRIAL_MS 1000

/*
 * What another producer was told is kept up to so much longer, so that its trial
 * comes first and not all try at once.
 */
#define LEARNT_MORE_MS 5000

typedef struct Source
{
	const SourceProvider *provider;
	Breaker		breaker;
	uint32		era;			/* of the request of sources_ask() */
	char		error[SOURCE_ERROR_SIZE];	/* the last one */
	TimestampTz error_at;
	TimestampTz answer_at;

	uint32		told_era;		/* of the breaker, when it was told last */
	BreakerState told_state;
	int64		told_retry_at;	/* to the others; 0: not */
	const Sweep *sweep;			/* whose counts these are: */
	int64		failed_seen;
	int64		boards_seen;
} Source;

static Source sources[SOURCES_MAX];
static size_t source_count;

/* The breaker's clock is no time of day. */
static TimestampTz
time_of(int64 breaker_ms)
{
	return GetCurrentTimestamp() + (breaker_ms - http_clock_ms()) * 1000;
}

/* What others were told, or the producer before this one. */
static void
learn(Source *source)
{
	int64		now = http_clock_ms();
	SourceRest	rest;

	/* what this one has told itself, it knows */
	if (!source_rest_get(source->provider, &rest) || rest.until <= source->told_retry_at ||
		breaker_is_trying(&source->breaker))
		return;
	source->told_retry_at = rest.until;
	breaker_learn(&source->breaker, rest.until + http_random() % LEARNT_MORE_MS, rest.openings,
				  now);
	strlcpy(source->error, rest.error, sizeof(source->error));
	source->error_at = GetCurrentTimestamp();
}

void
sources_learn(void)
{
	for (size_t i = 0; i < source_count; i++)
		learn(&sources[i]);
}

/* The other way round: after each change. */
static void
share(Source *source)
{
	const Breaker *breaker = &source->breaker;

	if (breaker->state == BREAKER_OPEN && breaker->is_told &&
		breaker->retry_at > http_clock_ms() &&
		breaker->retry_at > source->told_retry_at + LEARNT_MORE_MS)
	{
		source_rest_set(source->provider, breaker->retry_at, breaker->openings, source->error);
		source->told_retry_at = breaker->retry_at;
	}
	else if (breaker->state == BREAKER_CLOSED && source->told_retry_at != 0)
	{
		source_rest_end(source->provider);
		source->told_retry_at = 0;
	}
}

bool
sources_begin(char *error)
{
	const SourceProvider *providers[SOURCES_MAX];
	int64		now = http_clock_ms();

	memset(sources, 0, sizeof(sources));
	source_count = source_read_list(config_sources, providers, error);
	for (size_t i = 0; i < source_count; i++)
	{
		sources[i].provider = providers[i];
		breaker_init(&sources[i].breaker, now);
	}
	sources_learn();
	sources_tell(NULL);
	return source_count > 0;
}

size_t
sources_count(void)
{
	return source_count;
}

const SourceProvider *
sources_provider(size_t source)
{
	return sources[source].provider;
}

const char *
sources_url(size_t source)
{
	return config_source_url(sources[source].provider->name);
}

void
sources_for_sweep(SweepOptions *options)
{
	for (size_t i = 0; i < source_count; i++)
	{
		SweepSource *source = &options->sources[i];

		source->provider = sources[i].provider;
		source->base_url = sources_url(i);
		source->breaker = &sources[i].breaker;
		source->budget_context = unconstify(SourceProvider *, sources[i].provider);
	}
	options->source_count = source_count;
}

bool
sources_ask(uint32 tried, size_t *source)
{
	int64		now = http_clock_ms();

	sources_learn();
	for (size_t i = 0; i < source_count; i++)
	{
		if ((tried & (UINT32_C(1) << i)) != 0 || !breaker_allows(&sources[i].breaker, now))
			continue;
		sources[i].era = breaker_request(&sources[i].breaker, now);
		*source = i;
		return true;
	}
	return false;
}

void
sources_answered(size_t source)
{
	breaker_succeed(&sources[source].breaker, sources[source].era, http_clock_ms());
	sources[source].answer_at = GetCurrentTimestamp();
	sources_tell(NULL);
}

void
sources_unasked(size_t source)
{
	breaker_abandon(&sources[source].breaker, sources[source].era, http_clock_ms());
}

void
sources_failed(size_t source, const BreakerFailure *failure, const char *error)
{
	breaker_fail(&sources[source].breaker, sources[source].era, http_clock_ms(), failure,
				 http_random());
	strlcpy(sources[source].error, error, SOURCE_ERROR_SIZE);
	sources[source].error_at = GetCurrentTimestamp();
	sources_tell(NULL);
}

long
sources_rest(void)
{
	int64		now = http_clock_ms();
	int64		rest = PG_INT32_MAX;

	for (size_t i = 0; i < source_count; i++)
	{
		int64		wait = breaker_wait(&sources[i].breaker, now);

		/* a trial ends soon */
		if (wait < 0)
			wait = TRIAL_MS;
		rest = Min(rest, wait);
	}
	return (long) rest;
}

void
sources_why_resting(char *text)
{
	char		when[CLOCK_TEXT_SIZE];

	clock_text(time_of(sources[0].breaker.retry_at), when);
	snprintf(text, SOURCE_ERROR_SIZE, "is left alone until %s: %.450s", when,
			 sources[0].error);
}

void
sources_try_now(void)
{
	for (size_t i = 0; i < source_count; i++)
	{
		breaker_try_now(&sources[i].breaker, http_clock_ms());
		source_rest_end(sources[i].provider);
		sources[i].told_retry_at = 0;
	}
}

/* What the sweep has brought of a source since the last look. */
static void
take_counts(Source *source, const Sweep *sweep, size_t place)
{
	const SweepSourceCounts *counts = sweep_source_counts(sweep, place);

	if (source->sweep != sweep || counts->failed_requests < source->failed_seen ||
		counts->boards < source->boards_seen)
	{
		source->sweep = sweep;
		source->failed_seen = 0;
		source->boards_seen = 0;
	}
	if (counts->failed_requests > source->failed_seen)
	{
		strlcpy(source->error, counts->error, sizeof(source->error));
		source->error_at = GetCurrentTimestamp();
	}
	if (counts->boards > source->boards_seen)
		source->answer_at = GetCurrentTimestamp();
	source->failed_seen = counts->failed_requests;
	source->boards_seen = counts->boards;
}

/*
 * A change of state is news.  Where there is one source alone, what it means is
 * told at the end of the sweep.
 */
static void
tell_change(const Source *source)
{
	int			elevel = source_count > 1 ? LOG : 0;
	char		when[CLOCK_TEXT_SIZE];

	switch (source->breaker.state)
	{
		case BREAKER_OPEN:
			clock_text(time_of(source->breaker.retry_at), when);
			worker_tell(EVENT_WARNING, elevel, ERRCODE_CONNECTION_EXCEPTION,
						"source %s is left alone until %s: %s", source->provider->name,
						when, source->error);
			break;
		case BREAKER_HALF_OPEN:
			worker_tell(EVENT_INFO, 0, ERRCODE_SUCCESSFUL_COMPLETION,
						"source %s is tried with one request", source->provider->name);
			break;
		case BREAKER_CLOSED:
			worker_tell(EVENT_INFO, elevel, ERRCODE_SUCCESSFUL_COMPLETION,
						"source %s is well again", source->provider->name);
			break;
	}
}

static void
fill_view(const Source *source, SourceView *view)
{
	static const SourceState states[] = {
		[BREAKER_CLOSED] = SOURCE_CLOSED,
		[BREAKER_OPEN] = SOURCE_OPEN,
		[BREAKER_HALF_OPEN] = SOURCE_HALF_OPEN
	};

	memset(view, 0, sizeof(*view));
	strlcpy(view->name, source->provider->name, sizeof(view->name));
	view->state = states[source->breaker.state];
	view->since = time_of(source->breaker.since);
	if (source->breaker.state == BREAKER_OPEN)
		view->retry_at = time_of(source->breaker.retry_at);
	view->failures = source->breaker.failures;
	one_line(view->last_error, sizeof(view->last_error), source->error);
	view->last_error_at = source->error_at;
	view->last_answer_at = source->answer_at;
}

void
sources_tell(const Sweep *sweep)
{
	SourceView	views[MAX_SOURCES];

	for (size_t i = 0; i < source_count; i++)
	{
		Source	   *source = &sources[i];

		if (sweep != NULL)
			take_counts(source, sweep, i);
		share(source);
		if (source->breaker.era != source->told_era)
		{
			/* a trial between two looks that ended as it began is no news */
			if (source->breaker.state != source->told_state ||
				source->breaker.state == BREAKER_OPEN)
				tell_change(source);
			source->told_era = source->breaker.era;
			source->told_state = source->breaker.state;
		}
		fill_view(source, &views[i]);
	}
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	memcpy(worker_entry->sources, views, sizeof(SourceView) * source_count);
	worker_entry->source_count = (int) source_count;
	LWLockRelease(shared_state->lock);
}

const char *
sources_of_sweep(const Sweep *sweep)
{
	static char names[SOURCES_MAX * (QUOTE_NAME_MAX + 2) + 1];

	names[0] = '\0';
	for (size_t i = 0; sweep != NULL && i < source_count; i++)
	{
		if (sweep_source_counts(sweep, i)->answered == 0)
			continue;
		if (names[0] != '\0')
			strlcat(names, ", ", sizeof(names));
		strlcat(names, sources[i].provider->name, sizeof(names));
	}
	return names[0] != '\0' ? names : NULL;
}
