/* Base64 and base32: the vectors of RFC 4648, and that every text has one spelling. */
#include <string.h>

#include "encoding.h"
#include "random.h"
#include "tap.h"

#define ROUNDS 2000
#define LONGEST 80

static void
test_vectors(void)
{
	static const struct
	{
		RigEncoding encoding;
		const char *bytes;
		const char *text;
	}			cases[] =
	{
		{RIG_BASE64, "", ""}, {RIG_BASE64, "f", "Zg=="}, {RIG_BASE64, "fo", "Zm8="}, {RIG_BASE64, "foo", "Zm9v"},
		{RIG_BASE64, "foob", "Zm9vYg=="}, {RIG_BASE64, "fooba", "Zm9vYmE="}, {RIG_BASE64, "foobar", "Zm9vYmFy"},
		{RIG_BASE64_BARE, "f", "Zg"}, {RIG_BASE64_BARE, "fooba", "Zm9vYmE"}, {RIG_BASE64_URL, "foob", "Zm9vYg"},
		{RIG_BASE64, "\xfb\xff\xfe", "+//+"}, {RIG_BASE64_URL, "\xfb\xff\xfe", "-__-"},
		{RIG_BASE32, "", ""}, {RIG_BASE32, "f", "MY"}, {RIG_BASE32, "fo", "MZXQ"}, {RIG_BASE32, "foo", "MZXW6"},
		{RIG_BASE32, "foob", "MZXW6YQ"}, {RIG_BASE32, "fooba", "MZXW6YTB"}, {RIG_BASE32, "foobar", "MZXW6YTBOI"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		text[LONGEST];
		char		bytes[LONGEST];
		size_t		size;

		tap_ok(rig_encode(cases[i].encoding, cases[i].bytes, strlen(cases[i].bytes), text) == strlen(cases[i].text) &&
			   strcmp(text, cases[i].text) == 0 &&
			   rig_decode(cases[i].encoding, text, strlen(text), bytes, sizeof(bytes), &size) &&
			   size == strlen(cases[i].bytes) && memcmp(bytes, cases[i].bytes, size) == 0,
			   "'%s' there and back", cases[i].text);
	}
}

static void
test_refusals(void)
{
	static const struct
	{
		RigEncoding encoding;
		const char *text;
	}			cases[] =
	{
		{RIG_BASE64, "Zg"}, {RIG_BASE64, "Zg="}, {RIG_BASE64, "Zh=="}, {RIG_BASE64, "Zm9="}, {RIG_BASE64, "Z==="},
		{RIG_BASE64, "===="}, {RIG_BASE64, "Zg==Zg=="}, {RIG_BASE64, "Zm 9v"}, {RIG_BASE64, "Zm9v\n"}, {RIG_BASE64, "-__-"},
		{RIG_BASE64_BARE, "Z"}, {RIG_BASE64_BARE, "Zg=="}, {RIG_BASE64_BARE, "Zh"}, {RIG_BASE64_BARE, "Zm9vY"},
		{RIG_BASE64_URL, "+//+"}, {RIG_BASE64_URL, "Zg=="}, {RIG_BASE64_URL, "Zm9"}, {RIG_BASE64_URL, "Zm9\x80"},
		{RIG_BASE32, "M"}, {RIG_BASE32, "MZX"}, {RIG_BASE32, "MZXW6Y"}, {RIG_BASE32, "my"}, {RIG_BASE32, "MZ"},
		{RIG_BASE32, "MY======"}, {RIG_BASE32, "M1"},
	};
	char		bytes[LONGEST];
	size_t		size;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_ok(!rig_decode(cases[i].encoding, cases[i].text, strlen(cases[i].text), bytes, sizeof(bytes), &size),
			   "refused in encoding %d, case %zu", (int) cases[i].encoding, i);
	tap_ok(!rig_decode(RIG_BASE64, "Zm9vYmFy", 8, bytes, 5, &size), "refused when it does not fit");
	tap_ok(rig_decode(RIG_BASE64, "Zm9vYmFy", 8, bytes, 6, &size) && size == 6, "taken when it just fits");
	tap_ok(rig_decode(RIG_BASE64, "Zm9vYmFy", 8, NULL, 0, &size) && size == 6, "only looked at without a buffer");
	tap_ok(!rig_decode(RIG_BASE64_URL, "Zm\0v", 4, bytes, sizeof(bytes), &size), "a NUL is not a digit");
}

/* What decodes must encode to the same text: no second spelling of anything. */
static void
test_one_spelling(void)
{
	static const char digits[] = "ABCDwxyz0129+/-_=2345";
	RigRandom	random;
	bool		same = true;
	bool		back = true;

	rig_random_seed(&random, tap_seed());
	for (int round = 0; round < ROUNDS; round++)
	{
		RigEncoding encoding = (RigEncoding) (round % 4);
		char		text[LONGEST];
		char		again[2 * LONGEST];
		char		bytes[LONGEST];
		size_t		length = rig_random_next(&random) % 12;
		size_t		size;

		for (size_t i = 0; i < length; i++)
			text[i] = digits[rig_random_next(&random) % (sizeof(digits) - 1)];
		if (rig_decode(encoding, text, length, bytes, sizeof(bytes), &size))
			same = same && rig_encode(encoding, bytes, size, again) == length && memcmp(again, text, length) == 0;
		length = rig_random_next(&random) % LONGEST;
		for (size_t i = 0; i < length; i++)
			text[i] = (char) rig_random_next(&random);
		back = back &&
			rig_decode(encoding, again, rig_encode(encoding, text, length, again), bytes, sizeof(bytes), &size) &&
			size == length && memcmp(bytes, text, size) == 0;
	}
	tap_ok(same, "what is accepted is what would have been written");
	tap_ok(back, "any bytes come back");
}

int
main(void)
{
	test_vectors();
	test_refusals();
	test_one_spelling();
	return tap_done();
}
