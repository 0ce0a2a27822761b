/*-------------------------------------------------------------------------
 *
 * check_kafka.c
 *	  Steps of vnstream_check() about Kafka.
 *
 * The brokers are asked while the steps before these go on; see broker/probe.h
 * for how.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "broker/config_file.h"
#include "config.h"
#include "functions/check.h"
#include "functions/outside_text.h"
#include "pg_compat.h"

/* For all the brokers' steps, and how much longer a name server may take. */
#define PROBE_MS 15000
#define PATIENCE_MS 2000

/* How far in the future a message may be. */
#define CLOCK_TOLERANCE_MS 2000

void
check_kafka_begin(Check *check)
{
	BrokerOptions options;
	char		error[BROKER_ERROR_SIZE] = "";
	Question   *question;

	memset(&options, 0, sizeof(options));
	options.brokers = check->settings.brokers;
	options.config_file = check->settings.config_file;
	options.client_id = "vnstock_stream.check";
	question = probe_question(&options, check->settings.topic, !check->is_standby,
							  PROBE_MS, error);
	check->query = broker_query_begin(question, error);
	if (check->query == NULL)
	{
		check->no_probe = outside_string(error);
		check->no_probe_advice = "See the step \"Kafka: file\", and vnstream.brokers.";
	}
}

/* Waits for the answer, at the first step that wants it.  Is there one? */
static bool
take_probe(Check *check, CheckResult *result)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													PROBE_MS + PATIENCE_MS);
	char		error[BROKER_ERROR_SIZE] = "";

	while (check->query != NULL)
	{
		BrokerQuery *query = check->query;
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);

		if (broker_query_is_done(query))
		{
			check->query = NULL;
			check->question = broker_query_take(query, error);
			if (check->question == NULL)
				check->no_probe = outside_string(error);
			else
				check->probe = probe_question_answer(check->question);
		}
		else if (left == 0)
		{
			check->query = NULL;
			broker_query_abandon(query);
			check->no_probe = "name servers do not answer for the names in vnstream.brokers";
			check->no_probe_advice = "Check this machine's name servers.";
		}
		else
		{
			(void) WaitLatchOrSocket(MyLatch,
									 WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
									 broker_query_fd(query), left, wait_event_idle());
			ResetLatch(MyLatch);
			CHECK_FOR_INTERRUPTS();
		}
	}
	if (check->probe != NULL)
		return true;
	check_say(result, CHECK_SKIPPED, "%s", check->no_probe != NULL ? check->no_probe : "it was not asked");
	result->ms = 0;
	/* once is enough */
	result->advice = check->no_probe_advice;
	check->no_probe_advice = NULL;
	check->no_probe = "the brokers are not asked; see the step \"Kafka: names\"";
	return false;
}

/* The stage's own verdict; true where it is good, so that more may be said. */
static bool
tell_stage(Check *check, CheckResult *result, ProbeStage stage, const char *skipped)
{
	const ProbeResult *told;
	char	   *detail;

	if (!take_probe(check, result))
		return false;
	told = &check->probe->stages[stage];
	detail = outside_string(told->detail);
	result->ms = told->ms;
	switch (told->outcome)
	{
		case PROBE_SKIPPED:
			check_say(result, CHECK_SKIPPED, "%s", skipped);
			break;
		case PROBE_OK:
			check_say(result, CHECK_OK, "%s", detail);
			return true;
		case PROBE_WARNING:
			check_say(result, CHECK_WARNING, "%s", detail);
			break;
		case PROBE_FAILED:
			check_say(result, CHECK_FAILED, "%s", detail);
			break;
	}
	return false;
}

static void
append_keys(StringInfo text, const ConfigFile *file)
{
	int			i;

	for (i = 0; i < file->setting_count; i++)
		appendStringInfo(text, "%s%s", i > 0 ? ", " : "", file->settings[i].name);
}

/*
 * Nothing that could be raised between reading the file and giving it back but
 * a lack of memory, which costs as much as the file once more.
 */
void
check_config_file(Check *check, CheckResult *result)
{
	const char *path = check->settings.config_file;
	ConfigFile	file;
	const char *protocol = NULL;
	char		error[CONFIG_FAULT_SIZE];
	char		faults[4096];
	StringInfoData keys;
	bool		is_good = true;

	if (path[0] == '\0')
		memset(&file, 0, sizeof(file));
	else
		is_good = config_file_read(&file, path);
	if (is_good)
		protocol = config_file_protocol(path[0] == '\0' ? NULL : &file,
										check->settings.brokers, error);
	config_file_tell_faults(&file, faults, sizeof(faults));
	initStringInfo(&keys);
	append_keys(&keys, &file);
	config_file_free(&file);

	if (!is_good)
	{
		check_say(result, CHECK_FAILED, "%s%s%s", check->shows_paths ? path : "",
				  check->shows_paths ? ": " : "", outside_string(faults));
		check_advise(result, "Put the file of vnstream.kafka_config_file right, then reload.");
	}
	else if (protocol == NULL)
	{
		check_say(result, CHECK_FAILED, "%s", outside_string(error));
		check_advise(result, "Make vnstream.brokers and the file of vnstream.kafka_config_file agree, then reload.");
	}
	else if (strcmp(protocol, "sasl_plaintext") == 0)
	{
		check_say(result, CHECK_WARNING, "the login and all messages go over the network as they are (sasl_plaintext)");
		check_advise(result, "Use sasl_ssl where the network is not your own.");
	}
	else if (path[0] == '\0')
		check_say(result, CHECK_OK, "none; the brokers are reached by %s", protocol);
	else
		check_say(result, CHECK_OK, "%s%s%s", check->shows_paths ? path : "",
				  check->shows_paths ? ": " : "", keys.data);
}

void
check_brokers_resolve(Check *check, CheckResult *result)
{
	if (!tell_stage(check, result, PROBE_RESOLVE, "it was not asked"))
		if (result->verdict != CHECK_SKIPPED)
			check_advise(result, "Check the names in vnstream.brokers and this machine's name servers.");
}

void
check_brokers_connect(Check *check, CheckResult *result)
{
	if (!tell_stage(check, result, PROBE_CONNECT, "no name has an address"))
		if (result->verdict != CHECK_SKIPPED)
			check_advise(result, "Check that the brokers are up, the ports in vnstream.brokers, and firewalls.");
}

void
check_brokers_login(Check *check, CheckResult *result)
{
	if (tell_stage(check, result, PROBE_LOGIN, "there is no connection") ||
		result->verdict == CHECK_SKIPPED)
		return;
	if (check->probe->code == RD_KAFKA_RESP_ERR__AUTHENTICATION)
		check_advise(result, "Check sasl.mechanism, sasl.username and sasl.password in the file of vnstream.kafka_config_file.");
	else if (check->probe->code == RD_KAFKA_RESP_ERR__SSL)
		check_advise(result, "Check ssl.ca.location in the file of vnstream.kafka_config_file, and that the brokers' port is one for TLS.");
	else
		check_advise(result, "Check that security.protocol is that of the brokers' port, and whether the brokers hang.");
}

/* One way more in which the topic is not as the settings would make it. */
static void
add_difference(CheckResult *result, bool *differs, const char *difference, const char *advice)
{
	check_say(result, CHECK_WARNING, "%s%s%s", *differs ? result->detail : "",
			  *differs ? "; " : "", difference);
	check_advise(result, "%s%s%s", *differs ? result->advice : "",
				 *differs ? " " : "", advice);
	*differs = true;
}

static void
judge_topic(const Check *check, CheckResult *result)
{
	const CheckSettings *settings = &check->settings;
	const ProbeAnswer *answer = check->probe;
	int64		wanted_ms = (int64) settings->topic_retention * 1000;
	bool		differs = false;

	if (answer->partitions < settings->partitions)
		add_difference(result, &differs,
					   psprintf("the topic has %d partition%s, vnstream.partitions is %d",
								answer->partitions, answer->partitions == 1 ? "" : "s",
								settings->partitions),
					   psprintf("SELECT vnstream_alter_topic(partitions => %d), or set vnstream.partitions.",
								settings->partitions));
	else if (answer->partitions < settings->consumers)
		add_difference(result, &differs,
					   psprintf("the topic has %d partition%s for %d consumers",
								answer->partitions, answer->partitions == 1 ? "" : "s",
								settings->consumers),
					   psprintf("SELECT vnstream_alter_topic(partitions => %d), or lower vnstream.consumers.",
								settings->consumers));
	if (settings->replication_factor > 0 && answer->replication != settings->replication_factor)
		add_difference(result, &differs,
					   psprintf("the topic has %d replica%s, vnstream.replication_factor is %d",
								answer->replication, answer->replication == 1 ? "" : "s",
								settings->replication_factor),
					   psprintf("SELECT vnstream_alter_topic(replication => %d), or set vnstream.replication_factor.",
								settings->replication_factor));
	if (settings->topic_retention >= 0 && answer->retention_ms != PROBE_UNKNOWN &&
		answer->retention_ms != wanted_ms)
		add_difference(result, &differs,
					   psprintf("the topic keeps messages %s, vnstream.topic_retention is %d s",
								answer->retention_ms < 0 ? "for ever" :
								psprintf("for " INT64_FORMAT " s", answer->retention_ms / 1000),
								settings->topic_retention),
					   psprintf("SELECT vnstream_alter_topic(retention => '%d s'), or set vnstream.topic_retention.",
								settings->topic_retention));
	if (!differs)
		check_say(result, CHECK_OK, "%d partition%s, %d replica%s", answer->partitions,
				  answer->partitions == 1 ? "" : "s", answer->replication,
				  answer->replication == 1 ? "" : "s");
}

void
check_topic(Check *check, CheckResult *result)
{
	if (tell_stage(check, result, PROBE_TOPIC, "the brokers do not answer"))
	{
		judge_topic(check, result);
		return;
	}
	if (result->verdict == CHECK_SKIPPED)
		return;
	if (check->probe->code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
		check->settings.consumers > check->settings.partitions)
	{
		check_say(result, CHECK_WARNING, "the topic does not exist, and would be made with %d partitions for %d consumers",
				  check->settings.partitions, check->settings.consumers);
		check_advise(result, "Set vnstream.partitions to at least vnstream.consumers: consumers without a partition do nothing.");
	}
	else if (check->probe->code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && check->run == 0)
	{
		check_say(result, CHECK_WARNING, "the topic does not exist; the workers make it when they start");
		check_advise(result, "SELECT vnstream_start(), or SELECT vnstream_create_topic() before it.");
	}
	else if (check->probe->code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		check_advise(result, "Check vnstream.topic; the workers make the topic where brokers let them.");
	else if (check->probe->code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
		check_advise(result, "Have the brokers' administrator allow Describe, Read and Write on the topic.");
	else if (check->probe->without_leader > 0)
		check_advise(result, "Bring the brokers back that have its replicas; vnstream_brokers() shows them.");
	else
		check_advise(result, "Have the brokers' administrator allow DescribeConfigs on the topic.");
}

void
check_topic_write(Check *check, CheckResult *result)
{
	if (tell_stage(check, result, PROBE_WRITE,
				   check->is_standby ? "nothing is written from a standby" : "there is no topic to write to") ||
		result->verdict == CHECK_SKIPPED)
		return;
	check_advise(result, result->verdict == CHECK_WARNING ?
				 "Nothing has to be done; only vnstream_sweep() would show." :
				 "Have the brokers' administrator allow Write on the topic, and look at its replicas; vnstream_brokers() shows the brokers.");
}

void
check_topic_read(Check *check, CheckResult *result)
{
	if (!tell_stage(check, result, PROBE_READ, "there is no topic to read"))
		if (result->verdict != CHECK_SKIPPED)
			check_advise(result, "Have the brokers' administrator allow Read on the topic, and look at its leaders; vnstream_brokers() shows the brokers.");
}

/*
 * Kafka tells no time.  A message from the future is from a clock that is ahead
 * of ours, or ours is behind.
 */
void
check_broker_clock(Check *check, CheckResult *result)
{
	const ProbeAnswer *answer;
	int64		ahead;
	const char *whose;

	if (!take_probe(check, result))
		return;
	answer = check->probe;
	result->ms = 0;
	if (answer->newest_ms == 0)
	{
		check_say(result, CHECK_SKIPPED, "there is no message to compare with");
		return;
	}
	ahead = answer->newest_ms - answer->newest_read_ms;
	whose = answer->newest_is_brokers ? "broker" : "producer";
	if (ahead > CLOCK_TOLERANCE_MS)
	{
		check_say(result, CHECK_WARNING, "the newest message is of %.1f s in the future (its %s's time)",
				  ahead / 1000.0, whose);
		check_advise(result, "Set this machine's, the brokers' and other producers' clocks by NTP.");
	}
	else
		check_say(result, CHECK_OK, "the newest message is %.1f s old (its %s's time)",
				  Max(-ahead, 0) / 1000.0, whose);
}
