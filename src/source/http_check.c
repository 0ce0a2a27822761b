/*-------------------------------------------------------------------------
 *
 * http_check.c
 *	  What http.c refuses before and after a request, and how it says so.
 *
 * The grammar of URLs is narrower than RFC 3986 on purpose: what two parsers
 * could read differently (user info, backslashes, one slash too few, an
 * encoded host) is refused, so that the host which the settings name is the
 * host that libcurl calls.
 *
 *-------------------------------------------------------------------------
 */
#include "source/http_check.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "source/http.h"

/*
 * Header names that a setting may not have, and why.  They would change how
 * the request is framed or what http.c decodes, or be a place for a secret.
 */
static const struct
{
	const char *name;
	const char *reason;
}			forbidden_headers[] =

{
	{"Authorization", "secrets do not belong in a setting"},
	{"Cookie", "secrets do not belong in a setting"},
	{"Proxy-Authorization", "secrets do not belong in a setting"},
	{"User-Agent", "set vnstream.user_agent instead"},
	{"Accept-Encoding", "the extension sets it"},
	{"Connection", "the extension sets it"},
	{"Content-Encoding", "the extension sets it"},
	{"Content-Length", "the extension sets it"},
	{"Expect", "the extension sets it"},
	{"Host", "the extension sets it"},
	{"Keep-Alive", "the extension sets it"},
	{"Proxy-Connection", "the extension sets it"},
	{"TE", "the extension sets it"},
	{"Trailer", "the extension sets it"},
	{"Transfer-Encoding", "the extension sets it"},
	{"Upgrade", "the extension sets it"},
};

#define FORBIDDEN_HEADER_COUNT \
	(sizeof(forbidden_headers) / sizeof(forbidden_headers[0]))

/* Where the setting has additional headers, one ends here. */
static bool
is_line_end(const char *text)
{
	return *text == '\n' || (text[0] == '\\' && text[1] == 'n');
}

static bool
is_printable(char c)
{
	return c >= 0x20 && c <= 0x7e;
}

void
http_clean_text(const char *text, size_t length, char *clean, size_t size)
{
	size_t		written = 0;
	bool		blank = false;
	size_t		i;

	if (size == 0)
		return;
	for (i = 0; i < length; i++)
	{
		unsigned char c = (unsigned char) text[i];

		if (c <= 0x20 || c == 0x7f)
		{
			blank = written > 0;
			continue;
		}
		if (written + (blank ? 1 : 0) + 1 >= size)
		{
			if (size > 4)
				memcpy(clean + size - 4, "...", 3);
			written = size - 1;
			break;
		}
		if (blank)
			clean[written++] = ' ';
		blank = false;
		clean[written++] = is_printable((char) c) ? (char) c : '?';
	}
	clean[written] = '\0';
}

/* ----------------------------------------------------------------
 *		URLs
 * ----------------------------------------------------------------
 */

/* Length of the scheme with its slashes; 0 where it is neither of ours. */
static size_t
scheme_length(const char *url)
{
	if (strncasecmp(url, "https://", 8) == 0)
		return 8;
	if (strncasecmp(url, "http://", 7) == 0)
		return 7;
	return 0;
}

static bool
check_port(const char *port, size_t length, char *error)
{
	long		number = 0;
	size_t		i;

	for (i = 0; i < length && i < 6; i++)
	{
		if (!isdigit((unsigned char) port[i]))
			break;
		number = number * 10 + (port[i] - '0');
	}
	if (length == 0 || i < length || number < 1 || number > 65535)
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "the URL's port must be a number from 1 to 65535");
		return false;
	}
	return true;
}

/* host, host:port, [IPv6] or [IPv6]:port */
static bool
check_authority(const char *authority, size_t length, char *error)
{
	const char *colon;
	size_t		host_length = length;
	size_t		i;

	if (memchr(authority, '@', length) != NULL)
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "the URL must not hold a user name or password");
		return false;
	}
	if (length > 0 && authority[0] == '[')
	{
		const char *bracket = memchr(authority, ']', length);
		char		text[INET6_ADDRSTRLEN];
		struct in6_addr address;

		host_length = bracket != NULL ? (size_t) (bracket + 1 - authority) : 0;
		if (host_length < 4 || host_length - 2 >= sizeof(text))
			goto no_host;
		memcpy(text, authority + 1, host_length - 2);
		text[host_length - 2] = '\0';
		if (inet_pton(AF_INET6, text, &address) != 1)
			goto no_host;
		if (host_length < length && authority[host_length] != ':')
			goto no_host;
	}
	else
	{
		colon = memchr(authority, ':', length);
		if (colon != NULL)
			host_length = (size_t) (colon - authority);
		if (host_length == 0 || host_length > 253 || authority[0] == '.')
			goto no_host;
		for (i = 0; i < host_length; i++)
		{
			char		c = authority[i];

			if (!isalnum((unsigned char) c) && c != '-' && c != '_' && c != '.')
				goto no_host;
			if (c == '.' && i > 0 && authority[i - 1] == '.')
				goto no_host;
		}
	}
	if (host_length < length)
		return check_port(authority + host_length + 1,
						  length - host_length - 1, error);
	return true;

no_host:
	snprintf(error, SOURCE_ERROR_SIZE,
			 "the URL has no valid host name after \"://\"");
	return false;
}

/* Everything that base URLs and URLs of requests have in common. */
static bool
check_common(const char *url, bool allow_insecure, char *error)
{
	size_t		length = strlen(url);
	size_t		scheme = scheme_length(url);
	size_t		i;

	if (length > HTTP_URL_MAX)
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "the URL is longer than %d bytes", HTTP_URL_MAX);
		return false;
	}
	if (scheme == 0)
	{
		snprintf(error, SOURCE_ERROR_SIZE, "the URL must begin with https://%s",
				 allow_insecure ? " or http://" : "");
		return false;
	}
	if (scheme == 7 && !allow_insecure)
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "the URL must begin with https:// (http:// needs "
				 "vnstream.allow_insecure_source = on, meant for a source on "
				 "this host or a trusted network)");
		return false;
	}
	for (i = 0; i < length; i++)
	{
		if (url[i] == ' ' || !is_printable(url[i]) ||
			strchr("\"<>\\^`{|}", url[i]) != NULL)
		{
			snprintf(error, SOURCE_ERROR_SIZE,
					 "the URL has a character at position %zu that must be "
					 "percent-encoded", i + 1);
			return false;
		}
	}
	return check_authority(url + scheme, strcspn(url + scheme, "/?#"), error);
}

bool
http_check_url(const char *url, bool allow_insecure, char *error)
{
	if (!check_common(url, allow_insecure, error))
		return false;
	if (strchr(url, '#') != NULL)
	{
		snprintf(error, SOURCE_ERROR_SIZE, "the URL must not have a \"#\"");
		return false;
	}
	return true;
}

bool
http_check_base_url(const char *url, bool allow_insecure, char *error)
{
	if (!check_common(url, allow_insecure, error))
		return false;
	if (strpbrk(url, "?#") != NULL)
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "the URL must not have a query or fragment (\"?\" or \"#\"): "
				 "the paths of requests are appended to it");
		return false;
	}
	if (url[strlen(url) - 1] != '/')
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "the URL must end with a slash: the paths of requests are "
				 "appended to it");
		return false;
	}
	return true;
}

/*
 * The port has to be there: libcurl's own is 1080, which is no HTTP proxy's.
 */
bool
http_check_proxy(const char *proxy, char *error)
{
	const char *authority;
	size_t		length;

	if (proxy[0] == '\0')
		return true;
	if (!check_common(proxy, true, error))
		return false;
	authority = proxy + scheme_length(proxy);
	length = strcspn(authority, "/?#");
	if (authority[length] != '\0' && strcmp(authority + length, "/") != 0)
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "the URL of a proxy must end after its port");
		return false;
	}
	while (length > 0 && isdigit((unsigned char) authority[length - 1]))
		length--;
	if (length == 0 || authority[length - 1] != ':')
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "the URL of a proxy must have a port, such as \":3128\"");
		return false;
	}
	return true;
}

bool
http_check_ca_file(const char *path, char *error)
{
	size_t		length = strlen(path);
	size_t		i;

	if (length == 0)
		return true;
	for (i = 0; i < length && is_printable(path[i]); i++)
		;
	if (path[0] != '/' || i < length || length >= HTTP_PATH_MAX)
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "the file must be named by an absolute path of less than %d "
				 "printable ASCII characters", HTTP_PATH_MAX);
		return false;
	}
	return true;
}

void
http_describe_url(const char *url, char *text, size_t size)
{
	http_clean_text(url, strcspn(url, "?#"), text, size);
}

/* ----------------------------------------------------------------
 *		Header lines
 * ----------------------------------------------------------------
 */

bool
http_next_header(const char **headers, const char **line, size_t *length)
{
	const char *start = *headers;
	const char *end;

	while (*start != '\0')
	{
		end = start;
		while (*end != '\0' && !is_line_end(end))
			end++;
		*headers = *end == '\0' ? end : end + (*end == '\n' ? 1 : 2);
		while (start < end && (*start == ' ' || *start == '\t'))
			start++;
		while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		if (end > start)
		{
			*line = start;
			*length = (size_t) (end - start);
			return true;
		}
		start = *headers;
	}
	return false;
}

/* A name's characters, RFC 9110 section 5.6.2. */
static bool
is_token(const char *text, size_t length)
{
	size_t		i;

	for (i = 0; i < length; i++)
		if (!isalnum((unsigned char) text[i]) &&
			(text[i] == '\0' || strchr("!#$%&'*+-.^_`|~", text[i]) == NULL))
			return false;
	return length > 0;
}

static bool
check_header(const char *line, size_t length, int number, char *error)
{
	const char *colon = memchr(line, ':', length);
	size_t		name_length;
	size_t		i;

	if (length > HTTP_HEADER_LINE_MAX)
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "header %d is longer than %d bytes", number,
				 HTTP_HEADER_LINE_MAX);
		return false;
	}

	/* A carriage return would end the header where we see it go on. */
	for (i = 0; i < length; i++)
	{
		if (!is_printable(line[i]))
		{
			snprintf(error, SOURCE_ERROR_SIZE,
					 "header %d has a byte at position %zu that is no "
					 "printable ASCII character; headers are separated by a "
					 "line feed alone", number, i + 1);
			return false;
		}
	}
	if (colon == NULL)
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "header %d has no colon; a header is written \"Name: value\"",
				 number);
		return false;
	}
	name_length = (size_t) (colon - line);
	if (!is_token(line, name_length))
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "header %d has no valid name before its colon", number);
		return false;
	}

	/* libcurl reads "Name:" as a wish to send no such header at all. */
	if (strspn(colon + 1, " ") >= length - name_length - 1)
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "header \"%.*s\" has no value", (int) name_length, line);
		return false;
	}
	for (i = 0; i < FORBIDDEN_HEADER_COUNT; i++)
	{
		if (strlen(forbidden_headers[i].name) == name_length &&
			strncasecmp(forbidden_headers[i].name, line, name_length) == 0)
		{
			snprintf(error, SOURCE_ERROR_SIZE,
					 "header \"%s\" cannot be set here: %s",
					 forbidden_headers[i].name, forbidden_headers[i].reason);
			return false;
		}
	}
	return true;
}

bool
http_check_headers(const char *headers, char *error)
{
	const char *line;
	size_t		length;
	int			number = 0;

	while (http_next_header(&headers, &line, &length))
		if (!check_header(line, length, ++number, error))
			return false;
	return true;
}

bool
http_check_user_agent(const char *user_agent, char *error)
{
	size_t		length = strlen(user_agent);
	size_t		i;

	for (i = 0; i < length && is_printable(user_agent[i]); i++)
		;
	if (length == 0 || i < length || length > HTTP_HEADER_LINE_MAX)
	{
		snprintf(error, SOURCE_ERROR_SIZE,
				 "the user agent must be 1 to %d printable ASCII characters",
				 HTTP_HEADER_LINE_MAX);
		return false;
	}
	return true;
}

/* ----------------------------------------------------------------
 *		Addresses
 * ----------------------------------------------------------------
 */

/* IANA's special-purpose registry, without what is globally reachable. */
static const struct
{
	uint32_t	network;
	int			bits;
}			special_ipv4[] =

{
	{0x00000000, 8},			/* this network */
	{0x0a000000, 8},			/* private */
	{0x64400000, 10},			/* shared by a provider's customers */
	{0x7f000000, 8},			/* loopback */
	{0xa9fe0000, 16},			/* link-local: clouds' metadata */
	{0xac100000, 12},			/* private */
	{0xc0000000, 24},			/* protocol assignments */
	{0xc0000200, 24},			/* documentation */
	{0xc0a80000, 16},			/* private */
	{0xc6120000, 15},			/* benchmarks */
	{0xc6336400, 24},			/* documentation */
	{0xcb007100, 24},			/* documentation */
	{0xe0000000, 3},			/* multicast, reserved, broadcast */
};

static bool
ipv4_is_public(uint32_t address)
{
	size_t		i;

	for (i = 0; i < sizeof(special_ipv4) / sizeof(special_ipv4[0]); i++)
		if ((address ^ special_ipv4[i].network) >> (32 - special_ipv4[i].bits) == 0)
			return false;
	return true;
}

static uint32_t
read_ipv4(const uint8_t *bytes)
{
	return (uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16 |
		(uint32_t) bytes[2] << 8 | bytes[3];
}

static bool
ipv6_is_public(const uint8_t *bytes)
{
	static const uint8_t zeros[12];
	static const uint8_t mapped[12] = {[10] = 0xff,[11] = 0xff};
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};

	/* An IPv4 address in IPv6's clothes is judged as what it is. */
	if (memcmp(bytes, mapped, 12) == 0 || memcmp(bytes, nat64, 12) == 0)
		return ipv4_is_public(read_ipv4(bytes + 12));
	if (bytes[0] == 0x20 && bytes[1] == 0x02)	/* 6to4 */
		return ipv4_is_public(read_ipv4(bytes + 2));
	if (memcmp(bytes, zeros, 12) == 0)	/* unspecified, loopback, old ones */
		return false;

	/* Only 2000::/3 is global unicast ... */
	if ((bytes[0] & 0xe0) != 0x20)
		return false;

	/* ... and 2001::/23 (Teredo and the like) and documentation are not. */
	if (bytes[0] == 0x20 && bytes[1] == 0x01)
		return bytes[2] >= 0x02 && !(bytes[2] == 0x0d && bytes[3] == 0xb8);
	return true;
}

bool
http_address_is_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
	{
		struct sockaddr_in ipv4;

		memcpy(&ipv4, address, sizeof(ipv4));
		return ipv4_is_public(ntohl(ipv4.sin_addr.s_addr));
	}
	if (address->sa_family == AF_INET6)
	{
		struct sockaddr_in6 ipv6;

		memcpy(&ipv6, address, sizeof(ipv6));
		return ipv6_is_public(ipv6.sin6_addr.s6_addr);
	}
	return false;
}
