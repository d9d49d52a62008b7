/*
 * What an error of the database means for the messages in flight. Pure.
 */
#ifndef RIG_FAILURE_H
#define RIG_FAILURE_H

#define RIG_SQLSTATE_LENGTH 5
#define RIG_FAILURE_TEXT 512

typedef enum RigFailureKind
{
	RIG_FAILURE_NONE,
	RIG_FAILURE_ENVIRONMENT,	/* not the messages' fault: wait, retry the same ones */
	RIG_FAILURE_MEMORY,			/* retry fewer at a time */
	RIG_FAILURE_SPLIT,			/* too much for one transaction: split the batch */
	RIG_FAILURE_STALE,			/* another worker holds the lease: step down */
	RIG_FAILURE_MISSING,		/* the function is not there: extension dropped? */
	RIG_FAILURE_MESSAGE			/* bisect down to the message, dead-letter it */
} RigFailureKind;

typedef struct RigFailure
{
	char		sqlstate[RIG_SQLSTATE_LENGTH + 1];	/* "" = no failure */
	char		message[RIG_FAILURE_TEXT];
} RigFailure;

extern RigFailureKind rig_failure_kind(const char *sqlstate);

#endif
