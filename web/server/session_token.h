/*
 * Secrets that stand for a login or a device: 32 random bytes as text. Only the SHA-256 of the whole text
 * is stored, so that a copy of the database opens no door. Pure functions over the caller's buffers,
 * which the caller cleanses.
 */
#ifndef RIG_SESSION_TOKEN_H
#define RIG_SESSION_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RIG_SECRET_BYTES 32
#define RIG_SECRET_CHARACTERS 43	/* of base64url without padding */
#define RIG_SESSION_TOKEN_SIZE (RIG_SECRET_CHARACTERS + 1)
#define RIG_TOKEN_HASH_BYTES 32

#define RIG_SESSION_COOKIE "__Host-rigalpha"
#define RIG_SESSION_COOKIE_SIZE 160

/* rig_<id>_<secret>; the id, which is no secret, finds the row whose hash the whole text must have. */
#define RIG_DEVICE_ID_CHARACTERS 8	/* of base32 in lower case: 40 bits */
#define RIG_DEVICE_TOKEN_SIZE (4 + RIG_DEVICE_ID_CHARACTERS + 1 + RIG_SECRET_CHARACTERS + 1)

typedef enum RigCookieFound
{
	RIG_COOKIE_ABSENT,
	RIG_COOKIE_FOUND,
	RIG_COOKIE_REFUSED			/* more than one, or not a token: somebody else's doing */
} RigCookieFound;

extern void rig_session_token_make(char token[RIG_SESSION_TOKEN_SIZE]);

/* Whether a text has the shape of a token, in its only spelling. */
extern bool rig_session_token_valid(const char *token, size_t length);

/* SHA-256 of the text of a token of either kind; false when the library refuses. */
extern bool rig_token_hash(const char *token, uint8_t hash[RIG_TOKEN_HASH_BYTES]);

/* Finds the session in a Cookie header (NULL when there is none); token is filled only when found. */
extern RigCookieFound rig_session_cookie_read(const char *header, char token[RIG_SESSION_TOKEN_SIZE]);

/* Values of Set-Cookie that give the browser a session, and take it away. */
extern void rig_session_cookie_set(const char *token, char text[RIG_SESSION_COOKIE_SIZE]);
extern void rig_session_cookie_clear(char text[RIG_SESSION_COOKIE_SIZE]);

extern void rig_device_token_make(char token[RIG_DEVICE_TOKEN_SIZE]);

/* Checks the shape of a device token and copies its id. */
extern bool rig_device_token_parse(const char *token, char id[RIG_DEVICE_ID_CHARACTERS + 1]);

#endif
