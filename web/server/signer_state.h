/*
 * What the signer must not forget: the note that it signed last, in a file beside its key. It is
 * written before the note is published, so the signer never signs a history that differs from one it
 * has signed. One process at a time holds the key.
 */
#ifndef RIG_SIGNER_STATE_H
#define RIG_SIGNER_STATE_H

#include "checkpoint_note.h"
#include "durable_file.h"
#include "note_key.h"

typedef struct RigSignerState
{
	RigNoteSigner signer;
	int			lock_fd;		/* of the key, which is locked */
	bool		has_signed;
	RigCheckpoint last;			/* valid if it has signed */
	char		path[RIG_PATH_SIZE];	/* of the state: that of the key and .state */
} RigSignerState;

/*
 * Takes the key and reads what it signed last. False with the reason in error when the key is not fit
 * for use or in use, and when the state is not one that this key signed.
 */
extern bool rig_signer_state_open(RigSignerState *state, const char *key_path, char *error, size_t error_size);

/* Signs a checkpoint and keeps it before anybody sees the note; false with the reason in error. */
extern bool rig_signer_state_sign(RigSignerState *state, const RigCheckpoint *checkpoint, RigBuffer *note,
								  char *error, size_t error_size);

/*
 * Forgets what was signed, so that whatever log comes next is accepted. The old state stays beside it,
 * under the name that is written into kept.
 */
extern bool rig_signer_state_set_aside(RigSignerState *state, char kept[RIG_PATH_SIZE], char *error, size_t error_size);

extern void rig_signer_state_close(RigSignerState *state);

#endif
