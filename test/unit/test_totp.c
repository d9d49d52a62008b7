/* The second factor: vectors of RFC 6238 and RFC 4226, the window, and that no code works twice. */
#include <string.h>

#include "tap.h"
#include "totp.h"

/* "12345678901234567890", the key of both RFCs. */
#define SECRET "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

/* RFC 6238 lists eight digits; the code of six is their end. */
static void
test_vectors(void)
{
	static const struct
	{
		int64_t		time;
		const char *digits;
	}			cases[] =
	{
		{59, "94287082"}, {1111111109, "07081804"}, {1111111111, "14050471"}, {1234567890, "89005924"},
		{2000000000, "69279037"}, {20000000000, "65353130"},
	};
	static const char *const counters[] = {
		"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
	};
	char		code[RIG_TOTP_CODE_SIZE];
	bool		right = true;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_ok(rig_totp_code(SECRET, cases[i].time / RIG_TOTP_STEP_SECONDS, code) &&
			   strcmp(code, cases[i].digits + 2) == 0, "RFC 6238 at %lld", (long long) cases[i].time);
	for (int i = 0; i < 10; i++)
		right = right && rig_totp_code(SECRET, i, code) && strcmp(code, counters[i]) == 0;
	tap_ok(right, "RFC 4226, ten counters");
	tap_ok(!rig_totp_code("GEZDGNBVGY3TQOJQ", 1, code), "a short secret is none");
	tap_ok(!rig_totp_code("gezdgnbvgy3tqojqgezdgnbvgy3tqojq", 1, code), "nor is one in lower case");
	tap_ok(!rig_totp_code(SECRET, -1, code), "there is no step before 1970");
}

/* The code of the step at `time`, shown when the clock says `now`. */
static bool
accepts(int64_t time, int64_t now, int64_t *last_step)
{
	char		code[RIG_TOTP_CODE_SIZE];

	return rig_totp_code(SECRET, time / RIG_TOTP_STEP_SECONDS, code) && rig_totp_verify(SECRET, code, now, last_step);
}

static void
test_window(void)
{
	const int64_t now = 1234567890; /* the first second of a step */
	int64_t		last = RIG_TOTP_NEVER;

	tap_ok(accepts(now, now, &last) && last == now / 30, "the current code");
	last = RIG_TOTP_NEVER;
	tap_ok(accepts(now - 30, now, &last) && last == now / 30 - 1, "the one before");
	last = RIG_TOTP_NEVER;
	tap_ok(accepts(now + 30, now, &last) && last == now / 30 + 1, "the one after");
	last = RIG_TOTP_NEVER;
	tap_ok(!accepts(now - 31, now, &last) && last == RIG_TOTP_NEVER, "not two steps before");
	tap_ok(!accepts(now + 60, now, &last) && last == RIG_TOTP_NEVER, "not two steps after");
	tap_ok(accepts(now, now + 59, &last), "still right at the end of the next step");
	last = RIG_TOTP_NEVER;
	tap_ok(!accepts(now, now + 60, &last), "and no longer after that");
	tap_ok(accepts(0, 0, &last) && last == 0, "the first step of all");
	tap_ok(!accepts(0, -1, &last), "no time before 1970");
}

static void
test_replay(void)
{
	const int64_t now = 2000000000;
	int64_t		last = RIG_TOTP_NEVER;

	tap_ok(accepts(now, now, &last), "a code is right once");
	tap_ok(!accepts(now, now, &last), "and not again");
	tap_ok(!accepts(now - 30, now, &last), "nor is an earlier one");
	tap_ok(last == now / 30, "a refusal leaves the last step");
	tap_ok(accepts(now + 30, now + 1, &last), "the next one is right");
	tap_ok(!accepts(now, now + 30, &last), "after which the one between is used up");
}

static void
test_shapes(void)
{
	static const char *const codes[] = {"", "28708", "2870820", "28708a", " 287082", "28708\xd9\xa2", "-87082"};
	int64_t		last = RIG_TOTP_NEVER;
	bool		refused = true;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		refused = refused && !rig_totp_verify(SECRET, codes[i], 59, &last);
	tap_ok(refused, "a code is six digits");
	tap_ok(!rig_totp_verify("", "287082", 59, &last), "without a secret nothing is right");
	tap_ok(rig_totp_verify(SECRET, "287082", 59, &last) && last == 1, "the right one still is");
}

static void
test_secrets(void)
{
	char		first[RIG_TOTP_SECRET_SIZE];
	char		second[RIG_TOTP_SECRET_SIZE];
	char		code[RIG_TOTP_CODE_SIZE];
	char		uri[200];

	rig_totp_secret_make(first);
	rig_totp_secret_make(second);
	tap_ok(strlen(first) == 32 && rig_totp_code(first, 1, code), "a secret of 160 bits");
	tap_ok(strcmp(first, second) != 0, "each is another");
	tap_ok(rig_totp_uri(SECRET, "Rig Alpha", "a&b@x/ü", uri, sizeof(uri)) &&
		   strcmp(uri, "otpauth://totp/Rig%20Alpha:a%26b%40x%2F%C3%BC?secret=" SECRET
				  "&issuer=Rig%20Alpha&algorithm=SHA1&digits=6&period=30") == 0, "the address for a QR code");
	tap_ok(rig_totp_uri(SECRET, "Rig Alpha", "a&b@x/ü", uri, 138 + 1), "fits exactly");
	tap_ok(!rig_totp_uri(SECRET, "Rig Alpha", "a&b@x/ü", uri, 138) && uri[0] == '\0' && uri[60] == '\0',
		   "leaves nothing where it does not fit");
}

int
main(void)
{
	test_vectors();
	test_window();
	test_replay();
	test_shapes();
	test_secrets();
	return tap_done();
}
