/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  The extension's settings as PostgreSQL keeps them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "pg_compat.h"
#include "settings.h"

bool
setting_is_ours(const char *name)
{
	static const char prefix[] = "vnstream.";

	return pg_strncasecmp(name, prefix, strlen(prefix)) == 0;
}

static int
compare_names(const void *a, const void *b)
{
	const struct config_generic *const *left = a;
	const struct config_generic *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

struct config_generic **
settings_list(int *count)
{
	int			all_count;
	struct config_generic **all = guc_variables(&all_count);
	struct config_generic **ours = palloc(sizeof(*ours) * (all_count + 1));
	int			i;

	*count = 0;
	for (i = 0; i < all_count; i++)
		if (setting_is_ours(all[i]->name))
			ours[(*count)++] = all[i];
	qsort(ours, *count, sizeof(*ours), compare_names);
	return ours;
}

uint32
setting_hash(const char *name, const char *value)
{
	return hash_combine(hash_bytes((const unsigned char *) name, strlen(name)),
						hash_bytes((const unsigned char *) value, strlen(value)));
}

int
settings_hashes(uint32 hashes[SETTINGS_MAX])
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "vnstream settings",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	struct config_generic **settings;
	int			setting_count;
	int			count = 0;
	int			i;

	settings = settings_list(&setting_count);
	for (i = 0; i < setting_count && count < SETTINGS_MAX; i++)
	{
		const char *value;

		/* else who may read it would be looked up, and there is no transaction */
		if ((settings[i]->flags & GUC_SUPERUSER_ONLY) && settings[i]->vartype == PGC_STRING)
			value = *((struct config_string *) settings[i])->variable;
		else
			value = GetConfigOptionByName(settings[i]->name, NULL, false);
		hashes[count++] = setting_hash(settings[i]->name, value != NULL ? value : "");
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	return count;
}
