/*
 * What somebody who watches over the server wants to see, whatever RIGALPHA_LOG says: lines of level "security".
 * Text of clients is cut and escaped, so that it cannot forge a line. Never a secret: no token, cookie or password.
 */
#ifndef RIG_SECURITY_LOG_H
#define RIG_SECURITY_LOG_H

#include <stdint.h>

#include "request.h"

/*
 * One event, such as "login failed", with the id and the client of the request (NULL: none). event is a constant;
 * of the text, which may name a user, 200 bytes are kept.
 */
extern void rig_log_security(const char *event, const RigRequest *request, const char *format, ...)
			__attribute__((format(printf, 3, 4)));

/*
 * Counts an answer 401, 403 or 429, and no other. The first of a client and status gets a line at once, all others
 * within a minute one line together, so that a flood of them does not fill the disk.
 */
extern void rig_security_log_refusal(const RigRequest *request);

/* Counts a connection whose TLS handshake failed; they get one line a minute together. */
extern void rig_security_log_handshake(void);

/* Writes what was counted and is a minute old. */
extern void rig_security_log_sweep(int64_t now);

/* Writes all that was counted, at the end. */
extern void rig_security_log_flush(void);

#endif
