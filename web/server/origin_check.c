#include "origin_check.h"

#include <string.h>
#include <strings.h>

/* Methods that change nothing here; every other one must show where it comes from. */
static bool
is_safe(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0;
}

static bool
is_configured(const char *origin, const char *origins)
{
	size_t		wanted = strlen(origin);

	/* What a sandboxed frame of any site sends. */
	if (wanted == 0 || strcasecmp(origin, "null") == 0)
		return false;
	while (*origins != '\0')
	{
		size_t		length = strcspn(origins, ", ");

		if (length == wanted && strncasecmp(origins, origin, length) == 0)
			return true;
		origins += length;
		origins += strspn(origins, ", ");
	}
	return false;
}

RigOriginVerdict
rig_origin_check(const RigOriginFacts *facts, const char *origins)
{
	/* A page of another site cannot make a browser add an Authorization header without our consent. */
	if (is_safe(facts->method) || facts->bearer)
		return RIG_ORIGIN_ALLOWED;
	/* Scripts cannot forge it, and it is right also where our own page hides its origin. */
	if (facts->site != NULL)
		return strcmp(facts->site, "same-origin") == 0 ? RIG_ORIGIN_ALLOWED : RIG_ORIGIN_FOREIGN;
	if (facts->origin != NULL)
		return is_configured(facts->origin, origins) ? RIG_ORIGIN_ALLOWED : RIG_ORIGIN_FOREIGN;
	/* Browsers send one of the two with every unsafe request; without a cookie there is nothing to abuse. */
	return facts->cookie ? RIG_ORIGIN_UNKNOWN : RIG_ORIGIN_ALLOWED;
}
