/*
 * Ed25519 keys of signed notes (C2SP signed-note), as text that other implementations read too: a verifier
 * key is <name>+<id>+<base64 of type and public key>; a signer key is the same behind PRIVATE+KEY+, with the
 * seed in place of the public key.
 */
#ifndef RIG_NOTE_KEY_H
#define RIG_NOTE_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RIG_NOTE_NAME_MAX 120
#define RIG_NOTE_ID_BYTES 4
#define RIG_NOTE_KEY_BYTES 32	/* of the public key, and of the seed of the private one */
#define RIG_NOTE_KEY_TEXT_SIZE 256	/* holds either text */

struct evp_pkey_st;

/* What tells signatures of one key from those of others, and checks them. */
typedef struct RigNoteVerifier
{
	char		name[RIG_NOTE_NAME_MAX + 1];
	uint8_t		id[RIG_NOTE_ID_BYTES];
	uint8_t		public_key[RIG_NOTE_KEY_BYTES];
} RigNoteVerifier;

typedef struct RigNoteSigner
{
	RigNoteVerifier verifier;
	struct evp_pkey_st *key;	/* wiped by the library when released */
} RigNoteSigner;

/* Whether the bytes are UTF-8 without control characters other than line ends, as all of a note is. */
extern bool rig_note_text_valid(const char *text, size_t length);

/* Whether a key may have this name: such text, not empty, without blanks (of all Unicode), plus or line end. */
extern bool rig_note_name_valid(const char *name, size_t length);

/* Names a public key: fills in its id. False when the name is not valid or too long. */
extern bool rig_note_verifier_init(RigNoteVerifier *verifier, const char *name,
								   const uint8_t public_key[RIG_NOTE_KEY_BYTES]);

/* Reads the text of a verifier key strictly; its id must be the one that name and key have. */
extern bool rig_note_verifier_parse(RigNoteVerifier *verifier, const char *text, size_t length);

extern void rig_note_verifier_format(const RigNoteVerifier *verifier, char text[RIG_NOTE_KEY_TEXT_SIZE]);

/* Makes a key from a seed of 32 random bytes. */
extern bool rig_note_signer_init(RigNoteSigner *signer, const char *name, const uint8_t seed[RIG_NOTE_KEY_BYTES]);

/* Reads the text of a signer key, as strictly. */
extern bool rig_note_signer_parse(RigNoteSigner *signer, const char *text, size_t length);

/* The text holds the secret: the caller cleanses it. */
extern bool rig_note_signer_format(const RigNoteSigner *signer, char text[RIG_NOTE_KEY_TEXT_SIZE]);

extern void rig_note_signer_release(RigNoteSigner *signer);

#endif
