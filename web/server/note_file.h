/*
 * The file that signed notes are appended to, for those who carry them away from this machine: an
 * empty line stands between two. It is opened for each note, so it may be moved away at any time.
 */
#ifndef RIG_NOTE_FILE_H
#define RIG_NOTE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Makes the file, of mode 0640, if it is not there. False with the reason in errno, here and below. */
extern bool rig_note_file_make(const char *path);

/* Appends a note and has it written to the disk. */
extern bool rig_note_file_append(const char *path, const char *note, size_t length);

#endif
