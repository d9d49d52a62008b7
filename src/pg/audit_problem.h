/* Rows of audit_verify(). */
#ifndef RIG_AUDIT_PROBLEM_H
#define RIG_AUDIT_PROBLEM_H

#include "nodes/execnodes.h"

/* Where a problem is; what is 0 is not told, the chain unless there is a seq or an entry. */
typedef struct RigAuditPlace
{
	int32		chain;
	int64		seq;
	int64		entry_id;
} RigAuditPlace;

/* Adds a row; expected and found may be NULL. */
extern void rig_audit_report(ReturnSetInfo *result, const char *problem, const RigAuditPlace *place,
							 const char *expected, const char *found);

/* 32 bytes as hexadecimal digits. */
extern char *rig_audit_hex(const uint8 *hash);

/*
 * Compares the tree with a signed note: CHECKPOINT_SIG when the note is of another log, CHECKPOINT_AHEAD when
 * the log is shorter than it was, TREE_ROOT when its links are others than they were, or leaves have none.
 * Signatures are not checked, which needs a library that this one does not use. SPI must be connected.
 */
extern void rig_audit_verify_checkpoint(ReturnSetInfo *result, const char *note);

#endif
