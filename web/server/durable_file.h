/* Files that must survive a crash of the machine. What failed stands in errno. */
#ifndef RIG_DURABLE_FILE_H
#define RIG_DURABLE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#define RIG_PATH_SIZE 4096

extern bool rig_file_write_all(int fd, const char *text, size_t length);

/* Makes the name of a new file survive. */
extern bool rig_file_sync_folder(const char *path);

/* Puts a text in the place of what a file of mode 0600 holds: a crash leaves one of the two, whole. */
extern bool rig_file_replace(const char *path, const char *text, size_t length);

#endif
