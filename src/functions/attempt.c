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

ErrorData *
attempt_catching(void (*work) (void *argument), void *argument,
				 bool (*is_caught) (const ErrorData *error))
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile caught = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work(argument);
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
		if (!is_caught(error))
			ReThrowError(error);
		caught = error;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return caught;
}

typedef struct Attempt
{
	Datum		(*work) (void *argument);
	void	   *argument;
	Datum	   *result;
} Attempt;

static void
run_attempt(void *argument)
{
	Attempt    *run = argument;

	*run->result = run->work(run->argument);
}

bool
attempt(Datum (*work) (void *argument), void *argument, Datum *result)
{
	Attempt		run = {work, argument, result};
	ErrorData  *error = attempt_catching(run_attempt, &run, is_about_data);

	if (error == NULL)
		return true;
	FreeErrorData(error);
	return false;
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
