/*
 * A file without a name that holds an answer of any size until it is sent: memory stays small, no client
 * that reads slowly holds a connection of the database, and a failure still gets an answer of its own.
 */
#ifndef RIG_SPOOL_H
#define RIG_SPOOL_H

#include <stdbool.h>
#include <stddef.h>

/* Opens one in TMPDIR, else in /tmp; -1 when the system refuses. */
extern int	rig_spool_open(void);

/* Appends; false when the disk is full or fails. */
extern bool rig_spool_write(int file, const char *bytes, size_t length);

#endif
