/*-------------------------------------------------------------------------
 *
 * status.c
 *	  vnstream_status() and vnstream_version(): what is going on, and with what.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include <curl/curl.h>

#include "access/htup_details.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include <cjson/cJSON.h>
#include <librdkafka/rdkafka.h>

#include "functions/columns.h"
#include "lock_wait.h"
#include "shared_state.h"
#include "store/catalog.h"

PG_FUNCTION_INFO_V1(vnstream_status);
PG_FUNCTION_INFO_V1(vnstream_version);

#define STATUS_COLUMNS 17

static void
put_worker(ReturnSetInfo *result, const WorkerSlot *slot)
{
	char		waiting_for[WAITING_TEXT_SIZE];
	Datum		values[STATUS_COLUMNS];
	bool		nulls[STATUS_COLUMNS];
	char		name[NAMEDATALEN];
	int			i = 0;

	memset(values, 0, sizeof(values));
	memset(nulls, 0, sizeof(nulls));
	worker_slot_name(slot, name, sizeof(name));
	values[i++] = CStringGetTextDatum(name);
	values[i++] = CStringGetTextDatum(worker_state_name(slot->state));
	if (!lock_wait_text(slot->pid, waiting_for))
		worker_waiting_text(slot, GetCurrentTimestamp(), waiting_for);
	column_text(&values[i], &nulls[i], waiting_for);
	i++;
	nulls[i] = slot->pid == 0 || slot->lag < 0;
	values[i++] = Int64GetDatum(slot->lag);
	nulls[i] = slot->pid == 0 || slot->rate < 0;
	values[i++] = Float8GetDatum(rint(slot->rate * 10) / 10);
	column_time_left(&values[i], &nulls[i], slot->pid == 0 ? 0 : slot->lag, slot->rate);
	i++;
	values[i++] = Int64GetDatum(slot->messages);
	values[i++] = Int64GetDatum(slot->rows);
	values[i++] = Int64GetDatum(slot->errors);
	values[i++] = Int64GetDatum(slot->restarts);
	nulls[i] = slot->pid == 0;
	values[i++] = Int32GetDatum(slot->pid);
	column_time(&values[i], &nulls[i], slot->since);
	i++;
	column_time(&values[i], &nulls[i], slot->last_activity);
	i++;
	nulls[i] = slot->pid == 0;
	values[i++] = Float8GetDatum(slot->cpu_time / 1e6);
	nulls[i] = slot->pid == 0 || slot->memory == 0;
	values[i++] = Int64GetDatum(slot->memory);
	column_time(&values[i], &nulls[i], slot->last_error_at);
	i++;
	column_text(&values[i], &nulls[i], slot->last_error);
	i++;
	Assert(i == STATUS_COLUMNS);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
vnstream_status(PG_FUNCTION_ARGS)
{
	WorkerSlot	slots[1 + DATABASE_WORKERS];
	DatabaseEntry *entry;
	int			count = 0;
	int			i;

	shared_state_require();
	InitMaterializedSRF(fcinfo, 0);

	LWLockAcquire(shared_state->lock, LW_SHARED);
	slots[count++] = shared_state->launcher;
	entry = shared_entry_find(MyDatabaseId);
	for (i = 0; entry != NULL && i < DATABASE_WORKERS; i++)
	{
		const WorkerSlot *slot = &entry->workers[i];

		/* the first of each role always, other consumers when they matter */
		if (i <= 1 || slot->pid != 0 || shared_slot_is_wanted(entry, slot))
			slots[count++] = *slot;
	}
	LWLockRelease(shared_state->lock);

	if (slots[0].pid == 0 && RecoveryInProgress())
		strlcpy(slots[0].waiting_for, "promotion: this server is a standby",
				sizeof(slots[0].waiting_for));
	if (entry == NULL)
	{
		/* never started: say so in the same form */
		memset(&slots[count], 0, sizeof(WorkerSlot) * 2);
		slots[count++].role = ROLE_PRODUCER;
		slots[count].role = ROLE_CONSUMER;
		slots[count++].number = 1;
	}
	for (i = 0; i < count; i++)
		put_worker((ReturnSetInfo *) fcinfo->resultinfo, &slots[i]);
	return (Datum) 0;
}

Datum
vnstream_version(PG_FUNCTION_ARGS)
{
	TupleDesc	descriptor;
	StoreCatalog catalog;
	Datum		values[6];
	bool		nulls[6];

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	memset(nulls, 0, sizeof(nulls));
	nulls[0] = !store_catalog_find(&catalog);
	if (!nulls[0])
		values[0] = CStringGetTextDatum(catalog.version);
	values[1] = CStringGetTextDatum(VNSTREAM_VERSION);
	values[2] = CStringGetTextDatum(rd_kafka_version_str());
	values[3] = CStringGetTextDatum(curl_version_info(CURLVERSION_NOW)->version);
	values[4] = CStringGetTextDatum(cJSON_Version());
	values[5] = CStringGetTextDatum(GetConfigOption("server_version", false, false));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
