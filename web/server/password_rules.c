#include "password_rules.h"

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "buffer.h"

/* One password per line in lower case, with a line end before the first: a build product. */
static const char COMMON_PASSWORDS[] =
#include "common_passwords.inc"
	;

/* Longest text of RIG_PASSWORD_MAX_CHARACTERS characters. */
#define MAX_BYTES (RIG_PASSWORD_MAX_CHARACTERS * 4)

/* Characters in the bytes; counting stops when there are too many. */
static size_t
count_characters(const unsigned char *bytes, size_t length)
{
	size_t		count = 0;

	for (size_t i = 0; i < length && count <= RIG_PASSWORD_MAX_CHARACTERS; count++)
	{
		size_t		taken = rig_utf8_length(bytes + i, length - i);

		i += taken > 0 ? taken : 1;
	}
	return count;
}

static unsigned char
lower(unsigned char byte)
{
	return byte >= 'A' && byte <= 'Z' ? (unsigned char) (byte - 'A' + 'a') : byte;
}

/* All characters alike, or each the next one after its neighbour, up or down: 88888888, abcdefgh, 87654321. */
static bool
is_monotonous(const unsigned char *bytes, size_t length)
{
	int			step = lower(bytes[1]) - lower(bytes[0]);

	if (step < -1 || step > 1)
		return false;
	for (size_t i = 2; i < length; i++)
	{
		if (lower(bytes[i]) - lower(bytes[i - 1]) != step)
			return false;
	}
	return true;
}

/* Whether the password stands in the list, in any mix of cases. */
static bool
is_listed(const unsigned char *bytes, size_t length)
{
	char		line[MAX_BYTES + 3];
	size_t		end = 0;
	bool		found;

	/* A byte of these would end the line that is searched for. */
	if (memchr(bytes, '\0', length) != NULL || memchr(bytes, '\n', length) != NULL)
		return false;
	line[end++] = '\n';
	for (size_t i = 0; i < length; i++)
		line[end++] = (char) lower(bytes[i]);
	line[end++] = '\n';
	line[end] = '\0';
	found = strstr(COMMON_PASSWORDS, line) != NULL;
	OPENSSL_cleanse(line, sizeof(line));
	return found;
}

RigPasswordRule
rig_password_judge(const void *password, size_t length)
{
	size_t		characters = count_characters(password, length);

	if (characters < RIG_PASSWORD_MIN_CHARACTERS)
		return RIG_PASSWORD_TOO_SHORT;
	if (characters > RIG_PASSWORD_MAX_CHARACTERS)
		return RIG_PASSWORD_TOO_LONG;
	if (is_monotonous(password, length) || is_listed(password, length))
		return RIG_PASSWORD_COMMON;
	return RIG_PASSWORD_ALLOWED;
}

const char *
rig_password_rule_text(RigPasswordRule rule)
{
	switch (rule)
	{
		case RIG_PASSWORD_TOO_SHORT:
			return "a password has at least 8 characters";
		case RIG_PASSWORD_TOO_LONG:
			return "a password has at most 128 characters";
		case RIG_PASSWORD_COMMON:
			return "this password is among those that are tried first";
		case RIG_PASSWORD_ALLOWED:
			break;
	}
	return "the password is allowed";
}
