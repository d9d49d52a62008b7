#include "note_key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "durable_file.h"

static bool
make_key_text(const char *name, char text[RIG_NOTE_KEY_TEXT_SIZE])
{
	RigNoteSigner signer;
	uint8_t		seed[RIG_NOTE_KEY_BYTES];
	bool		made;

	rig_random_bytes(seed, sizeof(seed));
	made = rig_note_signer_init(&signer, name, seed);
	OPENSSL_cleanse(seed, sizeof(seed));
	if (made)
	{
		made = rig_note_signer_format(&signer, text);
		rig_note_signer_release(&signer);
	}
	return made;
}

bool
rig_note_key_create(const char *path, const char *name, char *error, size_t error_size)
{
	char		text[RIG_NOTE_KEY_TEXT_SIZE];
	int			fd;
	bool		written;

	if (!make_key_text(name, text))
	{
		snprintf(error, error_size, "could not make a key: its name must have 1 to %d bytes of UTF-8 without blanks and +",
				 RIG_NOTE_NAME_MAX);
		return false;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd < 0)
	{
		OPENSSL_cleanse(text, sizeof(text));
		snprintf(error, error_size, "could not create %s: %s", path, strerror(errno));
		return false;
	}
	written = rig_file_write_all(fd, text, strlen(text)) && rig_file_write_all(fd, "\n", 1) && fsync(fd) == 0;
	OPENSSL_cleanse(text, sizeof(text));
	written = close(fd) == 0 && written && rig_file_sync_folder(path);
	if (!written)
	{
		snprintf(error, error_size, "could not write %s: %s", path, strerror(errno));
		unlink(path);
	}
	return written;
}

/* Opens the file if it is fit to hold a secret; -1 with the reason in error. */
static int
open_private(const char *path, char *error, size_t error_size)
{
	struct stat status;
	int			fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) != 0)
		snprintf(error, error_size, "could not open %s: %s", path, strerror(errno));
	else if (!S_ISREG(status.st_mode))
		snprintf(error, error_size, "%s is not a plain file", path);
	else if (status.st_uid != geteuid())
		snprintf(error, error_size, "%s belongs to another user", path);
	else if ((status.st_mode & 07777 & ~(mode_t) (S_IRUSR | S_IWUSR)) != 0)
		snprintf(error, error_size, "%s has mode %04o, and a private key must have 0600", path,
				 (unsigned) (status.st_mode & 07777));
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

bool
rig_note_key_load(RigNoteSigner *signer, const char *path, char *error, size_t error_size)
{
	char		text[RIG_NOTE_KEY_TEXT_SIZE];
	size_t		length = 0;
	ssize_t		got;
	int			fd = open_private(path, error, error_size);
	bool		loaded;

	memset(signer, 0, sizeof(*signer));
	if (fd < 0)
		return false;
	while (length < sizeof(text) &&
		   ((got = read(fd, text + length, sizeof(text) - length)) > 0 || (got < 0 && errno == EINTR)))
		length += got > 0 ? (size_t) got : 0;
	close(fd);
	loaded = length > 0 && length < sizeof(text) && text[length - 1] == '\n' &&
		rig_note_signer_parse(signer, text, length - 1);
	OPENSSL_cleanse(text, sizeof(text));
	if (!loaded)
		snprintf(error, error_size, "%s does not hold one private key of signed notes", path);
	return loaded;
}
