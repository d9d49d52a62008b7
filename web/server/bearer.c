#include "bearer.h"

#include <string.h>
#include <strings.h>

/* What clients of InfluxDB call it, too. */
static const char *const schemes[] = {"Bearer ", "Token "};

#define TOKEN_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

RigBearerFound
rig_bearer_read(const char *header, const char **token)
{
	size_t		length = 0;

	if (header == NULL)
		return RIG_BEARER_ABSENT;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]) && length == 0; i++)
	{
		if (strncasecmp(header, schemes[i], strlen(schemes[i])) == 0)
			length = strlen(schemes[i]);
	}
	if (length == 0)
		return RIG_BEARER_REFUSED;
	header += length;
	header += strspn(header, " ");
	length = strlen(header);
	if (length == 0 || length > RIG_BEARER_MAX || strspn(header, TOKEN_CHARACTERS) != length)
		return RIG_BEARER_REFUSED;
	*token = header;
	return RIG_BEARER_FOUND;
}

bool
rig_key_valid(const char *key)
{
	size_t		length = strlen(key);

	for (size_t i = 0; i < length; i++)
	{
		if (key[i] < '!' || key[i] > '~')
			return false;
	}
	return length >= 1 && length <= RIG_KEY_MAX;
}
