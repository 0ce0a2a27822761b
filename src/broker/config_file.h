/*-------------------------------------------------------------------------
 *
 * config_file.h
 *	  A file of librdkafka properties, for TLS and passwords to the brokers.
 *
 * As kcat and librdkafka's examples write it: one key=value a line, blanks
 * around both are no part of them, # begins a comment line, nothing is escaped
 * but "\n" in the value of a key that ends in .pem.  Only keys of a list are
 * taken: none that loads code, runs a command, calls back, weakens TLS, or that
 * the pipeline decides by itself.
 *
 * Values never leave this module but to librdkafka: faults name the line and
 * the key, and config_file_hide() takes values out of what librdkafka says.
 *
 * Plain C with malloc.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_CONFIG_FILE_H
#define VNSTREAM_BROKER_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_FILE_MAX_BYTES 65536
#define CONFIG_FILE_MAX_FAULTS 20
#define CONFIG_FAULT_SIZE 240

/* Which clients a key is for. */
typedef enum ConfigKeyUse
{
	CONFIG_FOR_ALL,
	CONFIG_FOR_PUBLISHERS,		/* others would warn that they ignore it */
	CONFIG_NOT_FOR_QUERIES		/* they have their own deadline */
} ConfigKeyUse;

typedef struct ConfigSetting
{
	const char *name;			/* as librdkafka has it */
	char	   *value;			/* inside of text */
	int			line;
	ConfigKeyUse use;
	bool		is_hidden;		/* a secret or a path: not even librdkafka's
								 * own words may show it */
} ConfigSetting;

typedef struct ConfigFault
{
	int			line;			/* 0: of the file as a whole */
	char		text[CONFIG_FAULT_SIZE];	/* a clause, without the line */
} ConfigFault;

typedef struct ConfigFile
{
	char	   *text;
	size_t		length;
	uint64_t	hash;			/* of the content; of the fault, where unread */
	ConfigSetting *settings;	/* in the order of the file */
	int			setting_count;
	ConfigFault faults[CONFIG_FILE_MAX_FAULTS];
	int			fault_count;	/* may be more than are kept */
} ConfigFile;

/*
 * Reads and judges the file, which must be regular (a symbolic link is not
 * followed), the server's user's or root's, of mode 0600 or 0400, and no larger
 * than 64 kB.  True where it has no fault.  config_file_free() is the caller's
 * in any case.
 */
extern bool config_file_read(ConfigFile *file, const char *path);

/* The same of a text, which is copied. */
extern bool config_file_parse(ConfigFile *file, const char *text, size_t length);

/* Overwrites the values before it frees them. */
extern void config_file_free(ConfigFile *file);

/* The value of a key of the file, or NULL.  Not for any message. */
extern const char *config_file_value(const ConfigFile *file, const char *name);

/* "line 3: sentence; line 5: ...", as many of the faults as there is room for. */
extern void config_file_tell_faults(const ConfigFile *file, char *text, size_t size);

/*
 * The security.protocol that file (NULL: none) and the prefixes in the list of
 * brokers agree on, in librdkafka's spelling; NULL, with a sentence in error
 * (CONFIG_FAULT_SIZE bytes), where they do not, or where what it needs lacks.
 */
extern const char *config_file_protocol(const ConfigFile *file,
										const char *brokers, char *error);

/* Replaces every hidden value in the text by stars. */
extern void config_file_hide(const ConfigFile *file, char *text);

#endif							/* VNSTREAM_BROKER_CONFIG_FILE_H */
