/* The certificate and the key of the server, read and checked once at start. */
#ifndef RIG_TLS_H
#define RIG_TLS_H

#include <stdbool.h>
#include <stddef.h>

/* Both are texts in PEM, or NULL when the server speaks cleartext. */
typedef struct RigTls
{
	char	   *certificate;	/* the server's own first, then those between it and its root */
	char	   *key;
	bool		expired;
} RigTls;

/*
 * Reads the two files; both paths empty means cleartext. False with the reason in error when only one is named, one
 * cannot be read, the key may be read by others or asks for a passphrase, or the two do not belong together.
 */
extern bool rig_tls_load(const char *certificate_path, const char *key_path, RigTls *tls,
						 char *error, size_t error_size);

/* Wipes the key. The HTTP library has its own copy after it has started. */
extern void rig_tls_release(RigTls *tls);

#endif
