/*-------------------------------------------------------------------------
 *
 * source_rest.c
 *	  Until when a source that has said no is left alone, by the whole server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "config.h"
#include "event_log.h"
#include "source/http.h"
#include "workers/source_rest.h"

/* Of a provider at the address that it has now; never 0. */
static uint64
key_of(const SourceProvider *provider)
{
	const char *url = config_source_url(provider->name);
	uint64		key;

	key = hash_bytes_extended((const unsigned char *) url, strlen(url),
							  hash_bytes((const unsigned char *) provider->name,
										 strlen(provider->name)));
	return key != 0 ? key : 1;
}

/* Caller holds the lock.  NULL where there is none, or it is over. */
static SourceRest *
find_rest(uint64 key, int64 now)
{
	for (int i = 0; i < MAX_RESTS; i++)
	{
		SourceRest *rest = &shared_state->rests[i];

		if (rest->key == key)
			return rest->until > now ? rest : NULL;
	}
	return NULL;
}

/* The one of this key, else the one that ends, or ended, first. */
static SourceRest *
place_for(uint64 key)
{
	SourceRest *place = &shared_state->rests[0];

	for (int i = 0; i < MAX_RESTS; i++)
	{
		SourceRest *rest = &shared_state->rests[i];

		if (rest->key == key)
			return rest;
		if (rest->until < place->until)
			place = rest;
	}
	return place;
}

bool
source_rest_get(const SourceProvider *provider, SourceRest *rest)
{
	uint64		key = key_of(provider);
	const SourceRest *found;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	found = find_rest(key, http_clock_ms());
	if (found != NULL)
		*rest = *found;
	LWLockRelease(shared_state->lock);
	return found != NULL;
}

long
source_rest_left(const SourceProvider *provider)
{
	SourceRest	rest;

	if (!source_rest_get(provider, &rest))
		return 0;
	return (long) Max(rest.until - http_clock_ms(), 0);
}

void
source_rest_set(const SourceProvider *provider, int64 until, int openings, const char *error)
{
	uint64		key = key_of(provider);
	SourceRest *rest;

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	rest = place_for(key);
	if (rest->key != key || rest->until < until)
	{
		rest->key = key;
		rest->until = until;
		rest->openings = openings;
		one_line(rest->error, sizeof(rest->error), error);
	}
	LWLockRelease(shared_state->lock);
}

void
source_rest_end(const SourceProvider *provider)
{
	uint64		key = key_of(provider);
	SourceRest *rest;

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	rest = find_rest(key, http_clock_ms());
	if (rest != NULL)
		memset(rest, 0, sizeof(*rest));
	LWLockRelease(shared_state->lock);
}
