#include "note_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable_file.h"

static int
open_file(const char *path, off_t *size)
{
	struct stat status;
	int			fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
						  S_IRUSR | S_IWUSR | S_IRGRP);

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
	{
		*size = status.st_size;
		return fd;
	}
	close(fd);
	errno = EINVAL;
	return -1;
}

bool
rig_note_file_make(const char *path)
{
	off_t		size;
	int			fd = open_file(path, &size);

	return fd >= 0 && close(fd) == 0 && rig_file_sync_folder(path);
}

bool
rig_note_file_append(const char *path, const char *note, size_t length)
{
	off_t		size;
	int			fd = open_file(path, &size);
	bool		written;
	int			reason;

	if (fd < 0)
		return false;
	/* The line end also ends what a crash may have left of a note. */
	written = (size == 0 || rig_file_write_all(fd, "\n", 1)) && rig_file_write_all(fd, note, length) && fsync(fd) == 0;
	reason = errno;
	/* A part of a note is taken back, so that the last one in the file is whole. */
	if (!written && ftruncate(fd, size) != 0)
		reason = errno;
	written = close(fd) == 0 && written && (size > 0 || rig_file_sync_folder(path));
	if (!written)
		errno = reason;
	return written;
}
