/* What the signer remembers, and the file that it publishes in: a crash, another process, a hand in between. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "note_file.h"
#include "note_key_file.h"
#include "signed_note.h"
#include "signer_state.h"
#include "tap.h"

#define LOG_ID "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"

static char folder[64];
static char key_path[128];
static char state_path[160];
static char notes_path[128];
static char error[RIG_PATH_SIZE + 128];

static size_t
read_file(const char *path, char *text, size_t size)
{
	int			fd = open(path, O_RDONLY);
	ssize_t		length = fd >= 0 ? read(fd, text, size - 1) : -1;

	if (fd >= 0)
		close(fd);
	text[length > 0 ? length : 0] = '\0';
	return length > 0 ? (size_t) length : 0;
}

static void
write_file(const char *path, const char *text, size_t length)
{
	int			fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, text, length) != (ssize_t) length)
		tap_ok(false, "could not write %s", path);
	if (fd >= 0)
		close(fd);
}

static unsigned
mode_of(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? (unsigned) (status.st_mode & 07777) : 0;
}

static bool
opens(RigSignerState *state)
{
	return rig_signer_state_open(state, key_path, error, sizeof(error));
}

static void
test_signing(void)
{
	RigSignerState state;
	RigSignerState second;
	RigCheckpoint checkpoint = {.log_id = LOG_ID, .size = 5, .time = 7};
	RigBuffer	note = {0};
	RigNote		parsed;
	char		text[4096];

	tap_ok(opens(&state) && !state.has_signed, "at first nothing was signed");
	tap_ok(!opens(&second) && strstr(error, "another process") != NULL, "one process at a time has the key");
	tap_ok(rig_signer_state_sign(&state, &checkpoint, &note, error, sizeof(error)) && state.has_signed &&
		   state.last.size == 5, "a checkpoint is signed");
	tap_ok(read_file(state_path, text, sizeof(text)) == note.length && strcmp(text, note.data) == 0 &&
		   mode_of(state_path) == 0600, "the state is its note");
	tap_ok(rig_note_parse(&parsed, note.data, note.length) && rig_note_verify(&parsed, &state.signer.verifier),
		   "which is good");
	note.length = 0;
	checkpoint.size = 6;
	tap_ok(rig_signer_state_sign(&state, &checkpoint, &note, error, sizeof(error)), "the next one follows");
	rig_signer_state_close(&state);
	tap_ok(opens(&state) && state.has_signed && state.last.size == 6 && state.last.time == 7 &&
		   strcmp(state.last.log_id, LOG_ID) == 0, "it is remembered");
	note.length = 0;
	checkpoint.log_id[0] = 'x';
	tap_ok(!rig_signer_state_sign(&state, &checkpoint, &note, error, sizeof(error)) && note.length == 0 &&
		   state.last.size == 6, "what is no checkpoint is not signed");
	rig_signer_state_close(&state);
	rig_buffer_release(&note);
}

static void
test_unwritable(void)
{
	RigSignerState state;
	RigCheckpoint checkpoint = {.log_id = LOG_ID, .size = 7};
	RigBuffer	note = {0};

	tap_ok(opens(&state), "the key is free again");
	snprintf(state.path, sizeof(state.path), "%s/no/state", folder);
	tap_ok(!rig_signer_state_sign(&state, &checkpoint, &note, error, sizeof(error)) &&
		   strstr(error, "No such file") != NULL && state.last.size == 6, "what cannot be kept does not count as signed");
	rig_signer_state_close(&state);
	rig_buffer_release(&note);
}

static void
test_damage(void)
{
	RigSignerState state;
	char		text[4096];
	size_t		length = read_file(state_path, text, sizeof(text));
	int			refused = 0;

	for (size_t i = 0; i < length; i++)
	{
		text[i] ^= 1;
		write_file(state_path, text, length);
		refused += !opens(&state);
		text[i] ^= 1;
	}
	tap_ok(refused == (int) length, "a changed state is refused: %d of %zu", refused, length);
	write_file(state_path, text, length - 1);
	tap_ok(!opens(&state) && strstr(error, "this key signed") != NULL, "as is a part of one");
	write_file(state_path, text, 0);
	tap_ok(!opens(&state), "an empty one is not taken for none");
	write_file(state_path, text, length);
	tap_ok(opens(&state), "the state itself is still good");
	rig_signer_state_close(&state);
}

static void
test_set_aside(void)
{
	RigSignerState state;
	char		kept[RIG_PATH_SIZE];
	char		text[4096];

	tap_ok(opens(&state) && rig_signer_state_set_aside(&state, kept, error, sizeof(error)) && !state.has_signed,
		   "the state is set aside");
	tap_ok(read_file(kept, text, sizeof(text)) > 0 && strncmp(kept, state_path, strlen(state_path)) == 0 &&
		   access(state_path, F_OK) != 0, "and kept under another name");
	tap_ok(!rig_signer_state_set_aside(&state, text, error, sizeof(error)), "once");
	rig_signer_state_close(&state);
	unlink(kept);
	tap_ok(opens(&state) && !state.has_signed, "then everything begins anew");
	rig_signer_state_close(&state);
	chmod(key_path, 0644);
	tap_ok(!opens(&state) && strstr(error, "0644") != NULL, "not with a key that others may read");
	chmod(key_path, 0600);
}

static void
test_note_file(void)
{
	char		text[256];
	mode_t		mask = umask(0);

	tap_ok(rig_note_file_make(notes_path) && mode_of(notes_path) == 0640, "the file of the notes is made");
	umask(mask);
	tap_ok(rig_note_file_append(notes_path, "one\n", 4) && rig_note_file_append(notes_path, "two\n", 4) &&
		   rig_note_file_make(notes_path) && read_file(notes_path, text, sizeof(text)) == 9 &&
		   strcmp(text, "one\n\ntwo\n") == 0, "notes are appended, an empty line between them");
	write_file(notes_path, "one\n\nt", 6);
	tap_ok(rig_note_file_append(notes_path, "two\n", 4) && read_file(notes_path, text, sizeof(text)) == 11 &&
		   strcmp(text, "one\n\nt\ntwo\n") == 0, "behind what a crash left the next one begins a line");
	unlink(notes_path);
	tap_ok(rig_note_file_append(notes_path, "new\n", 4) && read_file(notes_path, text, sizeof(text)) == 4,
		   "a file that was moved away begins anew");
	unlink(notes_path);
	tap_ok(mkfifo(notes_path, 0600) == 0 && !rig_note_file_append(notes_path, "one\n", 4), "a pipe is refused");
	unlink(notes_path);
	tap_ok(!rig_note_file_append("/dev/full", "one\n", 4), "a device too");
}

int
main(void)
{
	const char *temporary = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%.40s/rigstate.XXXXXX", temporary != NULL ? temporary : "/tmp");
	if (mkdtemp(folder) == NULL)
	{
		tap_ok(false, "a folder for the test");
		return tap_done();
	}
	snprintf(key_path, sizeof(key_path), "%s/key", folder);
	snprintf(state_path, sizeof(state_path), "%s.state", key_path);
	snprintf(notes_path, sizeof(notes_path), "%s/notes", folder);
	tap_ok(rig_note_key_create(key_path, "rigalpha/test", error, sizeof(error)), "a key is made");
	test_signing();
	test_unwritable();
	test_damage();
	test_set_aside();
	test_note_file();
	unlink(key_path);
	tap_ok(rmdir(folder) == 0, "nothing is left behind");
	return tap_done();
}
