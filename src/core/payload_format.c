#include "payload_format.h"

#include <string.h>

#include "json_scan.h"

static const struct
{
	const char *name;
	RigFormat	format;
}			formats[] = {
	{"json", {RIG_FORMAT_JSON, RIG_TIME_BY_MAGNITUDE}},
	{"thingsboard", {RIG_FORMAT_THINGSBOARD, RIG_TIME_BY_MAGNITUDE}},
	{"influx", {RIG_FORMAT_INFLUX, RIG_TIME_BY_MAGNITUDE}},
	{"influx:s", {RIG_FORMAT_INFLUX, RIG_TIME_SECONDS}},
	{"influx:ms", {RIG_FORMAT_INFLUX, RIG_TIME_MILLISECONDS}},
	{"influx:us", {RIG_FORMAT_INFLUX, RIG_TIME_MICROSECONDS}},
	{"influx:ns", {RIG_FORMAT_INFLUX, RIG_TIME_NANOSECONDS}},
};

static const struct
{
	const char *name;
	RigTimeUnit unit;
}			units[] = {
	{"auto", RIG_TIME_BY_MAGNITUDE},
	{"s", RIG_TIME_SECONDS},
	{"second", RIG_TIME_SECONDS},
	{"ms", RIG_TIME_MILLISECONDS},
	{"millisecond", RIG_TIME_MILLISECONDS},
	{"us", RIG_TIME_MICROSECONDS},
	{"microsecond", RIG_TIME_MICROSECONDS},
	{"ns", RIG_TIME_NANOSECONDS},
	{"nanosecond", RIG_TIME_NANOSECONDS},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool
rig_format_find(const char *name, RigFormat *format)
{
	for (size_t i = 0; i < COUNT(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
		{
			*format = formats[i].format;
			return true;
		}
	return false;
}

const char *
rig_format_name(RigFormat format)
{
	for (size_t i = 0; i < COUNT(formats); i++)
		if (formats[i].format.kind == format.kind && formats[i].format.unit == format.unit)
			return formats[i].name;
	return formats[0].name;
}

bool
rig_time_unit_find(const char *name, RigTimeUnit *unit)
{
	for (size_t i = 0; i < COUNT(units); i++)
		if (strcmp(units[i].name, name) == 0)
		{
			*unit = units[i].unit;
			return true;
		}
	return false;
}

static bool
is_key(const RigJsonText *text, const char *key)
{
	return text->length == strlen(key) && memcmp(text->start, key, text->length) == 0;
}

/* Decides by one member, whose value begins at `at`; false when it tells nothing. */
static bool
tells_format(const RigJson *json, const char *at, const RigJsonText *key, RigFormatKind *kind)
{
	bool		is_object = rig_json_is(json, at, '{');
	bool		is_number = at < json->end && *at >= '0' && *at <= '9';

	*kind = RIG_FORMAT_JSON;
	if (is_key(key, "machine_id") || is_key(key, "timestamp") || is_key(key, "sensors"))
		return true;
	*kind = RIG_FORMAT_THINGSBOARD;
	return (is_key(key, "values") && is_object) || (is_key(key, "ts") && is_number);
}

RigFormatKind
rig_format_of_json(const char *bytes, size_t length)
{
	RigJson		json = {bytes + length, bytes, RIG_REASON_NONE};
	const char *at = rig_json_skip_space(&json, bytes);

	if (rig_json_is(&json, at, '['))
		at = rig_json_skip_space(&json, at + 1);
	if (!rig_json_is(&json, at, '{'))
		return RIG_FORMAT_JSON;
	do
	{
		RigJsonText key;
		RigFormatKind kind;

		at = rig_json_skip_space(&json, at + 1);
		if (!rig_json_is(&json, at, '"'))
			return RIG_FORMAT_JSON;
		at = rig_json_scan_string(&json, at + 1, &key);
		if (at == NULL)
			return RIG_FORMAT_JSON;
		at = rig_json_skip_space(&json, at);
		if (!rig_json_is(&json, at, ':'))
			return RIG_FORMAT_JSON;
		at = rig_json_skip_space(&json, at + 1);
		if (tells_format(&json, at, &key, &kind))
			return kind;
		at = rig_json_skip_value(&json, at, RIG_JSON_MAX_DEPTH - 2);
		if (at == NULL)
			return RIG_FORMAT_JSON;
		at = rig_json_skip_space(&json, at);
	} while (rig_json_is(&json, at, ','));
	return RIG_FORMAT_JSON;
}
