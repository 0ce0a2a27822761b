/*-------------------------------------------------------------------------
 *
 * latest.c
 *	  The newest quote of each ticker, in shared memory.
 *
 * A map is a header, an index and the slots.  The index is a hash table with
 * linear probing, at most half full, of slot numbers; slots are given out one
 * after the other, so memory that no ticker needs is never touched.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "port/pg_bitutils.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "config.h"
#include "latest.h"
#include "shared_state.h"

#define TRANCHE_NAME "vnstock_stream latest"

typedef struct LatestSlot
{
	Quote		quote;			/* its ticker is always there */
	bool		has_quote;
	bool		is_stored;
	bool		is_inexact;		/* the newest row is not this quote to the letter */
	int			marks;			/* transactions about to commit a quote of it */
} LatestSlot;

typedef struct LatestMap
{
	Oid			database;		/* InvalidOid: nobody's */
	Oid			extension;		/* what it was last warmed for */
	uint64		life;			/* counts databases that have had it */
	uint64		table_state;	/* of the table that it was last warmed from */
	uint64		doubts;			/* counts what a warming must not overlook */
	bool		is_warm;
	bool		is_full;		/* some ticker has found no slot */
	int			marks;			/* transactions with more than they could mark */
	int			slotless;		/* tickers to be committed that have no slot */
	int			slot_count;
	TimestampTz warmed_at;
	double		warming_ms;
	pg_atomic_uint32 wants_warming; /* set by readers, with the lock shared */
} LatestMap;

/* max_databases of each; slots and index of map i begin at i times their number. */
static LatestMap *maps = NULL;
static int32 *indexes;			/* slot + 1; 0: none */
static LatestSlot *slots;
static LWLockPadded *locks;

/* Where this database's map was last found. */
static int	own_map = 0;

static int
index_size(void)
{
	return (int) pg_nextpower2_32(config_max_symbols * 2);
}

static Size
maps_size(void)
{
	return MAXALIGN(mul_size(config_max_databases, sizeof(LatestMap)));
}

static Size
indexes_size(void)
{
	return MAXALIGN(mul_size(config_max_databases, mul_size(index_size(), sizeof(int32))));
}

static Size
latest_size(void)
{
	return add_size(add_size(maps_size(), indexes_size()),
					mul_size(config_max_databases,
							 mul_size(config_max_symbols, sizeof(LatestSlot))));
}

void
latest_request(void)
{
	RequestAddinShmemSpace(latest_size());
	RequestNamedLWLockTranche(TRANCHE_NAME, config_max_databases);
}

void
latest_start(void)
{
	bool		found;
	char	   *memory = ShmemInitStruct("vnstock_stream latest quotes", latest_size(), &found);

	maps = (LatestMap *) memory;
	indexes = (int32 *) (memory + maps_size());
	slots = (LatestSlot *) (memory + maps_size() + indexes_size());
	locks = GetNamedLWLockTranche(TRANCHE_NAME);
	if (found)
		return;
	memset(maps, 0, maps_size());
	memset(indexes, 0, indexes_size());
	for (int i = 0; i < config_max_databases; i++)
		pg_atomic_init_u32(&maps[i].wants_warming, 0);
}

/* This database's map, locked; NULL, and no lock, where there is none. */
static LatestMap *
lock_map(LWLockMode mode)
{
	if (maps == NULL)
		return NULL;
	for (int i = 0; i < config_max_databases; i++)
	{
		int			candidate = (own_map + i) % config_max_databases;

		/* without the lock a hint only */
		if (maps[candidate].database != MyDatabaseId)
			continue;
		LWLockAcquire(&locks[candidate].lock, mode);
		if (maps[candidate].database == MyDatabaseId)
		{
			own_map = candidate;
			return &maps[candidate];
		}
		LWLockRelease(&locks[candidate].lock);
	}
	return NULL;
}

static void
unlock_map(void)
{
	LWLockRelease(&locks[own_map].lock);
}

static LatestSlot *
slot_of(const LatestMap *map, int number)
{
	return &slots[(map - maps) * (Size) config_max_symbols + number];
}

/* The number of the ticker's slot; -1 where it has none. */
static int
find_slot(LatestMap *map, const char *ticker, bool or_make)
{
	int32	   *index = &indexes[(map - maps) * (Size) index_size()];
	uint32		mask = index_size() - 1;
	uint32		place = hash_bytes((const unsigned char *) ticker, strlen(ticker)) & mask;
	LatestSlot *slot;

	while (index[place] != 0)
	{
		if (strcmp(slot_of(map, index[place] - 1)->quote.ticker, ticker) == 0)
			return index[place] - 1;
		place = (place + 1) & mask;
	}
	if (!or_make)
		return -1;
	if (map->slot_count == config_max_symbols)
	{
		map->is_full = true;
		return -1;
	}
	slot = slot_of(map, map->slot_count);
	memset(slot, 0, sizeof(*slot));
	strlcpy(slot->quote.ticker, ticker, sizeof(slot->quote.ticker));
	index[place] = ++map->slot_count;
	return map->slot_count - 1;
}

static void
forget_slots(LatestMap *map)
{
	memset(&indexes[(map - maps) * (Size) index_size()], 0, index_size() * sizeof(int32));
	map->slot_count = 0;
	map->is_full = false;
}

static void
give_map(int number, Oid database)
{
	LatestMap  *map = &maps[number];

	forget_slots(map);
	map->database = database;
	map->extension = InvalidOid;
	map->life++;
	map->doubts++;
	map->is_warm = false;
	map->marks = 0;
	map->slotless = 0;
	map->table_state = 0;
	map->warmed_at = 0;
	map->warming_ms = 0;
	pg_atomic_write_u32(&map->wants_warming, 1);
}

/* What the table has is not all here, whatever a warming under way has read. */
static void
make_cold(LatestMap *map)
{
	map->is_warm = false;
	map->doubts++;
	pg_atomic_write_u32(&map->wants_warming, 1);
}

void
latest_claim(void)
{
	DatabaseEntry *entry;
	int			number = -1;

	if (maps == NULL)
		return;

	/* A database has the map of its entry, and so no two have the same. */
	LWLockAcquire(shared_state->lock, LW_SHARED);
	entry = shared_entry_find(MyDatabaseId);
	if (entry != NULL)
		number = (int) (entry - shared_state->entries);
	LWLockRelease(shared_state->lock);

	for (int i = 0; i < config_max_databases && number >= 0; i++)
	{
		LWLockAcquire(&locks[i].lock, LW_EXCLUSIVE);
		if (i == number && maps[i].database != MyDatabaseId)
			give_map(i, MyDatabaseId);
		else if (i != number && maps[i].database == MyDatabaseId)
			give_map(i, InvalidOid);
		LWLockRelease(&locks[i].lock);
		own_map = number;
	}
}

void
latest_forget(void)
{
	LatestMap  *map = lock_map(LW_EXCLUSIVE);

	if (map == NULL)
		return;
	give_map(own_map, InvalidOid);
	unlock_map();
}

void
latest_put(const Quote *quote)
{
	LatestMap  *map = lock_map(LW_EXCLUSIVE);
	int			number;

	if (map == NULL)
		return;
	number = find_slot(map, quote->ticker, true);
	if (number >= 0)
	{
		LatestSlot *slot = slot_of(map, number);

		if (!slot->has_quote || slot->quote.time < quote->time)
		{
			slot->quote = *quote;
			slot->has_quote = true;
			slot->is_stored = false;
		}
	}
	unlock_map();
}

/* A committed row: of two of one moment it is the truth. */
static void
put_stored(LatestSlot *slot, const Quote *quote, bool is_exact)
{
	if (slot->has_quote && slot->quote.time > quote->time)
		return;
	slot->quote = *quote;
	slot->has_quote = true;
	slot->is_stored = true;
	slot->is_inexact = !is_exact;
}

void
latest_mark(LatestChange *changes, int count, bool has_more, LatestTicket *ticket)
{
	LatestMap  *map = lock_map(LW_EXCLUSIVE);

	ticket->map = -1;
	if (map == NULL)
	{
		latest_claim();
		map = lock_map(LW_EXCLUSIVE);
		if (map == NULL)
			return;
	}
	ticket->map = own_map;
	ticket->life = map->life;
	for (int i = 0; i < count; i++)
	{
		changes[i].slot = find_slot(map, changes[i].quote.ticker, true);
		if (changes[i].slot >= 0)
			slot_of(map, changes[i].slot)->marks++;
		else
			map->slotless++;
	}
	if (has_more)
		map->marks++;
	unlock_map();
}

/* The marked map, locked, where it still is this database's; else NULL. */
static LatestMap *
lock_marked(const LatestTicket *ticket)
{
	LatestMap  *map;

	if (ticket->map < 0)
		return NULL;
	map = &maps[ticket->map];
	LWLockAcquire(&locks[ticket->map].lock, LW_EXCLUSIVE);
	if (map->life == ticket->life)
		return map;
	LWLockRelease(&locks[ticket->map].lock);
	return NULL;
}

static void
end_marks(const LatestChange *changes, int count, bool has_more,
		  const LatestTicket *ticket, bool is_committed)
{
	LatestMap  *map = lock_marked(ticket);

	if (map == NULL)
	{
		/* the map came, or came anew, after the marking */
		map = is_committed ? lock_map(LW_EXCLUSIVE) : NULL;
		if (map == NULL)
			return;
		make_cold(map);
		unlock_map();
		return;
	}
	for (int i = 0; i < count; i++)
	{
		LatestSlot *slot;

		if (changes[i].slot < 0)
		{
			map->slotless--;
			continue;
		}
		slot = slot_of(map, changes[i].slot);
		slot->marks--;
		if (!is_committed)
			continue;
		put_stored(slot, &changes[i].quote, true);

		/*
		 * A table that took the place of the other since it was warmed, or one
		 * whose rows may be others than the quotes.
		 */
		if (changes[i].table_state != map->table_state)
			make_cold(map);
	}
	if (has_more)
	{
		map->marks--;
		if (is_committed)
			make_cold(map);
	}
	LWLockRelease(&locks[ticket->map].lock);
}

void
latest_apply(const LatestChange *changes, int count, bool has_more,
			 const LatestTicket *ticket)
{
	end_marks(changes, count, has_more, ticket, true);
}

void
latest_unmark(const LatestChange *changes, int count, bool has_more,
			  const LatestTicket *ticket)
{
	end_marks(changes, count, has_more, ticket, false);
}

/* Between latest_warm_begin() and latest_warm_end(). */
static LatestTicket warming;
static uint64 warming_doubts;

void
latest_warm_begin(Oid extension, uint64 table_state)
{
	LatestMap  *map = lock_map(LW_EXCLUSIVE);
	bool		is_another;
	bool		is_needed;

	warming.map = -1;
	if (map == NULL)
		return;

	/*
	 * What is not stored stays, unless its outbox is gone with the extension that
	 * it was of.  Slots stay where transactions have marked some, or would have
	 * marked more than there are: a ticker that got one now would not be marked.
	 */
	is_needed = map->slotless > 0;
	is_another = OidIsValid(map->extension) && map->extension != extension;
	for (int i = 0; i < map->slot_count; i++)
	{
		LatestSlot *slot = slot_of(map, i);

		if (slot->is_stored || is_another)
			slot->has_quote = slot->is_stored = slot->is_inexact = false;
		is_needed = is_needed || slot->has_quote || slot->marks > 0;
	}
	if (!is_needed)
		forget_slots(map);
	map->is_warm = false;
	map->is_full = map->slot_count == config_max_symbols;
	map->extension = extension;
	map->table_state = table_state;
	pg_atomic_write_u32(&map->wants_warming, 0);
	warming.map = own_map;
	warming.life = map->life;
	warming_doubts = map->doubts;
	unlock_map();
}

void
latest_warm_add(const Quote *quote, bool is_exact)
{
	LatestMap  *map = lock_marked(&warming);
	int			number;

	if (map == NULL)
		return;
	number = find_slot(map, quote->ticker, true);
	if (number >= 0)
		put_stored(slot_of(map, number), quote, is_exact);
	LWLockRelease(&locks[warming.map].lock);
}

bool
latest_warm_end(bool has_more, double ms)
{
	LatestMap  *map = lock_marked(&warming);
	bool		is_good;

	if (map == NULL)
		return false;
	is_good = map->doubts == warming_doubts;
	map->is_warm = is_good && map->table_state != 0;
	map->is_full = map->is_full || has_more;
	map->warmed_at = GetCurrentTimestamp();
	map->warming_ms = ms;
	LWLockRelease(&locks[warming.map].lock);
	return is_good;
}

bool
latest_wants_warming(void)
{
	return maps != NULL && maps[own_map].database == MyDatabaseId &&
		pg_atomic_read_u32(&maps[own_map].wants_warming) != 0;
}

static void
fill_entry(const LatestSlot *slot, bool is_trusted, LatestEntry *entry)
{
	entry->quote = slot->quote;
	entry->has_quote = slot->has_quote && (is_trusted || !slot->is_stored);
	entry->is_stored = slot->is_stored;
	entry->must_read_table = slot->marks > 0 ||
		(slot->has_quote && slot->is_stored && slot->is_inexact);
}

/* May what the map has be all of what the reader's table has? */
static bool
fits_table(LatestMap *map, uint64 table_state)
{
	if (map->table_state != table_state)
	{
		pg_atomic_write_u32(&map->wants_warming, 1);
		return false;
	}
	return map->is_warm && map->marks == 0;
}

bool
latest_read(const char *ticker, uint64 table_state, LatestEntry *entry)
{
	LatestMap  *map = lock_map(LW_SHARED);
	bool		is_trusted;
	bool		is_all;
	int			number;

	entry->has_quote = false;
	entry->must_read_table = true;
	if (map == NULL)
		return false;
	is_all = is_trusted = fits_table(map, table_state);
	number = find_slot(map, ticker, false);
	if (number >= 0)
	{
		fill_entry(slot_of(map, number), is_trusted, entry);
		is_all = is_all && !entry->must_read_table;
	}
	else
		is_all = is_all && !map->is_full;
	unlock_map();
	return is_all;
}

bool
latest_read_all(uint64 table_state, LatestEntry **entries, int *count)
{
	LatestMap  *map;
	int			room = 0;
	bool		is_trusted;
	bool		is_all;

	*entries = NULL;
	*count = 0;

	/* No memory is asked for under the lock, so it may have become too little. */
	for (;;)
	{
		map = lock_map(LW_SHARED);
		if (map == NULL)
			return false;
		if (map->slot_count <= room)
			break;
		room = map->slot_count + 64;
		unlock_map();
		if (*entries != NULL)
			pfree(*entries);
		*entries = MemoryContextAllocHuge(CurrentMemoryContext, room * sizeof(LatestEntry));
	}
	is_trusted = fits_table(map, table_state);
	is_all = is_trusted && !map->is_full;
	for (int i = 0; i < map->slot_count; i++)
		fill_entry(slot_of(map, i), is_trusted, &(*entries)[(*count)++]);
	unlock_map();
	return is_all;
}

void
latest_figures(LatestFigures *figures)
{
	LatestMap  *map = lock_map(LW_SHARED);

	memset(figures, 0, sizeof(*figures));
	if (map == NULL)
		return;
	figures->is_warm = map->is_warm;
	figures->is_full = map->is_full;
	figures->warmed_at = map->warmed_at;
	figures->warming_ms = map->warming_ms;
	figures->is_kept = map->table_state != 0;
	for (int i = 0; i < map->slot_count; i++)
	{
		const LatestSlot *slot = slot_of(map, i);

		figures->tickers += slot->has_quote;
		figures->unstored += slot->has_quote && !slot->is_stored;
	}
	unlock_map();
}
