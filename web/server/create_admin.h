/* rigalpha-web --create-admin: makes the first account of a new installation. */
#ifndef RIG_CREATE_ADMIN_H
#define RIG_CREATE_ADMIN_H

/*
 * Connects as whoever the environment names, which must be allowed to call rigalpha.create_first_admin(),
 * and prints the password of the new admin once. Returns the exit status.
 */
extern int	rig_create_admin(const char *name);

#endif
