/*-------------------------------------------------------------------------
 *
 * store_test.c
 *	  SQL functions that drive src/store, and the background worker that
 *	  store_transaction() wants to be called in.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "store/catalog.h"
#include "store/outbox.h"
#include "store_test.h"

PG_MODULE_MAGIC;

#define RESULT_SIZE (4 * 1024 * 1024)

/* Of the shared segment: the script first, overwritten by the result. */
typedef struct TestRequest
{
	Oid			database;
	bool		is_finished;
	char		text[FLEXIBLE_ARRAY_MEMBER];
} TestRequest;

PG_FUNCTION_INFO_V1(store_test_ensure);
PG_FUNCTION_INFO_V1(store_test_find);
PG_FUNCTION_INFO_V1(store_test_request);
PG_FUNCTION_INFO_V1(store_test);

extern PGDLLEXPORT void store_test_main(Datum argument);

Datum
store_test_ensure(PG_FUNCTION_ARGS pg_attribute_unused())
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	quotes_table_ensure(&catalog);
	PG_RETURN_VOID();
}

Datum
store_test_find(PG_FUNCTION_ARGS)
{
	StoreCatalog catalog;
	QuotesTable table;
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	store_catalog_get(&catalog);
	quotes_table_find(&catalog, &table);
	values[0] = ObjectIdGetDatum(table.relation);
	values[1] = CStringGetTextDatum(GetUserNameFromId(table.owner, false));
	values[2] = BoolGetDatum(table.is_managed);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

Datum
store_test_request(PG_FUNCTION_ARGS pg_attribute_unused())
{
	StoreCatalog catalog;

	store_catalog_get(&catalog);
	PG_RETURN_INT64(sweep_row_request(&catalog));
}

Datum
store_test(PG_FUNCTION_ARGS)
{
	char	   *script = text_to_cstring(PG_GETARG_TEXT_PP(0));
	dsm_segment *segment = dsm_create(sizeof(TestRequest) + RESULT_SIZE, 0);
	TestRequest *request = dsm_segment_address(segment);
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;
	pid_t		pid;
	text	   *result;

	if (strlen(script) >= RESULT_SIZE)
		elog(ERROR, "script is too long");
	request->database = MyDatabaseId;
	request->is_finished = false;
	strlcpy(request->text, script, RESULT_SIZE);

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "vnstream_store_test");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "store_test_main");
	snprintf(worker.bgw_name, BGW_MAXLEN, "vnstream store test");
	snprintf(worker.bgw_type, BGW_MAXLEN, "vnstream store test");
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		elog(ERROR, "no background worker slot");
	if (WaitForBackgroundWorkerStartup(handle, &pid) == BGWH_POSTMASTER_DIED ||
		WaitForBackgroundWorkerShutdown(handle) != BGWH_STOPPED)
		elog(ERROR, "background worker could not be waited for");

	result = cstring_to_text(request->is_finished ? request->text :
							 "the worker ended early\n");
	dsm_detach(segment);
	PG_RETURN_TEXT_P(result);
}

void
store_test_main(Datum argument)
{
	dsm_segment *segment;
	TestRequest *request;
	StringInfoData result;
	MemoryContext context;
	char	   *script;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	CurrentResourceOwner = ResourceOwnerCreate(NULL, "vnstream store test");
	segment = dsm_attach(DatumGetUInt32(argument));
	if (segment == NULL)
		elog(ERROR, "the segment is gone");
	dsm_pin_mapping(segment);
	CurrentResourceOwner = NULL;
	request = dsm_segment_address(segment);

	BackgroundWorkerInitializeConnectionByOid(request->database, InvalidOid, 0);

	context = AllocSetContextCreate(TopMemoryContext, "vnstream store test",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	script = pstrdup(request->text);
	initStringInfo(&result);
	script_run(script, &result);
	strlcpy(request->text, result.data, RESULT_SIZE);
	request->is_finished = true;
}
