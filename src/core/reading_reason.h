/*
 * Why a payload, a reading or a value is not taken, one list for parser and caller.
 */
#ifndef RIG_READING_REASON_H
#define RIG_READING_REASON_H

typedef enum RigReason
{
	RIG_REASON_NONE = 0,
	/* whole payload */
	RIG_REASON_NOT_JSON,
	RIG_REASON_TRUNCATED,
	RIG_REASON_INVALID_UTF8,
	RIG_REASON_LONE_SURROGATE,
	RIG_REASON_NUL_BYTE,
	RIG_REASON_NONFINITE_NUMBER,
	RIG_REASON_TOO_DEEP,
	RIG_REASON_NOT_A_READING,	/* also of one array element that is not an object */
	RIG_REASON_TOO_LARGE,
	RIG_REASON_TOO_MANY_READINGS,
	/* one reading */
	RIG_REASON_DUPLICATE_KEY,
	RIG_REASON_TOO_MANY_KEYS,
	RIG_REASON_MISSING_MACHINE,
	RIG_REASON_BAD_MACHINE_NAME,
	RIG_REASON_BAD_SENSOR_NAME,
	RIG_REASON_NO_VALUES,
	RIG_REASON_TIME_WITHOUT_OFFSET,
	RIG_REASON_BAD_TIME,
	RIG_REASON_BAD_LINE,		/* of line protocol */
	/* decided by the caller, listed here so that every code stands in one place; first of whole payloads */
	RIG_REASON_TOKEN_UNKNOWN,
	RIG_REASON_TOKEN_REVOKED,
	RIG_REASON_TOKEN_EXPIRED,
	RIG_REASON_TOKEN_NETWORK,
	RIG_REASON_KEY_REUSED,
	RIG_REASON_QUOTA,
	RIG_REASON_FOREIGN_MACHINE,
	RIG_REASON_FUTURE_TIME,
	RIG_REASON_TOO_OLD,
	RIG_REASON_SENSOR_QUOTA,
	RIG_REASON_MACHINE_QUOTA,
	RIG_REASON_TOO_MANY_DAYS,
	RIG_REASON_CONFLICT,
	RIG_REASON_FAILED,
	/* one value: it becomes NULL and is flagged, the reading is kept */
	RIG_REASON_NOT_A_NUMBER,
	RIG_REASON_OUT_OF_RANGE
} RigReason;

/* Stable lower-case code of a reason, such as "duplicate_key"; "unknown" for any other int. */
extern const char *rig_reason_code(RigReason reason);

#endif
