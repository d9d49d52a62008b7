/* What may become a password: long enough, not absurdly long, and not one that everybody tries first. */
#ifndef RIG_PASSWORD_RULES_H
#define RIG_PASSWORD_RULES_H

#include <stddef.h>

#define RIG_PASSWORD_MIN_CHARACTERS 8
#define RIG_PASSWORD_MAX_CHARACTERS 128

typedef enum RigPasswordRule
{
	RIG_PASSWORD_ALLOWED,
	RIG_PASSWORD_TOO_SHORT,
	RIG_PASSWORD_TOO_LONG,
	RIG_PASSWORD_COMMON
} RigPasswordRule;

/*
 * Judges a new password of any bytes, NUL included. Characters are code points of UTF-8; a byte that is
 * not part of one counts as a character of its own.
 */
extern RigPasswordRule rig_password_judge(const void *password, size_t length);

/* What the rule says, for people. */
extern const char *rig_password_rule_text(RigPasswordRule rule);

#endif
