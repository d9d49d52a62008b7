#include "failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* An entry of two characters stands for its whole class; the first match wins. */
static const struct
{
	const char *sqlstate;
	RigFailureKind kind;
}			FAILURES[] =
{
	{"RA001", RIG_FAILURE_ENVIRONMENT}, /* not set up */
	{"RA002", RIG_FAILURE_ENVIRONMENT}, /* belongs to another cluster */
	{"RA003", RIG_FAILURE_STALE},
	{"RA005", RIG_FAILURE_SPLIT},
	{"53200", RIG_FAILURE_MEMORY},
	{"3F000", RIG_FAILURE_MISSING}, /* schema */
	{"42883", RIG_FAILURE_MISSING}, /* function */
	{"42P01", RIG_FAILURE_MISSING}, /* table or view */
	{"08", RIG_FAILURE_ENVIRONMENT},
	{"25", RIG_FAILURE_ENVIRONMENT},	/* read-only transaction */
	{"40", RIG_FAILURE_ENVIRONMENT},	/* serialization, deadlock */
	/* A missing privilege or a broken definition concerns every message alike. */
	{"42", RIG_FAILURE_ENVIRONMENT},
	{"53", RIG_FAILURE_ENVIRONMENT},	/* disk full, connections */
	{"55", RIG_FAILURE_ENVIRONMENT},	/* lock not available, object in use */
	{"57", RIG_FAILURE_ENVIRONMENT},	/* cancel, shutdown */
	{"58", RIG_FAILURE_ENVIRONMENT},	/* I/O error */
	{"XX001", RIG_FAILURE_ENVIRONMENT}, /* corrupted data */
	{"XX002", RIG_FAILURE_ENVIRONMENT}, /* corrupted index */
};

RigFailureKind
rig_failure_kind(const char *sqlstate)
{
	if (sqlstate[0] == '\0')
		return RIG_FAILURE_NONE;
	for (size_t i = 0; i < sizeof(FAILURES) / sizeof(FAILURES[0]); i++)
	{
		if (strncmp(sqlstate, FAILURES[i].sqlstate, strlen(FAILURES[i].sqlstate)) == 0)
			return FAILURES[i].kind;
	}
	return RIG_FAILURE_MESSAGE;
}
