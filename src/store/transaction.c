/*-------------------------------------------------------------------------
 *
 * transaction.c
 *	  One transaction of a worker, with what went wrong told as a value.
 *
 * What an SQLSTATE means to a worker that has moved nothing yet and could do
 * the very same again:
 *
 *	class		outcome		why
 *	VN001		FENCED		raised by position.c
 *	VN002		GONE		raised by catalog.c
 *	VN003 VN004	DRIFT		raised by dead_letter.c
 *	VN005		DRIFT		raised by catalog.c
 *	22, 23		DRIFT		a row's own fault is caught inside ingest.c and makes
 *							a dead letter; what gets here came from the
 *							pipeline's own tables or a table without partition
 *	25006		TRANSIENT	default_transaction_read_only, or a standby: an
 *							administrator's state, and one that ends
 *	55P03 55006	TRANSIENT	locks
 *	55			DRIFT		e.g. unlogged, or a partition being detached
 *	09 0A 0L 0P 27 28 2B 2D 2F 38 39 3D 3F 42 44 HV P0
 *				DRIFT		privileges, missing or changed objects, and
 *							triggers that fail: the same again fails again
 *	XX001 XX002	DRIFT		corrupted data or index: nobody should insist
 *	else		TRANSIENT	08 40 53 54 57 58 XX000 and what is yet unknown: to
 *							wait and try again loses nothing, to stop does
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "store/catalog.h"
#include "store/support.h"
#include "store/transaction.h"

typedef struct OutcomeRule
{
	char		state[6];		/* two characters: a class, five: one code */
	StoreOutcome outcome;
} OutcomeRule;

/* The first that fits counts, so single codes stand before their class. */
static const OutcomeRule outcome_rules[] = {
	{"VN001", STORE_FENCED},
	{"VN002", STORE_GONE},
	{"VN003", STORE_DRIFT},
	{"VN004", STORE_DRIFT},
	{"VN005", STORE_DRIFT},
	{"55P03", STORE_TRANSIENT},
	{"55006", STORE_TRANSIENT},
	{"XX001", STORE_DRIFT},
	{"XX002", STORE_DRIFT},
	{"09", STORE_DRIFT},
	{"0A", STORE_DRIFT},
	{"0L", STORE_DRIFT},
	{"0P", STORE_DRIFT},
	{"22", STORE_DRIFT},
	{"23", STORE_DRIFT},
	{"27", STORE_DRIFT},
	{"28", STORE_DRIFT},
	{"2B", STORE_DRIFT},
	{"2D", STORE_DRIFT},
	{"2F", STORE_DRIFT},
	{"38", STORE_DRIFT},
	{"39", STORE_DRIFT},
	{"3D", STORE_DRIFT},
	{"3F", STORE_DRIFT},
	{"42", STORE_DRIFT},
	{"44", STORE_DRIFT},
	{"55", STORE_DRIFT},
	{"HV", STORE_DRIFT},
	{"P0", STORE_DRIFT},
};

static StoreOutcome
outcome_of_state(int sqlstate)
{
	const char *state = unpack_sql_state(sqlstate);

	for (size_t i = 0; i < lengthof(outcome_rules); i++)
	{
		if (strncmp(state, outcome_rules[i].state,
					strlen(outcome_rules[i].state)) == 0)
			return outcome_rules[i].outcome;
	}
	return STORE_TRANSIENT;
}

static void
copy_line(char *line, const char *text)
{
	int			length = pg_mbcliplen(text, strlen(text), STORE_ERROR_SIZE - 1);

	for (int i = 0; i < length; i++)
		line[i] = (text[i] == '\n' || text[i] == '\r' || text[i] == '\t') ?
			' ' : text[i];
	line[length] = '\0';
}

static void
fill_error(StoreError *error, const ErrorData *data, int timeout_ms)
{
	const char *hint = data->hint;
	char		text[2 * STORE_ERROR_SIZE];

	error->sqlstate = data->sqlerrcode;
	error->outcome = outcome_of_state(data->sqlerrcode);

	/* No palloc: the caller's context may live as long as the worker. */
	snprintf(text, sizeof(text), "%s%s%s",
			 data->message ? data->message : "missing error text",
			 data->detail ? ": " : "", data->detail ? data->detail : "");
	copy_line(error->message, text);

	if (hint == NULL && data->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE)
		hint = "Rows and partitions are made with the rights of the owner of " QUOTES_TABLE
			", security-restricted: that role needs USAGE and CREATE on the schema, and triggers of the table cannot be deferred.";
	else if (hint == NULL && timeout_ms > 0 && data->message_id != NULL &&
			 strcmp(data->message_id, "canceling statement due to statement timeout") == 0)
	{
		snprintf(text, sizeof(text),
				 "The worker gives up after %d ms and tries again; pg_locks shows whether another session holds a lock it waits for.",
				 timeout_ms);
		hint = text;
	}
	copy_line(error->hint, hint ? hint : "");
}

/*
 * DROP EXTENSION must either wait for this transaction or be seen by it: were
 * it to come in between, missing tables would look like drift.
 */
static void
lock_extension(StoreCatalog *catalog)
{
	Oid			extension;

	store_catalog_get(catalog);
	extension = catalog->extension;
	LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
	store_catalog_get(catalog);
	if (catalog->extension != extension)
		ereport(ERROR,
				(errcode(ERRCODE_VNSTREAM_GONE),
				 errmsg("extension \"%s\" was dropped and created again at this moment",
						VNSTREAM_EXTENSION_NAME)));
}

StoreOutcome
store_transaction(StoreWork work, void *argument, const char *activity,
				  int timeout_ms, StoreError *error)
{
	MemoryContext caller = CurrentMemoryContext;
	StoreCatalog catalog;
	RoleScope	role;
	ErrorData  *data;

	if (IsTransactionState())
		elog(ERROR, "store_transaction called inside a transaction");

	memset(error, 0, sizeof(*error));
	error->outcome = STORE_DONE;

	PG_TRY();
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();

		/*
		 * A serializable or repeatable-read default of the database would
		 * turn the compare-and-set of a position into serialization failures,
		 * and let a unique violation hide behind an old snapshot.
		 */
		XactIsoLevel = XACT_READ_COMMITTED;
		if (timeout_ms > 0)
			enable_timeout_after(STATEMENT_TIMEOUT, timeout_ms);
		pgstat_report_activity(STATE_RUNNING, activity);

		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "SPI_connect failed");
		PushActiveSnapshot(GetTransactionSnapshot());
		lock_extension(&catalog);

		role_scope_enter(&role, catalog.owner);
		work(argument);
		role_scope_leave(&role);

		PopActiveSnapshot();
		SPI_finish();

		/*
		 * A cancel during COMMIT could only break off the wait for a
		 * synchronous standby, after the fact: take it before or not at all.
		 */
		if (timeout_ms > 0)
			disable_timeout(STATEMENT_TIMEOUT, false);
		CHECK_FOR_INTERRUPTS();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();

		/* A timer that fires from here on would cancel what comes next. */
		disable_all_timeouts(false);
		QueryCancelPending = false;

		MemoryContextSwitchTo(caller);
		data = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(caller);
		fill_error(error, data, timeout_ms);
		FreeErrorData(data);

		RESUME_INTERRUPTS();
	}
	PG_END_TRY();

	MemoryContextSwitchTo(caller);

	/*
	 * Forced: unforced statistics wait for a second to pass, and a worker may
	 * be idle for a minute after its last batch.
	 */
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	return error->outcome;
}
