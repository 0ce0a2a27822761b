/*-------------------------------------------------------------------------
 *
 * audit_offsets.h
 *	  The deep audit: which offsets should be rows and are not.
 *
 * A segment's offsets that are neither rows nor letters are as many as its
 * duplicates, gaps and purged letters.  Where they are more, some are missing, and
 * Kafka is asked what each of them is: a message whose quote has a row is a
 * duplicate, no message at all a gap.  Rows of months that were dropped are known
 * by their offsets.
 *
 * Main thread of a session, as store/audit.h wants it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_FUNCTIONS_AUDIT_OFFSETS_H
#define VNSTREAM_FUNCTIONS_AUDIT_OFFSETS_H

#include "functions/audit_kafka.h"

typedef struct MissingOffsets
{
	int64		count;
	Datum		offsets;		/* int8multirange of those that are known */
} MissingOffsets;

/* missing has room for count, one a segment; palloc'd. */
extern void audit_offsets(const StoreCatalog *catalog, AuditKafka *kafka,
						  const AuditSegment *segments, int count,
						  MissingOffsets *missing);

/* Ranges as text, such as "{[3,4),[7,9)}", to an int8multirange. */
extern Datum offsets_datum(const char *text);

#endif							/* VNSTREAM_FUNCTIONS_AUDIT_OFFSETS_H */
