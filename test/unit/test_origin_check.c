/* The decision against forged requests, as a table. */
#include <stddef.h>

#include "origin_check.h"
#include "tap.h"

#define ORIGINS "https://rig.example, http://127.0.0.1:8080"

static const struct
{
	RigOriginFacts facts;
	const char *origins;
	RigOriginVerdict verdict;
	const char *name;
}			CASES[] =
{
	{{"GET", "cross-site", "https://evil.example", true, false}, ORIGINS, RIG_ORIGIN_ALLOWED, "reading is not acting"},
	{{"HEAD", NULL, NULL, true, false}, ORIGINS, RIG_ORIGIN_ALLOWED, "HEAD is reading"},
	{{"get", "cross-site", NULL, true, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "a method is known by its exact name"},
	{{"POST", "same-origin", NULL, true, false}, ORIGINS, RIG_ORIGIN_ALLOWED, "our own page"},
	{{"POST", "same-origin", "null", true, false}, ORIGINS, RIG_ORIGIN_ALLOWED, "our own page under no-referrer"},
	{{"POST", "same-site", "https://rig.example", true, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "a neighbour is foreign"},
	{{"POST", "cross-site", "https://rig.example", true, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "Sec-Fetch-Site decides alone"},
	{{"POST", "none", NULL, true, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "nobody types a POST"},
	{{"POST", "", NULL, true, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "an empty Sec-Fetch-Site is none of ours"},
	{{"POST", "Same-Origin", NULL, true, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "its values are exact"},
	{{"POST", "cross-site", NULL, false, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "a forged login has no cookie yet"},
	{{"POST", NULL, "https://rig.example", true, false}, ORIGINS, RIG_ORIGIN_ALLOWED, "the first configured origin"},
	{{"POST", NULL, "http://127.0.0.1:8080", true, false}, ORIGINS, RIG_ORIGIN_ALLOWED, "the second configured origin"},
	{{"POST", NULL, "HTTPS://Rig.Example", true, false}, ORIGINS, RIG_ORIGIN_ALLOWED, "hosts have no case"},
	{{"POST", NULL, "http://rig.example", true, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "another scheme"},
	{{"POST", NULL, "https://rig.example:8443", true, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "another port"},
	{{"POST", NULL, "https://rig.example.evil", true, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "a longer name"},
	{{"POST", NULL, "https://rig.exampl", true, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "a shorter name"},
	{{"POST", NULL, "https://evil.rig.example", true, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "a name below ours"},
	{{"POST", NULL, "https://rig.example, http://127.0.0.1:8080", true, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "the whole list"},
	{{"POST", NULL, "", true, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "an empty Origin"},
	{{"POST", NULL, "null", true, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "an opaque origin"},
	{{"POST", NULL, "null", true, false}, "null", RIG_ORIGIN_FOREIGN, "an opaque origin, even configured"},
	{{"POST", NULL, "https://rig.example", true, false}, "", RIG_ORIGIN_FOREIGN, "no origin is configured"},
	{{"POST", NULL, "https://evil.example", false, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "a foreign Origin without a cookie"},
	{{"POST", NULL, NULL, true, false}, ORIGINS, RIG_ORIGIN_UNKNOWN, "a cookie and no word of its sender"},
	{{"POST", NULL, NULL, false, false}, ORIGINS, RIG_ORIGIN_ALLOWED, "a program without a cookie"},
	{{"DELETE", NULL, NULL, true, false}, ORIGINS, RIG_ORIGIN_UNKNOWN, "DELETE acts"},
	{{"PUT", "cross-site", NULL, true, false}, ORIGINS, RIG_ORIGIN_FOREIGN, "PUT acts"},
	{{"POST", "cross-site", "https://evil.example", true, true}, ORIGINS, RIG_ORIGIN_ALLOWED, "a device shows its own token"},
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
		tap_ok(rig_origin_check(&CASES[i].facts, CASES[i].origins) == CASES[i].verdict, "%s", CASES[i].name);
	return tap_done();
}
