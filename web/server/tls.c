#include "tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"

#define FILE_MAX (1 << 20)

/* The whole of an open file, which it closes; NULL with the reason in error. */
static char *
read_open_file(int fd, const char *path, off_t size, char *error, size_t error_size)
{
	char	   *text = rig_allocate((size_t) size + 1);
	size_t		length = 0;
	ssize_t		got;

	while ((got = read(fd, text + length, (size_t) size - length)) > 0)
		length += (size_t) got;
	close(fd);
	if (got == 0 && length == (size_t) size && memchr(text, '\0', length) == NULL)
		return text;
	OPENSSL_cleanse(text, (size_t) size);
	free(text);
	snprintf(error, error_size, "%s cannot be read, or is no text", path);
	return NULL;
}

/* Symbolic links are followed: tools that renew certificates work with them. */
static char *
read_file(const char *path, bool secret, char *error, size_t error_size)
{
	struct stat status;
	int			fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
	{
		snprintf(error, error_size, "%s cannot be read: %s", path, strerror(errno));
		return NULL;
	}
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > FILE_MAX)
		snprintf(error, error_size, "%s is no file of at most 1 MiB", path);
	else if (secret && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		snprintf(error, error_size, "%s holds a key that others may use (mode %03o): chmod 600", path,
				 (unsigned int) status.st_mode & 0777);
	else
		return read_open_file(fd, path, status.st_size, error, error_size);
	close(fd);
	return NULL;
}

/* The library would ask at the terminal, where nobody is. */
static int
no_passphrase(char *text, int size, int writing, void *context)
{
	(void) text;
	(void) size;
	(void) writing;
	(void) context;
	return 0;
}

/* Says what is wrong with the texts; NULL when they fit. */
static const char *
check_pair(RigTls *tls)
{
	BIO		   *certificate_text = BIO_new_mem_buf(tls->certificate, -1);
	BIO		   *key_text = BIO_new_mem_buf(tls->key, -1);
	X509	   *certificate = PEM_read_bio_X509(certificate_text, NULL, no_passphrase, NULL);
	EVP_PKEY   *key = PEM_read_bio_PrivateKey(key_text, NULL, no_passphrase, NULL);
	const char *fault = NULL;

	if (certificate == NULL)
		fault = "RIGALPHA_TLS_CERTIFICATE names no certificate in PEM";
	else if (key == NULL)
		fault = "RIGALPHA_TLS_KEY names no private key in PEM, or one with a passphrase";
	else if (X509_check_private_key(certificate, key) != 1)
		fault = "RIGALPHA_TLS_KEY does not belong to RIGALPHA_TLS_CERTIFICATE";
	else
		tls->expired = X509_cmp_time(X509_get0_notAfter(certificate), NULL) < 0;
	EVP_PKEY_free(key);
	X509_free(certificate);
	BIO_free(key_text);
	BIO_free(certificate_text);
	ERR_clear_error();
	return fault;
}

bool
rig_tls_load(const char *certificate_path, const char *key_path, RigTls *tls, char *error, size_t error_size)
{
	const char *fault;

	*tls = (RigTls) {0};
	if (*certificate_path == '\0' && *key_path == '\0')
		return true;
	if (*certificate_path == '\0' || *key_path == '\0')
	{
		snprintf(error, error_size, "RIGALPHA_TLS_CERTIFICATE and RIGALPHA_TLS_KEY belong together: one is not set");
		return false;
	}
	tls->certificate = read_file(certificate_path, false, error, error_size);
	if (tls->certificate != NULL)
		tls->key = read_file(key_path, true, error, error_size);
	if (tls->key == NULL)
	{
		rig_tls_release(tls);
		return false;
	}
	fault = check_pair(tls);
	if (fault == NULL)
		return true;
	snprintf(error, error_size, "%s", fault);
	rig_tls_release(tls);
	return false;
}

void
rig_tls_release(RigTls *tls)
{
	if (tls->key != NULL)
		OPENSSL_cleanse(tls->key, strlen(tls->key));
	free(tls->key);
	free(tls->certificate);
	*tls = (RigTls) {0};
}
