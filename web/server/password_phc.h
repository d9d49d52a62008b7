/*
 * Argon2id hashes as text ($argon2id$v=19$m=…,t=…,p=…$salt$hash). The text comes from a table, so its
 * parameters are bounded: a forged row must not make the sidecar reserve gigabytes or compute for hours.
 */
#ifndef RIG_PASSWORD_PHC_H
#define RIG_PASSWORD_PHC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RIG_PHC_MAX_MEMORY_KIB 65536
#define RIG_PHC_MAX_PASSES 8
#define RIG_PHC_MAX_LANES 4
#define RIG_PHC_MIN_BYTES 16	/* of salt and of hash */
#define RIG_PHC_MAX_BYTES 64

#define RIG_PHC_SIZE 256		/* holds the text of any hash within these bounds */

typedef struct RigPhc
{
	uint32_t	memory_kib;
	uint32_t	passes;
	uint32_t	lanes;
	size_t		salt_size;
	size_t		hash_size;
	uint8_t		salt[RIG_PHC_MAX_BYTES];
	uint8_t		hash[RIG_PHC_MAX_BYTES];
} RigPhc;

/* Reads a text; false when it is not exactly what rig_phc_format writes, or is out of bounds. */
extern bool rig_phc_parse(RigPhc *phc, const char *text);

extern void rig_phc_format(const RigPhc *phc, char text[RIG_PHC_SIZE]);

#endif
