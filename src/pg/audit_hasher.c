#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"

#include "audit.h"

static void
compute(pg_cryptohash_ctx *hash, const RigBytes *parts, int count, uint8_t *digest)
{
	bool		failed = hash == NULL || pg_cryptohash_init(hash) < 0;

	for (int i = 0; !failed && i < count; i++)
		failed = pg_cryptohash_update(hash, parts[i].bytes, parts[i].size) < 0;
	if (failed || pg_cryptohash_final(hash, digest, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute SHA-256: %s", pg_cryptohash_error(hash));
}

static void
hash_parts(void *context, const RigBytes *parts, int count, uint8_t digest[RIG_DIGEST_SIZE])
{
	pg_cryptohash_ctx *hash = context == NULL ? pg_cryptohash_create(PG_SHA256) : context;

	compute(hash, parts, count, digest);
	if (context == NULL)
		pg_cryptohash_free(hash);
}

RigHasher
rig_audit_hasher(void)
{
	return (RigHasher) {.sha256 = hash_parts};
}

/* The context belongs to the current resource owner, so an error does not leak it. */
RigHasher
rig_audit_hasher_begin(void)
{
	return (RigHasher) {.sha256 = hash_parts, .context = pg_cryptohash_create(PG_SHA256)};
}

void
rig_audit_hasher_end(RigHasher *hasher)
{
	pg_cryptohash_free(hasher->context);
	hasher->context = NULL;
}

pg_cryptohash_ctx *
rig_audit_stream_begin(void)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);

	if (hash == NULL || pg_cryptohash_init(hash) < 0)
		elog(ERROR, "could not compute SHA-256: %s", pg_cryptohash_error(hash));
	return hash;
}

void
rig_audit_stream_add(pg_cryptohash_ctx *hash, const void *bytes, size_t size)
{
	if (pg_cryptohash_update(hash, bytes, size) < 0)
		elog(ERROR, "could not compute SHA-256: %s", pg_cryptohash_error(hash));
}

void
rig_audit_stream_end(pg_cryptohash_ctx *hash, uint8 *digest)
{
	if (pg_cryptohash_final(hash, digest, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute SHA-256: %s", pg_cryptohash_error(hash));
	pg_cryptohash_free(hash);
}
