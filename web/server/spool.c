#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
rig_spool_open(void)
{
	const char *folder = getenv("TMPDIR");
	char		path[256];
	int			length;
	int			file;

	length = snprintf(path, sizeof(path), "%s/rigalpha-web.XXXXXX", folder != NULL && *folder != '\0' ? folder : "/tmp");
	if (length < 0 || (size_t) length >= sizeof(path))
		return -1;
	file = mkstemp(path);
	if (file < 0)
		return -1;
	unlink(path);
	fcntl(file, F_SETFD, FD_CLOEXEC);
	return file;
}

bool
rig_spool_write(int file, const char *bytes, size_t length)
{
	while (length > 0)
	{
		ssize_t		written = write(file, bytes, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		bytes += written;
		length -= (size_t) written;
	}
	return true;
}
