#include "signed_note.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "encoding.h"

#define LINE_PREFIX "\xe2\x80\x94 " /* an em dash and a blank */
#define SIGNATURE_BYTES 64
#define TYPED_SIGNATURE_BYTES (RIG_NOTE_ID_BYTES + SIGNATURE_BYTES)

static bool
sign_text(const RigNoteSigner *signer, const char *text, size_t length, uint8_t signature[SIGNATURE_BYTES])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t		size = SIGNATURE_BYTES;
	bool		made = context != NULL &&
		EVP_DigestSignInit(context, NULL, NULL, NULL, signer->key) == 1 &&
		EVP_DigestSign(context, signature, &size, (const unsigned char *) text, length) == 1 &&
		size == SIGNATURE_BYTES;

	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return made;
}

static bool
verify_text(const RigNoteVerifier *verifier, const char *text, size_t length, const uint8_t signature[SIGNATURE_BYTES])
{
	EVP_PKEY   *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, verifier->public_key, RIG_NOTE_KEY_BYTES);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool		right = key != NULL && context != NULL &&
		EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
		EVP_DigestVerify(context, signature, SIGNATURE_BYTES, (const unsigned char *) text, length) == 1;

	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	/* A wrong signature leaves an error behind that another user of this thread would take for its own. */
	ERR_clear_error();
	return right;
}

bool
rig_note_sign(const RigNoteSigner *signer, const char *text, size_t length, RigBuffer *note)
{
	uint8_t		typed[TYPED_SIGNATURE_BYTES];
	char		encoded[RIG_BASE64_SIZE(TYPED_SIGNATURE_BYTES)];

	if (length == 0 || length > RIG_NOTE_MAX_BYTES / 2 || text[length - 1] != '\n' ||
		!rig_note_text_valid(text, length) ||
		!sign_text(signer, text, length, typed + RIG_NOTE_ID_BYTES))
		return false;
	memcpy(typed, signer->verifier.id, RIG_NOTE_ID_BYTES);
	rig_encode(RIG_BASE64, typed, sizeof(typed), encoded);
	rig_buffer_append(note, text, length);
	rig_buffer_text(note, "\n" LINE_PREFIX);
	rig_buffer_text(note, signer->verifier.name);
	rig_buffer_text(note, " ");
	rig_buffer_text(note, encoded);
	rig_buffer_text(note, "\n");
	return true;
}

/* Reads one line without its end. */
static bool
parse_line(RigNoteSignature *signature, const char *line, size_t length)
{
	const size_t prefix = strlen(LINE_PREFIX);
	const char *end = line + length;
	const char *blank;
	uint8_t		start[6];		/* what the first eight digits hold */
	size_t		size;

	if (length < prefix || memcmp(line, LINE_PREFIX, prefix) != 0)
		return false;
	signature->name = line + prefix;
	blank = memchr(signature->name, ' ', (size_t) (end - signature->name));
	if (blank == NULL)
		return false;
	signature->name_length = (size_t) (blank - signature->name);
	signature->encoded = blank + 1;
	signature->encoded_length = (size_t) (end - signature->encoded);
	if (!rig_note_name_valid(signature->name, signature->name_length) ||
		!rig_decode(RIG_BASE64, signature->encoded, signature->encoded_length, NULL, 0, &size) ||
		size <= RIG_NOTE_ID_BYTES ||
		!rig_decode(RIG_BASE64, signature->encoded, 8, start, sizeof(start), &size))
		return false;
	memcpy(signature->id, start, RIG_NOTE_ID_BYTES);
	return true;
}

/* The last empty line ends the text, which may have empty lines itself; 0 when there is none. */
static size_t
find_text_end(const char *bytes, size_t size)
{
	for (size_t end = size; end >= 2; end--)
	{
		if (bytes[end - 1] == '\n' && bytes[end - 2] == '\n')
			return end - 1;
	}
	return 0;
}

bool
rig_note_parse(RigNote *note, const char *bytes, size_t size)
{
	size_t		position;

	memset(note, 0, sizeof(*note));
	if (size > RIG_NOTE_MAX_BYTES || !rig_note_text_valid(bytes, size))
		return false;
	note->text = bytes;
	note->text_length = find_text_end(bytes, size);
	if (note->text_length == 0)
		return false;
	for (position = note->text_length + 1; position < size;)
	{
		const char *line = bytes + position;
		const char *end = memchr(line, '\n', size - position);

		if (end == NULL || note->count == RIG_NOTE_MAX_SIGNATURES ||
			!parse_line(&note->signatures[note->count], line, (size_t) (end - line)))
			return false;
		note->count++;
		position += (size_t) (end - line) + 1;
	}
	return note->count > 0;
}

bool
rig_note_verify(const RigNote *note, const RigNoteVerifier *verifier)
{
	size_t		name_length = strlen(verifier->name);
	bool		signed_by_key = false;

	for (int i = 0; i < note->count; i++)
	{
		const RigNoteSignature *signature = &note->signatures[i];
		uint8_t		typed[TYPED_SIGNATURE_BYTES];
		size_t		size;

		if (signature->name_length != name_length || memcmp(signature->name, verifier->name, name_length) != 0 ||
			memcmp(signature->id, verifier->id, RIG_NOTE_ID_BYTES) != 0)
			continue;
		if (!rig_decode(RIG_BASE64, signature->encoded, signature->encoded_length, typed, sizeof(typed), &size) ||
			size != sizeof(typed) || !verify_text(verifier, note->text, note->text_length, typed + RIG_NOTE_ID_BYTES))
			return false;
		signed_by_key = true;
	}
	return signed_by_key;
}
