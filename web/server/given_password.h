/* Passwords that are made for somebody, to be changed at the first login. */
#ifndef RIG_GIVEN_PASSWORD_H
#define RIG_GIVEN_PASSWORD_H

#define RIG_GIVEN_PASSWORD_SIZE 40	/* eight groups of four and what separates them */

/* Makes one of 160 random bits, in groups that can be read to somebody. */
extern void rig_given_password_make(char password[RIG_GIVEN_PASSWORD_SIZE]);

#endif
