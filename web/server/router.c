#include "router.h"

#include <stdio.h>
#include <string.h>

#include "handlers.h"
#include "problem.h"
#include "workers.h"

#define API "/api/v1"

static const RigRoute ROUTES[] = {
	{"GET", "/healthz", NULL, rig_handle_alive, NULL},
	{"GET", "/readyz", NULL, NULL, rig_handle_ready},
	{"POST", API "/ingest", rig_check_ingest, rig_handle_ingest, NULL},
	{"GET", API "/status", NULL, NULL, rig_handle_status},
	{"GET", API "/machines", NULL, NULL, rig_handle_machines},
	{"GET", API "/machines/{}", NULL, NULL, rig_handle_machine},
	{"GET", API "/machines/{}/sensors", NULL, NULL, rig_handle_machine_sensors},
	{"GET", API "/machines/{}/state", NULL, NULL, rig_handle_machine_state},
	{"GET", API "/machines/{}/readings", NULL, NULL, rig_handle_readings},
	{"GET", API "/machines/{}/incidents", NULL, NULL, rig_handle_machine_incidents},
	{"GET", API "/sensors", NULL, NULL, rig_handle_sensors},
	{"GET", API "/incidents", NULL, NULL, rig_handle_incidents},
	{"GET", API "/models", NULL, NULL, rig_handle_models},
	{"GET", API "/training", NULL, NULL, rig_handle_training},
	{"GET", API "/dead-letters", NULL, NULL, rig_handle_dead_letters},
	{"GET", API "/sources", NULL, NULL, rig_handle_sources},
	{"GET", API "/stream", NULL, rig_handle_stream, NULL},
};

/* Everything outside the API is a file of the page. */
static const RigRoute PAGE = {"GET", "/", NULL, rig_handle_static, NULL};

static bool
method_matches(const RigRoute *route, const char *method)
{
	return strcmp(route->method, method) == 0 ||
		(strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static void
answer_method(RigRequest *request, const RigRoute *route)
{
	rig_response_header(&request->response, "Allow", "%s",
						strcmp(route->method, "GET") == 0 ? "GET, HEAD" : route->method);
	rig_problem_answer(request, RIG_PROBLEM_METHOD, NULL);
}

void
rig_router_resolve(RigRequest *request)
{
	const RigRoute *other_method = NULL;
	const RigUrl *url = &request->url;

	for (size_t i = 0; i < sizeof(ROUTES) / sizeof(ROUTES[0]); i++)
	{
		const RigRoute *route = &ROUTES[i];

		if (!rig_url_match(url, route->pattern, request->captures, RIG_REQUEST_MAX_CAPTURES))
			continue;
		if (method_matches(route, request->method))
		{
			request->route = route;
			return;
		}
		other_method = route;
	}
	if (other_method == NULL && url->segment_count > 0 && strcmp(url->segments[0], "api") == 0)
		rig_problem_answer(request, RIG_PROBLEM_NOT_FOUND, NULL);
	else if (other_method != NULL)
		answer_method(request, other_method);
	else if (!method_matches(&PAGE, request->method))
		answer_method(request, &PAGE);
	else
		request->route = &PAGE;
}

bool
rig_router_run(RigRequest *request)
{
	if (request->route->start != NULL)
		return request->route->start(request);
	rig_workers_submit(request);
	return false;
}
