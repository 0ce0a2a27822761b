/*-------------------------------------------------------------------------
 *
 * test_config_file.c
 *	  Files of librdkafka properties: what is taken, what is refused in which
 *	  words, and that no value is ever shown.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/client.h"
#include "broker/config_file.h"
#include "test.h"

#define CANARY "Tr0ub4dor&3"

static char told[BROKER_ERROR_SIZE];

static bool
parse(ConfigFile *file, const char *text, size_t length)
{
	char	   *exact = exact_copy(text, length);
	bool		answer = config_file_parse(file, exact, length);

	free(exact);
	config_file_tell_faults(file, told, sizeof(told));
	return answer;
}

static void
accepts(const char *text, const char *name, const char *value)
{
	ConfigFile	file;

	ok(parse(&file, text, strlen(text)), "accepted: %s %s", name, told);
	is_text(config_file_value(&file, name), value, "with its value");
	config_file_free(&file);
}

static void
refuses(const char *text, const char *expected)
{
	ConfigFile	file;

	ok(!parse(&file, text, strlen(text)), "refused");
	is_text(told, expected, "in these words");
	ok(strstr(told, CANARY) == NULL, "without a value");
	config_file_free(&file);
}

static void
test_forms(void)
{
	ConfigFile	file;

	accepts("security.protocol=ssl", "security.protocol", "ssl");
	accepts("security.protocol=SASL_SSL\n", "security.protocol", "SASL_SSL");
	accepts("# a comment\n\n  \t\nsasl.username =  tester \t\n", "sasl.username", "tester");
	accepts("sasl.password=a=b=c", "sasl.password", "a=b=c");
	accepts("sasl.password=#no comment", "sasl.password", "#no comment");
	accepts("sasl.password=with a blank\\n", "sasl.password", "with a blank\\n");
	accepts("sasl.password=m\xE1\xBA\xADt kh\xE1\xBA\xA9u", "sasl.password", "m\xE1\xBA\xADt kh\xE1\xBA\xA9u");
	accepts("\xEF\xBB\xBFsasl.username=tester\r\nsasl.password=x\r\n", "sasl.username", "tester");
	accepts("sasl.mechanism=SCRAM-SHA-512", "sasl.mechanisms", "SCRAM-SHA-512");
	accepts("ssl.ca.pem=-----BEGIN\\nAAAA\\n", "ssl.ca.pem", "-----BEGIN\nAAAA\n");
	accepts("enable.ssl.certificate.verification=true\nssl.endpoint.identification.algorithm=https",
			"ssl.endpoint.identification.algorithm", "https");
	accepts("socket.timeout.ms=30000", "socket.timeout.ms", "30000");

	ok(parse(&file, "", 0), "an empty file is one");
	is_integer(file.setting_count, 0, "without settings");
	ok(config_file_value(&file, "sasl.password") == NULL, "and without values");
	config_file_free(&file);
}

static void
test_refusals(void)
{
	char		key[300];

	refuses("sasl.password", "line 1: it is not key=value (a value is one line, with \\n for the lines of a certificate)");
	refuses("\n\nsasl.password " CANARY, "line 3: it is not key=value (a value is one line, with \\n for the lines of a certificate)");
	refuses("=" CANARY, "line 1: there is no key before '='");
	refuses("sasl.password=", "line 1: \"sasl.password\" has no value");
	refuses("sasl.password=" CANARY "\x01", "line 1: the value of \"sasl.password\" has a control character");
	refuses("sasl.password=a\n#\nsasl.password=" CANARY, "line 3: \"sasl.password\" stands in line 1 already");
	refuses("sasl.mechanism=PLAIN\nsasl.mechanisms=PLAIN", "line 2: \"sasl.mechanisms\" stands in line 1 already");
	refuses("ssl.ca.locaton=" CANARY, "line 1: \"ssl.ca.locaton\" is not among the keys that are allowed here");
	refuses("c2VjcmV0IHNlY3JldA" "==", "line 1: what stands before '=' is not a key");
	refuses(CANARY "=x", "line 1: what stands before '=' is not a key");
	memset(key, 'a', sizeof(key));
	memcpy(key, "debug.", 6);
	memcpy(key + sizeof(key) - 3, "=1", 3);
	refuses(key, "line 1: what stands before '=' is not a key");
	memcpy(key, "log.aa", 6);
	refuses(key, "line 1: what stands before '=' is not a key");

	refuses("security.protocol=" CANARY, "line 1: \"security.protocol\" must be plaintext, ssl, sasl_plaintext or sasl_ssl");
	refuses("sasl.mechanism=GSSAPI", "line 1: \"sasl.mechanism\" must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 (Kerberos and OAUTHBEARER are not supported)");
	refuses("socket.timeout.ms=" CANARY, "line 1: librdkafka does not take the value of \"socket.timeout.ms\"");
	refuses("broker.address.family=" CANARY, "line 1: librdkafka does not take the value of \"broker.address.family\"");
	refuses("enable.ssl.certificate.verification=false", "line 1: \"enable.ssl.certificate.verification\" must stay true: an unverified broker could be anybody's");
	refuses("ssl.endpoint.identification.algorithm=none", "line 1: \"ssl.endpoint.identification.algorithm\" must stay https: a certificate for another host could be anybody's");
	refuses("ssl.endpoint.identification.algorithm=", "line 1: \"ssl.endpoint.identification.algorithm\" has no value");

	refuses("plugin.library.paths=/tmp/x.so", "line 1: \"plugin.library.paths\" is not allowed: it loads code into the server");
	refuses("ssl.engine.location=/tmp/x.so", "line 1: \"ssl.engine.location\" is not allowed: it loads code into the server");
	refuses("ssl.providers=legacy", "line 1: \"ssl.providers\" is not allowed: it loads code into the server");
	refuses("debug=all", "line 1: \"debug\" is not allowed: librdkafka would log more than a log may have");
	refuses("log_level=7", "line 1: \"log_level\" is not allowed: librdkafka would log more than a log may have");
	refuses("bootstrap.servers=a:1", "line 1: \"bootstrap.servers\" is not allowed: it is the setting vnstream.brokers");
	refuses("group.id=a", "line 1: \"group.id\" is not allowed: it is the setting vnstream.group_id");
	refuses("client.id=a", "line 1: \"client.id\" is not allowed: the pipeline decides it by itself");
	refuses("enable.auto.commit=true", "line 1: \"enable.auto.commit\" is not allowed: the pipeline decides it by itself");
	refuses("internal.termination.signal=10", "line 1: \"internal.termination.signal\" is not allowed: the pipeline decides it by itself");
	refuses("socket_cb=1", "line 1: \"socket_cb\" is not allowed: it is for programs that have callbacks");
	refuses("some_new_cb=1", "line 1: \"some_new_cb\" is not allowed: it is for programs that have callbacks");
	refuses("sasl.kerberos.kinit.cmd=rm", "line 1: \"sasl.kerberos.kinit.cmd\" is not allowed: Kerberos is not supported (librdkafka would run kinit by a shell within the server)");
	refuses("sasl.oauthbearer.client.secret=" CANARY, "line 1: \"sasl.oauthbearer.client.secret\" is not allowed: OAUTHBEARER is not supported");
	refuses("ssl.truststore.location=/x.jks", "line 1: \"ssl.truststore.location\" is of Kafka's Java clients: use ssl.ca.location with a PEM file, which needs no password");
	refuses("ssl.truststore.password=" CANARY, "line 1: \"ssl.truststore.password\" is of Kafka's Java clients: use ssl.ca.location with a PEM file, which needs no password");
	refuses("sasl.jaas.config=x required password=\"" CANARY "\";", "line 1: \"sasl.jaas.config\" is of Kafka's Java clients: use sasl.username and sasl.password");

	refuses("debug=all\nsasl.username=x\nfoo\n", "line 1: \"debug\" is not allowed: librdkafka would log more than a log may have; "
			"line 3: it is not key=value (a value is one line, with \\n for the lines of a certificate)");
}

static void
test_hostile(void)
{
	ConfigFile	file;
	char	   *text = malloc(CONFIG_FILE_MAX_BYTES + 1);
	int			i;

	if (text == NULL)
		return;
	ok(!parse(&file, "sasl.username=a\0b\nsasl.password=x", 33), "a zero byte is refused");
	is_text(told, "line 1: it has a zero byte", "with its line");
	config_file_free(&file);

	ok(!parse(&file, "sasl.username=a\nsasl.password=\0", 31), "also at the end");
	config_file_free(&file);

	memset(text, 'x', CONFIG_FILE_MAX_BYTES + 1);
	memcpy(text, "sasl.password=", 14);
	ok(parse(&file, text, CONFIG_FILE_MAX_BYTES), "a line as long as a file may be: %s", told);
	is_integer((int64_t) strlen(config_file_value(&file, "sasl.password")), CONFIG_FILE_MAX_BYTES - 14, "is one value");
	config_file_free(&file);
	ok(!parse(&file, text, CONFIG_FILE_MAX_BYTES + 1), "a byte more is refused");
	is_text(told, "the file is larger than 64 kB", "for its size");
	config_file_free(&file);

	memset(text, '\n', CONFIG_FILE_MAX_BYTES);
	ok(parse(&file, text, CONFIG_FILE_MAX_BYTES), "only newlines");
	config_file_free(&file);
	for (i = 0; i < CONFIG_FILE_MAX_BYTES; i += 2)
		memcpy(text + i, "?\n", 2);
	ok(!parse(&file, text, CONFIG_FILE_MAX_BYTES), "only faults");
	is_integer(file.fault_count, CONFIG_FILE_MAX_BYTES / 2, "are all counted");
	ok(strstr(told, " more") != NULL && strlen(told) < sizeof(told) - 1, "and told as far as there is room: %s", told + 400);
	config_file_free(&file);
	for (i = 0; i < CONFIG_FILE_MAX_BYTES; i++)
		text[i] = (char) (i * 7919 >> 3);
	ok(!parse(&file, text, CONFIG_FILE_MAX_BYTES), "noise is refused");
	config_file_free(&file);
	free(text);
}

static void
agrees(const char *text, const char *brokers, const char *protocol)
{
	ConfigFile	file;
	char		error[CONFIG_FAULT_SIZE] = "";

	ok(parse(&file, text, strlen(text)), "a good file %s", told);
	is_text(config_file_protocol(&file, brokers, error), protocol, "%s: protocol %s", brokers, error);
	config_file_free(&file);
}

static void
disagrees(const char *text, const char *brokers, const char *expected)
{
	ConfigFile	file;
	char		error[CONFIG_FAULT_SIZE] = "";

	ok(parse(&file, text, strlen(text)), "a good file %s", told);
	ok(config_file_protocol(&file, brokers, error) == NULL, "does not go with %s", brokers);
	is_text(error, expected, "and why");
	config_file_free(&file);
}

#define LOGIN "sasl.mechanism=PLAIN\nsasl.username=tester\nsasl.password=" CANARY "\n"

static void
test_protocol(void)
{
	char		error[CONFIG_FAULT_SIZE] = "";

	is_text(config_file_protocol(NULL, "a:1,b:2", error), "plaintext", "no file");
	is_text(config_file_protocol(NULL, "SSL://a:1, b:2", error), "ssl", "no file, a prefix");
	ok(config_file_protocol(NULL, "SSL://a:1,PLAINTEXT://b:2", error) == NULL, "two prefixes");
	is_text(error, "vnstream.brokers has a broker with plaintext://, and another with ssl", "do not go together");
	ok(config_file_protocol(NULL, "SASL_SSL://a:1", error) == NULL, "a login without a file");
	is_text(error, "security.protocol sasl_ssl needs \"sasl.mechanisms\" in the file of vnstream.kafka_config_file", "needs one");
	agrees("", "a:1", "plaintext");
	agrees("security.protocol=SSL", "a:1", "ssl");
	agrees("security.protocol=SSL", "ssl://a:1, SSL://[::1]:9093", "ssl");
	agrees(LOGIN, "SASL_SSL://a:1", "sasl_ssl");
	agrees("security.protocol=sasl_plaintext\n" LOGIN, "a:1", "sasl_plaintext");
	disagrees("security.protocol=ssl", "a:1,PLAINTEXT://b:1", "vnstream.brokers has a broker with plaintext://, and security.protocol is ssl");
	disagrees(LOGIN, "a:1", "line 1: \"sasl.mechanisms\" has no use with security.protocol plaintext; is it to be sasl_ssl or sasl_plaintext?");
	disagrees("ssl.ca.location=/x", "a:1", "line 1: \"ssl.ca.location\" has no use with security.protocol plaintext; is it to be ssl or sasl_ssl?");
	disagrees("security.protocol=ssl\n" LOGIN, "a:1", "line 2: \"sasl.mechanisms\" has no use with security.protocol ssl; is it to be sasl_ssl?");
	disagrees("security.protocol=sasl_plaintext\nssl.ca.location=/x\n" LOGIN, "a:1", "line 2: \"ssl.ca.location\" has no use with security.protocol sasl_plaintext; is it to be sasl_ssl?");
	disagrees("security.protocol=sasl_ssl\nsasl.mechanism=PLAIN\nsasl.username=x", "a:1", "security.protocol sasl_ssl needs \"sasl.password\" in the file of vnstream.kafka_config_file");
}

static void
test_hiding(void)
{
	ConfigFile	file;
	const char *text = LOGIN "ssl.ca.location=/etc/secret/ca.pem\nssl.key.password=***x\n";
	char		said[200] = "no " CANARY " in /etc/secret/ca.pem" CANARY "***x, user tester";

	ok(parse(&file, text, strlen(text)), "a good file %s", told);
	config_file_hide(&file, said);
	is_text(said, "no *** in ******" "***, user tester", "secrets and paths are hidden");
	config_file_free(&file);
	config_file_hide(NULL, said);
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	FILE	   *stream = fopen(path, "w");

	if (stream == NULL)
		return;
	fputs(text, stream);
	fclose(stream);
	chmod(path, mode);
}

static void
reads(const char *path, const char *expected)
{
	ConfigFile	file;

	config_file_read(&file, path);
	config_file_tell_faults(&file, told, sizeof(told));
	is_text(told, expected, "read: %s", expected);
	config_file_free(&file);
}

static void
test_files(void)
{
	char		folder[] = "/tmp/vnstream-config.XXXXXX";
	char		path[100];
	char		other[100];
	char		error[BROKER_ERROR_SIZE];
	BrokerOptions options = {"127.0.0.1:1", "test", NULL, path};
	BrokerClient *client;
	ConfigFile	file;
	uint64_t	hash;
	char		wrong[BROKER_ERROR_SIZE];

	if (mkdtemp(folder) == NULL)
	{
		ok(false, "a folder for files");
		return;
	}
	snprintf(path, sizeof(path), "%s/kafka.properties", folder);
	snprintf(other, sizeof(other), "%s/link", folder);

	reads(path, "could not open the file: No such file or directory");
	write_file(path, "socket.timeout.ms=20000\n", 0600);
	reads(path, "");
	config_file_read(&file, path);
	hash = file.hash;
	config_file_free(&file);
	chmod(path, 0400);
	reads(path, "");
	chmod(path, 0640);
	reads(path, "the file is open to others than its owner (mode 0640): it must have mode 0600 or 0400");
	chmod(path, 0604);
	reads(path, "the file is open to others than its owner (mode 0604): it must have mode 0600 or 0400");
	chmod(path, 0600);
	if (symlink(path, other) == 0)
		reads(other, "it is a symbolic link, which is not followed");
	unlink(other);
	if (mkfifo(other, 0600) == 0)
		reads(other, "it is not a regular file");
	unlink(other);
	reads(folder, "it is not a regular file");
	if (geteuid() == 0)
	{
		if (chown(path, 65534, 0) == 0)
			reads(path, "the file belongs neither to the server's user nor to root");
		if (chown(path, 0, 0) != 0)
			ok(false, "a file of one's own");
	}
	else
		reads("/etc/shadow", "could not open the file: Permission denied");

	client = broker_client_create(BROKER_QUERY, &options, NULL, error);
	ok(client != NULL, "a client takes the file");
	broker_client_destroy(client);
	write_file(path, "security.protocol=ssl\nssl.ca.location=/" CANARY "/ca.pem\n", 0600);
	config_file_read(&file, path);
	ok(file.hash != hash, "another content is told from the first");
	config_file_free(&file);
	ok(broker_client_create(BROKER_QUERY, &options, NULL, error) == NULL, "a certificate that is not there: %s", error);
	ok(strstr(error, "ssl.ca.location") != NULL, "is told by its key");
	ok(strstr(error, CANARY) == NULL, "without its path");
	snprintf(wrong, sizeof(wrong), "security.protocol=ssl\nssl.key.pem=%s\\nssl.key.password=x\n", CANARY);
	write_file(path, wrong, 0600);
	ok(broker_client_create(BROKER_QUERY, &options, NULL, error) == NULL, "a key that is none: %s", error);
	ok(strstr(error, CANARY) == NULL, "is not shown");
	write_file(path, "debug=all\n", 0600);
	ok(broker_client_create(BROKER_QUERY, &options, NULL, error) == NULL, "a bad file makes no client");
	is_text(error, "vnstream.kafka_config_file: line 1: \"debug\" is not allowed: librdkafka would log more than a log may have", "and says why");
	write_file(path, "compression.type=zstd\nmessage.max.bytes=100000\n", 0600);
	client = broker_client_create(BROKER_QUERY, &options, NULL, error);
	ok(client != NULL, "what is for publishers");
	if (client != NULL)
	{
		BrokerNotice notice;
		rd_kafka_event_t *event;

		while ((event = rd_kafka_queue_poll(client->queue, 100)) != NULL)
		{
			broker_client_note(client, event);
			rd_kafka_event_destroy(event);
		}
		while (broker_client_notice(client, &notice))
			ok(strstr(notice.text, "CONFWARN") == NULL && strstr(notice.text, "producer property") == NULL,
			   "no complaint by others: %s", notice.text);
	}
	broker_client_destroy(client);
	unlink(path);
	rmdir(folder);
}

int
main(void)
{
	test_forms();
	test_refusals();
	test_hostile();
	test_protocol();
	test_hiding();
	test_files();
	return done_testing();
}
