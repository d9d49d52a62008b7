/*
 * A model as bytes: what is stored, exported and imported. Little-endian:
 *
 *   header   "RIGMODEL", u16 format, u16 algorithm, u32 header length, u32 features, u32 crc,
 *            u64 payload length, u64 hash of the names, u64 seed
 *   sections u32 tag, u32 zero, u64 length, content, zeros up to a multiple of 64
 *
 * The crc (CRC-32C, Castagnoli) covers everything with itself as 0. Whoever decodes trusts
 * nothing: lengths, counts, ranges and finiteness are checked before anything is allocated for
 * them, so a crafted payload is an error, and never takes more memory than a small multiple of
 * its length.
 */
#ifndef RIG_MODEL_CODEC_H
#define RIG_MODEL_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "model.h"
#include "status.h"

#define RIG_MODEL_FORMAT 1

/* Encodes a model into memory of arena. */
extern RigStatus rig_model_encode(const RigModel *model, RigArena *arena, uint8_t **bytes, size_t *size);

/*
 * Decodes into memory of arena; bytes is not needed afterwards. RIG_INVALID_ARGUMENT with the
 * reason in *problem (a constant text for people) when the payload is not a model.
 */
extern RigStatus rig_model_decode(RigModel *model, RigArena *arena, const uint8_t *bytes, size_t size,
								  const char **problem);

/* Hash of the names in their order (FNV-1a over the names with their terminators). */
extern uint64_t rig_model_hash_names(const char *const *names, int32_t count);

#endif
