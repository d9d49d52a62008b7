#include "password_phc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "encoding.h"

#define PREFIX "$argon2id$v=19$"

static bool
skip_text(const char **text, const char *expected)
{
	size_t		length = strlen(expected);

	if (strncmp(*text, expected, length) != 0)
		return false;
	*text += length;
	return true;
}

/* A decimal number of at most seven digits, without leading zeros, within [least, most]. */
static bool
read_number(const char **text, uint32_t least, uint32_t most, uint32_t *value)
{
	size_t		digits = strspn(*text, "0123456789");

	if (digits == 0 || digits > 7 || **text == '0')
		return false;
	*value = 0;
	for (size_t i = 0; i < digits; i++)
		*value = *value * 10 + (uint32_t) ((*text)[i] - '0');
	*text += digits;
	return *value >= least && *value <= most;
}

/* Base64 up to a dollar sign or the end. */
static bool
read_bytes(const char **text, uint8_t bytes[RIG_PHC_MAX_BYTES], size_t *size)
{
	size_t		length = strcspn(*text, "$");
	const char *start = *text;

	*text += length;
	return rig_decode(RIG_BASE64_BARE, start, length, bytes, RIG_PHC_MAX_BYTES, size) && *size >= RIG_PHC_MIN_BYTES;
}

bool
rig_phc_parse(RigPhc *phc, const char *text)
{
	memset(phc, 0, sizeof(*phc));
	return skip_text(&text, PREFIX) &&
		skip_text(&text, "m=") && read_number(&text, 8, RIG_PHC_MAX_MEMORY_KIB, &phc->memory_kib) &&
		skip_text(&text, ",t=") && read_number(&text, 1, RIG_PHC_MAX_PASSES, &phc->passes) &&
		skip_text(&text, ",p=") && read_number(&text, 1, RIG_PHC_MAX_LANES, &phc->lanes) &&
		phc->memory_kib >= 8 * phc->lanes &&
		skip_text(&text, "$") && read_bytes(&text, phc->salt, &phc->salt_size) &&
		skip_text(&text, "$") && read_bytes(&text, phc->hash, &phc->hash_size) &&
		*text == '\0';
}

void
rig_phc_format(const RigPhc *phc, char text[RIG_PHC_SIZE])
{
	char		salt[RIG_BASE64_SIZE(RIG_PHC_MAX_BYTES)];
	char		hash[RIG_BASE64_SIZE(RIG_PHC_MAX_BYTES)];

	rig_encode(RIG_BASE64_BARE, phc->salt, phc->salt_size, salt);
	rig_encode(RIG_BASE64_BARE, phc->hash, phc->hash_size, hash);
	snprintf(text, RIG_PHC_SIZE, PREFIX "m=%" PRIu32 ",t=%" PRIu32 ",p=%" PRIu32 "$%s$%s",
			 phc->memory_kib, phc->passes, phc->lanes, salt, hash);
	explicit_bzero(hash, sizeof(hash));
}
