/*
 * The audit log as the backend writes it: an entry when something happens, its link in the chain
 * when the transaction commits. See docs/audit.md for what the log proves and what it cannot.
 */
#ifndef RIG_AUDIT_H
#define RIG_AUDIT_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "nodes/bitmapset.h"
#include "utils/relcache.h"

#include "audit_entry.h"
#include "audit_hash.h"

/* The chain of everything that belongs to no machine; the others are machines.id. */
#define RIG_AUDIT_ADMINISTRATION 0

/* What a TimestampTz lacks to be microseconds since 1970, which entries count in. */
#define RIG_AUDIT_EPOCH_US ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

typedef struct RigAuditNode
{
	uint8		log_id[16];
	int32		epoch;
} RigAuditNode;

/* An entry that will be linked when its transaction commits. */
typedef struct RigAuditPending
{
	int64		id;
	int32		chain;
	SubTransactionId subtransaction;
	uint8		leaf[32];
} RigAuditPending;

/* Registers the callbacks of transactions; once, when the library is loaded. */
extern void rig_audit_register(void);

/* The log of this database; false when it was not set up, or was restored and not adopted. */
extern bool rig_audit_node(RigAuditNode *node);

/* The same, or an error when there is none. */
extern void rig_audit_require_node(RigAuditNode *node);

/* Links in the tree, in the snapshot of the caller. SPI must be connected. */
extern uint64 rig_audit_tree_size(void);

/* The 32 bytes of a hash; an error when it is null or has another length. */
extern void rig_audit_copy_hash(uint8 *hash, Datum value);

/*
 * Writes an entry on a chain. The caller has set the kind, what it is about and the images; who
 * and when are set here. False, and nothing is written, when there is no node.
 */
extern bool rig_audit_append(RigAuditEntry *entry, int32 chain);

/* Links what the current transaction has written; to be called when nothing more will be. */
extern void rig_audit_link_pending(void);

/* Entries of the current transaction, in the order in which they were written. */
extern RigAuditPending *rig_audit_pending(int *count);

/* A chain of the log in an epoch, as its hashes name it. */
extern RigAuditChain rig_audit_chain(const RigAuditNode *node, int32 epoch, int32 chain);

/* A hash as bytea, in the current memory context. */
extern Datum rig_audit_hash_datum(const uint8 *hash);

/* Texts of an entry. */
extern RigAuditText rig_audit_text(const char *text);

/*
 * The row as texts that do not depend on the settings of the session; only its columns in the
 * set, NULL = all. Columns named in redacted show only that their value changed. In the current memory context.
 */
extern RigAuditImage rig_audit_image(HeapTuple row, TupleDesc columns, const Bitmapset *only, int redacted_count,
									 const char *const *redacted);

/* SHA-256 of the server's own library; the second for many hashes, to be ended in the same query. */
extern RigHasher rig_audit_hasher(void);
extern RigHasher rig_audit_hasher_begin(void);
extern void rig_audit_hasher_end(RigHasher *hasher);

/* SHA-256 of more than there is memory for, part by part; to be ended in the same query. */
struct pg_cryptohash_ctx;
extern struct pg_cryptohash_ctx *rig_audit_stream_begin(void);
extern void rig_audit_stream_add(struct pg_cryptohash_ctx *hash, const void *bytes, size_t size);
extern void rig_audit_stream_end(struct pg_cryptohash_ctx *hash, uint8 *digest);

/* Whether a statement that changes the log is one of the retention, which has said so in an entry. */
struct TriggerData;
extern bool rig_audit_may_erase(const struct TriggerData *data);

/*
 * Runs what follows as the owner of the audit tables, until rig_audit_end_owner() or an error. His policy lets him see
 * all rows, but does not count where row_security is off, as in the sessions of pg_restore: it is on meanwhile.
 */
typedef struct RigAuditOwner
{
	Oid			user;
	int			context;
	int			row_security_level;
} RigAuditOwner;

extern void rig_audit_begin_owner(RigAuditOwner *saved);
extern void rig_audit_end_owner(const RigAuditOwner *saved);

#endif
