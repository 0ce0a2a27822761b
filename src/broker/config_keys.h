/*-------------------------------------------------------------------------
 *
 * config_keys.h
 *	  Which of librdkafka's properties a configuration file may have.
 *
 * Private to config_file.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_CONFIG_KEYS_H
#define VNSTREAM_BROKER_CONFIG_KEYS_H

#include "broker/config_file.h"

typedef struct ConfigKey
{
	const char *name;
	ConfigKeyUse use;
	bool		is_hidden;
	const char *same_as;		/* another spelling of that key, or NULL */
	const char *const *values;	/* the only ones allowed; NULL: librdkafka
								 * judges */
	const char *only;			/* a clause about those values */
} ConfigKey;

/* The key, or NULL where it is not allowed. */
extern const ConfigKey *config_key_find(const char *name);

/*
 * Why a key is not allowed: a clause to follow its name.  NULL where nothing
 * is known of it.
 */
extern const char *config_key_refusal(const char *name);

#endif							/* VNSTREAM_BROKER_CONFIG_KEYS_H */
