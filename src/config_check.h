/*-------------------------------------------------------------------------
 *
 * config_check.h
 *	  What a setting's value may be: check hooks, for config.c only.
 *
 * Each leaves detail and hint for the refusal.  Any process, the postmaster too:
 * nothing here connects, opens a file or looks into a catalog.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_CONFIG_CHECK_H
#define VNSTREAM_CONFIG_CHECK_H

#include "postgres.h"

#include "utils/guc.h"

extern bool config_check_brokers(char **newval, void **extra, GucSource source);
extern bool config_check_kafka_config_file(char **newval, void **extra, GucSource source);
extern bool config_check_topic(char **newval, void **extra, GucSource source);
extern bool config_check_name(char **newval, void **extra, GucSource source);
extern bool config_check_replication_factor(int *newval, void **extra, GucSource source);
extern bool config_check_topic_retention(int *newval, void **extra, GucSource source);
extern bool config_check_retention(int *newval, void **extra, GucSource source);
extern bool config_check_sources(char **newval, void **extra, GucSource source);
extern bool config_check_source_url(char **newval, void **extra, GucSource source);
extern bool config_check_symbols(char **newval, void **extra, GucSource source);
extern bool config_check_hot_symbols(char **newval, void **extra, GucSource source);
extern bool config_check_http_headers(char **newval, void **extra, GucSource source);
extern bool config_check_user_agent(char **newval, void **extra, GucSource source);
extern bool config_check_http_proxy(char **newval, void **extra, GucSource source);
extern bool config_check_ca_file(char **newval, void **extra, GucSource source);
extern bool config_check_indices(char **newval, void **extra, GucSource source);

#endif							/* VNSTREAM_CONFIG_CHECK_H */
