/*-------------------------------------------------------------------------
 *
 * event_log.c
 *	  What happened lately.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "event_log.h"

/* How far back in a list, and in time, the same sentence is looked for. */
#define REPEAT_DEPTH 8
#define REPEAT_MS 300000

/* The same sentence is written to the server's log once in this time. */
#define REPEAT_LOG_MS 60000

#define TRANCHE_NAME "vnstock_stream_log"

typedef struct EventList
{
	int			count;
	Event		events[EVENT_LIST_SIZE];	/* by last, the oldest first */
} EventList;

typedef struct DatabaseLog
{
	Oid			database;
	EventList	lists[EVENT_LISTS];
} DatabaseLog;

typedef struct EventLog
{
	LWLockPadded *locks;		/* of databases, then of the server's list */
	EventList	server;
	DatabaseLog databases[FLEXIBLE_ARRAY_MEMBER];
} EventLog;

static EventLog *event_log = NULL;

static Size
event_log_size(void)
{
	return add_size(offsetof(EventLog, databases),
					mul_size(config_max_databases, sizeof(DatabaseLog)));
}

void
event_log_request(void)
{
	RequestAddinShmemSpace(event_log_size());
	RequestNamedLWLockTranche(TRANCHE_NAME, config_max_databases + 1);
}

void
event_log_start(void)
{
	bool		found;

	event_log = ShmemInitStruct("vnstock_stream event log", event_log_size(), &found);
	if (found)
		return;
	memset(event_log, 0, event_log_size());
	event_log->locks = GetNamedLWLockTranche(TRANCHE_NAME);
}

/*
 * The list and its lock, held.  NULL, and nothing held, where the database has
 * no entry any more.
 */
static EventList *
lock_list(Oid database, int list, LWLockMode mode, LWLock **lock)
{
	DatabaseEntry *entry;
	int			index = config_max_databases;

	if (OidIsValid(database))
	{
		LWLockAcquire(shared_state->lock, LW_SHARED);
		entry = shared_entry_find(database);
		if (entry != NULL)
			index = (int) (entry - shared_state->entries);
		LWLockRelease(shared_state->lock);
		if (entry == NULL)
			return NULL;
	}

	*lock = &event_log->locks[index].lock;
	LWLockAcquire(*lock, mode);
	if (!OidIsValid(database))
		return &event_log->server;
	/* the entry may have changed hands in between */
	if (event_log->databases[index].database == database)
		return &event_log->databases[index].lists[list];
	LWLockRelease(*lock);
	return NULL;
}

void
event_log_assign(const DatabaseEntry *entry, Oid database)
{
	int			index = (int) (entry - shared_state->entries);
	LWLock	   *lock = &event_log->locks[index].lock;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	memset(&event_log->databases[index], 0, sizeof(DatabaseLog));
	event_log->databases[index].database = database;
	LWLockRelease(lock);
}

/*
 * What another database wrote, or a launcher without one, may be in another
 * encoding.
 */
static void
make_valid(char *text)
{
	char	   *c;

	if (pg_verifymbstr(text, strlen(text), true))
		return;
	for (c = text; *c != '\0'; c++)
		if (IS_HIGHBIT_SET(*c))
			*c = '?';
}

void
one_line(char *to, size_t size, const char *from)
{
	int			length = (int) strlen(from);
	int			i;

	/* of an invalid last character, the answer may be more than is there */
	length = Min(pg_mbcliplen(from, length, (int) size - 1), length);
	for (i = 0; i < length; i++)
		to[i] = iscntrl((unsigned char) from[i]) ? ' ' : from[i];
	to[length] = '\0';
	make_valid(to);
}

/*
 * Do two texts say the same, but for their numbers?  Of texts that were cut, as
 * far as both go.
 */
static bool
say_the_same(const char *a, const char *b)
{
	const char *end_a = a + EVENT_TEXT_SIZE - MAX_MULTIBYTE_CHAR_LEN;
	const char *end_b = b + EVENT_TEXT_SIZE - MAX_MULTIBYTE_CHAR_LEN;

	for (;;)
	{
		if (isdigit((unsigned char) *a) && isdigit((unsigned char) *b))
		{
			while (isdigit((unsigned char) *a))
				a++;
			while (isdigit((unsigned char) *b))
				b++;
			continue;
		}
		if (*a == '\0' || *b == '\0')
			return *a == *b || (*a == '\0' && a >= end_a) || (*b == '\0' && b >= end_b);
		if (*a++ != *b++)
			return false;
	}
}

static int
find_repeated(const EventList *list, EventLevel level, int sqlstate, const char *text,
			  TimestampTz now)
{
	int			i;

	for (i = list->count - 1; i >= 0 && i >= list->count - REPEAT_DEPTH; i--)
	{
		const Event *event = &list->events[i];

		if (event->level == level && event->sqlstate == sqlstate &&
			!TimestampDifferenceExceeds(event->last, now, REPEAT_MS) &&
			(level == EVENT_INFO ? strcmp(event->text, text) == 0 :
			 say_the_same(event->text, text)))
			return i;
	}
	return -1;
}

static void
take_out(EventList *list, int index)
{
	list->count--;
	memmove(&list->events[index], &list->events[index + 1],
			sizeof(Event) * (list->count - index));
}

/*
 * Which one a full list can best do without.
 */
static int
find_dispensable(const EventList *list)
{
	int			first = -1;
	int			ordinary = 0;
	int			i;

	for (i = 0; i < list->count; i++)
	{
		if (list->events[i].level != EVENT_INFO)
			continue;
		if (ordinary++ == 0)
			first = i;
	}
	return ordinary > EVENT_LIST_SIZE / 2 ? first : 0;
}

int
event_log_add(Oid database, int list_index, EventLevel level, int sqlstate,
			  const char *text)
{
	TimestampTz now = GetCurrentTimestamp();
	Event		event = {0};
	EventList  *list;
	LWLock	   *lock;
	int			found;
	int			answer = 0;

	one_line(event.text, sizeof(event.text), text);
	list = lock_list(database, list_index, LW_EXCLUSIVE, &lock);
	if (list == NULL)
		return 0;

	found = find_repeated(list, level, sqlstate, event.text, now);
	if (found >= 0)
	{
		const Event *earlier = &list->events[found];

		event.first = earlier->first;
		event.repeated = earlier->repeated + 1;
		event.logged = earlier->logged;
		event.unlogged = earlier->unlogged + 1;
		if (clock_passed(event.logged, now, REPEAT_LOG_MS))
			answer = event.unlogged;
		else
			answer = -1;
		take_out(list, found);
	}
	else
		event.first = now;
	if (answer >= 0)
	{
		event.logged = now;
		event.unlogged = 0;
	}
	event.last = now;
	event.level = level;
	event.sqlstate = sqlstate;

	if (list->count == EVENT_LIST_SIZE)
		take_out(list, find_dispensable(list));
	list->events[list->count++] = event;
	LWLockRelease(lock);
	return answer;
}

int
event_log_read(Oid database, int list_index, Event *events)
{
	EventList  *list;
	LWLock	   *lock;
	int			count;
	int			i;

	list = lock_list(database, list_index, LW_SHARED, &lock);
	if (list == NULL)
		return 0;
	count = list->count;
	memcpy(events, list->events, sizeof(Event) * count);
	LWLockRelease(lock);

	for (i = 0; i < count; i++)
		make_valid(events[i].text);
	return count;
}

const char *
event_level_name(EventLevel level)
{
	switch (level)
	{
		case EVENT_INFO:
			return "info";
		case EVENT_WARNING:
			return "warning";
		case EVENT_ERROR:
			return "error";
	}
	return "?";
}
