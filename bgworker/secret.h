/*
 * Secrets are read from files, by the consumer, and never logged.
 */
#ifndef RIG_SECRET_H
#define RIG_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Read the secret in a file, without a line end at its end. directory, when
 * not empty, is where the file must be. On failure false, and error says why
 * without quoting the content.
 */
extern bool rig_secret_read(const char *path, const char *directory, char *secret, size_t secret_size,
							char *error, size_t error_size);

#endif
