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

#include "broker/client.h"
#include "config.h"
#include "market/schedule.h"
#include "request_rate.h"
#include "source/http.h"
#include "source/universe.h"

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

/*
 * Check hooks.  Their sentences come from the rooms that use the values, so
 * that a setting is refused for exactly what would not work.
 */
static void
refusal_detail(const char *error)
{
	/* the rooms speak in clauses, as in other messages; a detail is a sentence */
	GUC_check_errdetail("%c%s.", pg_toupper((unsigned char) error[0]),
						error[0] != '\0' ? error + 1 : "");
}

static bool
check_brokers(char **newval, void **extra, GucSource source)
{
	char		error[BROKER_ERROR_SIZE];

	if (broker_check_list(*newval, error))
		return true;
	refusal_detail(error);
	GUC_check_errhint("Use host:port, several separated by commas, such as '%s'.",
					  "kafka1:9092,kafka2:9092");
	return false;
}

/*
 * What is in the file is read where it is used: it may be made after this, and
 * be changed.
 */
static bool
check_kafka_config_file(char **newval, void **extra, GucSource source)
{
	const char *c;

	if ((*newval)[0] == '\0')
		return true;
	for (c = *newval; *c != '\0' && !iscntrl((unsigned char) *c); c++)
		;
	if (is_absolute_path(*newval) && c - *newval < MAXPGPATH && *c == '\0')
		return true;
	GUC_check_errdetail("It is not an absolute path.");
	GUC_check_errhint("Use the path of a file of the server's user with mode 0600, such as '%s'.",
					  "/etc/vnstream/kafka.properties");
	return false;
}

static bool
check_topic(char **newval, void **extra, GucSource source)
{
	char		error[BROKER_ERROR_SIZE];

	if (broker_check_topic(*newval, error))
		return true;
	refusal_detail(error);
	GUC_check_errhint("Use letters, digits, '.', '_' and '-', such as '%s'.",
					  "stock-quotes");
	return false;
}

/*
 * Kafka sets no rule for names of groups and clients, but they appear in logs,
 * headers and tools of others.
 */
static bool
check_name(char **newval, void **extra, GucSource source)
{
	const char *c;

	if (strlen(*newval) > 200)
	{
		GUC_check_errdetail("It is longer than 200 characters.");
		GUC_check_errhint("Use a short name, such as '%s'.", "stock_db.quotes");
		return false;
	}
	for (c = *newval; *c != '\0'; c++)
		if (!isalnum((unsigned char) *c) && strchr("._-", *c) == NULL)
		{
			GUC_check_errdetail("It has a character that is no letter, digit, '.', '_' or '-'.");
			GUC_check_errhint("Use letters, digits, '.', '_' and '-', such as '%s'.",
							  "stock_db.quotes");
			return false;
		}
	return true;
}

static bool
check_replication_factor(int *newval, void **extra, GucSource source)
{
	if (*newval != 0)
		return true;
	GUC_check_errdetail("A topic without a replica cannot exist.");
	GUC_check_errhint("Use a number from 1, or -1 for the broker's default.");
	return false;
}

static bool
check_topic_retention(int *newval, void **extra, GucSource source)
{
	if (*newval != 0)
		return true;
	GUC_check_errdetail("Kafka would delete each message at once.");
	GUC_check_errhint("Use a time such as '168h', or -1 for the broker's default.");
	return false;
}

/*
 * A number without a unit are seconds, and a month too few cannot be had back.
 */
static bool
check_retention(int *newval, void **extra, GucSource source)
{
	if (*newval == 0 || *newval >= RETENTION_MIN)
		return true;
	GUC_check_errdetail("Quotes are kept for 31 days at least.");
	GUC_check_errhint("Use a time with its unit, such as '365d', or 0 to keep quotes for ever.");
	return false;
}

static bool
check_sources(char **newval, void **extra, GucSource source)
{
	const SourceProvider *providers[SOURCES_MAX];
	char		error[SOURCE_ERROR_SIZE];

	if (source_read_list(*newval, providers, error) > 0)
		return true;
	refusal_detail(error);
	GUC_check_errhint("Use 'vci', 'kbs', or both in order of preference, such as '%s'.",
					  "vci, kbs");
	return false;
}

/*
 * http:// passes here, because vnstream.allow_insecure_source may be set after
 * this; the producer refuses it where that setting is off.
 */
static bool
check_source_url(char **newval, void **extra, GucSource source)
{
	char		error[SOURCE_ERROR_SIZE];

	if (http_check_base_url(*newval, true, error))
		return true;
	refusal_detail(error);
	GUC_check_errhint("Use the address up to and with the last slash, such as '%s'.",
					  "https://trading.vietcap.com.vn/api/");
	return false;
}

static bool
check_symbols(char **newval, void **extra, GucSource source)
{
	char		error[SOURCE_ERROR_SIZE];

	if (universe_check(*newval, error))
		return true;
	refusal_detail(error);
	GUC_check_errhint("Use 'all', or exchanges, groups and tickers separated by commas, such as 'VN30', 'HOSE,ETF' or 'VCB,FPT'.");
	return false;
}

static bool
check_hot_symbols(char **newval, void **extra, GucSource source)
{
	return (*newval)[0] == '\0' || check_symbols(newval, extra, source);
}

static bool
check_http_headers(char **newval, void **extra, GucSource source)
{
	char		error[SOURCE_ERROR_SIZE];

	if (http_check_headers(*newval, error))
		return true;
	refusal_detail(error);
	GUC_check_errhint("Use one header a line, such as E'%s'.",
					  "Accept-Language: vi\\nX-Team: desk");
	return false;
}

static bool
check_user_agent(char **newval, void **extra, GucSource source)
{
	char		error[SOURCE_ERROR_SIZE];

	if (http_check_user_agent(*newval, error))
		return true;
	refusal_detail(error);
	GUC_check_errhint("Use words that say who asks, such as '%s'.",
					  "our-desk/1.0 (ops@example.com)");
	return false;
}

static bool
check_http_proxy(char **newval, void **extra, GucSource source)
{
	char		error[SOURCE_ERROR_SIZE];

	if (http_check_proxy(*newval, error))
		return true;
	refusal_detail(error);
	GUC_check_errhint("Use its address and port, such as '%s', or '' for none.",
					  "http://proxy.example.com:3128");
	return false;
}

static bool
check_ca_file(char **newval, void **extra, GucSource source)
{
	char		error[SOURCE_ERROR_SIZE];

	if (http_check_ca_file(*newval, error))
		return true;
	refusal_detail(error);
	GUC_check_errhint("Use the path of a PEM file on the server, such as '%s', or '' for the system's certificates.",
					  "/etc/ssl/our-ca.pem");
	return false;
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
							   PGC_SIGHUP, 0, check_name, NULL, NULL);
}

static void
define_kafka_settings(void)
{
	DefineCustomStringVariable("vnstream.brokers",
							   "Kafka brokers to connect to first: host:port, separated by commas.",
							   "Name two or three of a cluster; they tell about the others.",
							   &config_brokers, "localhost:9092",
							   PGC_SUSET, 0, check_brokers, NULL, NULL);
	DefineCustomStringVariable("vnstream.kafka_config_file",
							   "File of librdkafka properties for TLS and passwords to the brokers.",
							   "Set it where brokers want TLS or a login. A file of the "
							   "server's user with mode 0600; read again at a reload.",
							   &config_kafka_config_file, "",
							   PGC_SUSET, GUC_SUPERUSER_ONLY, check_kafka_config_file, NULL, NULL);
	DefineCustomStringVariable("vnstream.topic",
							   "Kafka topic that quotes go through.",
							   "Change it to keep pipelines apart that share brokers.",
							   &config_topic, "stock-quotes",
							   PGC_SUSET, 0, check_topic, NULL, NULL);
	DefineCustomStringVariable("vnstream.group_id",
							   "Consumer group that stored offsets are committed to, for Kafka's own tools.",
							   "Empty lets the first vnstream_start() make one and keep it. "
							   "Never read as the position.",
							   &config_group_id, "",
							   PGC_SUSET, 0, check_name, NULL, NULL);
	DefineCustomIntVariable("vnstream.partitions",
							"Partitions of the topic, when the pipeline creates it.",
							"At least the number of consumers. An existing topic is left as it is.",
							&config_partitions, 1, 1, 10000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vnstream.replication_factor",
							"Replicas of the topic, when the pipeline creates it; -1 is the broker's default.",
							"Use 3 on a cluster of three brokers or more.",
							&config_replication_factor, -1, -1, 32767,
							PGC_SUSET, 0, check_replication_factor, NULL, NULL);
	DefineCustomIntVariable("vnstream.topic_retention",
							"How long Kafka keeps messages, when the pipeline creates the topic; -1 is the broker's default.",
							"Must exceed the longest time that consumers may be down.",
							&config_topic_retention, 604800, -1, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, check_topic_retention, NULL, NULL);
	DefineCustomEnumVariable("vnstream.on_lost_offsets",
							 "What a consumer does when messages it has not stored are gone from Kafka.",
							 "'stop' waits for an administrator; 'continue' records the "
							 "range as a gap in vnstream_segments and goes on.",
							 &config_on_lost_offsets, LOST_OFFSETS_STOP, lost_offsets_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
}

/* Names as tickers are, a few, separated by commas or blanks; none: ''. */
static bool
check_indices(char **newval, void **extra, GucSource source)
{
	const char *at = *newval;
	int			count = 0;

	for (;;)
	{
		size_t		length;

		at += strspn(at, ", ");
		length = strcspn(at, ", ");
		if (length == 0)
			return true;
		if (!ticker_is_valid(at, length))
		{
			GUC_check_errdetail("Names of indices are letters A to Z and digits, separated by commas.");
			GUC_check_errhint("Use names as the source has them, such as 'VNINDEX, VN30', or '' for none.");
			return false;
		}
		if (++count > INDICES_MAX)
		{
			GUC_check_errdetail("There may be %d indices at most.", INDICES_MAX);
			GUC_check_errhint("Name those that are looked at; each is a request a minute.");
			return false;
		}
		at += length;
	}
}

static void
define_source_settings(void)
{
	DefineCustomStringVariable("vnstream.sources",
							   "Sources of quotes in order of preference: 'vci', 'kbs', or both separated by a comma.",
							   "With two, requests that one does not answer go to the other, "
							   "until it is well again.",
							   &config_sources, "vci",
							   PGC_SUSET, 0, check_sources, NULL, NULL);
	DefineCustomStringVariable("vnstream.vci_url",
							   "Base address of the VCI source, up to and with the last slash.",
							   "Change it when the source moves, or to use a gateway of your own.",
							   &config_vci_url, "https://trading.vietcap.com.vn/api/",
							   PGC_SUSET, 0, check_source_url, NULL, NULL);
	DefineCustomStringVariable("vnstream.kbs_url",
							   "Base address of the KBS source, up to and with the last slash.",
							   "Change it when the source moves, or to use a gateway of your own.",
							   &config_kbs_url,
							   "https://kbbuddywts.kbsec.com.vn/iis-server/investment/",
							   PGC_SUSET, 0, check_source_url, NULL, NULL);
	DefineCustomStringVariable("vnstream.symbols",
							   "Symbols to follow: 'all', or exchanges, groups and tickers separated by commas.",
							   "'all' is the listed shares, ETFs and funds of HOSE, HNX and UPCOM.",
							   &config_symbols, "all",
							   PGC_SUSET, 0, check_symbols, NULL, NULL);
	DefineCustomStringVariable("vnstream.indices",
							   "Indices to follow by the minute, separated by commas; none where empty.",
							   "They come from KBS, where that is among vnstream.sources.",
							   &config_indices, "VNINDEX, VN30, HNXINDEX, UPCOMINDEX",
							   PGC_SUSET, 0, check_indices, NULL, NULL);
	DefineCustomIntVariable("vnstream.interval",
							"Time from the start of one sweep to the start of the next.",
							"Shorter is fresher and asks more of the source; see vnstream.requests_per_minute.",
							&config_interval, 60, 1, 86400,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomStringVariable("vnstream.hot_symbols",
							   "Symbols to ask for more often: a list as in vnstream.symbols; empty is none.",
							   "Name what is traded on right now; each request to the source counts.",
							   &config_hot_symbols, "",
							   PGC_SUSET, 0, check_hot_symbols, NULL, NULL);
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
							&config_http_max_response, 16384, 64, 1048576,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomStringVariable("vnstream.user_agent",
							   "User-Agent header sent to the source.",
							   "The default says honestly who asks.",
							   &config_user_agent, "vnstock_stream/" VNSTREAM_VERSION,
							   PGC_SUSET, 0, check_user_agent, NULL, NULL);
	DefineCustomStringVariable("vnstream.http_headers",
							   "More headers sent to the source, one \"Name: value\" a line.",
							   "Set what a gateway of your own needs. Not for secrets.",
							   &config_http_headers, "",
							   PGC_SUSET, 0, check_http_headers, NULL, NULL);
	DefineCustomStringVariable("vnstream.http_proxy",
							   "Proxy through which the sources are asked: http:// or https://, host and port; empty is none.",
							   "Set it where the server has no way to the sources of its own. "
							   "One from the environment is never used.",
							   &config_http_proxy, "",
							   PGC_SUSET, 0, check_http_proxy, NULL, NULL);
	DefineCustomStringVariable("vnstream.ca_file",
							   "PEM file of the certificates that vouch for the sources; empty is the system's.",
							   "Set it where a proxy or gateway of your own has a certificate of your own.",
							   &config_ca_file, "",
							   PGC_SUSET, 0, check_ca_file, NULL, NULL);
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
							PGC_SUSET, GUC_UNIT_S, check_retention, NULL, NULL);
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
