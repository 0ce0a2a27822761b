/*-------------------------------------------------------------------------
 *
 * lock_wait.c
 *	  Does a process wait for a lock, and whose?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/wait_event.h"

#include "lock_wait.h"

/* Most processes that are named. */
#define HOLDERS_NAMED 3

bool
lock_wait_text(int pid, char *text)
{
	PGPROC	   *process = pid != 0 ? BackendPidGetProc(pid) : NULL;
	ArrayType  *array;
	int32	   *holders;
	int			count;
	int			length;
	int			i;

	/* the class is in the highest byte */
	if (process == NULL || (process->wait_event_info & 0xFF000000) != PG_WAIT_LOCK)
		return false;
	array = DatumGetArrayTypeP(DirectFunctionCall1(pg_blocking_pids, Int32GetDatum(pid)));
	count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	/* it has been granted in between */
	if (count == 0)
		return false;
	holders = (int32 *) ARR_DATA_PTR(array);
	if (holders[0] == 0)
	{
		strlcpy(text, "a lock that a prepared transaction holds", LOCK_WAIT_TEXT_SIZE);
		return true;
	}
	length = snprintf(text, LOCK_WAIT_TEXT_SIZE, "a lock that process%s ",
					  count > 1 ? "es" : "");
	for (i = 0; i < count && i < HOLDERS_NAMED; i++)
		length += snprintf(text + length, LOCK_WAIT_TEXT_SIZE - length, "%s%d",
						   i > 0 ? ", " : "", holders[i]);
	snprintf(text + length, LOCK_WAIT_TEXT_SIZE - length, "%s hold%s",
			 count > HOLDERS_NAMED ? " and others" : "", count > 1 ? "" : "s");
	return true;
}
