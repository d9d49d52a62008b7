/* The file of the key that signs checkpoints: one line, readable by its owner alone. */
#ifndef RIG_NOTE_KEY_FILE_H
#define RIG_NOTE_KEY_FILE_H

#include "note_key.h"

/*
 * Makes a key under a name and writes it into a new file of mode 0600. An existing file is never touched:
 * with the key in it, everything that it signed would lose its proof. False with the reason in error,
 * which holds no part of the key.
 */
extern bool rig_note_key_create(const char *path, const char *name, char *error, size_t error_size);

/*
 * Reads a key for signing. Refuses a file that others may read or write, that belongs to another user, or
 * that is not a plain file (a link included).
 */
extern bool rig_note_key_load(RigNoteSigner *signer, const char *path, char *error, size_t error_size);

#endif
