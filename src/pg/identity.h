/*
 * Who acts in the current transaction: the user of the session whose token begin_session() was
 * given, else the user that the login of the database is mapped to (users.db_role).
 */
#ifndef RIG_IDENTITY_H
#define RIG_IDENTITY_H

#define RIG_USER_NAME_MAX 63
#define RIG_SESSION_NAME_LENGTH 16
#define RIG_ADDRESS_MAX 63

typedef enum RigUserRole
{
	RIG_USER_VIEWER,
	RIG_USER_OPERATOR,
	RIG_USER_ADMIN
} RigUserRole;

typedef struct RigIdentity
{
	int32		user_id;
	char		user_name[RIG_USER_NAME_MAX + 1];
	RigUserRole role;
	bool		must_change_password;	/* never of a login of the database */
	int32		session_id;		/* 0 = a login of the database */
	char		session[RIG_SESSION_NAME_LENGTH + 1];	/* hex of the first bytes of the token's hash, or empty */
	char		address[RIG_ADDRESS_MAX + 1];	/* where the session logged in from, or empty */
} RigIdentity;

/*
 * NULL when there is none, which must mean that nothing is allowed. Valid until the next command
 * of the transaction. An error in a parallel worker, which does not know its leader's session.
 */
extern const RigIdentity *rig_identity_current(void);

/*
 * Makes the rest of the transaction act for a user, as a process does that works for somebody who
 * asked before; false when the account is closed. Whoever calls it vouches for the user.
 */
extern bool rig_identity_assume(int32 user_id);

/*
 * A session may have said row_security = off, and what then runs as the owner would fail instead of
 * reading its rows. The level is given back when the owner's work is done; an error does it, too.
 */
extern int	rig_row_security_on(void);
extern void rig_row_security_restore(int level);

extern void rig_identity_register(void);

#endif
