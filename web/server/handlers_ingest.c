#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config.h"
#include "handlers.h"
#include "ingest_batch.h"
#include "ingest_queue.h"
#include "json_body.h"
#include "problem.h"

#define MEDIA_JSON "application/json"
#define MEDIA_NDJSON "application/x-ndjson"

void
rig_check_ingest(RigRequest *request)
{
	bool		lines = rig_has_media_type(request, MEDIA_NDJSON);
	const char *encoding = rig_request_header(request, "Content-Encoding");

	if (encoding != NULL && strcasecmp(encoding, "identity") != 0)
		rig_problem_answer(request, RIG_PROBLEM_MEDIA_TYPE, "Send the body without Content-Encoding.");
	else if (!lines && !rig_has_media_type(request, MEDIA_JSON))
		rig_problem_answer(request, RIG_PROBLEM_MEDIA_TYPE,
						   "Send " MEDIA_JSON ", or " MEDIA_NDJSON " with one payload per line.");
	else if (lines && request->body_declared > (uint64_t) rig_config.max_body)
		rig_problem_answer(request, RIG_PROBLEM_TOO_LARGE, "Nothing was stored: send fewer lines at a time.");
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
			request->payloads[request->payload_count++] = (RigPayloadSlice) {line, length};
		}
		line += length + 1;
	}
	return true;
}

static bool
split_payloads(RigRequest *request)
{
	if (rig_has_media_type(request, MEDIA_NDJSON))
	{
		if (request->body.length > (size_t) rig_config.max_body)
		{
			rig_problem_answer(request, RIG_PROBLEM_TOO_LARGE, "Nothing was stored: send fewer lines at a time.");
			return false;
		}
		if (!split_lines(request))
		{
			rig_problem_answer(request, RIG_PROBLEM_TOO_MANY_LINES, "Nothing was stored: send fewer lines at a time.");
			return false;
		}
	}
	else if (request->body.length > 0)
	{
		request->payloads = rig_allocate(sizeof(RigPayloadSlice));
		request->payloads[0] = (RigPayloadSlice) {request->body.data, request->body.length};
		request->payload_count = 1;
	}
	if (request->payload_count > 0)
		return true;
	rig_problem_answer(request, RIG_PROBLEM_EMPTY_BODY, NULL);
	return false;
}

bool
rig_handle_ingest(RigRequest *request)
{
	if (!split_payloads(request))
		return true;
	rig_ingest_queue_submit(request);
	return false;
}

void
rig_ingest_answer(RigRequest *request, const int counts[4], const RigBuffer *errors)
{
	RigBuffer	members = {0};
	int			usable = counts[0] + counts[1] + counts[2];

	rig_buffer_format(&members, "\"accepted\":%d,\"merged\":%d,\"duplicates\":%d,\"rejected\":%d,\"errors\":[",
					  counts[0], counts[1], counts[2], counts[3]);
	rig_buffer_append(&members, errors->data, errors->length);
	rig_buffer_text(&members, "]");
	if (counts[3] > 0 && usable == 0)
	{
		RigBuffer	further = {0};

		rig_buffer_format(&further, ",%s", members.data);
		rig_problem_answer_with(request,
								request->body.length > (size_t) rig_config.max_body ?
								RIG_PROBLEM_TOO_LARGE : RIG_PROBLEM_UNUSABLE,
								"The body is kept as a dead letter.", further.data);
		rig_buffer_release(&further);
	}
	else
	{
		request->response.status = 200;
		request->response.content_type = MEDIA_JSON;
		rig_buffer_format(&request->response.body, "{%s}\n", members.data);
	}
	rig_buffer_release(&members);
}
