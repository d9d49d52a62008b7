/*
 * Passwords as Argon2id hashes. At most two are computed at a time, whoever asks: each takes 19 MiB and
 * tens of milliseconds, and anybody may ask for one. May be called from any thread; the caller's thread
 * waits for a free slot until its deadline, so deadlines are short.
 */
#ifndef RIG_PASSWORD_H
#define RIG_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "password_phc.h"

#define RIG_PASSWORD_SLOTS 2

#define RIG_PASSWORD_MEMORY_KIB 19456
#define RIG_PASSWORD_PASSES 2
#define RIG_PASSWORD_LANES 1

typedef enum RigPasswordResult
{
	RIG_PASSWORD_OK,			/* hashed, or the password is the right one */
	RIG_PASSWORD_WRONG,			/* not the right one, or there is nobody to have one */
	RIG_PASSWORD_BUSY,			/* no slot until the deadline; nothing was computed */
	RIG_PASSWORD_UNUSABLE,		/* the stored hash is none, or demands too much */
	RIG_PASSWORD_FAILED			/* out of memory */
} RigPasswordResult;

/* Hashes a password of any bytes with a fresh salt. The deadline is on the scale of rig_clock_now. */
extern RigPasswordResult rig_password_hash(const void *password, size_t length, int64_t deadline,
										   char stored[RIG_PHC_SIZE]);

/*
 * Compares a password with a stored hash, in a time that does not depend on either. An unknown user is
 * asked for with stored NULL: that takes the time of a known one, and is never right.
 */
extern RigPasswordResult rig_password_verify(const char *stored, const void *password, size_t length,
											 int64_t deadline);

/* Whether a hash is weaker than new ones are, so that the next login should replace it. */
extern bool rig_password_needs_rehash(const char *stored);

/*
 * Takes and gives back one of the slots; false when none was free until the deadline. For a caller that
 * has to do other work of this size under the same limit.
 */
extern bool rig_password_slot_take(int64_t deadline);
extern void rig_password_slot_give(void);

#endif
