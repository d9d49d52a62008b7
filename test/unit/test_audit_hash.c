#include <string.h>

#include "../ref/audit_reference.h"
#include "audit_hash.h"
#include "hex.h"
#include "sha256.h"
#include "tap.h"

#define ENTRIES (sizeof(reference_entries) / sizeof(reference_entries[0]))
#define LINKS (sizeof(reference_links) / sizeof(reference_links[0]))
#define CHAINS 8

typedef struct Digest
{
	uint8_t		bytes[RIG_DIGEST_SIZE];
} Digest;

static Digest
read_digest(const char *digits)
{
	Digest		digest;

	if (strlen(digits) != 2 * RIG_DIGEST_SIZE)
		abort();
	read_hex(digits, digest.bytes);
	return digest;
}

static bool
is_digest(Digest digest, const char *digits)
{
	return memcmp(digest.bytes, read_digest(digits).bytes, RIG_DIGEST_SIZE) == 0;
}

static Digest
hash_payload(const char *digits)
{
	uint8_t    *payload = malloc(strlen(digits) / 2);
	size_t		size = read_hex(digits, payload);
	Digest		leaf;

	rig_audit_leaf(&sha256_hasher, payload, size, leaf.bytes);
	free(payload);
	return leaf;
}

static Digest
hash_link(const RigAuditChain *chain, uint64_t seq, Digest prev, Digest leaf)
{
	Digest		link;

	rig_audit_link(&sha256_hasher, chain, seq, prev.bytes, leaf.bytes, link.bytes);
	return link;
}

static Digest
hash_genesis(const RigAuditChain *chain, RigAuditText label, const Digest *head)
{
	Digest		prev;

	rig_audit_genesis(&sha256_hasher, chain, label, head != NULL ? head->bytes : NULL, prev.bytes);
	return prev;
}

static void
test_hasher(void)
{
	RigBytes	parts[] = {{"a", 1}, {NULL, 0}, {"bc", 2}};
	Digest		digest;

	sha256_hasher.sha256(sha256_hasher.context, parts, 3, digest.bytes);
	tap_ok(is_digest(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
		   "the hasher of the tests is SHA-256 (FIPS 180-2, \"abc\")");
}

static void
test_leaves(void)
{
	bool		good = true;

	for (size_t i = 0; i < ENTRIES; i++)
		good = good && is_digest(hash_payload(reference_entries[i].payload), reference_entries[i].leaf);
	for (size_t i = 0; i < LINKS; i++)
		good = good && is_digest(hash_payload(reference_links[i].payload), reference_links[i].leaf);
	tap_ok(good, "the leaves of the reference");
	tap_ok(is_digest(hash_payload(""), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
		   "the leaf of nothing is the hash of the prefix");
}

/* Follows both chains over both epochs. */
static void
test_links(void)
{
	Digest		heads[CHAINS];
	uint32_t	epochs[CHAINS] = {0};
	bool		linked = true;
	bool		begun = true;

	for (size_t i = 0; i < LINKS; i++)
	{
		const ReferenceLink *row = &reference_links[i];
		RigAuditChain chain = {{REFERENCE_LOG_ID}, row->epoch, row->chain};
		RigAuditText label = row->chain == 0 ? reference_label_0 : reference_label_7;
		Digest	   *head = &heads[row->chain];
		Digest		prev;

		if (epochs[row->chain] == row->epoch)
			prev = *head;
		else
		{
			prev = hash_genesis(&chain, label, epochs[row->chain] > 0 ? head : NULL);
			begun = begun && is_digest(prev, row->prev);
		}
		*head = hash_link(&chain, row->seq, prev, read_digest(row->leaf));
		linked = linked && is_digest(*head, row->link);
		epochs[row->chain] = row->epoch;
	}
	tap_ok(begun, "the beginnings of both chains in both epochs");
	tap_ok(linked, "the links of the reference");
}

/* Nothing of what is hashed may be exchanged for something else. */
static void
test_dependence(void)
{
	const RigAuditChain chain = {{REFERENCE_LOG_ID}, 1, 7};
	RigAuditChain others[] = {chain, chain, chain};
	Digest		prev = read_digest(reference_links[0].prev);
	Digest		leaf = read_digest(reference_links[0].leaf);
	Digest		link = hash_link(&chain, 3, prev, leaf);
	Digest		genesis = hash_genesis(&chain, reference_label_7, &prev);
	Digest		zeros = {{0}};
	Digest		changed[8];
	bool		good = true;

	others[0].log_id[15] ^= 1;
	others[1].epoch = UINT32_C(0x01000001);
	others[2].chain = UINT32_C(0x01000007);
	for (int i = 0; i < 3; i++)
	{
		changed[i] = hash_link(&others[i], 3, prev, leaf);
		changed[3 + i] = hash_genesis(&others[i], reference_label_7, &prev);
		good = good && memcmp(&changed[3 + i], &genesis, sizeof(Digest)) != 0;
	}
	changed[3] = hash_link(&chain, 3 + (UINT64_C(1) << 32), prev, leaf);
	changed[4] = hash_link(&chain, 3 + (UINT64_C(1) << 56), prev, leaf);
	changed[5] = hash_link(&chain, 3, leaf, leaf);
	changed[6] = hash_link(&chain, 3, prev, prev);
	changed[7] = hash_link(&chain, 3, leaf, prev);
	for (int i = 0; i < 8; i++)
		good = good && memcmp(&changed[i], &link, sizeof(Digest)) != 0;
	tap_ok(good, "log, epoch, chain, seq, prev and leaf count, each in full");

	changed[0] = hash_genesis(&chain, (RigAuditText) {"Bohranlage", 10}, &prev);
	changed[1] = hash_genesis(&chain, (RigAuditText) {NULL, 0}, &prev);
	changed[2] = hash_genesis(&chain, (RigAuditText) {NULL, -1}, &prev);
	changed[3] = hash_genesis(&chain, reference_label_7, NULL);
	changed[4] = hash_genesis(&chain, reference_label_7, &leaf);
	for (int i = 0; i < 5; i++)
		good = good && memcmp(&changed[i], &genesis, sizeof(Digest)) != 0;
	tap_ok(good && memcmp(&changed[1], &changed[2], sizeof(Digest)) != 0, "label and head count, NULL is not empty");
	genesis = hash_genesis(&chain, reference_label_7, &zeros);
	tap_ok(memcmp(&changed[3], &genesis, sizeof(Digest)) == 0, "no head is zeros");
}

int
main(void)
{
	test_hasher();
	test_leaves();
	test_links();
	test_dependence();
	return tap_done();
}
