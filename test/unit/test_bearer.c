/* Headers of a device: what is a token and a key, and what is refused. */
#include <string.h>

#include "bearer.h"
#include "tap.h"

#define TOKEN "rig_0123abcd_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

static void
test_bearer(void)
{
	static const struct
	{
		const char *header;
		RigBearerFound found;
		const char *name;
	}			cases[] =
	{
		{NULL, RIG_BEARER_ABSENT, "no header"},
		{"Bearer " TOKEN, RIG_BEARER_FOUND, "a token"},
		{"bearer   " TOKEN, RIG_BEARER_FOUND, "any case and several blanks"},
		{"Token " TOKEN, RIG_BEARER_FOUND, "the scheme of InfluxDB"},
		{"token  " TOKEN, RIG_BEARER_FOUND, "the same in small letters"},
		{"Token", RIG_BEARER_REFUSED, "the same without a token"},
		{"Tokens " TOKEN, RIG_BEARER_REFUSED, "almost the same"},
		{"", RIG_BEARER_REFUSED, "an empty header"},
		{"Bearer", RIG_BEARER_REFUSED, "no token"},
		{"Bearer ", RIG_BEARER_REFUSED, "an empty token"},
		{"Bearer\t" TOKEN, RIG_BEARER_REFUSED, "a tab"},
		{"Bearer" TOKEN, RIG_BEARER_REFUSED, "no blank"},
		{"Basic " TOKEN, RIG_BEARER_REFUSED, "another scheme"},
		{"Bearer " TOKEN " x", RIG_BEARER_REFUSED, "two tokens"},
		{"Bearer " TOKEN " ", RIG_BEARER_REFUSED, "a blank behind"},
		{"Bearer " TOKEN "," TOKEN, RIG_BEARER_REFUSED, "a list"},
		{"Bearer \"" TOKEN "\"", RIG_BEARER_REFUSED, "quotes"},
		{"Bearer " TOKEN "\xc3\xa4", RIG_BEARER_REFUSED, "beyond ASCII"},
		{"Bearer " TOKEN TOKEN TOKEN, RIG_BEARER_REFUSED, "too long"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *token = NULL;
		RigBearerFound found = rig_bearer_read(cases[i].header, &token);

		tap_ok(found == cases[i].found && (token != NULL) == (found == RIG_BEARER_FOUND)
			   && (token == NULL || strcmp(token, TOKEN) == 0), "bearer: %s", cases[i].name);
	}
}

static void
test_key(void)
{
	char		key[RIG_KEY_MAX + 2];

	memset(key, '~', sizeof(key));
	key[RIG_KEY_MAX + 1] = '\0';
	tap_ok(!rig_key_valid(key), "a key of 129 characters is refused");
	key[RIG_KEY_MAX] = '\0';
	tap_ok(rig_key_valid(key), "one of 128 is taken");
	tap_ok(rig_key_valid("!") && rig_key_valid("boot:1"), "so are short ones");
	tap_ok(!rig_key_valid(""), "not the empty one");
	tap_ok(!rig_key_valid("a b") && !rig_key_valid("a\tb") && !rig_key_valid("a\x7f"), "nor blanks and controls");
	tap_ok(!rig_key_valid("\xc3\xa4"), "nor what is not ASCII");
}

int
main(void)
{
	test_bearer();
	test_key();
	return tap_done();
}
