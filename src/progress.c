/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  How far long work has come.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "progress.h"
#include "shared_state.h"

/* Under shared_state->lock but for done, which only its process writes. */
typedef struct ProgressSlot
{
	int			pid;			/* 0: free */
	Oid			database;
	char		what[PROGRESS_TEXT_SIZE];
	TimestampTz started;
	pg_atomic_uint64 done;
	int64		total;
} ProgressSlot;

static ProgressSlot *slots = NULL;

static ProgressSlot *own_slot = NULL;

/* Where it was begun; invalid: outside of a transaction. */
static SubTransactionId begun_in = InvalidSubTransactionId;

void
progress_request(void)
{
	RequestAddinShmemSpace(PROGRESS_SLOTS * sizeof(ProgressSlot));
}

void
progress_start(void)
{
	bool		found;
	int			i;

	slots = ShmemInitStruct("vnstock_stream progress", PROGRESS_SLOTS * sizeof(ProgressSlot), &found);
	if (found)
		return;
	memset(slots, 0, PROGRESS_SLOTS * sizeof(ProgressSlot));
	for (i = 0; i < PROGRESS_SLOTS; i++)
		pg_atomic_init_u64(&slots[i].done, 0);
}

static void
at_process_end(int code, Datum argument)
{
	progress_end();
}

static void
at_transaction_end(XactEvent event, void *argument)
{
	if (own_slot == NULL || begun_in == InvalidSubTransactionId)
		return;
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT)
		progress_end();
	else if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		begun_in = TopSubTransactionId;
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subtransaction,
					  SubTransactionId parent, void *argument)
{
	if (own_slot == NULL || begun_in != subtransaction)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		progress_end();
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
		begun_in = parent;
}

static void
install_callbacks(void)
{
	static bool is_installed = false;

	if (is_installed)
		return;
	is_installed = true;
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	before_shmem_exit(at_process_end, 0);
}

void
progress_begin(const char *what, int64 total)
{
	int			i;

	if (slots == NULL)
		return;
	install_callbacks();
	progress_end();

	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	for (i = 0; i < PROGRESS_SLOTS && own_slot == NULL; i++)
	{
		if (slots[i].pid != 0)
			continue;
		own_slot = &slots[i];
		own_slot->pid = MyProcPid;
		own_slot->database = MyDatabaseId;
		strlcpy(own_slot->what, what, PROGRESS_TEXT_SIZE);
		own_slot->started = GetCurrentTimestamp();
		own_slot->total = total;
		pg_atomic_write_u64(&own_slot->done, 0);
	}
	LWLockRelease(shared_state->lock);
	begun_in = IsTransactionState() ? GetCurrentSubTransactionId() : InvalidSubTransactionId;
}

void
progress_add(int64 done)
{
	if (own_slot != NULL)
		pg_atomic_fetch_add_u64(&own_slot->done, done);
}

void
progress_end(void)
{
	if (own_slot == NULL)
		return;
	LWLockAcquire(shared_state->lock, LW_EXCLUSIVE);
	own_slot->pid = 0;
	LWLockRelease(shared_state->lock);
	own_slot = NULL;
}

int
progress_read(Oid database, ProgressRow *rows)
{
	int			count = 0;
	int			i;

	LWLockAcquire(shared_state->lock, LW_SHARED);
	for (i = 0; i < PROGRESS_SLOTS; i++)
	{
		ProgressSlot *slot = &slots[i];
		ProgressRow *row = &rows[count];

		if (slot->pid == 0 || slot->database != database)
			continue;
		row->pid = slot->pid;
		row->database = slot->database;
		strlcpy(row->what, slot->what, PROGRESS_TEXT_SIZE);
		row->started = slot->started;
		row->done = (int64) pg_atomic_read_u64(&slot->done);
		row->total = slot->total;
		count++;
	}
	LWLockRelease(shared_state->lock);
	return count;
}
