#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"

#include "audit.h"

/* The context belongs to the current resource owner, so an error between does not leak it. */
static void
hash_parts(void *context, const RigBytes *parts, int count, uint8_t digest[32])
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	bool		failed = hash == NULL || pg_cryptohash_init(hash) < 0;

	for (int i = 0; !failed && i < count; i++)
		failed = pg_cryptohash_update(hash, parts[i].bytes, parts[i].size) < 0;
	if (failed || pg_cryptohash_final(hash, digest, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute SHA-256: %s", pg_cryptohash_error(hash));
	pg_cryptohash_free(hash);
}

RigHasher
rig_audit_hasher(void)
{
	return (RigHasher) {.sha256 = hash_parts};
}
