/*-------------------------------------------------------------------------
 *
 * topic.c
 *	  A worker's questions about its topic.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "broker/config_file.h"
#include "config.h"
#include "workers/loop.h"
#include "workers/topic.h"

/* How long a question may take before it counts as failed. */
#define TOPIC_TIMEOUT_MS 10000

/* What this process began with; the path is its own copy. */
static char *first_config_file = NULL;
static uint64 first_config_hash;

bool
worker_broker_file_changed(void)
{
	ConfigFile	file;
	char		faults[BROKER_ERROR_SIZE];
	bool		is_good;
	uint64		hash;

	if (first_config_file == NULL)
		return false;
	if (strcmp(first_config_file, config_kafka_config_file) != 0)
		return true;
	if (config_kafka_config_file[0] == '\0')
		return false;
	is_good = config_file_read(&file, config_kafka_config_file);
	hash = file.hash;
	if (!is_good)
		config_file_tell_faults(&file, faults, sizeof(faults));
	config_file_free(&file);
	if (hash == first_config_hash)
		return false;
	if (!is_good)
		worker_error(WARNING, ERRCODE_CONFIG_FILE_ERROR,
					 "Put the file right and reload; until then the connections stay as they are.",
					 "vnstream.kafka_config_file: %s", faults);
	return is_good;
}

static void
remember_file(void)
{
	ConfigFile	file;

	if (first_config_file != NULL)
		return;
	first_config_file = MemoryContextStrdup(TopMemoryContext, config_kafka_config_file);
	if (first_config_file[0] == '\0')
		return;
	(void) config_file_read(&file, first_config_file);
	first_config_hash = file.hash;
	config_file_free(&file);
}

BrokerOptions
worker_broker_options(void)
{
	static char client_id[NAMEDATALEN * 2 + 32];
	BrokerOptions options;
	char		name[NAMEDATALEN];
	char	   *c;

	worker_slot_name(worker_slot, name, sizeof(name));
	snprintf(client_id, sizeof(client_id), "vnstock_stream.%s.%s", worker_entry->name, name);
	/* brokers put it into names of metrics */
	for (c = client_id; *c != '\0'; c++)
		if (!isalnum((unsigned char) *c) && strchr("._-", *c) == NULL)
			*c = '-';

	options.brokers = config_brokers;
	options.client_id = client_id;
	options.group_id = config_group_id;
	options.config_file = config_kafka_config_file;
	remember_file();
	return options;
}

BrokerQuery *
topic_ask(bool watermarks)
{
	BrokerOptions options = worker_broker_options();
	TopicSpecification specification;
	BrokerQuery *query;
	char		error[BROKER_ERROR_SIZE];

	specification.topic = config_topic;
	specification.partitions = config_partitions;
	specification.replication_factor = config_replication_factor;
	specification.retention_ms = config_topic_retention < 0 ? -1 :
		(int64) config_topic_retention * 1000;
	query = broker_query_create(&options, &specification, watermarks,
								TOPIC_TIMEOUT_MS, error);
	if (query == NULL)
		worker_error(LOG, ERRCODE_CONNECTION_FAILURE, NULL, "%s", error);
	return query;
}
