/*
 * The text of a checkpoint (C2SP tlog-checkpoint) over the tree of the audit log. Its first three lines are
 * those of every transparency log; the others bind what this log has beside its tree.
 */
#ifndef RIG_CHECKPOINT_NOTE_H
#define RIG_CHECKPOINT_NOTE_H

#include "buffer.h"

#define RIG_CHECKPOINT_HASH_BYTES 32
#define RIG_CHECKPOINT_LOG_ID_SIZE 37	/* a UUID as text */

typedef struct RigCheckpoint
{
	char		log_id[RIG_CHECKPOINT_LOG_ID_SIZE]; /* in lower case */
	uint64_t	size;			/* links in the tree */
	uint8_t		root[RIG_CHECKPOINT_HASH_BYTES];
	uint32_t	epoch;
	uint8_t		previous_head[RIG_CHECKPOINT_HASH_BYTES];	/* last head of the epoch before, or zeros */
	uint8_t		chains[RIG_CHECKPOINT_HASH_BYTES];	/* over the heads of all chains */
	uint8_t		guard[RIG_CHECKPOINT_HASH_BYTES];	/* over what protects the log in the database */
	int64_t		time;			/* microseconds since 1970, UTC */
} RigCheckpoint;

/* Appends the text to sign; false when the log id is not a UUID or the time is before 1970. */
extern bool rig_checkpoint_format(const RigCheckpoint *checkpoint, RigBuffer *text);

/* Reads such a text; false when it is not exactly what rig_checkpoint_format writes. */
extern bool rig_checkpoint_parse(RigCheckpoint *checkpoint, const char *text, size_t length);

#endif
