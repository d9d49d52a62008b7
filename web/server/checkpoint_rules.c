#include "checkpoint_rules.h"

#include <string.h>

#include "hasher.h"

/* Value of a digit, -1 for anything else. */
static int
digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool
rig_checkpoint_proof_parse(RigMerklePath *proof, const char *digits)
{
	size_t		length = strlen(digits);
	uint8_t    *bytes = &proof->hashes[0][0];

	memset(proof, 0, sizeof(*proof));
	if (length % (2 * RIG_DIGEST_SIZE) != 0 || length > 2 * sizeof(proof->hashes))
		return false;
	for (size_t i = 0; i < length; i += 2)
	{
		int			high = digit_value(digits[i]);
		int			low = digit_value(digits[i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i / 2] = (uint8_t) (high << 4 | low);
	}
	proof->count = (int32_t) (length / (2 * RIG_DIGEST_SIZE));
	return true;
}

const char *
rig_checkpoint_refusal(const RigCheckpoint *last, const RigCheckpoint *next, const RigMerklePath *proof, int64_t now)
{
	/* A signature vouches for the time, too: without this, a database could have tomorrow's signed today. */
	if (next->time > now + RIG_CHECKPOINT_CLOCK_SKEW || next->time < now - RIG_CHECKPOINT_CLOCK_SKEW)
		return "time of the database is not that of the signer";
	if (last == NULL)
		return NULL;
	if (strcmp(last->log_id, next->log_id) != 0)
		return "log is another one";
	if (next->size < last->size)
		return "log is behind the last signed checkpoint";
	if (next->epoch < last->epoch)
		return "epoch went back";
	if (!rig_merkle_verify_consistency(&rig_hasher, last->size, next->size, last->root, next->root, proof))
		return "history differs";
	return NULL;
}
