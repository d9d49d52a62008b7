#include "session_token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "encoding.h"

#define COOKIE_ATTRIBUTES "; Path=/; Secure; HttpOnly; SameSite=Strict"
#define DEVICE_PREFIX "rig_"
#define DEVICE_ID_BYTES 5
#define DEVICE_ID_DIGITS "abcdefghijklmnopqrstuvwxyz234567"

void
rig_session_token_make(char token[RIG_SESSION_TOKEN_SIZE])
{
	uint8_t		bytes[RIG_SECRET_BYTES];

	rig_random_bytes(bytes, sizeof(bytes));
	rig_encode(RIG_BASE64_URL, bytes, sizeof(bytes), token);
	OPENSSL_cleanse(bytes, sizeof(bytes));
}

bool
rig_session_token_valid(const char *token, size_t length)
{
	size_t		size;

	return length == RIG_SECRET_CHARACTERS && rig_decode(RIG_BASE64_URL, token, length, NULL, 0, &size);
}

bool
rig_token_hash(const char *token, uint8_t hash[RIG_TOKEN_HASH_BYTES])
{
	unsigned	size = 0;

	return EVP_Digest(token, strlen(token), hash, &size, EVP_sha256(), NULL) == 1 && size == RIG_TOKEN_HASH_BYTES;
}

/*
 * Pairs are taken exactly as browsers write them, name=value joined by "; ". Nothing is trimmed, unquoted or
 * compared without case: a neighbour of our host can plant cookies whose name only looks like ours, because
 * the browser's guarantees for __Host- hold for the exact name. For the same reason two of them are refused
 * instead of choosing one.
 */
RigCookieFound
rig_session_cookie_read(const char *header, char token[RIG_SESSION_TOKEN_SIZE])
{
	const size_t name_length = strlen(RIG_SESSION_COOKIE "=");
	const char *value = NULL;
	size_t		value_length = 0;

	while (header != NULL && *header != '\0')
	{
		size_t		length = strcspn(header, ";");

		if (length >= name_length && memcmp(header, RIG_SESSION_COOKIE "=", name_length) == 0)
		{
			if (value != NULL)
				return RIG_COOKIE_REFUSED;
			value = header + name_length;
			value_length = length - name_length;
		}
		header += length;
		if (*header == ';')
			header++;
		if (*header == ' ')
			header++;
	}
	if (value == NULL)
		return RIG_COOKIE_ABSENT;
	if (!rig_session_token_valid(value, value_length))
		return RIG_COOKIE_REFUSED;
	memcpy(token, value, value_length);
	token[value_length] = '\0';
	return RIG_COOKIE_FOUND;
}

void
rig_session_cookie_set(const char *token, char text[RIG_SESSION_COOKIE_SIZE])
{
	snprintf(text, RIG_SESSION_COOKIE_SIZE, RIG_SESSION_COOKIE "=%.*s" COOKIE_ATTRIBUTES,
			 RIG_SECRET_CHARACTERS, token);
}

void
rig_session_cookie_clear(char text[RIG_SESSION_COOKIE_SIZE])
{
	snprintf(text, RIG_SESSION_COOKIE_SIZE, RIG_SESSION_COOKIE "=; Max-Age=0" COOKIE_ATTRIBUTES);
}

void
rig_device_token_make(char token[RIG_DEVICE_TOKEN_SIZE])
{
	uint8_t		id[DEVICE_ID_BYTES];
	char	   *end = token + strlen(DEVICE_PREFIX);

	memcpy(token, DEVICE_PREFIX, strlen(DEVICE_PREFIX));
	rig_random_bytes(id, sizeof(id));
	rig_encode(RIG_BASE32, id, sizeof(id), end);
	for (int i = 0; i < RIG_DEVICE_ID_CHARACTERS; i++)
	{
		if (end[i] >= 'A')
			end[i] = (char) (end[i] - 'A' + 'a');
	}
	end += RIG_DEVICE_ID_CHARACTERS;
	*end++ = '_';
	rig_session_token_make(end);
}

bool
rig_device_token_parse(const char *token, char id[RIG_DEVICE_ID_CHARACTERS + 1])
{
	const char *start = token + strlen(DEVICE_PREFIX);

	if (strnlen(token, RIG_DEVICE_TOKEN_SIZE) != RIG_DEVICE_TOKEN_SIZE - 1 ||
		strncmp(token, DEVICE_PREFIX, strlen(DEVICE_PREFIX)) != 0 ||
		strspn(start, DEVICE_ID_DIGITS) != RIG_DEVICE_ID_CHARACTERS ||
		start[RIG_DEVICE_ID_CHARACTERS] != '_' ||
		!rig_session_token_valid(start + RIG_DEVICE_ID_CHARACTERS + 1, RIG_SECRET_CHARACTERS))
		return false;
	memcpy(id, start, RIG_DEVICE_ID_CHARACTERS);
	id[RIG_DEVICE_ID_CHARACTERS] = '\0';
	return true;
}
