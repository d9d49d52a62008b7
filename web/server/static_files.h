/* The page: all files of a folder, read into memory once, with their compressed forms. */
#ifndef RIG_STATIC_FILES_H
#define RIG_STATIC_FILES_H

#include <stdbool.h>

/* Reads the folder; a missing one is logged and leaves the server without a page. */
extern void rig_static_files_load(const char *folder);

extern void rig_static_files_release(void);

#endif
