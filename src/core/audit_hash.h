/*
 * The hashes of the audit log. Each kind of input begins with a byte of its own, so that no entry
 * passes for a link, a beginning or a node of the tree; numbers are big-endian:
 *
 *   leaf     SHA-256(00, payload)
 *   link     SHA-256(02, log id, u32 epoch, u32 chain, u64 seq, 32 bytes prev, 32 bytes leaf)
 *   genesis  SHA-256(03, log id, u32 epoch, u32 chain, i32 length and bytes of the label, 32 bytes head)
 *
 * genesis stands for prev in the first link of a chain in an epoch; head is the last link that the
 * chain had before, or zeros. seq counts from 1 and goes on over epochs.
 */
#ifndef RIG_AUDIT_HASH_H
#define RIG_AUDIT_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "audit_entry.h"

#define RIG_DIGEST_SIZE 32

typedef struct RigBytes
{
	const void *bytes;
	size_t		size;
} RigBytes;

/*
 * SHA-256 over parts one after the other, from the caller's library. It may leave by a jump: what
 * calls it holds nothing. A part may be empty, digest may be one of the parts.
 */
typedef struct RigHasher
{
	void		(*sha256) (void *context, const RigBytes *parts, int count, uint8_t digest[RIG_DIGEST_SIZE]);
	void	   *context;
} RigHasher;

/* A chain of a log in one epoch. */
typedef struct RigAuditChain
{
	uint8_t		log_id[RIG_AUDIT_LOG_ID];
	uint32_t	epoch;
	uint32_t	chain;
} RigAuditChain;

/* Hash of an entry by its encoding. */
extern void rig_audit_leaf(const RigHasher *hasher, const uint8_t *payload, size_t size,
						   uint8_t leaf[RIG_DIGEST_SIZE]);

/* Hash that ties a leaf to its place and to the link before it. */
extern void rig_audit_link(const RigHasher *hasher, const RigAuditChain *chain, uint64_t seq,
						   const uint8_t prev[RIG_DIGEST_SIZE], const uint8_t leaf[RIG_DIGEST_SIZE],
						   uint8_t link[RIG_DIGEST_SIZE]);

/* What the first link of a chain in an epoch has for prev; head NULL = no link before. */
extern void rig_audit_genesis(const RigHasher *hasher, const RigAuditChain *chain, RigAuditText label,
							  const uint8_t *head, uint8_t prev[RIG_DIGEST_SIZE]);

#endif
