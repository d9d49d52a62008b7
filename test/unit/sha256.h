/* The hasher of the tests: SHA-256 by OpenSSL. */
#ifndef TEST_SHA256_H
#define TEST_SHA256_H

#include "audit_hash.h"

extern const RigHasher sha256_hasher;

#endif
