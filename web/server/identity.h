/* Who a request acts for, and what a route asks of it. */
#ifndef RIG_IDENTITY_H
#define RIG_IDENTITY_H

#include <stdbool.h>

#define RIG_USER_NAME_SIZE 64
#define RIG_ADDRESS_TEXT_SIZE 64

typedef enum RigAccess
{
	RIG_ACCESS_PUBLIC,			/* nobody: no session is looked at */
	RIG_ACCESS_USER,			/* a session whose given password was changed */
	RIG_ACCESS_OWN,				/* any session: what concerns its own account */
	RIG_ACCESS_DEVICE			/* its own check; cookies are ignored */
} RigAccess;

/* The session of a request, as rigalpha.begin_session() returned it; user_id is 0 before that. */
typedef struct RigIdentity
{
	int			user_id;
	int			session_id;
	char		user_name[RIG_USER_NAME_SIZE];
	char		role[16];		/* admin, operator or viewer */
	char		address[RIG_ADDRESS_TEXT_SIZE]; /* where the session logged in from; may be empty */
	bool		must_change_password;
} RigIdentity;

#endif
