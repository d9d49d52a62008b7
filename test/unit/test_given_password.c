/* Passwords that are made for somebody. */
#include <string.h>

#include "given_password.h"
#include "password_rules.h"
#include "tap.h"

int
main(void)
{
	char		first[RIG_GIVEN_PASSWORD_SIZE];
	char		second[RIG_GIVEN_PASSWORD_SIZE];
	bool		shaped = true;

	rig_given_password_make(first);
	rig_given_password_make(second);
	tap_ok(strlen(first) == RIG_GIVEN_PASSWORD_SIZE - 1, "it fills its buffer");
	for (int i = 0; first[i] != '\0'; i++)
		shaped = shaped && strchr(i % 5 == 4 ? "-" : "abcdefghijklmnopqrstuvwxyz234567", first[i]) != NULL;
	tap_ok(shaped, "it is eight groups of four: %s", first);
	tap_ok(strcmp(first, second) != 0, "no two are alike");
	tap_ok(rig_password_judge(first, strlen(first)) == RIG_PASSWORD_ALLOWED, "it would be taken as a password");
	return tap_done();
}
