/* Checks a name and a password, under the throttle of the database and the limit on hashes. */
#ifndef RIG_LOGIN_CHECK_H
#define RIG_LOGIN_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "password.h"
#include "request.h"
#include "totp.h"

#define RIG_LOGIN_WAIT_MS 2000	/* for one of the slots of password.h */

typedef struct RigLoginCheck
{
	const char *name;
	const char *address;		/* what the throttle counts under */
	const char *password;
	size_t		length;

	/* What the database knows; user_id is empty for nobody. */
	char		user_id[16];
	char		stored[RIG_PHC_SIZE];
	char		totp_secret[RIG_TOTP_SECRET_SIZE];
	bool		has_totp_secret;
	bool		totp_confirmed;
	int			retry_after;
} RigLoginCheck;

typedef enum RigLoginVerdict
{
	RIG_LOGIN_ANSWERED,			/* throttled, too busy, or the database failed: the request is answered */
	RIG_LOGIN_WRONG,
	RIG_LOGIN_RIGHT
} RigLoginVerdict;

/*
 * Takes a place among those that check passwords; without one the request is answered 429 and false
 * returned. Places are fewer than the worker threads, so that logins never hold up the readers.
 */
extern bool rig_login_enter(RigRequest *request);
extern void rig_login_leave(void);

/* Charges an attempt and learns what it is checked against; false when throttled or failed: answered then. */
extern bool rig_login_look_up(RigRequest *request, RigLoginCheck *check);

/* Charges an attempt and compares the password, in the same time whether there is such a user or not. */
extern RigLoginVerdict rig_login_check(RigRequest *request, RigLoginCheck *check);

/* Records that the attempt failed; false when the request is answered. */
extern bool rig_login_failed(RigRequest *request, const RigLoginCheck *check);

/* A line of the log. A name that is nobody's is left out: it may be a password in the wrong field. */
extern void rig_login_log_failure(const char *event, const RigRequest *request, const RigLoginCheck *check);

/* Answers 429 with the seconds to wait. */
extern void rig_answer_too_many_attempts(RigRequest *request, int retry_after);

/* Forgets what was secret. */
extern void rig_login_check_wipe(RigLoginCheck *check);

#endif
