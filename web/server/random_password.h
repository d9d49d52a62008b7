/* One-time passwords, which people read to each other and type once. */
#ifndef RIG_RANDOM_PASSWORD_H
#define RIG_RANDOM_PASSWORD_H

#define RIG_RANDOM_PASSWORD_GROUPS 4
#define RIG_RANDOM_PASSWORD_GROUP 5
#define RIG_RANDOM_PASSWORD_SIZE (RIG_RANDOM_PASSWORD_GROUPS * (RIG_RANDOM_PASSWORD_GROUP + 1))

/* Four groups of five characters, 100 bits; without l, o, 0 and 1, which look alike. The caller cleanses it. */
extern void rig_random_password(char text[RIG_RANDOM_PASSWORD_SIZE]);

#endif
