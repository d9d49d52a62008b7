#include <string.h>

#include "../ref/audit_reference.h"
#include "hex.h"
#include "merkle_tree.h"
#include "sha256.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MANY 64					/* leaves of the trees that are compared with the naive ones */
#define TILE 3					/* levels of a store that keeps every third one */

typedef struct Digest
{
	uint8_t		bytes[RIG_DIGEST_SIZE];
} Digest;

/* Nodes as a database keeps them, by level and index. */
typedef struct Store
{
	Digest		nodes[8][MANY];
	uint64_t	counts[8];		/* nodes of each level that are there */
	int32_t		step;			/* levels that are given out: its multiples */
	bool		gapless;
} Store;

static uint8_t leaves[MANY * RIG_DIGEST_SIZE];
static Digest roots[MANY + 1];
static const RigHasher *const hasher = &sha256_hasher;

static RigMerkleNodes
nodes_of_leaves(RigMerkleLeaves *memory, uint64_t count)
{
	*memory = (RigMerkleLeaves) {leaves, count};
	return (RigMerkleNodes) {rig_merkle_leaves_get, memory};
}

/* --- RFC 6962, section 2.1, word by word ------------------------------------------ */

static uint64_t
naive_split(uint64_t count)
{
	uint64_t	k = 1;

	while (2 * k < count)
		k *= 2;
	return k;
}

static Digest
naive_root(const uint8_t *first, uint64_t count)
{
	uint64_t	k = naive_split(count);
	Digest		root;
	Digest		left;
	Digest		right;

	if (count == 0)
		hasher->sha256(hasher->context, NULL, 0, root.bytes);
	if (count == 1)
		memcpy(root.bytes, first, RIG_DIGEST_SIZE);
	if (count <= 1)
		return root;
	left = naive_root(first, k);
	right = naive_root(first + k * RIG_DIGEST_SIZE, count - k);
	rig_merkle_node(hasher, left.bytes, right.bytes, root.bytes);
	return root;
}

static void
add_naive(RigMerklePath *path, const uint8_t *first, uint64_t count)
{
	Digest		root = naive_root(first, count);

	memcpy(path->hashes[path->count++], root.bytes, RIG_DIGEST_SIZE);
}

static void
naive_inclusion(uint64_t m, const uint8_t *first, uint64_t count, RigMerklePath *path)
{
	uint64_t	k = naive_split(count);
	const uint8_t *middle = first + k * RIG_DIGEST_SIZE;

	if (count == 1)
		return;
	if (m < k)
	{
		naive_inclusion(m, first, k, path);
		add_naive(path, middle, count - k);
	}
	else
	{
		naive_inclusion(m - k, middle, count - k, path);
		add_naive(path, first, k);
	}
}

static void
naive_consistency(uint64_t m, const uint8_t *first, uint64_t count, bool whole, RigMerklePath *path)
{
	uint64_t	k = naive_split(count);
	const uint8_t *middle = first + k * RIG_DIGEST_SIZE;

	if (m == count)
	{
		if (!whole)
			add_naive(path, first, count);
	}
	else if (m <= k)
	{
		naive_consistency(m, first, k, whole, path);
		add_naive(path, middle, count - k);
	}
	else
	{
		naive_consistency(m - k, middle, count - k, false, path);
		add_naive(path, first, k);
	}
}

/* --- Comparison -------------------------------------------------------------------- */

static bool
is_same(const uint8_t *left, const uint8_t *right)
{
	return memcmp(left, right, RIG_DIGEST_SIZE) == 0;
}

static bool
is_same_path(const RigMerklePath *left, const RigMerklePath *right)
{
	return left->count == right->count
		&& memcmp(left->hashes, right->hashes, (size_t) left->count * RIG_DIGEST_SIZE) == 0;
}

static bool
is_hex(const uint8_t *hash, const char *digits)
{
	Digest		wanted;

	return strlen(digits) == 2 * RIG_DIGEST_SIZE && read_hex(digits, wanted.bytes) == RIG_DIGEST_SIZE
		&& is_same(hash, wanted.bytes);
}

static RigMerklePath
read_path(const char *digits)
{
	RigMerklePath path;

	path.count = (int32_t) (read_hex(digits, path.hashes[0]) / RIG_DIGEST_SIZE);
	return path;
}

/* The published trees of Certificate Transparency. */
static void
test_published(void)
{
	RigMerkleLeaves memory;
	RigMerkleNodes nodes = nodes_of_leaves(&memory, COUNT(reference_leaves));
	RigMerkleRange range;
	RigMerklePath path;
	Digest		root;
	bool		good = true;

	for (size_t i = 0; i < COUNT(reference_leaves); i++)
	{
		uint8_t		content[32];
		size_t		size = read_hex(reference_leaves[i], content);

		rig_merkle_leaf(hasher, content, size, leaves + i * RIG_DIGEST_SIZE);
	}
	rig_merkle_range_init(&range);
	for (size_t size = 0; size < COUNT(reference_roots); size++)
	{
		good = good && rig_merkle_root(&nodes, hasher, size, root.bytes) == RIG_OK;
		good = good && is_hex(root.bytes, reference_roots[size]);
		rig_merkle_range_root(&range, hasher, root.bytes);
		good = good && is_hex(root.bytes, reference_roots[size]);
		rig_merkle_range_append(&range, hasher, leaves + size % COUNT(reference_leaves) * RIG_DIGEST_SIZE, NULL);
	}
	tap_ok(good, "the published roots, from leaves and by appending");
	for (size_t i = 0; i < COUNT(reference_inclusion); i++)
	{
		const ReferenceProof *proof = &reference_inclusion[i];
		RigMerklePath wanted = read_path(proof->path);

		good = good && rig_merkle_inclusion(&nodes, hasher, proof->first, proof->size, &path) == RIG_OK
			&& is_same_path(&path, &wanted);
	}
	tap_ok(good, "the inclusion proofs over the published leaves");
	for (size_t i = 0; i < COUNT(reference_consistency); i++)
	{
		const ReferenceProof *proof = &reference_consistency[i];
		RigMerklePath wanted = read_path(proof->path);

		good = good && rig_merkle_consistency(&nodes, hasher, proof->first, proof->size, &path) == RIG_OK
			&& is_same_path(&path, &wanted);
	}
	tap_ok(good, "the consistency proofs over the published leaves");
}

/* The tree over the links of the reference log. */
static void
test_log(void)
{
	RigMerkleRange range;
	Digest		root;
	bool		good = true;

	rig_merkle_range_init(&range);
	for (size_t size = 0; size < COUNT(reference_log_roots); size++)
	{
		uint8_t		link[RIG_DIGEST_SIZE];
		Digest		leaf;

		rig_merkle_range_root(&range, hasher, root.bytes);
		good = good && is_hex(root.bytes, reference_log_roots[size]);
		if (size == COUNT(reference_links))
			break;
		read_hex(reference_links[size].link, link);
		rig_merkle_leaf(hasher, link, sizeof(link), leaf.bytes);
		rig_merkle_range_append(&range, hasher, leaf.bytes, NULL);
	}
	tap_ok(good && COUNT(reference_log_roots) == COUNT(reference_links) + 1, "the roots of the reference log");
}

static void
make_leaves(void)
{
	for (uint64_t i = 0; i < MANY; i++)
		rig_merkle_leaf(hasher, &(uint8_t) {(uint8_t) i}, 1, leaves + i * RIG_DIGEST_SIZE);
	for (uint64_t size = 0; size <= MANY; size++)
		roots[size] = naive_root(leaves, size);
}

static void
put_node(void *context, int32_t level, uint64_t index, const uint8_t hash[RIG_DIGEST_SIZE])
{
	Store	   *store = context;

	store->gapless = store->gapless && index == store->counts[level];
	store->counts[level] = index + 1;
	memcpy(store->nodes[level][index].bytes, hash, RIG_DIGEST_SIZE);
}

static bool
get_node(void *context, int32_t level, uint64_t index, uint8_t hash[RIG_DIGEST_SIZE])
{
	const Store *store = context;

	if (level % store->step != 0 || level >= 8 || index >= store->counts[level])
		return false;
	memcpy(hash, store->nodes[level][index].bytes, RIG_DIGEST_SIZE);
	return true;
}

/* Every size, stored and taken up again before each leaf. */
static void
test_range(Store *store)
{
	RigMerkleSink sink = {put_node, store};
	RigMerkleRange range;
	Digest		root;
	bool		good = true;

	*store = (Store) {.step = 1, .gapless = true};
	rig_merkle_range_init(&range);
	for (uint64_t size = 0; size <= MANY; size++)
	{
		Digest		stored[RIG_MERKLE_MAX_SUBTREES];
		size_t		bytes = (size_t) rig_merkle_range_count(size) * RIG_DIGEST_SIZE;

		rig_merkle_range_root(&range, hasher, root.bytes);
		good = good && range.size == size && is_same(root.bytes, roots[size].bytes);
		memcpy(stored, range.hashes, bytes);
		memset(&range, 0xff, sizeof(range));
		good = good && rig_merkle_range_load(&range, size, stored[0].bytes, bytes + 1) == RIG_INVALID_ARGUMENT
			&& (size == 0 || rig_merkle_range_load(&range, size, stored[0].bytes, bytes - 32) == RIG_INVALID_ARGUMENT)
			&& rig_merkle_range_load(&range, size, stored[0].bytes, bytes) == RIG_OK;
		if (size < MANY)
			rig_merkle_range_append(&range, hasher, leaves + size * RIG_DIGEST_SIZE, &sink);
	}
	tap_ok(good, "a range has the naive root at each of %d sizes, and is what is stored of it", MANY);
	for (int32_t level = 0; level < 7; level++)
	{
		for (uint64_t index = 0; index < (uint64_t) MANY >> level; index++)
		{
			root = naive_root(leaves + (index << level) * RIG_DIGEST_SIZE, UINT64_C(1) << level);
			good = good && is_same(store->nodes[level][index].bytes, root.bytes);
		}
		good = good && store->counts[level] == (uint64_t) MANY >> level;
	}
	tap_ok(good && store->gapless && store->counts[7] == 0, "every node is told once, in order, when it is complete");
	tap_ok(rig_merkle_range_count(0) == 0 && rig_merkle_range_count(UINT64_MAX) == 64
		   && rig_merkle_range_count(UINT64_C(1) << 63) == 1, "as many subtrees as bits");
}

/* All proofs up to a size, from nodes that come from somewhere. */
static void
test_proofs(const RigMerkleNodes *nodes, const char *where)
{
	RigMerklePath path;
	RigMerklePath wanted;
	Digest		root;
	bool		rooted = true;
	bool		included = true;
	bool		consistent = true;

	for (uint64_t size = 0; size <= MANY; size++)
	{
		rooted = rooted && rig_merkle_root(nodes, hasher, size, root.bytes) == RIG_OK
			&& is_same(root.bytes, roots[size].bytes);
		for (uint64_t index = 0; index < size; index++)
		{
			wanted.count = 0;
			naive_inclusion(index, leaves, size, &wanted);
			included = included && rig_merkle_inclusion(nodes, hasher, index, size, &path) == RIG_OK
				&& is_same_path(&path, &wanted)
				&& rig_merkle_verify_inclusion(hasher, leaves + index * RIG_DIGEST_SIZE, index, size, &path,
											   roots[size].bytes);
		}
		for (uint64_t old = 0; old <= size; old++)
		{
			wanted.count = 0;
			if (old > 0)
				naive_consistency(old, leaves, size, true, &wanted);
			consistent = consistent && rig_merkle_consistency(nodes, hasher, old, size, &path) == RIG_OK
				&& is_same_path(&path, &wanted)
				&& rig_merkle_verify_consistency(hasher, old, size, roots[old].bytes, roots[size].bytes, &path);
		}
	}
	tap_ok(rooted, "%s: the naive roots", where);
	tap_ok(included, "%s: the naive inclusion proofs, which verify", where);
	tap_ok(consistent, "%s: the naive consistency proofs, which verify", where);
}

/* Every proof with each byte changed, a hash less, more or exchanged. */
static bool
refuses_damage(RigMerklePath *path, bool (*verify) (const RigMerklePath *path, uint64_t first, uint64_t size),
			   uint64_t first, uint64_t size)
{
	bool		good = verify(path, first, size);
	int32_t		count = path->count;
	uint8_t    *bytes = path->hashes[0];

	for (int32_t at = 0; at < count * RIG_DIGEST_SIZE; at++)
	{
		bytes[at] ^= (uint8_t) (1 << at % 8);
		good = good && !verify(path, first, size);
		bytes[at] ^= (uint8_t) (1 << at % 8);
	}
	for (path->count = -1; path->count <= RIG_MERKLE_MAX_PATH + 1; path->count++)
		good = good && verify(path, first, size) == (path->count == count);
	path->count = INT32_MAX;
	good = good && !verify(path, first, size);
	path->count = count;
	for (int32_t i = 0; i + 1 < count; i++)
	{
		RigMerklePath swapped = *path;

		memcpy(swapped.hashes[i], path->hashes[i + 1], RIG_DIGEST_SIZE);
		memcpy(swapped.hashes[i + 1], path->hashes[i], RIG_DIGEST_SIZE);
		good = good && !verify(&swapped, first, size);
	}
	return good;
}

static bool
verify_included(const RigMerklePath *path, uint64_t index, uint64_t size)
{
	return rig_merkle_verify_inclusion(hasher, leaves + index * RIG_DIGEST_SIZE, index, size, path, roots[size].bytes);
}

static bool
verify_consistent(const RigMerklePath *path, uint64_t old_size, uint64_t size)
{
	return rig_merkle_verify_consistency(hasher, old_size, size, roots[old_size].bytes, roots[size].bytes, path);
}

static void
test_damaged_proofs(const RigMerkleNodes *nodes)
{
	RigMerklePath path;
	bool		included = true;
	bool		consistent = true;

	memset(&path, 0, sizeof(path));
	for (uint64_t size = 1; size <= 40; size++)
	{
		for (uint64_t index = 0; index < size; index++)
		{
			included = included && rig_merkle_inclusion(nodes, hasher, index, size, &path) == RIG_OK
				&& refuses_damage(&path, verify_included, index, size);
			consistent = consistent && rig_merkle_consistency(nodes, hasher, index, size, &path) == RIG_OK
				&& refuses_damage(&path, verify_consistent, index, size);
		}
	}
	tap_ok(included, "an inclusion proof that is changed, shorter, longer or in another order is refused");
	tap_ok(consistent, "and so is a consistency proof");
}

/* Whether a path proves leaf, by its number, at index of the tree of size leaves, whose root is said to be root's. */
static bool
proves_leaf(const RigMerklePath *path, uint64_t leaf, uint64_t index, uint64_t size, uint64_t root)
{
	return rig_merkle_verify_inclusion(hasher, leaves + leaf % MANY * RIG_DIGEST_SIZE, index, size, path,
									   roots[root].bytes);
}

static bool
proves_growth(const RigMerklePath *path, uint64_t old_size, uint64_t size, uint64_t old_root, uint64_t root)
{
	return rig_merkle_verify_consistency(hasher, old_size, size, roots[old_root].bytes, roots[root].bytes, path);
}

/*
 * A proof proves its leaf at its place in its tree, and nothing else. Two sizes may share the path
 * of a leaf and its place on it; then it is the root that differs.
 */
static void
test_wrong_claims(const RigMerkleNodes *nodes, uint64_t size)
{
	RigMerklePath path;
	bool		good = true;

	for (uint64_t index = 0; index < size; index++)
	{
		good = good && rig_merkle_inclusion(nodes, hasher, index, size, &path) == RIG_OK;
		for (uint64_t other = 0; other < MANY; other++)
		{
			good = good && proves_leaf(&path, index, other, size, size) == (other == index);
			good = good && proves_leaf(&path, other, index, size, size) == (other == index);
			good = good && proves_leaf(&path, index, index, other, other) == (other == size);
			good = good && proves_leaf(&path, index, index, size, other) == (other == size);
		}
	}
	tap_ok(good, "%" PRIu64 " leaves: another index, leaf, size or root is refused", size);
	for (uint64_t old = 1; old < size; old++)
	{
		good = good && rig_merkle_consistency(nodes, hasher, old, size, &path) == RIG_OK;
		for (uint64_t other = 0; other < MANY; other++)
		{
			good = good && proves_growth(&path, other, size, other, size) == (other == old);
			good = good && proves_growth(&path, old, size, other, size) == (other == old);
			good = good && proves_growth(&path, old, other, old, other) == (other == size);
			good = good && proves_growth(&path, old, size, old, other) == (other == size);
		}
	}
	tap_ok(good, "%" PRIu64 " leaves: another old size, old root, size or root is refused", size);
}

static void
test_edges(void)
{
	RigMerkleLeaves memory;
	RigMerkleNodes nodes = nodes_of_leaves(&memory, 5);
	RigMerklePath path = {0};
	Digest		root;

	tap_ok(rig_merkle_root(&nodes, hasher, 6, root.bytes) == RIG_INVALID_ARGUMENT
		   && rig_merkle_inclusion(&nodes, hasher, 0, 6, &path) == RIG_INVALID_ARGUMENT
		   && rig_merkle_consistency(&nodes, hasher, 5, 6, &path) == RIG_INVALID_ARGUMENT, "a missing leaf is an error");
	tap_ok(rig_merkle_inclusion(&nodes, hasher, 5, 5, &path) == RIG_INVALID_ARGUMENT
		   && rig_merkle_inclusion(&nodes, hasher, 0, 0, &path) == RIG_INVALID_ARGUMENT, "no proof for what is not in the tree");
	tap_ok(rig_merkle_consistency(&nodes, hasher, 5, 4, &path) == RIG_INVALID_ARGUMENT, "no tree shrinks");
	path.count = 0;
	tap_ok(rig_merkle_verify_consistency(hasher, 0, 5, roots[0].bytes, roots[5].bytes, &path)
		   && !rig_merkle_verify_consistency(hasher, 0, 5, roots[1].bytes, roots[5].bytes, &path),
		   "every tree continues the empty one");
	tap_ok(!rig_merkle_verify_consistency(hasher, 5, 4, roots[5].bytes, roots[4].bytes, &path)
		   && !rig_merkle_verify_consistency(hasher, 5, 5, roots[5].bytes, roots[4].bytes, &path)
		   && !rig_merkle_verify_inclusion(hasher, leaves, 0, 0, &path, roots[0].bytes), "nothing proves what cannot be");
}

/* Trees too large to exist: all paths fit, and numbers do not overflow. */
static bool
get_any(void *context, int32_t level, uint64_t index, uint8_t hash[RIG_DIGEST_SIZE])
{
	(void) context;
	memset(hash, 0, RIG_DIGEST_SIZE);
	memcpy(hash, &index, sizeof(index));
	hash[RIG_DIGEST_SIZE - 1] = (uint8_t) level;
	return true;
}

static void
test_huge(void)
{
	static const uint64_t sizes[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63, (UINT64_C(1) << 63) + 1,
		UINT64_C(1) << 32, (UINT64_C(1) << 32) - 1};
	static const uint64_t places[] = {0, 1, UINT32_MAX - 1, UINT64_C(1) << 62, UINT64_MAX / 3, UINT64_MAX - 2};
	RigMerkleNodes nodes = {get_any, NULL};
	RigMerklePath path;
	int32_t		longest = 0;
	bool		ended = true;

	for (size_t s = 0; s < COUNT(sizes); s++)
	{
		for (size_t p = 0; p < COUNT(places); p++)
		{
			RigMerklePath more;

			if (places[p] >= sizes[s])
				continue;
			ended = ended && rig_merkle_inclusion(&nodes, hasher, places[p], sizes[s], &path) == RIG_OK;
			longest = path.count > longest ? path.count : longest;
			more = path;
			more.count++;
			ended = ended && !rig_merkle_verify_inclusion(hasher, roots[0].bytes, places[p], sizes[s], &more,
														  roots[0].bytes);
			ended = ended && rig_merkle_consistency(&nodes, hasher, places[p], sizes[s], &path) == RIG_OK;
			longest = path.count > longest ? path.count : longest;
			ended = ended && !rig_merkle_verify_consistency(hasher, places[p], sizes[s], roots[1].bytes,
															roots[1].bytes, &path);
		}
	}
	tap_ok(ended && longest <= RIG_MERKLE_MAX_PATH, "the longest path of the largest trees has %d hashes", longest);
}

int
main(void)
{
	static Store store;
	RigMerkleLeaves memory;
	RigMerkleNodes from_leaves = nodes_of_leaves(&memory, MANY);
	RigMerkleNodes from_store = {get_node, &store};

	memset(leaves, 0, sizeof(leaves));
	test_published();
	test_log();
	make_leaves();
	test_range(&store);
	test_proofs(&from_leaves, "from leaves");
	test_proofs(&from_store, "from nodes");
	store.step = TILE;
	test_proofs(&from_store, "from tiles");
	test_damaged_proofs(&from_leaves);
	test_wrong_claims(&from_leaves, 32);
	test_wrong_claims(&from_leaves, 37);
	test_edges();
	test_huge();
	return tap_done();
}
