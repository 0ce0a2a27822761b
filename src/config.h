/*-------------------------------------------------------------------------
 *
 * config.h
 *	  Every setting of the extension.
 *
 * Settings of the whole server are PGC_POSTMASTER or PGC_SIGHUP.  Those that
 * make sense for one database are PGC_SUSET, so that ALTER DATABASE … SET can
 * carry them; workers of that database start with them.  No setting holds a
 * secret: pg_monitor can read them all.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_CONFIG_H
#define VNSTREAM_CONFIG_H

#include "postgres.h"

/* What vnstream.run, and so a database, wants to have running. */
#define RUN_PRODUCER 1
#define RUN_CONSUMER 2
#define RUN_ALL (RUN_PRODUCER | RUN_CONSUMER)

/* What to do when offsets that were to be stored are gone from Kafka. */
typedef enum LostOffsetsPolicy
{
	LOST_OFFSETS_STOP,
	LOST_OFFSETS_CONTINUE
} LostOffsetsPolicy;

/* What to do with a dead letter beyond vnstream.dead_letter_limit. */
typedef enum DeadLetterPolicy
{
	DEAD_LETTERS_STOP,
	DEAD_LETTERS_DIGEST			/* keep its hash */
} DeadLetterPolicy;

/* Least time that quotes are kept, s: a typo must not drop everything. */
#define RETENTION_MIN (31 * 86400)

/* Most consumer workers of one database. */
#define MAX_CONSUMERS 16

/* Most indices that a producer follows. */
#define INDICES_MAX 16

/* Most settings of the extension that a worker can tell of. */
#define SETTINGS_MAX 64

/* server */
extern bool config_enabled;
extern int	config_max_databases;
extern int	config_max_symbols; /* of each database, with their latest quotes */
extern char *config_node_name;

/* database */
extern int	config_run;			/* RUN_* bits */
extern char *config_brokers;
extern char *config_kafka_config_file;
extern char *config_topic;
extern char *config_group_id;
extern int	config_partitions;
extern int	config_replication_factor;	/* -1: the broker's */
extern int	config_topic_retention; /* s; -1: the broker's */
extern int	config_on_lost_offsets; /* LostOffsetsPolicy */
extern char *config_sources;
extern char *config_vci_url;
extern char *config_indices;
extern char *config_kbs_url;
extern char *config_symbols;
extern int	config_interval;	/* s */
extern char *config_hot_symbols;	/* '': none */
extern int	config_hot_interval;	/* ms */
extern int	config_schedule;	/* SchedulePolicy of market/schedule.h */
extern int	config_symbols_per_request;
extern int	config_requests_in_flight;
extern int	config_requests_per_minute;
extern int	config_http_timeout;	/* ms */
extern int	config_http_max_response;	/* kB */
extern char *config_user_agent;
extern char *config_http_headers;
extern char *config_http_proxy; /* '': none */
extern char *config_ca_file;	/* '': the system's */
extern bool config_allow_insecure_source;
extern int	config_heartbeat;	/* s; 0: publish always */
extern int	config_consumers;
extern int	config_batch_size;
extern int	config_outbox_limit;	/* kB */
extern int	config_dead_letter_limit;	/* kB */
extern int	config_on_dead_letter_limit;	/* DeadLetterPolicy */
extern int	config_dead_letter_percent; /* 100: never too many */
extern int	config_rejects_limit;	/* rows of vnstream_rejects */
extern int	config_retention;	/* s; 0: for ever */

/*
 * Defines them all; those of PGC_POSTMASTER only while preloading.  From
 * _PG_init only.
 */
extern void config_define(void);

/* Where a source of that name lives; NULL where no setting says so. */
extern const char *config_source_url(const char *name);
/* The name of the source of first choice. */
extern const char *config_first_source(void);

/*
 * RUN_* bits of a value of vnstream.run as pg_db_role_setting has it; 0 for
 * what is no valid value.
 */
extern int	config_run_from_text(const char *value);
extern const char *config_run_to_text(int run);

#endif							/* VNSTREAM_CONFIG_H */
