#include "audit_hash.h"

static const uint8_t leaf_prefix = 0x00;
static const uint8_t link_prefix = 0x02;
static const uint8_t genesis_prefix = 0x03;

static void
put_u32(uint8_t *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t) (value >> (24 - 8 * i));
}

static void
put_u64(uint8_t *out, uint64_t value)
{
	put_u32(out, (uint32_t) (value >> 32));
	put_u32(out + 4, (uint32_t) value);
}

void
rig_audit_leaf(const RigHasher *hasher, const uint8_t *payload, size_t size, uint8_t leaf[RIG_DIGEST_SIZE])
{
	RigBytes	parts[] = {{&leaf_prefix, 1}, {payload, size}};

	hasher->sha256(hasher->context, parts, 2, leaf);
}

void
rig_audit_link(const RigHasher *hasher, const RigAuditChain *chain, uint64_t seq,
			   const uint8_t prev[RIG_DIGEST_SIZE], const uint8_t leaf[RIG_DIGEST_SIZE],
			   uint8_t link[RIG_DIGEST_SIZE])
{
	uint8_t		place[16];
	RigBytes	parts[] = {
		{&link_prefix, 1}, {chain->log_id, RIG_AUDIT_LOG_ID}, {place, sizeof(place)},
		{prev, RIG_DIGEST_SIZE}, {leaf, RIG_DIGEST_SIZE}
	};

	put_u32(place, chain->epoch);
	put_u32(place + 4, chain->chain);
	put_u64(place + 8, seq);
	hasher->sha256(hasher->context, parts, 5, link);
}

void
rig_audit_genesis(const RigHasher *hasher, const RigAuditChain *chain, RigAuditText label, const uint8_t *head,
				  uint8_t prev[RIG_DIGEST_SIZE])
{
	static const uint8_t no_head[RIG_DIGEST_SIZE];
	uint8_t		place[12];
	RigBytes	parts[] = {
		{&genesis_prefix, 1}, {chain->log_id, RIG_AUDIT_LOG_ID}, {place, sizeof(place)},
		{label.bytes, label.length > 0 ? (size_t) label.length : 0},
		{head != NULL ? head : no_head, RIG_DIGEST_SIZE}
	};

	put_u32(place, chain->epoch);
	put_u32(place + 4, chain->chain);
	put_u32(place + 8, (uint32_t) label.length);
	hasher->sha256(hasher->context, parts, 5, prev);
}
