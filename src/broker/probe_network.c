/*-------------------------------------------------------------------------
 *
 * probe_network.c
 *	  The way to the brokers as far as librdkafka has no part in it: names and
 *	  connections, of each broker in the list.
 *
 * On the thread of the question: getaddrinfo() waits as long as it likes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* getaddrinfo */
#endif

#include "broker/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_HOSTS 16			/* of the list; more are not looked at */
#define MAX_ADDRESSES 32		/* of all of them */

/* Longest for a connection to be accepted. */
#define CONNECT_MS 3000

typedef struct Host
{
	char		name[256];
	char		port[8];
	struct addrinfo *addresses; /* or NULL */
	bool		is_connected;
	char		fault[96];
} Host;

typedef struct Network
{
	Host		hosts[MAX_HOSTS];
	int			host_count;
	struct pollfd sockets[MAX_ADDRESSES];
	int			of_host[MAX_ADDRESSES];
	int			socket_count;
} Network;

/* "SSL://[::1]:9093", of which the list is known to be well-formed. */
static void
take_host(Host *host, const char *start, size_t length)
{
	char		text[300];
	char	   *name = text;
	char	   *port;
	char	   *end;

	snprintf(text, sizeof(text), "%.*s", (int) length, start);
	text[strcspn(text, " \t")] = '\0';
	if ((end = strstr(text, "://")) != NULL)
		name = end + 3;
	if (*name == '[')
	{
		name++;
		end = strchr(name, ']');
		port = end == NULL || end[1] != ':' ? NULL : end + 2;
		if (end != NULL)
			*end = '\0';
	}
	else
	{
		port = strchr(name, ':');
		if (port != NULL)
			*port++ = '\0';
	}
	snprintf(host->name, sizeof(host->name), "%.255s", name);
	snprintf(host->port, sizeof(host->port), "%.7s", port == NULL ? "9092" : port);
}

static void
take_list(Network *network, const char *list)
{
	while (*list != '\0' && network->host_count < MAX_HOSTS)
	{
		size_t		length;

		list += strspn(list, ", \t");
		length = strcspn(list, ",");
		if (length > 0)
			take_host(&network->hosts[network->host_count++], list, length);
		list += length;
	}
}

static bool
resolve(ProbeQuestion *question, Network *network)
{
	int64_t		since = probe_clock_us();
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	int			resolved = 0;
	const Host *failed = NULL;
	int			i;

	for (i = 0; i < network->host_count && !question_is_over(&question->base); i++)
	{
		Host	   *host = &network->hosts[i];
		int			code = getaddrinfo(host->name, host->port, &hints, &host->addresses);

		if (code == 0)
			resolved++;
		else
		{
			host->addresses = NULL;
			snprintf(host->fault, sizeof(host->fault), "%.95s", gai_strerror(code));
			failed = host;
		}
	}
	if (failed == NULL && i == network->host_count)
		return probe_tell(question, PROBE_RESOLVE, PROBE_OK, since, "%d of %d names",
						  resolved, network->host_count);
	if (failed == NULL)
		return probe_tell(question, PROBE_RESOLVE, PROBE_FAILED, since,
						  "name servers answer too slowly: %d of %d names in time",
						  resolved, network->host_count);
	return probe_tell(question, PROBE_RESOLVE, resolved > 0 ? PROBE_WARNING : PROBE_FAILED,
					  since, "%d of %d names; %.200s: %s", resolved, network->host_count,
					  failed->name, failed->fault);
}

static void
begin_connections(Network *network)
{
	const struct addrinfo *address;
	int			i;

	for (i = 0; i < network->host_count; i++)
	{
		Host	   *host = &network->hosts[i];

		for (address = host->addresses; address != NULL && !host->is_connected &&
			 network->socket_count < MAX_ADDRESSES; address = address->ai_next)
		{
			int			fd = socket(address->ai_family,
									address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
									address->ai_protocol);

			if (fd < 0 || (connect(fd, address->ai_addr, address->ai_addrlen) != 0 &&
						   errno != EINPROGRESS))
			{
				snprintf(host->fault, sizeof(host->fault), "%.95s", strerror(errno));
				if (fd >= 0)
					close(fd);
				continue;
			}
			network->sockets[network->socket_count].fd = fd;
			network->sockets[network->socket_count].events = POLLOUT;
			network->of_host[network->socket_count++] = i;
		}
	}
}

/* Is there anything left to wait for? */
static bool
take_connections(Network *network)
{
	bool		is_waiting = false;
	int			i;

	for (i = 0; i < network->socket_count; i++)
	{
		struct pollfd *polled = &network->sockets[i];
		Host	   *host = &network->hosts[network->of_host[i]];
		int			code = 0;
		socklen_t	length = sizeof(code);

		if (polled->fd < 0)
			continue;
		if (host->is_connected)
			polled->revents |= POLLHUP;
		if (polled->revents == 0)
		{
			is_waiting = true;
			continue;
		}
		if (!host->is_connected)
		{
			(void) getsockopt(polled->fd, SOL_SOCKET, SO_ERROR, &code, &length);
			host->is_connected = code == 0;
			if (code != 0)
				snprintf(host->fault, sizeof(host->fault), "%.95s", strerror(code));
		}
		close(polled->fd);
		polled->fd = -1;		/* poll() leaves it out */
	}
	return is_waiting;
}

static bool
connect_all(ProbeQuestion *question, Network *network)
{
	int64_t		since = probe_clock_us();
	int64_t		until = question_clock_ms() + CONNECT_MS;
	const Host *failed = NULL;
	int			connected = 0;
	int			i;

	begin_connections(network);
	while (question_clock_ms() < until && !question_is_over(&question->base))
	{
		for (i = 0; i < network->socket_count; i++)
			network->sockets[i].revents = 0;
		(void) poll(network->sockets, (nfds_t) network->socket_count, 100);
		if (!take_connections(network))
			break;
	}
	for (i = 0; i < network->socket_count; i++)
	{
		if (network->sockets[i].fd >= 0)
			close(network->sockets[i].fd);
	}
	for (i = 0; i < network->host_count; i++)
	{
		Host	   *host = &network->hosts[i];

		if (host->is_connected)
			connected++;
		else if (failed == NULL && host->addresses != NULL)
			failed = host;
	}
	if (failed == NULL)
		return probe_tell(question, PROBE_CONNECT, PROBE_OK, since, "%d of %d brokers",
						  connected, network->host_count);
	return probe_tell(question, PROBE_CONNECT, connected > 0 ? PROBE_WARNING : PROBE_FAILED,
					  since, "%d of %d brokers; %.200s:%s: %s", connected, network->host_count,
					  failed->name, failed->port,
					  failed->fault[0] != '\0' ? failed->fault : "no answer (a firewall that drops packets?)");
}

bool
probe_network(ProbeQuestion *question)
{
	Network    *network = calloc(1, sizeof(*network));
	bool		answer;
	int			i;

	if (network == NULL)
		return probe_tell(question, PROBE_RESOLVE, PROBE_FAILED, probe_clock_us(), "out of memory");
	take_list(network, question->options.brokers);
	answer = resolve(question, network) && connect_all(question, network);
	for (i = 0; i < network->host_count; i++)
	{
		if (network->hosts[i].addresses != NULL)
			freeaddrinfo(network->hosts[i].addresses);
	}
	free(network);
	return answer;
}
