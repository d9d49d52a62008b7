#include <string.h>

#include "payload_format.h"
#include "tap.h"

static const struct
{
	const char *bytes;
	RigFormatKind kind;
}			shapes[] = {
	{"{\"temperature\":42}", RIG_FORMAT_JSON},
	{"{\"ts\":1451649600512,\"values\":{\"rpm\":1}}", RIG_FORMAT_THINGSBOARD},
	{"{\"values\":{\"rpm\":1},\"ts\":1451649600512}", RIG_FORMAT_THINGSBOARD},
	{"{\"values\":{\"rpm\":1}}", RIG_FORMAT_THINGSBOARD},
	{" [ { \"ts\" : 1451649600512 , \"values\" : { } } ] ", RIG_FORMAT_THINGSBOARD},
	{"[{\"rpm\":1,\"ts\":5}]", RIG_FORMAT_THINGSBOARD},
	{"{\"rpm\":[1,{\"ts\":2}],\"wob\":{\"values\":{}}}", RIG_FORMAT_JSON},
	/* What only ours has comes first. */
	{"{\"machine_id\":\"A\",\"ts\":5,\"values\":{}}", RIG_FORMAT_JSON},
	{"{\"rpm\":1,\"timestamp\":5,\"ts\":5}", RIG_FORMAT_JSON},
	{"{\"sensors\":{\"values\":{}},\"values\":{}}", RIG_FORMAT_JSON},
	/* Sensors that are called like that. */
	{"{\"values\":5}", RIG_FORMAT_JSON},
	{"{\"ts\":\"2026\"}", RIG_FORMAT_JSON},
	/* No JSON, or the end of it. */
	{"", RIG_FORMAT_JSON},
	{"[", RIG_FORMAT_JSON},
	{"{", RIG_FORMAT_JSON},
	{"{}", RIG_FORMAT_JSON},
	{"{\"ts", RIG_FORMAT_JSON},
	{"{\"ts\"", RIG_FORMAT_JSON},
	{"{\"ts\":", RIG_FORMAT_JSON},
	{"{\"rpm\":1,", RIG_FORMAT_JSON},
	{"{\"rpm\":1]", RIG_FORMAT_JSON},
	{"{\"rpm\":nil,\"ts\":1}", RIG_FORMAT_JSON},
	{"5", RIG_FORMAT_JSON},
};

int
main(void)
{
	static const char *const names[] = {"json", "thingsboard", "influx", "influx:s", "influx:ms", "influx:us", "influx:ns"};
	static const char *const wrong[] = {"", "JSON", "influx:", "influx:m", "influx:ms ", "json:ms"};
	static const char *const units[] = {"auto", "s", "second", "ms", "millisecond", "us", "microsecond", "ns", "nanosecond"};
	RigFormat	format;
	RigTimeUnit unit;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
	{
		size_t		length = strlen(shapes[i].bytes);
		char	   *copy = malloc(length > 0 ? length : 1);

		memcpy(copy, shapes[i].bytes, length);
		tap_ok(rig_format_of_json(copy, length) == shapes[i].kind, "shape of %s", shapes[i].bytes);
		free(copy);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tap_ok(rig_format_find(names[i], &format) && strcmp(rig_format_name(format), names[i]) == 0, "format %s", names[i]);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		tap_ok(!rig_format_find(wrong[i], &format), "no format \"%s\"", wrong[i]);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		tap_ok(rig_time_unit_find(units[i], &unit) && unit == (RigTimeUnit) ((i + 1) / 2), "unit %s", units[i]);
	tap_ok(!rig_time_unit_find("minutes", &unit) && !rig_time_unit_find("", &unit), "no unit");
	return tap_done();
}
