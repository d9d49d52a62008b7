/*
 * Signs checkpoints of the audit log: one thread with its own connection that asks the database for the
 * next checkpoint, checks that it continues the one signed last, signs it, and publishes the note in a
 * file and in the database. What it does not understand it does not sign.
 */
#ifndef RIG_SIGNER_H
#define RIG_SIGNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum RigSignerCondition
{
	RIG_SIGNER_OFF,				/* there is no key */
	RIG_SIGNER_STARTING,
	RIG_SIGNER_SIGNING,
	RIG_SIGNER_AWAY,			/* the database does not answer as it should */
	RIG_SIGNER_REFUSING,		/* it proposes what must not be signed */
	RIG_SIGNER_FAILING			/* a file cannot be written */
} RigSignerCondition;

typedef struct RigSignerStatus
{
	RigSignerCondition condition;
	bool		anchored;		/* whether this process has published a checkpoint, which is the one below */
	uint64_t	size;
	int64_t		time_us;		/* since 1970 */
} RigSignerStatus;

/* Takes the key of the settings, if there is one; false with the reason in error when the start is to be refused. */
extern bool rig_signer_open(char *error, size_t error_size);

/* Without a key there is no thread. */
extern bool rig_signer_start(void);

extern RigSignerStatus rig_signer_status(void);

extern void rig_signer_stop(void);

#endif
