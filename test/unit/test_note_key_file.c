/* The file of the signing key: made once, for its owner alone, and refused when others may read it. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "note_key_file.h"
#include "tap.h"

#define ANOTHER_USER 65534

static char folder[64];
static char path[128];
static char error[256];

static size_t
read_file(char *text, size_t size)
{
	int			fd = open(path, O_RDONLY);
	ssize_t		length = fd >= 0 ? read(fd, text, size - 1) : -1;

	if (fd >= 0)
		close(fd);
	text[length > 0 ? length : 0] = '\0';
	return length > 0 ? (size_t) length : 0;
}

static void
write_file(const char *text, size_t length)
{
	int			fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, text, length) != (ssize_t) length)
		tap_ok(false, "could not write %s", path);
	if (fd >= 0)
		close(fd);
}

static bool
loads(void)
{
	RigNoteSigner signer;
	bool		loaded = rig_note_key_load(&signer, path, error, sizeof(error));

	rig_note_signer_release(&signer);
	return loaded;
}

static void
test_creation(void)
{
	RigNoteSigner signer;
	struct stat status;
	char		text[RIG_NOTE_KEY_TEXT_SIZE];
	char		again[RIG_NOTE_KEY_TEXT_SIZE];
	mode_t		mask = umask(0);

	tap_ok(!loads() && strstr(error, "No such file") != NULL, "there is no key yet");
	tap_ok(rig_note_key_create(path, "rigalpha/test", error, sizeof(error)), "a key is made");
	umask(mask);
	tap_ok(stat(path, &status) == 0 && (status.st_mode & 07777) == 0600, "for its owner alone, whatever the umask");
	tap_ok(rig_note_key_load(&signer, path, error, sizeof(error)) && strcmp(signer.verifier.name, "rigalpha/test") == 0 &&
		   rig_note_signer_format(&signer, again), "it is loaded");
	rig_note_signer_release(&signer);
	tap_ok(read_file(text, sizeof(text)) == strlen(again) + 1 && strncmp(text, again, strlen(again)) == 0, "as the file holds it");
	tap_ok(!rig_note_key_create(path, "rigalpha/other", error, sizeof(error)) && strstr(error, "exists") != NULL,
		   "a second time is refused");
	read_file(again, sizeof(again));
	tap_ok(strcmp(text, again) == 0, "and leaves the first key alone");
	unlink(path);
	tap_ok(!rig_note_key_create(path, "two words", error, sizeof(error)) && access(path, F_OK) != 0,
		   "a bad name leaves no file behind");
	tap_ok(rig_note_key_create(path, "rigalpha/test", error, sizeof(error)) && read_file(again, sizeof(again)) > 0 &&
		   strcmp(text, again) != 0, "each key is another");
}

static void
test_modes(void)
{
	static const mode_t refused[] = {0640, 0604, 0660, 0606, 0610, 0601, 0700, 0644, 0777, 04600, 01600};
	static const mode_t allowed[] = {0600, 0400};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		chmod(path, refused[i]);
		tap_ok(!loads() && strstr(error, "0600") != NULL, "mode %04o is refused", (unsigned) refused[i]);
	}
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
	{
		chmod(path, allowed[i]);
		tap_ok(loads(), "mode %04o is allowed", (unsigned) allowed[i]);
	}
	chmod(path, 0600);
	if (geteuid() == 0 && chown(path, ANOTHER_USER, (gid_t) -1) == 0)
	{
		tap_ok(!loads() && strstr(error, "another user") != NULL, "a file of another user is refused");
		if (chown(path, 0, (gid_t) -1) != 0)
			tap_note("could not take the file back");
	}
	else
		tap_ok(true, "a file of another user # SKIP only root can make one");
}

static void
test_contents(void)
{
	char		text[RIG_NOTE_KEY_TEXT_SIZE];
	char		changed[2 * RIG_NOTE_KEY_TEXT_SIZE];
	size_t		length = read_file(text, sizeof(text));
	const char *secret = strrchr(text, '+') - 20;
	int			changes = 0;

	write_file(text, length - 1);
	tap_ok(!loads(), "a line without its end is refused");
	snprintf(changed, sizeof(changed), "%s%s", text, text);
	write_file(changed, strlen(changed));
	tap_ok(!loads(), "two keys are refused");
	snprintf(changed, sizeof(changed), "%s\n", text);
	write_file(changed, strlen(changed));
	tap_ok(!loads(), "an empty line more is refused");
	write_file("", 0);
	tap_ok(!loads(), "an empty file is refused");
	for (size_t i = 0; i < length; i++)
	{
		strcpy(changed, text);
		changed[i] ^= 1;
		write_file(changed, length);
		if (!loads() && strstr(error, "one private key") != NULL && strstr(error, secret) == NULL)
			changes++;
	}
	tap_ok(changes == (int) length, "every change is refused, without telling the key: %d of %zu", changes, length);
	write_file(text, length);
	tap_ok(loads(), "the key itself is still good");
}

static void
test_kinds(void)
{
	char		real[sizeof(path) + 8];

	snprintf(real, sizeof(real), "%s.real", path);
	tap_ok(rename(path, real) == 0 && symlink(real, path) == 0 && !loads(), "a link is refused");
	unlink(path);
	tap_ok(symlink(real, path) == 0 && !rig_note_key_create(path, "n", error, sizeof(error)), "and not followed to make a key");
	unlink(path);
	tap_ok(mkfifo(path, 0600) == 0 && !loads() && strstr(error, "plain") != NULL, "a pipe is refused, not waited for");
	unlink(path);
	tap_ok(mkdir(path, 0700) == 0 && !loads() && strstr(error, "plain") != NULL, "a folder is refused");
	rmdir(path);
	unlink(real);
	snprintf(path, sizeof(path), "%s/no/key", folder);
	tap_ok(!rig_note_key_create(path, "n", error, sizeof(error)), "the folder must be there");
}

int
main(void)
{
	const char *temporary = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%.40s/rigkey.XXXXXX", temporary != NULL ? temporary : "/tmp");
	if (mkdtemp(folder) == NULL)
	{
		tap_ok(false, "a folder for the test");
		return tap_done();
	}
	snprintf(path, sizeof(path), "%s/key", folder);
	test_creation();
	test_modes();
	test_contents();
	test_kinds();
	tap_ok(rmdir(folder) == 0, "nothing is left behind");
	return tap_done();
}
