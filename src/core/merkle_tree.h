/*
 * The Merkle tree of RFC 6962 (and RFC 9162) over leaf hashes: roots, proofs that a leaf is in a
 * tree and that a tree continues an older one, and their verification.
 *
 *   leaf SHA-256(00, content), node SHA-256(01, left, right), the empty tree SHA-256()
 *
 * A node is addressed as (level, index): it stands over the leaves from index << level on, 1 <<
 * level of them, all of which exist. Such nodes never change as the tree grows.
 */
#ifndef RIG_MERKLE_TREE_H
#define RIG_MERKLE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit_hash.h"
#include "status.h"

#define RIG_MERKLE_MAX_SUBTREES 64
#define RIG_MERKLE_MAX_PATH 65

/*
 * Where nodes come from. get may know some levels only, down to the leaves alone: a node above
 * level 0 for which it returns false is made of its two halves. It may leave by a jump.
 */
typedef struct RigMerkleNodes
{
	bool		(*get) (void *context, int32_t level, uint64_t index, uint8_t hash[RIG_DIGEST_SIZE]);
	void	   *context;
} RigMerkleNodes;

/* Where complete nodes go as leaves are appended, the leaves among them. */
typedef struct RigMerkleSink
{
	void		(*put) (void *context, int32_t level, uint64_t index, const uint8_t hash[RIG_DIGEST_SIZE]);
	void	   *context;
} RigMerkleSink;

/* Leaf hashes in memory, as the context of rig_merkle_leaves_get. */
typedef struct RigMerkleLeaves
{
	const uint8_t *hashes;		/* RIG_DIGEST_SIZE bytes each */
	uint64_t	count;
} RigMerkleLeaves;

/*
 * All that must be kept of a tree to append to it. Its stored form is size and the bytes of the
 * first rig_merkle_range_count(size) hashes.
 */
typedef struct RigMerkleRange
{
	uint64_t	size;			/* leaves so far */
	uint8_t		hashes[RIG_MERKLE_MAX_SUBTREES][RIG_DIGEST_SIZE];	/* of its full subtrees, the largest first */
} RigMerkleRange;

/* A proof, lowest hash first. */
typedef struct RigMerklePath
{
	int32_t		count;
	uint8_t		hashes[RIG_MERKLE_MAX_PATH][RIG_DIGEST_SIZE];
} RigMerklePath;

extern void rig_merkle_leaf(const RigHasher *hasher, const void *content, size_t size, uint8_t hash[RIG_DIGEST_SIZE]);

extern void rig_merkle_node(const RigHasher *hasher, const uint8_t left[RIG_DIGEST_SIZE],
							const uint8_t right[RIG_DIGEST_SIZE], uint8_t hash[RIG_DIGEST_SIZE]);

/* The empty tree. */
extern void rig_merkle_range_init(RigMerkleRange *range);

/* Full subtrees of a tree of this size: one for every bit that is set. */
extern int32_t rig_merkle_range_count(uint64_t size);

/* Takes the stored form; RIG_INVALID_ARGUMENT when bytes is not what size asks for. */
extern RigStatus rig_merkle_range_load(RigMerkleRange *range, uint64_t size, const uint8_t *hashes, size_t bytes);

/* Adds a leaf by its hash and tells sink, unless it is NULL, of every node that becomes complete. */
extern void rig_merkle_range_append(RigMerkleRange *range, const RigHasher *hasher,
									const uint8_t leaf[RIG_DIGEST_SIZE], const RigMerkleSink *sink);

extern void rig_merkle_range_root(const RigMerkleRange *range, const RigHasher *hasher,
								  uint8_t root[RIG_DIGEST_SIZE]);

/* RigMerkleNodes.get for a context of RigMerkleLeaves. */
extern bool rig_merkle_leaves_get(void *context, int32_t level, uint64_t index, uint8_t hash[RIG_DIGEST_SIZE]);

/* Root over the first size leaves; RIG_INVALID_ARGUMENT, here and below, when a leaf is missing. */
extern RigStatus rig_merkle_root(const RigMerkleNodes *nodes, const RigHasher *hasher, uint64_t size,
								 uint8_t root[RIG_DIGEST_SIZE]);

/* Proof that leaf index is in the tree of size leaves; RIG_INVALID_ARGUMENT also unless index < size. */
extern RigStatus rig_merkle_inclusion(const RigMerkleNodes *nodes, const RigHasher *hasher, uint64_t index,
									  uint64_t size, RigMerklePath *path);

/* Proof that the tree of size leaves continues that of old_size; empty from 0 and from the same size. */
extern RigStatus rig_merkle_consistency(const RigMerkleNodes *nodes, const RigHasher *hasher, uint64_t old_size,
										uint64_t size, RigMerklePath *path);

/* Whether the proof leads from the leaf to the root. */
extern bool rig_merkle_verify_inclusion(const RigHasher *hasher, const uint8_t leaf[RIG_DIGEST_SIZE], uint64_t index,
										uint64_t size, const RigMerklePath *path,
										const uint8_t root[RIG_DIGEST_SIZE]);

/* Whether the proof leads from the old root to the new one. */
extern bool rig_merkle_verify_consistency(const RigHasher *hasher, uint64_t old_size, uint64_t size,
										  const uint8_t old_root[RIG_DIGEST_SIZE],
										  const uint8_t root[RIG_DIGEST_SIZE], const RigMerklePath *path);

#endif
