/*
 * Position and counters of the partitions of a Kafka source, which only the worker with the
 * current generation may move.
 */
#ifndef RIG_KAFKA_POSITIONS_H
#define RIG_KAFKA_POSITIONS_H

typedef struct RigPosition
{
	int32		partition;
	int64		next_offset;	/* of the first message that is not stored */
	int32		messages;		/* since the fence */
	int32		readings;		/* messages that stored or completed one */
	int32		duplicates;
	int32		rejected;
	int32		skipped;
} RigPosition;

/*
 * Locks the positions of these partitions, which must ascend, and reads them; an error for a
 * worker whose lease has passed on.
 */
extern void rig_positions_fence(RigPosition *positions, int32 count, int32 source_id, int64 generation);

/* Moves positions that are locked, never back, and adds to their counters. */
extern void rig_positions_advance(const RigPosition *positions, int32 count, int32 source_id);

/* Name of a source; palloc'd. */
extern char *rig_positions_source(int32 source_id);

#endif
