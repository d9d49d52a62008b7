#include "ingest_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config.h"
#include "gunzip.h"
#include "json_body.h"
#include "listener.h"
#include "parameters.h"
#include "payload_format.h"
#include "problem.h"

#define MEDIA_JSON "application/json"
#define MEDIA_NDJSON "application/x-ndjson"
#define MEDIA_TEXT "text/plain"
#define MEDIA_INFLUX "application/vnd.influx.line-protocol"

static bool
refuse_type(RigRequest *request, const char *detail)
{
	rig_problem_answer(request, RIG_PROBLEM_MEDIA_TYPE, detail);
	return false;
}

static bool
check_encoding(RigRequest *request)
{
	const char *encoding = rig_request_header(request, "Content-Encoding");

	request->body_gzip = encoding != NULL && strcasecmp(encoding, "gzip") == 0;
	if (encoding == NULL || request->body_gzip || strcasecmp(encoding, "identity") == 0)
		return true;
	return refuse_type(request, "Send the body as it is, or with Content-Encoding: gzip.");
}

static bool
check_atomic(RigRequest *request)
{
	const char *atomic = "false";

	if (!rig_parameter_boolean(request, "atomic", &atomic))
		return false;
	request->atomic = strcmp(atomic, "true") == 0;
	return true;
}

/* Finds the format of line protocol with the unit of its times. */
static bool
check_precision(RigRequest *request)
{
	const char *precision = rig_url_parameter(&request->url, "precision");
	RigFormat	format = {RIG_FORMAT_INFLUX, RIG_TIME_BY_MAGNITUDE};

	if (precision != NULL && !rig_time_unit_find(precision, &format.unit))
	{
		rig_problem_answer(request, RIG_PROBLEM_BAD_PARAMETER,
						   "precision is ns, us, ms, s, nanosecond, microsecond, millisecond, second or auto.");
		return false;
	}
	request->line_format = rig_format_name(format);
	return true;
}

bool
rig_ingest_body_check(RigRequest *request)
{
	request->body_shape = RIG_BODY_LINE_PROTOCOL;
	if (rig_has_media_type(request, MEDIA_JSON))
		request->body_shape = RIG_BODY_JSON;
	else if (rig_has_media_type(request, MEDIA_NDJSON))
		request->body_shape = RIG_BODY_JSON_LINES;
	else if (!rig_has_media_type(request, MEDIA_TEXT) && !rig_has_media_type(request, MEDIA_INFLUX))
		return refuse_type(request, "Send " MEDIA_JSON ", " MEDIA_NDJSON " with one payload per line, or line protocol as " MEDIA_TEXT ".");
	if (!check_encoding(request) || !check_atomic(request))
		return false;
	if (request->body_shape == RIG_BODY_LINE_PROTOCOL)
		return check_precision(request);
	if (request->body_shape == RIG_BODY_JSON_LINES && request->body_declared > (uint64_t) rig_config.max_body)
	{
		rig_problem_answer(request, RIG_PROBLEM_TOO_LARGE, "Nothing was stored: send fewer lines at a time.");
		return false;
	}
	return true;
}

bool
rig_ingest_body_check_lines(RigRequest *request)
{
	request->body_shape = RIG_BODY_LINE_PROTOCOL;
	return check_encoding(request) && check_atomic(request) && check_precision(request);
}

static bool
decompress(RigRequest *request)
{
	RigBuffer	plain = {0};

	switch (rig_gunzip(request->body.data, request->body.length, (size_t) rig_config.max_body, &plain))
	{
		case RIG_GUNZIP_DONE:
			break;
		case RIG_GUNZIP_MALFORMED:
			rig_buffer_release(&plain);
			rig_problem_answer(request, RIG_PROBLEM_MALFORMED, "The body is not gzip.");
			return false;
		case RIG_GUNZIP_TOO_LARGE:
			rig_buffer_release(&plain);
			rig_problem_answer(request, RIG_PROBLEM_TOO_LARGE, "Nothing was stored: send less at a time.");
			return false;
	}
	if (!rig_listener_account_body(request, plain.length))
	{
		rig_buffer_release(&plain);
		rig_problem_answer(request, RIG_PROBLEM_OVERLOADED, NULL);
		return false;
	}
	rig_buffer_release(&request->body);
	request->body = plain;
	return true;
}

static bool
is_blank(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (bytes[i] != ' ' && bytes[i] != '\t' && bytes[i] != '\r')
			return false;
	}
	return true;
}

static RigPayloadSlice
slice_json(const char *bytes, size_t length)
{
	const RigFormat format = {rig_format_of_json(bytes, length), RIG_TIME_BY_MAGNITUDE};

	/* The most frequent one needs no name. */
	return (RigPayloadSlice) {bytes, length, format.kind == RIG_FORMAT_JSON ? NULL : rig_format_name(format)};
}

/* Makes one payload of each line that is not blank; false when there are too many. */
static bool
split_lines(RigRequest *request)
{
	const char *line = request->body.data;
	const char *end = line + request->body.length;
	int64_t		capacity = 16;

	request->payloads = rig_allocate((size_t) capacity * sizeof(RigPayloadSlice));
	while (line < end)
	{
		const char *newline = memchr(line, '\n', (size_t) (end - line));
		size_t		length = (size_t) ((newline != NULL ? newline : end) - line);

		if (!is_blank(line, length))
		{
			if (request->payload_count == rig_config.max_lines)
				return false;
			if (request->payload_count == capacity)
			{
				RigPayloadSlice *grown = rig_allocate((size_t) capacity * 2 * sizeof(RigPayloadSlice));

				memcpy(grown, request->payloads, (size_t) capacity * sizeof(RigPayloadSlice));
				free(request->payloads);
				request->payloads = grown;
				capacity *= 2;
			}
			request->payloads[request->payload_count++] = slice_json(line, length);
		}
		line += length + 1;
	}
	return true;
}

static bool
split_json_lines(RigRequest *request)
{
	if (request->body.length > (size_t) rig_config.max_body)
		rig_problem_answer(request, RIG_PROBLEM_TOO_LARGE, "Nothing was stored: send fewer lines at a time.");
	else if (!split_lines(request))
		rig_problem_answer(request, RIG_PROBLEM_TOO_MANY_LINES, "Nothing was stored: send fewer lines at a time.");
	else
		return true;
	return false;
}

/* JSON under the wrong name would become nothing but bad lines. */
static bool
looks_like_json(const RigBuffer *body)
{
	size_t		blank = 0;

	while (blank < body->length && strchr(" \t\r\n", body->data[blank]) != NULL)
		blank++;
	return blank < body->length && (body->data[blank] == '{' || body->data[blank] == '[');
}

bool
rig_ingest_body_split(RigRequest *request)
{
	RigBuffer  *body = &request->body;

	if (request->body_gzip && body->length > 0 && !decompress(request))
		return false;
	if (request->body_shape == RIG_BODY_LINE_PROTOCOL && looks_like_json(body))
		return refuse_type(request, "This is JSON: send it as " MEDIA_JSON " to /api/v1/ingest.");
	if (request->body_shape == RIG_BODY_JSON_LINES)
	{
		if (!split_json_lines(request))
			return false;
	}
	else if (body->length > 0)
	{
		request->payloads = rig_allocate(sizeof(RigPayloadSlice));
		request->payloads[0] = request->body_shape == RIG_BODY_JSON ? slice_json(body->data, body->length)
			: (RigPayloadSlice) {body->data, body->length, request->line_format};
		request->payload_count = 1;
	}
	if (request->payload_count > 0)
		return true;
	rig_problem_answer(request, RIG_PROBLEM_EMPTY_BODY, NULL);
	return false;
}
