#include "note_key.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "encoding.h"

#define PRIVATE_PREFIX "PRIVATE+KEY+"
#define ID_DIGITS (RIG_NOTE_ID_BYTES * 2)
#define TYPE_ED25519 0x01
#define TYPED_KEY_BYTES (1 + RIG_NOTE_KEY_BYTES)

bool
rig_note_text_valid(const char *text, size_t length)
{
	const unsigned char *bytes = (const unsigned char *) text;
	size_t		taken;

	for (size_t i = 0; i < length; i += taken)
	{
		taken = rig_utf8_length(bytes + i, length - i);
		if (taken == 0 || (bytes[i] < 0x20 && bytes[i] != '\n'))
			return false;
	}
	return true;
}

/* Whether a sequence of valid UTF-8 is a character with the property White_Space. */
static bool
is_space(const unsigned char *bytes, size_t length)
{
	unsigned	code;

	if (length == 1)
		return bytes[0] == ' ' || (bytes[0] >= '\t' && bytes[0] <= '\r');
	if (length == 2)
		code = ((bytes[0] & 0x1Fu) << 6) | (bytes[1] & 0x3Fu);
	else if (length == 3)
		code = ((bytes[0] & 0x0Fu) << 12) | ((bytes[1] & 0x3Fu) << 6) | (bytes[2] & 0x3Fu);
	else
		return false;
	return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
		code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

bool
rig_note_name_valid(const char *name, size_t length)
{
	const unsigned char *bytes = (const unsigned char *) name;
	size_t		taken;

	if (length == 0 || !rig_note_text_valid(name, length))
		return false;
	for (size_t i = 0; i < length; i += taken)
	{
		taken = rig_utf8_length(bytes + i, length - i);
		if (bytes[i] == '+' || is_space(bytes + i, taken))
			return false;
	}
	return true;
}

bool
rig_note_verifier_init(RigNoteVerifier *verifier, const char *name, const uint8_t public_key[RIG_NOTE_KEY_BYTES])
{
	size_t		length = strlen(name);
	uint8_t		hashed[RIG_NOTE_NAME_MAX + 1 + TYPED_KEY_BYTES];
	uint8_t		digest[EVP_MAX_MD_SIZE];

	memset(verifier, 0, sizeof(*verifier));
	if (length > RIG_NOTE_NAME_MAX || !rig_note_name_valid(name, length))
		return false;
	memcpy(verifier->name, name, length);
	memcpy(verifier->public_key, public_key, RIG_NOTE_KEY_BYTES);
	memcpy(hashed, name, length);
	hashed[length] = '\n';
	hashed[length + 1] = TYPE_ED25519;
	memcpy(hashed + length + 2, public_key, RIG_NOTE_KEY_BYTES);
	if (EVP_Digest(hashed, length + 1 + TYPED_KEY_BYTES, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	memcpy(verifier->id, digest, RIG_NOTE_ID_BYTES);
	return true;
}

static void
format_id(const RigNoteVerifier *verifier, char text[ID_DIGITS + 1])
{
	snprintf(text, ID_DIGITS + 1, "%02x%02x%02x%02x",
			 verifier->id[0], verifier->id[1], verifier->id[2], verifier->id[3]);
}

/* Takes <name>+<id>+<base64> apart without judging the id; typed_key may hold a secret. */
static bool
split_key(const char *text, size_t length, char name[RIG_NOTE_NAME_MAX + 1], char id[ID_DIGITS + 1],
		  uint8_t typed_key[TYPED_KEY_BYTES])
{
	const char *plus = memchr(text, '+', length);
	size_t		name_length;
	size_t		size;

	if (plus == NULL)
		return false;
	name_length = (size_t) (plus - text);
	if (name_length > RIG_NOTE_NAME_MAX || !rig_note_name_valid(text, name_length) ||
		length < name_length + 1 + ID_DIGITS + 1 || plus[1 + ID_DIGITS] != '+')
		return false;
	memcpy(name, text, name_length);
	name[name_length] = '\0';
	memcpy(id, plus + 1, ID_DIGITS);
	id[ID_DIGITS] = '\0';
	plus += 1 + ID_DIGITS + 1;
	return rig_decode(RIG_BASE64, plus, length - (size_t) (plus - text), typed_key, TYPED_KEY_BYTES, &size) &&
		size == TYPED_KEY_BYTES && typed_key[0] == TYPE_ED25519;
}

static bool
has_id(const RigNoteVerifier *verifier, const char *id)
{
	char		own[ID_DIGITS + 1];

	format_id(verifier, own);
	return strcmp(own, id) == 0;
}

/* Writes <name>+<id>+<base64 of type and key>. */
static void
format_key(const RigNoteVerifier *verifier, const uint8_t key[RIG_NOTE_KEY_BYTES], char *text, size_t size)
{
	uint8_t		typed_key[TYPED_KEY_BYTES] = {TYPE_ED25519};
	char		encoded[RIG_BASE64_SIZE(TYPED_KEY_BYTES)];
	char		id[ID_DIGITS + 1];

	memcpy(typed_key + 1, key, RIG_NOTE_KEY_BYTES);
	rig_encode(RIG_BASE64, typed_key, sizeof(typed_key), encoded);
	format_id(verifier, id);
	snprintf(text, size, "%s+%s+%s", verifier->name, id, encoded);
	OPENSSL_cleanse(typed_key, sizeof(typed_key));
	OPENSSL_cleanse(encoded, sizeof(encoded));
}

bool
rig_note_verifier_parse(RigNoteVerifier *verifier, const char *text, size_t length)
{
	char		name[RIG_NOTE_NAME_MAX + 1];
	char		id[ID_DIGITS + 1];
	uint8_t		typed_key[TYPED_KEY_BYTES];

	return split_key(text, length, name, id, typed_key) &&
		rig_note_verifier_init(verifier, name, typed_key + 1) && has_id(verifier, id);
}

void
rig_note_verifier_format(const RigNoteVerifier *verifier, char text[RIG_NOTE_KEY_TEXT_SIZE])
{
	format_key(verifier, verifier->public_key, text, RIG_NOTE_KEY_TEXT_SIZE);
}

bool
rig_note_signer_init(RigNoteSigner *signer, const char *name, const uint8_t seed[RIG_NOTE_KEY_BYTES])
{
	uint8_t		public_key[RIG_NOTE_KEY_BYTES];
	size_t		size = sizeof(public_key);

	memset(signer, 0, sizeof(*signer));
	signer->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, RIG_NOTE_KEY_BYTES);
	if (signer->key != NULL && EVP_PKEY_get_raw_public_key(signer->key, public_key, &size) == 1 &&
		size == RIG_NOTE_KEY_BYTES && rig_note_verifier_init(&signer->verifier, name, public_key))
		return true;
	ERR_clear_error();
	rig_note_signer_release(signer);
	return false;
}

bool
rig_note_signer_parse(RigNoteSigner *signer, const char *text, size_t length)
{
	const size_t prefix = strlen(PRIVATE_PREFIX);
	char		name[RIG_NOTE_NAME_MAX + 1];
	char		id[ID_DIGITS + 1];
	uint8_t		typed_key[TYPED_KEY_BYTES];
	bool		parsed;

	memset(signer, 0, sizeof(*signer));
	parsed = length > prefix && memcmp(text, PRIVATE_PREFIX, prefix) == 0 &&
		split_key(text + prefix, length - prefix, name, id, typed_key) &&
		rig_note_signer_init(signer, name, typed_key + 1);
	OPENSSL_cleanse(typed_key, sizeof(typed_key));
	if (parsed && has_id(&signer->verifier, id))
		return true;
	rig_note_signer_release(signer);
	return false;
}

bool
rig_note_signer_format(const RigNoteSigner *signer, char text[RIG_NOTE_KEY_TEXT_SIZE])
{
	const size_t prefix = strlen(PRIVATE_PREFIX);
	uint8_t		seed[RIG_NOTE_KEY_BYTES];
	size_t		size = sizeof(seed);
	bool		known = EVP_PKEY_get_raw_private_key(signer->key, seed, &size) == 1 && size == RIG_NOTE_KEY_BYTES;

	if (known)
	{
		memcpy(text, PRIVATE_PREFIX, prefix);
		format_key(&signer->verifier, seed, text + prefix, RIG_NOTE_KEY_TEXT_SIZE - prefix);
	}
	OPENSSL_cleanse(seed, sizeof(seed));
	return known;
}

void
rig_note_signer_release(RigNoteSigner *signer)
{
	EVP_PKEY_free(signer->key);
	memset(signer, 0, sizeof(*signer));
}
