/*-------------------------------------------------------------------------
 *
 * bars_source.c
 *	  Which source is asked for bars.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "config.h"
#include "workers/bars_source.h"

const SourceProvider *
source_with_bars(bool of_indices)
{
	const SourceProvider *providers[SOURCES_MAX];
	char		error[SOURCE_ERROR_SIZE];
	int			count = source_read_list(config_sources, providers, error);
	int			i;

	for (i = 0; i < count; i++)
		if (providers[i]->bars_request != NULL && (providers[i]->has_indices || !of_indices))
			return providers[i];
	return NULL;
}
