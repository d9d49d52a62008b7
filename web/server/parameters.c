#include "parameters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "problem.h"

#define YEAR_9999_MS INT64_C(253402300799999)

static bool
refuse_parameter(RigRequest *request, const char *name, const char *wanted)
{
	char		detail[160];

	snprintf(detail, sizeof(detail), "%s must be %s.", name, wanted);
	rig_problem_answer(request, RIG_PROBLEM_BAD_PARAMETER, detail);
	return false;
}

static bool
parse_whole(const char *text, int64_t most, int64_t *number)
{
	char	   *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && *number <= most;
}

bool
rig_parameter_limit(RigRequest *request, int fallback, int most, char text[RIG_PARAMETER_SIZE])
{
	const char *given = rig_url_parameter(&request->url, "limit");
	int64_t		limit = fallback;
	char		wanted[64];

	if (given != NULL && (!parse_whole(given, most, &limit) || limit < 1))
	{
		snprintf(wanted, sizeof(wanted), "a whole number from 1 to %d", most);
		return refuse_parameter(request, "limit", wanted);
	}
	snprintf(text, RIG_PARAMETER_SIZE, "%d", (int) limit);
	return true;
}

bool
rig_parameter_number(RigRequest *request, const char *name, int64_t most, const char **value)
{
	const char *given = rig_url_parameter(&request->url, name);
	int64_t		number;
	char		wanted[64];

	*value = NULL;
	if (given == NULL || *given == '\0')
		return true;
	*value = given;
	if (parse_whole(given, most, &number))
		return true;
	snprintf(wanted, sizeof(wanted), "a whole number from 0 to %lld", (long long) most);
	return refuse_parameter(request, name, wanted);
}

bool
rig_parameter_boolean(RigRequest *request, const char *name, const char **value)
{
	const char *given = rig_url_parameter(&request->url, name);

	if (given == NULL)
		return true;
	*value = given;
	if (strcmp(given, "true") == 0 || strcmp(given, "false") == 0)
		return true;
	return refuse_parameter(request, name, "true or false");
}

static void
format_milliseconds(int64_t milliseconds, char text[RIG_PARAMETER_SIZE])
{
	time_t		seconds = (time_t) (milliseconds / 1000);
	struct tm	parts;
	char		date[32];

	gmtime_r(&seconds, &parts);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text, RIG_PARAMETER_SIZE, "%s.%03dZ", date, (int) (milliseconds % 1000));
}

/* Whether the text has the shape of RFC 3339; the server checks the numbers. */
static bool
is_rfc3339(const char *text)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd";
	const char *digits = "0123456789";

	for (const char *wanted = shape; *wanted != '\0'; wanted++, text++)
	{
		if (*wanted == 'd' ? strspn(text, digits) == 0 :
			*text != *wanted && !(*wanted == 'T' && (*text == 't' || *text == ' ')))
			return false;
	}
	if (*text == '.')
	{
		size_t		fraction = strspn(text + 1, digits);

		if (fraction == 0 || fraction > 9)
			return false;
		text += 1 + fraction;
	}
	if ((*text == 'Z' || *text == 'z') && text[1] == '\0')
		return true;
	return (*text == '+' || *text == '-') && strlen(text) == 6 && text[3] == ':' &&
		strspn(text + 1, digits) == 2 && strspn(text + 4, digits) == 2;
}

bool
rig_parameter_time(RigRequest *request, const char *name, char text[RIG_PARAMETER_SIZE], const char **value)
{
	const char *given = rig_url_parameter(&request->url, name);
	int64_t		milliseconds;
	size_t		length;

	*value = NULL;
	if (given == NULL || *given == '\0')
		return true;
	*value = text;
	if (parse_whole(given, YEAR_9999_MS, &milliseconds))
	{
		format_milliseconds(milliseconds, text);
		return true;
	}
	snprintf(text, RIG_PARAMETER_SIZE, "%s", given);
	length = strlen(text);
	/* A plus sign that was not escaped arrives as a space. */
	if (length > 6 && text[length - 6] == ' ')
		text[length - 6] = '+';
	if (strlen(given) < RIG_PARAMETER_SIZE && is_rfc3339(text))
		return true;
	return refuse_parameter(request, name, "an RFC 3339 time with an offset, or Unix milliseconds");
}

void
rig_parameter_list(const RigRequest *request, const char *name, RigBuffer *text, const char **value)
{
	const char *given = rig_url_parameter(&request->url, name);

	*value = NULL;
	if (given == NULL || *given == '\0')
		return;
	rig_buffer_text(text, "{\"");
	for (; *given != '\0'; given++)
	{
		if (*given == ',')
			rig_buffer_text(text, "\",\"");
		else if (*given == '"' || *given == '\\')
			rig_buffer_format(text, "\\%c", *given);
		else
			rig_buffer_append(text, given, 1);
	}
	rig_buffer_text(text, "\"}");
	*value = text->data;
}
