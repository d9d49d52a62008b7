#include "handlers.h"
#include "problem.h"
#include "sse_feed.h"
#include "sse_hub.h"
#include "visible_machines.h"

bool
rig_handle_stream(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	RigMachineList visible = {0};
	RigProblem	problem;

	if (!rig_visible_machines(database, &request->identity, &visible, failure))
		return false;
	request->stream = rig_sse_hub_join(request, &visible, rig_request_header(request, "Last-Event-ID"), &problem);
	rig_machine_list_release(&visible);
	if (request->stream == NULL)
	{
		rig_problem_answer(request, problem, NULL);
		return true;
	}
	request->response.status = 200;
	request->response.content_type = "text/event-stream; charset=utf-8";
	rig_response_header(&request->response, "X-Accel-Buffering", "no");
	rig_sse_feed_wake();
	return true;
}
