/* SHA-256 of the crypto library, in the form in which the core takes it. */
#ifndef RIG_HASHER_H
#define RIG_HASHER_H

#include "audit_hash.h"

/* Without memory it ends the program. */
extern const RigHasher rig_hasher;

#endif
