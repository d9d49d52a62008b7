#include "router.h"

#include <stdio.h>
#include <string.h>

#include "handlers.h"
#include "json_body.h"
#include "problem.h"
#include "workers.h"

#define API "/api/v1"

static const RigRoute ROUTES[] = {
	{"GET", "/healthz", RIG_ACCESS_PUBLIC, .start = rig_handle_alive},
	{"GET", "/readyz", RIG_ACCESS_PUBLIC, .run = rig_handle_ready},
	{"POST", API "/session", RIG_ACCESS_PUBLIC, .check = rig_check_json, .perform = rig_handle_login},
	{"DELETE", API "/session", RIG_ACCESS_OWN, .perform = rig_handle_logout},
	{"GET", API "/me", RIG_ACCESS_OWN, .run = rig_handle_me},
	{"PUT", API "/me/password", RIG_ACCESS_OWN, .check = rig_check_json, .perform = rig_handle_change_password},
	{"PUT", API "/me/second-factor", RIG_ACCESS_USER, .check = rig_check_json, .perform = rig_handle_new_second_factor},
	{"POST", API "/me/second-factor", RIG_ACCESS_USER, .check = rig_check_json, .perform = rig_handle_confirm_second_factor},
	{"DELETE", API "/me/second-factor", RIG_ACCESS_USER, .check = rig_check_json, .perform = rig_handle_remove_second_factor},
	{"POST", API "/ingest", RIG_ACCESS_DEVICE, .check = rig_check_ingest, .start = rig_handle_ingest},
	/* Where clients of InfluxDB write to. */
	{"POST", "/api/v2/write", RIG_ACCESS_DEVICE, .check = rig_check_write, .start = rig_handle_ingest},
	{"GET", API "/sessions", RIG_ACCESS_USER, .run = rig_handle_sessions},
	{"DELETE", API "/sessions", RIG_ACCESS_USER, .run = rig_handle_revoke_other_sessions},
	{"DELETE", API "/sessions/{}", RIG_ACCESS_USER, .run = rig_handle_revoke_session},
	{"GET", API "/users", RIG_ACCESS_USER, .run = rig_handle_users},
	{"POST", API "/users", RIG_ACCESS_USER, .check = rig_check_json, .run = rig_handle_create_user},
	{"PATCH", API "/users/{}", RIG_ACCESS_USER, .check = rig_check_json, .run = rig_handle_change_user},
	{"POST", API "/users/{}/password", RIG_ACCESS_USER, .run = rig_handle_reset_password},
	{"DELETE", API "/users/{}/second-factor", RIG_ACCESS_USER, .run = rig_handle_clear_second_factor},
	{"GET", API "/tokens", RIG_ACCESS_USER, .run = rig_handle_tokens},
	{"POST", API "/tokens", RIG_ACCESS_USER, .check = rig_check_json, .run = rig_handle_issue_token},
	{"DELETE", API "/tokens/{}", RIG_ACCESS_USER, .run = rig_handle_revoke_token},
	{"GET", API "/audit", RIG_ACCESS_USER, .run = rig_handle_audit},
	{"GET", API "/audit/verify", RIG_ACCESS_USER, .run = rig_handle_audit_verify},
	{"GET", API "/audit/checkpoint", RIG_ACCESS_USER, .run = rig_handle_audit_checkpoint},
	{"GET", API "/export.csv", RIG_ACCESS_USER, .run = rig_handle_export},
	{"GET", API "/status", RIG_ACCESS_USER, .run = rig_handle_status},
	{"GET", API "/machines", RIG_ACCESS_USER, .run = rig_handle_machines},
	{"GET", API "/machines/{}", RIG_ACCESS_USER, .run = rig_handle_machine},
	{"GET", API "/machines/{}/sensors", RIG_ACCESS_USER, .run = rig_handle_machine_sensors},
	{"GET", API "/machines/{}/state", RIG_ACCESS_USER, .run = rig_handle_machine_state},
	{"GET", API "/machines/{}/readings", RIG_ACCESS_USER, .run = rig_handle_readings},
	{"GET", API "/machines/{}/incidents", RIG_ACCESS_USER, .run = rig_handle_machine_incidents},
	{"GET", API "/machines/{}/alarms", RIG_ACCESS_USER, .run = rig_handle_machine_alarms},
	{"GET", API "/alarms", RIG_ACCESS_USER, .run = rig_handle_alarms},
	{"POST", API "/alarms/{}/ack", RIG_ACCESS_USER, .check = rig_check_json, .run = rig_handle_ack_alarm},
	{"POST", API "/alarms/{}/clear", RIG_ACCESS_USER, .check = rig_check_json, .run = rig_handle_clear_alarm},
	{"POST", API "/alarms/{}/reopen", RIG_ACCESS_USER, .check = rig_check_json, .run = rig_handle_reopen_alarm},
	{"GET", API "/thresholds", RIG_ACCESS_USER, .run = rig_handle_thresholds},
	{"PUT", API "/thresholds", RIG_ACCESS_USER, .check = rig_check_json, .run = rig_handle_put_threshold},
	{"DELETE", API "/thresholds", RIG_ACCESS_USER, .check = rig_check_json, .run = rig_handle_delete_threshold},
	{"GET", API "/sensors", RIG_ACCESS_USER, .run = rig_handle_sensors},
	{"GET", API "/incidents", RIG_ACCESS_USER, .run = rig_handle_incidents},
	{"GET", API "/models", RIG_ACCESS_USER, .run = rig_handle_models},
	{"GET", API "/training", RIG_ACCESS_USER, .run = rig_handle_training},
	{"GET", API "/dead-letters", RIG_ACCESS_USER, .run = rig_handle_dead_letters},
	{"GET", API "/sources", RIG_ACCESS_USER, .run = rig_handle_sources},
	{"GET", API "/stream", RIG_ACCESS_USER, .run = rig_handle_stream},
};

/* Everything outside the API is a file of the page. */
static const RigRoute PAGE = {"GET", "/", RIG_ACCESS_PUBLIC, .start = rig_handle_static};

static bool
method_matches(const RigRoute *route, const char *method)
{
	return strcmp(route->method, method) == 0 ||
		(strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* The methods of all routes with the pattern, for 405. */
static void
answer_method(RigRequest *request, const RigRoute *routes, size_t count, const char *pattern)
{
	char		allow[64] = "";

	for (size_t i = 0; i < count; i++)
	{
		if (strcmp(routes[i].pattern, pattern) != 0)
			continue;
		snprintf(allow + strlen(allow), sizeof(allow) - strlen(allow), "%s%s%s", *allow != '\0' ? ", " : "",
				 routes[i].method, strcmp(routes[i].method, "GET") == 0 ? ", HEAD" : "");
	}
	rig_response_header(&request->response, "Allow", "%s", allow);
	rig_problem_answer(request, RIG_PROBLEM_METHOD, NULL);
}

void
rig_router_resolve(RigRequest *request)
{
	const size_t count = sizeof(ROUTES) / sizeof(ROUTES[0]);
	const RigRoute *other_method = NULL;
	const RigUrl *url = &request->url;

	for (size_t i = 0; i < count; i++)
	{
		const RigRoute *route = &ROUTES[i];

		if (!rig_url_match(url, route->pattern, request->captures, RIG_REQUEST_MAX_CAPTURES))
			continue;
		if (method_matches(route, request->method))
		{
			request->route = route;
			return;
		}
		if (other_method == NULL)
			other_method = route;
	}
	if (other_method == NULL && url->segment_count > 0 && strcmp(url->segments[0], "api") == 0)
		rig_problem_answer(request, RIG_PROBLEM_NOT_FOUND, NULL);
	else if (other_method != NULL)
		answer_method(request, ROUTES, count, other_method->pattern);
	else if (!method_matches(&PAGE, request->method))
		answer_method(request, &PAGE, 1, PAGE.pattern);
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

void
rig_router_print(FILE *out)
{
	static const char *const access[] = {
		[RIG_ACCESS_PUBLIC] = "public",
		[RIG_ACCESS_USER] = "user",
		[RIG_ACCESS_OWN] = "own",
		[RIG_ACCESS_DEVICE] = "device",
	};

	for (size_t i = 0; i < sizeof(ROUTES) / sizeof(ROUTES[0]); i++)
		fprintf(out, "%s %s %s\n", ROUTES[i].method, ROUTES[i].pattern, access[ROUTES[i].access]);
	fprintf(out, "%s %s %s\n", PAGE.method, PAGE.pattern, access[PAGE.access]);
}
