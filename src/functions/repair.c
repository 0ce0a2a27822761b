/*-------------------------------------------------------------------------
 *
 * repair.c
 *	  vnstream_replay_dead_letters(), vnstream_purge_dead_letters() and
 *	  vnstream_import().
 *
 * All in the caller's transaction: what is rolled back did not happen.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "functions/worker_setting.h"
#include "progress.h"
#include "shared_state.h"
#include "store/dead_letter.h"
#include "store/import.h"
#include "store/months.h"
#include "store/replay.h"
#include "store/role.h"
#include "workers/loop.h"

PG_FUNCTION_INFO_V1(vnstream_replay_dead_letters);
PG_FUNCTION_INFO_V1(vnstream_purge_dead_letters);
PG_FUNCTION_INFO_V1(vnstream_import);

#define REPLAY_COLUMNS 4
#define IMPORT_COLUMNS 3

static void
connect_spi(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

Datum
vnstream_replay_dead_letters(PG_FUNCTION_ARGS)
{
	Replay		replay = {0};
	StoreCatalog catalog;
	RoleScope	role;
	TupleDesc	desc;
	int64		count;
	int			tried;
	Datum		values[REPLAY_COLUMNS];
	bool		nulls[REPLAY_COLUMNS] = {false};

	shared_state_require();
	PreventCommandIfReadOnly("vnstream_replay_dead_letters()");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	if (!PG_ARGISNULL(0))
		replay.code = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (!PG_ARGISNULL(1))
		replay.letters = PointerGetDatum(PG_GETARG_ARRAYTYPE_P(1));

	PreventCommandIfReadOnly("vnstream_replay_dead_letters()");
	store_catalog_get(&catalog);
	connect_spi();
	role_scope_enter(&role, catalog.owner);
	count = replay_begin(&catalog, &replay);
	progress_begin("replaying dead letters", count);
	while ((tried = replay_some(&catalog, &replay)) > 0)
	{
		progress_add(tried);
		CHECK_FOR_INTERRUPTS();
	}
	replay_end(&catalog, &replay);
	progress_end();
	role_scope_leave(&role);
	SPI_finish();

	if (replay.tried < count)
		ereport(NOTICE,
				(errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				 errmsg("%lld dead letters were left to another session that has them in its hands",
						(long long) (count - replay.tried)),
				 errhint("Call vnstream_replay_dead_letters() again when it is done.")));
	values[0] = Int64GetDatum(replay.tried);
	values[1] = Int64GetDatum(replay.stored);
	values[2] = Int64GetDatum(replay.duplicates);
	values[3] = Int64GetDatum(replay.kept);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

Datum
vnstream_purge_dead_letters(PG_FUNCTION_ARGS)
{
	Interval	none = {0};
	StoreCatalog catalog;
	RoleScope	role;
	int64		count;

	shared_state_require();
	PreventCommandIfReadOnly("vnstream_purge_dead_letters()");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("older_than must not be null"),
				 errhint("Use an interval such as '30 days'; '0' purges every dead letter.")));
	if (DatumGetInt32(DirectFunctionCall2(interval_cmp, PG_GETARG_DATUM(0),
										  IntervalPGetDatum(&none))) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("older_than must not be negative"),
				 errhint("Use an interval such as '30 days'; '0' purges every dead letter.")));

	PreventCommandIfReadOnly("vnstream_purge_dead_letters()");
	store_catalog_get(&catalog);
	connect_spi();
	role_scope_enter(&role, catalog.owner);
	count = dead_letters_purge(&catalog, PG_GETARG_DATUM(0));
	role_scope_leave(&role);
	SPI_finish();
	PG_RETURN_INT64(count);
}

static void
put_outcome(ReturnSetInfo *result, const char *outcome, int64 rows, const char *example)
{
	Datum		values[IMPORT_COLUMNS];
	bool		nulls[IMPORT_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(outcome);
	values[1] = Int64GetDatum(rows);
	nulls[2] = example == NULL;
	values[2] = example != NULL ? CStringGetTextDatum(example) : (Datum) 0;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static int
compare_refusals(const ListCell *a, const ListCell *b)
{
	const ImportRefusal *left = lfirst(a);
	const ImportRefusal *right = lfirst(b);

	if (left->rows != right->rows)
		return left->rows > right->rows ? -1 : 1;
	return strcmp(left->code, right->code);
}

/* Rows that do not stay for long: better known now than tomorrow. */
static void
tell_retention(const Import *import)
{
	int64		now = UNIX_FROM_TIMESTAMP(GetCurrentTimestamp());
	int			retention = worker_setting_number("vnstream.retention", GUC_UNIT_S);

	if (retention == 0 || import->oldest == PG_INT64_MAX ||
		month_of_time(import->oldest) >= month_of_time(now - (int64) retention * USECS_PER_SEC))
		return;
	ereport(NOTICE,
			(errcode(ERRCODE_WARNING),
			 errmsg("vnstream.retention drops some of these rows again, within a day"),
			 errhint("Set it to a longer time, or to 0 to keep quotes for ever, before you commit.")));
}

Datum
vnstream_import(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	StoreCatalog catalog;
	Import		import;
	ListCell   *cell;
	int			rows;

	shared_state_require();
	PreventCommandIfReadOnly("vnstream_import()");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the table to import must not be null"),
				 errhint("Name what has the old rows, e.g. vnstream_import('realtime_quotes_old').")));
	PreventCommandIfReadOnly("vnstream_import()");
	InitMaterializedSRF(fcinfo, 0);

	store_catalog_get(&catalog);
	connect_spi();
	import_begin(&catalog, &import, PG_GETARG_OID(0));
	progress_begin("importing quotes", import.expected);
	while ((rows = import_some(&catalog, &import)) > 0)
	{
		progress_add(rows);
		CHECK_FOR_INTERRUPTS();
	}
	progress_end();
	tell_retention(&import);

	put_outcome(result, "stored", import.stored, NULL);
	put_outcome(result, "duplicate", import.duplicates, NULL);
	list_sort(import.refusals, compare_refusals);
	foreach(cell, import.refusals)
	{
		ImportRefusal *refusal = lfirst(cell);

		put_outcome(result, refusal->code, refusal->rows, refusal->examples.data);
	}
	SPI_finish();
	return (Datum) 0;
}
