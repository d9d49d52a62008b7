#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "options.h"

uint64_t
rig_lock_key(const char *target)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *at = target; *at; at++)
		hash = (hash ^ (unsigned char) *at) * UINT64_C(0x100000001b3);
	return hash;
}

/*
 * An existing file is opened without O_CREAT: in a sticky folder the kernel refuses
 * that flag for files of another user, and a shared lock file is just that.
 */
static int
open_lock_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == EACCES)
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	return fd;
}

static void
refuse_start(const char *target, int fd)
{
	char owner[32] = "";
	ssize_t length = pread(fd, owner, sizeof(owner) - 1, 0);

	owner[length > 0 ? length : 0] = '\0';
	owner[strcspn(owner, "\n")] = '\0';
	/* A holder that could not write its number leaves that of an earlier one. */
	if (kill((pid_t) atol(owner), 0) != 0 && errno == ESRCH)
		owner[0] = '\0';
	fprintf(stderr, "rigalpha-sim: another simulator (process %s) already sends to %s; "
					"stop it, or choose another target\n",
			owner[0] ? owner : "unknown", target);
	exit(RIG_EXIT_BUSY);
}

void
rig_lock_take(const char *target)
{
	const char *folder = getenv("XDG_RUNTIME_DIR");
	char path[512];
	int fd;

	if (folder == NULL || access(folder, W_OK) != 0)
		folder = "/tmp";
	snprintf(path, sizeof(path), "%s/rigalpha-sim-%016" PRIx64 ".lock", folder, rig_lock_key(target));
	fd = open_lock_file(path);
	if (fd < 0)
	{
		fprintf(stderr, "rigalpha-sim: cannot open lock file \"%s\": %s\n", path, strerror(errno));
		exit(EXIT_FAILURE);
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		refuse_start(target, fd);

	/* The pid is for the message of the refused one only; a file of another user stays as it is. */
	if (ftruncate(fd, 0) == 0)
		dprintf(fd, "%ld\n", (long) getpid());
}
