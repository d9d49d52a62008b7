/*
 * Signed notes and their keys: the example of Go's sumdb/note (another implementation), a checkpoint signed
 * by `openssl pkeyutl -sign -rawin`, and everything that a strict reader refuses.
 */
#include <string.h>

#include "encoding.h"
#include "signed_note.h"
#include "tap.h"

#define PETER "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define PETER_SECRET "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
#define ENOCH "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
#define TEXT "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
#define PETER_LINE "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
#define ENOCH_LINE "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
#define BAD_LINE "— PeterNeumann x08go/ZJkuCS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
#define NOTE TEXT "\n" PETER_LINE

#define LOG "rigalpha/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
#define LOG_KEY LOG "+fbe79b8d+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
#define LOG_TEXT LOG "\n20852163\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n" \
	"epoch 2 prev ny5tM6NxfugmNTpAS6RhjRrutoea15Nrzo7V9GgUkk0=\n" \
	"chains JkrUxqEWnZLu5mOtQrnsDozACXe13EUdZpifYoNWs7U=\n" \
	"guard qdQDTaB9jvMdsc1BGbakVS/fvRl4fihI5xyO47R3A6c=\n" \
	"time 1795549697123456\n"
#define LOG_NOTE LOG_TEXT "\n— " LOG " ++ebjb7bxksqdDfjyf2D8H0POJ0ObPtoIAQWy/2ItGY+l/oNzOhmjS1v/AhoTSS112beyohBTtwTIKFi8a7r84waaw8=\n"

static RigNoteVerifier
key_of(const char *text)
{
	RigNoteVerifier verifier;

	tap_ok(rig_note_verifier_parse(&verifier, text, strlen(text)), "a key: %.20s", text);
	return verifier;
}

static bool
verifies_bytes(const char *bytes, size_t size, const RigNoteVerifier *verifier)
{
	RigNote		note;

	return rig_note_parse(&note, bytes, size) && rig_note_verify(&note, verifier);
}

static bool
verifies(const char *text, const RigNoteVerifier *verifier)
{
	return verifies_bytes(text, strlen(text), verifier);
}

static bool
parses(const char *text)
{
	RigNote		note;

	return rig_note_parse(&note, text, strlen(text));
}

static void
test_interoperation(void)
{
	RigNoteVerifier peter = key_of(PETER);
	RigNoteVerifier enoch = key_of(ENOCH);
	RigNoteVerifier log = key_of(LOG_KEY);
	RigNoteSigner signer;
	RigBuffer	note = {0};
	RigNote		parsed;
	uint8_t		seed[RIG_NOTE_KEY_BYTES];

	tap_ok(verifies(NOTE, &peter) && !verifies(NOTE, &enoch), "a note of Go, by its key and by no other");
	tap_ok(verifies(NOTE ENOCH_LINE, &peter) && verifies(NOTE ENOCH_LINE, &enoch), "signed by two");
	tap_ok(rig_note_signer_parse(&signer, PETER_SECRET, strlen(PETER_SECRET)) &&
		   rig_note_sign(&signer, TEXT, strlen(TEXT), &note) && strcmp(note.data, NOTE) == 0, "the same note from its secret");
	rig_note_signer_release(&signer);
	rig_buffer_release(&note);

	for (int i = 0; i < RIG_NOTE_KEY_BYTES; i++)
		seed[i] = (uint8_t) i;
	tap_ok(verifies(LOG_NOTE, &log), "a checkpoint signed by openssl");
	tap_ok(rig_note_signer_init(&signer, LOG, seed) &&
		   rig_note_sign(&signer, LOG_TEXT, strlen(LOG_TEXT), &note) && strcmp(note.data, LOG_NOTE) == 0, "and by us");
	tap_ok(rig_note_parse(&parsed, note.data, note.length) &&
		   parsed.text_length == strlen(LOG_TEXT) && parsed.count == 1 &&
		   parsed.signatures[0].name_length == strlen(LOG) && memcmp(parsed.signatures[0].id, log.id, 4) == 0,
		   "its parts are found again");
	rig_note_signer_release(&signer);
	rig_buffer_release(&note);
}

/* Every text that differs from the note in one byte. */
static void
test_changes(void)
{
	RigNoteVerifier peter = key_of(PETER);
	char		changed[sizeof(NOTE)];
	bool		refused = true;

	for (size_t i = 0; i < strlen(NOTE); i++)
	{
		for (int bit = 0; bit < 8; bit++)
		{
			memcpy(changed, NOTE, sizeof(changed));
			changed[i] = (char) (changed[i] ^ (1 << bit));
			refused = refused && !verifies_bytes(changed, strlen(NOTE), &peter);
		}
		refused = refused && !verifies_bytes(NOTE, i, &peter);
		memmove(changed, NOTE, sizeof(changed));
		memmove(changed + i, changed + i + 1, strlen(NOTE) - i);
		refused = refused && !verifies(changed, &peter);
	}
	tap_ok(refused, "every flipped bit, missing byte and missing end is noticed");
	tap_ok(!verifies(NOTE BAD_LINE, &peter) && !verifies(TEXT "\n" BAD_LINE PETER_LINE, &peter),
		   "a wrong signature of the key spoils a right one");
	tap_ok(verifies(NOTE PETER_LINE, &peter), "twice the same is one");
	tap_ok(!verifies(TEXT "\n— PeterNeumann x08go/ZJ\n", &peter), "a short signature is none");
	tap_ok(verifies(NOTE "— other.example x08go/ZJ\n", &peter) && verifies(NOTE "— PeterNeumann AAAAAAAA\n", &peter),
		   "lines of unknown keys, by name or by id, are ignored");
	tap_ok(verifies(NOTE "— PeterNeumannX x08go/ZJ\n", &peter), "also of one whose name only begins alike");
	tap_ok(!verifies(TEXT "\n" PETER_LINE "\n" ENOCH_LINE, &peter), "the last empty line ends the text");
}

static void
test_shapes(void)
{
	static const char *const refused[] = {
		"", "\n", "\n\n", TEXT, TEXT "\n", TEXT PETER_LINE, "\n" PETER_LINE,
		TEXT "\n— PeterNeumann x08go/ZJ", TEXT "\n- PeterNeumann x08go/ZJ\n", TEXT "\n—PeterNeumann x08go/ZJ\n",
		TEXT "\n—  x08go/ZJ\n", TEXT "\n— PeterNeumann\n", TEXT "\n— PeterNeumann \n", TEXT "\n— Peter+Neumann x08go/ZJ\n",
		TEXT "\n— Peter\xc2\xa0Neumann x08go/ZJ\n", TEXT "\n— Peter\xe2\x80\x83Neumann x08go/ZJ\n",
		TEXT "\n— PeterNeumann x08go/ZJ \n", TEXT "\n— PeterNeumann  x08go/ZJ\n", TEXT "\n— PeterNeumann x08gow==\n",
		TEXT "\n— PeterNeumann x08go/Z\n", TEXT "\n— PeterNeumann x08go_ZJ\n", TEXT "\n— PeterNeumann x08go/ZJ\r\n",
		TEXT "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvB==\n", "a\tb\n\n— PeterNeumann x08go/ZJ\n",
		"\xff\n\n— PeterNeumann x08go/ZJ\n", "\xed\xa0\x80\n\n— PeterNeumann x08go/ZJ\n",
	};
	static const char line[] = "— n x08go/ZJ\n";
	RigBuffer	many = {0};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		tap_ok(!parses(refused[i]), "no note, case %zu", i);
	tap_ok(parses("\n\n" "— n x08go/ZJ\n") && parses("a\n\n\nb\n\n— ü.example/x x08go/Y=\n"), "notes all the same");
	rig_buffer_text(&many, TEXT "\n");
	for (int i = 0; i < RIG_NOTE_MAX_SIGNATURES; i++)
		rig_buffer_text(&many, line);
	tap_ok(parses(many.data), "%d signatures", RIG_NOTE_MAX_SIGNATURES);
	rig_buffer_text(&many, line);
	tap_ok(!parses(many.data), "and not one more");
	many.length = 0;
	while (many.length < RIG_NOTE_MAX_BYTES)
		rig_buffer_text(&many, TEXT);
	rig_buffer_text(&many, "\n" PETER_LINE);
	tap_ok(!parses(many.data), "nor any number of bytes");
	rig_buffer_release(&many);
}

static void
test_signing(void)
{
	RigNoteSigner signer;
	RigBuffer	note = {0};
	uint8_t		seed[RIG_NOTE_KEY_BYTES] = {1};

	rig_note_signer_init(&signer, "test.example/log", seed);
	tap_ok(rig_note_sign(&signer, "a\n\n— b\n", 9, &note) && verifies_bytes(note.data, note.length, &signer.verifier),
		   "a text may have empty lines, and lines like signatures");
	rig_buffer_release(&note);
	tap_ok(!rig_note_sign(&signer, "", 0, &note) && !rig_note_sign(&signer, "a", 1, &note) &&
		   !rig_note_sign(&signer, "a\0b\n", 4, &note) && !rig_note_sign(&signer, "a\r\n", 3, &note) &&
		   !rig_note_sign(&signer, "\xff\n", 2, &note) && note.length == 0, "what no note may hold is not signed");
	rig_note_signer_release(&signer);
}

static void
test_keys(void)
{
	static const char *const refused[] = {
		"", "+", "PeterNeumann", "PeterNeumann+c74f20a3", "PeterNeumann+c74f20a3+",
		"PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
		"PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a3+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		PETER "\n", PETER " ", " " PETER, PETER_SECRET,
	};
	static const char *const names[] = {"", "a b", "a+b", "a\nb", "\xc2\x85", "\xe3\x80\x80", "\xff"};
	RigNoteVerifier verifier;
	RigNoteSigner signer;
	char		text[RIG_NOTE_KEY_TEXT_SIZE];
	char		name[RIG_NOTE_NAME_MAX + 2];
	uint8_t		key[RIG_NOTE_KEY_BYTES] = {7};
	bool		right = true;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		tap_ok(!rig_note_verifier_parse(&verifier, refused[i], strlen(refused[i])), "no verifier key, case %zu", i);
	for (size_t from = 0; from < strlen(PETER); from++)
	{
		for (size_t length = 0; from + length < strlen(PETER) + (from > 0); length++)
			right = right && !rig_note_verifier_parse(&verifier, PETER + from, length);
	}
	tap_ok(right, "no part of a key is one");
	verifier = key_of("TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6");
	rig_note_verifier_format(&verifier, text);
	tap_ok(strcmp(text, "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6") == 0, "a plus in base64 is no separator");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tap_ok(!rig_note_verifier_init(&verifier, names[i], key) && !rig_note_signer_init(&signer, names[i], key),
			   "no name, case %zu", i);
	memset(name, 'n', sizeof(name));
	name[RIG_NOTE_NAME_MAX + 1] = '\0';
	tap_ok(!rig_note_signer_init(&signer, name, key), "a name has its limit");
	name[RIG_NOTE_NAME_MAX] = '\0';
	tap_ok(rig_note_signer_init(&signer, name, key) && rig_note_signer_format(&signer, text) &&
		   strlen(text) < RIG_NOTE_KEY_TEXT_SIZE - 2, "and its text a place at the limit");
	rig_note_signer_release(&signer);
	tap_ok(rig_note_signer_parse(&signer, text, strlen(text)) && strcmp(signer.verifier.name, name) == 0, "which is read again");
	rig_note_signer_release(&signer);
	tap_ok(!rig_note_signer_parse(&signer, PETER, strlen(PETER)) && signer.key == NULL, "a verifier key does not sign");
	tap_ok(!rig_note_signer_parse(&signer, "PRIVATE+KEY+PeterNeumann+c74f20a4+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz", 78) &&
		   signer.key == NULL, "nor does a secret under the id of another key");
}

int
main(void)
{
	test_interoperation();
	test_changes();
	test_shapes();
	test_signing();
	test_keys();
	return tap_done();
}
