#include "password.h"

#include <argon2.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>

#include "clock.h"

#define SALT_BYTES 16
#define HASH_BYTES 32

/* Parameters of new hashes, with bytes that nobody chose: no password is known that yields them. */
static const RigPhc NOBODY = {
	.memory_kib = RIG_PASSWORD_MEMORY_KIB,
	.passes = RIG_PASSWORD_PASSES,
	.lanes = RIG_PASSWORD_LANES,
	.salt_size = SALT_BYTES,
	.hash_size = HASH_BYTES,
	.salt = {0x5e, 0x0b, 0xc4, 0x91, 0x2d, 0xf7, 0x38, 0xaa, 0x16, 0x83, 0xd9, 0x6c, 0x70, 0xe2, 0x4f, 0xb5},
	.hash = {0xc7, 0x1a, 0x94, 0x3e, 0x8b, 0x52, 0xf0, 0x6d, 0x29, 0xb8, 0x05, 0xe3, 0x7f, 0x41, 0xda, 0x96,
			 0x33, 0xec, 0x5a, 0x08, 0xb1, 0x67, 0x9d, 0xf2, 0x14, 0xc9, 0x80, 0x2e, 0x75, 0xab, 0x4c, 0xd6},
};

static pthread_mutex_t slot_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t slot_given;
static pthread_once_t slot_once = PTHREAD_ONCE_INIT;
static int	slots_taken;

static void
init_slots(void)
{
	rig_condition_init(&slot_given);
}

bool
rig_password_slot_take(int64_t deadline)
{
	bool		taken;

	pthread_once(&slot_once, init_slots);
	pthread_mutex_lock(&slot_mutex);
	while (slots_taken == RIG_PASSWORD_SLOTS && rig_clock_now() < deadline)
		rig_condition_wait_until(&slot_given, &slot_mutex, deadline);
	taken = slots_taken < RIG_PASSWORD_SLOTS;
	if (taken)
		slots_taken++;
	pthread_mutex_unlock(&slot_mutex);
	return taken;
}

void
rig_password_slot_give(void)
{
	pthread_mutex_lock(&slot_mutex);
	slots_taken--;
	pthread_cond_signal(&slot_given);
	pthread_mutex_unlock(&slot_mutex);
}

/* Computes the hash that a password has with salt and parameters of phc. */
static RigPasswordResult
compute(const RigPhc *phc, const void *password, size_t length, int64_t deadline, uint8_t hash[RIG_PHC_MAX_BYTES])
{
	/* The library wipes its own memory; lanes run one after another, so that a login is one thread. */
	argon2_context context = {
		.out = hash,
		.outlen = (uint32_t) phc->hash_size,
		.pwd = (uint8_t *) password,
		.pwdlen = (uint32_t) length,
		.salt = (uint8_t *) phc->salt,
		.saltlen = (uint32_t) phc->salt_size,
		.t_cost = phc->passes,
		.m_cost = phc->memory_kib,
		.lanes = phc->lanes,
		.threads = 1,
		.version = ARGON2_VERSION_13,
		.flags = ARGON2_DEFAULT_FLAGS,
	};
	int			status;

	if (length > UINT32_MAX)
		return RIG_PASSWORD_FAILED;
	if (!rig_password_slot_take(deadline))
		return RIG_PASSWORD_BUSY;
	status = argon2id_ctx(&context);
	rig_password_slot_give();
	return status == ARGON2_OK ? RIG_PASSWORD_OK : RIG_PASSWORD_FAILED;
}

RigPasswordResult
rig_password_hash(const void *password, size_t length, int64_t deadline, char stored[RIG_PHC_SIZE])
{
	RigPhc		phc = NOBODY;
	RigPasswordResult result;

	rig_random_bytes(phc.salt, phc.salt_size);
	result = compute(&phc, password, length, deadline, phc.hash);
	if (result == RIG_PASSWORD_OK)
		rig_phc_format(&phc, stored);
	OPENSSL_cleanse(&phc, sizeof(phc));
	return result;
}

RigPasswordResult
rig_password_verify(const char *stored, const void *password, size_t length, int64_t deadline)
{
	RigPhc		phc;
	uint8_t		hash[RIG_PHC_MAX_BYTES];
	bool		usable = stored == NULL || rig_phc_parse(&phc, stored);
	RigPasswordResult result;

	if (stored == NULL || !usable)
		phc = NOBODY;
	result = compute(&phc, password, length, deadline, hash);
	if (result == RIG_PASSWORD_OK && !usable)
		result = RIG_PASSWORD_UNUSABLE;
	else if (result == RIG_PASSWORD_OK && (CRYPTO_memcmp(hash, phc.hash, phc.hash_size) != 0 || stored == NULL))
		result = RIG_PASSWORD_WRONG;
	OPENSSL_cleanse(hash, sizeof(hash));
	OPENSSL_cleanse(&phc, sizeof(phc));
	return result;
}

bool
rig_password_needs_rehash(const char *stored)
{
	RigPhc		phc;
	bool		weaker = !rig_phc_parse(&phc, stored) ||
		phc.memory_kib < NOBODY.memory_kib || phc.passes < NOBODY.passes || phc.lanes < NOBODY.lanes ||
		phc.salt_size < NOBODY.salt_size || phc.hash_size < NOBODY.hash_size;

	OPENSSL_cleanse(&phc, sizeof(phc));
	return weaker;
}
