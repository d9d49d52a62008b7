/*
 * Passwords: hashes against a reference, any bytes, what a stored hash may demand, the limit on
 * hashes at a time, and what may become a password. The slow hashes are few.
 */
#include <argon2.h>
#include <pthread.h>
#include <string.h>

#include "clock.h"
#include "password.h"
#include "password_rules.h"
#include "tap.h"

#define SOON (rig_clock_now() + 20000)

/* A salt and a hash of usable sizes. */
#define SALT "c29tZXNhbHRzb21lc2FsdA"
#define HASH "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define WITH(parameters) "$argon2id$v=19$" parameters "$" SALT "$" HASH

static void
test_round_trip(void)
{
	char		stored[RIG_PHC_SIZE];
	char		again[RIG_PHC_SIZE];
	static const char with_nul[] = "pass\0word-A";
	char		longest[512];

	tap_ok(rig_password_hash("correct horse", 13, SOON, stored) == RIG_PASSWORD_OK &&
		   strncmp(stored, "$argon2id$v=19$m=19456,t=2,p=1$", 31) == 0 && strlen(stored) == 97, "a hash as text");
	tap_ok(argon2id_verify(stored, "correct horse", 13) == ARGON2_OK, "the library agrees with it");
	tap_ok(rig_password_verify(stored, "correct horse", 13, SOON) == RIG_PASSWORD_OK, "the right password");
	tap_ok(rig_password_verify(stored, "correct horsf", 13, SOON) == RIG_PASSWORD_WRONG, "a wrong one");
	tap_ok(rig_password_verify(stored, "correct horse\0", 14, SOON) == RIG_PASSWORD_WRONG, "a NUL more is another password");
	tap_ok(rig_password_verify(stored, "", 0, SOON) == RIG_PASSWORD_WRONG, "an empty one");
	tap_ok(rig_password_hash("correct horse", 13, SOON, again) == RIG_PASSWORD_OK && strcmp(stored, again) != 0,
		   "the salt is fresh");
	tap_ok(!rig_password_needs_rehash(stored), "a new hash is strong enough");

	tap_ok(rig_password_hash(with_nul, 11, SOON, stored) == RIG_PASSWORD_OK &&
		   rig_password_verify(stored, "pass\0word-B", 11, SOON) == RIG_PASSWORD_WRONG &&
		   rig_password_verify(stored, with_nul, 11, SOON) == RIG_PASSWORD_OK, "what follows a NUL counts");
	memset(longest, 'x', sizeof(longest));
	tap_ok(rig_password_hash(longest, sizeof(longest), SOON, stored) == RIG_PASSWORD_OK &&
		   rig_password_verify(stored, longest, sizeof(longest) - 1, SOON) == RIG_PASSWORD_WRONG, "nothing is cut off");
}

static void
test_reference(void)
{
	char		stored[RIG_PHC_SIZE];

	argon2id_hash_encoded(2, 64, 1, "password", 8, "somesaltsomesalt", 16, 32, stored, sizeof(stored));
	tap_ok(rig_password_verify(stored, "password", 8, SOON) == RIG_PASSWORD_OK, "a hash of the library, weaker");
	tap_ok(rig_password_needs_rehash(stored), "which should be replaced");
	argon2id_hash_encoded(1, 256, 4, "password", 8, "somesaltsomesalt", 16, 64, stored, sizeof(stored));
	tap_ok(rig_password_verify(stored, "password", 8, SOON) == RIG_PASSWORD_OK &&
		   rig_password_verify(stored, "passwore", 8, SOON) == RIG_PASSWORD_WRONG, "one of four lanes");
}

static void
test_parameters(void)
{
	static const struct
	{
		const char *stored;
		bool		usable;
		bool		weak;
	}			cases[] =
	{
		{WITH("m=19456,t=2,p=1"), true, false}, {WITH("m=65536,t=8,p=4"), true, false},
		{WITH("m=19455,t=2,p=1"), true, true}, {WITH("m=19456,t=1,p=1"), true, true},
		{WITH("m=65536,t=1,p=4"), true, true}, {WITH("m=8,t=1,p=1"), true, true},
		{WITH("m=65537,t=2,p=1"), false, true}, {WITH("m=4194304,t=2,p=1"), false, true},
		{WITH("m=4294986752,t=2,p=1"), false, true}, {WITH("m=19456,t=4294967298,p=1"), false, true},
		{WITH("m=19456,t=2,p=4294967297"), false, true}, {WITH("m=19456,t=9,p=1"), false, true},
		{WITH("m=19456,t=2,p=5"), false, true}, {WITH("m=19456,t=0,p=1"), false, true},
		{WITH("m=7,t=2,p=1"), false, true}, {WITH("m=31,t=2,p=4"), false, true},
		{WITH("m=019456,t=2,p=1"), false, true}, {WITH("m=-1,t=2,p=1"), false, true},
		{WITH("m= 19456,t=2,p=1"), false, true}, {WITH("t=2,m=19456,p=1"), false, true},
		{WITH("m=19456,t=2,p=1,keyid=x"), false, true}, {WITH("m=19456,t=2"), false, true},
		{"$argon2i$v=19$m=19456,t=2,p=1$" SALT "$" HASH, false, true},
		{"$argon2id$v=16$m=19456,t=2,p=1$" SALT "$" HASH, false, true},
		{"$argon2id$m=19456,t=2,p=1$" SALT "$" HASH, false, true},
		{"$argon2id$v=19$m=19456,t=2,p=1$" SALT "$" HASH "$", false, true},
		{"$argon2id$v=19$m=19456,t=2,p=1$" SALT "$", false, true},
		{"$argon2id$v=19$m=19456,t=2,p=1$" SALT, false, true},
		{"$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$" HASH, false, true},
		{"$argon2id$v=19$m=19456,t=2,p=1$" SALT "$AAECAw", false, true},
		{"$argon2id$v=19$m=19456,t=2,p=1$" SALT "$" HASH HASH "AA", false, true},
		{"$argon2id$v=19$m=19456,t=2,p=1$" SALT "$" HASH "=", false, true},
		{"", false, true}, {"password", false, true}, {"\xff\xfe", false, true},
	};
	char		stored[RIG_PHC_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		RigPhc		phc;
		bool		usable = rig_phc_parse(&phc, cases[i].stored);

		if (usable)
			rig_phc_format(&phc, stored);
		tap_ok(usable == cases[i].usable && rig_password_needs_rehash(cases[i].stored) == cases[i].weak &&
			   (!usable || strcmp(stored, cases[i].stored) == 0), "%s: %s", usable ? "usable" : "refused", cases[i].stored);
	}
	tap_ok(rig_password_verify(WITH("m=4194304,t=2,p=1"), "password", 8, SOON) == RIG_PASSWORD_UNUSABLE,
		   "a hash that demands gigabytes is not computed");
}

static double
seconds_of(const char *stored, const char *password)
{
	struct timespec from;
	struct timespec to;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	rig_password_verify(stored, password, strlen(password), SOON);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	return (double) (to.tv_sec - from.tv_sec) + (double) (to.tv_nsec - from.tv_nsec) / 1e9;
}

/* Least of several: what else the machine does only adds. */
static void
test_unknown_user(void)
{
	char		stored[RIG_PHC_SIZE];
	double		known = 1e9;
	double		unknown = 1e9;

	rig_password_hash("correct horse", 13, SOON, stored);
	for (int i = 0; i < 5; i++)
	{
		double		one = seconds_of(stored, "wrong horse");
		double		other = seconds_of(NULL, "wrong horse");

		known = one < known ? one : known;
		unknown = other < unknown ? other : unknown;
	}
	tap_ok(rig_password_verify(NULL, "correct horse", 13, SOON) == RIG_PASSWORD_WRONG, "an unknown user is never right");
	tap_ok(unknown > known * 0.7 && unknown < known * 1.4, "and takes the time of a known one: %.1f ms, %.1f ms",
		   unknown * 1000, known * 1000);
}

static void *
hash_one(void *result)
{
	char		stored[RIG_PHC_SIZE];

	*(RigPasswordResult *) result = rig_password_hash("correct horse", 13, SOON, stored);
	return NULL;
}

static void
test_slots(void)
{
	char		stored[RIG_PHC_SIZE] = "";
	int64_t		started;
	RigPasswordResult result = RIG_PASSWORD_FAILED;
	pthread_t	thread;

	tap_ok(rig_password_slot_take(0) && rig_password_slot_take(0), "two slots");
	tap_ok(!rig_password_slot_take(0), "and no third");
	tap_ok(rig_password_hash("correct horse", 13, 0, stored) == RIG_PASSWORD_BUSY && *stored == '\0', "no hash without a slot");
	tap_ok(rig_password_verify(NULL, "correct horse", 13, 0) == RIG_PASSWORD_BUSY, "nor a comparison");
	tap_ok(rig_password_verify("broken", "correct horse", 13, 0) == RIG_PASSWORD_BUSY, "not even with a broken hash");
	started = rig_clock_now();
	tap_ok(rig_password_hash("correct horse", 13, started + 60, stored) == RIG_PASSWORD_BUSY &&
		   rig_clock_now() >= started + 60, "a deadline is waited for");
	pthread_create(&thread, NULL, hash_one, &result);
	rig_password_slot_give();
	pthread_join(thread, NULL);
	tap_ok(result == RIG_PASSWORD_OK, "who waits gets the slot that becomes free");
	rig_password_slot_give();
	tap_ok(rig_password_slot_take(0) && rig_password_slot_take(0) && !rig_password_slot_take(0), "none is lost or won");
	rig_password_slot_give();
	rig_password_slot_give();
}

/* More threads than slots, with time enough: every one succeeds. */
static void
test_crowd(void)
{
	pthread_t	threads[6];
	RigPasswordResult results[6];
	bool		right = true;

	for (int i = 0; i < 6; i++)
		pthread_create(&threads[i], NULL, hash_one, &results[i]);
	for (int i = 0; i < 6; i++)
	{
		pthread_join(threads[i], NULL);
		right = right && results[i] == RIG_PASSWORD_OK;
	}
	tap_ok(right, "six at once take turns");
}

static RigPasswordRule
judge(const char *password)
{
	return rig_password_judge(password, strlen(password));
}

/* The rule for a character repeated, ended by another so that it is not monotonous. */
static RigPasswordRule
judge_repeated(const char *character, int count)
{
	char		text[1024] = "";

	for (int i = 0; i < count - 1; i++)
		strcat(text, character);
	strcat(text, "?");
	return judge(text);
}

static void
test_rules(void)
{
	static const char *const common[] = {
		"password", "PassWord1", "12345678", "qwertyuiop", "1qaz2wsx", "iloveyou", "trustno1", "Football", "q1w2e3r4",
		"zzzzzzzz", "abcdefgh", "HGFEDCBA", "????????", "\xff\xff\xff\xff\xff\xff\xff\xff",
	};

	tap_ok(judge("") == RIG_PASSWORD_TOO_SHORT && judge("1234567") == RIG_PASSWORD_TOO_SHORT, "at least eight characters");
	tap_ok(judge_repeated("a", 8) == RIG_PASSWORD_ALLOWED, "eight are enough");
	tap_ok(judge_repeated("ü", 7) == RIG_PASSWORD_TOO_SHORT, "characters are counted, not bytes");
	tap_ok(judge_repeated("\xf0\x9f\x98\x80", 8) == RIG_PASSWORD_ALLOWED, "of four bytes too");
	tap_ok(judge_repeated("\xf0\x9f\x98\x80", 128) == RIG_PASSWORD_ALLOWED, "128 of them");
	tap_ok(judge_repeated("\xf0\x9f\x98\x80", 129) == RIG_PASSWORD_TOO_LONG, "and not 129");
	tap_ok(judge_repeated("a", 128) == RIG_PASSWORD_ALLOWED && judge_repeated("a", 129) == RIG_PASSWORD_TOO_LONG, "at most 128");
	tap_ok(judge_repeated("\x80", 8) == RIG_PASSWORD_ALLOWED && judge_repeated("\x80", 129) == RIG_PASSWORD_TOO_LONG,
		   "a byte that is no UTF-8 counts as one");
	tap_ok(judge_repeated("\xed\xa0\x80", 43) == RIG_PASSWORD_ALLOWED && judge_repeated("\xed\xa0\x80", 44) == RIG_PASSWORD_TOO_LONG,
		   "so does each of a lone surrogate");
	tap_ok(rig_password_judge("a\0b\0c\0d\0", 8) == RIG_PASSWORD_ALLOWED, "NUL is a character");
	tap_ok(rig_password_judge("password\0", 9) == RIG_PASSWORD_ALLOWED, "and makes another password");
	tap_ok(rig_password_judge("password\n12345678", 17) == RIG_PASSWORD_ALLOWED, "lines of the list do not join");
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		tap_ok(judge(common[i]) == RIG_PASSWORD_COMMON, "common, case %zu", i);
	tap_ok(judge("passwordpasswordpasswore") == RIG_PASSWORD_ALLOWED && judge("ssword12") == RIG_PASSWORD_ALLOWED,
		   "only whole entries of the list count");
	tap_ok(judge("correct horse battery") == RIG_PASSWORD_ALLOWED, "a phrase is allowed");
	tap_ok(judge("abcdefgx") == RIG_PASSWORD_ALLOWED, "a row that breaks off is none");
	tap_ok(strstr(rig_password_rule_text(RIG_PASSWORD_TOO_SHORT), "8") != NULL &&
		   strstr(rig_password_rule_text(RIG_PASSWORD_TOO_LONG), "128") != NULL, "the rules have words");
}

int
main(void)
{
	test_round_trip();
	test_reference();
	test_parameters();
	test_unknown_user();
	test_slots();
	test_crowd();
	test_rules();
	return tap_done();
}
