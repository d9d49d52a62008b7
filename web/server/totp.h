/*
 * Second factor by time (RFC 6238): SHA-1, six digits, steps of 30 seconds, as every authenticator
 * application knows it. Pure: time is an argument, and what was used last is kept by the caller.
 */
#ifndef RIG_TOTP_H
#define RIG_TOTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "encoding.h"

#define RIG_TOTP_SECRET_BYTES 20
#define RIG_TOTP_SECRET_SIZE RIG_BASE32_SIZE(RIG_TOTP_SECRET_BYTES)
#define RIG_TOTP_DIGITS 6
#define RIG_TOTP_CODE_SIZE (RIG_TOTP_DIGITS + 1)
#define RIG_TOTP_STEP_SECONDS 30
#define RIG_TOTP_WINDOW 1		/* steps that a clock may be off, either way */
#define RIG_TOTP_NEVER (-1)		/* last used step of a secret without use */

/* Makes a secret as base32 text. */
extern void rig_totp_secret_make(char secret[RIG_TOTP_SECRET_SIZE]);

/* The code of a step; false when the secret is not what rig_totp_secret_make writes. */
extern bool rig_totp_code(const char *secret, int64_t step, char code[RIG_TOTP_CODE_SIZE]);

/*
 * Whether the code belongs to a step near now (Unix seconds) that is later than *last_step, which then
 * becomes that step: no code is right twice. Of two requests with one code the database must let only one
 * store its step (UPDATE … WHERE last_step < new), or both would be let in.
 */
extern bool rig_totp_verify(const char *secret, const char *code, int64_t now, int64_t *last_step);

/* The address that a QR code shows to an authenticator; false when it does not fit. It holds the secret. */
extern bool rig_totp_uri(const char *secret, const char *issuer, const char *account, char *uri, size_t size);

#endif
