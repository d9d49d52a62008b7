#include "administration.h"
#include "handlers.h"
#include "parameters.h"
#include "problem.h"

#include <string.h>

#define ALARMS_DEFAULT 100
#define ALARMS_MAX 1000

static const RigStatement ALARMS = {
	"alarms", "SELECT rigalpha_api.alarm_page($1, $2, $3::bigint, $4::integer)", 4
};
static const RigStatement ACK_ALARM = {"ack_alarm", "SELECT rigalpha_api.act_on_alarm($1::bigint, 'ack', $2::json)", 2};
static const RigStatement CLEAR_ALARM = {
	"clear_alarm", "SELECT rigalpha_api.act_on_alarm($1::bigint, 'clear', $2::json)", 2
};
static const RigStatement REOPEN_ALARM = {
	"reopen_alarm", "SELECT rigalpha_api.act_on_alarm($1::bigint, 'reopen', $2::json)", 2
};
static const RigStatement THRESHOLDS = {"thresholds", "SELECT rigalpha_api.thresholds()", 0};
static const RigStatement PUT_THRESHOLD = {"put_threshold", "SELECT rigalpha_api.put_threshold($1::json)", 1};
static const RigStatement DELETE_THRESHOLD = {"delete_threshold", "SELECT rigalpha_api.delete_threshold($1::json)", 1};

static bool
answer_alarms(RigRequest *request, RigDatabase *database, const char *machine, RigFailure *failure)
{
	char		limit[RIG_PARAMETER_SIZE];
	const char *state = rig_url_parameter(&request->url, "state");
	const char *values[] = {machine, state != NULL && *state != '\0' ? state : NULL, NULL, limit};

	if (machine != NULL && *machine == '\0')
		values[0] = NULL;
	if (!rig_parameter_number(request, "before", INT64_MAX, &values[2]) ||
		!rig_parameter_limit(request, ALARMS_DEFAULT, ALARMS_MAX, limit))
		return true;
	return rig_administration_json(request, database, &ALARMS, values, 200, failure);
}

bool
rig_handle_alarms(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return answer_alarms(request, database, rig_url_parameter(&request->url, "machine"), failure);
}

bool
rig_handle_machine_alarms(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return answer_alarms(request, database, request->captures[0], failure);
}

/* What is no number names no alarm. */
static bool
act(RigRequest *request, RigDatabase *database, const RigStatement *statement, RigFailure *failure)
{
	const char *id = request->captures[0];
	size_t		digits = strspn(id, "0123456789");
	const char *values[2] = {id, NULL};

	if (digits == 0 || digits > 18 || id[digits] != '\0')
	{
		rig_problem_answer(request, RIG_PROBLEM_NOT_FOUND, NULL);
		return true;
	}
	values[1] = rig_administration_body(request);
	return values[1] == NULL || rig_administration_act(request, database, statement, values, failure);
}

bool
rig_handle_ack_alarm(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return act(request, database, &ACK_ALARM, failure);
}

bool
rig_handle_clear_alarm(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return act(request, database, &CLEAR_ALARM, failure);
}

bool
rig_handle_reopen_alarm(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return act(request, database, &REOPEN_ALARM, failure);
}

bool
rig_handle_thresholds(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_administration_json(request, database, &THRESHOLDS, NULL, 200, failure);
}

bool
rig_handle_put_threshold(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	const char *document = rig_administration_body(request);

	return document == NULL || rig_administration_json(request, database, &PUT_THRESHOLD, &document, 200, failure);
}

bool
rig_handle_delete_threshold(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	const char *document = rig_administration_body(request);

	return document == NULL || rig_administration_act(request, database, &DELETE_THRESHOLD, &document, failure);
}
