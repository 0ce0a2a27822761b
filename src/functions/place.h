/*-------------------------------------------------------------------------
 *
 * place.h
 *	  Places in a topic as people write them.
 *
 * Main thread of a session, inside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_FUNCTIONS_PLACE_H
#define VNSTREAM_FUNCTIONS_PLACE_H

#include "postgres.h"

#include "broker/peek.h"

typedef enum PlaceKind
{
	PLACE_BEGINNING,			/* 'beginning' */
	PLACE_END,					/* 'end' */
	PLACE_OFFSET,				/* '100' */
	PLACE_PARTITION_OFFSET,		/* '0:100' */
	PLACE_TIME					/* what timestamptz takes and is none of these */
} PlaceKind;

typedef struct Place
{
	PlaceKind	kind;
	int32		partition;
	int64		offset;
	int64		time;			/* ms since 1970 UTC, rounded up as messages
								 * not older are meant */
} Place;

/* False where the text is no place. */
extern bool place_parse(const char *text, Place *place);

/*
 * Raises what is wrong with an answer, with a hint; returns where nothing is.
 */
extern void place_check_answer(const char *topic, const PeekAnswer *answer);

/* The partition of an answer; raises where the topic does not have it. */
extern const PeekPartition *place_partition(const char *topic,
											const PeekAnswer *answer,
											int32 partition);

#endif							/* VNSTREAM_FUNCTIONS_PLACE_H */
