#include "totp.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"

#define CODES 1000000			/* ten to the power of RIG_TOTP_DIGITS */
#define MAC_BYTES 20			/* of SHA-1 */

void
rig_totp_secret_make(char secret[RIG_TOTP_SECRET_SIZE])
{
	uint8_t		bytes[RIG_TOTP_SECRET_BYTES];

	rig_random_bytes(bytes, sizeof(bytes));
	rig_encode(RIG_BASE32, bytes, sizeof(bytes), secret);
	OPENSSL_cleanse(bytes, sizeof(bytes));
}

/* The code of RFC 4226 for a counter. */
static bool
compute_code(const uint8_t key[RIG_TOTP_SECRET_BYTES], uint64_t counter, char code[RIG_TOTP_CODE_SIZE])
{
	uint8_t		message[8];
	uint8_t		mac[MAC_BYTES];
	size_t		mac_size = 0;
	bool		computed;

	for (int i = 0; i < 8; i++)
		message[i] = (uint8_t) (counter >> (56 - 8 * i));
	computed = EVP_Q_mac(NULL, "HMAC", NULL, "SHA1", NULL, key, RIG_TOTP_SECRET_BYTES,
						 message, sizeof(message), mac, sizeof(mac), &mac_size) != NULL && mac_size == MAC_BYTES;
	if (computed)
	{
		const uint8_t *part = mac + (mac[MAC_BYTES - 1] & 0x0F);
		uint32_t	number = ((uint32_t) (part[0] & 0x7F) << 24) | ((uint32_t) part[1] << 16) |
			((uint32_t) part[2] << 8) | part[3];

		snprintf(code, RIG_TOTP_CODE_SIZE, "%06" PRIu32, number % CODES);
	}
	OPENSSL_cleanse(mac, sizeof(mac));
	return computed;
}

static bool
decode_secret(const char *secret, uint8_t key[RIG_TOTP_SECRET_BYTES])
{
	size_t		size;

	return rig_decode(RIG_BASE32, secret, strlen(secret), key, RIG_TOTP_SECRET_BYTES, &size) &&
		size == RIG_TOTP_SECRET_BYTES;
}

bool
rig_totp_code(const char *secret, int64_t step, char code[RIG_TOTP_CODE_SIZE])
{
	uint8_t		key[RIG_TOTP_SECRET_BYTES];
	bool		computed = step >= 0 && decode_secret(secret, key) && compute_code(key, (uint64_t) step, code);

	OPENSSL_cleanse(key, sizeof(key));
	return computed;
}

bool
rig_totp_verify(const char *secret, const char *code, int64_t now, int64_t *last_step)
{
	int64_t		current = now / RIG_TOTP_STEP_SECONDS;
	int64_t		found = RIG_TOTP_NEVER;
	uint8_t		key[RIG_TOTP_SECRET_BYTES];
	char		right[RIG_TOTP_CODE_SIZE];

	if (now < 0 || strlen(code) != RIG_TOTP_DIGITS || !decode_secret(secret, key))
	{
		OPENSSL_cleanse(key, sizeof(key));
		return false;
	}
	/* All are computed, whichever is right, and the latest counts: an earlier one must not be left usable. */
	for (int64_t step = current - RIG_TOTP_WINDOW; step <= current + RIG_TOTP_WINDOW; step++)
	{
		if (step >= 0 && compute_code(key, (uint64_t) step, right) &&
			CRYPTO_memcmp(right, code, RIG_TOTP_DIGITS) == 0)
			found = step;
	}
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(right, sizeof(right));
	if (found <= *last_step)
		return false;
	*last_step = found;
	return true;
}

/* Appends text with everything escaped that could end a part of a URI; false when it does not fit. */
static bool
append_escaped(char *uri, size_t size, size_t *length, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *text != '\0'; text++)
	{
		bool		escape = strchr(plain, *text) == NULL;

		if (*length + (escape ? 3 : 1) >= size)
			return false;
		if (escape)
			snprintf(uri + *length, 4, "%%%02X", (unsigned char) *text);
		else
			uri[*length] = *text;
		*length += escape ? 3 : 1;
		uri[*length] = '\0';
	}
	return true;
}

static bool
append_text(char *uri, size_t size, size_t *length, const char *text)
{
	size_t		more = strlen(text);

	if (*length + more >= size)
		return false;
	memcpy(uri + *length, text, more + 1);
	*length += more;
	return true;
}

bool
rig_totp_uri(const char *secret, const char *issuer, const char *account, char *uri, size_t size)
{
	size_t		length = 0;

	if (append_text(uri, size, &length, "otpauth://totp/") &&
		append_escaped(uri, size, &length, issuer) &&
		append_text(uri, size, &length, ":") &&
		append_escaped(uri, size, &length, account) &&
		append_text(uri, size, &length, "?secret=") &&
		append_text(uri, size, &length, secret) &&
		append_text(uri, size, &length, "&issuer=") &&
		append_escaped(uri, size, &length, issuer) &&
		append_text(uri, size, &length, "&algorithm=SHA1&digits=6&period=30"))
		return true;
	OPENSSL_cleanse(uri, size);
	return false;
}
