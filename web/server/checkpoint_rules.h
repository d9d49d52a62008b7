/* What a checkpoint must be to be signed, judged by nothing but the one that was signed last and a proof. */
#ifndef RIG_CHECKPOINT_RULES_H
#define RIG_CHECKPOINT_RULES_H

#include "checkpoint_note.h"
#include "merkle_tree.h"

/* How far the time of a checkpoint may be from that of the signer, in microseconds. */
#define RIG_CHECKPOINT_CLOCK_SKEW INT64_C(300000000)

/* Reads the hashes of a proof, each 64 digits in lower case, one after the other. */
extern bool rig_checkpoint_proof_parse(RigMerklePath *proof, const char *digits);

/*
 * NULL when next may follow last (NULL = nothing was signed yet), else why not. now is in microseconds
 * since 1970, as the time of the checkpoint.
 */
extern const char *rig_checkpoint_refusal(const RigCheckpoint *last, const RigCheckpoint *next,
										  const RigMerklePath *proof, int64_t now);

#endif
