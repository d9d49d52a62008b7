#include "signer_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "clock.h"
#include "note_key_file.h"
#include "signed_note.h"

#define STATE_MAX_BYTES 4096

/* Reads the whole state; 0 bytes when there is none, -1 with errno when it cannot be read. */
static ssize_t
read_state(const char *path, char text[STATE_MAX_BYTES])
{
	int			fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t		length = 0;
	ssize_t		got;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	while ((got = read(fd, text + length, (size_t) (STATE_MAX_BYTES - length))) > 0 || (got < 0 && errno == EINTR))
		length += got > 0 ? got : 0;
	close(fd);
	if (got == 0 && length > 0)
		return length;
	/* An empty state is no absent one: somebody has emptied it. */
	errno = got < 0 ? errno : EINVAL;
	return -1;
}

static bool
load_last(RigSignerState *state, char *error, size_t error_size)
{
	char		text[STATE_MAX_BYTES];
	ssize_t		length = read_state(state->path, text);
	RigNote		note;

	state->has_signed = length > 0;
	if (length < 0)
		snprintf(error, error_size, "could not read %s: %s", state->path, strerror(errno));
	if (length <= 0)
		return length == 0;
	if (rig_note_parse(&note, text, (size_t) length) && rig_note_verify(&note, &state->signer.verifier) &&
		rig_checkpoint_parse(&state->last, note.text, note.text_length))
		return true;
	snprintf(error, error_size, "%s is no checkpoint that this key signed", state->path);
	return false;
}

static bool
lock_key(RigSignerState *state, const char *key_path, char *error, size_t error_size)
{
	state->lock_fd = open(key_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (state->lock_fd >= 0 && flock(state->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	snprintf(error, error_size, "%s: %s", key_path, errno == EWOULDBLOCK ? "another process signs with it" : strerror(errno));
	return false;
}

bool
rig_signer_state_open(RigSignerState *state, const char *key_path, char *error, size_t error_size)
{
	int			size;

	memset(state, 0, sizeof(*state));
	state->lock_fd = -1;
	size = snprintf(state->path, sizeof(state->path), "%s.state", key_path);
	if (size < 0 || (size_t) size >= sizeof(state->path))
	{
		snprintf(error, error_size, "the path of the key is too long");
		return false;
	}
	if (rig_note_key_load(&state->signer, key_path, error, error_size) &&
		lock_key(state, key_path, error, error_size) &&
		load_last(state, error, error_size))
		return true;
	rig_signer_state_close(state);
	return false;
}

bool
rig_signer_state_sign(RigSignerState *state, const RigCheckpoint *checkpoint, RigBuffer *note,
					  char *error, size_t error_size)
{
	RigBuffer	text = {0};
	bool		done = rig_checkpoint_format(checkpoint, &text) &&
		rig_note_sign(&state->signer, text.data, text.length, note);

	rig_buffer_release(&text);
	if (!done)
		snprintf(error, error_size, "the checkpoint could not be signed");
	else if (!rig_file_replace(state->path, note->data, note->length))
	{
		snprintf(error, error_size, "could not write %s: %s", state->path, strerror(errno));
		done = false;
	}
	if (!done)
		return false;
	state->last = *checkpoint;
	state->has_signed = true;
	return true;
}

bool
rig_signer_state_set_aside(RigSignerState *state, char kept[RIG_PATH_SIZE], char *error, size_t error_size)
{
	char		now[40];
	int			size;

	rig_clock_format(now, sizeof(now));
	size = snprintf(kept, RIG_PATH_SIZE, "%s.%s", state->path, now);
	if (size > 0 && size < RIG_PATH_SIZE && rename(state->path, kept) == 0 && rig_file_sync_folder(kept))
	{
		state->has_signed = false;
		return true;
	}
	snprintf(error, error_size, "could not set %s aside: %s", state->path, strerror(errno));
	return false;
}

void
rig_signer_state_close(RigSignerState *state)
{
	rig_note_signer_release(&state->signer);
	if (state->lock_fd >= 0)
		close(state->lock_fd);
	state->lock_fd = -1;
}
