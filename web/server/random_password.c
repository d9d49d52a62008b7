#include "random_password.h"

#include <openssl/crypto.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"

/* 32 of them, so that five bits of a random byte choose one without preference. */
static const char LETTERS[] = "abcdefghijkmnpqrstuvwxyz23456789";

_Static_assert(sizeof(LETTERS) - 1 == 32, "five bits choose a letter");

void
rig_random_password(char text[RIG_RANDOM_PASSWORD_SIZE])
{
	uint8_t		bytes[RIG_RANDOM_PASSWORD_SIZE];

	rig_random_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < RIG_RANDOM_PASSWORD_SIZE; i++)
		text[i] = i % (RIG_RANDOM_PASSWORD_GROUP + 1) == RIG_RANDOM_PASSWORD_GROUP ? '-' : LETTERS[bytes[i] % 32];
	text[RIG_RANDOM_PASSWORD_SIZE - 1] = '\0';
	OPENSSL_cleanse(bytes, sizeof(bytes));
}
