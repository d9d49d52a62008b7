/* Tokens of sessions and devices, and the cookie: shapes, hashes, and what is refused. */
#include <string.h>

#include "session_token.h"
#include "tap.h"

#define TOKEN "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"	/* bytes 0 to 31 */
#define OTHER "_______________________________________-_-8"
#define DEVICE "rig_abcdxyz7_" TOKEN

static void
test_tokens(void)
{
	char		first[RIG_SESSION_TOKEN_SIZE];
	char		second[RIG_SESSION_TOKEN_SIZE];

	rig_session_token_make(first);
	rig_session_token_make(second);
	tap_ok(strlen(first) == 43 && rig_session_token_valid(first, 43), "a token has 43 characters");
	tap_ok(strcmp(first, second) != 0, "each is another");
	tap_ok(rig_session_token_valid(TOKEN, 43) && rig_session_token_valid(OTHER, 43), "known ones are valid");
	tap_ok(!rig_session_token_valid(TOKEN, 42) && !rig_session_token_valid(TOKEN "A", 44), "of no other length");
	tap_ok(!rig_session_token_valid("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", 43), "in no second spelling");
	tap_ok(!rig_session_token_valid("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH+8", 43), "in no other alphabet");
}

static void
test_hash(void)
{
	/* printf %s TOKEN | sha256sum */
	static const uint8_t expected[RIG_TOKEN_HASH_BYTES] = {
		0xea, 0x86, 0x6a, 0x75, 0x7e, 0x4c, 0x38, 0xba, 0xbf, 0xa8, 0x12, 0x7c, 0xbe, 0x9a, 0x40, 0x9d,
		0x3e, 0x1f, 0x93, 0xa0, 0x0f, 0xf1, 0x48, 0x8f, 0xf7, 0x35, 0xfc, 0xf9, 0x17, 0xaf, 0xff, 0xd0,
	};
	uint8_t		hash[RIG_TOKEN_HASH_BYTES];
	uint8_t		other[RIG_TOKEN_HASH_BYTES];

	tap_ok(rig_token_hash(TOKEN, hash) && memcmp(hash, expected, sizeof(hash)) == 0, "the hash is SHA-256 of the text");
	tap_ok(rig_token_hash(DEVICE, other) && memcmp(hash, other, sizeof(hash)) != 0, "the id of a device is hashed too");
}

static void
test_cookie(void)
{
	static const struct
	{
		const char *header;
		RigCookieFound found;
		const char *name;
	}			cases[] =
	{
		{NULL, RIG_COOKIE_ABSENT, "no header"},
		{"", RIG_COOKIE_ABSENT, "an empty header"},
		{"a=b; c=d", RIG_COOKIE_ABSENT, "other cookies"},
		{"__Host-rigalpha=" TOKEN, RIG_COOKIE_FOUND, "alone"},
		{"a=b; __Host-rigalpha=" TOKEN "; c=d", RIG_COOKIE_FOUND, "among others"},
		{"a=b;__Host-rigalpha=" TOKEN ";c", RIG_COOKIE_FOUND, "without blanks"},
		{"__Host-rigalpha2=x; __Host-rigalpha=" TOKEN, RIG_COOKIE_FOUND, "beside a longer name"},
		{"__Host-rigalpha=" TOKEN "; __Host-rigalpha=" TOKEN, RIG_COOKIE_REFUSED, "twice, though alike"},
		{"__Host-rigalpha=" OTHER "; a=b; __Host-rigalpha=" TOKEN, RIG_COOKIE_REFUSED, "twice"},
		{"__Host-rigalpha=; __Host-rigalpha=" TOKEN, RIG_COOKIE_REFUSED, "twice, once empty"},
		{"__Host-rigalpha=", RIG_COOKIE_REFUSED, "empty"},
		{"__Host-rigalpha=\"" TOKEN "\"", RIG_COOKIE_REFUSED, "quoted"},
		{"__Host-rigalpha=" TOKEN " ", RIG_COOKIE_REFUSED, "with a blank behind"},
		{"__Host-rigalpha= " TOKEN, RIG_COOKIE_REFUSED, "with a blank before"},
		{"__Host-rigalpha=" TOKEN "=", RIG_COOKIE_REFUSED, "padded"},
		{"__Host-rigalpha=" TOKEN "," TOKEN, RIG_COOKIE_REFUSED, "a list"},
		{"__Host-rigalpha=%41AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", RIG_COOKIE_REFUSED, "with an escape"},
		{"__host-rigalpha=" TOKEN, RIG_COOKIE_ABSENT, "a name of another case is another"},
		{"a=b;  __Host-rigalpha=" TOKEN, RIG_COOKIE_ABSENT, "so is one after two blanks"},
		{"a=b;\t__Host-rigalpha=" TOKEN, RIG_COOKIE_ABSENT, "or after a tab"},
		{"\xc2\xa0__Host-rigalpha=" TOKEN, RIG_COOKIE_ABSENT, "or after a blank of Unicode"},
		{"__Host-rigalpha =" TOKEN, RIG_COOKIE_ABSENT, "or with a blank at its end"},
		{"=__Host-rigalpha=" TOKEN, RIG_COOKIE_ABSENT, "or behind an empty name"},
		{"__Host-rigalpha", RIG_COOKIE_ABSENT, "a name without a value"},
		{"a=\"; __Host-rigalpha=" TOKEN "; \"", RIG_COOKIE_FOUND, "quotes join nothing"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		token[RIG_SESSION_TOKEN_SIZE] = "";
		RigCookieFound found = rig_session_cookie_read(cases[i].header, token);

		tap_ok(found == cases[i].found && strcmp(token, found == RIG_COOKIE_FOUND ? TOKEN : "") == 0,
			   "cookie: %s", cases[i].name);
	}
}

static void
test_set_cookie(void)
{
	char		text[RIG_SESSION_COOKIE_SIZE];

	rig_session_cookie_set(TOKEN, text);
	tap_ok(strcmp(text, "__Host-rigalpha=" TOKEN "; Path=/; Secure; HttpOnly; SameSite=Strict") == 0, "Set-Cookie: %s", text);
	rig_session_cookie_clear(text);
	tap_ok(strcmp(text, "__Host-rigalpha=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict") == 0, "Set-Cookie: %s", text);
}

static void
test_devices(void)
{
	static const char *const refused[] = {
		"", "rig_", "rig_abcdxyz7", "rig_abcdxyz7_", "RIG_abcdxyz7_" TOKEN, "rig_abcdxyz7-" TOKEN, "rig_abcdxyz_7" TOKEN,
		"rig_ABCDXYZ7_" TOKEN, "rig_abcdxyz1_" TOKEN, "rig_abcdxyz7_" TOKEN "A", "rig_abcdxyz_" TOKEN "A",
		" rig_abcdxyz7_" TOKEN, "rig_abcdxyz7_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", "rig_abcdxyz77_" TOKEN,
	};
	char		token[RIG_DEVICE_TOKEN_SIZE];
	char		id[RIG_DEVICE_ID_CHARACTERS + 1];
	bool		right = true;

	tap_ok(rig_device_token_parse(DEVICE, id) && strcmp(id, "abcdxyz7") == 0, "a device token has an id");
	tap_ok(rig_device_token_parse("rig_abcdxyz7_" OTHER, id), "the secret may hold the separator");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		tap_ok(!rig_device_token_parse(refused[i], id), "no device token, case %zu", i);
	for (int i = 0; i < 500; i++)
	{
		rig_device_token_make(token);
		right = right && strlen(token) == RIG_DEVICE_TOKEN_SIZE - 1 && rig_device_token_parse(token, id) &&
			strncmp(token + 4, id, RIG_DEVICE_ID_CHARACTERS) == 0;
	}
	tap_ok(right, "made ones can be read");
}

int
main(void)
{
	test_tokens();
	test_hash();
	test_cookie();
	test_set_cookie();
	test_devices();
	return tap_done();
}
