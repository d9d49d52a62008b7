#include <string.h>

#include "bearer.h"
#include "config.h"
#include "handlers.h"
#include "ingest_batch.h"
#include "ingest_body.h"
#include "ingest_queue.h"
#include "problem.h"

static void
refuse_token(RigRequest *request, RigProblem problem, const char *detail, const char *members)
{
	rig_problem_answer_with(request, problem, detail, members);
	rig_response_header(&request->response, "WWW-Authenticate", "Bearer realm=\"rigalpha\"%s",
						problem == RIG_PROBLEM_TOKEN_REFUSED ? ", error=\"invalid_token\"" : "");
}

/* Who sends, and whether it shall act once. Cookies do not matter here, nor does the query. */
static void
check_device(RigRequest *request)
{
	const char *key = rig_request_header(request, "Idempotency-Key");
	RigBearerFound found = rig_bearer_read(rig_request_header(request, "Authorization"), &request->token);

	if (found == RIG_BEARER_REFUSED)
		refuse_token(request, RIG_PROBLEM_TOKEN_REFUSED, "Send Authorization: Bearer and the token of the device.", "");
	else if (found == RIG_BEARER_ABSENT && strcmp(rig_config.anonymous_ingest, "on") != 0)
		refuse_token(request, RIG_PROBLEM_TOKEN_REQUIRED, "Send Authorization: Bearer and the token of the device.", "");
	else if (key != NULL && !rig_key_valid(key))
		rig_problem_answer(request, RIG_PROBLEM_BAD_PARAMETER, "Idempotency-Key has 1 to 128 visible ASCII characters.");
	else
		request->idempotency_key = key;
}

void
rig_check_ingest(RigRequest *request)
{
	check_device(request);
	if (request->response.status == 0)
		rig_ingest_body_check(request);
}

void
rig_check_write(RigRequest *request)
{
	request->answer_empty = true;
	check_device(request);
	if (request->response.status == 0)
		rig_ingest_body_check_lines(request);
}

bool
rig_handle_ingest(RigRequest *request)
{
	if (!rig_ingest_body_split(request))
		return true;
	rig_ingest_queue_submit(request);
	return false;
}

/* Answers a request of which nothing was stored. */
static void
answer_refusal(RigRequest *request, const RigIngestRefusal *refusal, const char *members)
{
	if (strncmp(refusal->reason, "token_", strlen("token_")) == 0)
		refuse_token(request, RIG_PROBLEM_TOKEN_REFUSED, "Nothing was stored.", members);
	else if (strcmp(refusal->reason, "key_reused") == 0)
		rig_problem_answer_with(request, RIG_PROBLEM_KEY_REUSED, "Nothing was stored.", members);
	else if (strcmp(refusal->reason, "quota") == 0)
	{
		rig_problem_answer_with(request, RIG_PROBLEM_QUOTA, "Nothing was stored.", members);
		rig_response_header(&request->response, "Retry-After", "%d", refusal->retry_after);
	}
	else if (request->atomic)
		rig_problem_answer_with(request, RIG_PROBLEM_UNUSABLE, "Nothing was stored: the request is atomic.", members);
	else
		rig_problem_answer_with(request,
								request->body.length > (size_t) rig_config.max_body ?
								RIG_PROBLEM_TOO_LARGE : RIG_PROBLEM_UNUSABLE,
								"The body is kept as a dead letter.", members);
}

void
rig_ingest_answer(RigRequest *request, const int counts[4], const RigIngestRefusal *refusal, const RigBuffer *errors)
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
		answer_refusal(request, refusal, further.data);
		rig_buffer_release(&further);
	}
	else if (request->answer_empty && errors->length == 0)
		request->response.status = 204;
	else
	{
		request->response.status = 200;
		request->response.content_type = "application/json";
		rig_buffer_format(&request->response.body, "{%s}\n", members.data);
	}
	rig_buffer_release(&members);
}
