/*-------------------------------------------------------------------------
 *
 * check.c
 *	  vnstream_check(): the whole pipeline looked at, step by step.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "config.h"
#include "functions/attempt.h"
#include "functions/check.h"
#include "functions/control.h"
#include "functions/worker_setting.h"
#include "store/role.h"

PG_FUNCTION_INFO_V1(vnstream_check);

#define CHECK_COLUMNS 6

/* Longest to wait for somebody's lock on a table. */
#define CHECK_LOCK_TIMEOUT "2s"

/* Steps of that name are done for each source, all together. */
#define SOURCE_STEP "source: "

typedef struct CheckStep
{
	const char *name;
	void		(*look) (Check *check, CheckResult *result);
} CheckStep;

/* In the order in which one thing stands on another. */
static const CheckStep steps[] = {
	{"library", check_library},
	{"versions", check_versions},
	{"worker slots", check_slots},
	{"workers", check_workers},
	{"settings", check_settings},
	{SOURCE_STEP "name", check_source_resolve},
	{SOURCE_STEP "connection", check_source_connect},
	{SOURCE_STEP "TLS", check_source_tls},
	{SOURCE_STEP "answer", check_source_answer},
	{SOURCE_STEP "quote", check_source_parse},
	{SOURCE_STEP "clock", check_source_clock},
	{"interval", check_interval},
	{"symbols", check_symbols},
	{"calendar", check_calendar},
	{"Kafka: file", check_config_file},
	{"Kafka: names", check_brokers_resolve},
	{"Kafka: connection", check_brokers_connect},
	{"Kafka: login", check_brokers_login},
	{"Kafka: topic", check_topic},
	{"Kafka: write", check_topic_write},
	{"Kafka: read", check_topic_read},
	{"Kafka: clock", check_broker_clock},
	{"table", check_table},
	{"partitions", check_partitions},
	{"latest quotes", check_latest},
	{"disk", check_disk},
};

static char *format_text(const char *format, va_list arguments) pg_attribute_printf(1, 0);

static char *
format_text(const char *format, va_list arguments)
{
	StringInfoData text;
	int			needed;

	initStringInfo(&text);
	do
	{
		va_list		copy;

		va_copy(copy, arguments);
		needed = appendStringInfoVA(&text, format, copy);
		va_end(copy);
		if (needed != 0)
			enlargeStringInfo(&text, needed);
	} while (needed != 0);
	return text.data;
}

void
check_say(CheckResult *result, CheckVerdict verdict, const char *format,...)
{
	va_list		arguments;

	result->verdict = verdict;
	va_start(arguments, format);
	result->detail = format_text(format, arguments);
	va_end(arguments);
}

void
check_advise(CheckResult *result, const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	result->advice = format_text(format, arguments);
	va_end(arguments);
}

double
check_query(const Check *check, const char *query, double when_null)
{
	RoleScope	role;
	double		number = when_null;

	role_scope_enter(&role, check->catalog.owner);
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute(query, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look at the pipeline's tables");
	if (SPI_processed == 1)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
			number = DatumGetFloat8(value);
	}
	PopActiveSnapshot();
	SPI_finish();
	role_scope_leave(&role);
	return number;
}

/* ----------------------------------------------------------------
 *		Settings
 * ----------------------------------------------------------------
 */

/* A list that ALTER DATABASE cannot set is none that a worker goes by. */
static void
read_sources(Check *check, MemoryContext context)
{
	const SourceProvider *providers[SOURCES_MAX];
	char		error[SOURCE_ERROR_SIZE];
	size_t		i;

	check->source_count = source_read_list(worker_setting("vnstream.sources", context),
										   providers, error);
	for (i = 0; i < check->source_count; i++)
	{
		CheckSource *source = &check->sources[i];
		MemoryContext before = MemoryContextSwitchTo(context);

		source->provider = providers[i];
		source->url_setting = psprintf("vnstream.%s_url", providers[i]->name);
		source->url = worker_setting(source->url_setting, context);
		MemoryContextSwitchTo(before);
	}
}

static void
read_settings(Check *check)
{
	CheckSettings *settings = &check->settings;
	MemoryContext context = CurrentMemoryContext;
	RoleScope	role;
	char	   *run;

	role_scope_enter(&role, check->catalog.owner);
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	settings->brokers = worker_setting("vnstream.brokers", context);
	settings->config_file = worker_setting("vnstream.kafka_config_file", context);
	settings->topic = worker_setting("vnstream.topic", context);
	read_sources(check, context);
	settings->symbols = worker_setting("vnstream.symbols", context);
	settings->allow_insecure_source = worker_setting_bool("vnstream.allow_insecure_source");
	settings->goes_by_market =
		pg_strcasecmp(worker_setting("vnstream.schedule", context), "market") == 0;
	settings->partitions = worker_setting_number("vnstream.partitions", 0);
	settings->replication_factor = worker_setting_number("vnstream.replication_factor", 0);
	settings->topic_retention = worker_setting_number("vnstream.topic_retention", GUC_UNIT_S);
	settings->consumers = worker_setting_number("vnstream.consumers", 0);
	settings->interval = worker_setting_number("vnstream.interval", GUC_UNIT_S);
	settings->symbols_per_request = worker_setting_number("vnstream.symbols_per_request", 0);
	settings->requests_per_minute = worker_setting_number("vnstream.requests_per_minute", 0);
	settings->outbox_limit = worker_setting_number("vnstream.outbox_limit", GUC_UNIT_KB);
	settings->retention = worker_setting_number("vnstream.retention", GUC_UNIT_S);
	run = database_setting("vnstream.run");
	check->run = run != NULL ? config_run_from_text(run) : 0;
	PopActiveSnapshot();
	SPI_finish();
	role_scope_leave(&role);
}

/* ----------------------------------------------------------------
 *		Steps
 * ----------------------------------------------------------------
 */

/* Not an interrupt, which is about all of the steps. */
static bool
is_of_step(const ErrorData *error)
{
	return error->sqlerrcode != ERRCODE_QUERY_CANCELED &&
		error->sqlerrcode != ERRCODE_ADMIN_SHUTDOWN &&
		error->sqlerrcode != ERRCODE_CRASH_SHUTDOWN &&
		error->sqlerrcode != ERRCODE_OUT_OF_MEMORY;
}

static void
fail_by_error(CheckResult *result, const ErrorData *error)
{
	check_say(result, CHECK_FAILED, "%s%s%s", error->message,
			  error->detail != NULL ? ": " : "", error->detail != NULL ? error->detail : "");
	check_advise(result, "%s", error->hint != NULL ? error->hint :
				 "Look at the server's log for more.");
}

typedef struct StepRun
{
	Check	   *check;
	const CheckStep *step;
	CheckResult *result;
} StepRun;

static void
look(void *argument)
{
	StepRun    *run = argument;
	int			guc_level = NewGUCNestLevel();

	setting_pin("lock_timeout", CHECK_LOCK_TIMEOUT);
	run->step->look(run->check, run->result);
	AtEOXact_GUC(false, guc_level);
}

/*
 * In a subtransaction, so that what a step meets does not end the others.
 */
static void
take_step(Check *check, const CheckStep *step, CheckResult *result)
{
	StepRun		run = {check, step, result};
	ErrorData  *error;
	instr_time	began;
	instr_time	took;

	INSTR_TIME_SET_CURRENT(began);
	memset(result, 0, sizeof(*result));
	result->ms = -1;
	error = attempt_catching(look, &run, is_of_step);
	if (error != NULL)
		fail_by_error(result, error);

	INSTR_TIME_SET_CURRENT(took);
	INSTR_TIME_SUBTRACT(took, began);
	if (result->ms < 0)
		result->ms = INSTR_TIME_GET_MILLISEC(took);
}

static void
put_step(ReturnSetInfo *set, int number, const char *name, const CheckResult *result)
{
	static const char *const verdicts[] = {"ok", "warning", "failed", "skipped"};
	Datum		values[CHECK_COLUMNS] = {0};
	bool		nulls[CHECK_COLUMNS] = {0};

	values[0] = Int32GetDatum(number);
	values[1] = CStringGetTextDatum(name);
	values[2] = CStringGetTextDatum(verdicts[result->verdict]);
	values[3] = Float8GetDatum(rint(result->ms * 10) / 10);
	nulls[4] = result->detail == NULL;
	if (!nulls[4])
		values[4] = CStringGetTextDatum(result->detail);
	nulls[5] = result->advice == NULL || result->verdict == CHECK_OK;
	if (!nulls[5])
		values[5] = CStringGetTextDatum(result->advice);
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

static bool
is_of_source(const CheckStep *step)
{
	return strncmp(step->name, SOURCE_STEP, strlen(SOURCE_STEP)) == 0;
}

static void
report_step(Check *check, const CheckStep *step, ReturnSetInfo *set)
{
	const char *name = step->name;
	CheckResult result;

	CHECK_FOR_INTERRUPTS();
	take_step(check, step, &result);
	if (is_of_source(step) && check->source_count > 1)
		name = psprintf("source %s: %s", check->source->provider->name,
						step->name + strlen(SOURCE_STEP));
	put_step(set, ++check->steps_done, name, &result);
}

/* From the first of the steps about a source on. */
static void
report_sources(Check *check, const CheckStep *first, ReturnSetInfo *set)
{
	size_t		i;

	for (i = 0; i < check->source_count; i++)
	{
		const CheckStep *step;

		check->source = &check->sources[i];
		for (step = first; step < steps + lengthof(steps) && is_of_source(step); step++)
			report_step(check, step, set);
	}
}

/* The thread that asks the brokers ends with the call, however that ends. */
static void
forget_brokers(void *argument)
{
	Check	   *check = argument;

	if (check->query != NULL)
		broker_query_abandon(check->query);
	question_free(check->question);
	check->query = NULL;
	check->question = NULL;
}

Datum
vnstream_check(PG_FUNCTION_ARGS)
{
	Check	   *check = palloc0(sizeof(Check));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	store_catalog_get_any(&check->catalog);
	check->is_standby = RecoveryInProgress();
	check->shows_paths = has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_SETTINGS);
	check->disk_free = -1;
	read_settings(check);

	callback->func = forget_brokers;
	callback->arg = check;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	check_kafka_begin(check);

	for (i = 0; i < (int) lengthof(steps); i++)
	{
		if (!is_of_source(&steps[i]))
			report_step(check, &steps[i], set);
		else if (i == 0 || !is_of_source(&steps[i - 1]))
			report_sources(check, &steps[i], set);
	}
	forget_brokers(check);
	return (Datum) 0;
}
