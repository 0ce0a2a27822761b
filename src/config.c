/*-------------------------------------------------------------------------
 *
 * config.c
 *	  Every setting of the extension, with unit, range and description.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/guc.h"

#include "config.h"
#include "config_check.h"
#include "market/schedule.h"
#include "request_rate.h"
#include "source/http.h"

bool		config_enabled = true;
int			config_max_databases = 4;
int			config_max_symbols = 8192;
char	   *config_node_name = NULL;

int			config_run = 0;
char	   *config_brokers = NULL;
char	   *config_kafka_config_file = NULL;
char	   *config_topic = NULL;
char	   *config_group_id = NULL;
int			config_partitions = 1;
int			config_replication_factor = -1;
int			config_topic_retention = 604800;
int			config_on_lost_offsets = LOST_OFFSETS_STOP;
char	   *config_sources = NULL;
char	   *config_vci_url = NULL;
char	   *config_kbs_url = NULL;
char	   *config_symbols = NULL;
char	   *config_indices = NULL;
int			config_interval = 60;
char	   *config_hot_symbols = NULL;
int			config_hot_interval = 5000;
int			config_schedule = SCHEDULE_MARKET;
int			config_symbols_per_request = 50;
int			config_requests_in_flight = 4;
int			config_requests_per_minute = 120;
int			config_http_timeout = 10000;
int			config_http_max_response = 16384;
char	   *config_user_agent = NULL;
char	   *config_http_headers = NULL;
char	   *config_http_proxy = NULL;
char	   *config_ca_file = NULL;
bool		config_allow_insecure_source = false;
int			config_heartbeat = 900;
int			config_consumers = 1;
int			config_batch_size = 5000;
int			config_outbox_limit = 1048576;
int			config_dead_letter_limit = 1048576;
int			config_on_dead_letter_limit = DEAD_LETTERS_STOP;
int			config_dead_letter_percent = 50;
int			config_rejects_limit = 10000;
int			config_retention = 0;

static const struct config_enum_entry run_options[] = {
	{"off", 0, false},
	{"all", RUN_ALL, false},
	{"producer", RUN_PRODUCER, false},
	{"consumer", RUN_CONSUMER, false},
	{NULL, 0, false}
};

static const struct config_enum_entry lost_offsets_options[] = {
	{"stop", LOST_OFFSETS_STOP, false},
	{"continue", LOST_OFFSETS_CONTINUE, false},
	{NULL, 0, false}
};

static const struct config_enum_entry dead_letter_options[] = {
	{"stop", DEAD_LETTERS_STOP, false},
	{"digest", DEAD_LETTERS_DIGEST, false},
	{NULL, 0, false}
};

static const struct config_enum_entry schedule_options[] = {
	{"market", SCHEDULE_MARKET, false},
	{"always", SCHEDULE_ALWAYS, false},
	{NULL, 0, false}
};

int
config_run_from_text(const char *value)
{
	const struct config_enum_entry *option;

	for (option = run_options; option->name != NULL; option++)
		if (pg_strcasecmp(option->name, value) == 0)
			return option->val;
	return 0;
}

const char *
config_run_to_text(int run)
{
	const struct config_enum_entry *option;

	for (option = run_options; option->name != NULL; option++)
		if (option->val == run)
			return option->name;
	return "off";
}

const char *
config_source_url(const char *name)
{
	if (strcmp(name, vci_provider.name) == 0)
		return config_vci_url;
	if (strcmp(name, kbs_provider.name) == 0)
		return config_kbs_url;
	return NULL;
}

const char *
config_first_source(void)
{
	const SourceProvider *providers[SOURCES_MAX];
	char		error[SOURCE_ERROR_SIZE];

	/* the setting has been checked */
	return source_read_list(config_sources, providers, error) > 0 ?
		providers[0]->name : vci_provider.name;
}

static void
define_server_settings(void)
{
	DefineCustomBoolVariable("vnstream.enabled",
							 "Whether any worker of vnstock_stream may run on this server.",
							 "Turn off to keep every worker down, whatever databases want, "
							 "for example during maintenance.",
							 &config_enabled, true,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	/* PostgreSQL lets nobody define this kind once the server runs */
	if (process_shared_preload_libraries_in_progress)
	{
		DefineCustomIntVariable("vnstream.max_databases",
								"Number of databases of this server that can run the pipeline.",
								"Raise it when vnstream_start() says that there is no room. "
								"It sizes shared memory.",
								&config_max_databases, 4, 1, 64,
								PGC_POSTMASTER, 0, NULL, NULL, NULL);
		DefineCustomIntVariable("vnstream.max_symbols",
								"Number of symbols of a database whose latest quotes are kept in shared memory.",
								"Raise it when vnstream_check() says that there are more; those "
								"beyond it are read from the table. It sizes shared memory.",
								&config_max_symbols, 8192, 64, 262144,
								PGC_POSTMASTER, 0, NULL, NULL, NULL);
	}
	DefineCustomStringVariable("vnstream.node_name",
							   "Name of this server in the headers of messages.",
							   "Set it when several servers publish to one topic, to tell "
							   "them apart. Empty sends the system identifier alone.",
							   &config_node_name, "",
							   PGC_SIGHUP, 0, config_check_name, NULL, NULL);
}

static void
define_kafka_settings(void)
{
	DefineCustomStringVariable("vnstream.brokers",
							   "Kafka brokers to connect to first: host:port, separated by commas.",
							   "Name two or three of a cluster; they tell about the others.",
							   &config_brokers, "localhost:9092",
							   PGC_SUSET, 0, config_check_brokers, NULL, NULL);
	DefineCustomStringVariable("vnstream.kafka_config_file",
							   "File of librdkafka properties for TLS and passwords to the brokers.",
							   "Set it where brokers want TLS or a login. A file of the "
							   "server's user with mode 0600; read again at a reload.",
							   &config_kafka_config_file, "",
							   PGC_SUSET, GUC_SUPERUSER_ONLY, config_check_kafka_config_file, NULL, NULL);
	DefineCustomStringVariable("vnstream.topic",
							   "Kafka topic that quotes go through.",
							   "Change it to keep pipelines apart that share brokers.",
							   &config_topic, "stock-quotes",
							   PGC_SUSET, 0, config_check_topic, NULL, NULL);
	DefineCustomStringVariable("vnstream.group_id",
							   "Consumer group that stored offsets are committed to, for Kafka's own tools.",
							   "Empty lets the first vnstream_start() make one and keep it. "
							   "Never read as the position.",
							   &config_group_id, "",
							   PGC_SUSET, 0, config_check_name, NULL, NULL);
	DefineCustomIntVariable("vnstream.partitions",
							"Partitions of the topic, when the pipeline creates it.",
							"At least the number of consumers. An existing topic is left as it is.",
							&config_partitions, 1, 1, 10000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vnstream.replication_factor",
							"Replicas of the topic, when the pipeline creates it; -1 is the broker's default.",
							"Use 3 on a cluster of three brokers or more.",
							&config_replication_factor, -1, -1, 32767,
							PGC_SUSET, 0, config_check_replication_factor, NULL, NULL);
	DefineCustomIntVariable("vnstream.topic_retention",
							"How long Kafka keeps messages, when the pipeline creates the topic; -1 is the broker's default.",
							"Must exceed the longest time that consumers may be down.",
							&config_topic_retention, 604800, -1, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, config_check_topic_retention, NULL, NULL);
	DefineCustomEnumVariable("vnstream.on_lost_offsets",
							 "What a consumer does when messages it has not stored are gone from Kafka.",
							 "'stop' waits for an administrator; 'continue' records the "
							 "range as a gap in vnstream_segments and goes on.",
							 &config_on_lost_offsets, LOST_OFFSETS_STOP, lost_offsets_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
}

static void
define_source_settings(void)
{
	DefineCustomStringVariable("vnstream.sources",
							   "Sources of quotes in order of preference: 'vci', 'kbs', or both separated by a comma.",
							   "With two, requests that one does not answer go to the other, "
							   "until it is well again.",
							   &config_sources, "vci",
							   PGC_SUSET, 0, config_check_sources, NULL, NULL);
	DefineCustomStringVariable("vnstream.vci_url",
							   "Base address of the VCI source, up to and with the last slash.",
							   "Change it when the source moves, or to use a gateway of your own.",
							   &config_vci_url, "https://trading.vietcap.com.vn/api/",
							   PGC_SUSET, 0, config_check_source_url, NULL, NULL);
	DefineCustomStringVariable("vnstream.kbs_url",
							   "Base address of the KBS source, up to and with the last slash.",
							   "Change it when the source moves, or to use a gateway of your own.",
							   &config_kbs_url,
							   "https://kbbuddywts.kbsec.com.vn/iis-server/investment/",
							   PGC_SUSET, 0, config_check_source_url, NULL, NULL);
	DefineCustomStringVariable("vnstream.symbols",
							   "Symbols to follow: 'all', or exchanges, groups and tickers separated by commas.",
							   "'all' is the listed shares, ETFs and funds of HOSE, HNX and UPCOM.",
							   &config_symbols, "all",
							   PGC_SUSET, 0, config_check_symbols, NULL, NULL);
	DefineCustomStringVariable("vnstream.indices",
							   "Indices to follow by the minute, separated by commas; none where empty.",
							   "They come from KBS, where that is among vnstream.sources.",
							   &config_indices, "VNINDEX, VN30, HNXINDEX, UPCOMINDEX",
							   PGC_SUSET, 0, config_check_indices, NULL, NULL);
	DefineCustomIntVariable("vnstream.interval",
							"Time from the start of one sweep to the start of the next.",
							"Shorter is fresher and asks more of the source; see vnstream.requests_per_minute.",
							&config_interval, 60, 1, 86400,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomStringVariable("vnstream.hot_symbols",
							   "Symbols to ask for more often: a list as in vnstream.symbols; empty is none.",
							   "Name what is traded on right now; each request to the source counts.",
							   &config_hot_symbols, "",
							   PGC_SUSET, 0, config_check_hot_symbols, NULL, NULL);
	DefineCustomIntVariable("vnstream.hot_interval",
							"Time from the start of one sweep of vnstream.hot_symbols to the next, while the market is open.",
							"Shorter is fresher. These sweeps take at most half of "
							"vnstream.requests_per_minute, and come later where that is not enough.",
							&config_hot_interval, 5000, 500, 3600000,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomEnumVariable("vnstream.schedule",
							 "When sweeps are made at the interval: while the market is open, or always.",
							 "'market' goes by vnstream_sessions and vnstream_holidays; 'always' "
							 "is for demonstrations and tests.",
							 &config_schedule, SCHEDULE_MARKET, schedule_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vnstream.symbols_per_request",
							"Symbols asked for in one request.",
							"Lower it when the source leaves symbols out or refuses large requests.",
							&config_symbols_per_request, 50, 1, 2000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vnstream.requests_in_flight",
							"Requests to the source at the same time.",
							"Raise it when sweeps take longer than vnstream.interval.",
							&config_requests_in_flight, 4, 1, 32,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vnstream.requests_per_minute",
							"Most requests to one source within any minute, for the whole server.",
							"Keep it within what the source tolerates; lower it after a 429.",
							&config_requests_per_minute, 120, 1, MAX_REQUESTS_PER_MINUTE,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vnstream.http_timeout",
							"Time after which a request to the source is given up.",
							"Raise it on a slow line.",
							&config_http_timeout, 10000, 100, 600000,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("vnstream.http_max_response",
							"Largest answer of the source that is read, after decompression.",
							"Raise it together with vnstream.symbols_per_request.",
							&config_http_max_response, 16384, 64, 65536,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomStringVariable("vnstream.user_agent",
							   "User-Agent header sent to the source.",
							   "The default says honestly who asks.",
							   &config_user_agent, "vnstock_stream/" VNSTREAM_VERSION,
							   PGC_SUSET, 0, config_check_user_agent, NULL, NULL);
	DefineCustomStringVariable("vnstream.http_headers",
							   "More headers sent to the source, one \"Name: value\" a line.",
							   "Set what a gateway of your own needs. Not for secrets.",
							   &config_http_headers, "",
							   PGC_SUSET, 0, config_check_http_headers, NULL, NULL);
	DefineCustomStringVariable("vnstream.http_proxy",
							   "Proxy through which the sources are asked: http:// or https://, host and port; empty is none.",
							   "Set it where the server has no way to the sources of its own. "
							   "One from the environment is never used.",
							   &config_http_proxy, "",
							   PGC_SUSET, 0, config_check_http_proxy, NULL, NULL);
	DefineCustomStringVariable("vnstream.ca_file",
							   "PEM file of the certificates that vouch for the sources; empty is the system's.",
							   "Set it where a proxy or gateway of your own has a certificate of your own.",
							   &config_ca_file, "",
							   PGC_SUSET, 0, config_check_ca_file, NULL, NULL);
	DefineCustomBoolVariable("vnstream.allow_insecure_source",
							 "Whether a source may be read by http:// without TLS.",
							 "Only for a source on this host or a network that you trust.",
							 &config_allow_insecure_source, false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vnstream.heartbeat",
							"Time after which an unchanged quote is published again; 0 publishes always.",
							"Shorter shows sooner that a symbol is still followed, and stores more rows. "
							"The first quote of each phase of the market and the closing sweep are "
							"published in any case.",
							&config_heartbeat, 900, 0, 86400,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
}

static void
define_store_settings(void)
{
	DefineCustomIntVariable("vnstream.consumers",
							"Consumer workers of a database.",
							"More than the topic has partitions do nothing.",
							&config_consumers, 1, 1, MAX_CONSUMERS,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vnstream.batch_size",
							"Most messages stored in one transaction.",
							"A batch never waits to fill. Lower it to hold locks for a shorter time.",
							&config_batch_size, 5000, 1, 100000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vnstream.outbox_limit",
							"Size of unacknowledged responses at which sweeps pause.",
							"While Kafka is away the outbox grows by about 1 MB a sweep of the whole market.",
							&config_outbox_limit, 1048576, 1024, INT_MAX,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("vnstream.dead_letter_limit",
							"Size of vnstream_dead_letters, keys and values, at which no more are kept whole.",
							"Raise it where there is room on the disk; vnstream_purge_dead_letters() makes room. "
							"What happens then says vnstream.on_dead_letter_limit.",
							&config_dead_letter_limit, 1048576, 1024, INT_MAX,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomEnumVariable("vnstream.on_dead_letter_limit",
							 "What a consumer does with one more dead letter than vnstream.dead_letter_limit has room for.",
							 "'stop' waits for an administrator; 'digest' keeps its place, key, length and "
							 "SHA-256, and goes on.",
							 &config_on_dead_letter_limit, DEAD_LETTERS_STOP, dead_letter_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vnstream.dead_letter_percent",
							"Share of dead letters among at least 1000 messages above which a consumer stops, in percent.",
							"So many mean that the table or a producer has changed. Set it to 100 to keep "
							"them all and go on.",
							&config_dead_letter_percent, 50, 1, 100,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vnstream.rejects_limit",
							"Rows of vnstream_rejects that are kept; 0 keeps none.",
							"Raise it to look further back at what the rules refuse. All are counted in vnstream_rule_counts.",
							&config_rejects_limit, 10000, 0, 1000000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vnstream.retention",
							"How long quotes are kept; 0 is for ever.",
							"Set it before the disk is full. Whole months of realtime_quotes are "
							"dropped, when all of their time is longer ago than that.",
							&config_retention, 0, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, config_check_retention, NULL, NULL);
}

void
config_define(void)
{
	define_server_settings();
	DefineCustomEnumVariable("vnstream.run",
							 "What runs in a database; written by vnstream_start() and vnstream_stop().",
							 "Meaningful as a setting of a database only (ALTER DATABASE … SET).",
							 &config_run, 0, run_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	define_kafka_settings();
	define_source_settings();
	define_store_settings();

	MarkGUCPrefixReserved("vnstream");
}
