#include "sha256.h"

#include <openssl/evp.h>
#include <stdlib.h>

static void
hash_parts(void *context, const RigBytes *parts, int count, uint8_t digest[RIG_DIGEST_SIZE])
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();

	(void) context;
	if (hash == NULL || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
		abort();
	for (int i = 0; i < count; i++)
	{
		if (EVP_DigestUpdate(hash, parts[i].bytes, parts[i].size) != 1)
			abort();
	}
	if (EVP_DigestFinal_ex(hash, digest, NULL) != 1)
		abort();
	EVP_MD_CTX_free(hash);
}

const RigHasher sha256_hasher = {hash_parts, NULL};
