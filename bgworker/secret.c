#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* True when the resolved path lies below the resolved directory. */
static bool
lies_within(const char *path, const char *directory)
{
	char		resolved_path[PATH_MAX];
	char		resolved_directory[PATH_MAX];
	size_t		length;

	if (realpath(path, resolved_path) == NULL || realpath(directory, resolved_directory) == NULL)
		return false;
	length = strlen(resolved_directory);
	return strncmp(resolved_path, resolved_directory, length) == 0 && resolved_path[length] == '/';
}

/* Say what is wrong with an open secret file, NULL when nothing is. */
static const char *
find_fault(int file, size_t room)
{
	struct stat status;

	if (fstat(file, &status) != 0)
		return strerror(errno);
	if (!S_ISREG(status.st_mode))
		return "it is not a regular file";
	if ((status.st_mode & (S_IROTH | S_IWOTH)) != 0)
		return "other users of the machine can read or write it";
	if ((size_t) status.st_size >= room)
		return "it is too large";
	return NULL;
}

static const char *
read_file(const char *path, char *secret, size_t secret_size)
{
	int			file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *fault;
	ssize_t		length;

	if (file < 0)
		return strerror(errno);
	fault = find_fault(file, secret_size);
	if (fault == NULL)
	{
		length = read(file, secret, secret_size - 1);
		if (length < 0)
			fault = strerror(errno);
		else
		{
			while (length > 0 && (secret[length - 1] == '\n' || secret[length - 1] == '\r'))
				length--;
			secret[length] = '\0';
		}
	}
	close(file);
	return fault;
}

bool
rig_secret_read(const char *path, const char *directory, char *secret, size_t secret_size,
				char *error, size_t error_size)
{
	const char *fault;

	if (path[0] != '/')
		fault = "the path is not absolute";
	else if (directory[0] != '\0' && !lies_within(path, directory))
		fault = "it is missing or not below rigalpha_worker.secrets_directory";
	else
		fault = read_file(path, secret, secret_size);
	if (fault == NULL)
		return true;
	snprintf(error, error_size, "cannot use secret file \"%s\": %s", path, fault);
	return false;
}
