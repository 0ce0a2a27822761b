/*-------------------------------------------------------------------------
 *
 * config_keys.c
 *	  Which of librdkafka's properties a configuration file may have.
 *
 * A list of what is allowed, since librdkafka has new properties with each
 * version.  The second list has better words for what somebody is likely to
 * write all the same.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/config_keys.h"

#include <string.h>

static const char *const protocols[] = {
	"plaintext", "ssl", "sasl_plaintext", "sasl_ssl", NULL
};

/*
 * GSSAPI has librdkafka run kinit by a shell within the server, OAUTHBEARER
 * asks a token server by itself.
 */
static const char *const mechanisms[] = {
	"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", NULL
};
static const char *const verification[] = {"true", NULL};
static const char *const identification[] = {"https", NULL};

static const char mechanisms_only[] =
	"must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 (Kerberos and OAUTHBEARER are not supported)";

static const ConfigKey keys[] = {
	{"security.protocol", CONFIG_FOR_ALL, false, NULL, protocols,
	"must be plaintext, ssl, sasl_plaintext or sasl_ssl"},
	{"sasl.mechanisms", CONFIG_FOR_ALL, false, NULL, mechanisms, mechanisms_only},
	{"sasl.mechanism", CONFIG_FOR_ALL, false, "sasl.mechanisms", mechanisms, mechanisms_only},
	{"sasl.username", CONFIG_FOR_ALL, false, NULL, NULL, NULL},
	{"sasl.password", CONFIG_FOR_ALL, true, NULL, NULL, NULL},

	{"ssl.ca.location", CONFIG_FOR_ALL, true, NULL, NULL, NULL},
	{"ssl.ca.pem", CONFIG_FOR_ALL, true, NULL, NULL, NULL},
	{"ssl.certificate.location", CONFIG_FOR_ALL, true, NULL, NULL, NULL},
	{"ssl.certificate.pem", CONFIG_FOR_ALL, true, NULL, NULL, NULL},
	{"ssl.key.location", CONFIG_FOR_ALL, true, NULL, NULL, NULL},
	{"ssl.key.pem", CONFIG_FOR_ALL, true, NULL, NULL, NULL},
	{"ssl.key.password", CONFIG_FOR_ALL, true, NULL, NULL, NULL},
	{"ssl.keystore.location", CONFIG_FOR_ALL, true, NULL, NULL, NULL},
	{"ssl.keystore.password", CONFIG_FOR_ALL, true, NULL, NULL, NULL},
	{"ssl.crl.location", CONFIG_FOR_ALL, true, NULL, NULL, NULL},
	{"ssl.cipher.suites", CONFIG_FOR_ALL, false, NULL, NULL, NULL},
	{"ssl.curves.list", CONFIG_FOR_ALL, false, NULL, NULL, NULL},
	{"ssl.sigalgs.list", CONFIG_FOR_ALL, false, NULL, NULL, NULL},
	{"enable.ssl.certificate.verification", CONFIG_FOR_ALL, false, NULL, verification,
	"must stay true: an unverified broker could be anybody's"},
	{"ssl.endpoint.identification.algorithm", CONFIG_FOR_ALL, false, NULL, identification,
	"must stay https: a certificate for another host could be anybody's"},

	{"client.rack", CONFIG_FOR_ALL, false, NULL, NULL, NULL},
	{"broker.address.family", CONFIG_FOR_ALL, false, NULL, NULL, NULL},
	{"broker.address.ttl", CONFIG_FOR_ALL, false, NULL, NULL, NULL},
	{"connections.max.idle.ms", CONFIG_FOR_ALL, false, NULL, NULL, NULL},
	{"reconnect.backoff.ms", CONFIG_FOR_ALL, false, NULL, NULL, NULL},
	{"reconnect.backoff.max.ms", CONFIG_FOR_ALL, false, NULL, NULL, NULL},
	{"socket.connection.setup.timeout.ms", CONFIG_FOR_ALL, false, NULL, NULL, NULL},
	{"socket.keepalive.enable", CONFIG_FOR_ALL, false, NULL, NULL, NULL},
	{"socket.nagle.disable", CONFIG_FOR_ALL, false, NULL, NULL, NULL},
	{"socket.receive.buffer.bytes", CONFIG_FOR_ALL, false, NULL, NULL, NULL},
	{"socket.send.buffer.bytes", CONFIG_FOR_ALL, false, NULL, NULL, NULL},
	{"socket.timeout.ms", CONFIG_NOT_FOR_QUERIES, false, NULL, NULL, NULL},

	{"compression.type", CONFIG_FOR_PUBLISHERS, false, NULL, NULL, NULL},
	{"compression.codec", CONFIG_FOR_PUBLISHERS, false, "compression.type", NULL, NULL},
	{"compression.level", CONFIG_FOR_PUBLISHERS, false, NULL, NULL, NULL},
	{"message.max.bytes", CONFIG_FOR_PUBLISHERS, false, NULL, NULL, NULL},
};

static const char is_code[] = "is not allowed: it loads code into the server";
static const char is_log[] = "is not allowed: librdkafka would log more than a log may have";
static const char is_ours[] = "is not allowed: the pipeline decides it by itself";
static const char is_call[] = "is not allowed: it is for programs that have callbacks";
static const char is_java[] = "is of Kafka's Java clients, and has no meaning here";
static const char is_kerberos[] = "is not allowed: Kerberos is not supported (librdkafka would run kinit by a shell within the server)";
static const char is_oauth[] = "is not allowed: OAUTHBEARER is not supported";
static const char is_pkcs12[] = "is of Kafka's Java clients: a keystore must be PKCS#12 here, or use ssl.certificate.location and ssl.key.location, PEM files";

/* A name that ends in '*' is of all names that begin so; the first match counts. */
static const struct
{
	const char *name;
	const char *why;
}			refusals[] = {
	{"plugin.library.paths", is_code},
	{"ssl.engine.*", is_code},
	{"ssl_engine_*", is_code},
	{"ssl.providers", is_code},
	{"debug", is_log},
	{"log*", is_log},
	{"statistics.interval.ms", is_log},
	{"bootstrap.servers", "is not allowed: it is the setting vnstream.brokers"},
	{"metadata.broker.list", "is not allowed: it is the setting vnstream.brokers"},
	{"group.id", "is not allowed: it is the setting vnstream.group_id"},
	{"client.id", is_ours},
	{"topic.*", is_ours},
	{"group.*", is_ours},
	{"internal.*", is_ours},
	{"enable.auto.*", is_ours},
	{"auto.*", is_ours},
	{"acks", is_ours},
	{"request.required.acks", is_ours},
	{"enable.idempotence", is_ours},
	{"enable.random.seed", is_ours},
	{"enable.partition.eof", is_ours},
	{"transactional.id", is_ours},
	{"transaction.*", is_ours},
	{"isolation.level", is_ours},
	{"partitioner", is_ours},
	{"retries", is_ours},
	{"message.send.max.retries", is_ours},
	{"retry.*", is_ours},
	{"max.in.flight*", is_ours},
	{"linger.ms", is_ours},
	{"batch.*", is_ours},
	{"queue.*", is_ours},
	{"queued.*", is_ours},
	{"fetch.*", is_ours},
	{"check.crcs", is_ours},
	{"delivery.*", is_ours},
	{"message.timeout.ms", is_ours},
	{"session.timeout.ms", is_ours},
	{"heartbeat.interval.ms", is_ours},
	{"max.poll.*", is_ours},
	{"allow.auto.create.topics", is_ours},
	{"api.version.*", is_ours},
	{"broker.version.fallback", is_ours},
	{"request.timeout.ms", "is not allowed: socket.timeout.ms is the time for a broker's answer"},
	{"socket_cb", is_call},
	{"connect_cb", is_call},
	{"closesocket_cb", is_call},
	{"open_cb", is_call},
	{"resolve_cb", is_call},
	{"interceptor*", is_java},
	{"sasl.kerberos.*", is_kerberos},
	{"sasl.oauthbearer.*", is_oauth},
	{"enable.sasl.oauthbearer.unsecure.jwt", is_oauth},
	{"sasl.jaas.config", "is of Kafka's Java clients: use sasl.username and sasl.password"},
	{"sasl.login.*", is_java},
	{"sasl.client.*", is_java},
	{"ssl.truststore.certificates", "is of Kafka's Java clients: use ssl.ca.pem, or ssl.ca.location with a PEM file"},
	{"ssl.truststore.*", "is of Kafka's Java clients: use ssl.ca.location with a PEM file, which needs no password"},
	{"ssl.keystore.certificate.chain", "is of Kafka's Java clients: use ssl.certificate.pem, or ssl.certificate.location"},
	{"ssl.keystore.key", "is of Kafka's Java clients: use ssl.key.pem, or ssl.key.location"},
	{"ssl.keystore.type", is_pkcs12},
	{"ssl.enabled.protocols", is_java},
	{"ssl.protocol", is_java},
	{"ssl.provider", is_java},
	{"ssl.keymanager.algorithm", is_java},
	{"ssl.trustmanager.algorithm", is_java},
	{"ssl.secure.random.implementation", is_java},
	{"security.providers", is_java},
	{"key.serializer", is_java},
	{"value.serializer", is_java},
	{"key.deserializer", is_java},
	{"value.deserializer", is_java},
	{"metric.reporters", is_java},
};

const ConfigKey *
config_key_find(const char *name)
{
	size_t		i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}

const char *
config_key_refusal(const char *name)
{
	size_t		length = strlen(name);
	size_t		i;

	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
	{
		const char *known = refusals[i].name;
		size_t		part = strcspn(known, "*");

		if (known[part] == '*' ? strncmp(known, name, part) == 0 : strcmp(known, name) == 0)
			return refusals[i].why;
	}
	if (length > 3 && strcmp(name + length - 3, "_cb") == 0)
		return is_call;
	return NULL;
}
