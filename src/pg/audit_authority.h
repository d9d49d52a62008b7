/* Entries of the retention, which say of others that they were pruned or erased. */
#ifndef RIG_AUDIT_AUTHORITY_H
#define RIG_AUDIT_AUTHORITY_H

#include "audit.h"

/* Places of a chain whose entries may be missing. */
typedef struct RigAuditRange
{
	bool		is_redacted;	/* else pruned */
	int32		chain;
	int64		first;
	int64		last;
	int64		entry_id;		/* of the entry that says so */
} RigAuditRange;

typedef struct RigAuditAuthorities
{
	RigAuditRange *ranges;		/* those of entries that were pruned first */
	int			count;
	int			room;
	int			last;			/* the one that was found last */
} RigAuditAuthorities;

/*
 * Reads the entries of the retention that are intact: linked as they are, by the node's log. In the current memory
 * context; SPI must be connected.
 */
extern void rig_audit_authorities(RigAuditAuthorities *authorities, const RigAuditNode *node, const RigHasher *hasher);

/* What allows the entry of a place to be missing; NULL when nothing does. */
extern const RigAuditRange *rig_audit_authority(RigAuditAuthorities *authorities, int32 chain, int64 seq,
												int64 entry_id);

#endif
