/*
 * Signed notes (C2SP signed-note): a text, an empty line, and lines of signatures. The signature covers the
 * text with its last line end, not the empty line. Only type 1, Ed25519, is made and checked here; lines of
 * other keys are kept apart and never trusted.
 */
#ifndef RIG_SIGNED_NOTE_H
#define RIG_SIGNED_NOTE_H

#include "buffer.h"
#include "note_key.h"

#define RIG_NOTE_MAX_BYTES (256 * 1024)
#define RIG_NOTE_MAX_SIGNATURES 64

/* One line; the texts point into the note that was parsed. */
typedef struct RigNoteSignature
{
	const char *name;
	size_t		name_length;
	uint8_t		id[RIG_NOTE_ID_BYTES];
	const char *encoded;		/* base64 of the id and the signature */
	size_t		encoded_length;
} RigNoteSignature;

typedef struct RigNote
{
	const char *text;
	size_t		text_length;
	int			count;
	RigNoteSignature signatures[RIG_NOTE_MAX_SIGNATURES];
} RigNote;

/* Appends the note of a text to a buffer. The text must be what a note may hold, ending in a line end. */
extern bool rig_note_sign(const RigNoteSigner *signer, const char *text, size_t length, RigBuffer *note);

/* Takes a note apart strictly. A parsed note says nothing yet: its text counts once it is verified. */
extern bool rig_note_parse(RigNote *note, const char *bytes, size_t size);

/*
 * Whether the key signed the text. A note with a line of this key that does not verify is refused even
 * beside one that does; lines of all other keys are ignored.
 */
extern bool rig_note_verify(const RigNote *note, const RigNoteVerifier *verifier);

#endif
