#include "url.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"

static int
hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

/* Decodes percent escapes in place; a NUL byte or a broken escape is an error. */
static bool
decode_percent(char *text, bool plus_is_space)
{
	char	   *out = text;

	for (const char *in = text; *in != '\0'; in++)
	{
		if (*in == '%')
		{
			int			high = hex_value(in[1]);
			int			low = high < 0 ? -1 : hex_value(in[2]);

			if (low < 0 || high * 16 + low == 0)
				return false;
			*out++ = (char) (high * 16 + low);
			in += 2;
		}
		else
			*out++ = (*in == '+' && plus_is_space) ? ' ' : *in;
	}
	*out = '\0';
	return true;
}

static bool
split_path(RigUrl *url, char *path)
{
	char	   *rest = path;
	char	   *segment;

	if (*path != '/')
		return false;
	rest++;
	while ((segment = strsep(&rest, "/")) != NULL)
	{
		if (url->segment_count == RIG_URL_MAX_SEGMENTS || !decode_percent(segment, false))
			return false;
		url->segments[url->segment_count++] = segment;
	}
	return true;
}

static bool
split_query(RigUrl *url, char *query)
{
	char	   *pair;

	while ((pair = strsep(&query, "&")) != NULL)
	{
		char	   *value = strchr(pair, '=');

		if (*pair == '\0')
			continue;
		if (url->parameter_count == RIG_URL_MAX_PARAMETERS)
			return false;
		if (value != NULL)
			*value++ = '\0';
		else
			value = pair + strlen(pair);
		if (!decode_percent(pair, true) || !decode_percent(value, true))
			return false;
		url->names[url->parameter_count] = pair;
		url->values[url->parameter_count++] = value;
	}
	return true;
}

/* Blanks and control characters come percent-encoded from everybody who is honest. */
static bool
is_plain(const char *target)
{
	for (; *target != '\0'; target++)
	{
		if ((unsigned char) *target <= 0x20 || *target == 0x7F)
			return false;
	}
	return true;
}

bool
rig_url_parse(RigUrl *url, const char *target)
{
	size_t		path_length = strcspn(target, "?#");
	char	   *copy;
	char	   *query = NULL;

	*url = (RigUrl) {0};
	url->path = rig_copy_text(target, path_length);
	copy = url->memory = rig_copy_text(target, strcspn(target, "#"));
	if (copy[path_length] == '?')
	{
		copy[path_length] = '\0';
		query = copy + path_length + 1;
	}
	return is_plain(target) && split_path(url, copy) && (query == NULL || split_query(url, query));
}

const char *
rig_url_parameter(const RigUrl *url, const char *name)
{
	for (int i = 0; i < url->parameter_count; i++)
	{
		if (strcmp(url->names[i], name) == 0)
			return url->values[i];
	}
	return NULL;
}

void
rig_url_release(RigUrl *url)
{
	free(url->path);
	free(url->memory);
	*url = (RigUrl) {0};
}

bool
rig_url_match(const RigUrl *url, const char *pattern, const char **captures, int max_captures)
{
	int			captured = 0;
	int			segment = 0;

	while (*pattern == '/')
	{
		size_t		length = strcspn(++pattern, "/");
		const char *text;

		if (segment == url->segment_count)
			return false;
		text = url->segments[segment++];
		if (length == 2 && strncmp(pattern, "{}", 2) == 0)
		{
			if (*text == '\0' || captured == max_captures)
				return false;
			captures[captured++] = text;
		}
		else if (strlen(text) != length || memcmp(text, pattern, length) != 0)
			return false;
		pattern += length;
	}
	return segment == url->segment_count;
}
