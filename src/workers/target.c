/*-------------------------------------------------------------------------
 *
 * target.c
 *	  One topic has one producer of this server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "config.h"
#include "workers/loop.h"
#include "workers/target.h"

bool
target_claim(void)
{
	char		target[sizeof(worker_entry->target)];
	const char *other = NULL;
	int			i;

	/* a topic's name has 249 characters at most; brokers may be any number */
	snprintf(target, sizeof(target), "%s %08x", config_topic,
			 hash_bytes((const unsigned char *) config_brokers, strlen(config_brokers)));
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	for (i = 0; i < shared_state->entry_count; i++)
	{
		DatabaseEntry *entry = &shared_state->entries[i];

		if (entry != worker_entry && OidIsValid(entry->database) &&
			entry->workers[0].pid != 0 && strcmp(entry->target, target) == 0)
			other = entry->name;
	}
	if (other == NULL)
		strlcpy(worker_entry->target, target, sizeof(worker_entry->target));
	LWLockRelease(shared_state->lock);

	if (other == NULL)
		return true;
	worker_error(WARNING, ERRCODE_OBJECT_IN_USE,
				 "Use vnstream_start('consumer') in this database, or another vnstream.topic.",
				 "database \"%s\" of this server already publishes to topic \"%s\" at %s",
				 other, config_topic, config_brokers);
	worker_set_state(WORKER_FAILED, "the producer of database \"%s\" to end", other);
	return false;
}
