#include "reading_reason.h"

static const char *const reason_codes[] = {
	[RIG_REASON_NONE] = "none",
	[RIG_REASON_NOT_JSON] = "not_json",
	[RIG_REASON_TRUNCATED] = "truncated",
	[RIG_REASON_INVALID_UTF8] = "invalid_utf8",
	[RIG_REASON_LONE_SURROGATE] = "lone_surrogate",
	[RIG_REASON_NUL_BYTE] = "nul_byte",
	[RIG_REASON_NONFINITE_NUMBER] = "nonfinite_number",
	[RIG_REASON_TOO_DEEP] = "too_deep",
	[RIG_REASON_NOT_A_READING] = "not_a_reading",
	[RIG_REASON_TOO_LARGE] = "too_large",
	[RIG_REASON_TOO_MANY_READINGS] = "too_many_readings",
	[RIG_REASON_DUPLICATE_KEY] = "duplicate_key",
	[RIG_REASON_TOO_MANY_KEYS] = "too_many_keys",
	[RIG_REASON_MISSING_MACHINE] = "missing_machine",
	[RIG_REASON_BAD_MACHINE_NAME] = "bad_machine_name",
	[RIG_REASON_BAD_SENSOR_NAME] = "bad_sensor_name",
	[RIG_REASON_NO_VALUES] = "no_values",
	[RIG_REASON_TIME_WITHOUT_OFFSET] = "time_without_offset",
	[RIG_REASON_BAD_TIME] = "bad_time",
	[RIG_REASON_BAD_LINE] = "bad_line",
	[RIG_REASON_TOKEN_UNKNOWN] = "token_unknown",
	[RIG_REASON_TOKEN_REVOKED] = "token_revoked",
	[RIG_REASON_TOKEN_EXPIRED] = "token_expired",
	[RIG_REASON_TOKEN_NETWORK] = "token_network",
	[RIG_REASON_KEY_REUSED] = "key_reused",
	[RIG_REASON_QUOTA] = "quota",
	[RIG_REASON_FOREIGN_MACHINE] = "foreign_machine",
	[RIG_REASON_FUTURE_TIME] = "future_time",
	[RIG_REASON_TOO_OLD] = "too_old",
	[RIG_REASON_SENSOR_QUOTA] = "sensor_quota",
	[RIG_REASON_MACHINE_QUOTA] = "machine_quota",
	[RIG_REASON_TOO_MANY_DAYS] = "too_many_days",
	[RIG_REASON_CONFLICT] = "conflict",
	[RIG_REASON_FAILED] = "failed",
	[RIG_REASON_NOT_A_NUMBER] = "not_a_number",
	[RIG_REASON_OUT_OF_RANGE] = "out_of_range",
};

const char *
rig_reason_code(RigReason reason)
{
	unsigned int index = (unsigned int) reason;

	if (index >= sizeof(reason_codes) / sizeof(reason_codes[0]))
		return "unknown";
	return reason_codes[index];
}
