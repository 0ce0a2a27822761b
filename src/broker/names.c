/*-------------------------------------------------------------------------
 *
 * names.c
 *	  What may be a list of brokers, and the name of a topic.
 *
 * Declared in client.h: settings are checked by the same rules that clients are
 * made by.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "broker/client.h"

/* Character classes by hand: isalnum() depends on the server's locale. */
static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_name_character(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		c == '.' || c == '_' || c == '-';
}

static bool
check_port(const char *port, size_t length)
{
	int			number = 0;
	size_t		i;

	if (length < 1 || length > 5)
		return false;
	for (i = 0; i < length; i++)
	{
		if (!is_digit(port[i]))
			return false;
		number = number * 10 + (port[i] - '0');
	}
	return number >= 1 && number <= 65535;
}

/* The length of a protocol prefix; 0 none, -1 one that Kafka has not. */
static int
protocol_length(const char *broker, size_t length)
{
	static const char *const protocols[] = {
		"PLAINTEXT://", "SSL://", "SASL_PLAINTEXT://", "SASL_SSL://"
	};
	size_t		i;

	for (i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
	{
		if (length >= strlen(protocols[i]) &&
			strncasecmp(broker, protocols[i], strlen(protocols[i])) == 0)
			return (int) strlen(protocols[i]);
	}
	for (i = 0; i + 3 <= length; i++)
	{
		if (strncmp(broker + i, "://", 3) == 0)
			return -1;
	}
	return 0;
}

/* What is wrong with one address of the list; NULL where nothing is. */
static const char *
broker_fault(const char *broker, size_t length)
{
	const char *end = broker + length;
	const char *host;
	int			protocol = protocol_length(broker, length);

	if (protocol < 0)
		return "has a protocol that Kafka does not know";
	broker += protocol;
	host = broker;
	if (broker < end && *broker == '[')
	{
		for (broker++; broker < end && *broker != ']'; broker++)
		{
			if (!is_name_character(*broker) && *broker != ':' && *broker != '%')
				return "is not an IPv6 address in brackets";
		}
		if (broker == end || broker == host + 1)
			return "is not an IPv6 address in brackets";
		broker++;
	}
	else
	{
		while (broker < end && is_name_character(*broker))
			broker++;
		if (broker == host)
			return "has no host name";
	}
	if (broker == end)
		return NULL;
	if (*broker != ':')
		return "has a character that a host name cannot have";
	broker++;
	if (memchr(broker, ':', (size_t) (end - broker)) != NULL)
		return "has more than one colon (an IPv6 address goes in brackets)";
	if (!check_port(broker, (size_t) (end - broker)))
		return "has a port that is not a number from 1 to 65535";
	return NULL;
}

/* For a message: the text without what could break a log line. */
static void
copy_printable(char *to, size_t size, const char *from, size_t length)
{
	size_t		i;

	for (i = 0; i < length && i < size - 1; i++)
		to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
	to[i] = '\0';
}

bool
broker_check_list(const char *brokers, char *error)
{
	const char *start = brokers;
	int			number;

	if (brokers == NULL)
		brokers = start = "";
	for (number = 1;; number++)
	{
		const char *comma = start + strcspn(start, ",");
		const char *end = comma;
		const char *fault;

		while (start < end && (*start == ' ' || *start == '\t'))
			start++;
		while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		if (start == end)
		{
			if (number == 1 && *comma == '\0')
				snprintf(error, BROKER_ERROR_SIZE, "the list of brokers is empty");
			else
				snprintf(error, BROKER_ERROR_SIZE,
						 "broker %d of the list is empty", number);
			return false;
		}
		fault = broker_fault(start, (size_t) (end - start));
		if (fault != NULL)
		{
			char		shown[128];

			copy_printable(shown, sizeof(shown), start, (size_t) (end - start));
			snprintf(error, BROKER_ERROR_SIZE, "broker \"%s\" %s", shown, fault);
			return false;
		}
		if (*comma == '\0')
			return true;
		start = comma + 1;
	}
}

bool
broker_check_topic(const char *topic, char *error)
{
	size_t		length = topic == NULL ? 0 : strlen(topic);
	size_t		i;

	if (length == 0)
	{
		snprintf(error, BROKER_ERROR_SIZE, "the topic's name is empty");
		return false;
	}
	if (length > 249)
	{
		snprintf(error, BROKER_ERROR_SIZE,
				 "the topic's name is longer than Kafka's 249 characters");
		return false;
	}
	if (strcmp(topic, ".") == 0 || strcmp(topic, "..") == 0)
	{
		snprintf(error, BROKER_ERROR_SIZE,
				 "a topic cannot be named \".\" or \"..\"");
		return false;
	}
	for (i = 0; i < length; i++)
	{
		if (!is_name_character(topic[i]))
		{
			snprintf(error, BROKER_ERROR_SIZE,
					 "a topic's name has only letters, digits, \".\", \"_\" and \"-\"");
			return false;
		}
	}
	return true;
}
