#include "handlers.h"
#include "problem.h"
#include "sse_feed.h"
#include "sse_hub.h"

bool
rig_handle_stream(RigRequest *request)
{
	request->stream = rig_sse_hub_join(request, rig_request_header(request, "Last-Event-ID"));
	if (request->stream == NULL)
	{
		rig_problem_answer(request, RIG_PROBLEM_TOO_MANY_STREAMS, NULL);
		return true;
	}
	request->response.status = 200;
	request->response.content_type = "text/event-stream; charset=utf-8";
	rig_response_header(&request->response, "X-Accel-Buffering", "no");
	rig_sse_feed_wake();
	return true;
}
