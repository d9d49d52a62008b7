/* Headers of a device: its token, and the key of a request that shall act once. */
#ifndef RIG_BEARER_H
#define RIG_BEARER_H

#include <stdbool.h>

#define RIG_BEARER_MAX 128
#define RIG_KEY_MAX 128

typedef enum RigBearerFound
{
	RIG_BEARER_ABSENT,
	RIG_BEARER_FOUND,
	RIG_BEARER_REFUSED			/* another scheme, or nothing that could be a token */
} RigBearerFound;

/* Finds the token in an Authorization header, Bearer or Token (NULL when there is none); it points into the header. */
extern RigBearerFound rig_bearer_read(const char *header, const char **token);

/* Whether an Idempotency-Key is 1 to 128 visible ASCII characters. */
extern bool rig_key_valid(const char *key);

#endif
