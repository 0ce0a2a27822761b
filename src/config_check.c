/*-------------------------------------------------------------------------
 *
 * config_check.c
 *	  What a setting's value may be.
 *
 * The sentences come from the rooms that use the values, so that a setting is
 * refused for exactly what would not work.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "broker/client.h"
#include "config.h"
#include "config_check.h"
#include "source/http.h"
#include "source/universe.h"

static void
refusal_detail(const char *error)
{
	/* the rooms speak in clauses, as in other messages; a detail is a sentence */
	GUC_check_errdetail("%c%s.", pg_toupper((unsigned char) error[0]),
						error[0] != '\0' ? error + 1 : "");
}

bool
config_check_brokers(char **newval, void **extra, GucSource source)
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
bool
config_check_kafka_config_file(char **newval, void **extra, GucSource source)
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

bool
config_check_topic(char **newval, void **extra, GucSource source)
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
bool
config_check_name(char **newval, void **extra, GucSource source)
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

bool
config_check_replication_factor(int *newval, void **extra, GucSource source)
{
	if (*newval != 0)
		return true;
	GUC_check_errdetail("A topic without a replica cannot exist.");
	GUC_check_errhint("Use a number from 1, or -1 for the broker's default.");
	return false;
}

bool
config_check_topic_retention(int *newval, void **extra, GucSource source)
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
bool
config_check_retention(int *newval, void **extra, GucSource source)
{
	if (*newval == 0 || *newval >= RETENTION_MIN)
		return true;
	GUC_check_errdetail("Quotes are kept for 31 days at least.");
	GUC_check_errhint("Use a time with its unit, such as '365d', or 0 to keep quotes for ever.");
	return false;
}

bool
config_check_sources(char **newval, void **extra, GucSource source)
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
bool
config_check_source_url(char **newval, void **extra, GucSource source)
{
	char		error[SOURCE_ERROR_SIZE];

	if (http_check_base_url(*newval, true, error))
		return true;
	refusal_detail(error);
	GUC_check_errhint("Use the address up to and with the last slash, such as '%s'.",
					  "https://trading.vietcap.com.vn/api/");
	return false;
}

bool
config_check_symbols(char **newval, void **extra, GucSource source)
{
	char		error[SOURCE_ERROR_SIZE];

	if (universe_check(*newval, error))
		return true;
	refusal_detail(error);
	GUC_check_errhint("Use 'all', or exchanges, groups and tickers separated by commas, such as 'VN30', 'HOSE,ETF' or 'VCB,FPT'.");
	return false;
}

bool
config_check_hot_symbols(char **newval, void **extra, GucSource source)
{
	return (*newval)[0] == '\0' || config_check_symbols(newval, extra, source);
}

bool
config_check_http_headers(char **newval, void **extra, GucSource source)
{
	char		error[SOURCE_ERROR_SIZE];

	if (http_check_headers(*newval, error))
		return true;
	refusal_detail(error);
	GUC_check_errhint("Use one header a line, such as E'%s'.",
					  "Accept-Language: vi\\nX-Team: desk");
	return false;
}

bool
config_check_user_agent(char **newval, void **extra, GucSource source)
{
	char		error[SOURCE_ERROR_SIZE];

	if (http_check_user_agent(*newval, error))
		return true;
	refusal_detail(error);
	GUC_check_errhint("Use words that say who asks, such as '%s'.",
					  "our-desk/1.0 (ops@example.com)");
	return false;
}

bool
config_check_http_proxy(char **newval, void **extra, GucSource source)
{
	char		error[SOURCE_ERROR_SIZE];

	if (http_check_proxy(*newval, error))
		return true;
	refusal_detail(error);
	GUC_check_errhint("Use its address and port, such as '%s', or '' for none.",
					  "http://proxy.example.com:3128");
	return false;
}

bool
config_check_ca_file(char **newval, void **extra, GucSource source)
{
	char		error[SOURCE_ERROR_SIZE];

	if (http_check_ca_file(*newval, error))
		return true;
	refusal_detail(error);
	GUC_check_errhint("Use the path of a PEM file on the server, such as '%s', or '' for the system's certificates.",
					  "/etc/ssl/our-ca.pem");
	return false;
}

/* Names as tickers are, a few, separated by commas or blanks; none: ''. */
bool
config_check_indices(char **newval, void **extra, GucSource source)
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
