/*-------------------------------------------------------------------------
 *
 * attempt.c
 *	  What may fail for the sake of the data given to it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "functions/attempt.h"

typedef struct Input
{
	PGFunction	function;
	const char *text;
} Input;

static bool
is_about_data(const ErrorData *error)
{
	int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_PROGRAM_LIMIT_EXCEEDED;
}

bool
attempt(Datum (*work) (void *argument), void *argument, Datum *result)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool succeeded = true;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		*result = work(argument);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (!is_about_data(error))
			ReThrowError(error);
		FreeErrorData(error);
		succeeded = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return succeeded;
}

static Datum
call_input(void *argument)
{
	Input	   *input = argument;

	return DirectFunctionCall3(input->function, CStringGetDatum(input->text),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

bool
attempt_input(PGFunction function, const char *text, Datum *result)
{
	Input		input = {function, text};

	return attempt(call_input, &input, result);
}
