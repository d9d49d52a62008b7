#include "durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool
rig_file_write_all(int fd, const char *text, size_t length)
{
	while (length > 0)
	{
		ssize_t		written = write(fd, text, length);

		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0)
		{
			text += written;
			length -= (size_t) written;
		}
	}
	return true;
}

bool
rig_file_sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char		folder[RIG_PATH_SIZE];
	int			fd;
	bool		synced;

	if (slash == NULL)
		snprintf(folder, sizeof(folder), ".");
	else
		snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int) (slash - path), path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	synced = fsync(fd) == 0;
	close(fd);
	return synced;
}

bool
rig_file_replace(const char *path, const char *text, size_t length)
{
	char		other[RIG_PATH_SIZE];
	int			size = snprintf(other, sizeof(other), "%s.new", path);
	int			fd;
	bool		written;

	if (size < 0 || (size_t) size >= sizeof(other))
	{
		errno = ENAMETOOLONG;
		return false;
	}
	/* One that a crash left behind. */
	unlink(other);
	fd = open(other, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return false;
	written = rig_file_write_all(fd, text, length) && fsync(fd) == 0;
	return close(fd) == 0 && written && rename(other, path) == 0 && rig_file_sync_folder(path);
}
