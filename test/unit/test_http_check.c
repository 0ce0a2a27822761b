/*-------------------------------------------------------------------------
 *
 * test_http_check.c
 *	  Settings that the HTTP client refuses, addresses that it does not call.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include "source/http_check.h"

#include "http_support.h"

static void
test_options(void)
{
	char		error[SOURCE_ERROR_SIZE];
	HttpOptions options;
	int			i;

	for (i = 0; i < 8; i++)
	{
		options = usual_options();
		switch (i)
		{
			case 0:
				options.timeout_ms = 0;
				break;
			case 1:
				options.max_response = 0;
				break;
			case 2:
				options.max_in_flight = 0;
				break;
			case 3:
				options.max_in_flight = HTTP_MAX_IN_FLIGHT + 1;
				break;
			case 4:
				options.user_agent = "";
				break;
			case 5:
				options.user_agent = "a\r\nX-Evil: 1";
				break;
			case 6:
				options.headers = "X: a\rX-Evil: 1";
				break;
			case 7:
				options.max_response = (size_t) 1 << 40;
				break;
		}
		error[0] = '\0';
		CHECK(http_client_create(&options, error) == NULL);
		CHECK(error[0] != '\0');
	}
}

static const struct
{
	const char *url;
	bool		is_secure_ok;	/* where only https is allowed */
	bool		is_insecure_ok;
}			base_urls[] =

{
	{"https://trading.vietcap.com.vn/api/", true, true},
	{"HTTPS://trading.vietcap.com.vn/", true, true},
	{"https://host:8443/a/b/", true, true},
	{"https://[2001:db8::1]:443/", true, true},
	{"https://127.0.0.1/", true, true},
	{"https://a_b-c.d./", true, true},
	{"http://127.0.0.1:8080/api/", false, true},
	{"", false, false},
	{"https", false, false},
	{"https:/host/", false, false},
	{"https://", false, false},
	{"https:///", false, false},
	{"https:///path/", false, false},
	{"https://host", false, false},
	{"https://host/api", false, false},
	{"https://host/?", false, false},
	{"https://host/?a=b/", false, false},
	{"https://host/#/", false, false},
	{"https://user@host/", false, false},
	{"https://user:" CANARY "@host/", false, false},
	{"https://host:/", false, false},
	{"https://host:0/", false, false},
	{"https://host:65536/", false, false},
	{"https://host:99999999999/", false, false},
	{"https://host:80a/", false, false},
	{"https://host:80:80/", false, false},
	{"https://.host/", false, false},
	{"https://ho..st/", false, false},
	{"https://ho st/", false, false},
	{"https://host/a b/", false, false},
	{"https://host/a\nb/", false, false},
	{"https://host/a\tb/", false, false},
	{"https://host\\@evil/", false, false},
	{"https://h\xc3\xb4st/", false, false},
	{"https://%68ost/", false, false},
	{"https://[::1/", false, false},
	{"https://[::1]x/", false, false},
	{"https://[::g]/", false, false},
	{"https://[fe80::1%25eth0]/", false, false},
	{"ftp://host/", false, false},
	{"file:///etc/", false, false},
	{"//host/", false, false},
	{"host/", false, false},
	{" https://host/", false, false},
};

static void
test_base_urls(void)
{
	char		error[SOURCE_ERROR_SIZE];
	char		long_url[4096];
	size_t		i;

	for (i = 0; i < sizeof(base_urls) / sizeof(base_urls[0]); i++)
	{
		error[0] = '\0';
		if (http_check_base_url(base_urls[i].url, false, error) !=
			base_urls[i].is_secure_ok)
		{
			diag("%s: %s", base_urls[i].url, error);
			CHECK(!"as secure_ok");
		}
		CHECK((error[0] == '\0') == base_urls[i].is_secure_ok);
		CHECK(strstr(error, CANARY) == NULL);
		CHECK(http_check_base_url(base_urls[i].url, true, error) ==
			  base_urls[i].is_insecure_ok);
	}
	CHECK(!http_check_base_url("https://user:" CANARY "@host/", false, error));
	has_text(error, "user name or password", "what is wrong with user info");
	memset(long_url, 'a', sizeof(long_url));
	memcpy(long_url, "https://", 8);
	long_url[20] = '/';
	long_url[sizeof(long_url) - 2] = '/';
	long_url[sizeof(long_url) - 1] = '\0';
	CHECK(!http_check_base_url(long_url, false, error));
}

static void
test_header_settings(void)
{
	static const char *const good[] = {
		"", "\n", " \n\n", "A: b", "A:b", "A: b\nC: d\n", "A: b\\nC: d",
		"Referer: https://x/?a=b:c", "X-!#$%&'*+.^_`|~: v",
	};
	static const char *const bad[] = {
		"A", "A b", ": b", " : b", "A :b", "A b: c", "A:", "A: ", "A: b\nC",
		"A: b\r\nC: d", "A: b\rC: d", "A: b\x01", "A: \xc3\xa9", "\xc3\xa9: a",
		"A;", "Host: evil", "host: evil", "Content-Length: 5",
		"Transfer-Encoding: chunked", "Accept-Encoding: br", "Cookie: a=b",
		("Authorization: Bearer " CANARY), "User-Agent: x", "Connection: close",
	};
	char		error[SOURCE_ERROR_SIZE];
	char		long_line[2048];
	size_t		i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		if (!http_check_headers(good[i], error))
		{
			diag("\"%s\": %s", good[i], error);
			CHECK(!"a good header");
		}
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		error[0] = '\0';
		if (http_check_headers(bad[i], error))
		{
			diag("\"%s\"", bad[i]);
			CHECK(!"a bad header");
		}
		CHECK(error[0] != '\0' && strstr(error, CANARY) == NULL);
		CHECK(is_one_printable_line(error));
	}
	memset(long_line, 'a', sizeof(long_line));
	long_line[1] = ':';
	long_line[sizeof(long_line) - 1] = '\0';
	CHECK(!http_check_headers(long_line, error));
}

static void
test_addresses(void)
{
	static const char *const public[] = {
		"8.8.8.8", "103.9.4.1", "171.244.0.1", "172.15.255.255", "172.32.0.1",
		"100.63.0.1", "100.128.0.1", "11.0.0.1", "192.167.0.1", "223.255.255.255",
		"2606:4700::1", "2405:4800::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
		"2002:808:808::1",
	};
	static const char *const special[] = {
		"0.0.0.0", "10.1.2.3", "127.0.0.1", "127.255.0.1", "169.254.169.254",
		"172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
		"192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "224.0.0.1",
		"240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1",
		"fd12::1", "ff02::1", "fec0::1", "2001:db8::1", "2001::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1", "64:ff9b::a00:1",
		"2002:7f00:1::1", "2002:a9fe:a9fe::1",
	};
	size_t		i;

#define JUDGE(text, expected) \
	do { \
		struct sockaddr_storage storage = {0}; \
		struct sockaddr_in *v4 = (struct sockaddr_in *) &storage; \
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) &storage; \
		bool		is_v6 = strchr(text, ':') != NULL; \
		storage.ss_family = is_v6 ? AF_INET6 : AF_INET; \
		CHECK_INT(inet_pton(storage.ss_family, text, \
							is_v6 ? (void *) &v6->sin6_addr : \
							(void *) &v4->sin_addr), 1); \
		if (http_address_is_public((struct sockaddr *) &storage) != (expected)) \
		{ \
			diag("%s", text); \
			CHECK(!"judged right"); \
		} \
	} while (0)

	for (i = 0; i < sizeof(public) / sizeof(public[0]); i++)
		JUDGE(public[i], true);
	for (i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		JUDGE(special[i], false);
#undef JUDGE
}

static void
test_proxies(void)
{
	static const struct
	{
		const char *proxy;
		const char *words;		/* of the error; NULL: it is good */
	}			cases[] =
	{
		{"", NULL},
		{"http://proxy.example.com:3128", NULL},
		{"https://proxy.example.com:3129/", NULL},
		{"http://10.0.0.1:8080", NULL},
		{"http://[fd00::1]:8080", NULL},
		{"proxy.example.com:3128", "must begin with"},
		{"socks5://proxy.example.com:1080", "must begin with"},
		{"http://proxy.example.com", "must have a port"},
		{"http://[fd00::1]", "must have a port"},
		{"http://proxy.example.com:", "port"},
		{"http://proxy.example.com:0", "port"},
		{"http://proxy.example.com:99999", "port"},
		{"http://desk:" CANARY "@proxy.example.com:3128", "user"},
		{"http://proxy.example.com:3128/path", "must end after its port"},
		{"http://proxy.example.com:3128?" CANARY, "must end after its port"},
		{"http://proxy.example.com:3128#a", "must end after its port"},
		{"http://proxy.example.com:3128\r\nX: y", "percent-encoded"},
		{"http://:3128", "host"}
	};
	static const struct
	{
		const char *path;
		bool		is_good;
	}			files[] =
	{
		{"", true}, {"/etc/ssl/our-ca.pem", true}, {"/etc/ssl/our ca.pem", true},
		{"our-ca.pem", false}, {"~/ca.pem", false}, {"/etc/\nca.pem", false}
	};
	char		error[SOURCE_ERROR_SIZE];
	char		path[2000];
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		error[0] = '\0';
		ok(http_check_proxy(cases[i].proxy, error) == (cases[i].words == NULL) &&
		   (cases[i].words == NULL || strstr(error, cases[i].words) != NULL) &&
		   strstr(error, CANARY) == NULL,
		   "proxy \"%s\": %s", cases[i].proxy, error);
	}
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		ok(http_check_ca_file(files[i].path, error) == files[i].is_good,
		   "file \"%s\"", files[i].path);
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	path[0] = '/';
	CHECK(!http_check_ca_file(path, error));
}

static void
test_clean_text(void)
{
	char		clean[16];

	http_clean_text("  a\r\n\tb\x7f\xff" "c  ", 13, clean, sizeof(clean));
	CHECK_TEXT(clean, "a b ?c");
	http_clean_text("exactly fifteen", 15, clean, sizeof(clean));
	CHECK_TEXT(clean, "exactly fifteen");
	http_clean_text("exactly sixteen!", 16, clean, sizeof(clean));
	CHECK_TEXT(clean, "exactly sixt...");
	http_clean_text("a\0b", 3, clean, sizeof(clean));
	CHECK_TEXT(clean, "a b");
	http_clean_text("", 0, clean, sizeof(clean));
	CHECK_TEXT(clean, "");
	http_describe_url("https://host/path?" CANARY, clean, sizeof(clean));
	CHECK_TEXT(clean, "https://host...");
}

int
main(void)
{
	test_options();
	test_base_urls();
	test_header_settings();
	test_addresses();
	test_proxies();
	test_clean_text();
	return done_testing();
}
