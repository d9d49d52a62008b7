#include "merkle_tree.h"

#include <string.h>

/* Leaves begin .. end - 1; what stands to the left of them is a power of two of at least their size. */
typedef struct Span
{
	uint64_t	begin;
	uint64_t	end;
} Span;

/* What every step of making a proof needs. */
typedef struct Walk
{
	const RigMerkleNodes *nodes;
	const RigHasher *hasher;
	RigMerklePath *path;
} Walk;

void
rig_merkle_leaf(const RigHasher *hasher, const void *content, size_t size, uint8_t hash[RIG_DIGEST_SIZE])
{
	static const uint8_t prefix = 0x00;
	RigBytes	parts[] = {{&prefix, 1}, {content, size}};

	hasher->sha256(hasher->context, parts, 2, hash);
}

void
rig_merkle_node(const RigHasher *hasher, const uint8_t left[RIG_DIGEST_SIZE], const uint8_t right[RIG_DIGEST_SIZE],
				uint8_t hash[RIG_DIGEST_SIZE])
{
	static const uint8_t prefix = 0x01;
	RigBytes	parts[] = {{&prefix, 1}, {left, RIG_DIGEST_SIZE}, {right, RIG_DIGEST_SIZE}};

	hasher->sha256(hasher->context, parts, 3, hash);
}

static void
hash_nothing(const RigHasher *hasher, uint8_t hash[RIG_DIGEST_SIZE])
{
	hasher->sha256(hasher->context, NULL, 0, hash);
}

static bool
is_same_hash(const uint8_t *left, const uint8_t *right)
{
	return memcmp(left, right, RIG_DIGEST_SIZE) == 0;
}

/* --- The range: a counter in binary, whose carries are the nodes that become complete --- */

void
rig_merkle_range_init(RigMerkleRange *range)
{
	memset(range, 0, sizeof(*range));
}

int32_t
rig_merkle_range_count(uint64_t size)
{
	int32_t		count = 0;

	for (; size != 0; size &= size - 1)
		count++;
	return count;
}

RigStatus
rig_merkle_range_load(RigMerkleRange *range, uint64_t size, const uint8_t *hashes, size_t bytes)
{
	rig_merkle_range_init(range);
	if (bytes != (size_t) rig_merkle_range_count(size) * RIG_DIGEST_SIZE)
		return RIG_INVALID_ARGUMENT;
	range->size = size;
	if (bytes > 0)
		memcpy(range->hashes, hashes, bytes);
	return RIG_OK;
}

void
rig_merkle_range_append(RigMerkleRange *range, const RigHasher *hasher, const uint8_t leaf[RIG_DIGEST_SIZE],
						const RigMerkleSink *sink)
{
	int32_t		count = rig_merkle_range_count(range->size);
	uint64_t	index = range->size;
	uint8_t		hash[RIG_DIGEST_SIZE];

	memcpy(hash, leaf, RIG_DIGEST_SIZE);
	for (int32_t level = 0;; level++, index >>= 1)
	{
		if (sink != NULL)
			sink->put(sink->context, level, index, hash);
		if ((index & 1) == 0)
			break;
		rig_merkle_node(hasher, range->hashes[--count], hash, hash);
	}
	memcpy(range->hashes[count], hash, RIG_DIGEST_SIZE);
	range->size++;
}

void
rig_merkle_range_root(const RigMerkleRange *range, const RigHasher *hasher, uint8_t root[RIG_DIGEST_SIZE])
{
	int32_t		count = rig_merkle_range_count(range->size);

	if (count == 0)
	{
		hash_nothing(hasher, root);
		return;
	}
	memcpy(root, range->hashes[--count], RIG_DIGEST_SIZE);
	while (count > 0)
		rig_merkle_node(hasher, range->hashes[--count], root, root);
}

/* --- Proofs --- */

bool
rig_merkle_leaves_get(void *context, int32_t level, uint64_t index, uint8_t hash[RIG_DIGEST_SIZE])
{
	const RigMerkleLeaves *leaves = context;

	if (level > 0 || index >= leaves->count)
		return false;
	memcpy(hash, leaves->hashes + index * RIG_DIGEST_SIZE, RIG_DIGEST_SIZE);
	return true;
}

/* Where the left part of at least two leaves ends: it is the largest power of two that leaves some. */
static uint64_t
split_span(Span span)
{
	uint64_t	most = span.end - span.begin - 1;

	while ((most & (most - 1)) != 0)
		most &= most - 1;
	return span.begin + most;
}

/* Level of the node that stands over just these leaves, -1 when there is none. */
static int32_t
level_of(Span span)
{
	uint64_t	size = span.end - span.begin;
	int32_t		level = 0;

	if ((size & (size - 1)) != 0)
		return -1;
	for (; size > 1; size >>= 1)
		level++;
	return level;
}

static RigStatus
hash_span(const Walk *walk, Span span, uint8_t hash[RIG_DIGEST_SIZE])
{
	int32_t		level = level_of(span);
	uint8_t		right[RIG_DIGEST_SIZE];
	uint64_t	middle;
	RigStatus	status;

	if (level >= 0 && walk->nodes->get(walk->nodes->context, level, span.begin >> level, hash))
		return RIG_OK;
	if (level == 0)
		return RIG_INVALID_ARGUMENT;
	middle = split_span(span);
	status = hash_span(walk, (Span) {span.begin, middle}, hash);
	if (status == RIG_OK)
		status = hash_span(walk, (Span) {middle, span.end}, right);
	if (status == RIG_OK)
		rig_merkle_node(walk->hasher, hash, right, hash);
	return status;
}

static RigStatus
add_span(const Walk *walk, Span span)
{
	RigStatus	status = hash_span(walk, span, walk->path->hashes[walk->path->count]);

	if (status == RIG_OK)
		walk->path->count++;
	return status;
}

/* PATH of the RFC: the way down to the leaf, and on the way up the part that was not taken. */
static RigStatus
add_inclusion(const Walk *walk, Span span, uint64_t index)
{
	uint64_t	middle;
	Span		left;
	Span		right;
	RigStatus	status;

	if (span.end - span.begin == 1)
		return RIG_OK;
	middle = split_span(span);
	left = (Span) {span.begin, middle};
	right = (Span) {middle, span.end};
	status = add_inclusion(walk, index < middle ? left : right, index);
	return status == RIG_OK ? add_span(walk, index < middle ? right : left) : status;
}

/* SUBPROOF of the RFC; the verifier knows the span from the first leaf to the old end, and no other. */
static RigStatus
add_consistency(const Walk *walk, Span span, uint64_t old_end)
{
	uint64_t	middle;
	Span		left;
	Span		right;
	RigStatus	status;

	if (span.end == old_end)
		return span.begin == 0 ? RIG_OK : add_span(walk, span);
	middle = split_span(span);
	left = (Span) {span.begin, middle};
	right = (Span) {middle, span.end};
	status = add_consistency(walk, old_end <= middle ? left : right, old_end);
	return status == RIG_OK ? add_span(walk, old_end <= middle ? right : left) : status;
}

RigStatus
rig_merkle_root(const RigMerkleNodes *nodes, const RigHasher *hasher, uint64_t size, uint8_t root[RIG_DIGEST_SIZE])
{
	Walk		walk = {nodes, hasher, NULL};

	if (size > 0)
		return hash_span(&walk, (Span) {0, size}, root);
	hash_nothing(hasher, root);
	return RIG_OK;
}

RigStatus
rig_merkle_inclusion(const RigMerkleNodes *nodes, const RigHasher *hasher, uint64_t index, uint64_t size,
					 RigMerklePath *path)
{
	Walk		walk = {nodes, hasher, path};

	path->count = 0;
	if (index >= size)
		return RIG_INVALID_ARGUMENT;
	return add_inclusion(&walk, (Span) {0, size}, index);
}

RigStatus
rig_merkle_consistency(const RigMerkleNodes *nodes, const RigHasher *hasher, uint64_t old_size, uint64_t size,
					   RigMerklePath *path)
{
	Walk		walk = {nodes, hasher, path};

	path->count = 0;
	if (old_size > size)
		return RIG_INVALID_ARGUMENT;
	if (old_size == 0)
		return RIG_OK;
	return add_consistency(&walk, (Span) {0, size}, old_size);
}

/* --- Verification, as RFC 9162 has it in 2.1.3.2 and 2.1.4.2 --- */

static bool
is_path(const RigMerklePath *path)
{
	return path->count >= 0 && path->count <= RIG_MERKLE_MAX_PATH;
}

/*
 * Folds the path from first on into hash, which begins as the node at index of a row whose last node
 * is last; and into old_hash, unless it is NULL, what stands to its left. False when the path is not
 * as long as the way up.
 */
static bool
fold_path(const RigHasher *hasher, uint64_t index, uint64_t last, const RigMerklePath *path, int32_t first,
		  uint8_t *hash, uint8_t *old_hash)
{
	for (int32_t i = first; i < path->count; i++, index >>= 1, last >>= 1)
	{
		if (last == 0)
			return false;
		if ((index & 1) == 0 && index != last)
		{
			rig_merkle_node(hasher, hash, path->hashes[i], hash);
			continue;
		}
		rig_merkle_node(hasher, path->hashes[i], hash, hash);
		if (old_hash != NULL)
			rig_merkle_node(hasher, path->hashes[i], old_hash, old_hash);

		/* A lone node at the right edge is handed up as it is, to where it has one on its left. */
		for (; (index & 1) == 0 && index != 0; index >>= 1)
			last >>= 1;
	}
	return last == 0;
}

bool
rig_merkle_verify_inclusion(const RigHasher *hasher, const uint8_t leaf[RIG_DIGEST_SIZE], uint64_t index,
							uint64_t size, const RigMerklePath *path, const uint8_t root[RIG_DIGEST_SIZE])
{
	uint8_t		hash[RIG_DIGEST_SIZE];

	if (index >= size || !is_path(path))
		return false;
	memcpy(hash, leaf, RIG_DIGEST_SIZE);
	return fold_path(hasher, index, size - 1, path, 0, hash, NULL) && is_same_hash(hash, root);
}

/* For 0 < old_size < size: from the last node that both trees have in common up to both roots. */
static bool
verify_growth(const RigHasher *hasher, uint64_t old_size, uint64_t size, const uint8_t *old_root,
			  const uint8_t *root, const RigMerklePath *path)
{
	uint64_t	index = old_size - 1;
	uint64_t	last = size - 1;
	/* An old tree that is one full node is not sent: the verifier has its root. */
	bool		sent = (old_size & (old_size - 1)) != 0;
	uint8_t		old_hash[RIG_DIGEST_SIZE];
	uint8_t		hash[RIG_DIGEST_SIZE];

	if (path->count == 0)
		return false;
	for (; (index & 1) != 0; index >>= 1)
		last >>= 1;
	memcpy(old_hash, sent ? path->hashes[0] : old_root, RIG_DIGEST_SIZE);
	memcpy(hash, old_hash, RIG_DIGEST_SIZE);
	return fold_path(hasher, index, last, path, sent ? 1 : 0, hash, old_hash)
		&& is_same_hash(old_hash, old_root) && is_same_hash(hash, root);
}

bool
rig_merkle_verify_consistency(const RigHasher *hasher, uint64_t old_size, uint64_t size,
							  const uint8_t old_root[RIG_DIGEST_SIZE], const uint8_t root[RIG_DIGEST_SIZE],
							  const RigMerklePath *path)
{
	uint8_t		empty[RIG_DIGEST_SIZE];

	if (old_size > size || !is_path(path))
		return false;
	if (old_size == size)
		return path->count == 0 && is_same_hash(old_root, root);
	if (old_size > 0)
		return verify_growth(hasher, old_size, size, old_root, root, path);
	hash_nothing(hasher, empty);
	return path->count == 0 && is_same_hash(old_root, empty);
}
