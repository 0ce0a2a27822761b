/*-------------------------------------------------------------------------
 *
 * http_probe.c
 *	  How a request went, step by step, for a person who looks for a fault.
 *
 *-------------------------------------------------------------------------
 */
#include "source/http_transfer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>
#include <netinet/in.h>

/* What libcurl says with OpenSSL and with GnuTLS; the version follows. */
#define TLS_WORDS "SSL connection using "

/*
 * libcurl has no question for the version of TLS; only asking its TLS library,
 * whichever that is, or this.  Should the words change, it is not known.
 */
int
http_probe_listen(CURL *easy, curl_infotype kind, char *text, size_t length,
				  void *context)
{
	HttpTransfer *transfer = context;
	size_t		words = strlen(TLS_WORDS);
	size_t		i;

	(void) easy;

	/*
	 * The handshake's first bytes: where it fails, libcurl 7.88 does not count
	 * the connection under them as made.
	 */
	if (kind == CURLINFO_SSL_DATA_OUT && transfer->response != NULL &&
		transfer->response->probe.connected == 0)
		transfer->response->probe.connected =
			http_clock_us(CLOCK_MONOTONIC) - transfer->started_at;
	if (kind != CURLINFO_TEXT || transfer->response == NULL ||
		length <= words || strncasecmp(text, TLS_WORDS, words) != 0)
		return 0;
	text += words;
	length -= words;
	for (i = 0; i < length && i < sizeof(transfer->response->probe.tls_version) - 1; i++)
	{
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '/')
			break;
		transfer->response->probe.tls_version[i] = text[i];
	}
	transfer->response->probe.tls_version[i] = '\0';
	return 0;
}

static void
write_address(char *buffer, size_t size, const char *address, int port)
{
	if (strchr(address, ':') != NULL)
		snprintf(buffer, size, "[%s]:%d", address, port);
	else
		snprintf(buffer, size, "%s:%d", address, port);
}

void
http_probe_address(HttpTransfer *transfer, const struct sockaddr *address)
{
	SourceProbe *probe = &transfer->response->probe;
	char		text[INET6_ADDRSTRLEN];

	/* copied: libcurl's struct has the address as a plain sockaddr */
	if (address->sa_family == AF_INET)
	{
		struct sockaddr_in ipv4;

		memcpy(&ipv4, address, sizeof(ipv4));
		if (inet_ntop(AF_INET, &ipv4.sin_addr, text, sizeof(text)) != NULL)
			write_address(probe->address, sizeof(probe->address), text,
						  ntohs(ipv4.sin_port));
	}
	else if (address->sa_family == AF_INET6)
	{
		struct sockaddr_in6 ipv6;

		memcpy(&ipv6, address, sizeof(ipv6));
		if (inet_ntop(AF_INET6, &ipv6.sin6_addr, text, sizeof(text)) != NULL)
			write_address(probe->address, sizeof(probe->address), text,
						  ntohs(ipv6.sin6_port));
	}
}

static int64_t
read_time(CURL *easy, CURLINFO what)
{
	curl_off_t	time = 0;

	return curl_easy_getinfo(easy, what, &time) == CURLE_OK ? (int64_t) time : 0;
}

void
http_probe_finish(HttpTransfer *transfer)
{
	SourceProbe *probe = &transfer->response->probe;
	CURL	   *easy = transfer->easy;
	struct curl_header *header;
	char	   *address = NULL;
	long		port = 0;

	probe->resolved = read_time(easy, CURLINFO_NAMELOOKUP_TIME_T);
	if (read_time(easy, CURLINFO_CONNECT_TIME_T) > 0)
		probe->connected = read_time(easy, CURLINFO_CONNECT_TIME_T);
	probe->secured = read_time(easy, CURLINFO_APPCONNECT_TIME_T);
	probe->first_byte = read_time(easy, CURLINFO_STARTTRANSFER_TIME_T);
	probe->total = read_time(easy, CURLINFO_TOTAL_TIME_T);

	/* of several that were tried, the one that it was */
	if (probe->connected > 0 &&
		curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address) == CURLE_OK &&
		curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port) == CURLE_OK &&
		address != NULL && address[0] != '\0')
		write_address(probe->address, sizeof(probe->address), address, (int) port);

	if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
	{
		time_t		date = curl_getdate(header->value, NULL);

		if (date > 0)
			probe->date = (int64_t) date * 1000000;
	}
}
