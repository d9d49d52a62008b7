/* What the signer signs and what it refuses, over a small tree. */
#include <string.h>

#include "checkpoint_rules.h"
#include "hasher.h"
#include "tap.h"

#define LEAVES 12
#define NOW INT64_C(1795549697123456)
#define LOG_ID "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
#define OTHER_ID "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f1"

static uint8_t hashes[LEAVES * RIG_DIGEST_SIZE];

static RigMerkleNodes
all_leaves(void)
{
	static RigMerkleLeaves leaves = {hashes, LEAVES};

	return (RigMerkleNodes) {rig_merkle_leaves_get, &leaves};
}

static RigCheckpoint
checkpoint_of(uint64_t size)
{
	RigMerkleNodes nodes = all_leaves();
	RigCheckpoint checkpoint = {.log_id = LOG_ID, .size = size, .epoch = 3, .time = NOW};

	rig_merkle_root(&nodes, &rig_hasher, size, checkpoint.root);
	return checkpoint;
}

/* The answer to a checkpoint of the second size after one of the first, with the proof that belongs to it. */
static const char *
answer(const RigCheckpoint *last, const RigCheckpoint *next)
{
	RigMerkleNodes nodes = all_leaves();
	RigMerklePath proof;
	const char *refusal;

	if (rig_merkle_consistency(&nodes, &rig_hasher, last->size, next->size, &proof) != RIG_OK)
		memset(&proof, 0, sizeof(proof));
	refusal = rig_checkpoint_refusal(last, next, &proof, NOW);
	return refusal != NULL ? refusal : "";
}

static void
test_growth(void)
{
	int			good = 0;
	int			behind = 0;
	int			differs = 0;

	for (uint64_t old_size = 0; old_size <= LEAVES; old_size++)
	{
		for (uint64_t size = 0; size <= LEAVES; size++)
		{
			RigCheckpoint last = checkpoint_of(old_size);
			RigCheckpoint next = checkpoint_of(size);

			if (size < old_size)
				behind += strcmp(answer(&last, &next), "log is behind the last signed checkpoint") == 0;
			else
			{
				good += *answer(&last, &next) == '\0';
				last.root[7] ^= 1;
				differs += strcmp(answer(&last, &next), "history differs") == 0;
			}
		}
	}
	tap_ok(good == 91, "a log that grew, or did not, may be signed: %d", good);
	tap_ok(behind == 78, "a shorter one is behind: %d", behind);
	tap_ok(differs == 91, "another root of what was signed is another history: %d", differs);
}

static void
test_proofs(void)
{
	RigMerkleNodes nodes = all_leaves();
	RigCheckpoint last = checkpoint_of(5);
	RigCheckpoint next = checkpoint_of(LEAVES);
	RigMerklePath proof;
	int			refused = 0;

	rig_merkle_consistency(&nodes, &rig_hasher, 5, LEAVES, &proof);
	for (int32_t i = 0; i < proof.count; i++)
	{
		proof.hashes[i][31] ^= 1;
		refused += rig_checkpoint_refusal(&last, &next, &proof, NOW) != NULL;
		proof.hashes[i][31] ^= 1;
	}
	tap_ok(refused == proof.count && refused > 0, "every hash of the proof counts");
	proof.count--;
	tap_ok(rig_checkpoint_refusal(&last, &next, &proof, NOW) != NULL, "none may be missing");
	proof.count = 0;
	tap_ok(rig_checkpoint_refusal(&last, &next, &proof, NOW) != NULL, "let alone all");
	next.root[0] ^= 1;
	tap_ok(strcmp(answer(&last, &next), "history differs") == 0, "the new root must be the one that the proof leads to");
	next = last;
	next.root[0] ^= 1;
	tap_ok(strcmp(answer(&last, &next), "history differs") == 0, "the same size has the same root");
}

static void
test_other_fields(void)
{
	RigCheckpoint last = checkpoint_of(5);
	RigCheckpoint next = checkpoint_of(9);
	RigMerklePath none = {0};

	strcpy(next.log_id, OTHER_ID);
	tap_ok(strcmp(answer(&last, &next), "log is another one") == 0, "the log is the one of the first signature");
	next = checkpoint_of(9);
	next.epoch = 2;
	tap_ok(strcmp(answer(&last, &next), "epoch went back") == 0, "epochs do not go back");
	next.epoch = 4;
	tap_ok(*answer(&last, &next) == '\0', "a new one may begin");
	next.time = NOW + RIG_CHECKPOINT_CLOCK_SKEW;
	tap_ok(*answer(&last, &next) == '\0', "a clock may be a little wrong");
	next.time++;
	tap_ok(strstr(answer(&last, &next), "time") != NULL, "the future is not signed");
	next.time = NOW - RIG_CHECKPOINT_CLOCK_SKEW - 1;
	tap_ok(strstr(answer(&last, &next), "time") != NULL, "nor is the past");
	next.time = NOW;
	strcpy(next.log_id, OTHER_ID);
	tap_ok(rig_checkpoint_refusal(NULL, &next, &none, NOW) == NULL, "the first log is taken as it is");
	next.time = 0;
	tap_ok(rig_checkpoint_refusal(NULL, &next, &none, NOW) != NULL, "but not at any time");
}

static void
test_proof_text(void)
{
	char		digits[2 * RIG_DIGEST_SIZE * (RIG_MERKLE_MAX_PATH + 1) + 1];
	RigMerklePath proof;

	memset(digits, '0', sizeof(digits) - 1);
	digits[sizeof(digits) - 1] = '\0';
	tap_ok(!rig_checkpoint_proof_parse(&proof, digits), "a proof has an end");
	digits[2 * RIG_DIGEST_SIZE * RIG_MERKLE_MAX_PATH] = '\0';
	tap_ok(rig_checkpoint_proof_parse(&proof, digits) && proof.count == RIG_MERKLE_MAX_PATH, "the longest");
	digits[2 * RIG_DIGEST_SIZE * 2] = '\0';
	memcpy(digits + 2 * RIG_DIGEST_SIZE, "0aF", 2);
	tap_ok(rig_checkpoint_proof_parse(&proof, digits) && proof.count == 2 && proof.hashes[1][0] == 0x0a &&
		   proof.hashes[0][31] == 0 && proof.hashes[1][1] == 0, "two hashes");
	digits[3] = 'A';
	tap_ok(!rig_checkpoint_proof_parse(&proof, digits), "digits are in lower case");
	digits[3] = 'g';
	tap_ok(!rig_checkpoint_proof_parse(&proof, digits), "and digits");
	digits[3] = '0';
	digits[2 * RIG_DIGEST_SIZE * 2 - 1] = '\0';
	tap_ok(!rig_checkpoint_proof_parse(&proof, digits), "a hash is whole");
	tap_ok(rig_checkpoint_proof_parse(&proof, "") && proof.count == 0, "no proof is one, too");
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(hashes); i++)
		hashes[i] = (uint8_t) (i * 37 + i / 32);
	test_growth();
	test_proofs();
	test_other_fields();
	test_proof_text();
	return tap_done();
}
