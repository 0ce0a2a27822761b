/*-------------------------------------------------------------------------
 *
 * ask.c
 *	  SQL functions that ask Kafka something, and wait for the answer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "functions/ask.h"
#include "functions/outside_text.h"
#include "functions/worker_setting.h"
#include "pg_compat.h"
#include "shared_state.h"
#include "store/catalog.h"
#include "store/role.h"

/* Where the question could not be asked, and where nobody answered. */
#define HINT_SETTINGS "Put the settings right, or the file that they name; vnstream_check() looks step by step."
#define HINT_BROKERS "Check vnstream.brokers, and whether the brokers are up; vnstream_check() looks step by step."

void
ask_target(AskTarget *target)
{
	MemoryContext context = CurrentMemoryContext;
	StoreCatalog catalog;
	RoleScope	role;

	shared_state_require();
	store_catalog_get(&catalog);
	role_scope_enter(&role, catalog.owner);
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	target->options.brokers = worker_setting("vnstream.brokers", context);
	target->options.config_file = worker_setting("vnstream.kafka_config_file", context);
	target->topic = worker_setting("vnstream.topic", context);
	target->group_id = worker_setting("vnstream.group_id", context);
	PopActiveSnapshot();
	SPI_finish();
	role_scope_leave(&role);

	target->options.client_id = "vnstock_stream.sql";
	target->options.group_id = target->group_id;
}

int
ask_setting(const char *name, int unit)
{
	StoreCatalog catalog;
	RoleScope	role;
	int			value;

	store_catalog_get(&catalog);
	role_scope_enter(&role, catalog.owner);
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	value = worker_setting_number(name, unit);
	PopActiveSnapshot();
	SPI_finish();
	role_scope_leave(&role);
	return value;
}

static void
free_question(void *question)
{
	question_free(question);
}

/*
 * Until the query is done.  Nothing else than the latch and the descriptor can
 * end this, so an interrupt is seen at once.
 */
static void
wait_for_query(BrokerQuery *query)
{
	while (!broker_query_is_done(query))
	{
		(void) WaitLatchOrSocket(MyLatch,
								 WL_LATCH_SET | WL_SOCKET_READABLE | WL_EXIT_ON_PM_DEATH,
								 broker_query_fd(query), -1L, wait_event_idle());
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * An error may have a broker's or a file's words in it, and be cut within a
 * character.  Whoever catches it may store it.
 */
static void
make_valid(char *error)
{
	char	   *text = outside_string(error);
	int			length = pg_mbcliplen(text, (int) strlen(text), BROKER_ERROR_SIZE - 1);

	memcpy(error, text, length);
	error[length] = '\0';
	pfree(text);
}

Question *
ask_broker_gently(Question *question, char *error)
{
	BrokerQuery *query = broker_query_begin(question, error);
	MemoryContextCallback *callback;

	if (query == NULL)
	{
		make_valid(error);
		return NULL;
	}

	/* before waiting, so that nothing can be raised once it is answered */
	callback = palloc0(sizeof(MemoryContextCallback));
	callback->func = free_question;
	PG_TRY();
	{
		wait_for_query(query);
	}
	PG_CATCH();
	{
		broker_query_abandon(query);
		PG_RE_THROW();
	}
	PG_END_TRY();

	question = broker_query_take(query, error);
	if (question != NULL)
	{
		callback->arg = question;
		MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	}
	else
		make_valid(error);
	return question;
}

Question *
ask_broker(Question *question, const char *error, const char *hint)
{
	char		failure[BROKER_ERROR_SIZE] = "";

	if (question == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("%s", outside_string(error)),
				 errhint(HINT_SETTINGS)));
	question = ask_broker_gently(question, failure);
	if (question == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("%s", failure),
				 errhint("%s", hint != NULL ? hint : HINT_BROKERS)));
	return question;
}

void
ask_failed(int elevel, bool was_asked, const char *why)
{
	ereport(elevel,
			(errcode(was_asked ? ERRCODE_CONNECTION_FAILURE : ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("Kafka could not be asked: %s", why),
			 errhint("%s", was_asked ? HINT_BROKERS : HINT_SETTINGS)));
}

void
notice_no_topic(const AskTarget *target)
{
	ereport(NOTICE,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("the topic \"%s\" does not exist yet", target->topic),
			 errhint("vnstream_start() makes it, and so does vnstream_create_topic().")));
}
