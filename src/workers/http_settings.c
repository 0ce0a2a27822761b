/*-------------------------------------------------------------------------
 *
 * http_settings.c
 *	  How this process asks sources, by its settings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "config.h"
#include "workers/http_settings.h"

HttpOptions
http_settings(int max_in_flight)
{
	HttpOptions options;

	memset(&options, 0, sizeof(options));
	options.user_agent = config_user_agent;
	options.headers = config_http_headers;
	options.proxy = config_http_proxy;
	options.ca_file = config_ca_file;
	options.timeout_ms = config_http_timeout;
	options.max_response = (size_t) config_http_max_response * 1024;
	options.allow_insecure = config_allow_insecure_source;
	options.max_in_flight = max_in_flight;
	return options;
}
