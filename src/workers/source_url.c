/*-------------------------------------------------------------------------
 *
 * source_url.c
 *	  The sources by the settings, for those who ask for bars.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "config.h"
#include "workers/source_url.h"

const char *
source_url(const char *provider)
{
	char		setting[NAMEDATALEN];

	/* each has its own: vnstream.vci_url */
	snprintf(setting, sizeof(setting), "vnstream.%s_url", provider);
	return GetConfigOption(setting, true, false);
}

const SourceProvider *
source_with_bars(bool of_indices)
{
	const char *at = config_sources;

	for (;;)
	{
		const SourceProvider *provider;
		char		name[QUOTE_NAME_MAX + 1];
		size_t		length;

		at += strspn(at, ", \t\n");
		length = strcspn(at, ", \t\n");
		if (length == 0)
			return NULL;
		strlcpy(name, at, Min(length + 1, sizeof(name)));
		at += length;
		provider = source_find(name);
		if (provider != NULL && provider->bars_request != NULL &&
			(provider->has_indices || !of_indices) && source_url(name) != NULL)
			return provider;
	}
}
