/*-------------------------------------------------------------------------
 *
 * check.h
 *	  vnstream_check(): the whole pipeline looked at, step by step.
 *
 * check.c walks the steps; each is a function of one of the check_*.c files,
 * which fills in a CheckResult.  An error that a step raises makes it 'failed'
 * with that error's words, and the next one follows; only an interrupt ends it
 * all.  No step writes anything, here or elsewhere.
 *
 * Main thread of a session, inside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_FUNCTIONS_CHECK_H
#define VNSTREAM_FUNCTIONS_CHECK_H

#include "postgres.h"

#include "broker/probe.h"
#include "broker/query.h"
#include "functions/fetch.h"
#include "store/catalog.h"

typedef enum CheckVerdict
{
	CHECK_OK,
	CHECK_WARNING,
	CHECK_FAILED,
	CHECK_SKIPPED				/* it would make no sense; detail says why */
} CheckVerdict;

typedef struct CheckResult
{
	CheckVerdict verdict;
	double		ms;				/* < 0: what the step took, as check.c saw it */
	char	   *detail;			/* palloc'd, like advice */
	char	   *advice;			/* what to do; NULL where ok */
} CheckResult;

/* The database's settings as its workers have them. */
typedef struct CheckSettings
{
	char	   *brokers;
	char	   *config_file;
	char	   *topic;
	char	   *symbols;
	bool		allow_insecure_source;
	bool		goes_by_market; /* vnstream.schedule */
	int			partitions;
	int			replication_factor; /* -1: the broker's default */
	int			topic_retention;	/* s; -1: the broker's default */
	int			consumers;
	int			interval;		/* s */
	int			symbols_per_request;
	int			requests_per_minute;
	int			outbox_limit;	/* kB */
	int			retention;		/* s; 0: for ever */
} CheckSettings;

/* One of vnstream.sources, and one look at it for all its steps. */
typedef struct CheckSource
{
	const SourceProvider *provider;
	char	   *url;
	char	   *url_setting;	/* "vnstream.vci_url" */
	FetchAnswer fetch;
	bool		has_fetch;
	char	   *no_fetch;		/* why there is none; NULL before it was tried */
	char	   *no_fetch_advice;
} CheckSource;

typedef struct Check
{
	StoreCatalog catalog;
	CheckSettings settings;
	int			run;			/* RUN_* bits that the database wants */
	bool		is_standby;
	bool		shows_paths;	/* the caller may read superusers' settings */
	bool		config_file_is_good;

	CheckSource sources[SOURCES_MAX];	/* in order of preference */
	size_t		source_count;
	CheckSource *source;		/* that the step is about */
	int			steps_done;

	/* the brokers: asked at the beginning, taken when their steps come */
	BrokerQuery *query;
	Question   *question;
	const ProbeAnswer *probe;	/* NULL: none, see no_probe */
	char	   *no_probe;
	char	   *no_probe_advice;

	/* the table, once it is found */
	QuotesTable table;
	bool		has_table;
	double		disk_free;		/* share of the fullest file system; < 0 unknown */
} Check;

/* One step's verdict; the format is its detail. */
extern void check_say(CheckResult *result, CheckVerdict verdict, const char *format,...)
			pg_attribute_printf(3, 4);
/* What to do about it. */
extern void check_advise(CheckResult *result, const char *format,...)
			pg_attribute_printf(2, 3);

/* One number, or NULL as default; with the extension owner's rights. */
extern double check_query(const Check *check, const char *query, double when_null);

/* bytes free and in all of the file system of a directory; false with errno. */
extern bool check_file_system(const char *path, double *free_bytes, double *all_bytes);

/* check_server.c */
extern void check_library(Check *check, CheckResult *result);
extern void check_versions(Check *check, CheckResult *result);
extern void check_slots(Check *check, CheckResult *result);
extern void check_workers(Check *check, CheckResult *result);
extern void check_settings(Check *check, CheckResult *result);

/* check_kafka.c */
extern void check_kafka_begin(Check *check);
extern void check_config_file(Check *check, CheckResult *result);
extern void check_brokers_resolve(Check *check, CheckResult *result);
extern void check_brokers_connect(Check *check, CheckResult *result);
extern void check_brokers_login(Check *check, CheckResult *result);
extern void check_topic(Check *check, CheckResult *result);
extern void check_topic_write(Check *check, CheckResult *result);
extern void check_topic_read(Check *check, CheckResult *result);
extern void check_broker_clock(Check *check, CheckResult *result);

/* check_source.c */
extern void check_source_resolve(Check *check, CheckResult *result);
extern void check_source_connect(Check *check, CheckResult *result);
extern void check_source_tls(Check *check, CheckResult *result);
extern void check_source_answer(Check *check, CheckResult *result);
extern void check_source_parse(Check *check, CheckResult *result);
extern void check_source_clock(Check *check, CheckResult *result);
extern void check_interval(Check *check, CheckResult *result);

/* check_symbols.c */
extern void check_symbols(Check *check, CheckResult *result);
/* check_calendar.c */
extern void check_calendar(Check *check, CheckResult *result);

/* check_table.c */
extern void check_table(Check *check, CheckResult *result);
extern void check_partitions(Check *check, CheckResult *result);
extern void check_latest(Check *check, CheckResult *result);
extern void check_disk(Check *check, CheckResult *result);

#endif							/* VNSTREAM_FUNCTIONS_CHECK_H */
