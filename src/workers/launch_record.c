/*-------------------------------------------------------------------------
 *
 * launch_record.c
 *	  How often workers have failed, kept across a crash of the server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/stat.h>
#include <unistd.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "workers/launch_record.h"
#include "workers/loop.h"

/* Where other extensions, too, keep what is not the database's. */
#define RECORD_FILE PGSTAT_STAT_PERMANENT_DIRECTORY "/vnstock_stream.launches"
#define RECORD_HEADER "vnstock_stream launches 1"

/* Of the first line, with the data directory's device and number. */
#define HEADER_SIZE 128

/* No server has more workers than this; what has is no file of ours. */
#define RECORDS_MAX (64 * DATABASE_WORKERS)

/* Failures beyond this make no difference any more. */
#define FAILURES_MAX 1000000

typedef struct LaunchRecord
{
	Oid			database;
	int			worker;			/* index of its slot */
	int			failures;
	bool		was_running;
} LaunchRecord;

static LaunchRecord records[RECORDS_MAX];
static int	record_count;

/* What the file has; NULL: not known. */
static char *written = NULL;

static bool
parse_line(const char *line, LaunchRecord *record)
{
	char		state[8];
	int			length = 0;

	if (sscanf(line, "%u %d %d %7[a-z]\n%n", &record->database, &record->worker,
			   &record->failures, state, &length) != 4 ||
		length == 0 || line[length] != '\0')
		return false;
	record->was_running = strcmp(state, "running") == 0;
	return OidIsValid(record->database) &&
		record->worker >= 0 && record->worker < DATABASE_WORKERS &&
		record->failures >= 0 && record->failures <= FAILURES_MAX &&
		(record->was_running || strcmp(state, "waiting") == 0);
}

/*
 * A base backup carries the file along, and its server has crashed nowhere: so
 * the first line tells one data directory from another.
 */
static void
make_header(char *header)
{
	struct stat directory;

	if (stat(DataDir, &directory) != 0)
		memset(&directory, 0, sizeof(directory));
	snprintf(header, HEADER_SIZE, RECORD_HEADER " %llu %llu\n",
			 (unsigned long long) directory.st_dev, (unsigned long long) directory.st_ino);
}

static bool
read_lines(FILE *file)
{
	char		header[HEADER_SIZE];
	char		line[HEADER_SIZE];

	make_header(header);
	if (fgets(line, sizeof(line), file) == NULL || strcmp(line, header) != 0)
		return false;
	while (fgets(line, sizeof(line), file) != NULL)
	{
		if (record_count == RECORDS_MAX || !parse_line(line, &records[record_count]))
			return false;
		record_count++;
	}
	return ferror(file) == 0;
}

void
launch_record_read(void)
{
	FILE	   *file = AllocateFile(RECORD_FILE, PG_BINARY_R);

	record_count = 0;
	if (file == NULL)
	{
		if (errno != ENOENT)
			ereport(LOG,
					(errcode_for_file_access(),
					 errmsg("could not read file \"%s\": %m", RECORD_FILE),
					 errdetail("Workers start without a rest after a crash.")));
		return;
	}
	if (!read_lines(file))
	{
		record_count = 0;
		ereport(LOG,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("file \"%s\" is not what vnstock_stream has written in this data directory, and is ignored",
						RECORD_FILE),
				 errdetail("Workers start without a rest after a crash.")));
	}
	FreeFile(file);
}

static bool
take_record(Oid database, int worker, LaunchRecord *record)
{
	for (int i = 0; i < record_count; i++)
	{
		*record = records[i];
		if (record->database != database || record->worker != worker)
			continue;
		records[i] = records[--record_count];
		return true;
	}
	return false;
}

void
launch_record_recall(DatabaseEntry *entry, int worker, TimestampTz now)
{
	WorkerSlot *slot = &entry->workers[worker];
	LaunchRecord record;

	if (slot->launched_at != 0 || !take_record(entry->database, worker, &record))
		return;
	slot->failures = record.failures;
	if (record.was_running)
	{
		slot->failures++;
		slot->errors++;
		slot->last_error_at = now;
		snprintf(slot->last_error, sizeof(slot->last_error),
				 "the server restarted after a crash within %d s of this worker's start; see the server log",
				 WORKER_HEALTHY_MS / 1000);
	}
	if (slot->failures > 0)
		worker_rest(slot, now);
}

/*
 * Is this worker one whose failures must not be forgotten?  Caller holds the lock.
 */
static bool
is_to_record(const WorkerSlot *slot, TimestampTz now, bool *is_running)
{
	*is_running = slot->pid != 0 || slot->state == WORKER_STARTING;
	if (*is_running)
		return !TimestampDifferenceExceeds(slot->launched_at, now, WORKER_HEALTHY_MS);
	return slot->failures > 0;
}

static char *
describe(TimestampTz now)
{
	StringInfoData text;
	char		header[HEADER_SIZE];

	make_header(header);
	initStringInfo(&text);
	appendStringInfoString(&text, header);

	/* of databases that this shared memory has not heard of yet */
	for (int i = 0; i < record_count; i++)
		appendStringInfo(&text, "%u %d %d %s\n", records[i].database, records[i].worker,
						 records[i].failures, records[i].was_running ? "running" : "waiting");
	LWLockAcquire(shared_state->lock, LW_SHARED);
	for (int i = 0; i < shared_state->entry_count; i++)
	{
		const DatabaseEntry *entry = &shared_state->entries[i];

		for (int j = 0; OidIsValid(entry->database) && j < DATABASE_WORKERS; j++)
		{
			bool		is_running;

			if (is_to_record(&entry->workers[j], now, &is_running))
				appendStringInfo(&text, "%u %d %d %s\n", entry->database, j,
								 Min(entry->workers[j].failures, FAILURES_MAX),
								 is_running ? "running" : "waiting");
		}
	}
	LWLockRelease(shared_state->lock);
	return text.data;
}

static bool
write_file(const char *text)
{
	FILE	   *file = AllocateFile(RECORD_FILE ".tmp", PG_BINARY_W);
	bool		is_good;

	if (file == NULL)
		return false;
	is_good = fputs(text, file) >= 0;
	is_good = FreeFile(file) == 0 && is_good;
	return is_good && rename(RECORD_FILE ".tmp", RECORD_FILE) == 0;
}

void
launch_record_write(TimestampTz now)
{
	static bool is_told = false;
	char	   *text = describe(now);

	if (written != NULL && strcmp(written, text) == 0)
	{
		pfree(text);
		return;
	}
	if (written != NULL)
		pfree(written);
	written = NULL;
	if (write_file(text))
	{
		written = MemoryContextStrdup(TopMemoryContext, text);
		is_told = false;
	}
	else if (!is_told)
	{
		/* a disk that is full makes nobody wait */
		is_told = true;
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", RECORD_FILE),
				 errdetail("Workers start without a rest after a crash.")));
	}
	pfree(text);
}

void
launch_record_remove(void)
{
	(void) unlink(RECORD_FILE);
}
