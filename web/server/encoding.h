/*
 * Base64 in its dialects, and base32. Decoding is strict: every sequence of bytes has exactly
 * one text, so a token or a signature cannot be spelled in two ways.
 */
#ifndef RIG_ENCODING_H
#define RIG_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

typedef enum RigEncoding
{
	RIG_BASE64,					/* RFC 4648 section 4, padded: signed notes */
	RIG_BASE64_BARE,			/* the same without padding: password hashes */
	RIG_BASE64_URL,				/* RFC 4648 section 5 without padding: tokens */
	RIG_BASE32					/* RFC 4648 section 6 without padding: secrets that people may type */
} RigEncoding;

/* What the text of so many bytes needs at most, with its terminating NUL. */
#define RIG_BASE64_SIZE(bytes) (((bytes) + 2) / 3 * 4 + 1)
#define RIG_BASE32_SIZE(bytes) (((bytes) + 4) / 5 * 8 + 1)

/* Writes the NUL-terminated text of the bytes; returns its length. */
extern size_t rig_encode(RigEncoding encoding, const void *bytes, size_t size, char *text);

/*
 * Reads a whole text into bytes and returns how many there are in *size. False when the text is
 * not exactly what rig_encode writes, or has more than capacity bytes. With bytes NULL it only looks.
 */
extern bool rig_decode(RigEncoding encoding, const char *text, size_t length,
					   void *bytes, size_t capacity, size_t *size);

#endif
