/*-------------------------------------------------------------------------
 *
 * topic.c
 *	  A worker's questions about its topic.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "config.h"
#include "workers/loop.h"
#include "workers/topic.h"

/* How long a question may take before it counts as failed. */
#define TOPIC_TIMEOUT_MS 10000

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
